from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from missions.errors import CameraLooksUp, TooFine
from missions.footprints import (
    USABLE_REACH,
    ground_sample_distances_m,
    height_for_fineness_m,
    seen_over_relief,
    swept,
    view_of,
)
from missions.geodesy import Array, LocalFrame
from missions.messages import CameraMessage
from missions.plan import PlanCamera
from missions.seen import Ledger
from missions.seen_coverage import ServiceLevel, coverage, ground_within
from missions.seen_obstacles import Obstacles
from missions.terrain import FlatTerrain
from vision.camera import CameraModel, Pose, footprint, project

FRAME = LocalFrame(28.6, 117.9)


def camera(pitch_deg: float = -55.0, fov: float = 60.0) -> PlanCamera:
    return PlanCamera(name="test", width_px=1280, height_px=720, horizontal_fov_deg=fov, pitch_deg=pitch_deg)


def pose(east: float, north: float, up: float, yaw_deg: float, pitch_deg: float) -> Pose:
    latitude, longitude, _ = FRAME.to_geodetic([[east, north]])[0]
    return Pose(
        captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=float(latitude), longitude=float(longitude),
        altitude_amsl_m=up, yaw_deg=yaw_deg, pitch_deg=pitch_deg,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(pitch=st.floats(-90, -40), fov=st.floats(30, 80), height=st.floats(20, 120))
def test_view_is_the_footprint_of_the_measurement_model(pitch: float, fov: float, height: float) -> None:
    """The planner's trapezium against the ray caster of vision.camera."""
    view = view_of(camera(pitch, fov)).at(height)
    model = CameraModel.from_field_of_view(1280, 720, fov)
    ring = footprint(model, pose(0, 0, height, 0.0, pitch), FRAME, 0.0, max_range_m=5000)
    assert view.near == pytest.approx(ring[:, 1].min(), abs=0.01)
    low = ring[np.isclose(ring[:, 1], ring[:, 1].min(), atol=0.01)]
    assert view.swath_m == pytest.approx(np.ptp(low[:, 0]), abs=0.02)
    if view.far < USABLE_REACH * height - 0.01:
        # on the round Earth of the ray caster a flat ray reaches a little further
        assert view.far == pytest.approx(ring[:, 1].max(), rel=3e-4, abs=0.05)
        assert view.far_half == pytest.approx(ring[:, 0].max(), abs=0.05)
    else:
        assert ring[:, 1].max() >= view.far - 0.05


def test_the_demo_camera_looks_ahead() -> None:
    view = view_of(camera()).at(50)
    assert view.near == pytest.approx(15.3, abs=0.1)
    assert view.far == pytest.approx(66.4, abs=0.2)
    assert view.swath_m == pytest.approx(57.4, abs=0.1)


def test_a_camera_that_looks_too_far_up_is_refused() -> None:
    with pytest.raises(CameraLooksUp, match="tilt it further down"):
        view_of(camera(-5))


@settings(max_examples=25, deadline=None)
@given(heading=st.floats(0, 360), length=st.floats(1, 300), seed=st.integers(0, 99))
def test_swept_ground_is_what_the_camera_saw_on_the_way(heading: float, length: float, seed: int) -> None:
    """Random points are in the swept polygon exactly when some picture on the way holds them."""
    view = view_of(camera()).at(50)
    unit = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))])
    start, end = np.array([10.0, -20.0]), np.array([10.0, -20.0]) + length * unit
    polygon = swept(view, start[None], end[None])[0]
    points = np.random.default_rng(seed).uniform(-150, 400, (60, 2))
    model = CameraModel.from_field_of_view(1280, 720, 60)
    seen = np.zeros(len(points), bool)
    for share in np.linspace(0, 1, 40):
        at = start + share * (end - start)
        pixels, depth = project(
            model, pose(at[0], at[1], 50, heading, -55), FRAME, np.c_[points, np.zeros(60)]
        )
        inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels <= [1280, 720]).all(axis=1)
        seen |= inside
    step = length / 39
    strict, loose = polygon.buffer(-0.1 - step / 2), polygon.buffer(0.1)
    from shapely import contains_xy

    assert not (seen & ~contains_xy(loose, points[:, 0], points[:, 1])).any()
    assert not (~seen & contains_xy(strict, points[:, 0], points[:, 1])).any()


