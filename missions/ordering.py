"""In which order and direction to fly lanes, so that the whole way from home and back is short."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array

MAX_MOVES = 4_000
"""Moves tried in a round: all of them up to about 35 lanes, a fixed sample of them beyond."""
MAX_ROUNDS = 250
MAX_STALLS = 3
Order = NDArray[np.int64]


def order_lanes(
    leave: Array, between: Array, arrive: Array, lengths: Array, first: Order
) -> tuple[Order, Order, float]:
    """A short tour through all lanes by 2-opt and or-opt moves; the directions are optimal for the order.

    Every lane has two ways of being flown (0 and 1); one that is impossible has infinite length.

    Args:
        leave: (N, 2) metres from home to the start of each lane and direction.
        between: (N, 2, N, 2) metres from the end of a lane to the start of another.
        arrive: (N, 2) metres from the end of each lane and direction to home.
        lengths: (N, 2) metres of each lane itself.
        first: order to begin with, shape (N,).

    Returns:
        The order (N,), the direction of each lane in that order (N,), and the length of the tour.
    """
    best = np.asarray(first, np.int64)
    cost = float(_tours(best[None, :], leave, between, arrive, lengths)[0])
    random = np.random.default_rng(0)
    stalls = 0
    for _ in range(MAX_ROUNDS):
        moves = _neighbours(best, random)
        if not len(moves):
            break
        costs = _tours(moves, leave, between, arrive, lengths)
        chosen = int(np.argmin(costs))
        if costs[chosen] < cost - 1e-6:
            best, cost, stalls = moves[chosen], float(costs[chosen]), 0
        elif len(moves) < MAX_MOVES or stalls == MAX_STALLS:
            break
        else:
            stalls += 1
    return best, _directions(best, leave, between, arrive, lengths), cost


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


def _tours(orders: Order, leave: Array, between: Array, arrive: Array, lengths: Array) -> Array:
    """Lengths of many tours (M, N) at once, each with its best directions."""
    cost = leave[orders[:, 0]] + lengths[orders[:, 0]]
    for step in range(1, orders.shape[1]):
        before, after = orders[:, step - 1], orders[:, step]
        links = between[before, :, after, :] + cost[:, :, None]
        cost = links.min(axis=1) + lengths[after]
    return np.asarray((cost + arrive[orders[:, -1]]).min(axis=1))


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


def _neighbours(order: Order, random: np.random.Generator) -> Order:
    """Orders one move away; for long tours a sample of them."""
    moves = _moves(len(order))
    if len(moves) > MAX_MOVES:
        moves = moves[random.choice(len(moves), MAX_MOVES, replace=False)]
    return order[moves]


@lru_cache(maxsize=8)
def _moves(count: int) -> Order:
    """Every reversal of a run (2-opt) and every moving of a run of up to three lanes (or-opt), (M, count)."""
    place = list(range(count))
    moves = [place[:i] + place[i : j + 1][::-1] + place[j + 1 :] for i in place for j in range(i + 1, count)]
    for size in range(1, min(3, count - 1) + 1):
        for i in range(count - size + 1):
            rest, run = place[:i] + place[i + size :], place[i : i + size]
            moves += [rest[:at] + run + rest[at:] for at in range(len(rest) + 1) if at != i]
    return np.array(moves, np.int64).reshape(-1, count)
