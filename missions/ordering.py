"""In which order and direction to fly lanes, so that the whole way from home and back is short.

Iterated local search over oriented lanes: turning a run of lanes round (2-opt) and moving a run elsewhere
either way round (or-opt) are evaluated all at once from prefix sums. When no move helps, four runs are
shuffled (double bridge) and the search goes on from there. The same input gives the same tour.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array

LONGEST_RUN = 12
"""Lanes moved together at most."""
KICKS = 40
MOST_STEPS = 2_000
IMPOSSIBLE_M = 1e7
LEAST_GAIN_M = 1e-6
Order = NDArray[np.int64]


def order_lanes(
    leave: Array, between: Array, arrive: Array, lengths: Array, first: Order, kicks: int = KICKS
) -> tuple[Order, Order, float]:
    """A short tour through all lanes.

    Every lane has two ways of being flown (0 and 1); one that is impossible has infinite length.

    Args:
        leave: (N, 2) metres from home to the start of each lane and direction.
        between: (N, 2, N, 2) metres from the end of a lane to the start of another.
        arrive: (N, 2) metres from the end of each lane and direction to home.
        lengths: (N, 2) metres of each lane itself.
        first: order to begin with, shape (N,).
        kicks: shuffles after the first local optimum.

    Returns:
        The order (N,), the direction of each lane in that order (N,), and the length of the tour.
    """
    table = _Table.of(leave, between, arrive, lengths)
    order = np.asarray(first, np.int64)
    ways = _directions(order, leave, between, arrive, lengths)
    best = table.improved(2 * order + ways)
    cost = table.length(best)
    random = np.random.default_rng(0)
    for _ in range(kicks if len(order) > 7 else 0):
        tried = table.improved(_shuffled(best, random))
        if (length := table.length(tried)) < cost - LEAST_GAIN_M:
            best, cost = tried, length
    return best // 2, best % 2, cost


@dataclass(frozen=True, slots=True)
class _Table:
    """Distances over oriented lanes (number times two plus direction); the last row and column are home.

    ``link[a, b]`` is the way from the end of a to the start of b, ``own[a]`` the length of a itself.
    """

    link: Array
    own: Array

    @classmethod
    def of(cls, leave: Array, between: Array, arrive: Array, lengths: Array) -> _Table:
        count = 2 * len(leave)
        link = np.zeros((count + 2, count + 2))
        link[:count, :count] = between.reshape(count, count)
        # home keeps its place under "turned round" (number ^ 1): it takes two rows
        link[count:, :count] = leave.reshape(1, count)
        link[:count, count:] = arrive.reshape(count, 1)
        own = np.append(lengths.reshape(count), [0.0, 0.0])
        return cls(
            np.where(np.isfinite(link), link, IMPOSSIBLE_M), np.where(np.isfinite(own), own, IMPOSSIBLE_M)
        )

    def length(self, tour: Order) -> float:
        closed = self._closed(tour)
        return float(self.link[closed[:-1], closed[1:]].sum() + self.own[tour].sum())

    def improved(self, tour: Order) -> Order:
        """The tour after the best moves until none helps."""
        for _ in range(MOST_STEPS):
            turned, gain_turning = self._best_turn(tour)
            moved, gain_moving = self._best_move(tour)
            if max(gain_turning, gain_moving) < LEAST_GAIN_M:
                break
            tour = turned if gain_turning >= gain_moving else moved
        return tour

    def _closed(self, tour: Order) -> Order:
        home = len(self.own) - 2
        return np.concatenate([[home], tour, [home]])

    def _sums(self, closed: Order) -> tuple[Array, Array]:
        """What stands before position k when flown onwards and when flown turned round, (N + 3,).

        The way from position i to j, lanes and links included, is onward[j + 1] - onward[i] - link before i.
        """
        back = closed ^ 1
        ahead = self.link[closed[:-1], closed[1:]]
        astern = self.link[back[1:], back[:-1]]
        return (
            np.concatenate([[0.0], np.cumsum(np.concatenate([[0.0], ahead]) + self.own[closed])]),
            np.concatenate([[0.0], np.cumsum(np.concatenate([[0.0], astern]) + self.own[back])]),
        )

    def _best_turn(self, tour: Order) -> tuple[Order, float]:
        """The best run i to j turned round, and what that saves."""
        closed = self._closed(tour)
        back, count = closed ^ 1, len(tour)
        onward, turned = self._sums(closed)
        ahead = self.link[closed[:-1], closed[1:]]
        astern = self.link[back[1:], back[:-1]]
        i, j = np.triu_indices(count)
        i, j = i + 1, j + 1
        before = ahead[i - 1] + ahead[j] + _inner(onward, ahead, i, j)
        after = (
            self.link[closed[i - 1], back[j]]
            + self.link[back[i], closed[j + 1]]
            + _inner(turned, astern, i, j)
        )
        best = int(np.argmax(before - after))
        a, b = int(i[best]) - 1, int(j[best])
        result = np.concatenate([tour[:a], tour[a:b][::-1] ^ 1, tour[b:]])
        return result, float(before[best] - after[best])

    def _best_move(self, tour: Order) -> tuple[Order, float]:
        """The best run of a few lanes moved elsewhere, either way round, and what that saves."""
        closed = self._closed(tour)
        back, count = closed ^ 1, len(tour)
        onward, turned = self._sums(closed)
        ahead = self.link[closed[:-1], closed[1:]]
        astern = self.link[back[1:], back[:-1]]
        best: tuple[float, int, int, int, bool] = (0.0, 0, 0, 0, False)
        gaps = np.arange(count + 1)
        for size in range(1, min(LONGEST_RUN, count - 1) + 1):
            i = np.arange(1, count - size + 2)
            j = i + size - 1
            saved = ahead[i - 1] + ahead[j] - self.link[closed[i - 1], closed[j + 1]]
            bent = _inner(turned, astern, i, j) - _inner(onward, ahead, i, j)
            outside = (gaps[None, :] < i[:, None] - 1) | (gaps[None, :] > j[:, None])
            for flip in (False, True):
                head, tail = (back[j], back[i]) if flip else (closed[i], closed[j])
                added = self.link[closed[gaps][None, :], head[:, None]]
                added = added + self.link[tail[:, None], closed[gaps + 1][None, :]] - ahead[gaps][None, :]
                gain = np.where(outside, (saved - bent * flip)[:, None] - added, -np.inf)
                at = int(np.argmax(gain))
                if gain.flat[at] > best[0]:
                    best = (float(gain.flat[at]), int(i[at // (count + 1)]), size, at % (count + 1), flip)
        saved_m, start, size, gap, flip = best
        if not size:
            return tour, 0.0
        run = tour[start - 1 : start - 1 + size]
        run = run[::-1] ^ 1 if flip else run
        rest = np.concatenate([tour[: start - 1], tour[start - 1 + size :]])
        place = gap if gap < start else gap - size
        return np.concatenate([rest[:place], run, rest[place:]]), saved_m


def _inner(sums: Array, links: Array, i: Order, j: Order) -> Array:
    """Lanes i to j and the links between them, without the links on either side."""
    return np.asarray(sums[j + 1] - sums[i] - links[i - 1])


def _shuffled(tour: Order, random: np.random.Generator) -> Order:
    """Double bridge: the two middle ones of four runs change places."""
    a, b, c = np.sort(random.choice(np.arange(1, len(tour)), 3, replace=False))
    return np.concatenate([tour[:a], tour[b:c], tour[a:b], tour[c:]])


def nearest_first(leave: Array, between: Array) -> Order:
    """Always the nearest lane next: a start for ``order_lanes``."""
    count = len(leave)
    lane, way = np.unravel_index(int(np.argmin(leave)), leave.shape)
    order, left = [int(lane)], set(range(count)) - {int(lane)}
    while left:
        rest = sorted(left)
        steps = between[order[-1], way][rest]
        pick, way = np.unravel_index(int(np.argmin(steps)), steps.shape)
        order.append(rest[int(pick)])
        left.discard(rest[int(pick)])
    return np.array(order, np.int64)


def _directions(order: Order, leave: Array, between: Array, arrive: Array, lengths: Array) -> Order:
    """The best directions for one order."""
    cost = leave[order[0]] + lengths[order[0]]
    choices = []
    for before, after in itertools.pairwise(order):
        links = between[before, :, after, :] + cost[:, None]
        choices.append(links.argmin(axis=0))
        cost = links.min(axis=0) + lengths[after]
    way = int(np.argmin(cost + arrive[order[-1]]))
    ways = [way]
    for choice in reversed(choices):
        way = int(choice[way])
        ways.append(way)
    return np.array(ways[::-1], np.int64)
