"""Look at ground, not at frames: parts and resolutions in which a person spans enough pixels.

How many pixels a person spans follows from the camera and the pose. Near ground needs fewer pixels than the
picture has, far ground more; sky needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array
from vision.camera import Pose
from vision.detections import Detections
from vision.detector import FrameDetector
from vision.errors import VisionError
from vision.frames import Pixels, check_image
from vision.ground import GroundView
from vision.tiles import Tile, cut_by, find_in_part, merge

PERSON_M = 0.5
"""Width of a person seen from above."""
WANTED_PX = 16.0
"""What a person should span in the network's input. In frames of the town people are found at 0.68 AP50 where
they span 9 px, at 0.80 enlarged to 13 px and at 0.81 to 18 px (trials of ``vision.training.judge``)."""
LEAST_PX = 5.0
"""What a person must span in the camera's own pixels: below that, enlarging shows nothing more."""
SCALES = (0.25, 2.0)
INPUT_PX = (1280, 736)
CELLS = (32, 18)
KEEP_WASTE = 0.1
"""A division of the picture is kept from frame to frame while it is no further than this from a new one."""
MARGIN = 1.5
"""Each part reaches so many widths of a person beyond its cells: neighbours overlap by twice that."""
CAR_MARGIN = 4.5
"""The same so that a car of 4.5 m that two parts share is whole in one of them."""


class PeopleTooSmall(VisionError, ValueError):
    """No part of the picture shows ground near enough to find a person on it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A part of a picture (in its pixels) and the scale that it is to be looked at with.

    person_px: the least that a person spans then, in the network's input. cells: left, top, right, bottom of
    the ``CELLS`` of the picture that it is for. overlap_px: what is no larger (in the picture's pixels) is
    whole in this part or in a neighbour.
    """

    part: Tile
    scale: float
    person_px: float
    cells: Tile
    overlap_px: float

    @property
    def cost_px(self) -> float:
        """Pixels that the network sees."""
        left, top, right, bottom = self.part
        return (right - left) * (bottom - top) * self.scale**2


def person_pixels(view: GroundView, pose: Pose, person_m: float = PERSON_M) -> Array:
    """What a person spans in the camera's pixels, by cell: (rows, columns), NaN where there is no ground."""
    columns, rows = CELLS
    places = view.place(pose, cell_middles(view.camera.width_px, view.camera.height_px))
    with np.errstate(invalid="ignore"):
        spans = person_m / view.metres_per_pixel(pose, places)
    return np.asarray(spans.reshape(rows, columns))


def cell_middles(width: int, height: int, times: int = 1) -> Array:
    """Pixels (N, 2) in the middles of the ``CELLS`` of a picture, each divided ``times`` each way."""
    columns, rows = (n * times for n in CELLS)
    x = (np.arange(columns) + 0.5) * width / columns
    y = (np.arange(rows) + 0.5) * height / rows
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def plan_looks(
    view: GroundView,
    pose: Pose,
    *,
    person_m: float = PERSON_M,
    wanted_px: float = WANTED_PX,
    least_px: float = LEAST_PX,
    input_px: tuple[int, int] = INPUT_PX,
    margin: float = MARGIN,
    before: Sequence[Look] = (),
) -> list[Look]:
    """The parts of a picture to look at, each as finely as its farthest ground asks for.

    They are as few as fit the network's input. Parts without ground, or whose ground is so far
    that a person spans less than ``least_px``, are left out.

    Args:
        input_px: width and height of the largest part, as the network sees it. margin: widths of a person
            that a part reaches beyond its cells. before: looks of the frame before, whose parts are kept
            where they still serve.

    Raises:
        PeopleTooSmall: nothing is left; the message says why and what would help.
    """
    spans = person_pixels(view, pose, person_m)
    near = np.isfinite(spans) & (spans >= least_px)
    if not near.any():
        raise PeopleTooSmall(_why(view, pose, spans, person_m, least_px))
    spans = np.where(near, spans, np.nan)
    size = (view.camera.width_px, view.camera.height_px)
    return _Planner(spans, size, wanted_px, input_px, margin).plan(before)


def plan_picture(
    width: int, height: int, *, input_px: tuple[int, int] = INPUT_PX, margin: float = MARGIN
) -> list[Look]:
    """The parts of a picture of which no pose is known: all of it, as fine as it is.

    A person is taken to span ``WANTED_PX``, for the overlap of neighbours.
    """
    spans = np.full(CELLS[::-1], WANTED_PX)
    return _Planner(spans, (width, height), WANTED_PX, input_px, margin).plan(())


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


