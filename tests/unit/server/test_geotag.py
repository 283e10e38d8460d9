"""The pieces of geo-tagging; how well it does as a whole is in tests/acceptance/test_c05_geotag.py."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.geodesy import distance_m
from missions.terrain import FlatTerrain
from server.sightings.ellipses import CHI2_90, circular_error_90, combine, ellipse_90
from server.sightings.geotag import (
    SHARED_VARIANCE,
    ZOOM,
    Limits,
    NotPlaced,
    frame_near,
    fuse,
    look_at_ground,
    place,
)
from tests.fixtures.desk import FRAME, GROUND_M, look_at


class _Slope:
    """Ground that rises 20 m per 100 m to the north."""

    def elevation_m(self, latitude: object, longitude: object) -> np.ndarray:
        return GROUND_M + 0.2 * FRAME.to_enu(latitude, longitude)[:, 1]


class _Void:
    def elevation_m(self, latitude: object, longitude: object) -> np.ndarray:
        return np.full(np.size(latitude), np.nan)


def test_a_perfect_look_finds_the_spot() -> None:
    placed = place([look_at(30, -40, bearing_deg=130)], FlatTerrain(GROUND_M))
    assert not isinstance(placed, NotPlaced)
    truth = FRAME.to_geodetic([[30, -40]])[0]
    assert distance_m(placed.latitude, placed.longitude, truth[0], truth[1]) < 0.05
    assert placed.altitude_amsl_m == pytest.approx(GROUND_M)


def test_the_terrain_is_met_where_it_is() -> None:
    """Looking north onto rising ground, the ray ends earlier than on the flat."""
    look = look_at(0, 0)
    placed = place([look], _Slope())
    assert not isinstance(placed, NotPlaced)
    origin = FRAME.to_enu(look.pose.latitude, look.pose.longitude, look.pose.altitude_amsl_m)[0]
    ray = np.array([0, 0, GROUND_M]) - origin
    reach = (GROUND_M - origin[2] + 0.2 * origin[1]) / (ray[2] - 0.2 * ray[1])
    expected = origin + reach * ray
    found = FRAME.to_enu(placed.latitude, placed.longitude)[0]
    assert found[:2] == pytest.approx(expected[:2], abs=0.05)


def test_the_jacobian_is_that_of_the_geometry() -> None:
    """Height off by one sigma (2 m) moves the point by 2 m / tan(depression) along the line of sight."""
    look = look_at(0, 0, back_m=50, height_m=50)
    seen = look_at_ground([look], FlatTerrain(GROUND_M), Limits(terrain_sigma_m=0.0))
    east, north, up, yaw = (seen.jacobian[0, :, i] for i in range(4))
    assert east == pytest.approx([1.5, 0], abs=1e-6)
    assert north == pytest.approx([0, 1.5], abs=1e-6)
    assert up == pytest.approx([0, 2.0], abs=1e-3)
    assert yaw == pytest.approx([50 * np.radians(1.5), 0], abs=0.02)


def test_an_error_of_the_zoom_moves_points_away_from_the_middle_of_the_picture() -> None:
    """A focal length 5 % longer brings a ray 200 px right of the axis 10 px nearer to it."""
    look = look_at(0, 0, back_m=0.01, height_m=50, pitch_deg=-90)
    camera = look.camera.model_copy(update={"focal_sigma": 0.05})
    update = {"u_px": 840.0, "v_px": 360.0, "camera": camera}
    seen = look_at_ground([look.model_copy(update=update)], FlatTerrain(GROUND_M), Limits())
    expected = 50 * 200 * 0.05 / look.camera.fx_px
    assert np.linalg.norm(seen.jacobian[0, :, ZOOM]) == pytest.approx(expected, rel=0.01)
    assert np.linalg.norm(look_at_ground([look], FlatTerrain(GROUND_M), Limits()).jacobian[0, :, ZOOM]) == 0


@pytest.mark.parametrize(
    ("look", "terrain", "reason"),
    [
        (look_at(0, 0, back_m=300, pitch_deg=-9), FlatTerrain(GROUND_M), "only 9 degrees below the horizon"),
        (look_at(0, 0), _Void(), "meets no known ground"),
        (look_at(0, 0), FlatTerrain(GROUND_M + 500), "lies below the ground"),
    ],
)
def test_what_is_refused_says_why(look: object, terrain: object, reason: str) -> None:
    placed = place([look], terrain)  # type: ignore[list-item,arg-type]
    assert isinstance(placed, NotPlaced)
    assert reason in placed.reason


def test_too_wide_an_ellipse_is_refused() -> None:
    look = look_at(0, 0)
    wild = look.model_copy(update={"pose": look.pose.model_copy(update={"position_sigma_m": 60.0})})
    placed = place([wild], FlatTerrain(GROUND_M))
    assert isinstance(placed, NotPlaced)
    assert "more than the 50 m allowed" in placed.reason


def test_one_refused_look_does_not_spoil_the_others() -> None:
    looks = [look_at(0, 0, index=0), look_at(0, 0, back_m=400, pitch_deg=-7, index=1)]
    placed = place(looks, FlatTerrain(GROUND_M))
    assert not isinstance(placed, NotPlaced)
    assert (placed.looks_used, placed.looks_refused) == (1, 1)
    assert "1 of 2 looks not used" in placed.note


def test_a_wild_look_hardly_matters() -> None:
    looks = [look_at(0, 0, index=i) for i in range(8)]
    looks.append(look_at(0, 0, index=9, pixel_error=(250.0, 150.0)))
    placed = place(looks, FlatTerrain(GROUND_M))
    assert not isinstance(placed, NotPlaced)
    assert distance_m(placed.latitude, placed.longitude, FRAME.latitude, FRAME.longitude) < 0.7


def test_scatter_beyond_what_was_announced_widens_the_ellipse() -> None:
    rng = np.random.default_rng(1)
    calm = [look_at(0, 0, index=i) for i in range(12)]
    wild = [look_at(0, 0, index=i, pixel_error=tuple(rng.normal(0, 150, 2))) for i in range(12)]
    a, b = place(calm, FlatTerrain(GROUND_M)), place(wild, FlatTerrain(GROUND_M))
    assert not isinstance(a, NotPlaced)
    assert not isinstance(b, NotPlaced)
    assert b.ce90_m > 1.1 * a.ce90_m


@given(st.floats(0.1, 30), st.floats(0.02, 1), st.floats(0, 180), st.integers(0, 10))
@settings(max_examples=25, deadline=None)
def test_ce90_and_ellipse_hold_ninety_percent(major: float, ratio: float, bearing: float, seed: int) -> None:
    angle = np.radians(bearing)
    axis = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([axis[1], -axis[0]])
    covariance = major**2 * (np.outer(axis, axis) + ratio**2 * np.outer(across, across))
    points = np.random.default_rng(seed).multivariate_normal([0, 0], covariance, 20000)
    assert (np.linalg.norm(points, axis=1) <= circular_error_90(covariance)).mean() == pytest.approx(
        0.9, abs=0.01
    )
    ellipse = ellipse_90(covariance)
    assert ellipse.semi_major_m == pytest.approx(major * np.sqrt(CHI2_90))
    assert ellipse.semi_minor_m == pytest.approx(ratio * major * np.sqrt(CHI2_90))
    if ratio < 0.99:
        assert abs((ellipse.bearing_deg - bearing + 90) % 180 - 90) < 0.1


def test_combining_never_feigns_more_than_the_better_of_both() -> None:
    p, q = np.diag([4.0, 1.0]), np.diag([1.0, 9.0])
    position, covariance = combine((np.zeros(2), p), (np.array([1.0, 1.0]), q))
    assert np.trace(covariance) <= min(np.trace(p), np.trace(q))
    assert (np.linalg.eigvalsh(covariance) >= 1.0 - 1e-9).all(), (
        "errors may be the same: no gain beyond each best"
    )
    assert 0 < position[0] < 1
    same, unchanged = combine((np.zeros(2), p), (np.zeros(2), p))
    assert unchanged == pytest.approx(p)
    assert same == pytest.approx(np.zeros(2))


def test_near_places_share_a_frame_without_losing_a_millimetre() -> None:
    frame = frame_near(28.4561, 117.9661)
    assert frame is frame_near(28.4599, 117.9679)
    back = frame.to_geodetic(frame.to_enu(28.4561, 117.9661))[0]
    assert distance_m(back[0], back[1], 28.4561, 117.9661) < 1e-3


@settings(deadline=None, max_examples=25)
@given(
    bearings=st.lists(st.floats(0, 359), min_size=2, max_size=8), back=st.floats(20, 60),
    position=st.floats(0.5, 3.0), heading=st.floats(0.5, 4.0),
)  # fmt: skip
def test_the_ellipse_shrinks_with_views_and_never_below_the_bias_floor(
    bearings: list[float], back: float, position: float, heading: float
) -> None:
    """No axis grows with a further look, and none gets below the GNSS error that all looks share."""
    sigmas = {"position_sigma_m": position, "heading_sigma_deg": heading}
    pitch = -float(np.degrees(np.arctan2(50, back)))
    looks = [look_at(0, 0, bearing_deg=bearing, back_m=back, pitch_deg=pitch) for bearing in bearings]
    looks = [look.model_copy(update={"pose": look.pose.model_copy(update=sigmas)}) for look in looks]
    ground = look_at_ground(looks, FlatTerrain(GROUND_M), Limits())
    assert not any(ground.problems)
    found = [fuse(ground.points[:n, :2], ground.jacobian[:n])[1] for n in range(1, len(looks) + 1)]
    floor = SHARED_VARIANCE[0] * position**2
    for before, after in pairwise(found):
        assert np.linalg.eigvalsh(before - after).min() > -1e-6
    assert np.linalg.eigvalsh(found[-1]).min() >= floor - 1e-6
