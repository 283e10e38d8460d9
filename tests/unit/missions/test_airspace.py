from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from missions import airspace
from missions.errors import HomeForbidden
from missions.geodesy import Array, LocalFrame
from missions.site import NoFlyZone

FRAME = LocalFrame(28.6, 117.9)
NOTHING = Polygon()


def flat(east: Array, north: Array) -> Array:
    return np.zeros(len(east))


def test_buffers_never_fall_short() -> None:
    """Every point outside the buffered zone is at least the buffer away from the zone."""
    places = FRAME.to_geodetic([[0, 0], [40, 0], [40, 30], [0, 30]])
    polygon = Polygon(places[:, [1, 0]])
    ground = airspace.forbidden_ground([NoFlyZone("N", "n", polygon, 25.0)], FRAME)
    true = box(0, 0, 40, 30).buffer(24.999, quad_segs=64)
    assert true.difference(ground).area < 1e-6
    assert ground.area < box(0, 0, 40, 30).buffer(27, quad_segs=64).area
    assert airspace.forbidden_ground([], FRAME).is_empty


def test_allowed_area_reaches_home_by_a_corridor() -> None:
    target, home = box(0, 0, 100, 100), np.array([-400.0, 50.0])
    room = airspace.open_airspace(target, NOTHING, home, 60.0)
    assert room.allowed.geom_type == "Polygon"
    assert room.allowed.covers(target.buffer(59))
    assert room.allowed.covers(LineString([home, (50, 50)]))
    assert room.region.distance(Point(home)) == 0
    assert room.allowed.covers(room.region)
    assert room.region.boundary.distance(room.allowed.boundary) > 0.95 * airspace.FLIGHT_MARGIN_M


def test_the_corridor_goes_round_a_no_fly_zone() -> None:
    target, home = box(0, 0, 100, 100), np.array([-400.0, 50.0])
    wall = box(-220, -150, -180, 260)
    room = airspace.open_airspace(target, wall, home, 60.0)
    assert room.allowed.intersection(wall).area == 0
    assert room.region.geom_type == "Polygon"
    assert room.region.covers(Point(home))
    assert room.region.intersects(Point(50, 50))


def test_cells_far_apart_are_joined() -> None:
    target = box(0, 0, 100, 100).union(box(500, 0, 600, 100))
    room = airspace.open_airspace(target, NOTHING, np.array([50.0, 50.0]), 60.0)
    assert room.allowed.geom_type == "Polygon"
    assert room.findings == []


def test_ground_walled_in_is_told_and_left_out() -> None:
    wall = box(300, -100, 700, 300).difference(box(360, -40, 640, 240))
    target = box(0, 0, 100, 100).union(box(450, 50, 550, 150))
    room = airspace.open_airspace(target, wall, np.array([50.0, 50.0]), 20.0)
    assert [finding.code for finding in room.findings] == ["cut_off"]
    assert not room.allowed.intersects(Point(500, 100))


def test_home_in_a_no_fly_zone_is_refused() -> None:
    with pytest.raises(HomeForbidden, match="choose another home"):
        airspace.open_airspace(box(0, 0, 9, 9), box(50, 0, 60, 9), np.array([55.0, 5.0]), 60.0)


def test_metres_outside() -> None:
    path = np.array([[0.0, 5.0], [30.0, 5.0], [30.0, 8.0]])
    assert airspace.outside_m(box(0, 0, 20, 10), path) == pytest.approx(13.0)
    assert airspace.outside_m(box(0, 0, 40, 10), path) == 0.0


def hill(east: Array, north: Array) -> Array:
    return 80 * np.exp(-((np.asarray(east) - 500) ** 2) / (2 * 60**2))


