"""C07: a recorded video with DJI subtitles becomes the expected tickets, byte for byte at any speed.

The footage is made here: a camera 50 m above a textured ground flies north over two parked cars, one of them
in a no-parking zone. Everything but the network is the real chain, over a real server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from drone.recorded.errors import (
    CameraUnknown,
    RecordingError,
    TelemetryDoesNotOverlap,
    TelemetryIncomplete,
    TelemetryMissing,
    VideoStopped,
)
from drone.recorded.poses import PoseDefaults
from drone.recorded.recording import Recording, ReplayOptions, open_recording, write_sandbox_site
from drone.recorded.session import run_replay
from missions.clock import ManualClock
from missions.geodesy import LocalFrame
from tests.fixtures.desk import TestClient, open_desk
from vision.camera import CameraModel, Pose, project
from vision.detections import CLASSES, Detections

FRAME = LocalFrame(28.45, 117.97)
GROUND_M, HEIGHT_M, SPEED_M_S = 68.0, 50.0, 5.0
LENS = CameraModel.from_field_of_view(320, 180, 60.0)
START = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
SECONDS, RATE = 12, 10
PARKED, ALLOWED = (4.0, 30.0), (-14.0, 33.0)


class RedThings:
    """Stands in for the network: whatever is red is a car."""

    names: Sequence[str] = CLASSES
    thresholds = dict.fromkeys(CLASSES, 0.3)

    def detect(self, image: np.ndarray) -> Detections:
        red = (image[..., 0] > 150) & (image[..., 1] < 90) & (image[..., 2] < 90)
        count, _, stats, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:count] if area > 60]
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(n, 0.8, np.float32),
            np.full(n, CLASSES.index("car"), np.int64),
        )


def pose_at(seconds: float) -> Pose:
    latitude, longitude, _ = FRAME.to_geodetic([[0.0, SPEED_M_S * seconds, 0.0]])[0]
    return Pose(
        captured_at=START + timedelta(seconds=seconds), latitude=latitude, longitude=longitude,
        altitude_amsl_m=GROUND_M + HEIGHT_M, yaw_deg=0.0, pitch_deg=-90.0,
    )  # fmt: skip


def picture(seconds: float, ground: np.ndarray) -> np.ndarray:
    """Green ground of 160 x 160 m at 5 px/m with its middle 30 m north, red cars of 4.4 x 1.8 m on it."""
    corners = np.array(
        [[-80.0, 110.0, GROUND_M], [80, 110, GROUND_M], [80, -50, GROUND_M], [-80, -50, GROUND_M]]
    )
    pixels, _ = project(LENS, pose_at(seconds), FRAME, corners)
    flat = np.array([[0, 0], [800, 0], [800, 800], [0, 800]], np.float32)
    mapping = cv2.getPerspectiveTransform(flat, pixels.astype(np.float32))
    return np.asarray(cv2.warpPerspective(ground, mapping, (320, 180), flags=cv2.INTER_AREA), np.uint8)


def make_ground() -> np.ndarray:
    random = np.random.default_rng(3)
    rough = cv2.resize(random.integers(40, 90, (100, 100), np.uint8), (800, 800))
    ground = np.dstack([rough, rough + 40, rough]).astype(np.uint8)
    for east, north in (PARKED, ALLOWED):
        middle = np.array([(east + 80) * 5, (110 - north) * 5])
        corner, other = middle - np.array([4.5, 11]), middle + np.array([4.5, 11])
        cv2.rectangle(
            ground, corner.round().astype(int).tolist(), other.round().astype(int).tolist(), (230, 20, 20), -1
        )
    return ground


def subtitles(*, first_s: float = 0.0, gimbal: bool = True, zone_offset: timedelta = timedelta()) -> str:
    def clock(seconds: float) -> str:
        return f"00:{int(seconds) // 60:02d}:{int(seconds) % 60:02d},{round(seconds % 1 * 1000):03d}"

    cues = []
    for i in range(SECONDS * RATE):
        pose, at = pose_at(i / RATE), first_s + i / RATE
        stamp = pose.captured_at + timedelta(seconds=first_s) + zone_offset
        look = " [gb_yaw: 0.0 gb_pitch: -90.0 gb_roll: 0.0]" if gimbal else ""
        cues.append(
            f"{i + 1}\n{clock(at)} --> {clock(at + 0.1)}\n<font>FrameCnt: {i + 1}, DiffTime: 100ms\n"
            f"{stamp:%Y-%m-%d %H:%M:%S}.{stamp.microsecond // 1000:03d}\n[latitude: {pose.latitude:.7f}] "
            f"[longitude: {pose.longitude:.7f}] [rel_alt: 50.000 abs_alt: 118.000]{look} </font>\n"
        )  # fmt: skip
    return "\n".join(cues)


def write_video(path: Path, created: datetime | None = None) -> None:
    ground = make_ground()
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        if created is not None:
            container.metadata["creation_time"] = created.isoformat().replace("+00:00", "Z")
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for i in range(SECONDS * RATE):
            frame = av.VideoFrame.from_ndarray(picture(i / RATE, ground), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def geojson(ring: Sequence[tuple[float, float]], **properties: str) -> dict[str, Any]:
    points = FRAME.to_geodetic(np.array([*ring, ring[0]], float))
    coordinates = [[[float(lon), float(lat)] for lat, lon, _ in points]]
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": coordinates},
    }
    return {"type": "FeatureCollection", "features": [feature]}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DJI_0001.MP4 with its subtitles, zones, cells and expected tickets."""
    folder = tmp_path_factory.mktemp("footage")
    write_video(folder / "DJI_0001.MP4")
    (folder / "DJI_0001.SRT").write_text(subtitles(), "utf-8")
    zone = geojson([(-5, 22), (12, 22), (12, 40), (-5, 40)], code="np-1", kind="no_parking", name="Gate")
    (folder / "zones.geojson").write_text(json.dumps(zone), "utf-8")
    cells = geojson([(-90, -60), (90, -60), (90, 120), (-90, 120)], code="c-1", name="One")
    (folder / "cells.geojson").write_text(json.dumps(cells), "utf-8")
    latitude, longitude, _ = FRAME.to_geodetic([[*PARKED, 0.0]])[0]
    wanted = {"kind": "illegal_parking", "lat": latitude, "lon": longitude, "cell": "c-1"}
    (folder / "expected.json").write_text(json.dumps({"tolerance_m": 2, "tickets": [wanted]}), "utf-8")
    return folder


