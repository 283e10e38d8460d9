"""A second cue for fire: the colour of flames.

A flame is brightest in red, then green, then blue, by a wide margin (the rule of Celik and Demirel 2009, with
fixed thresholds). Alone it takes awnings and jackets for fire; with a weak detection it settles the matter.
"""

from __future__ import annotations

import numpy as np

from vision.detections import Detections
from vision.frames import Pixels
from vision.rules import FlameRules


def flame_share(image: Pixels, box: tuple[float, float, float, float]) -> float:
    """Share of the pixels in a box (left, top, right, bottom) of an RGB picture that look like flames.

    >>> flame_share(np.full((4, 4, 3), (250, 170, 40), np.uint8), (0, 0, 4, 4))
    1.0
    >>> flame_share(np.full((4, 4, 3), (120, 120, 120), np.uint8), (0, 0, 4, 4))
    0.0
    """
    left, top, right, bottom = (round(side) for side in box)
    part = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)].astype(np.int16)
    if not part.size:
        return 0.0
    red, green, blue = part[..., 0], part[..., 1], part[..., 2]
    flame = (red > 190) & (red > green + 10) & (green > blue + 25) & (red > blue + 90)
    return float(flame.mean())


def with_flames(image: Pixels, found: Detections, rules: FlameRules) -> Detections:
    """The detections, with fire that looks like flames scored higher: two cues that err independently."""
    if "fire" not in found.names:
        return found
    fires = np.flatnonzero(found.classes == list(found.names).index("fire"))
    scores = found.scores.copy()
    for index in fires:
        left, top, right, bottom = found.boxes[index].tolist()
        if flame_share(image, (left, top, right, bottom)) >= rules.share:
            scores[index] = 1 - (1 - scores[index]) * (1 - rules.belief)
    return Detections(found.boxes, scores, found.classes, found.names)
