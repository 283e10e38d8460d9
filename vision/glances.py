"""The eye for pictures far larger than the network's input: a few parts of each, chosen by what is known.

``RotaDetector`` is told what the flight knows of a frame (pose, tracks), looks where ``TileRota`` says, and
tells where it has looked, so that nobody takes for vanished what it has not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from shapely import contains_xy, union_all

from missions.geodesy import Array, LocalFrame
from missions.zones import Zones
from vision.camera import Pose
from vision.detections import Detections
from vision.detector import FrameDetector
from vision.frames import Pixels, check_image
from vision.ground import GroundView
from vision.looks import (
    CAR_MARGIN,
    CELLS,
    INPUT_PX,
    Look,
    PeopleTooSmall,
    cell_middles,
    longer_sides,
    look_at,
    plan_looks,
    plan_picture,
)
from vision.tile_rota import FAR, SAMPLES_A_CELL, HazardPrior, RotaRules, TileRota, Turn
from vision.tiles import Tile, cut_by, merge

logger = logging.getLogger(__name__)

WATCHED_ZONES = ("no_parking", "market", "square", "school_gate", "bus_stop")
LARGE = 1.5
"""A picture so many times larger than the network's input is looked at in parts."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a flight knows of a frame before looking at it.

    expected: boxes (N, 4) in the frame's pixels where followed things should be. worth: of each, (N,).
    """

    seconds: float
    pose: Pose | None = None
    view: GroundView | None = None
    expected: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    worth: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Looked:
    """Where a picture was looked at.

    size: its width and height. looks: the parts. others: parts that were left for another frame. far: whether
    the whole picture was looked at as well, for what lies in no part.
    """

    size: tuple[int, int]
    looks: tuple[Look, ...]
    others: tuple[Look, ...] = ()
    far: bool = False

    def holds(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which things in boxes (N, 4) would have been found, had they been there.

        A thing must lie whole in a part; one too large for that, with its middle.
        """
        held = self._in_parts(boxes, self.looks)
        return held | ~(held | self._in_parts(boxes, self.others)) if self.far else held

    def shows(self, pixels: Array) -> NDArray[np.bool_]:
        """Which pixels (N, 2) lie in a part, and so were looked at finely enough for people."""
        shown = np.zeros(len(pixels), np.bool_)
        for look in self.looks:
            shown |= _inside(pixels, look.part)
        return shown

    def _in_parts(self, boxes: NDArray[np.float32], looks: Sequence[Look]) -> NDArray[np.bool_]:
        inside = np.zeros(len(boxes), np.bool_)
        middles = np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, float)
        sides = longer_sides(boxes)
        for look in looks:
            whole = ~cut_by(boxes, look.part, *self.size)
            here = _inside(middles, look.part)
            inside |= here & (whole | (sides > look.overlap_px))
        return inside


@dataclass(frozen=True, slots=True)
class Glance:
    """What was found in a frame. looked: None when all of it was looked at."""

    detections: Detections
    looked: Looked | None = None
    turn: Turn | None = None


@runtime_checkable
class AimedDetector(FrameDetector, Protocol):
    """A detector that looks where it is worth while."""

    def glance(self, image: Pixels, scene: Scene) -> Glance:
        """What is found in ``image``, uint8 (H, W, 3) RGB, and where it was looked for."""
        ...


