"""Look at ground, not at frames: parts and resolutions in which a person spans enough pixels.

How many pixels a person spans follows from the camera and the pose. Near ground needs fewer pixels than the
picture has, far ground more; sky needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from missions.geodesy import Array
from vision.camera import Pose
from vision.detections import Detections
from vision.detector import FrameDetector
from vision.errors import VisionError
from vision.frames import Pixels, check_image
from vision.ground import GroundView
from vision.heads import suppress
from vision.tiles import MERGE_IOU, Tile, cut_by, find_in_part

PERSON_M = 0.5
"""Width of a person seen from above."""
WANTED_PX = 16.0
"""What a person should span in the network's input. In frames of the town people are found at 0.68 AP50 where
they span 9 px, at 0.80 enlarged to 13 px and at 0.81 to 18 px (trials of ``vision.training.judge``)."""
LEAST_PX = 5.0
"""What a person must span in the camera's own pixels: below that, enlarging shows nothing more."""
SCALES = (0.25, 2.0)
INPUT_PX = (1280, 736)
CELLS = (16, 9)
MARGIN = 1.5
"""Neighbouring parts overlap by so many widths of a standing person."""


class PeopleTooSmall(VisionError, ValueError):
    """No part of the picture shows ground near enough to find a person on it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A part of a picture (in its pixels) and the scale that it is to be looked at with.

    person_px: the least that a person spans then, in the network's input.
    """

    part: Tile
    scale: float
    person_px: float

    @property
    def cost_px(self) -> float:
        """Pixels that the network sees."""
        left, top, right, bottom = self.part
        return (right - left) * (bottom - top) * self.scale**2


def person_pixels(view: GroundView, pose: Pose, person_m: float = PERSON_M) -> Array:
    """What a person spans in the camera's pixels, by cell: (rows, columns), NaN where there is no ground."""
    columns, rows = CELLS
    x = (np.arange(columns) + 0.5) * view.camera.width_px / columns
    y = (np.arange(rows) + 0.5) * view.camera.height_px / rows
    pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    places = view.place(pose, pixels)
    with np.errstate(invalid="ignore"):
        spans = person_m / view.metres_per_pixel(pose, places)
    return np.asarray(spans.reshape(rows, columns))


def plan_looks(
    view: GroundView,
    pose: Pose,
    *,
    person_m: float = PERSON_M,
    wanted_px: float = WANTED_PX,
    least_px: float = LEAST_PX,
) -> list[Look]:
    """The parts of a picture to look at, each as finely as its farthest ground asks for.

    A part that would not fit the network's input is halved. Parts without ground, or whose ground is so far
    that a person spans less than ``least_px``, are left out.

    Raises:
        PeopleTooSmall: nothing is left; the message says why and what would help.
    """
    spans = person_pixels(view, pose, person_m)
    near = np.isfinite(spans) & (spans >= least_px)
    if not near.any():
        raise PeopleTooSmall(_why(view, pose, spans, person_m, least_px))
    spans = np.where(near, spans, np.nan)
    looks: list[Look] = []
    _cover((0, 0, CELLS[0], CELLS[1]), spans, view, wanted_px, looks)
    return looks


def _why(view: GroundView, pose: Pose, spans: Array, person_m: float, least_px: float) -> str:
    if not np.isfinite(spans).any():
        return "the camera sees no ground within reach: point it lower"
    best = float(np.nanmax(spans))
    origin = pose.position_in(view.frame)
    height = float(origin[2] - view.heights(origin[None, :2])[0])
    return (
        f"from {height:.0f} m a person {person_m:g} m wide spans {best:.1f} px of the camera "
        f"{view.camera.name}, {least_px:g} are needed: fly at {height * best / least_px:.0f} m or below, "
        "or use a longer lens"
    )


def _cover(
    cells: tuple[int, int, int, int], spans: Array, view: GroundView, wanted_px: float, looks: list[Look]
) -> None:
    left, top, right, bottom = cells
    inside = spans[top:bottom, left:right]
    if not np.isfinite(inside).any():
        return
    least = float(np.nanmin(inside))
    scale = float(np.clip(wanted_px / least, *SCALES))
    part = _with_margin(cells, view, float(np.nanmax(inside)))
    wide, high = (part[2] - part[0]) * scale / INPUT_PX[0], (part[3] - part[1]) * scale / INPUT_PX[1]
    one_cell = right - left == 1 and bottom - top == 1
    if max(wide, high) <= 1 or one_cell:
        looks.append(Look(part, min(scale, scale / max(wide, high, 1.0)), scale * least))
        return
    if (wide >= high and right - left > 1) or bottom - top == 1:
        middle = (left + right) // 2
        halves = [(left, top, middle, bottom), (middle, top, right, bottom)]
    else:
        middle = (top + bottom) // 2
        halves = [(left, top, right, middle), (left, middle, right, bottom)]
    for half in halves:
        _cover(half, spans, view, wanted_px, looks)


def _with_margin(cells: tuple[int, int, int, int], view: GroundView, person_px: float) -> Tile:
    """A part in pixels, wider by a standing person on each inner side."""
    width, height = view.camera.width_px, view.camera.height_px
    margin = MARGIN * person_px
    left, right = (cells[i] * width / CELLS[0] for i in (0, 2))
    top, bottom = (cells[i] * height / CELLS[1] for i in (1, 3))
    return (
        max(0, round(left - margin)),
        max(0, round(top - margin)),
        min(width, round(right + margin)),
        min(height, round(bottom + margin)),
    )


def look_at(detector: FrameDetector, image: Pixels, looks: Sequence[Look]) -> Detections:
    """What a detector finds in the parts of an image, as one; in the pixels of the image, best score first.

    A box that ends at the inner border of a part is left to the neighbour that shows the thing whole.
    """
    h, w = check_image(image).shape[:2]
    parts = []
    for look in looks:
        moved = find_in_part(detector, image, look.part, look.scale)
        parts.append(moved.select(~cut_by(moved.boxes, look.part, w, h)))
    if not parts:
        return Detections.empty(detector.names)
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    classes = np.concatenate([part.classes for part in parts])
    kept = suppress(boxes, scores, classes, MERGE_IOU)
    return Detections(boxes[kept], scores[kept], classes[kept], detector.names)
