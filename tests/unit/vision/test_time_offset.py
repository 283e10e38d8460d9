"""The offset between video and telemetry, on a textured plain seen by a moving camera."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from missions.geodesy import Array, LocalFrame
from vision.camera import CameraModel, Pose, rotation_camera_to_world
from vision.picture_motion import Motion, PoseSignal, seen_motion
from vision.time_offset import TimeOffset, combine_offsets, estimate_offset

START = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
FRAME = LocalFrame(28.45, 117.97)
LENS = CameraModel.from_field_of_view(240, 136, 60.0)
GROUND_M, PIXEL_M, SIDE = 68.0, 0.5, 700


def plain(seed: int = 0) -> Array:
    """Blobs of many sizes, (SIDE, SIDE); its middle is the origin."""
    rng = np.random.default_rng(seed)
    picture = sum(
        cv2.resize(rng.uniform(0, 1, (SIDE // k, SIDE // k)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for k in (2, 5, 12)
    )
    return np.asarray(cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8))


def path(seconds: Array, *, turning: bool) -> Array:
    """East, north, height over the ground, yaw, pitch at these seconds, (N, 5)."""
    t = np.atleast_1d(seconds)
    yaw = 40 * np.tanh(np.sin(0.55 * t) * 3) + 15 * np.sin(0.23 * t + 1) if turning else 30 + 0 * t
    return np.column_stack([2.0 * t - 40, 1.5 * t - 30, np.full(len(t), 60.0), yaw, np.full(len(t), -60.0)])


def pose_of(row: Array, seconds: float) -> Pose:
    latitude, longitude, _ = FRAME.to_geodetic([[row[0], row[1], 0.0]])[0]
    return Pose(
        captured_at=START + timedelta(seconds=seconds), latitude=float(latitude), longitude=float(longitude),
        altitude_amsl_m=GROUND_M + float(row[2]), yaw_deg=float(row[3]), pitch_deg=float(row[4]),
    )  # fmt: skip


def picture(ground: Array, row: Array) -> Array:
    """What the camera sees of the plain: by the homography from the ground."""
    rotation = rotation_camera_to_world(row[3], row[4], 0.0)
    to_camera = rotation.T @ np.column_stack([np.eye(3)[:, :2], -row[:3]])
    from_texture = np.array([[PIXEL_M, 0, -SIDE / 2 * PIXEL_M], [0, PIXEL_M, -SIDE / 2 * PIXEL_M], [0, 0, 1]])
    whole = LENS.matrix @ to_camera @ from_texture
    return cv2.warpPerspective(ground, whole, (LENS.width_px, LENS.height_px), borderMode=cv2.BORDER_REFLECT)


def footage(*, turning: bool = True, seconds: float = 40.0, jump_s: float = 0.0) -> Motion:
    times = np.arange(0, seconds, 0.2)
    shown = times + np.where(times > seconds / 2, jump_s, 0.0)
    ground = plain()
    rows = path(shown, turning=turning)
    return seen_motion(
        ((float(t), picture(ground, row)) for t, row in zip(times, rows, strict=True)), LENS, 1.0
    )


def telemetry(offset_s: float, *, turning: bool = True, hertz: float = 5.0, seed: int = 1) -> list[Pose]:
    """What was at t is stamped t - offset; off by a constant heading and height, and noisy."""
    rng = np.random.default_rng(seed)
    times = np.arange(-4, 45, 1 / hertz)
    rows = path(times, turning=turning) + np.array([0, 0, 5.0, 3.0, 0])
    rows[:, :2] += rng.normal(0, 0.05, (len(times), 2))
    rows[:, 3] += rng.normal(0, 0.2, len(times))
    return [pose_of(row, float(t - offset_s)) for row, t in zip(rows, times, strict=True)]


@pytest.fixture(scope="module")
def turning() -> Motion:
    return footage()


def tell(seen: Motion, poses: list[Pose]) -> TimeOffset:
    return estimate_offset(seen, poses, START, LENS, GROUND_M)


@pytest.mark.parametrize("hertz", [1.0, 10.0])
@pytest.mark.parametrize("offset", [-1.9, -0.37, 0.0, 0.62, 1.95])
def test_an_injected_offset_is_told(turning: Motion, offset: float, hertz: float) -> None:
    found = tell(turning, telemetry(offset, hertz=hertz))
    assert found.seconds == pytest.approx(offset, abs=0.1), found
    assert found.sigma_s is not None
    assert found.sigma_s < 0.08


def test_even_flight_is_said_to_be_unobservable() -> None:
    found = tell(footage(turning=False), telemetry(0.8, turning=False))
    assert found.seconds is None
    assert "not observable" in found.reason
    assert "evenly" in found.reason


def test_telemetry_of_another_flight_gives_no_offset(turning: Motion) -> None:
    other = [
        replace(pose, yaw_deg=90 * np.sin(1.7 * i / 5) * np.cos(0.31 * i / 5))
        for i, pose in enumerate(telemetry(0.0))
    ]
    found = tell(turning, other)
    assert found.seconds is None
    assert found.reason


def test_an_offset_beyond_what_is_searched_is_not_guessed(turning: Motion) -> None:
    assert tell(turning, telemetry(6.0)).seconds is None


def test_little_footage_gives_no_offset() -> None:
    found = tell(footage(seconds=3.0), telemetry(0.5))
    assert found.seconds is None
    assert "pairs of pictures" in found.reason


def test_motion_seen_and_motion_expected_agree(turning: Motion) -> None:
    times = np.arange(-1, 41, 0.1)
    rows = path(times, turning=True)
    signal = PoseSignal([pose_of(row, t) for t, row in zip(times, rows, strict=True)], START, GROUND_M)
    expected = signal.motion(turning.seconds, 0.2, LENS)
    assert np.abs(np.median(turning.rates - expected, axis=0)).max() < 0.003
    for column in range(3):
        assert np.corrcoef(turning.rates[:, column], expected[:, column])[0, 1] > 0.97


def test_stretches_are_combined_and_a_jump_is_an_alarm() -> None:
    def told(seconds: float) -> TimeOffset:
        return TimeOffset(seconds=seconds, sigma_s=0.02, motions=100)

    silent = TimeOffset(seconds=None, motions=50, reason="not observable: even")
    good = combine_offsets([(0.0, told(0.50)), (60.0, silent), (120.0, told(0.54))])
    assert good.offset.seconds == pytest.approx(0.52)
    assert not good.alarm
    bad = combine_offsets([(0.0, told(0.1)), (60.0, told(1.1))])
    assert bad.offset.seconds is None
    assert "jumps or drifts: +0.10 s at 0 s, +1.10 s at 60 s" in bad.alarm
    assert combine_offsets([(0.0, silent)]).offset.reason == silent.reason
