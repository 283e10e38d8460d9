from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Polygon

from missions import errors, shapes
from missions.cameras import load_cameras
from missions.errors import PlanImpossible
from missions.geodesy import Array, LocalFrame
from missions.grids import Grid, GridCell
from missions.plan import PatrolPlan, WaypointRole
from missions.planner import PlanRequest, plan_patrol
from missions.proof import SMALLEST_GAP_M2, lane_tracks, left_out
from missions.site import NoFlyZone, Site
from missions.terrain import FlatTerrain, Terrain
from vision.camera import CameraModel, Pose, project

CAMERAS = load_cameras()
FRAME = LocalFrame(28.6, 117.9)


def degrees(polygon: Any) -> Any:
    return shapes.to_degrees(polygon, FRAME)


def path_of(plan: PatrolPlan, sortie: int) -> Any:
    return shapely.linestrings([(p.longitude, p.latitude) for p in plan.sorties[sortie].waypoints])


def check_flown_inside(plan: PatrolPlan) -> None:
    """In degrees, on the waypoints as written: nothing outside, nothing in a no-fly zone, home to home."""
    allowed, forbidden = shapes.from_rings(plan.allowed), shapes.from_rings(plan.no_fly)
    assert plan.outside_m == 0
    for number, sortie in enumerate(plan.sorties):
        path = path_of(plan, number)
        assert shapely.difference(path, allowed).length == 0
        assert shapely.intersection(path, forbidden).length == 0
        for point in (sortie.waypoints[0], sortie.waypoints[-1]):
            assert (point.latitude, point.longitude) == pytest.approx(plan.home[:2], abs=2e-8)
        roles = [point.role for point in sortie.waypoints]
        assert roles[0] is WaypointRole.TAKEOFF
        assert roles[-1] is WaypointRole.RETURN
        assert roles.count(WaypointRole.LANE_START) == roles.count(WaypointRole.LANE_END) > 0


def share_seen(plan: PatrolPlan, terrain: Terrain, seed: int = 0, count: int = 300) -> float:
    """Random places of the area, projected into pictures taken every 5 m along the lanes (vision.camera)."""
    area = shapes.from_rings(plan.area)
    west, south, east, north = area.bounds
    places = np.random.default_rng(seed).uniform([west, south], [east, north], (count * 3, 2))
    places = places[shapely.contains_xy(area, places[:, 0], places[:, 1])][:count]
    points = FRAME.to_enu(places[:, 1], places[:, 0], terrain.elevation_m(places[:, 1], places[:, 0]))
    camera = CameraModel.from_field_of_view(
        plan.camera.width_px, plan.camera.height_px, plan.camera.horizontal_fov_deg
    )
    seen = np.zeros(len(points), bool)
    for sortie in plan.sorties:
        for a, b in itertools.pairwise(sortie.waypoints):
            if b.lane is None or a.lane != b.lane:
                continue
            ends = FRAME.to_enu(
                [a.latitude, b.latitude], [a.longitude, b.longitude], [a.altitude_amsl_m, b.altitude_amsl_m]
            )
            step = ends[1] - ends[0]
            yaw = float(np.degrees(np.arctan2(step[0], step[1])))
            for share in np.linspace(0, 1, 1 + int(np.ceil(np.hypot(*step[:2]) / 5))):
                seen |= in_picture(camera, ends[0] + share * step, yaw, plan.camera.pitch_deg, points)
    return float(seen.mean())


def in_picture(camera: CameraModel, place: Array, yaw: float, pitch: float, points: Array) -> Any:
    latitude, longitude, altitude = FRAME.to_geodetic(place)[0]
    pose = Pose(
        captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=latitude, longitude=longitude,
        altitude_amsl_m=altitude, yaw_deg=yaw, pitch_deg=pitch,
    )  # fmt: skip
    pixels, depth = project(camera, pose, FRAME, points)
    size = [camera.width_px, camera.height_px]
    with np.errstate(invalid="ignore"):
        return (depth > 0) & (pixels >= 0).all(axis=1) & (pixels <= size).all(axis=1)