def test_over_flat_relief_the_same_is_seen() -> None:
    view = view_of(camera())
    track = np.column_stack([np.linspace(0, 120, 16), np.full(16, 5.0), np.full(16, 118.0)])
    seen = seen_over_relief(view, [track], lambda e, n: np.full(len(e), 68.0))[0]
    flat = swept(view.at(50), track[:1, :2], track[-1:, :2])[0]
    assert seen.symmetric_difference(flat).area < 1e-3 * flat.area


def test_a_slope_ahead_shortens_the_view() -> None:
    """Against the ray caster marching over the same slope."""

    def ground(east: Array, north: Array) -> Array:
        return np.maximum(0.0, 0.3 * np.asarray(north))

    view = view_of(camera())
    track = np.array([[0.0, 0.0, 60.0], [0.0, 0.5, 60.0]])
    seen = seen_over_relief(view, [track], ground)[0]
    model = CameraModel.from_field_of_view(1280, 720, 60)
    ring = footprint(model, pose(0, 0, 60, 0, -55), FRAME, ground)
    truth = Polygon(ring[:, :2])
    flat = swept(view.at(60), track[:1, :2], track[1:, :2])[0]
    assert seen.bounds[3] == pytest.approx(truth.bounds[3] + 0.5, abs=0.3)
    assert seen.bounds[3] < flat.bounds[3] - 10
    assert truth.difference(seen.buffer(0.3)).area < 1.0


def test_unknown_ground_ahead_counts_as_level() -> None:
    view = view_of(camera())
    track = np.array([[0.0, 0.0, 50.0], [10.0, 0.0, 50.0]])
    seen = seen_over_relief(view, [track], lambda e, n: np.where(e > 20, np.nan, 0.0))[0]
    assert seen.area == pytest.approx(swept(view.at(50), track[:1, :2], track[1:, :2])[0].area, rel=1e-3)
    assert seen_over_relief(view, [], lambda e, n: e) == []


@pytest.mark.parametrize(("fineness_m", "speed", "pitch_deg"), [(0.12, 7.0, -55.0), (0.05, 6.0, -70.0)])
def test_from_the_height_for_a_fineness_the_ledger_is_served_and_from_a_third_more_it_is_not(
    fineness_m: float, speed: float, pitch_deg: float
) -> None:
    """A lane of ten seconds; judged is the ground under its middle, as wide as half the swath."""
    height = height_for_fineness_m(camera(pitch_deg), fineness_m, speed)
    lens = CameraModel.from_field_of_view(1280, 720, 60.0)
    message = CameraMessage(
        width_px=1280, height_px=720, fx_px=lens.fx_px, fy_px=lens.fy_px, cx_px=640, cy_px=360
    )
    shares = []
    for up in (height, 1.34 * height):
        view = view_of(camera(pitch_deg)).at(up)
        book = Ledger(FRAME, FlatTerrain(0.0), Obstacles())
        for step in range(41):
            at = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=step / 4)
            book.look(message, pose(0.0, step / 4 * speed - view.far, up, 0.0, pitch_deg), at, ["eye"])
        half = view.near_half / 2
        corners = FRAME.to_geodetic([[-half, 0], [half, 0], [half, 5], [-half, 5]])
        ground = ground_within(Polygon(corners[:, 1::-1]), Obstacles(), FRAME)
        tiles = {tile.key: tile for tile in book.take()}
        shares.append(coverage(ground, tiles, ServiceLevel(fineness_m=fineness_m), at).share)
    assert shares[0] == 1.0
    assert shares[1] < 0.2


def test_what_is_finer_than_can_be_flown_is_refused() -> None:
    with pytest.raises(TooFine, match="take a finer camera, fly slower, or give the height"):
        height_for_fineness_m(camera(), 0.03, 8.0)


@pytest.mark.parametrize("pitch_deg", [-90.0, -55.0, -35.0])
def test_pixels_cover_the_ground_that_neighbouring_rays_reach(pitch_deg: float) -> None:
    """The areas of pixels in the nearest and the middle row, corner by corner."""
    planned, height = camera(pitch_deg), 60.0
    nearest, middle, farthest = ground_sample_distances_m(planned, height)
    assert nearest <= middle <= farthest
    focal_px = 640 / np.tan(np.radians(planned.horizontal_fov_deg / 2))
    for row, expected in ((719.0, nearest), (360.0, middle)):
        corners = []
        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
            across, down = x / focal_px, (row + y - 360) / focal_px
            tilt = np.radians(-pitch_deg)
            steep = np.sin(tilt) + down * np.cos(tilt)
            corners.append((height * across / steep, height * (np.cos(tilt) - down * np.sin(tilt)) / steep))
        assert np.sqrt(Polygon(corners).area) == pytest.approx(expected, rel=0.01)
