"""Timetables: where things that move are at any second, looked up and never integrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
FOREVER_S = 1e8


@dataclass(frozen=True, slots=True)
class Route:
    """A way through places at times (K,), points (K, 2), headings at the start and end of each leg (K - 1,).

    The route repeats every ``period`` seconds; between its last time and the period nothing is there.
    """

    times: Array
    points: Array
    heading_from: Array
    heading_to: Array
    period: float


def standing(east: float, north: float, heading: float) -> Route:
    """Always there."""
    points = np.array([[east, north], [east, north]])
    return Route(np.array([0.0, FOREVER_S]), points, np.array([heading]), np.array([heading]), FOREVER_S)


def driven_loop(ring: Array, speeds: ArrayLike, waits: ArrayLike) -> Route:
    """Round a closed ring (N, 2) smoothly: speed of each leg, and waits before leaving each vertex."""
    points = np.vstack([ring, ring[:1]])
    legs = np.diff(points, axis=0)
    lengths = np.hypot(legs[:, 0], legs[:, 1])
    course = np.unwrap(np.arctan2(legs[:, 1], legs[:, 0]))
    turn = course[-1] + (course[0] - course[-1] + np.pi) % (2 * np.pi) - np.pi
    at_vertex = np.concatenate(
        [[course[0] - (turn - course[-1]) / 2], (course[:-1] + course[1:]) / 2, [(course[-1] + turn) / 2]]
    )
    times, where, h0, h1 = [0.0], [points[0]], [], []
    for k, length in enumerate(lengths):
        wait = float(np.asarray(waits)[k])
        if wait > 0:
            times.append(times[-1] + wait)
            where.append(points[k])
            h0.append(at_vertex[k])
            h1.append(at_vertex[k])
        times.append(times[-1] + length / float(np.asarray(speeds)[k]))
        where.append(points[k + 1])
        h0.append(at_vertex[k])
        h1.append(at_vertex[k + 1])
    return Route(np.array(times), np.array(where), np.array(h0), np.array(h1), times[-1])


def walked(
    points: ArrayLike, speed: float, *, waits: Sequence[float] | None = None,
    facing: Sequence[float] | None = None,
    closed: bool = True, gap: float = 0.0,
) -> Route:  # fmt: skip
    """On foot from point to point, turning on the spot, waiting ``waits[k]`` at point k facing
    ``facing[k]``.
    """
    way = np.asarray(points, float)
    if closed:
        way = np.vstack([way, way[:1]])
    times, where = [0.0], [way[0]]
    heading: list[float] = []
    for k in range(len(way) - 1):
        if waits is not None and waits[k % len(waits)] > 0:
            times.append(times[-1] + waits[k % len(waits)])
            where.append(way[k])
            heading.append(
                facing[k % len(facing)] if facing is not None else (heading[-1] if heading else 0.0)
            )
        d = way[k + 1] - way[k]
        times.append(times[-1] + max(float(np.hypot(*d)), 0.01) / speed)
        where.append(way[k + 1])
        heading.append(float(np.arctan2(d[1], d[0])))
    return Route(np.array(times), np.array(where), np.array(heading), np.array(heading), times[-1] + gap)


def arriving(points: ArrayLike, speed: float, heading: float, leave_s: float | None = None) -> Route:
    """Once along the points, then there until ``leave_s`` (seconds after the start), facing ``heading``."""
    once = walked(points, speed, closed=False)
    stay = FOREVER_S if leave_s is None else max(leave_s, once.times[-1] + 1.0)
    return Route(
        np.append(once.times, stay), np.vstack([once.points, once.points[-1:]]),
        np.append(once.heading_from, heading), np.append(once.heading_to, heading), FOREVER_S * 10,
    )  # fmt: skip


@dataclass(slots=True)
class Whereabouts:
    """State of N movers at one instant; arrays (N,)."""

    east: Array
    north: Array
    heading: Array
    speed: Array
    travelled: Array
    present: NDArray[np.bool_]


class Timetable:
    """Many routes, each with a time offset, looked up at once."""

    def __init__(self, routes: Sequence[Route], offsets: ArrayLike) -> None:
        n, k = len(routes), max((len(r.times) for r in routes), default=2)
        self._offsets = np.asarray(offsets, float)
        self._times = np.full((n, k), np.inf)
        self._points = np.zeros((n, k, 2))
        self._from = np.zeros((n, k))
        self._to = np.zeros((n, k))
        self._travelled = np.zeros((n, k))
        self._period = np.array([r.period for r in routes], float)
        for i, route in enumerate(routes):
            m = len(route.times)
            self._times[i, :m] = route.times
            self._points[i, :m] = route.points
            self._points[i, m:] = route.points[-1]
            self._from[i, : m - 1], self._to[i, : m - 1] = route.heading_from, route.heading_to
            self._travelled[i, :m] = np.append(0.0, np.cumsum(np.hypot(*np.diff(route.points, axis=0).T)))
            self._from[i, m - 1 :] = self._to[i, m - 1 :] = route.heading_to[-1]
        self._rows = np.arange(n)

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, time_s: float) -> Whereabouts:
        """Everybody's whereabouts at a second of the town's hour."""
        t = np.mod(time_s + self._offsets, self._period)
        last = self._times.shape[1] - 2
        leg = np.clip((self._times <= t[:, None]).sum(1) - 1, 0, last)
        rows = self._rows
        start, stop = self._times[rows, leg], self._times[rows, leg + 1]
        present = (t >= self._times[:, 0]) & np.isfinite(stop) & (t <= stop)
        length = np.where(np.isfinite(stop), stop - start, 1.0)
        share = np.clip((t - start) / np.maximum(length, 1e-9), 0.0, 1.0)
        a, b = self._points[rows, leg], self._points[rows, leg + 1]
        place = a + share[:, None] * (b - a)
        run = np.hypot(b[:, 0] - a[:, 0], b[:, 1] - a[:, 1])
        heading = self._from[rows, leg] + share * (self._to[rows, leg] - self._from[rows, leg])
        return Whereabouts(
            place[:, 0], place[:, 1], heading, run / np.maximum(length, 1e-9),
            self._travelled[rows, leg] + share * run, present,
        )  # fmt: skip