@pytest.mark.parametrize(
    "cells", [["B01"], ["B02"], ["B03"], ["B04"], ["B05"], ["B02", "B01"], ["B03", "B05"]]
)
def test_each_cell_is_seen_whole_and_flown_inside(brook: Site, cells: list[str]) -> None:
    plan = plan_patrol(PlanRequest(cells=cells), brook, CAMERAS)
    check_flown_inside(plan)
    assert plan.flyable
    assert plan.cells == cells
    assert plan.uncovered_fraction < 0.001
    assert share_seen(plan, brook.terrain) >= 0.99
    assert plan.length_m >= plan.lower_bound_m
    assert plan.ratio == pytest.approx(plan.length_m / plan.lower_bound_m, abs=1e-3)
    area = sum(brook.grid.cell(code).area_m2 for code in cells)
    assert plan.area_m2 == pytest.approx(area - (4930 if "B01" in cells else 0), rel=0.005)


def test_heights_are_kept_over_the_hill(brook: Site) -> None:
    plan = plan_patrol(PlanRequest(cells=["B05"]), brook, CAMERAS)
    assert np.ptp([p.altitude_amsl_m for p in plan.sorties[0].waypoints]) > 30
    for a, b in itertools.pairwise(plan.sorties[0].waypoints):
        for share in np.linspace(0, 1, 9):
            latitude = a.latitude + share * (b.latitude - a.latitude)
            longitude = a.longitude + share * (b.longitude - a.longitude)
            height = a.altitude_amsl_m + share * (b.altitude_amsl_m - a.altitude_amsl_m)
            assert height - brook.terrain.elevation_m(latitude, longitude)[0] == pytest.approx(50, abs=4)
    assert all(
        p.altitude_amsl_m - p.altitude_above_home_m == pytest.approx(plan.home[2], abs=0.02)
        for p in plan.sorties[0].waypoints
    )


