"""Replay: pace, order, what is expected, and faults of recordings."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from drone.recorded.errors import ExpectationInvalid, TelemetryDoesNotOverlap
from drone.recorded.expected import Comparison, Expected, compare, load_expected, table, write_junit
from drone.recorded.replay import recording_namespace, replay
from drone.spool import Spool
from drone.telemetry import PoseTrack
from missions.clock import ManualClock
from missions.messages import SightingMessage
from vision.camera import Pose
from vision.errors import BrokenVideo
from vision.frames import Frame

AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
FLIGHT = UUID(int=5)
IMAGE = np.zeros((4, 4, 3), np.uint8)


def frames(count: int, *, broken: bool = False) -> Iterator[Frame]:
    for i in range(count):
        yield Frame(IMAGE, AT + timedelta(seconds=0.2 * i), i)
    if broken:
        raise BrokenVideo("clip.mp4: the video stops after frame 10 at 2.0 s", frames=count, seconds=2.0)


def track(start: datetime = AT, seconds: int = 10) -> PoseTrack:
    return PoseTrack(
        Pose(
            captured_at=start + timedelta(seconds=i), latitude=28.45, longitude=117.97, altitude_amsl_m=118,
            yaw_deg=0, pitch_deg=-90,
        )
        for i in range(seconds + 1)
    )  # fmt: skip


def message(name: str, at: datetime, revision: int = 1) -> SightingMessage:
    return SightingMessage.model_validate(
        {
            "sighting_id": uuid5(FLIGHT, name), "revision": revision, "kind": "fire", "confidence": 0.9,
            "first_seen_at": at, "last_seen_at": at, "source": "replay",
            "looks": [{
                "frame_index": 1, "u_px": 1, "v_px": 2, "box": (0, 0, 2, 2), "score": 0.9,
                "pose": {"captured_at": at, "latitude": 28.45, "longitude": 117.97, "altitude_amsl_m": 100,
                         "yaw_deg": 0, "pitch_deg": -90},
                "camera": {"width_px": 4, "height_px": 4, "fx_px": 4, "fy_px": 4, "cx_px": 2, "cy_px": 2},
            }],
            "reasons": [{"term": "looks", "value": 4, "threshold": 4}],
        }
    )  # fmt: skip


class Watcher:
    """Reports one thing at the tenth frame, again at the twentieth, and another at the end."""

    def __init__(self) -> None:
        self.indices: list[int] = []

    def process(self, frame: Frame) -> SimpleNamespace:
        self.indices.append(frame.index)
        said = {10: [message("a", AT)], 20: [message("a", AT, 2)]}.get(frame.index, [])
        return SimpleNamespace(sightings=said)

    def finish(self) -> list[SightingMessage]:
        return [message("b", AT)]


@pytest.mark.parametrize(("speed", "seconds"), [(None, 0.0), (1.0, 5.8), (8.0, 0.725)])
def test_the_pace_is_kept_and_changes_nothing_else(speed: float | None, seconds: float) -> None:
    clock, spool, watcher = ManualClock(AT), Spool(":memory:"), Watcher()
    delivered: list[int] = []
    result = replay(
        frames(30), track(), watcher, spool, speed=speed, clock=clock,
        on_sightings=lambda messages: delivered.append(len(messages)),
    )  # fmt: skip
    assert clock.monotonic() == pytest.approx(seconds)
    assert (result.frames, result.frames_without_pose, result.sightings) == (30, 0, 2)
    assert watcher.indices == list(range(30))
    assert delivered == [1, 1, 1]
    said = [(item.sighting().sighting_id, item.sighting().revision) for item in spool.due()]
    assert said == [(uuid5(FLIGHT, "a"), 1), (uuid5(FLIGHT, "a"), 2), (uuid5(FLIGHT, "b"), 1)]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        replay(frames(1), track(), Watcher(), Spool(":memory:"), speed=speed)


def test_a_video_that_stops_gives_what_it_showed() -> None:
    spool = Spool(":memory:")
    result = replay(frames(15, broken=True), track(), Watcher(), spool)
    assert "stops after frame 10" in result.broken
    assert (result.frames, spool.counts().sightings) == (15, 2)


def test_telemetry_of_another_time_is_told_with_both_times() -> None:
    with pytest.raises(TelemetryDoesNotOverlap, match=r"09:00:00 to 09:00:01.*11:00:00 to 11:00:10"):
        replay(frames(8), track(AT + timedelta(hours=2)), Watcher(), Spool(":memory:"))


def test_frames_beyond_the_telemetry_are_counted() -> None:
    result = replay(frames(30), track(seconds=3), Watcher(), Spool(":memory:"))
    assert 0 < result.frames_without_pose < 15


def test_the_id_of_a_recording_is_of_content_not_of_names(tmp_path: Path) -> None:
    first, second = tmp_path / "a.mp4", tmp_path / "b.srt"
    first.write_bytes(b"video")
    second.write_bytes(b"telemetry")
    copy = tmp_path / "other name.mp4"
    shutil.copyfile(first, copy)
    name = recording_namespace([first, second], "weights")
    assert recording_namespace([copy, second], "weights") == name
    assert recording_namespace([second, first], "weights") != name
    assert recording_namespace([first, second], "other weights") != name
    copy.write_bytes(b"videO")
    assert recording_namespace([copy, second], "weights") != name


# -- expectations

METRE = 1 / 111_195


def ticket(kind: str = "fire", north: float = 0.0, cell: str = "c1", **more: Any) -> dict[str, Any]:
    return {"id": f"t{north}", "kind": kind, "lat": 28.45 + north * METRE, "lon": 117.97, "cell": cell} | more


def expected(*tickets: dict[str, Any], tolerance: float = 3.0) -> Expected:
    wanted = [{k: v for k, v in t.items() if k != "id"} for t in tickets]
    return Expected.model_validate({"tolerance_m": tolerance, "tickets": wanted})


def counts(outcome: Comparison) -> tuple[int, int, int, int]:
    return len(outcome.matched), len(outcome.misplaced), len(outcome.missing), len(outcome.extra)


@pytest.mark.parametrize(
    ("wanted", "came", "outcome"),
    [
        ([], [], (0, 0, 0, 0)),
        ([ticket()], [ticket(north=2.9)], (1, 0, 0, 0)),
        ([ticket()], [ticket(north=3.2)], (0, 1, 0, 0)),
        ([ticket()], [ticket(north=31)], (0, 0, 1, 1)),
        ([ticket()], [ticket("smoke")], (0, 0, 1, 1)),
        ([ticket()], [ticket(cell="c2")], (0, 1, 0, 0)),
        ([ticket()], [ticket(), ticket(north=1)], (1, 0, 0, 1)),
        ([ticket(count=2)], [ticket(), ticket(north=1)], (2, 0, 0, 0)),
        ([ticket(count=0)], [ticket()], (0, 0, 0, 1)),
        # nearest first would take 2.5 for 0 and leave 5 a misfit; together both fit
        ([ticket(north=0), ticket(north=5)], [ticket(north=2.4), ticket(north=-2.4)], (2, 0, 0, 0)),
    ],
)
def test_tickets_are_assigned_at_least_distance(
    wanted: list[dict[str, Any]], came: list[dict[str, Any]], outcome: tuple[int, int, int, int]
) -> None:
    result = compare(expected(*wanted), came)
    assert counts(result) == outcome
    assert result.passed == (outcome[1:] == (0, 0, 0))


def test_the_outcome_is_written_for_people_and_programs(tmp_path: Path) -> None:
    result = compare(
        expected(ticket(), ticket(north=50), ticket("smoke", north=100)),
        [ticket(north=1), ticket(north=58, cell="c9"), ticket("dispute", north=20)],
    )
    assert counts(result) == (1, 1, 1, 1)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(result))
    shown = console.export_text()
    assert all(
        word in shown for word in ("ok", "misplaced", "missing", "extra", "8.0 m away", "instead of c1")
    )
    write_junit(result, tmp_path / "deep" / "junit.xml", seconds=1.5)
    suite = ElementTree.parse(tmp_path / "deep" / "junit.xml").getroot()
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "4", "3")
    lists = result.as_json()
    assert json.loads(json.dumps(lists)) == lists
    assert lists["misplaced"][0]["distance_m"] == pytest.approx(8.0, abs=0.05)
    assert lists["missing"][0]["kind"] == "smoke"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "JSON"),
        ("[]", "the file"),
        ('{"tickets": [{"kind": "fire", "lat": 95, "lon": 1}]}', r"tickets\.0\.lat"),
        ('{"tickets": [{"kind": "flood", "lat": 5, "lon": 1}]}', r"tickets\.0\.kind"),
        ('{"tickets": [], "tolerance": 4}', "tolerance"),
    ],
)
def test_wrong_expectations_name_the_entry(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "expected.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ExpectationInvalid, match=sentence):
        load_expected(file)
    with pytest.raises(ExpectationInvalid, match="nowhere"):
        load_expected(tmp_path / "nowhere.json")
