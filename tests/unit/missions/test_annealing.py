"""Annealed ways: they keep their ends, stay inside, leave about what may be left, and come out the same."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon, box

from missions.annealing import Stage, anneal
from missions.footprints import View, swept
from missions.geodesy import Array
from missions.samples import Strip

STRIP = Strip(half_m=20.0, start_m=-10.0, end_m=10.0)
VIEW = View(near=-10.0, far=10.0, near_half=20.0, far_half=20.0)
STAGE = Stage(fineness=16, tries=6000, warmth=(0.02, 0.001), step=(0.2, 0.05), strictness=(5, 30))


def lawnmower(width: float, height: float) -> Array:
    rows = np.arange(20.0, height, 36.0)
    ends = [[(12.0, y), (width - 12.0, y)][:: 1 if i % 2 == 0 else -1] for i, y in enumerate(rows)]
    return np.vstack([[(12.0, 8.0)], *ends, [(12.0, 8.0)]])


def unseen_m2(path: Array, target: Polygon) -> float:
    return float(target.difference(shapely.union_all(swept(VIEW, path[:-1], path[1:]))).area)


def test_a_way_grows_shorter_and_leaves_about_what_may_be_left() -> None:
    target, path = box(0, 0, 300, 200), lawnmower(300, 200)
    short, counted = anneal(path, target, target, STRIP, 0.0, 300.0, STAGE)
    assert LineString(short).length < LineString(path).length - 50
    assert counted <= 1.1 * 300.0
    assert unseen_m2(short, target) == pytest.approx(counted, abs=300.0)


def test_the_same_input_gives_the_same_way() -> None:
    target, path = box(0, 0, 300, 200), lawnmower(300, 200)
    first, second = (anneal(path, target, target, STRIP, 0.0, 300.0, STAGE)[0] for _ in range(2))
    assert first.tolist() == second.tolist()


def test_ground_that_was_left_is_fetched_in() -> None:
    target = box(0, 0, 300, 120)
    path = np.array([(4.0, 4.0), (4.0, 20.0), (296.0, 20.0), (296.0, 60.0), (4.0, 60.0), (4.0, 4.0)])
    way, _ = anneal(path, target, target, STRIP, 0.0, 0.0, STAGE)
    assert unseen_m2(path, target) > 10_000
    assert unseen_m2(way, target) < 300


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000))
def test_ends_stay_and_no_leg_leaves_the_region(seed: int) -> None:
    random = np.random.default_rng(seed)
    target = Polygon([(0, 0), (400, 0), (400, 120), (220, 120), (220, 260), (0, 260)])
    target = target.difference(box(60, 60, 110, 90))
    region = target.buffer(-4, join_style="mitre")
    path = np.array(
        [(10, 10), (380, 20), (380, 100), (20, 100), (20, 140), (200, 150), (150, 250), (10, 10)], float
    )
    path[-2] += random.uniform(-20, 0, 2)
    start = Stage(fineness=8, tries=1500, warmth=(0.1, 0.01), step=(0.4, 0.1), strictness=(3, 8))
    way, _ = anneal(path, target, region, STRIP, float(random.uniform(0, 180)), 50.0, start)
    assert way[0] == pytest.approx(path[0])
    assert way[-1] == pytest.approx(path[-1])
    assert LineString(way).difference(region.buffer(0.1)).length == pytest.approx(0.0, abs=1e-6)


def test_a_way_without_corners_and_one_that_leads_nowhere_are_borne() -> None:
    target = box(0, 0, 100, 40)
    for path in (np.array([(5.0, 20.0), (95.0, 20.0)]), np.array([(5.0, 20.0), (5.0, 20.0)])):
        way, _ = anneal(path, target, target, STRIP, 0.0, 0.0, STAGE)
        assert way[[0, -1]] == pytest.approx(path)
