"""Small plane geometry: oriented frames, rings inset edge by edge, rounded loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import Polygon

Array = NDArray[np.float64]
Real = float | np.floating | np.integer


@dataclass(frozen=True, slots=True)
class Place:
    """An oriented frame in the plane: u along ``angle`` (radians, counter-clockwise from east), v to its
    left.
    """

    east: float
    north: float
    angle: float

    def at(self, u: ArrayLike, v: ArrayLike) -> Array:
        """Local (u, v) -> town (east, north), shape (..., 2)."""
        a, b = np.broadcast_arrays(np.asarray(u, float), np.asarray(v, float))
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([self.east + a * c - b * s, self.north + a * s + b * c], -1)

    def place(self, u: Real, v: Real, turn: Real = 0.0) -> Place:
        """A frame at (u, v), turned by ``turn`` radians."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        east, north = self.east + u * c - v * s, self.north + u * s + v * c
        return Place(float(east), float(north), self.angle + float(turn))

    def rectangle(self, u: Real, v: Real, width: Real, depth: Real) -> Array:
        """Corners (4, 2), counter-clockwise, of a rectangle centred at (u, v)."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        e, n = self.east + u * c - v * s, self.north + u * s + v * c
        a, b, p, q = width / 2 * c, width / 2 * s, depth / 2 * s, depth / 2 * c
        return np.array([
            (e - a + p, n - b - q), (e + a + p, n + b - q), (e + a - p, n + b + q), (e - a - p, n - b + q)
        ], float)  # fmt: skip

    def local(self, points: ArrayLike) -> Array:
        """Town (N, 2) -> local (N, 2)."""
        p = np.asarray(points, float) - [self.east, self.north]
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([p[..., 0] * c + p[..., 1] * s, -p[..., 0] * s + p[..., 1] * c], -1)


def inset(ring: ArrayLike, distances: Sequence[float]) -> Array:
    """A convex counter-clockwise ring (N, 2) with edge i (from vertex i) moved inward by ``distances[i]``."""
    points = np.asarray(ring, float)
    n = len(points)
    starts, directions = [], []
    for i in range(n):
        d = points[(i + 1) % n] - points[i]
        d = d / np.linalg.norm(d)
        starts.append(points[i] + distances[i] * np.array([-d[1], d[0]]))
        directions.append(d)
    corners = []
    for i in range(n):
        matrix = np.column_stack([directions[i - 1], -directions[i]])
        along = np.linalg.solve(matrix, starts[i] - starts[i - 1])[0]
        corners.append(starts[i - 1] + along * directions[i - 1])
    return np.array(corners)


def rounded(ring: ArrayLike, radius: float) -> Array:
    """The ring (N, 2) with corners of that radius, counter-clockwise, not closed."""
    polygon = Polygon(np.asarray(ring, float)).buffer(-radius).buffer(radius, quad_segs=6)
    points = np.asarray(polygon.exterior.coords, float)[:-1]
    return points if polygon.exterior.is_ccw else points[::-1]


def strip(a: ArrayLike, b: ArrayLike, left: float, right: float) -> Array:
    """Quadrilateral (4, 2) along a -> b between offsets to the left (positive) of the line."""
    p, q = np.asarray(a, float), np.asarray(b, float)
    d = (q - p) / np.linalg.norm(q - p)
    normal = np.array([-d[1], d[0]])
    return np.array([p + right * normal, q + right * normal, q + left * normal, p + left * normal])


def ellipse(east: float, north: float, a: float, b: float, points: int = 24, angle: float = 0.0) -> Array:
    """Ring (points, 2) of an ellipse."""
    t = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return Place(east, north, angle).at(a * np.cos(t), b * np.sin(t))
