"""Poses between samples, in gaps, outside, and while samples arrive."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta

import pytest

from drone.telemetry import PoseTrack, PoseUnknown
from vision.camera import Pose

AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


def pose(seconds: float, *, yaw: float = 0.0, latitude: float = 28.45, sigma: float = 1.5) -> Pose:
    return Pose(
        captured_at=AT + timedelta(seconds=seconds), latitude=latitude, longitude=117.97, altitude_amsl_m=100,
        yaw_deg=yaw, pitch_deg=-55, position_sigma_m=sigma,
    )  # fmt: skip


def at(track: PoseTrack, seconds: float) -> Pose:
    return track.at(AT + timedelta(seconds=seconds))


def test_between_samples_position_is_linear_and_the_worse_sigma_holds() -> None:
    track = PoseTrack([pose(0, latitude=28.0, sigma=1.0), pose(1, latitude=28.1, sigma=4.0)])
    middle = at(track, 0.25)
    assert middle.latitude == pytest.approx(28.025)
    assert middle.position_sigma_m == 4.0
    assert middle.captured_at == AT + timedelta(seconds=0.25)


@pytest.mark.parametrize(
    ("first", "second", "share", "yaw"),
    [
        (350.0, 10.0, 0.5, 0.0),
        (170.0, -170.0, 0.25, 175.0),
        (-10.0, -30.0, 0.5, -20.0),
        (0.0, 90.0, 0.1, 9.0),
    ],
)
def test_headings_go_the_short_way_round(first: float, second: float, share: float, yaw: float) -> None:
    found = at(PoseTrack([pose(0, yaw=first), pose(1, yaw=second)]), share).yaw_deg
    assert (found - yaw + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-9)


def test_gaps_and_ends_are_not_bridged() -> None:
    track = PoseTrack([pose(0), pose(1), pose(4)], max_gap_s=2.0)
    assert at(track, 0.5)
    assert at(track, -1.0)
    assert at(track, 5.0)
    for seconds in (2.5, -1.1, 5.1):
        with pytest.raises(PoseUnknown):
            at(track, seconds)
    with pytest.raises(PoseUnknown):
        PoseTrack().at(AT)


def test_a_delay_shifts_the_look_up() -> None:
    track = PoseTrack([pose(0, yaw=0.0), pose(1, yaw=10.0)], delay_s=0.5)
    found = at(track, 1.0)
    assert found.yaw_deg == pytest.approx(5.0)
    assert found.captured_at == AT + timedelta(seconds=1)


def test_samples_may_come_in_any_order_and_be_corrected() -> None:
    track = PoseTrack()
    for seconds in (2, 0, 1):
        track.add(pose(seconds, yaw=float(seconds)))
    track.add(pose(1, yaw=50.0))
    assert [p.yaw_deg for p in track.poses()] == [0.0, 50.0, 2.0]
    assert (track.start, track.end) == (AT, AT + timedelta(seconds=2))


def test_waiting_ends_when_the_sample_comes() -> None:
    track = PoseTrack([pose(0)])
    assert not track.wait_until(AT + timedelta(seconds=1), timeout_s=0.01)
    threading.Timer(0.05, lambda: track.add(pose(1))).start()
    assert track.wait_until(AT + timedelta(seconds=1), timeout_s=10)


def test_an_error_of_the_clock_counts_as_far_as_the_camera_moves_and_turns_meanwhile() -> None:
    track = PoseTrack([pose(0), pose(1, latitude=28.45 + 8 / 110_828, yaw=30.0), pose(2, latitude=28.45)])
    sure = at(track, 0.5)
    track.time_sigma_s = 0.1
    for seconds in (0.0, 0.5, 1.0):
        unsure = at(track, seconds)
        assert unsure.position_sigma_m == pytest.approx(math.hypot(1.5, 0.8), rel=1e-3)
        assert unsure.heading_sigma_deg == pytest.approx(math.hypot(sure.heading_sigma_deg, 3.0))
        assert unsure.attitude_sigma_deg == sure.attitude_sigma_deg
    assert at(PoseTrack([pose(0)], time_sigma_s=1.0), 0.0).position_sigma_m == 1.5
