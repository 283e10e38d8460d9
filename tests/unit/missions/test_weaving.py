"""Round trips: they stay inside, come home, and show the ground."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from missions.coverage import cover, lower_bound_m, uncovered
from missions.detours import with_detour
from missions.footprints import View, swept
from missions.lanes import Sweep
from missions.round_trips import sees_all_round
from missions.weaving import lattice, woven

SWATH = 40.0
ROUND = Sweep(View(near=-12.0, far=12.0, near_half=20.0, far_half=20.0), SWATH, 0.0)


def look(starts: Any, ends: Any) -> Any:
    return swept(ROUND.view, starts, ends)


def holed(seed: int) -> Any:
    """Some 300 m across, with up to three holes, no part of it a thread."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 9))
    radii = random.uniform(140, 220, 9)
    shape = Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])).buffer(0)
    for _ in range(int(random.integers(0, 4))):
        shape = shape.difference(
            Point(random.uniform(-90, 90, 2)).buffer(random.uniform(12, 25), quad_segs=3)
        )
    return max(getattr(shape, "geoms", [shape]), key=lambda part: part.area)


def test_a_lattice_holds_the_middle_of_every_piece() -> None:
    places = lattice(box(0, 0, 160, 80), SWATH)
    assert sorted(map(tuple, places.tolist())) == [(x, y) for x in (20, 60, 100, 140) for y in (20, 60)]


def test_a_rectangle_is_woven_at_its_bound() -> None:
    """Eight swaths by six: a closed tour of 48 places, 40 m apart."""
    cell = box(0, 0, 320, 240)
    path = woven(cell, cell, np.array([20.0, 20.0]), SWATH, 0.0, 1.15, 500)
    assert LineString(path).length == pytest.approx(48 * SWATH)
    assert path[0].tolist() == pytest.approx([20, 20])
    assert path[-1].tolist() == pytest.approx([20, 20])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_round_trips_stay_inside_and_every_place_is_seen_or_counted_as_left(seed: int) -> None:
    """Every point is within half a swath of a lane, or in the part that may be left out."""
    target = holed(seed)
    region = target.buffer(-3, join_style="mitre")
    region = max(getattr(region, "geoms", [region]), key=lambda part: part.area)
    home = np.array(region.representative_point().coords[0])
    tour = cover(target, region, home, ROUND, leave_out=0.005)
    path = np.vstack([*tour.transits[:1], *[np.vstack(pair) for pair in zip(tour.lanes, tour.transits[1:],
                                                                           strict=True)]])  # fmt: skip
    assert LineString(path).difference(region.buffer(0.1, join_style="mitre")).length == 0
    assert path[0] == pytest.approx(home)
    assert path[-1] == pytest.approx(home)
    assert tour.length_m == pytest.approx(LineString(path).length, abs=0.01)
    left = uncovered(target, tour.lanes, look)
    random = np.random.default_rng(seed)
    points = shapely.points(random.uniform(-220, 220, (400, 2)))
    points = points[shapely.contains(target, points) & ~shapely.intersects(left.buffer(0.01), points)]
    reach = np.hypot(SWATH / 2, 12.0) + 0.01
    lines = shapely.linestrings(tour.lanes)
    assert all(shapely.distance(lines, point).min() <= reach for point in points)
    assert left.area <= 0.03 * target.area


def test_a_compact_cell_is_flown_near_its_bound() -> None:
    cell = box(0, 0, 400, 330)
    tour = cover(cell, cell.buffer(-3, join_style="mitre"), np.array([10.0, 10.0]), ROUND, leave_out=0.0045)
    assert tour.length_m / lower_bound_m(cell.area, SWATH) < 1.12
    assert uncovered(cell, tour.lanes, look).area <= 0.006 * cell.area


def test_a_detour_comes_back_to_where_it_left() -> None:
    path = np.array([[0.0, 0.0], [100.0, 0.0]])
    bent = with_detour(path, np.array([[50.0, 30.0], [60.0, 30.0]]), box(-10, -10, 110, 50))
    assert bent is not None
    assert bent[0].tolist() == [0, 0]
    assert bent[-1].tolist() == [100, 0]
    assert bent[1].tolist() == bent[4].tolist()
    assert bent[1][1] == 0
    wall = box(-10, -10, 110, 50).difference(box(-10, 10, 110, 15))
    assert with_detour(path, np.array([[50.0, 30.0], [60.0, 30.0]]), wall) is None


def test_only_cameras_that_see_behind_the_aircraft_see_all_round() -> None:
    assert sees_all_round(ROUND)
    assert not sees_all_round(Sweep(View(near=5.0, far=60.0, near_half=20.0, far_half=30.0), SWATH, 0.0))
