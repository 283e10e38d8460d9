"""People and the plates of vehicles made unrecognisable: averaged to a few blocks, which cannot be undone."""

from __future__ import annotations

import cv2
import numpy as np

from vision.detections import VEHICLES, Detections
from vision.frames import Pixels, check_image

MARGIN = 0.15
"""Share of its size by which a person's box is widened on each side: boxes are too tight at times."""
BLOCKS = 4
"""A redacted region keeps at most this many blocks along its longer side."""
LEAST_BLOCK_PX = 4
PLATE_FROM = 0.5
"""A vehicle is redacted from this share of its height down: plates sit low, at either end."""


def redact(image: Pixels, detections: Detections) -> Pixels:
    """A copy in which every person and every vehicle's lower part is averaged to coarse blocks.

    Boxes of any score are taken: one too many hides a bit of street, one too few shows a face.
    """
    check_image(image)
    result = image.copy()
    for index in range(len(detections)):
        name = detections.name(index)
        left, top, right, bottom = (float(v) for v in detections.boxes[index])
        if name == "person":
            x, y = MARGIN * (right - left), MARGIN * (bottom - top)
            _coarsen(result, left - x, top - y, right + x, bottom + y)
        elif name in VEHICLES or name == "van":
            _coarsen(result, left, top + PLATE_FROM * (bottom - top), right, bottom)
    return result


def _coarsen(image: Pixels, left: float, top: float, right: float, bottom: float) -> None:
    """Replace a region by the means of its blocks, in place. The means are all that is left of it."""
    h, w = image.shape[:2]
    x0, y0 = max(0, int(np.floor(left))), max(0, int(np.floor(top)))
    x1, y1 = min(w, int(np.ceil(right))), min(h, int(np.ceil(bottom)))
    if x1 <= x0 or y1 <= y0:
        return
    block = max(LEAST_BLOCK_PX, int(np.ceil(max(x1 - x0, y1 - y0) / BLOCKS)))
    columns, rows = max(1, round((x1 - x0) / block)), max(1, round((y1 - y0) / block))
    region = image[y0:y1, x0:x1]
    coarse = cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA)
    image[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