def options(footage: Path, work: Path, **more: Any) -> ReplayOptions:
    values: dict[str, Any] = {
        "source": footage / "DJI_0001.MP4", "work_directory": work, "zones": footage / "zones.geojson",
        "grids": footage / "cells.geojson", "expect": footage / "expected.json", "camera": "patrol-720p",
        "defaults": PoseDefaults(zone=UTC),
    }  # fmt: skip
    return ReplayOptions(**values | more)


@contextmanager
def sandbox(recording: Recording, chosen: ReplayOptions, folder: Path) -> Iterator[tuple[Any, Any]]:
    site = write_sandbox_site(recording, chosen, folder / "site")
    with open_desk(folder / "server", site=site) as desk:
        agent, reader = (
            TestClient(
                desk.client.app, base_url="http://127.0.0.1",
                headers={"Authorization": f"Bearer {desk.token(user)}"},
            )
            for user in ("agent", "desk")
        )  # fmt: skip
        yield agent, reader


def report_of(chosen: ReplayOptions, folder: Path, clock: ManualClock | None = None) -> dict[str, Any]:
    recording = open_recording(chosen)
    with sandbox(recording, chosen, folder) as (agent, desk):
        return run_replay(
            chosen,
            agent,
            desk=desk,
            recording=recording,
            detector=RedThings(),
            weights_label="red",
            clock=clock,
        )


