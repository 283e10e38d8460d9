"""Sample points of ground and how many straight legs see each of them (local metres).

What a change of a way shows more or less is counted on points instead of cut out of polygons: a few
operations on small arrays. The points stand in rows; each row is shifted against the one before by the golden
ratio of their distance, so that narrow gaps of no direction fall between all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from missions.shapes import parts_of

GOLDEN = 0.6180339887498949
SHORTEST_LEG_M = 4.0
"""Shorter legs are not counted on: an aircraft cuts their corners and never faces along them."""
OUTSIDE = 128
"""What points outside the target begin with: they always count as seen. Counts go round at 256."""
Place: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Strip:
    """What a straight leg surely sees: ``half_m`` to both sides, from ``start_m`` ahead of its start to
    ``end_m`` ahead of its end."""

    half_m: float
    start_m: float
    end_m: float


Footprint: TypeAlias = tuple[int, int, int, int, NDArray[np.uint8]] | None
"""Rows from and to, columns from and to, and which of these points a leg sees; None where it sees none."""


class Samples:
    """Points over a target, ``pitch_m`` apart, and how many legs see each.

    Args:
        target: Polygon or MultiPolygon in metres.
        strip: what every leg sees.
    """

    def __init__(self, target: Any, strip: Strip, pitch_m: float) -> None:
        west, south, east, north = target.bounds
        rows = max(1, math.ceil((north - south) / pitch_m))
        columns = max(1, math.ceil((east - west) / pitch_m)) + 1
        self.area_m2 = pitch_m**2
        self._strip, self._pitch = strip, pitch_m
        self._west, self._south = west + pitch_m / 2, south + pitch_m / 2
        shift = np.arange(rows) * GOLDEN % 1.0 - 0.5
        self._rows = np.arange(rows, dtype=np.float64)[:, None]
        self._columns: NDArray[np.float32] = (np.arange(columns) + shift[:, None]).astype(np.float32)
        self._mirrored = -self._columns
        x, y = self._west + pitch_m * self._columns, self._south + pitch_m * self._rows
        inside = np.zeros(self._columns.shape, np.bool_)
        for part in parts_of(target):
            shapely.prepare(part)
            inside |= shapely.contains_xy(part, x, np.broadcast_to(y, x.shape))
        self._count = np.where(inside, 0, OUTSIDE).astype(np.uint8)

    def unseen(self) -> int:
        """How many points no leg sees."""
        return int(self._count.size - np.count_nonzero(self._count))

    def unseen_places(self) -> list[Place]:
        """Where the points are that no leg sees: east and north in metres."""
        row, column = np.nonzero(self._count == 0)
        x = self._west + self._pitch * self._columns[row, column].astype(np.float64)
        y = self._south + self._pitch * self._rows[row, 0]
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def footprint(self, start: Place, end: Place) -> Footprint:
        """The points in the strip of a leg, found row by row from where its borders cross the row."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.sqrt(dx * dx + dy * dy)
        strip, pitch = self._strip, self._pitch
        low, high = strip.start_m, length + strip.end_m
        if length < SHORTEST_LEG_M or high <= low:
            return None
        along_x, along_y = dx / length, dy / length
        middle, ahead, aside = (low + high) / 2, (high - low) / 2 / pitch, strip.half_m / pitch
        x = (start[0] + along_x * middle - self._west) / pitch
        y = (start[1] + along_y * middle - self._south) / pitch
        reach_x = ahead * abs(along_x) + aside * abs(along_y) + 0.5
        reach_y = ahead * abs(along_y) + aside * abs(along_x)
        rows, columns = self._count.shape
        top, bottom = max(0, math.ceil(y - reach_y)), min(rows, math.floor(y + reach_y) + 1)
        left, right = max(0, math.ceil(x - reach_x)), min(columns, math.floor(x + reach_x) + 1)
        if top >= bottom or left >= right:
            return None
        along_x = along_x if abs(along_x) > 1e-9 else 1e-9
        along_y = along_y if abs(along_y) > 1e-9 else 1e-9
        ends, sides = -along_y / along_x, along_x / along_y
        wide, deep = ahead / abs(along_x), aside / abs(along_y)
        lines = np.array([
            (ends, -ends, sides, -sides),
            (x - ends * y - wide, ends * y - x - wide, x - sides * y - deep, sides * y - x - deep),
        ])  # fmt: skip
        borders = self._rows[top:bottom] * lines[0] + lines[1]
        border = np.maximum(borders[:, :2], borders[:, 2:])
        seen = self._columns[top:bottom, left:right] >= border[:, :1]
        seen &= self._mirrored[top:bottom, left:right] >= border[:, 1:]
        return top, bottom, left, right, seen.view(np.uint8)

    def add(self, leg: Footprint) -> None:
        if leg is not None:
            top, bottom, left, right, seen = leg
            self._count[top:bottom, left:right] += seen

    def remove(self, leg: Footprint) -> None:
        if leg is not None:
            top, bottom, left, right, seen = leg
            self._count[top:bottom, left:right] -= seen

    def change(self, stale: list[Footprint], fresh: list[Footprint]) -> int:
        """How many more points would be unseen with the fresh legs in the place of the stale ones."""
        gone, come = [leg for leg in stale if leg], [leg for leg in fresh if leg]
        legs = gone + come
        if not legs:
            return 0
        top, bottom = min([leg[0] for leg in legs]), max([leg[1] for leg in legs])
        left, right = min([leg[2] for leg in legs]), max([leg[3] for leg in legs])
        count = self._count[top:bottom, left:right].copy()
        before = np.count_nonzero(count)
        for a, b, c, d, seen in gone:
            count[a - top : b - top, c - left : d - left] -= seen
        for a, b, c, d, seen in come:
            count[a - top : b - top, c - left : d - left] += seen
        return int(before - np.count_nonzero(count))
