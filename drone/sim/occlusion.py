"""How much of a thing the camera sees: rays against buildings, awnings and canopies; then thing before
thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from drone.sim.town import Town

Array = NDArray[np.float64]
ID_SCALE = 2
ROOFED = ("awning", "shelter")


class Occluders:
    """The town's solid things as oriented boxes and balls."""

    def __init__(self, town: Town) -> None:
        boxes = []
        height = town.terrain.height_m
        for b in town.fabric.buildings:
            base = float(np.min(height(*b.ring.T)))
            top = base + b.height + (0.5 * (b.top_m - b.height) if b.roof == "gable" else 0.8)
            boxes.append((b.place.east, b.place.north, b.place.angle, b.width / 2, b.depth / 2, base, top))
        for p in town.fabric.props:
            base = float(height(p.place.east, p.place.north))
            u, v, h = p.size
            if p.kind == "parasol":
                place, r = p.place, 0.5 * u
                boxes.append((place.east, place.north, place.angle, r, r, base + h - 0.1, base + h + 0.25))
            elif p.kind in ROOFED:
                boxes.append(
                    (p.place.east, p.place.north, p.place.angle, u / 2, v / 2, base + h - 0.3, base + h)
                )
            elif p.kind == "goods":
                boxes.append((p.place.east, p.place.north, p.place.angle, u / 2, v / 2, base, base + h + 0.2))
            elif p.kind in ("shed", "stage", "gate"):
                boxes.append((p.place.east, p.place.north, p.place.angle, u / 2, v / 2, base, base + h))
        self._boxes = np.array(boxes, np.float32).reshape(-1, 7)
        self._balls = np.array([
            (t.east, t.north, float(height(t.east, t.north)) + 0.66 * t.height, t.radius * 0.98,
            t.radius * 0.86)
            for t in town.fabric.trees
        ], np.float32).reshape(-1, 5)  # fmt: skip

    def clear(self, points: Array, camera: Array) -> NDArray[np.bool_]:
        """Which of points (N, 3) have an unobstructed line to the camera (3,)."""
        if not len(points):
            return np.zeros(0, bool)
        low = np.minimum(points[:, :2].min(0), camera[:2])
        high = np.maximum(points[:, :2].max(0), camera[:2])
        blocked = np.zeros(len(points), bool)
        p, c = points.astype(np.float32), camera.astype(np.float32)
        boxes = self._boxes[((self._boxes[:, :2] > low - 40) & (self._boxes[:, :2] < high + 40)).all(1)]
        passing = _passes(p, c, boxes[:, :2], np.hypot(boxes[:, 3], boxes[:, 4]), boxes[:, 6])
        for k in np.flatnonzero(passing.any(0)):
            rows = np.flatnonzero(passing[:, k] & ~blocked)
            blocked[rows] = _hits_box(p[rows], c, boxes[k])
        balls = self._balls[((self._balls[:, :2] > low - 8) & (self._balls[:, :2] < high + 8)).all(1)]
        passing = _passes(p, c, balls[:, :2], balls[:, 3], balls[:, 2] + balls[:, 4])
        for k in np.flatnonzero(passing.any(0)):
            rows = np.flatnonzero(passing[:, k] & ~blocked)
            blocked[rows] = _hits_ball(p[rows], c, balls[k])
        return ~blocked


def _passes(
    points: NDArray[np.float32], camera: NDArray[np.float32], centres: NDArray[np.float32],
    radii: NDArray[np.float32], tops: NDArray[np.float32],
) -> NDArray[np.bool_]:  # fmt: skip
    """Which lines (N) pass over which centres (M) within their radii, below their tops; shape (N, M)."""
    d = camera[:2] - points[:, :2]
    rise = np.maximum(camera[2] - points[:, 2], 1e-3)
    until = np.clip((tops - points[:, 2:3]) / rise[:, None], 0.0, 1.0)
    east, north = centres[:, 0] - points[:, :1], centres[:, 1] - points[:, 1:2]
    length2 = np.maximum((d * d).sum(1, keepdims=True), 1e-6)
    along = np.clip((east * d[:, :1] + north * d[:, 1:]) / length2, 0.0, until)
    gap2 = (east - along * d[:, :1]) ** 2 + (north - along * d[:, 1:]) ** 2
    return np.asarray(gap2 < radii * radii)


def _hits_box(
    points: NDArray[np.float32], camera: NDArray[np.float32], box: NDArray[np.float32]
) -> NDArray[np.bool_]:
    c, s = np.cos(box[2]), np.sin(box[2])
    offset = points[:, :2] - box[:2]
    start = np.column_stack(
        [offset[:, 0] * c + offset[:, 1] * s, -offset[:, 0] * s + offset[:, 1] * c, points[:, 2]]
    )
    eye = camera[:2] - box[:2]
    d = np.array([eye[0] * c + eye[1] * s, -eye[0] * s + eye[1] * c, camera[2]]) - start
    low = np.array([-box[3], -box[4], box[5]])
    high = np.array([box[3], box[4], box[6]])
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - start) / d, (high - start) / d
    enter, leave = np.nanmax(np.minimum(a, b), 1), np.nanmin(np.maximum(a, b), 1)
    return np.asarray((enter < leave) & (leave > 0.0) & (enter < 1.0))


def _hits_ball(
    points: NDArray[np.float32], camera: NDArray[np.float32], ball: NDArray[np.float32]
) -> NDArray[np.bool_]:
    scale = np.array([ball[3], ball[3], ball[4]])
    start, d = (points - ball[:3]) / scale, (camera - points) / scale
    along = np.clip(-(start * d).sum(1) / (d * d).sum(1), 0.0, 1.0)
    return np.asarray(((start + along[:, None] * d) ** 2).sum(1) < 0.92)


def unhidden(hulls: list[NDArray[np.float32]], depths: Array, width: int, height: int) -> Array:
    """Share of each hull (pixel rings) inside the picture and not covered by nearer hulls, shape (N,)."""
    canvas = np.zeros((height // ID_SCALE, width // ID_SCALE), np.int32)
    shares = np.zeros(len(hulls))
    rings = [np.round(hull / ID_SCALE * 16).astype(np.int32) for hull in hulls]
    for i in np.argsort(-depths):
        cv2.fillConvexPoly(canvas, rings[i], int(i) + 1, cv2.LINE_8, 4)
    for i, ring in enumerate(rings):
        low = np.maximum((ring.min(0) >> 4) - 1, 0)
        high = (ring.max(0) >> 4) + 2
        window = canvas[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
        full = _drawn_area(ring)
        shares[i] = np.count_nonzero(window == i + 1) / full if window.size else 0.0
    return np.minimum(shares, 1.0)


def _drawn_area(ring: NDArray[np.int32]) -> float:
    """Pixels that the whole ring would fill, were all of it in the picture."""
    start = (ring.min(0) >> 4) - 1
    size = np.minimum((ring.max(0) >> 4) + 3 - start, 4000)
    mask = np.zeros((int(size[1]), int(size[0])), np.uint8)
    cv2.fillConvexPoly(mask, ring - (start << 4), 1, cv2.LINE_8, 4)
    return float(max(cv2.countNonZero(mask), 1))
