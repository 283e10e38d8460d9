"""What datasets of all formats have in common: an image and what is in it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.errors import DatasetInvalid

Boxes = NDArray[np.float32]

IGNORE = "-"
"""A dataset class that is neither to be found nor wrong to find; ``-car`` is that for cars alone, a crowd."""
IGNORED_NAMES = frozenset({"ignoredregions", "ignoredregion", "ignored", "ignore", "dontcare"})
"""What datasets call it, without capitals and blanks."""
OVERHANG = 0.1
"""A box may reach so far over the border of its image, as a share of it; farther, it is a mistake."""
GROUND_FILE = "ground.json"
"""File of a dataset that says how many metres of ground a pixel of each image spans: ``{"a.jpg": 0.05}``."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image and what is in it.

    boxes: shares of the image: left, top, right, bottom. metres_per_pixel: of the ground, None where unknown.
    size: width and height that the labels were made for, pixels; None where they do not say.
    """

    image: Path
    names: list[str]
    boxes: Boxes
    metres_per_pixel: float | None = None
    size: tuple[int, int] | None = None


def plain_name(name: str) -> str:
    """A class name without capitals, blanks and strokes, by which names are compared.

    >>> plain_name("Awning-tricycle") == plain_name("awning tricycle")
    True
    """
    if name.startswith(IGNORE):
        return IGNORE + plain_name(name[1:]) if len(name) > 1 else IGNORE
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def within(
    shares: tuple[float, float, float, float], overhang: float = OVERHANG
) -> tuple[float, float, float, float] | None:
    """The part of a box that lies in its image; None where it lies outside, or reaches out too far.

    >>> within((-0.05, 0.5, 0.5, 1.0)), within((1.0, 0.0, 1.05, 0.5)), within((0.5, 0.5, 1.5, 1.0))
    ((0.0, 0.5, 0.5, 1.0), None, None)
    """
    if min(shares) < -overhang or max(shares) > 1 + overhang:
        return None
    left, top, right, bottom = (min(max(share, 0.0), 1.0) for share in shares)
    return (left, top, right, bottom) if right > left and bottom > top else None


def read_ground(root: Path) -> dict[str, float]:
    """Metres a pixel by image, as ``GROUND_FILE`` of a dataset has them; empty without the file."""
    file = root / GROUND_FILE
    if not file.is_file():
        return {}
    content = read_json(file)
    if not isinstance(content, dict) or not all(is_length(value) for value in content.values()):
        raise DatasetInvalid(f'{file}: must give each image its metres a pixel, like {{"a.jpg": 0.05}}')
    return {str(name): float(value) for name, value in content.items()}


def is_length(value: object) -> bool:
    """Whether it is a number of metres above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def read_json(file: Path) -> Any:
    """The content of a file.

    Raises:
        DatasetInvalid: it is no JSON.
    """
    try:
        return json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DatasetInvalid(f"{file}: cannot be read as JSON ({error})") from error
