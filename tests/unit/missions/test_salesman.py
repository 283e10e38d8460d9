from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.geodesy import Array
from missions.salesman import closed_tour


def distances(places: Array) -> Array:
    return np.asarray(np.hypot(*np.moveaxis(places[:, None] - places[None], -1, 0)))


def length(distance: Array, order: Array) -> float:
    return float(distance[order, np.roll(order, -1)].sum())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40), kicks=st.integers(0, 60))
def test_every_place_is_visited_once_and_kicks_never_lengthen(seed: int, count: int, kicks: int) -> None:
    table = distances(np.random.default_rng(seed).uniform(0, 100, (count, 2)))
    order = closed_tour(table, np.arange(count), kicks)
    assert sorted(order.tolist()) == list(range(count))
    assert order[0] == 0
    assert length(table, order) <= length(table, np.arange(count)) + 1e-6
    assert length(table, order) <= length(table, closed_tour(table, np.arange(count), 0)) + 1e-6


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_eight_places_are_nearly_always_visited_in_the_best_order(seed: int) -> None:
    table = distances(np.random.default_rng(seed).uniform(0, 100, (8, 2)))
    found = length(table, closed_tour(table, np.arange(8), 200))
    best = min(length(table, np.array([0, *rest])) for rest in itertools.permutations(range(1, 8)))
    assert best - 1e-6 <= found <= 1.02 * best


def test_a_lattice_is_visited_without_a_step_too_many() -> None:
    """Ten by ten places one metre apart have a tour of a hundred metres."""
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), -1).reshape(-1, 2)
    table = distances(grid)
    order = closed_tour(table, np.arange(100), 1000)
    assert length(table, order) == pytest.approx(100.0)
    assert order.tolist() == closed_tour(table, np.arange(100), 1000).tolist()
