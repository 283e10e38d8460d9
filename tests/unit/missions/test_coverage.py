from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from missions.airspace import Airspace, open_airspace
from missions.coverage import cover, lower_bound_m, uncovered
from missions.footprints import View, swept, view_of
from missions.geodesy import Array
from missions.lanes import Sweep, lay_lanes, split_at_notches
from missions.plan import PlanCamera

NOTHING = Polygon()


def sweep(pitch_deg: float = -55.0, dwell_m: float = 35.0, overlap: float = 0.1) -> Sweep:
    camera = PlanCamera(name="t", width_px=1280, height_px=720, horizontal_fov_deg=60, pitch_deg=pitch_deg)
    view = view_of(camera).at(50)
    return Sweep(view, view.swath_m * (1 - overlap), dwell_m)


def look(view: View) -> Any:
    return lambda starts, ends: swept(view, starts, ends)


def blob(seed: int, holes: int) -> Any:
    """A star-shaped polygon of 120 to 300 m with random holes."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 14))))
    radii = random.uniform(120, 300, len(angles))
    shape = Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])).buffer(0)
    for _ in range(holes):
        hole = Point(random.uniform(-150, 150, 2)).buffer(random.uniform(15, 45), quad_segs=4)
        shape = shape.difference(hole)
    parts = [part for part in getattr(shape, "geoms", [shape]) if part.area > 2000]
    return max(parts, key=lambda part: part.area) if parts else box(0, 0, 100, 100)


def check(target: Any, room: Airspace, home: Array, way: Sweep, unseen: float) -> None:
    """Nothing is flown outside, the way hangs together, and the ground is seen."""
    tour = cover(target, room.region, home, way)
    assert len(tour.transits) == len(tour.lanes) + 1
    pieces = [tour.transits[0]]
    for lane, transit in zip(tour.lanes, tour.transits[1:], strict=True):
        assert pieces[-1][-1] == pytest.approx(lane[0])
        assert transit[0] == pytest.approx(lane[1])
        pieces += [lane, transit]
    path = np.vstack(pieces)
    assert path[0] == pytest.approx(home)
    assert path[-1] == pytest.approx(home)
    assert LineString(path).difference(room.allowed).length == 0
    assert LineString(path).intersection(room.forbidden).length == 0
    assert tour.length_m == pytest.approx(LineString(path).length, abs=0.01)
    assert tour.length_m >= lower_bound_m(target.area, way.view.swath_m)
    missing = uncovered(target, tour.lanes, look(way.view)).area / target.area
    assert missing <= unseen


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000), holes=st.integers(0, 3), pitch=st.sampled_from([-90.0, -70.0, -55.0, -45.0])
)
def test_any_polygon_is_seen_whole_and_nothing_is_flown_outside(seed: int, holes: int, pitch: float) -> None:
    target = blob(seed, holes)
    home = np.array(target.exterior.coords[0])
    room = open_airspace(target, NOTHING, home, 60.0)
    check(target, room, home, sweep(pitch), unseen=0.0005)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), zones=st.integers(1, 3))
def test_no_fly_zones_are_never_entered(seed: int, zones: int) -> None:
    """The ground beside a zone may only be seen from some sides; little of it may be missed."""
    random = np.random.default_rng(seed)
    whole = blob(seed, 0)
    forbidden = NOTHING
    for _ in range(zones):
        forbidden = forbidden.union(
            Point(random.uniform(-200, 200, 2)).buffer(random.uniform(20, 60), quad_segs=4)
        )
    target = whole.difference(forbidden)
    home = np.array([-450.0, 10.0])
    room = open_airspace(target, forbidden, home, 60.0)
    check(target, room, home, sweep(), unseen=0.02)


@pytest.mark.parametrize(
    ("name", "corners", "limit"),
    [
        ("rectangle", [(0, 0), (800, 0), (800, 600), (0, 600)], 1.20),
        ("corner", [(0, 0), (900, 0), (900, 300), (400, 300), (400, 800), (0, 800)], 1.25),
        (
            "horseshoe",
            [(0, 0), (700, 0), (700, 600), (480, 600), (480, 200), (220, 200), (220, 600), (0, 600)],
            1.30,
        ),
    ],
)  # fmt: skip
def test_the_way_is_near_its_lower_bound(name: str, corners: list[tuple[float, float]], limit: float) -> None:
    """A camera that looks straight down, without overlap; home and back included."""
    target, home = Polygon(corners), np.array(corners[0], float)
    room = open_airspace(target, NOTHING, home, 60.0)
    way = sweep(-90, 0.0, 0.0)
    tour = cover(target, room.region, home, way)
    assert tour.length_m / lower_bound_m(target.area, way.view.swath_m) < limit, name
    assert uncovered(target, tour.lanes, look(way.view)).area < 1e-6 * target.area


def test_lanes_begin_before_the_ground_that_they_see() -> None:
    target = box(0, 0, 300, 50)
    way = sweep()
    (lane,) = lay_lanes(target, target.buffer(200), 0.0, way)
    forward, backward = lane.ways
    assert forward[0] == pytest.approx([-way.view.near - 35, 25])
    assert forward[1] == pytest.approx([300 - way.view.far + 35, 25])
    assert backward[0] == pytest.approx([300 + way.view.near + 35, 25])
    assert backward[1] == pytest.approx([way.view.far - 35, 25])


def test_every_place_stays_in_view_for_the_dwell() -> None:
    """Along a lane, each place is in the trapezium for at least the wished metres of flight."""
    way = sweep(dwell_m=30)
    (lane,) = lay_lanes(box(0, 0, 200, 40), box(-300, -300, 500, 300), 0.0, way)
    start, end = lane.ways[0][:, 0]
    for place in np.linspace(0, 200, 21):
        first, last = max(start, place - way.view.far), min(end, place - way.view.near)
        assert last - first >= 30 - 1e-6


def test_what_cannot_be_seen_is_left() -> None:
    """A target out of every sight: no lane, no exception."""
    tour = cover(box(0, 0, 50, 50), box(1000, 0, 1100, 100), np.array([1050.0, 50.0]), sweep())
    assert len(tour.lanes) == 0
    assert tour.length_m == 0


def test_a_gap_behind_a_wall_is_looked_at_from_another_side() -> None:
    """The region ends at the target's west border: eastbound lanes cannot begin early enough."""
    target = box(0, 0, 300, 45)
    region = box(0, -80, 420, 125)
    way = sweep()
    tour = cover(target, region, np.array([10.0, 10.0]), way)
    assert uncovered(target, tour.lanes, look(way.view)).area < 1e-4 * target.area
    assert LineString(tour.lanes.reshape(-1, 2)).within(region.buffer(0.1))


def test_notched_shapes_are_cut_into_rectangles() -> None:
    corner = Polygon([(0, 0), (900, 0), (900, 300), (400, 300), (400, 800), (0, 800)])
    pieces = split_at_notches(corner)
    assert len(pieces) == 2
    assert sum(piece.area for piece in pieces) == pytest.approx(corner.area)
    assert all(piece.minimum_rotated_rectangle.area == pytest.approx(piece.area) for piece in pieces)
    assert len(split_at_notches(box(0, 0, 100, 50))) == 1


def test_the_lower_bound() -> None:
    assert lower_bound_m(10_000, 50) == pytest.approx((10_000 - np.pi * 625) / 50)
    assert lower_bound_m(100, 50) == 0.0