def test_the_recording_gives_the_expected_ticket(footage: Path, tmp_path: Path) -> None:
    report = report_of(options(footage, tmp_path / "work"), tmp_path)
    assert report["passed"] is True, report
    (ticket,) = report["tickets"]
    assert (ticket["kind"], ticket["cell"], ticket["sightings"]) == ("illegal_parking", "c-1", 1)
    assert ticket["first_seen"] >= "2026-05-01T09:00:0"
    assert (report["frames"], report["frames_without_pose"], report["matched"]) == (60, 0, 1)


def test_the_bytes_are_the_same_at_any_speed(footage: Path, tmp_path: Path) -> None:
    reports = []
    for name, speed, paced_s in (("max", None, 0.0), ("real", 1.0, 11.8), ("fast", 8.0, 1.475)):
        clock = ManualClock(START)
        report = report_of(options(footage, tmp_path / name / "work", speed=speed), tmp_path / name, clock)
        assert clock.monotonic() == pytest.approx(paced_s)
        reports.append(json.dumps(report, sort_keys=True))
    assert len(set(reports)) == 1


def test_a_video_that_stops_is_said_and_its_tickets_stay(footage: Path, tmp_path: Path) -> None:
    """An MPEG-TS or a fragmented file is cut by a pulled card; its good part counts."""
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    write_video(whole)
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.85)])
    chosen = options(footage, tmp_path / "work", source=cut, telemetry=footage / "DJI_0001.SRT")
    recording = open_recording(chosen)
    with sandbox(recording, chosen, tmp_path) as (agent, desk):
        with pytest.raises(VideoStopped, match="stops after frame"):
            run_replay(
                chosen, agent, desk=desk, recording=recording, detector=RedThings(), weights_label="red"
            )
        assert desk.get("/api/v1/tickets").json()["total"] == 1


def without(**changes: Any) -> dict[str, Any]:
    return changes


@pytest.mark.parametrize(
    ("srt", "changes", "error", "sentence"),
    [
        (None, without(), TelemetryMissing, "--telemetry"),
        ("", without(), RecordingError, "empty"),
        (subtitles(), without(camera=None), CameraUnknown, "patrol-720p"),
        (subtitles(), without(camera="nikon"), CameraUnknown, "no camera is named nikon"),
        (subtitles(), without(camera="thermal-640"), CameraUnknown, "640 x 512"),
        (subtitles(gimbal=False), without(), TelemetryIncomplete, "--pitch"),
        (subtitles(first_s=40.0), without(), TelemetryDoesNotOverlap, "no frame has a pose"),
    ],
)
def test_wrong_input_is_one_sentence(
    footage: Path,
    tmp_path: Path,
    srt: str | None,
    changes: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes((footage / "DJI_0001.MP4").read_bytes())
    if srt is not None:
        (tmp_path / "clip.srt").write_text(srt, "utf-8")
    with pytest.raises(error, match=sentence):
        report_of(options(footage, tmp_path / "work", source=video, **changes), tmp_path)


def test_telemetry_of_another_day_is_refused_unless_the_start_is_given(footage: Path, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    write_video(video, created=START - timedelta(days=3))
    chosen = options(footage, tmp_path / "work", source=video, telemetry=footage / "DJI_0001.SRT")
    with pytest.raises(TelemetryDoesNotOverlap, match="different flights"):
        open_recording(chosen)
    given = options(
        footage, tmp_path / "work", source=video, telemetry=footage / "DJI_0001.SRT",
        defaults=PoseDefaults(zone=UTC, start=START),
    )  # fmt: skip
    assert open_recording(given).poses.start == START


def test_a_missing_source_is_named(footage: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.mp4"):
        open_recording(options(footage, tmp_path / "work", source=tmp_path / "nothing.mp4"))
