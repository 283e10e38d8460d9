"""Reporting ground seen: through the spool, replaced by newer reports, lost by nothing."""

from __future__ import annotations

import base64
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import pytest

from drone.seen import RecordingWatch, seen_at, seen_from
from drone.spool import ItemKind, Spool
from drone.uplink import Uplink
from missions.kinds import load_kinds
from missions.messages import SeenMessage
from missions.seen_tiles import unpacked
from missions.site import load_site
from missions.terrain import FlatTerrain
from vision.camera import CameraModel, Pose
from vision.detections import Detections
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.glances import Looked
from vision.looks import Look

LENS = CameraModel.from_field_of_view(1280, 720, 60.0, name="patrol-720p")
AT = datetime(2026, 5, 1, tzinfo=UTC)
FLIGHT = uuid4()


def pose(second: float) -> Pose:
    return Pose(
        captured_at=AT + timedelta(seconds=second), latitude=28.4501, longitude=117.9701 + 7e-5 * second,
        altitude_amsl_m=118.0, yaw_deg=90.0, pitch_deg=-60.0,
    )  # fmt: skip


@pytest.fixture
def spool(tmp_path: Path):
    opened = Spool(tmp_path / "spool.sqlite")
    yield opened
    opened.close()


def fly(spool: Spool, seconds: int = 40):
    reporter = seen_from(28.45, 117.97, FlatTerrain(68.0), spool)(FLIGHT, LENS, ("patrol-rgb", "crowds"))
    for second in range(seconds):
        reporter.look(pose(second).captured_at, pose(second))
    return reporter


def reports(spool: Spool) -> list[SeenMessage]:
    return [item.seen() for item in spool.due(500, kinds=(ItemKind.SEEN,))]


def test_tiles_left_behind_are_reported_in_flight_and_the_rest_at_the_end(spool):
    reporter = fly(spool)
    early = reports(spool)
    reporter.finish()
    late = reports(spool)
    assert 0 < len(early) < len(late)
    assert {(m.row, m.column) for m in late} >= {(m.row, m.column) for m in early}
    tile = unpacked(base64.b64decode(late[0].squares))
    assert tile.key == (late[0].row, late[0].column)
    assert {who for who, _ in tile.layers} == {"crowds+patrol-rgb"}
    assert spool.counts().seen == len(late) == spool.pending()


class Blind:
    """A detector that finds nothing."""

    names = ("person", "car")

    def detect(self, image) -> Detections:
        return Detections.empty(self.names)


def test_the_eye_enters_what_it_has_looked_at(spool, tmp_path):
    reporter = seen_from(28.45, 117.97, FlatTerrain(68.0), spool)(FLIGHT, LENS, ("patrol-rgb",))
    watch = RecordingWatch(
        LENS, Blind(), seen=reporter, pose_at=lambda at: pose((at - AT).total_seconds()),
        terrain=FlatTerrain(68.0), zones=None, kinds=load_kinds(), evidence=EvidenceStore(tmp_path / "e"),
        flight_id=FLIGHT, source="simulator", weights_label="none", namespace=FLIGHT,
    )  # fmt: skip
    picture = np.zeros((720, 1280, 3), np.uint8)
    for second in range(2):
        assert watch.process(Frame(image=picture, captured_at=AT + timedelta(seconds=second), index=second))
    assert reports(spool) == []
    assert watch.finish() == []
    tiles = [unpacked(base64.b64decode(message.squares)) for message in reports(spool)]
    assert max(tile.span[1] for tile in tiles) == int(AT.timestamp()) + 1


def test_parts_that_were_not_looked_at_are_not_seen(spool):
    part = Look((0, 0, 1280, 1440), 1.0, 16.0, (0, 0, 16, 18), 48.0)
    whole = 0
    for looked, share in ((None, 1.0), (Looked((2560, 1440), (part,)), 0.5), (Looked((2560, 1440), ()), 0.0)):
        own = Spool(":memory:")
        reporter = seen_from(28.45, 117.97, FlatTerrain(68.0), own)(FLIGHT, LENS, ("patrol-rgb",))
        reporter.look(AT, pose(0), looked)
        reporter.finish()
        seen = sum(int((unpacked(base64.b64decode(m.squares)).last_seen() > 0).sum()) for m in reports(own))
        own.close()
        whole = whole or seen
        assert seen == pytest.approx(share * whole, abs=0.08 * whole)