class RotaDetector:
    """Looks at a few parts of large pictures, and at the whole of others. One for each flight.

    Args:
        input_px: width and height of the largest part as the network sees it.

    Attributes:
        frames, parts, looked_at: frames that were looked at in parts, their parts, and those looked at.
        longest_wait_frames: the longest that a part of the picture may have had to wait (``revisit_frames``).
        refusal: why no part shows people large enough, of the newest such frame; empty where there was none.
    """

    def __init__(
        self,
        detector: FrameDetector,
        rota: TileRota | None = None,
        *,
        input_px: tuple[int, int] = INPUT_PX,
    ) -> None:
        self.names: Sequence[str] = detector.names
        self.thresholds: Mapping[str, float] = getattr(detector, "thresholds", {})
        self.frames = self.parts = self.looked_at = self.longest_wait_frames = 0
        self.refusal = ""
        self._before: list[Look] = []
        self._detector, self._rota, self._input_px = detector, rota or TileRota(), input_px

    def detect(self, image: Pixels) -> Detections:
        """Every part of one picture, as fine as it is; boxes in its pixels, best score first."""
        h, w = check_image(image).shape[:2]
        if not self._large(w, h):
            return self._detector.detect(image)
        return look_at(self._detector, image, plan_picture(w, h, input_px=self._input_px, margin=CAR_MARGIN))

    def glance(self, image: Pixels, scene: Scene) -> Glance:
        """The parts whose turn it is. A picture that is not large is looked at as a whole."""
        h, w = check_image(image).shape[:2]
        if not self._large(w, h):
            return Glance(self._detector.detect(image))
        looks, far = self._plan(w, h, scene)
        turn = self._rota.turn(
            looks, scene.seconds, far=far is not None, followed=_followed(scene, w, h),
            ground=_ground(scene, w, h),
        )  # fmt: skip
        chosen = [looks[i] for i in turn.chosen if i != FAR]
        found = look_at(self._detector, image, chosen)
        if FAR in turn.chosen:
            found = merge([found, self._beyond(image, looks)], names=self.names)
        self.frames += 1
        self.parts += turn.parts
        self.looked_at += len(turn.chosen)
        self.longest_wait_frames = max(self.longest_wait_frames, turn.revisit_frames)
        others = tuple(look for i, look in enumerate(looks) if i not in turn.chosen)
        return Glance(found, Looked((w, h), tuple(chosen), others, FAR in turn.chosen), turn)

    # -- inside --------------------------------------------------------------------------------------------

    def _large(self, width: int, height: int) -> bool:
        return max(width / self._input_px[0], height / self._input_px[1]) > LARGE

    def _plan(self, width: int, height: int, scene: Scene) -> tuple[list[Look], bool]:
        """The parts, and whether they leave something out that a look at the whole picture shows."""
        if scene.pose is None or scene.view is None:
            return plan_picture(width, height, input_px=self._input_px, margin=CAR_MARGIN), False
        try:
            looks = plan_looks(
                scene.view, scene.pose, input_px=self._input_px, margin=CAR_MARGIN, before=self._before
            )
        except PeopleTooSmall as error:
            if not self.refusal:
                logger.warning("people cannot be found: %s", error)
            self.refusal = str(error)
            return [], True
        held = sum((k.cells[2] - k.cells[0]) * (k.cells[3] - k.cells[1]) for k in looks)
        self._before = looks
        return looks, held < CELLS[0] * CELLS[1]

    def _beyond(self, image: Pixels, looks: Sequence[Look]) -> Detections:
        """What a look at the whole picture finds where no part is."""
        found = self._detector.detect(image)
        middles = np.asarray((found.boxes[:, :2] + found.boxes[:, 2:]) / 2, float)
        beyond = np.ones(len(found), np.bool_)
        for look in looks:
            beyond &= ~_inside(middles, look.part)
        return found.select(beyond)


def parts_in_turn(
    detector: FrameDetector, zones: Zones | None = None, rules: RotaRules | None = None
) -> RotaDetector:
    """The eye of one flight with a camera of large pictures; hazards are likely in its watched zones."""
    prior = zone_prior(zones) if zones is not None else None
    return RotaDetector(detector, TileRota(rules or RotaRules(), prior))


def _inside(points: Array, part: Tile) -> NDArray[np.bool_]:
    left, top, right, bottom = part
    x, y = points[:, 0], points[:, 1]
    return np.asarray((x >= left) & (x <= right) & (y >= top) & (y <= bottom))


def _followed(scene: Scene, width: int, height: int) -> list[tuple[tuple[int, int], float]]:
    """The cell of the picture where each followed thing is expected, and its worth; those in the picture."""
    middles = (scene.expected[:, :2] + scene.expected[:, 2:]) / 2
    cells = np.floor(middles * np.array(CELLS) / [width, height])
    inside = np.isfinite(cells).all(axis=1) & (cells >= 0).all(axis=1) & (cells < CELLS).all(axis=1)
    return [
        ((int(column), int(row)), float(worth))
        for (column, row), worth in zip(cells[inside], scene.worth[inside], strict=True)
    ]


def _ground(scene: Scene, width: int, height: int) -> tuple[LocalFrame, Array] | None:
    """Where samples of the picture lie on the ground (rows, columns, 2); None without a pose."""
    if scene.pose is None or scene.view is None:
        return None
    columns, rows = (n * SAMPLES_A_CELL for n in CELLS)
    places = scene.view.place(scene.pose, cell_middles(width, height, SAMPLES_A_CELL))
    return scene.view.frame, places.reshape(rows, columns, 2)


def zone_prior(zones: Zones, kinds: Sequence[str] = WATCHED_ZONES) -> HazardPrior:
    """Hazards are likely in zones of these kinds (1.0), and nowhere else (0.0)."""
    area = union_all([zone.polygon for zone in zones.zones if zone.kind in kinds])

    def prior(frame: LocalFrame, places: Array) -> Array:
        geodetic = frame.to_geodetic(places)
        return np.asarray(contains_xy(area, geodetic[:, 1], geodetic[:, 0]), float)

    return prior
