from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.geodesy import Array
from missions.ordering import nearest_first, order_lanes


def tables(ways: Array, home: Array) -> tuple[Array, Array, Array, Array]:
    """Straight distances for lanes (N, 2, 2, 2): direction, end, place."""
    starts, ends = ways[:, :, 0], ways[:, :, 1]
    leave = np.hypot(*np.moveaxis(starts - home, -1, 0))
    arrive = np.hypot(*np.moveaxis(ends - home, -1, 0))
    between = np.hypot(*np.moveaxis(ends[:, :, None, None] - starts[None, None], -1, 0))
    lengths = np.hypot(*np.moveaxis(ends - starts, -1, 0))
    return leave, between, arrive, lengths


def both_ways(lanes: Array) -> Array:
    return np.stack([lanes, lanes[:, ::-1]], axis=1)


def length_of(order: Array, ways: Array, directions: Array, home: Array) -> float:
    path = [home, *ways[order, directions].reshape(-1, 2), home]
    return float(np.hypot(*np.diff(np.array(path), axis=0).T).sum())


def test_parallel_lanes_become_a_boustrophedon() -> None:
    lanes = np.array([[[0.0, y], [100.0, y]] for y in (40.0, 0.0, 20.0, 60.0)])
    home = np.array([0.0, -10.0])
    ways = both_ways(lanes)
    order, directions, total = order_lanes(*tables(ways, home), np.arange(4))
    assert total == pytest.approx(length_of(order, ways, directions, home))
    assert total == pytest.approx(4 * 100 + 10 + 60 + 70)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_small_tours_are_nearly_the_best_of_all(seed: int) -> None:
    """Five lanes: all 3840 tours are tried."""
    random = np.random.default_rng(seed)
    ways, home = both_ways(random.uniform(0, 100, (5, 2, 2))), random.uniform(0, 100, 2)
    results = [order_lanes(*tables(ways, home), first) for first in (
        np.arange(5), nearest_first(*tables(ways, home)[:2]))]  # fmt: skip
    found = min(total for *_, total in results)
    best = min(
        length_of(np.array(order), ways, np.array(way), home)
        for order in itertools.permutations(range(5))
        for way in itertools.product((0, 1), repeat=5)
    )
    assert found >= best - 1e-6
    assert found <= best * 1.1


def test_impossible_directions_are_not_taken() -> None:
    lanes = np.array([[[0.0, 0.0], [100.0, 0.0]], [[100.0, 20.0], [0.0, 20.0]], [[0.0, 40.0], [100.0, 40.0]]])
    leave, between, arrive, lengths = tables(both_ways(lanes), np.array([0.0, 0.0]))
    lengths[:, 1] = leave[:, 1] = arrive[:, 1] = np.inf
    _, directions, total = order_lanes(leave, between, arrive, lengths, np.arange(3))
    assert directions.tolist() == [0, 0, 0]
    assert np.isfinite(total)


def test_one_lane_and_long_tours() -> None:
    one = both_ways(np.array([[[5.0, 0.0], [9.0, 0.0]]]))
    order, directions, total = order_lanes(*tables(one, np.zeros(2)), np.arange(1))
    assert (order.tolist(), directions.tolist()) == ([0], [0])
    assert total == pytest.approx(18.0)
    many = both_ways(np.array([[[0.0, 5.0 * k], [50.0, 5.0 * k]] for k in range(45)]))
    shuffled = np.random.default_rng(3).permutation(45)
    first = order_lanes(*tables(many, np.zeros(2)), shuffled)
    assert first[2] == order_lanes(*tables(many, np.zeros(2)), shuffled)[2]
    assert sorted(first[0].tolist()) == list(range(45))
    assert first[2] < 1.25 * (45 * 50 + 2 * 220)
