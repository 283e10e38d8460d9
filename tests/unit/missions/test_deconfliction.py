from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.deconfliction import Trajectory, conflicts, remedy
from missions.geodesy import Array


def flight(times: list[float], *places: tuple[float, float, float]) -> Trajectory:
    return Trajectory(np.array(times), np.array(places, float))


EASTBOUND = flight([0, 100], (-500, 0, 50), (500, 0, 50))


def test_crossing_at_the_same_time() -> None:
    """Both at 10 m/s over the middle after 50 s: they are 30 m apart 2.12 s before and after."""
    (found,) = conflicts(EASTBOUND, flight([0, 100], (0, -500, 50), (0, 500, 50)))
    assert found.start_s == pytest.approx(50 - 30 / 10 / np.sqrt(2))
    assert found.end_s == pytest.approx(50 + 30 / 10 / np.sqrt(2))
    assert found.least_m == pytest.approx(0, abs=1e-9)


def test_crossing_at_another_time_or_height_is_none() -> None:
    assert not conflicts(EASTBOUND, flight([10, 110], (0, -500, 50), (0, 500, 50)))
    assert not conflicts(EASTBOUND, flight([0, 100], (0, -500, 60), (0, 500, 60)))
    assert conflicts(EASTBOUND, flight([0, 100], (0, -500, 59.9), (0, 500, 59.9)))


def test_touching_the_separation_is_no_conflict() -> None:
    beside = flight([0, 100], (-500, 30, 50), (500, 30, 50))
    assert not conflicts(EASTBOUND, beside)
    nearer = flight([0, 100], (-500, 29.99, 50), (500, 29.99, 50))
    (found,) = conflicts(EASTBOUND, nearer)
    assert (found.start_s, found.end_s) == (0, 100)
    assert found.least_m == pytest.approx(29.99)


def test_descending_through_somebody() -> None:
    """Ten metres above it only between the 40th and the 60th metre of a descent at 1 m/s."""
    hovering = flight([0, 100], (0, 0, 50), (0, 0, 50))
    (found,) = conflicts(hovering, flight([0, 100], (10, 0, 100), (10, 0, 0)))
    assert (found.start_s, found.end_s) == (pytest.approx(40), pytest.approx(60))


def test_slack_covers_every_shift_of_the_clocks() -> None:
    crossing = flight([8, 108], (0, -500, 50), (0, 500, 50))
    assert not conflicts(EASTBOUND, crossing)
    assert conflicts(EASTBOUND, crossing, slack_s=5)


def zigzag(seed: int) -> Trajectory:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 15))
    places = np.column_stack([random.uniform(0, 250, (count, 2)), random.uniform(40, 70, count)])
    return Trajectory(random.uniform(0, 20) + np.cumsum(random.uniform(0.5, 30, count)), places)


def broken(first: Trajectory, second: Trajectory, times: Array) -> Array:
    gap = first.at(times) - second.at(times)
    return np.asarray((np.hypot(gap[:, 0], gap[:, 1]) < 30) & (np.abs(gap[:, 2]) < 10))


@settings(max_examples=200, deadline=None)
@given(seeds=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)))
def test_windows_hold_exactly_the_moments_at_which_separation_is_lost(seeds: tuple[int, int]) -> None:
    first, second = zigzag(seeds[0]), zigzag(seeds[1])
    found = conflicts(first, second)
    start, end = max(first.times_s[0], second.times_s[0]), min(first.times_s[-1], second.times_s[-1])
    if start >= end:
        assert not found
        return
    times = np.linspace(start, end, 4001)
    inside, clear = np.zeros(len(times), bool), np.ones(len(times), bool)
    for window in found:
        inside |= (times >= window.start_s) & (times <= window.end_s)
        clear &= (times < window.start_s - 1e-6) | (times > window.end_s + 1e-6)
    lost = broken(first, second, times)
    assert not (lost & ~inside).any()
    assert not (~lost & ~clear & (np.abs(times - start) > 1e-6) & ~_at_edges(times, found)).any()


def _at_edges(times: Array, found: list) -> Array:
    near = np.zeros(len(times), bool)
    for window in found:
        near |= (np.abs(times - window.start_s) < 1e-6) | (np.abs(times - window.end_s) < 1e-6)
    return near


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_remedy_clears_all_others(seed: int) -> None:
    way, others = zigzag(seed), [zigzag(seed + 1), zigzag(seed + 2)]
    mended = remedy(way, others, highest_lift_m=30.0, slack_s=1.0)
    assert mended is not None
    moved = way.lifted(mended.lift_m).delayed(mended.delay_s)
    assert not any(conflicts(moved, other, slack_s=1.0) for other in others)
    if not any(conflicts(way, other, slack_s=1.0) for other in others):
        assert (mended.delay_s, mended.lift_m) == (0, 0)


def test_a_layer_is_taken_where_the_ceiling_allows_it() -> None:
    crossing = flight([0, 20, 80, 100], (0, -500, 0), (0, -300, 50), (0, 300, 50), (0, 500, 0))
    higher = remedy(crossing, [EASTBOUND], highest_lift_m=20.0)
    later = remedy(crossing, [EASTBOUND], highest_lift_m=10.0)
    assert higher is not None
    assert later is not None
    assert (higher.delay_s, higher.lift_m) == (0, 15)
    assert later.lift_m == 0
    assert later.delay_s > 0


@pytest.mark.parametrize(
    ("times", "places"),
    [([0.0], [[0, 0, 0]]), ([0.0, 0.0], [[0, 0, 0]] * 2), ([0.0, 1.0], [[0, 0]] * 2),
     ([0.0, np.nan], [[0, 0, 0]] * 2)],
)  # fmt: skip
def test_impossible_trajectories(times: list[float], places: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"trajectory"):
        Trajectory(np.array(times), np.array(places, float))
