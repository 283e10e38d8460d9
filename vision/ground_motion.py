"""What the ground in the picture says of the poses: how it creeps though it lies still.

Poses err, and the error wanders: half a degree of pitch within two seconds makes everything on the ground
seem to go along at half a walking pace. The picture does not err so: laid over the one before, the ground
tells how much of a motion is the pose's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from missions.geodesy import Array
from vision.camera import Pose
from vision.frames import Pixels
from vision.ground import GroundView

LONGEST_S = 0.6
"""Pictures further apart than this are not compared."""
CORNERS = 240
USUAL_WIDTH_PX = 1280
"""Larger pictures are compared at about this width: that is fine enough, and soon done."""
NEAR_POSE_PX, OFF_PX = 4.0, 0.7
"""At the usual width: how far the ground may lie from where the pose expects it, and from the fit."""
GRID = tuple((u, v) for u in (0.05, 0.5, 0.95) for v in (0.1, 0.5, 0.95))
"""Where in the picture, as shares of its width and height, the ground is compared."""
MOST_CREEP_M = 1.5
"""More than this from picture to picture is no error of a pose but of the comparison."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """small: ``grey`` made smaller by ``factor``."""

    grey: Pixels
    small: Pixels
    factor: int
    pose: Pose
    seconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures in a row. ground: homography (3, 3) from the last to this one for points on the ground."""

    last: Pixels
    now: Pixels
    pose: Pose
    passed_s: float
    ground: Array


class GroundMotion:
    """Lays the ground of each picture over that of the one before.

    Attributes:
        pair: the newest two pictures; None when they cannot be compared.
        creep: (2, 3), sum of all creeping so far: times (1, east, north) it is what poses added to the place
            of something that lies there. Only differences between two instants mean anything.
    """

    def __init__(self) -> None:
        self.pair: Pair | None = None
        self.creep: Array = np.zeros((2, 3))
        self._last: _Picture | None = None

    def look(self, image: Pixels, pose: Pose | None, seconds: float, view: GroundView | None) -> bool:
        """Take in the next picture (H, W, 3) RGB; whether it could be compared with the one before."""
        last, self._last, self.pair = self._last, None, None
        if pose is None or view is None:
            return False
        now = self._last = _picture(image, pose, seconds)
        if last is None or last.grey.shape != now.grey.shape or seconds - last.seconds > LONGEST_S:
            return False
        by_pose = _by_pose(last, now, view)
        if by_pose is None:
            return False
        correction = _correction(last, now, by_pose)
        ground = by_pose if correction is None else correction @ by_pose
        self.pair = Pair(last.grey, now.grey, pose, seconds - last.seconds, ground)
        step = None if correction is None else _creep(last, now, ground, view)
        if step is not None:
            self.creep = self.creep + step
        return step is not None


def moved_by(points: Array, homography: Array) -> Array:
    """Where points (N, 2) px go."""
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), homography)[:, 0])


def _picture(image: Pixels, pose: Pose, seconds: float) -> _Picture:
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = max(1, round(grey.shape[1] / USUAL_WIDTH_PX))
    return _Picture(grey, _shrunk(grey, factor), factor, pose, seconds)


def _shrunk(grey: Pixels, factor: int) -> Pixels:
    if factor == 1:
        return grey
    size = (grey.shape[1] // factor, grey.shape[0] // factor)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _grid(picture: _Picture) -> Array:
    h, w = picture.grey.shape
    return np.array(GRID) * [w, h]


def _by_pose(last: _Picture, now: _Picture, view: GroundView) -> Array | None:
    """Homography (3, 3) of the ground from the last picture to this one, as the poses tell it."""
    grid = _grid(now)
    seen = view.pixels(now.pose, view.place(last.pose, grid))
    real = np.isfinite(seen).all(axis=1)
    if real.sum() < 4:
        return None
    found, _ = cv2.findHomography(grid[real], seen[real])
    return None if found is None else np.asarray(found)


def _correction(last: _Picture, now: _Picture, by_pose: Array) -> Array | None:
    """What must follow ``by_pose`` (3, 3) for what stands still in the pictures; None when it is not seen."""
    factor = now.factor
    corners = cv2.goodFeaturesToTrack(_shrunk(last.small, 2), CORNERS, 0.01, 12)
    if corners is None:
        return None
    corners = corners.reshape(-1, 2) * 2 + 0.5
    centre = (factor - 1) / 2  # of the first pixel of a small picture, in the large one
    expected = moved_by(corners * factor + centre, by_pose)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        last.small, now.small, corners.astype(np.float32), ((expected - centre) / factor).astype(np.float32),
        winSize=(15, 15), maxLevel=2, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    reached = found.astype(np.float64) * factor + centre
    good = status[:, 0] > 0
    near = good & (np.linalg.norm(reached - expected, axis=1) < NEAR_POSE_PX * factor)
    # Roofs move otherwise than the ground: what the pose expects comes first.
    chosen = near if near.sum() >= max(20, 0.2 * good.sum()) else good
    if chosen.sum() < 12:
        return None
    fitted, _ = cv2.estimateAffinePartial2D(
        expected[chosen], reached[chosen], method=cv2.RANSAC, ransacReprojThreshold=OFF_PX * factor
    )
    return None if fitted is None else np.vstack([fitted, [0, 0, 1]])


def _creep(last: _Picture, now: _Picture, ground: Array, view: GroundView) -> Array | None:
    """What the poses add from the last picture to this one to the place of what lies still, (2, 3)."""
    grid = _grid(now)
    before, after = view.place(last.pose, grid), view.place(now.pose, moved_by(grid, ground))
    real = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    if real.sum() < 4:
        return None
    steps = after[real] - before[real]
    if float(np.median(np.linalg.norm(steps, axis=1))) > MOST_CREEP_M:
        return None
    middle = before[real].mean(axis=0)
    design = np.column_stack([np.ones(int(real.sum())), before[real] - middle])
    slope = np.linalg.lstsq(design, steps, rcond=None)[0].T
    slope[:, 0] -= slope[:, 1:] @ middle
    return np.asarray(slope)
