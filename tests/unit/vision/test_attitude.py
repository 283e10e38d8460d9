"""Camera angles of every yaw frame, and pixels that come back through every frame and datum."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.heights import HeightDatum, above_sea_m, from_sea_m
from missions.terrain import FlatTerrain, ground_in
from vision.attitude import AttitudeUnknown, YawFrame, angles_of, camera_attitude
from vision.camera import (
    CameraModel,
    Pose,
    ground_points,
    intersect_ground,
    project,
    rotation_camera_to_world,
)

PLACE, GROUND_M, HOME_M = (28.45, 117.97), 68.0, 75.0
LENS = CameraModel(
    width_px=1280, height_px=720, fx_px=1000, fy_px=1005, cx_px=650, cy_px=350,
    distortion=(-0.08, 0.02, 0.0005, -0.0003, 0.0),
)  # fmt: skip


def in_frame(
    angles: tuple[float, float, float], frame: YawFrame, vehicle: tuple[float, float, float]
) -> np.ndarray:
    """Earth-referenced angles as that frame reports them: the inverse of ``camera_attitude``."""
    if frame is YawFrame.EARTH:
        return np.array([angles])
    if frame is YawFrame.VEHICLE:
        return np.array([[angles[0] - vehicle[0], angles[1], angles[2]]])
    ahead = rotation_camera_to_world(0, 0, 0)
    return angles_of((ahead @ rotation_camera_to_world(*vehicle).T @ rotation_camera_to_world(*angles))[None])


@settings(deadline=None, max_examples=40)
@given(
    yaw=st.floats(0, 359), pitch=st.floats(-89.5, -30), roll=st.floats(-5, 5), heading=st.floats(0, 359),
    bank=st.floats(-20, 20), climb=st.floats(-20, 20), height=st.floats(40, 150),
    u=st.floats(60, 1220), v=st.floats(60, 660), frame=st.sampled_from(YawFrame),
    datum=st.sampled_from(HeightDatum), hilly=st.booleans(),
)  # fmt: skip
def test_pixels_return_through_every_yaw_frame_and_datum(
    yaw: float, pitch: float, roll: float, heading: float, bank: float, climb: float, height: float,
    u: float, v: float, frame: YawFrame, datum: HeightDatum, hilly: bool,
) -> None:  # fmt: skip
    vehicle = (heading, climb, bank)
    told = camera_attitude(in_frame((yaw, pitch, roll), frame, vehicle), frame, [vehicle])[0]
    levels = {"terrain": FlatTerrain(GROUND_M), "home_amsl_m": HOME_M}
    reported = from_sea_m(GROUND_M + height, datum, *PLACE, **levels)
    amsl = float(above_sea_m(reported, datum, *PLACE, **levels)[0])
    true = Pose(captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=PLACE[0], longitude=PLACE[1],
                altitude_amsl_m=GROUND_M + height, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)  # fmt: skip
    pose = Pose(captured_at=true.captured_at, latitude=PLACE[0], longitude=PLACE[1], altitude_amsl_m=amsl,
                yaw_deg=told[0], pitch_deg=told[1], roll_deg=told[2])  # fmt: skip
    local = pose.frame()
    hills = (lambda e, n: GROUND_M + 4 * np.sin(e / 60) + 0.03 * n) if hilly else GROUND_M
    point = ground_points(LENS, pose, local, [[u, v]], hills)
    if np.isnan(point).any():
        return
    back, _ = project(LENS, true, local, point)
    assert np.abs(back[0] - [u, v]).max() < 0.01


@pytest.mark.parametrize("frame", [YawFrame.VEHICLE, YawFrame.AIRFRAME])
@pytest.mark.parametrize("vehicle", [None, [[float("nan")] * 3]])
def test_without_the_vehicles_attitude_nothing_is_guessed(frame: YawFrame, vehicle: object) -> None:
    with pytest.raises(AttitudeUnknown):
        camera_attitude([[10.0, -60.0, 0.0]], frame, vehicle)  # type: ignore[arg-type]


def test_a_level_airframe_only_turns_the_camera() -> None:
    told = camera_attitude([[20.0, -60.0, 3.0]], YawFrame.AIRFRAME, [[100.0, 0.0, 0.0]])
    assert told[0] == pytest.approx([120.0, -60.0, 3.0], abs=1e-9)
    tilted = camera_attitude([[0.0, -60.0, 0.0]], YawFrame.AIRFRAME, [[100.0, 10.0, 0.0]])
    assert tilted[0] == pytest.approx([100.0, -50.0, 0.0], abs=1e-9)


def test_far_ground_lies_lower_over_a_curved_earth() -> None:
    """At 2.4 km the line of sight meets the ground further away than on a plane."""
    down = np.radians(2.0)
    ray = [[0.0, np.cos(down), -np.sin(down)]]
    flat = 84.0 / np.tan(down)
    for ground in (0.0, lambda e, n: np.zeros_like(e)):
        reached = intersect_ground([0, 0, 84.0], ray, ground)[0]
        drop = (1 - 0.13) * reached[1] ** 2 / (2 * 6_371_000)
        assert drop == pytest.approx(0.41, abs=0.02)
        assert reached[1] - flat == pytest.approx(drop / np.tan(down), rel=0.02)
        assert reached[2] == pytest.approx(0.0, abs=1e-4)


def test_terrain_that_covers_the_camera_alone_gives_no_point() -> None:
    frame = Pose(captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=PLACE[0], longitude=PLACE[1],
                 altitude_amsl_m=150.0, yaw_deg=0, pitch_deg=-45).frame()  # fmt: skip
    unknown = ground_in(frame, FlatTerrain(float("nan")))
    assert np.isnan(intersect_ground([0, 0, 80.0], [[0.0, 0.7, -0.714]], unknown)).all()