@dataclass(frozen=True, slots=True)
class _Planner:
    """Divides a picture into parts that fit. spans: pixels of a person by cell, NaN where none is sought."""

    spans: Array
    size: tuple[int, int]
    wanted_px: float
    input_px: tuple[int, int]
    margin: float

    def plan(self, before: Sequence[Look]) -> list[Look]:
        """The division of the frame before, where it is as good as a new one."""
        looks = [self.look(cells) for cells in self._divide()]
        if not before or len(before) > len(looks) * (1 + KEEP_WASTE) or not self._covers(before):
            return looks
        kept = [self.look(look.cells) for look in before if self._sought(look.cells)]
        return kept if all(self._size(look.cells) <= 1 + KEEP_WASTE for look in kept) else looks

    def look(self, cells: Tile) -> Look:
        """The look for these cells, as finely as fits."""
        least, _ = self._range(cells)
        scale = self._scale(least)
        scale = min(scale, scale / self._size(cells))
        return Look(self._part(cells), scale, scale * least, cells, 2 * self.margin * least)

    def _divide(self) -> Iterator[Tile]:
        """Bands as high as fit, each in as few and equal columns as fit."""
        columns, rows = CELLS
        top = 0
        while top < rows:
            bottom = top + 1
            if self._sought((0, top, columns, bottom)):
                while bottom < rows and self._size((0, top, columns, bottom + 1), axes=(1,)) <= 1:
                    bottom += 1
                yield from self._columns(top, bottom)
            top = bottom

    def _columns(self, top: int, bottom: int) -> Iterator[Tile]:
        sought = np.flatnonzero(np.isfinite(self.spans[top:bottom]).any(axis=0))
        first, last = int(sought[0]), int(sought[-1]) + 1
        for count in range(1, last - first + 1):
            sides = [round(first + i * (last - first) / count) for i in range(count + 1)]
            parts = [(left, top, right, bottom) for left, right in pairwise(sides)]
            parts = [cells for cells in parts if self._sought(cells)]
            if count == last - first or all(self._size(cells) <= 1 for cells in parts):
                yield from parts
                return

    def _covers(self, before: Sequence[Look]) -> bool:
        left_over = np.isfinite(self.spans)
        for look in before:
            left, top, right, bottom = look.cells
            left_over[top:bottom, left:right] = False
        return not left_over.any()

    def _sought(self, cells: Tile) -> bool:
        left, top, right, bottom = cells
        return bool(np.isfinite(self.spans[top:bottom, left:right]).any())

    def _range(self, cells: Tile) -> tuple[float, float]:
        left, top, right, bottom = cells
        inside = self.spans[top:bottom, left:right]
        return float(np.nanmin(inside)), float(np.nanmax(inside))

    def _scale(self, least: float) -> float:
        return float(np.clip(self.wanted_px / least, *SCALES))

    def _size(self, cells: Tile, axes: tuple[int, ...] = (0, 1)) -> float:
        """How many times larger than the network's input these cells are, or 1 where they fit."""
        scale, part = self._scale(self._range(cells)[0]), self._part(cells)
        return max(1.0, *((part[i + 2] - part[i]) * scale / self.input_px[i] for i in axes))

    def _part(self, cells: Tile) -> Tile:
        """Cells in pixels, wider by the margin on each inner side."""
        (width, height), (columns, rows) = self.size, CELLS
        margin_px = self.margin * self._range(cells)[1]
        return (
            max(0, round(cells[0] * width / columns - margin_px)),
            max(0, round(cells[1] * height / rows - margin_px)),
            min(width, round(cells[2] * width / columns + margin_px)),
            min(height, round(cells[3] * height / rows + margin_px)),
        )


def look_at(detector: FrameDetector, image: Pixels, looks: Sequence[Look]) -> Detections:
    """What a detector finds in the parts of an image, as one; in the pixels of the image, best score first.

    A box that ends at the inner border of a part is left to the neighbour that shows the thing whole; one too
    large for that stays, and gives way to a better one.
    """
    h, w = check_image(image).shape[:2]
    parts, cuts = [], []
    for look in looks:
        found = find_in_part(detector, image, look.part, look.scale)
        cut = cut_by(found.boxes, look.part, w, h)
        kept = ~cut | (longer_sides(found.boxes) > look.overlap_px)
        parts.append(found.select(kept))
        cuts.append(cut[kept])
    return merge(parts, cuts, detector.names)


def longer_sides(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The longer side of each box (N, 4), pixels (N,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0))