def test_heights_are_true_heights_over_the_ground() -> None:
    """Level at 110 m: within the ceiling over home, only 30 m over the hill; at 190 m the other way round."""
    low = np.array([[0.0, 0.0, 95.0], [1000.0, 0.0, 95.0]])
    (finding,) = airspace.height_findings(FRAME, low, hill, 120.0)
    assert (finding.code, finding.severity) == ("clearance", "error")
    assert "15 m over the ground" in finding.text
    place = FRAME.to_enu(finding.latitude, finding.longitude)[0]
    assert place[0] == pytest.approx(500, abs=6)
    high = low + np.array([0, 0, 70])
    (finding,) = airspace.height_findings(FRAME, high, hill, 120.0)
    assert finding.code == "ceiling"
    assert airspace.height_findings(FRAME, low + np.array([0, 0, 10]), hill, 120.0) == []


def test_unknown_ground_is_an_error() -> None:
    path = np.array([[0.0, 0.0, 50.0], [100.0, 0.0, 50.0]])
    (finding,) = airspace.height_findings(FRAME, path, lambda e, n: np.where(e > 50, np.nan, 0.0), 120.0)
    assert (finding.code, finding.severity) == ("terrain_unknown", "error")


HOUSE = FRAME.to_geodetic([[40, -5], [60, -5], [60, 5], [40, 5]])[:, [1, 0]]


@pytest.mark.parametrize(
    ("height_m", "code", "remedy"),
    [
        (35.0, None, ""),
        (35.2, "building", "plan at least 1 m higher"),
        (40.0, "building", "plan at least 5 m higher"),
        (60.0, "building_hit", "plan at least 25 m higher"),
        (110.0, "building_hit", "leave this place out: 75 m higher would be over the ceiling"),
    ],
)
def test_a_roof_below_the_way_forbids_it_where_it_is_too_near(
    height_m: float, code: str | None, remedy: str
) -> None:
    house = airspace.Obstacle("building", Polygon(HOUSE), height_m)
    path = np.array([[0.0, 0.0, 50.0], [100.0, 0.0, 50.0]])
    found = airspace.obstacle_findings(FRAME, path, flat, [house], 120.0)
    assert [(finding.code, finding.severity) for finding in found] == ([(code, "error")] if code else [])
    if found:
        east, north, _ = FRAME.to_enu(found[0].latitude, found[0].longitude)[0]
        assert 34 < east < 66
        assert abs(north) < 1
        assert remedy in found[0].remedy
    beside = path + np.array([0, 30, 0])
    assert airspace.obstacle_findings(FRAME, beside, flat, [house], 120.0) == []


def test_the_worst_place_of_each_kind_is_told() -> None:
    path = np.array([[0.0, 0.0, 50.0], [100.0, 0.0, 40.0]])
    lon, lat = FRAME.to_geodetic([[90.0, 2.0]])[0][[1, 0]]
    things = [
        airspace.Obstacle("building", Polygon(HOUSE), 38.0),
        airspace.Obstacle("building", Polygon(HOUSE), 39.0),
        airspace.Obstacle("tree", shapely.Point(lon, lat), 30.0),
    ]  # fmt: skip
    found = airspace.obstacle_findings(FRAME, path, flat, things, 120.0)
    assert [(f.code, f.text.split(",")[0]) for f in found] == [
        ("building", "the aircraft would pass 4 m above a building"),
        ("tree", "the aircraft would pass 11 m above a tree"),
    ]


def test_out_of_range() -> None:
    path = np.array([[0.0, 0.0, 50.0], [3000.0, 0.0, 50.0]])
    (finding,) = airspace.range_findings(FRAME, path, np.zeros(2), 2500.0)
    assert finding.code == "out_of_range"
    assert airspace.range_findings(FRAME, path, np.zeros(2), 3000.0) == []


def test_samples_keep_corners_and_steps() -> None:
    path = np.array([[0.0, 0.0, 1.0], [12.0, 0.0, 4.0], [12.0, 1.0, 4.0]])
    points = airspace.sample(path, 5.0)
    assert points[0].tolist() == path[0].tolist()
    assert points[-1].tolist() == path[-1].tolist()
    assert any(math.isclose(p[0], 12) and p[1] == 0 for p in points)
    assert np.hypot(*np.diff(points[:, :2], axis=0).T).max() <= 5.0
