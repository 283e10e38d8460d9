"""How people move in the picture, measured in the picture: no identities, no boxes that jump.

Boxes of people shake by a pixel or two and merge where people hide one another; the texture inside them does
not. Between two pictures the ground is laid over itself (by the poses, then refined on what stands still),
and what is inside a box is followed by pyramidal Lucas-Kanade flow (Bouguet 2001), forwards and back. The
error of a velocity is a small part of that from boxes, and it stays true where tracks swap persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from missions.geodesy import Array
from vision.camera import Pose
from vision.frames import Pixels
from vision.ground import GroundView

LONGEST_S = 0.6
"""Pictures further apart than this are not compared."""
CORNERS = 240
NEAR_POSE_PX = 4.0
BACK_PX = 0.8
FASTEST_M_S = 4.0
COLUMNS, ROWS = (0.3, 0.5, 0.7), (0.15, 0.35, 0.55, 0.75)
LEAST_POINTS = 4
RING = np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)])
"""Around a box, where its own piece of ground is seen: what is common to it is no motion of a person."""
MOST_BOXES = 80


@dataclass(frozen=True, slots=True)
class Moved:
    """Where boxes (N) of the last picture went.

    shifts: (N, 2) px from the old middle of the box to the new one. velocities: (N, 2) m/s east and north
    over the ground, NaN where it could not be measured.
    """

    shifts: Array
    velocities: Array


@dataclass(frozen=True, slots=True)
class _Picture:
    grey: Pixels
    pose: Pose
    seconds: float


class PictureMotion:
    """Follows boxes from each picture to the next."""

    def __init__(self) -> None:
        self._last: _Picture | None = None

    def follow(self, image: Pixels, pose: Pose, seconds: float, view: GroundView, boxes: Array) -> Moved:
        """Take in the next picture (H, W, 3) RGB and follow ``boxes`` (N, 4) of the one before into it."""
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        last, self._last = self._last, _Picture(grey, pose, seconds)
        nothing = Moved(np.zeros((len(boxes), 2)), np.full((len(boxes), 2), np.nan))
        if last is None or not len(boxes) or seconds - last.seconds > LONGEST_S:
            return nothing
        ground = self._ground_shift(last, self._last, view)
        if ground is None:
            return nothing
        boxes = boxes[:MOST_BOXES]
        still, moved = self._box_shifts(last.grey, grey, ground, boxes)
        steps = view.place(pose, still + np.nan_to_num(moved)) - view.place(pose, still)
        velocities = steps / (seconds - last.seconds)
        velocities[np.isnan(moved).any(axis=1) | (np.linalg.norm(velocities, axis=1) > FASTEST_M_S)] = np.nan
        nothing.shifts[: len(boxes)] = still + np.nan_to_num(moved) - box_middles(boxes)
        nothing.velocities[: len(boxes)] = velocities
        return nothing

    def _ground_shift(self, last: _Picture, now: _Picture, view: GroundView) -> Array | None:
        """Homography (3, 3) from the last picture to this one for points on the ground."""
        h, w = now.grey.shape
        grid = np.array([[u * w, v * h] for u in (0.05, 0.5, 0.95) for v in (0.1, 0.5, 0.95)])
        seen = view.pixels(now.pose, view.place(last.pose, grid))
        real = np.isfinite(seen).all(axis=1)
        if real.sum() < 4:
            return None
        by_pose, _ = cv2.findHomography(grid[real], seen[real])
        if by_pose is None:
            return None
        small = cv2.resize(last.grey, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
        corners = cv2.goodFeaturesToTrack(small, CORNERS, 0.01, 12)
        if corners is None:
            return np.asarray(by_pose)
        corners = corners.reshape(-1, 2) * 2 + 0.5
        expected = _transform(corners, by_pose)
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            last.grey, now.grey, corners.astype(np.float32), expected.astype(np.float32), winSize=(15, 15),
            maxLevel=2, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        good = status[:, 0] > 0
        near = good & (np.linalg.norm(found - expected, axis=1) < NEAR_POSE_PX)
        # Roofs move otherwise than the ground: what the pose expects comes first.
        chosen = near if near.sum() >= max(20, 0.2 * good.sum()) else good
        if chosen.sum() < 12:
            return np.asarray(by_pose)
        correction, _ = cv2.estimateAffinePartial2D(
            expected[chosen], found[chosen].astype(np.float64), method=cv2.RANSAC, ransacReprojThreshold=0.7
        )
        if correction is None:
            return np.asarray(by_pose)
        return np.asarray(np.vstack([correction, [0, 0, 1]]) @ by_pose)

    def _box_shifts(self, last: Pixels, now: Pixels, ground: Array, boxes: Array) -> tuple[Array, Array]:
        """Where the middles of the boxes would be if they stood still, and how far they moved besides, px."""
        size = boxes[:, 2:] - boxes[:, :2]
        u = boxes[:, :1] + size[:, :1] * np.tile(COLUMNS, len(ROWS))
        v = boxes[:, 1:2] + size[:, 1:] * np.repeat(ROWS, len(COLUMNS))
        points = np.stack([u, v], axis=2).reshape(-1, 2)
        window = int(np.clip(np.median(size[:, 0]), 7, 21)) | 1
        options: dict[str, Any] = {
            "winSize": (window, window), "maxLevel": 2, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
            "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02),
        }  # fmt: skip
        middles = box_middles(boxes)
        around = middles[:, None] + RING[None] * (0.9 * size.max(axis=1) + 5)[:, None, None]
        points = np.vstack([points, around.reshape(-1, 2)])
        still = _transform(points, ground)
        start = points.astype(np.float32)
        there, found, _ = cv2.calcOpticalFlowPyrLK(last, now, start, still.astype(np.float32), **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(now, last, there, start.copy(), **options)
        good = (found[:, 0] > 0) & (returned[:, 0] > 0) & (np.linalg.norm(back - start, axis=1) < BACK_PX)
        shifted = np.where(good[:, None], there - still, np.nan)
        inside = len(boxes) * len(COLUMNS) * len(ROWS)
        beside = shifted[inside:].reshape(len(boxes), -1, 2)
        others = (around[:, :, None] > boxes[:, :2] - 3) & (around[:, :, None] < boxes[:, 2:] + 3)
        beside[others.all(axis=3).any(axis=2)] = np.nan
        moved = np.full((len(boxes), 2), np.nan)
        kept = np.zeros((len(boxes), 2))
        for row, shifts in enumerate(shifted[:inside].reshape(len(boxes), -1, 2)):
            near = beside[row][np.isfinite(beside[row, :, 0])]
            if len(near) >= LEAST_POINTS:
                kept[row] = np.median(near, axis=0)
            shifts = shifts[np.isfinite(shifts[:, 0])] - kept[row]
            if len(shifts) < LEAST_POINTS:
                continue
            # Half of a box or less is the person, the rest is ground that stands still.
            lengths = np.linalg.norm(shifts, axis=1)
            moved[row] = np.median(shifts[lengths >= np.median(lengths)], axis=0)
        return _transform(middles, ground) + kept, moved


def box_middles(boxes: Array) -> Array:
    """Middles (N, 2) of boxes (N, 4)."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _transform(points: Array, homography: Array) -> Array:
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), homography)[:, 0])