def test_a_frame_without_pose_shows_nobody_knows_what(spool):
    reporter = fly(spool, 0)
    reporter.look(AT, None)
    reporter.finish()
    assert reports(spool) == []


def test_a_newer_report_of_a_tile_replaces_one_that_still_waits(spool):
    reporter = fly(spool, 1)
    reporter.finish()
    first = {(m.row, m.column): m.revision for m in reports(spool)}
    reporter.look(pose(1).captured_at, pose(1))
    reporter.finish()
    second = {(m.row, m.column): m.revision for m in reports(spool)}
    assert set(first.values()) == {1}
    assert any(second[key] == 2 for key in first)
    assert len(second) == len(reports(spool))


def test_the_ground_of_a_site_with_its_buildings(spool):
    site = load_site(Path(__file__).resolve().parents[3] / "configs" / "sites" / "yunxi")
    reporter = seen_at(site, spool)(FLIGHT, LENS, ("patrol-rgb",))
    reporter.look(AT, pose(0))
    reporter.finish()
    with_houses = sum(
        int((unpacked(base64.b64decode(m.squares)).last_seen() > 0).sum()) for m in reports(spool)
    )
    bare = Spool(":memory:")
    open_ground = seen_from(28.45, 117.97, site.terrain, bare)(FLIGHT, LENS, ("patrol-rgb",))
    open_ground.look(AT, pose(0))
    open_ground.finish()
    without = sum(int((unpacked(base64.b64decode(m.squares)).last_seen() > 0).sum()) for m in reports(bare))
    bare.close()
    assert 0 < with_houses < without


def test_delivery_outlives_a_server_that_is_down_and_parks_what_is_refused(spool):
    reporter = fly(spool, 1)
    reporter.finish()
    count = len(reports(spool))
    answers = iter([503, 422, *[200] * 100])
    posted = []

    def serve(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/agent/seen"
        posted.append(SeenMessage.model_validate_json(request.content))
        return httpx.Response(next(answers), json={"changed": True, "detail": "no"})

    client = httpx.Client(base_url="http://desk", transport=httpx.MockTransport(serve))
    uplink = Uplink(spool, client, backoff_s=(0.001, 0.002))
    assert uplink.flush(20.0)
    assert len(spool.parked()) == 1
    assert spool.pending() == 0
    assert len(posted) == count + 1


def test_an_outbox_of_an_earlier_version_learns_to_keep_reports(tmp_path):
    path = tmp_path / "spool.sqlite"
    old = Spool(path)
    old.put_file("a" * 64, tmp_path / "x.jpg", "image/jpeg")
    old.close()
    database = sqlite3.connect(path)
    made = database.execute("SELECT sql FROM sqlite_master WHERE name = 'item'").fetchone()[0]
    before = made.replace(", 'seen'", "")
    database.executescript(
        "PRAGMA legacy_alter_table=ON; ALTER TABLE item RENAME TO old; "
        f"{before}; INSERT INTO item SELECT * FROM old; DROP TABLE old;"
        "INSERT INTO attempt (item_id, at, status, note) VALUES (1, 0.0, 500, 'before');"
    )
    database.close()
    spool = Spool(path)
    assert spool.counts().held == 1
    assert [attempt.note for attempt in spool.attempts(ItemKind.FILE, "a" * 64)] == ["before"]
    assert spool.put_seen(SeenMessage(flight_id=FLIGHT, row=1, column=1, squares="AAAA"))
    item = spool.due()[0]
    spool.failed(item, status=None, note="later", retry_s=0.0)
    spool.close()
    assert Spool(path).counts().seen == 1
