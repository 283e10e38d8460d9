"""Ways made shorter: they keep their ends, stay inside and show the ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon, box

from missions.geodesy import Array
from missions.samples import Strip
from missions.shortening import shorten

STRIP = Strip(half_m=20.0, start_m=-10.0, end_m=10.0)


def lawnmower(width: float, height: float, swath: float) -> Array:
    rows = np.arange(swath / 2, height, swath)
    ends = [[(4.0, y), (width - 4.0, y)][:: 1 if i % 2 == 0 else -1] for i, y in enumerate(rows)]
    return np.vstack([[(4.0, 4.0)], *ends, [(4.0, 4.0)]])


def seen(path: Array) -> Polygon:
    return LineString(path).buffer(20.0, cap_style="square", join_style="mitre")


def test_a_useless_hook_is_dropped() -> None:
    target = box(0, 0, 400, 200)
    plain = lawnmower(400, 200, 40)
    hooked = np.vstack([plain[:3], [(200.0, 20.0)], plain[3:]])
    short = shorten(hooked, target, target.buffer(-4), STRIP, 0.0, 0.0)
    assert LineString(short).length < LineString(hooked).length - 100


def test_ground_that_was_left_is_fetched_in() -> None:
    target = box(0, 0, 400, 200)
    path = np.array([(4.0, 4.0), (4.0, 20.0), (396.0, 20.0), (396.0, 60.0), (4.0, 60.0), (4.0, 4.0)])
    short = shorten(path, box(0, 0, 400, 115), target.buffer(-4), STRIP, 0.0, 0.0)
    assert box(0, 0, 400, 115).difference(seen(short)).area < box(0, 0, 400, 115).difference(seen(path)).area


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_ends_stay_and_no_leg_leaves_the_region(seed: int) -> None:
    random = np.random.default_rng(seed)
    target = Polygon([(0, 0), (400, 0), (400, 120), (220, 120), (220, 260), (0, 260)])
    region = target.buffer(-4, join_style="mitre")
    path = np.array(
        [(10, 10), (380, 20), (380, 100), (20, 100), (20, 140), (200, 150), (150, 250), (10, 10)], float
    )
    path[-2] += random.uniform(-20, 0, 2)
    short = shorten(path, target, region, STRIP, float(random.uniform(0, 180)), 0.0, tries=1500)
    assert short[0] == pytest.approx(path[0])
    assert short[-1] == pytest.approx(path[-1])
    assert LineString(short).difference(region.buffer(0.1)).length == pytest.approx(0.0, abs=1e-6)


def test_a_way_without_corners_stays() -> None:
    path = np.array([(5.0, 5.0), (95.0, 5.0)])
    assert shorten(path, box(0, 0, 100, 40), box(0, 0, 100, 40), STRIP, 0.0, 0.0) is path
