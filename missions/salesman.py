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
    for start in random.integers(0, count, kicks).tolist():
        tour.kick(start, sorted(random.choice(np.arange(1, window), 3, replace=False).tolist()))
    order = np.array(tour.order, np.int64)
    return np.roll(order, -int(np.flatnonzero(order == 0)[0]))


class _Tour:
    """A closed tour as an order of places and the position of each."""

    def __init__(self, distance: Array, order: list[int]) -> None:
        self._far = [array("d", row) for row in distance]
        near = np.argsort(distance + np.diag(np.full(len(distance), np.inf)), axis=1, kind="stable")
        self._near = near[:, : min(NEIGHBOURS, len(order) - 1)].tolist()
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
        count = len(self.order)
        segment = [self.order[(position + step * k) % count] for k in range(size)]
        moved = set(segment)
        rest = [place for place in self.order if place not in moved]
        first = rest.index(beside)
        if rest[(first + 1) % len(rest)] == other:
            rest[first + 1 : first + 1] = segment
        else:
            rest[first:first] = segment[::-1]
        self.order = rest
        self._number(0, count)

    def kick(self, start: int, cuts: list[int]) -> None:
        """A double bridge within a window, repaired; kept unless the tour is longer than before."""
        count, far = len(self.order), self._far
        before = self.order[:]
        self.order = self.order[start:] + self.order[:start]
        a, b, c = cuts
        head = self.order
        cost = (
            far[head[a - 1]][head[b]] + far[head[c - 1]][head[a]] + far[head[b - 1]][head[c % count]]
            - far[head[a - 1]][head[a]] - far[head[b - 1]][head[b]] - far[head[c - 1]][head[c % count]]
        )  # fmt: skip
        touched = [head[k % count] for k in (a - 1, a, b - 1, b, c - 1, c)]
        self.order = head[:a] + head[b:c] + head[a:b] + head[c:]
        self._number(0, count)
        if self.improve(touched) < cost - LEAST_GAIN:
            self.order = before
            self._number(0, count)
