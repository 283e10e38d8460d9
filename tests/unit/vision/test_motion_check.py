"""Mix-ups of heading and height show in how the picture moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from missions.geodesy import Array
from tests.fixtures.plain import GROUND_M, LENS, START, picture, plain, pose_of
from vision.camera import Pose
from vision.motion_check import motion_alarms
from vision.picture_motion import Motion, seen_motion


def out_and_back(seconds: Array) -> Array:
    """North for 12 s, a turn of 4 s, south again; the nose along."""
    t = np.atleast_1d(seconds)
    north = np.where(t < 12, 4 * t, np.where(t < 16, 48.0, 48 - 4 * (t - 16)))
    yaw = np.clip((t - 12) / 4, 0, 1) * 180
    flat = np.ones(len(t))
    return np.column_stack([0 * t, north - 24, 60 * flat, yaw, -60 * flat])


@pytest.fixture(scope="module")
def seen() -> Motion:
    ground, times = plain(), np.arange(0, 28, 0.25)
    rows = out_and_back(times)
    frames = ((float(t), picture(ground, row)) for t, row in zip(times, rows, strict=True))
    return seen_motion(frames, LENS, 1.0)


@pytest.fixture
def poses() -> list[Pose]:
    times = np.arange(-1, 29, 0.2)
    return [pose_of(row, float(t)) for row, t in zip(out_and_back(times), times, strict=True)]


def alarms(seen: Motion, poses: list[Pose]) -> list[str]:
    return motion_alarms(seen, poses, START, LENS, GROUND_M)


def test_right_poses_raise_no_alarm(seen: Motion, poses: list[Pose]) -> None:
    assert alarms(seen, poses) == []
    slightly = [replace(pose, yaw_deg=pose.yaw_deg + 5, altitude_amsl_m=pose.altitude_amsl_m + 5)
                for pose in poses]  # fmt: skip
    assert alarms(seen, slightly) == []


def test_a_heading_from_the_nose_is_told_from_one_from_north(seen: Motion, poses: list[Pose]) -> None:
    (alarm,) = alarms(seen, [replace(pose, yaw_deg=0.0) for pose in poses])
    assert "count from the nose and not from north" in alarm


@pytest.mark.parametrize("off", [-90.0, 30.0, 180.0])
def test_a_heading_that_is_off_by_a_constant(seen: Motion, poses: list[Pose], off: float) -> None:
    (alarm,) = alarms(seen, [replace(pose, yaw_deg=pose.yaw_deg - off) for pose in poses])
    assert "aside of its reported heading" in alarm
    told = float(alarm.split("looked ")[1].split(" degrees")[0])
    assert abs((told - off + 180) % 360 - 180) <= 5


@pytest.mark.parametrize("off_m", [-25.0, 30.0])
def test_heights_of_another_datum(seen: Motion, poses: list[Pose], off_m: float) -> None:
    (alarm,) = alarms(seen, [replace(p, altitude_amsl_m=p.altitude_amsl_m + off_m) for p in poses])
    assert "the picture moves as from" in alarm
    assert float(alarm.split("as from ")[1].split(" m")[0]) == pytest.approx(60, rel=0.12)


def test_footage_without_telemetry_tells_nothing(seen: Motion, poses: list[Pose]) -> None:
    assert motion_alarms(seen, poses, START, LENS, GROUND_M, delay_s=300.0) == []


def test_hovering_tells_nothing(poses: list[Pose]) -> None:
    still = Motion(np.arange(40) / 4.0, np.full(40, 0.25), np.zeros((40, 4)))
    assert alarms(still, [replace(p, latitude=28.45, longitude=117.97, yaw_deg=0.0) for p in poses]) == []
