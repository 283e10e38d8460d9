"""The ledger: what a frame shows, what hides it, how finely it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box, contains_xy, union_all

from missions.geodesy import LocalFrame
from missions.messages import CameraMessage
from missions.seen import Ledger, Limits
from missions.seen_obstacles import Crown, Obstacles, Prism, site_obstacles
from missions.seen_tiles import square_m2
from missions.seen_views import Eye, axes_of
from missions.site import Site, load_site
from missions.terrain import FlatTerrain
from vision.camera import CameraModel, Pose, project, rotation_camera_to_world

FRAME = LocalFrame(28.45, 117.97)
GROUND_M = 68.0
AT = datetime(2026, 5, 1, tzinfo=UTC)
LENS = CameraMessage(width_px=1280, height_px=720, fx_px=1108.5, fy_px=1108.5, cx_px=640, cy_px=360)
DOWN_50_M = 50.0


@dataclass(frozen=True)
class Look:
    """A pose by place, for tests."""

    latitude: float
    longitude: float
    altitude_amsl_m: float
    yaw_deg: float = 0.0
    pitch_deg: float = -90.0
    roll_deg: float = 0.0


def look(east=0.0, north=0.0, height=DOWN_50_M, **angles) -> Look:
    latitude, longitude, altitude = FRAME.to_geodetic([[east, north, GROUND_M + height]])[0]
    return Look(float(latitude), float(longitude), float(altitude), **angles)


def ledger(*prisms: Prism, crowns=(), **limits) -> Ledger:
    return Ledger(FRAME, FlatTerrain(GROUND_M), Obstacles(list(prisms), list(crowns)), Limits(**limits))


def marked(book: Ledger, pose: Look, lens=LENS):
    """East, north (N, 2) of the squares that a pose shows."""
    parts = [book.places(v.tile)[v.rows, v.columns, :2] for v in book.visible(book.eye(lens, pose))]
    return np.vstack(parts) if parts else np.zeros((0, 2))


def block(west, south, east, north, height=20.0) -> Prism:
    return Prism(box(west, south, east, north), GROUND_M - 3, GROUND_M + height)


def test_straight_down_it_sees_its_footprint_at_its_ground_sample_distance():
    book = ledger()
    seen = book.visible(book.eye(LENS, look(yaw_deg=30)))
    area = sum(len(part.rows) * square_m2(part.tile) for part in seen)
    wide, high = (DOWN_50_M * size / 1108.5 for size in (1280, 720))
    assert area == pytest.approx(wide * high, rel=0.01)
    assert np.concatenate([part.gsd_m for part in seen]) == pytest.approx(DOWN_50_M / 1108.5, rel=1e-3)


def test_pixels_are_those_of_the_measurement_model():
    rng = np.random.default_rng(3)
    bent = (-0.12, 0.04, 0.001, -0.002, 0.0)
    model = CameraModel(
        width_px=1280, height_px=720, fx_px=1000, fy_px=990, cx_px=630, cy_px=370, distortion=bent
    )
    pose = Pose(captured_at=AT, latitude=28.45, longitude=117.97, altitude_amsl_m=130, yaw_deg=33,
                pitch_deg=-50, roll_deg=4)  # fmt: skip
    axes = axes_of(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    assert axes == pytest.approx(rotation_camera_to_world(pose.yaw_deg, pose.pitch_deg, pose.roll_deg))
    book = ledger()
    eye = book.eye(model, pose)
    places = np.column_stack([rng.uniform(0, 40, 50), rng.uniform(30, 60, 50), np.full(50, GROUND_M)])
    assert eye.pixels(places)[0] == pytest.approx(
        project(model, pose, FRAME, places)[0], abs=0.01, nan_ok=True
    )


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-60, 60), st.floats(-60, 60), st.floats(30, 90), st.floats(0, 360), st.floats(-90, -30),
    st.floats(5, 25), st.floats(4, 30),
)  # fmt: skip
def test_nothing_behind_a_building_is_marked(east, north, height, yaw, pitch, side, tall):
    """Every line from a marked square to the camera passes the building by, checked point by point."""
    if tall >= height - 1:
        tall = height - 2
    house = block(-side / 2, -side / 2, side / 2, side / 2, tall)
    book = ledger(house)
    pose = look(east, north, height, yaw_deg=yaw, pitch_deg=pitch)
    places = marked(book, pose)
    camera = np.array([east, north, height])
    share = np.linspace(0, 1, 400)[:, None]
    for place in places[:: max(1, len(places) // 150)]:
        points = np.array([*place, 0.0]) * (1 - share) + camera * share
        inside = (np.abs(points[:, :2]) < side / 2 - 0.05).all(1) & (points[:, 2] < tall - 0.05)
        assert not inside.any()


def test_what_a_building_does_not_hide_is_marked():
    pose = look(0, -60, 50, pitch_deg=-45)
    free, house = marked(ledger(), pose), block(-5, -5, 5, 5, 15.0)
    kept = {tuple(place) for place in marked(ledger(house), pose).round(3)}
    stretch = 50 / (50 - 15)  # of the roof, cast from the camera to the ground
    roof = box(-5 * stretch, -60 + 55 * stretch, 5 * stretch, -60 + 65 * stretch)
    shadow = union_all([house.outline, roof]).convex_hull
    lost = np.array([tuple(place) not in kept for place in free.round(3)])
    assert lost.sum() > 200
    assert contains_xy(shadow.buffer(0.05), *free[lost].T).all()
    assert not contains_xy(shadow.buffer(-0.05), *free[~lost].T).any()


def test_under_a_crown_the_ground_is_hidden_from_above_and_seen_from_the_side():
    crown = Crown(0.0, 0.0, GROUND_M + 8.0, 3.0, 2.0)
    trunk = [0.0, 0.0]

    def sees_trunk(pose):
        places = marked(ledger(crowns=[crown]), pose)
        return bool((np.hypot(*(places - trunk).T) < 0.7).any())

    assert not sees_trunk(look(0, 0, 50))
    assert sees_trunk(look(0, -60, 40, pitch_deg=-34))


def test_a_roof_is_not_ground():
    places = marked(ledger(block(-5, -5, 5, 5)), look())
    assert not (np.abs(places) < 4.9).all(1).any()


def test_a_canopy_over_a_street_hides_only_what_lies_behind_it():
    canopy = Prism(box(-5, -5, 5, 5), GROUND_M + 5, GROUND_M + 5.5, hangs=True)
    below = marked(ledger(canopy), look(0, -70, 40, pitch_deg=-30))
    assert (np.hypot(*below.T) < 1.0).any(), "one looks in below the canopy"
    assert not (np.hypot(*marked(ledger(canopy), look()).T) < 3.0).any()


class Ridge:
    """Flat ground with a wall of a hill along north = 0."""

    def elevation_m(self, latitude, longitude):
        places = FRAME.to_enu(latitude, longitude)
        return GROUND_M + 25.0 * np.exp(-((places[:, 1] / 12.0) ** 2))


def test_only_where_the_frame_was_looked_at_is_ground_seen():
    whole = ledger().look(LENS, look(), AT, ["patrol-rgb"])
    left = ledger().look(LENS, look(), AT, ["patrol-rgb"], lambda pixels: pixels[:, 0] < LENS.width_px / 2)
    right = ledger().look(LENS, look(), AT, ["patrol-rgb"], lambda pixels: pixels[:, 0] >= LENS.width_px / 2)
    assert left + right == whole
    assert 0.4 * whole < left < 0.6 * whole
    assert ledger().look(LENS, look(), AT, ["patrol-rgb"], lambda pixels: np.zeros(len(pixels), bool)) == 0


def test_a_hill_hides_the_ground_behind_it():
    book = Ledger(FRAME, Ridge(), Obstacles())
    places = marked(book, look(0, -90, 40, pitch_deg=-20))
    assert (places[:, 1] < -20).any()
    assert not ((places[:, 1] > 20) & (places[:, 1] < 60)).any()


def test_ground_of_unknown_height_is_never_marked():
    class Unknown:
        def elevation_m(self, latitude, longitude):
            return np.full(np.shape(latitude), np.nan)

    book = Ledger(FRAME, Unknown(), Obstacles())
    assert book.look(LENS, look(), AT, ["patrol-rgb"]) == 0


def test_a_camera_at_the_horizon_or_upwards_sees_nothing():
    assert len(marked(ledger(), look(pitch_deg=30))) == 0
    steep = marked(ledger(least_depression_deg=20.0), look(height=30, pitch_deg=-5))
    assert np.hypot(*steep.T).max() <= 30 / np.tan(np.radians(20)) + 1


def test_motion_blurs():
    still, moving = ledger(exposure_s=0.01), ledger(exposure_s=0.01)
    for book, step in ((still, 0.0), (moving, 2.0)):
        for number in range(2):
            book.look(LENS, look(east=step * number), AT + timedelta(seconds=0.2 * number), ["patrol-rgb"])
    blur_m = 10.0 * 0.01
    classes = [max(index for tile in book.take() for _, index in tile.layers) for book in (still, moving)]
    assert classes[0] == 3
    assert np.hypot(DOWN_50_M / 1108.5, blur_m) == pytest.approx(0.11, abs=0.005)
    assert classes[1] == 5


def test_reports_hold_times_algorithms_and_stay():
    book = ledger()
    for second in range(4):
        book.look(LENS, look(east=0.5 * second), AT + timedelta(seconds=second), ["patrol-rgb", "crowds"])
    tiles = book.take()
    assert book.take() == []
    assert {who for tile in tiles for who, _ in tile.layers} == {"crowds+patrol-rgb"}
    assert max(tile.span[1] for tile in tiles) == int(AT.timestamp()) + 3
    assert max(float(tile.dwell_s.max()) for tile in tiles) == pytest.approx(3.0)


def test_tiles_in_view_wait_until_they_are_quiet():
    book = ledger()
    book.look(LENS, look(), AT, ["patrol-rgb"])
    assert book.take(quiet_s=10) == []
    book.look(LENS, look(east=400), AT + timedelta(seconds=30), ["patrol-rgb"])
    early = {tile.key for tile in book.take(quiet_s=10)}
    late = {tile.key for tile in book.take()}
    assert early
    assert late
    assert not early & late


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(-80, 80), st.floats(-80, 80), st.floats(0, 360)), min_size=2, max_size=4))
def test_seen_ground_only_grows(stops):
    book = ledger(block(-5, -5, 5, 5))
    before = {}
    for number, (east, north, yaw) in enumerate(stops):
        pose = look(east, north, yaw_deg=yaw, pitch_deg=-60)
        book.look(LENS, pose, AT + timedelta(seconds=number), ["patrol-rgb"])
        now = {key: kept.record.last_seen() for key, kept in book.tiles.items()}
        assert all((now[key] >= times).all() for key, times in before.items())
        before = now


def test_the_town_of_the_demo_has_buildings_and_trees():
    from pathlib import Path

    site = load_site(Path(__file__).resolve().parents[3] / "configs" / "sites" / "yunxi")
    found = site_obstacles(site, FRAME)
    assert len(found.prisms) > 100
    assert len(found.crowns) > 100
    assert all(prism.top_m > prism.base_m for prism in found.prisms)


def test_a_base_map_with_odd_features_gives_what_can_be_used(cells):
    features = [
        {"properties": {"layer": "building"}, "geometry": {"type": "Point", "coordinates": [117.97, 28.45]}},
        {"properties": {"layer": "building", "height_m": "tall"}, "geometry": square()},
        {"properties": {"height_m": float("nan")}, "geometry": square()},
        {"properties": {"layer": "tree", "height_m": 5, "radius_m": 2}, "geometry": None},
        {"properties": {"layer": "road"}, "geometry": square()},
    ]
    site = Site(grid=cells, terrain=FlatTerrain(GROUND_M), basemap={"features": features})
    found = site_obstacles(site, FRAME)
    assert [round(prism.top_m - GROUND_M, 1) for prism in found.prisms] == [6.0]
    assert found.crowns == []


def square():
    return {
        "type": "Polygon",
        "coordinates": [[[117.97, 28.45], [117.971, 28.45], [117.971, 28.451], [117.97, 28.45]]],
    }


@pytest.fixture
def cells():
    from missions.grids import Grid

    geometry = square()
    return Grid.from_geojson({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"code": "1", "name": "one"}, "geometry": geometry}]})  # fmt: skip


def test_eyes_are_plain_values():
    eye = Eye(LENS, np.zeros(3), axes_of(0, -90, 0))
    assert eye.bounds(0.0, 0.0, 100.0) is None
