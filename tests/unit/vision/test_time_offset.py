"""The offset between video and telemetry, on a textured plain seen by a moving camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fixtures.plain import GROUND_M, LENS, START, path, picture, plain, pose_of, telemetry
from vision.camera import Pose
from vision.picture_motion import Motion, PoseSignal, seen_motion
from vision.time_offset import TimeOffset, combine_offsets, estimate_offset


def footage(*, turning: bool = True, seconds: float = 40.0, jump_s: float = 0.0) -> Motion:
    times = np.arange(0, seconds, 0.2)
    shown = times + np.where(times > seconds / 2, jump_s, 0.0)
    ground = plain()
    rows = path(shown, turning=turning)
    return seen_motion(
        ((float(t), picture(ground, row)) for t, row in zip(times, rows, strict=True)), LENS, 1.0
    )


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