def random_site(seed: int) -> Site:
    """A concave cell, up to two no-fly zones in or beside it, on a random slope with a hill."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 10))))
    radii = random.uniform(90, 190, len(angles))
    cell = Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])).buffer(0)
    cell = max(getattr(cell, "geoms", [cell]), key=lambda part: part.area)
    zones = [
        NoFlyZone(f"N{k}", "n", degrees(shapely.Point(random.uniform(-160, 160, 2)).buffer(15)), 15.0)
        for k in range(int(random.integers(0, 3)))
    ]
    tilt, hill, place = random.uniform(-0.06, 0.06, 2), random.uniform(0, 12), random.uniform(-150, 150, 2)

    class Slope:
        def elevation_m(self, latitude: Any, longitude: Any) -> Array:
            points = FRAME.to_enu(latitude, longitude)[:, :2]
            rise = hill * np.exp(-((points - place) ** 2).sum(axis=1) / (2 * 120**2))
            return np.asarray(60 + points @ tilt + rise)

    grid = Grid([GridCell("R1", "random", degrees(cell))])
    home = FRAME.to_geodetic([[-320.0, 0.0]])[0]
    altitude = float(Slope().elevation_m(home[0], home[1])[0])
    return Site(grid=grid, no_fly=zones, terrain=Slope(), home=(float(home[0]), float(home[1]), altitude))


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 100_000), camera=st.sampled_from(sorted(CAMERAS)), aircraft=st.integers(1, 2),
    battery=st.sampled_from([14.0, 90.0]),
)  # fmt: skip
def test_any_plan_is_proved(seed: int, camera: str, aircraft: int, battery: float) -> None:
    site = random_site(seed)
    request = PlanRequest(cells=["R1"], camera=camera, aircraft=aircraft, battery_wh=battery, ceiling_m=130)
    plan = plan_patrol(request, site, CAMERAS)
    check_flown_inside(plan)
    assert PatrolPlan.model_validate_json(plan.model_dump_json()) == plan
    assert 1 - share_seen(plan, site.terrain, seed) <= plan.uncovered_fraction + 0.02
    assert plan.uncovered_fraction <= (0.05 if site.no_fly else 0.002)
    assert plan.reserve_fraction == min(sortie.reserve_fraction for sortie in plan.sorties)
    short = [finding for finding in plan.findings if finding.code == "battery"]
    assert bool(short) == (plan.reserve_fraction < 0.245)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_place_lies_within_half_a_swath_of_a_lane_or_is_listed_as_left_out(seed: int) -> None:
    site = random_site(seed)
    assert site.home is not None
    site = replace(site, terrain=FlatTerrain(60.0), home=(*site.home[:2], 60.0))
    plan = plan_patrol(PlanRequest(cells=["R1"], camera="wide-4k", pitch_deg=-90), site, CAMERAS)
    frame = LocalFrame(*plan.home)
    area = shapes.to_plane(shapes.from_rings(plan.area), frame)
    west, south, east, north = area.bounds
    spots = np.random.default_rng(seed).uniform([west, south], [east, north], (2000, 2))
    points = shapely.points(spots[shapely.contains_xy(area, spots[:, 0], spots[:, 1])])
    tracks = [lane[:, :2] for sortie in plan.sorties for lane in lane_tracks(sortie, frame)]
    lanes = shapely.union_all([shapely.LineString(lane) for lane in tracks])
    seen = shapely.distance(points, lanes) <= plan.swath_m / 2 + 0.5
    listed = shapely.distance(points, left_out(plan, frame)) <= np.sqrt(SMALLEST_GAP_M2) + 0.5
    assert len(points) > 200
    assert (seen | listed).all()


def test_the_same_request_gives_the_same_plan(brook: Site) -> None:
    request = PlanRequest(cells=["B01", "B02"])
    assert plan_patrol(request, brook, CAMERAS) == plan_patrol(request, brook, CAMERAS)


def test_a_drawn_area(brook: Site) -> None:
    corners = FRAME.to_geodetic([[20, 60], [180, 60], [150, 300], [20, 60]])
    ring = [[float(lon), float(lat)] for lat, lon, _ in corners]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    plan = plan_patrol(PlanRequest(area=polygon), brook, CAMERAS)
    check_flown_inside(plan)
    assert plan.cells == ["B01", "B03"]
    assert "beyond_cells" in {finding.code for finding in plan.findings}
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    assert plan_patrol(PlanRequest(area=feature), brook, CAMERAS).area == plan.area


@pytest.mark.parametrize("seed", [3234, 5])
def test_an_assumed_home_lies_in_no_zone(seed: int) -> None:
    site = replace(random_site(seed), terrain=FlatTerrain(60.0), home=None)
    plan = plan_patrol(PlanRequest(cells=["R1"], camera="wide-4k", pitch_deg=-90), site, CAMERAS)
    check_flown_inside(plan)
    assert "home_assumed" in {finding.code for finding in plan.findings}


def test_no_home_is_told(brook: Site) -> None:
    plan = plan_patrol(PlanRequest(cells=["B02"]), Site(grid=brook.grid, terrain=FlatTerrain(52)), CAMERAS)
    check_flown_inside(plan)
    assert {finding.code for finding in plan.findings} == {"home_assumed", "flat_ground"}


def test_home_may_be_given_with_and_without_altitude(brook: Site) -> None:
    place = FRAME.to_geodetic([[500.0, 140.0]])[0]
    home = (float(place[0]), float(place[1]))
    plan = plan_patrol(PlanRequest(cells=["B04"], home=home), brook, CAMERAS)
    assert plan.home[:2] == home
    assert plan.home[2] == pytest.approx(54, abs=0.5)
    wrong = plan_patrol(PlanRequest(cells=["B04"], home=(*home, 90.0)), brook, CAMERAS)
    assert "home_altitude" in {finding.code for finding in wrong.findings}


def codes(brook: Site, **wishes: Any) -> dict[str, str]:
    plan = plan_patrol(PlanRequest(cells=["B02"], **wishes), brook, CAMERAS)
    return {finding.code: finding.severity for finding in plan.findings}


def test_findings_forbid_what_must_not_be_flown(brook: Site) -> None:
    assert codes(brook) == {}
    assert codes(brook, altitude_agl_m=130) == {"ceiling": "error"}
    assert codes(brook, altitude_agl_m=15) == {"clearance": "error"}
    assert codes(brook, range_m=300) == {"out_of_range": "error"}
    assert codes(brook, battery_wh=2.0) == {"battery": "error"}
    assert codes(brook, wind_m_s=12) == {"wind": "warning"}
    assert codes(brook, aircraft=2) == {"separation": "warning"}
    assert codes(brook, buffer_m=5).get("unseen") in (None, "warning")


def test_wind_and_small_batteries_make_more_sorties(brook: Site) -> None:
    calm = plan_patrol(PlanRequest(cells=["B02"], battery_wh=40), brook, CAMERAS)
    small = plan_patrol(PlanRequest(cells=["B02"], battery_wh=21), brook, CAMERAS)
    assert len(calm.sorties) < len(small.sorties)
    assert small.reserve_fraction >= 0.245
    assert small.seconds > calm.seconds
    windy = plan_patrol(PlanRequest(cells=["B02"], battery_wh=40, wind_m_s=11), brook, CAMERAS)
    assert windy.energy_wh > calm.energy_wh


def test_buildings_near_the_way_forbid_it(brook: Site) -> None:
    tower = {
        "type": "Feature", "properties": {"layer": "building", "height_m": 44},
        "geometry": shapely.geometry.mapping(degrees(shapely.box(230, 20, 260, 60))),
    }  # fmt: skip
    site = replace(brook, basemap={"type": "FeatureCollection", "features": [tower]})
    plan = plan_patrol(PlanRequest(cells=["B02"]), site, CAMERAS)
    (finding,) = plan.findings
    assert (finding.code, finding.severity) == ("building", "error")
    assert finding.latitude is not None
    assert "higher" in finding.remedy
    assert not plan.flyable
    higher = plan_patrol(PlanRequest(cells=["B02"], altitude_agl_m=60), site, CAMERAS)
    assert higher.findings == []


@pytest.mark.parametrize(
    ("wishes", "error", "message"),
    [
        ({}, errors.NothingSelected, "name at least one cell"),
        ({"cells": ["X"]}, errors.CellUnknown, "no cell 'X'"),
        ({"cells": ["B01"], "camera": "x"}, errors.CameraUnknown, "choose one of patrol-1080p"),
        ({"cells": ["B01"], "pitch_deg": -3}, errors.CameraLooksUp, "tilt it further down"),
        ({"cells": ["B01"], "wind_m_s": 40}, errors.WindTooStrong, "wait until it drops"),
        ({"cells": ["B01"], "home": (28.6007, 117.9010)}, errors.HomeForbidden, "choose another home"),
        ({"cells": ["B01"], "home": (29.9, 117.9)}, errors.TerrainMissing, "give terrain"),
        ({"area": {"type": "Point", "coordinates": [1, 2]}}, errors.AreaInvalid, "is a Point"),
        ({"area": {"type": "FeatureCollection", "features": []}}, errors.AreaInvalid, "no polygon"),
        (
            {"area": {"type": "Polygon", "coordinates": [[[117, 28], [117.1, 28], [117, 28.1], [117, 28]]]}},
            errors.AreaOutsideCells, "outside every cell",
        ),
    ],
)  # fmt: skip
def test_impossible_requests(brook: Site, wishes: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        plan_patrol(PlanRequest(**wishes), brook, CAMERAS)
    assert isinstance(caught.value, PlanImpossible)


def test_ground_that_is_all_no_fly_zone(brook: Site) -> None:
    zone = NoFlyZone("N", "all", brook.grid.cell("B02").polygon, 10)
    with pytest.raises(errors.AreaForbidden):
        plan_patrol(PlanRequest(cells=["B02"]), replace(brook, no_fly=[zone]), CAMERAS)


def test_terrain_that_ends_within_the_area(brook: Site) -> None:
    class Half:
        def elevation_m(self, latitude: Any, longitude: Any) -> Array:
            lat, lon = np.broadcast_arrays(np.atleast_1d(latitude), np.atleast_1d(longitude))
            return np.where(lon > 117.9035, np.nan, 50.0 + 0 * lat)

    with pytest.raises(errors.TerrainMissing):
        plan_patrol(PlanRequest(cells=["B02"]), replace(brook, terrain=Half()), CAMERAS)


def test_ground_too_large_for_a_plan() -> None:
    cell = GridCell("C", "county", shapely.box(117, 28, 117.2, 28.2))
    with pytest.raises(errors.AreaTooLarge, match="km of lanes"):
        plan_patrol(PlanRequest(cells=["C"]), Site(grid=Grid([cell])), CAMERAS)


@pytest.mark.parametrize(
    "wishes",
    [{"overlap": 1.0}, {"pitch_deg": 10}, {"speed_m_s": 0}, {"aircraft": 0}, {"wind_m_s": float("nan")},
     {"altitude_agl_m": -5}, {"unknown": 1}, {"home": (95.0, 0.0)}],
)  # fmt: skip
def test_impossible_numbers(wishes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlanRequest(cells=["B01"], **wishes)
