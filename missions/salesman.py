"""A short closed tour through places: 2-opt and or-opt over near neighbours, shaken and repaired.

After Bentley, "Fast algorithms for geometric traveling salesman problems", ORSA Journal on Computing 4(4),
1992 (neighbour lists and a queue of places worth looking at), and Martin, Otto and Felten, 1991 (double
bridges; here within a short window, so that repairing one costs little). Distances may be any symmetric
table: ways round holes, or dearer across the lanes than along them.
"""

from __future__ import annotations

from array import array
from collections import deque

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array

NEIGHBOURS = 9
WINDOW = 30
LONGEST_SEGMENT = 3
LEAST_GAIN = 1e-7


def closed_tour(distance: Array, first: NDArray[np.int64], kicks: int, seed: int = 0) -> NDArray[np.int64]:
    """Order in which to visit all places once and come back; the same input gives the same tour.

    Args:
        distance: (N, N), symmetric and finite.
        first: (N,) order to begin with.
        kicks: how often the tour is shaken.

    Returns:
        The order, shape (N,), beginning with place 0.
    """
    count = len(first)
    if count < 5:
        return np.roll(first, -int(np.flatnonzero(first == 0)[0]))
    tour = _Tour(distance, first.tolist())
    tour.improve(range(count))
    random = np.random.default_rng(seed)
    window = min(WINDOW, count)
    for start in random.integers(0, count - window + 1, kicks).tolist():
        tour.kick(start, sorted(random.choice(np.arange(1, window), 3, replace=False).tolist()))
    order = np.array(tour.order, np.int64)
    return np.roll(order, -int(np.flatnonzero(order == 0)[0]))


class _Tour:
    """A closed tour as an order of places and the position of each."""

    def __init__(self, distance: Array, order: list[int]) -> None:
        self._far = [array("d", row.tobytes()) for row in np.asarray(distance, np.float64)]
        self._near = _nearest(distance, min(NEIGHBOURS, len(order) - 1))
        self.order = order
        self._at = [0] * len(order)
        self._number(0, len(order))

    def _number(self, low: int, high: int) -> None:
        for position in range(low, high):
            self._at[self.order[position]] = position

    def improve(self, places: range | list[int]) -> float:
        """Take moves that help until none does at ``places`` and those that they touch; what that saves."""
        queue, waiting = deque(places), set(places)
        saved = 0.0
        while queue:
            place = queue.popleft()
            waiting.discard(place)
            while True:
                gain, touched = self._exchange(place)
                if gain <= 0:
                    gain, touched = self._move(place)
                if gain <= 0:
                    break
                saved += gain
                for other in touched:
                    if other not in waiting:
                        waiting.add(other)
                        queue.append(other)
        return saved

    def _exchange(self, a: int) -> tuple[float, tuple[int, ...]]:
        """2-opt: two links for two others, the part between turned round."""
        order, at, far, count = self.order, self._at, self._far, len(self.order)
        for step in (1, -1):
            b = order[(at[a] + step) % count]
            link = far[a][b]
            for c in self._near[a]:
                gain = link - far[a][c]
                if gain <= LEAST_GAIN:
                    break
                d = order[(at[c] + step) % count]
                gain += far[c][d] - far[b][d]
                if gain > LEAST_GAIN and c != b and d != a:
                    if step == 1:
                        self._reverse(at[b], at[c])
                    else:
                        self._reverse(at[a], at[d])
                    return gain, (a, b, c, d)
        return 0.0, ()

    def _reverse(self, low: int, high: int) -> None:
        """Turn round the places from position ``low`` to ``high``, going onwards; or all the others."""
        count = len(self.order)
        inside = (high - low) % count + 1
        if 2 * inside > count:
            low, high, inside = (high + 1) % count, (low - 1) % count, count - inside
        if low <= high:
            self.order[low : high + 1] = self.order[low : high + 1][::-1]
            self._number(low, high + 1)
            return
        positions = [(low + k) % count for k in range(inside)]
        places = [self.order[k] for k in positions][::-1]
        for position, place in zip(positions, places, strict=True):
            self.order[position] = place
            self._at[place] = position

    def _move(self, a: int) -> tuple[float, tuple[int, ...]]:
        """Or-opt: one to three places, beginning or ending at ``a``, put next to a neighbour of ``a``."""
        order, at, far, count = self.order, self._at, self._far, len(self.order)
        for size in range(1, min(LONGEST_SEGMENT, count - 3) + 1):
            for step in (1, -1):
                tail = order[(at[a] + step * (size - 1)) % count]
                before, after = order[(at[a] - step) % count], order[(at[tail] + step) % count]
                freed = far[before][a] + far[tail][after] - far[before][after]
                for c in self._near[a]:
                    if freed - far[a][c] <= LEAST_GAIN:
                        break
                    if (at[c] - at[a]) * step % count < size:
                        continue
                    for side in (1, -1):
                        d = order[(at[c] + side) % count]
                        if (at[d] - at[a]) * step % count < size:
                            continue
                        gain = freed + far[c][d] - far[a][c] - far[tail][d]
                        if gain > LEAST_GAIN:
                            self._relocate(at[a], step, size, c, d)
                            return gain, (a, tail, before, after, c, d)
        return 0.0, ()

    def _relocate(self, position: int, step: int, size: int, beside: int, other: int) -> None:
        """Put a segment between two neighbours, its first place next to ``beside``."""
        order, count = self.order, len(self.order)
        segment = [order[(position + step * k) % count] for k in range(size)]
        low = min(position, position + step * (size - 1))
        gap = min(self._at[beside], self._at[other])
        if low < 0 or low + size > count or abs(self._at[beside] - self._at[other]) > 1:
            moved = set(segment)
            rest = [place for place in order if place not in moved]
            first = rest.index(beside)
            onwards = rest[(first + 1) % len(rest)] == other
            place = first + onwards
            self.order = rest[:place] + (segment if onwards else segment[::-1]) + rest[place:]
            self._number(0, count)
            return
        piece = segment if order[gap] == beside else segment[::-1]
        if gap >= low + size:
            order[low : gap + 1] = order[low + size : gap + 1] + piece
            self._number(low, gap + 1)
        else:
            order[gap + 1 : low + size] = piece + order[gap + 1 : low]
            self._number(gap + 1, low + size)

    def kick(self, start: int, cuts: list[int]) -> None:
        """A double bridge from position ``start`` on, repaired; kept unless the tour grows longer."""
        order, far, count = self.order, self._far, len(self.order)
        order_before, at_before = order[:], self._at[:]
        a, b, c = (start + cut for cut in cuts)
        after = order[c % count]
        cost = (
            far[order[a - 1]][order[b]] + far[order[c - 1]][order[a]] + far[order[b - 1]][after]
            - far[order[a - 1]][order[a]] - far[order[b - 1]][order[b]] - far[order[c - 1]][after]
        )  # fmt: skip
        touched = [order[a - 1], order[a], order[b - 1], order[b], order[c - 1], after]
        order[a:c] = order[b:c] + order[a:b]
        self._number(a, c)
        if self.improve(touched) < cost - LEAST_GAIN:
            self.order, self._at = order_before, at_before


def _nearest(distance: Array, count: int) -> list[list[int]]:
    """The nearest other places of each, the nearest first; of equally far ones those of lower number."""
    apart = distance + np.diag(np.full(len(distance), np.inf))
    farthest = np.partition(apart, count - 1, axis=1)[:, count - 1]
    near = []
    for row, limit in zip(apart, farthest, strict=True):
        within = np.flatnonzero(row <= limit)
        near.append(within[np.argsort(row[within], kind="stable")][:count].tolist())
    return near
