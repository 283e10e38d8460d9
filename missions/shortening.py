"""Shortens a finished way over the ground it has to show: corners are moved, dropped and whole legs shifted.

Legs between lanes see ground too. Where a boustrophedon flies hooks for what its lanes leave at slanted
borders, a corner moved by a few metres shows the same ground on the way. What a leg sees is counted on a grid
of points whose axis lies along most lanes, so that trying a move takes a few small array operations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely import affinity

from missions.geodesy import Array
from missions.routes import SLACK_M
from missions.samples import Strip
from missions.shapes import parts_of

MOST_POINTS = 120_000
SLANT_DEG = 9.0
"""Between lanes and the axis of the grid: along it a gap between lanes would fall between the points."""
COARSE_PART, FINE_PART = 10.0, 20.0
"""Grid points across a swath at most: at first, and in the end."""
COARSE_STAGES = 3
TURN_M = 6.0
"""What a reversal of direction is charged as, besides its length; less for gentler turns."""
SPARE_USED = 0.8
"""How much of what may be left unseen is left: the grid counts a little otherwise than the proof."""
PATCHES = 40
SMALLEST_PATCH_M2 = 10.0
NEAR_LEGS = 4
MOST_TRIES = 12_000
LEAST_GAIN_M = 0.05
STAGES = (
    (0.5, 3.0, 4.0),
    (0.35, 2.5, 8.0),
    (0.2, 2.0, 15.0),
    (0.1, 1.5, 30.0),
    (0.05, 1.2, 30.0),
    (0.025, 1.1, 30.0),
)
"""How far corners are moved, in swaths, coarse first; and as how many times its own lane unseen ground is
charged, within what may be left out and beyond: where little ground costs a long way is found out first."""
PASSES = 4


def shorten(
    path: Array,
    target: Any,
    region: Any,
    strip: Strip,
    angle_deg: float,
    spare_m2: float,
    tries: int = MOST_TRIES,
) -> Array:
    """A shorter way with the same ends that shows as much of the target.

    Args:
        path: (N, 2) metres, inside ``region``.
        target: ground to see.
        region: where the aircraft may be.
        angle_deg: direction of most lanes, anticlockwise from east.
        spare_m2: how much of the target may stay unseen.
        tries: moves that are evaluated at most.

    Returns:
        The way, (M, 2).
    """
    if len(path) < 3:
        return path
    angle_deg -= SLANT_DEG
    turn = math.radians(-angle_deg)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    goal, free = (affinity.rotate(shape, -angle_deg, origin=(0, 0)) for shape in (target, region))
    way = _distinct(path @ rotation)
    for finest_part, stages in ((COARSE_PART, STAGES[:COARSE_STAGES]), (FINE_PART, STAGES[COARSE_STAGES:])):
        work = _Work(way, goal, free, strip, spare_m2, finest_part)
        work.run(stages, tries // len(STAGES))
        way = work.path
    return np.asarray(np.array(way) @ rotation.T)


def turning_m(path: Array) -> float:
    """What the turns of a way (N, 2) are charged as, in metres."""
    steps = np.diff(path, axis=0)
    units = steps / np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)[:, None]
    return float(TURN_M / 2 * (1 - (units[:-1] * units[1:]).sum(axis=1)).sum())


def _distinct(path: Array) -> list[Array]:
    keep = [path[0]]
    keep += [point for point in path[1:-1] if np.hypot(*(point - keep[-1])) > 0.01]
    return [*keep, path[-1]]


_Seen = tuple[int, int, int, int, NDArray[np.bool_] | None]
"""Rows from and to, columns from and to, and which of these points a leg sees."""


class _Work:
    """A way and the grid of points that count how many legs see them."""

    def __init__(
        self, path: list[Array], target: Any, region: Any, strip: Strip, spare_m2: float, finest_part: float
    ) -> None:
        self.path, self._strip, self._spare = path, strip, spare_m2
        self._left, self._awake = 0, [True] * len(path)
        _, self._within_spare, self._beyond_spare = STAGES[0]
        # ends of lanes stand on the border itself
        self._region = region.buffer(SLACK_M, join_style="mitre")
        self._core = region.buffer(-SLACK_M, join_style="mitre")
        shapely.prepare(self._region)
        shapely.prepare(self._core)
        swath = 2 * strip.half_m
        self._pitch = max(swath / finest_part, math.sqrt(target.area / MOST_POINTS))
        west, south, east, north = target.bounds
        self._x = np.arange(west + self._pitch / 2, east, self._pitch)
        self._y = np.arange(south + self._pitch / 2, north, self._pitch)
        grid_x, grid_y = np.meshgrid(self._x, self._y)
        self._inside = np.zeros(grid_x.shape, np.bool_)
        for part in parts_of(target):
            shapely.prepare(part)
            self._inside |= shapely.contains_xy(part, grid_x, grid_y)
        self._count = np.zeros(grid_x.shape, np.int16)
        self._legs = [self._footprint(a, b) for a, b in itertools.pairwise(path)]
        for leg in self._legs:
            self._add(leg, 1)
        self._unseen = int((self._inside & (self._count == 0)).sum())

    def run(self, stages: tuple[tuple[float, float, float], ...], tries: int) -> None:
        """Fetch in what is unseen, then move corners, coarsely first, until nothing helps."""
        for step, self._within_spare, self._beyond_spare in stages:
            self._left = tries
            self._awake = [True] * len(self.path)
            self._fetch_in()
            for _ in range(PASSES):
                if not self._pass(step * 2 * self._strip.half_m) or self._left <= 0:
                    break
        self._left = 4 * PATCHES
        self._fetch_in()

    def _pass(self, step_m: float) -> bool:
        """Try to move every corner around which something has changed since the last time."""
        moved, index = False, 1
        while index < len(self.path) - 1 and self._left > 0:
            if not self._awake[index]:
                index += 1
                continue
            if self._better(index, index, []):
                moved = True
                continue
            better = False
            for shift in self._shifts(index, step_m):
                better |= self._better(index, index, [self._within(self.path[index] + shift)])
            if index + 2 < len(self.path):
                for shift in self._sideways(index, step_m):
                    pair = [
                        self._within(self.path[index] + shift),
                        self._within(self.path[index + 1] + shift),
                    ]
                    better |= self._better(index, index + 1, pair)
            self._awake[index] = better
            moved |= better
            index += 1
        return moved

    def _within(self, point: Array) -> Array:
        """The point, or the nearest place a little inside the region."""
        place = shapely.points(point)
        if shapely.covers(self._core, place):
            return point
        return np.asarray(shapely.get_coordinates(shapely.shortest_line(self._core, place))[0])

    def _fetch_in(self) -> None:
        """Bend the nearest legs towards the largest unseen patches, where that pays."""
        patches, count = ndimage.label(self._inside & (self._count == 0))
        if not count:
            return
        sizes = ndimage.sum_labels(np.ones_like(patches), patches, np.arange(1, count + 1))
        for number in np.argsort(-sizes)[:PATCHES]:
            if sizes[number] * self._pitch**2 < SMALLEST_PATCH_M2 or self._left <= 0:
                break
            rows, columns = np.nonzero(patches == number + 1)
            points = np.column_stack([self._x[columns], self._y[rows]])
            self._bend_to(points)

    def _bend_to(self, points: Array) -> None:
        middle = points.mean(axis=0)
        far = points[np.argmax(np.hypot(*(points - middle).T))]
        other = points[np.argmax(np.hypot(*(points - far).T))]
        starts, ends = np.array(self.path[:-1]), np.array(self.path[1:])
        legs = shapely.linestrings(np.stack([starts, ends], axis=1))
        distance = shapely.distance(legs, shapely.points(middle))
        for leg in np.argsort(distance, kind="stable")[:NEAR_LEGS].tolist():
            for goal in (far, other, middle):
                near = shapely.get_coordinates(shapely.shortest_line(legs[leg], shapely.points(goal)))[0]
                away = _unit(near - goal) * self._strip.half_m * 0.8
                for point in (self._within(goal + away), self._within(goal)):
                    if self._better(leg + 1, leg, [point]):
                        return
            pair = [self._within(far), self._within(other)]
            if self._better(leg + 1, leg, pair) or self._better(leg + 1, leg, pair[::-1]):
                return

    def _shifts(self, index: int, step_m: float) -> Iterator[Array]:
        """Along both legs at a corner, and half way between them."""
        before, here, after = self.path[index - 1], self.path[index], self.path[index + 1]
        a, b = _unit(before - here), _unit(after - here)
        for direction in (a, b, _unit(a + b), _unit(a - b)):
            yield direction * step_m
            yield direction * -step_m

    def _sideways(self, index: int, step_m: float) -> Iterator[Array]:
        along = _unit(self.path[index + 1] - self.path[index])
        across = np.array([-along[1], along[0]])
        yield across * (step_m / 2)
        yield across * (-step_m / 2)

    def _better(self, first: int, last: int, instead: list[Array]) -> bool:
        """Put points in the place of corners ``first`` to ``last`` if that makes the way cheaper."""
        self._left -= 1
        around = [self.path[first - 1], *instead, self.path[last + 1]]
        before, after = self._bends(first - 1, last + 1)
        old = self.path[first - 1 : last + 2]
        cost = _cost(before, around, after) - _cost(before, old, after)
        if cost > self._beyond_spare * 2 * self._strip.half_m + 2 * len(around):
            return False
        fresh = [self._footprint(a, b) for a, b in itertools.pairwise(around)]
        stale = self._legs[first - 1 : last + 1]
        unseen = self._unseen + self._change(stale, fresh)
        cost += self._charge(unseen) - self._charge(self._unseen)
        if cost > -LEAST_GAIN_M or not shapely.covers(self._region, shapely.linestrings(np.array(around))):
            return False
        for leg in stale:
            self._add(leg, -1)
        for leg in fresh:
            self._add(leg, 1)
        self._legs[first - 1 : last + 1] = fresh
        self.path[first : last + 1] = instead
        self._awake[first : last + 1] = [True] * len(instead)
        for near in range(max(0, first - 2), min(len(self.path), first + len(instead) + 2)):
            self._awake[near] = True
        self._unseen = unseen
        return True

    def _bends(self, start: int, end: int) -> tuple[Array | None, Array | None]:
        before = self.path[start - 1] if start > 0 else None
        after = self.path[end + 1] if end + 1 < len(self.path) else None
        return before, after

    def _charge(self, unseen: int) -> float:
        area, swath = unseen * self._pitch**2, 2 * self._strip.half_m
        over = max(0.0, area - SPARE_USED * self._spare)
        return (self._within_spare * (area - over) + self._beyond_spare * over) / swath

    def _footprint(self, start: Array, end: Array) -> _Seen:
        """The grid points in the leg's strip."""
        dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
        length = math.hypot(dx, dy)
        low, high = self._strip.start_m, length + self._strip.end_m
        if length < 0.5 or high <= low:
            return 0, 0, 0, 0, None
        ux, uy, half = dx / length, dy / length, self._strip.half_m
        xs = [start[0] + ux * a - uy * s for a in (low, high) for s in (-half, half)]
        ys = [start[1] + uy * a + ux * s for a in (low, high) for s in (-half, half)]
        c0, c1 = np.searchsorted(self._x, [min(xs), max(xs)])
        r0, r1 = np.searchsorted(self._y, [min(ys), max(ys)])
        if c0 == c1 or r0 == r1:
            return 0, 0, 0, 0, None
        x, y = self._x[c0:c1] - start[0], self._y[r0:r1, None] - start[1]
        along, across = x * ux + y * uy, y * ux - x * uy
        mask = (along >= low) & (along <= high) & (np.abs(across) <= half)
        return int(r0), int(r1), int(c0), int(c1), mask

    def _add(self, leg: _Seen, sign: int) -> None:
        r0, r1, c0, c1, mask = leg
        if mask is not None:
            self._count[r0:r1, c0:c1] += mask * np.int16(sign)

    def _change(self, stale: list[_Seen], fresh: list[_Seen]) -> int:
        """How many more points are unseen when these legs take the place of those."""
        legs = [leg for leg in (*stale, *fresh) if leg[4] is not None]
        if not legs:
            return 0
        r0, c0 = min(leg[0] for leg in legs), min(leg[2] for leg in legs)
        r1, c1 = max(leg[1] for leg in legs), max(leg[3] for leg in legs)
        count = self._count[r0:r1, c0:c1].copy()
        inside = self._inside[r0:r1, c0:c1]
        before = int(np.count_nonzero(inside & (count == 0)))
        for group, sign in ((stale, np.int16(-1)), (fresh, np.int16(1))):
            for a, b, c, d, mask in group:
                if mask is not None:
                    count[a - r0 : b - r0, c - c0 : d - c0] += mask * sign
        return int(np.count_nonzero(inside & (count == 0))) - before


def _cost(before: Array | None, points: list[Array], after: Array | None) -> float:
    """Length of the legs between points, and what the turns at all of them are charged."""
    way = [p for p in (before, *points, after) if p is not None]
    total = 0.0
    for a, b in itertools.pairwise(points):
        total += math.hypot(b[0] - a[0], b[1] - a[1])
    for a, b, c in zip(way[:-2], way[1:-1], way[2:], strict=True):
        ax, ay, bx, by = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
        spans = math.hypot(ax, ay) * math.hypot(bx, by)
        if spans > 1e-9:
            total += TURN_M * (1 - (ax * bx + ay * by) / spans) / 2
    return total


def _unit(vector: Array) -> Array:
    length = math.hypot(vector[0], vector[1])
    return vector / length if length > 1e-9 else vector
