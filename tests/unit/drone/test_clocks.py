"""Before a replay the video's clock is compared with its telemetry's."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from drone.recorded.clocks import Clocks, settle_clocks
from drone.recorded.poses import RecordedPoses
from drone.telemetry import PoseTrack
from tests.fixtures.plain import GROUND_M, LENS, START, path, picture, plain, telemetry

SECONDS, RATE = 30, 5


def write_video(file: Path, shown: Callable[[float], float], *, turning: bool = True) -> Path:
    """The plain as the camera saw it at ``shown(t)``, for every t of the video."""
    ground = plain()
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = LENS.width_px, LENS.height_px, "yuv420p"
        for i in range(SECONDS * RATE):
            grey = picture(ground, path(np.array([shown(i / RATE)]), turning=turning)[0])
            frame = av.VideoFrame.from_ndarray(np.dstack([grey] * 3), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def settle(video: Path, offset_s: float, *, turning: bool = True) -> tuple[Clocks, PoseTrack]:
    track = PoseTrack(telemetry(offset_s, turning=turning))
    poses = RecordedPoses(track=track, start=START, ground_amsl_m=GROUND_M, source="test")
    return settle_clocks(video, poses, LENS, START), track


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clocks") / "turning.mp4", lambda t: t)


@pytest.mark.parametrize(("offset", "words"), [(0.73, "ahead of"), (-1.4, "behind")])
def test_a_certain_offset_is_applied_and_said(video: Path, offset: float, words: str) -> None:
    clocks, track = settle(video, offset)
    assert clocks.applied
    assert track.delay_s == pytest.approx(offset, abs=0.1)
    assert words in clocks.warnings[0]
    assert clocks.as_json()["seconds"] == track.delay_s
    assert settle(video, offset)[0] == clocks, "the same recording, the same offset"


def test_clocks_that_agree_are_left_alone(video: Path) -> None:
    clocks, track = settle(video, 0.0)
    assert (clocks.applied, track.delay_s, clocks.warnings) == (False, 0.0, ())


def test_what_cannot_be_told_is_not_guessed(tmp_path: Path) -> None:
    even = write_video(tmp_path / "even.mp4", lambda t: t, turning=False)
    clocks, track = settle(even, 1.0, turning=False)
    assert (clocks.applied, track.delay_s) == (False, 0.0)
    assert "not observable" in clocks.as_json()["reason"]


def test_a_jump_is_an_alarm_and_nothing_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drone.recorded.clocks.STRETCH_S", SECONDS / 2)
    jumps = write_video(tmp_path / "jumps.mp4", lambda t: t + (1.2 if t >= SECONDS / 2 else 0.0))
    clocks, track = settle(jumps, 0.0)
    assert "jumps or drifts" in clocks.as_json()["alarm"]
    assert clocks.warnings[0].startswith("alarm: ")
    assert (clocks.applied, track.delay_s) == (False, 0.0)
