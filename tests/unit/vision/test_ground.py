from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, FRAME, GROUND_M, Flight, box_of
from vision.camera import Pose, project
from vision.ground import GroundView


class Slope:
    """Rises one metre in five towards the north, from the frame's origin."""

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> np.ndarray:
        return GROUND_M + 0.2 * FRAME.to_enu(latitude, longitude)[:, 1]


class Nothing:
    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> np.ndarray:
        return np.full(np.broadcast(np.atleast_1d(latitude), longitude).shape, np.nan)


FLAT = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))
OVER = Flight(0, 0, 0, 0).pose(0)
DOWN = Flight(0, 0, 0, 0, pitch=-90).pose(0)


@pytest.mark.parametrize("pose", [OVER, DOWN, Flight(0, 0, 0, 0, yaw=130, pitch=-40).pose(0)])
@pytest.mark.parametrize("lift", [0.0, 0.85, 1.5])
def test_the_middle_of_a_thing_gives_the_middle_of_its_foot(pose: Pose, lift: float) -> None:
    yaw = np.radians(pose.yaw_deg)
    ahead = np.array([np.sin(yaw), np.cos(yaw)]) * 50 / np.tan(np.radians(-pose.pitch_deg))
    places = ahead + np.array([[0, 0], [8, 3], [-10, 6], [4, -7]])
    middles = np.column_stack([places, np.full(4, GROUND_M + lift)])
    pixels, _ = project(CAMERA, pose, FRAME, middles)
    np.testing.assert_allclose(FLAT.place(pose, pixels, lift), places, atol=1e-3)


def test_a_slope_is_found() -> None:
    view = GroundView(CAMERA, FRAME, Slope())
    places = np.array([[0.0, 20.0], [12.0, 45.0], [-9.0, 30.0]])
    pixels = view.pixels(OVER, places)
    np.testing.assert_allclose(view.place(OVER, pixels), places, atol=0.05)


def test_the_sky_and_unknown_ground_are_nowhere() -> None:
    level = Flight(0, 0, 0, 0, pitch=0).pose(0)
    assert np.isnan(FLAT.place(level, [[640, 100], [640, 361]])).all()
    assert np.isnan(GroundView(CAMERA, FRAME, Nothing()).place(OVER, [[640, 360]])).all()
    assert FLAT.place(OVER, np.zeros((0, 2))).shape == (0, 2)


def test_the_error_of_a_place_is_what_shaking_pixels_makes_of_it() -> None:
    random = np.random.default_rng(0)
    pixel = np.array([900.0, 500.0])
    cloud = FLAT.place(OVER, pixel + random.normal(0, 2.0, (4000, 2)))
    expected = np.cov(cloud.T)
    found = FLAT.covariance(OVER, FLAT.place(OVER, pixel), [2.0])[0]
    np.testing.assert_allclose(found, expected, atol=0.15 * np.abs(expected).max())


@pytest.mark.parametrize(
    "flight", [Flight(0, 0, 0, 0), Flight(0, 0, 0, 0, pitch=-90), Flight(0, 0, 0, 0, pitch=-30)]
)
@pytest.mark.parametrize("offset", [(0.0, 0.0), (18.0, 6.0), (-15.0, -5.0)])
def test_flames_and_smoke_stand_on_their_foot(flight: Flight, offset: tuple[float, float]) -> None:
    pose = flight.pose(0)
    place = np.array([0.0, 50 / np.tan(np.radians(-flight.pitch))]) + offset
    for name, error in (("fire", 1.0), ("smoke", 3.5)):
        box = box_of(name, (float(place[0]), float(place[1])), pose)
        assert box is not None
        found = FLAT.place(pose, FLAT.foot_pixels(pose, box[None]))[0]
        assert np.linalg.norm(found - place) < error


def test_in_view() -> None:
    ahead = 50 / np.tan(np.radians(55))
    inside = FLAT.in_view(OVER, [[0, ahead], [0, -100], [200, ahead]])
    assert inside.tolist() == [True, False, False]


def test_geodetic() -> None:
    latitude, longitude = FLAT.geodetic((0.0, 0.0))
    assert (latitude, longitude) == pytest.approx((28.45, 117.97), abs=1e-9)
