"""How people move in the picture, measured in the picture: no identities, no boxes that jump.

Boxes of people shake by a pixel or two and merge where people hide one another; the texture inside them does
not. Between two pictures the ground is laid over itself (``vision.ground_motion``), and what is inside a box
is followed by pyramidal Lucas-Kanade flow (Bouguet 2001), forwards and back. The error of a velocity is a
small part of that from boxes, and it stays true where tracks swap persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from missions.geodesy import Array
from vision.frames import Pixels
from vision.ground import GroundView
from vision.ground_motion import Pair, moved_by

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


def follow(pair: Pair | None, view: GroundView, boxes: Array) -> Moved:
    """Follow ``boxes`` (N, 4) of the last picture into this one; nothing is known without a pair."""
    nothing = Moved(np.zeros((len(boxes), 2)), np.full((len(boxes), 2), np.nan))
    if pair is None or not len(boxes):
        return nothing
    boxes = boxes[:MOST_BOXES]
    still, moved = _box_shifts(pair.last, pair.now, pair.ground, boxes)
    steps = view.place(pair.pose, still + np.nan_to_num(moved)) - view.place(pair.pose, still)
    velocities = steps / pair.passed_s
    velocities[np.isnan(moved).any(axis=1) | (np.linalg.norm(velocities, axis=1) > FASTEST_M_S)] = np.nan
    nothing.shifts[: len(boxes)] = still + np.nan_to_num(moved) - box_middles(boxes)
    nothing.velocities[: len(boxes)] = velocities
    return nothing


def _box_shifts(last: Pixels, now: Pixels, ground: Array, boxes: Array) -> tuple[Array, Array]:
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
    still = moved_by(points, ground)
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
    return moved_by(middles, ground) + kept, moved


def box_middles(boxes: Array) -> Array:
    """Middles (N, 2) of boxes (N, 4)."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)
