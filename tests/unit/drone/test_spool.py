"""The outbox: idempotent, ordered, and still there after a kill."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from drone.spool import ItemKind, Spool, SpoolConflict, SpoolItem, SpoolUnusable
from missions.clock import ManualClock
from missions.messages import FlightLogEntry, SightingMessage

AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
FLIGHT = UUID("11111111-1111-5111-8111-111111111111")
ROOT = Path(__file__).resolve().parents[3]


def sighting(
    name: str = "a", revision: int = 1, evidence: tuple[str, ...] = (), score: float = 0.9
) -> SightingMessage:
    return SightingMessage.model_validate(
        {
            "sighting_id": uuid5(FLIGHT, name), "revision": revision, "flight_id": FLIGHT, "kind": "fire",
            "confidence": score, "first_seen_at": AT, "last_seen_at": AT,
            "looks": [{
                "frame_index": 1, "u_px": 1, "v_px": 2, "box": (0, 0, 2, 2), "score": 0.9,
                "pose": {"captured_at": AT, "latitude": 28.45, "longitude": 117.97, "altitude_amsl_m": 100,
                         "yaw_deg": 0, "pitch_deg": -90},
                "camera": {"width_px": 4, "height_px": 4, "fx_px": 4, "fy_px": 4, "cx_px": 2, "cy_px": 2},
            }],
            "reasons": [{"term": "looks", "value": 4, "threshold": 4}],
            "evidence": [
                {"sha256": sha, "role": "snapshot", "media_type": "image/jpeg", "bytes": 3, "captured_at": AT,
                 "redacted": True} for sha in evidence
            ],
        }
    )  # fmt: skip


def entry(text: str = "armed") -> FlightLogEntry:
    return FlightLogEntry(at=AT, code="phase", text=text)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def spool(tmp_path: Path, clock: ManualClock) -> Spool:
    return Spool(tmp_path / "outbox" / "spool.sqlite", clock=clock)


def due_one(spool: Spool, kind: ItemKind = ItemKind.SIGHTING) -> SpoolItem:
    (item,) = spool.due(kinds=(kind,))
    return item


def test_putting_twice_keeps_one(spool: Spool) -> None:
    assert spool.put_sighting(sighting())
    assert not spool.put_sighting(sighting())
    assert spool.put_sighting(sighting(revision=2))
    assert spool.counts().sightings == 2


def test_other_content_under_one_key_is_refused_and_changes_nothing(spool: Spool) -> None:
    spool.put_sighting(sighting())
    with pytest.raises(SpoolConflict, match="twice"):
        spool.put_sighting(sighting(score=0.5))
    assert due_one(spool).sighting().confidence == 0.9


def test_the_order_is_sightings_files_log_each_as_put(spool: Spool) -> None:
    spool.put_log(FLIGHT, entry("first"))
    spool.put_sighting(sighting("b", evidence=("f" * 64,)))
    spool.put_sighting(sighting("a"))
    spool.put_file("f" * 64, Path("x"), "image/jpeg")
    assert [item.kind for item in spool.due()] == [ItemKind.SIGHTING, ItemKind.SIGHTING, ItemKind.LOG]
    first = spool.due()[0]
    assert spool.receipt(first, ["f" * 64]) == []
    assert [item.kind for item in spool.due()] == [ItemKind.SIGHTING, ItemKind.FILE, ItemKind.LOG]
    assert first.sighting().sighting_id == uuid5(FLIGHT, "b")


def test_files_wait_for_a_receipt_and_known_ones_are_let_go(spool: Spool) -> None:
    wanted, known = "a" * 64, "b" * 64
    spool.put_sighting(sighting(evidence=(wanted, known)))
    for sha in (wanted, known):
        assert spool.put_file(sha, Path("x"), "image/jpeg")
        assert not spool.put_file(sha, Path("x"), "image/jpeg")
    assert (spool.counts().held, spool.counts().files, spool.pending()) == (2, 0, 1)
    assert spool.receipt(due_one(spool), [wanted, "c" * 64]) == ["c" * 64]
    assert due_one(spool, ItemKind.FILE).file() == (wanted, Path("x"), "image/jpeg")
    assert (spool.counts().held, spool.counts().delivered) == (0, 2)


def test_a_sighting_brings_its_files_where_the_place_is_known(tmp_path: Path) -> None:
    with_place = Spool(tmp_path / "s.sqlite", locate=lambda sha: tmp_path / sha)
    with_place.put_sighting(sighting(evidence=("a" * 64,)))
    assert with_place.counts().held == 1


def test_log_entries_are_numbered_within_their_flight(spool: Spool) -> None:
    other = uuid5(FLIGHT, "other")
    assert [
        spool.put_log(FLIGHT, entry()),
        spool.put_log(other, entry()),
        spool.put_log(FLIGHT, entry()),
    ] == [0, 0, 1]
    assert [item.log().sequence for item in spool.due()] == [0, 0, 1]
    for item in spool.due():
        spool.delivered(item)
    spool.prune(-1.0)
    assert spool.put_log(FLIGHT, entry()) == 2  # numbers are not given twice, whatever was forgotten


def test_failures_wait_are_recorded_and_only_answers_count(spool: Spool, clock: ManualClock) -> None:
    spool.put_sighting(sighting())
    spool.failed(due_one(spool), status=None, note="no answer", retry_s=4.0, counts=False)
    assert spool.due() == []
    assert spool.next_due_s() == pytest.approx(4.0)
    clock.advance(4.0)
    assert due_one(spool).attempts == 0
    spool.failed(due_one(spool), status=500, note="500: broke", retry_s=8.0)
    clock.advance(8.0)
    item = due_one(spool)
    assert item.attempts == 1
    tried = spool.attempts(ItemKind.SIGHTING, item.key)
    assert [(a.status, a.note) for a in tried] == [(None, "no answer"), (500, "500: broke")]
    assert tried[1].at > tried[0].at


def test_parked_items_are_kept_counted_and_can_be_released(spool: Spool) -> None:
    spool.put_sighting(sighting())
    spool.park(due_one(spool), status=422, note="422: looks: too few")
    assert (spool.pending(), spool.counts().parked, spool.next_due_s()) == (0, 1, None)
    assert spool.parked()[0].note == "422: looks: too few"
    assert spool.release() == 1
    assert due_one(spool).attempts == 0


def test_attempts_do_not_grow_without_end(spool: Spool) -> None:
    spool.put_sighting(sighting())
    item = due_one(spool)
    for number in range(100):
        spool.failed(item, status=None, note=str(number), retry_s=0.0, counts=False)
    kept = spool.attempts(ItemKind.SIGHTING, item.key)
    assert len(kept) == 30
    assert kept[-1].note == "99"


def test_prune_forgets_only_what_was_delivered(spool: Spool, clock: ManualClock) -> None:
    spool.put_sighting(sighting("a"))
    spool.put_sighting(sighting("b"))
    spool.delivered(spool.due()[0])
    clock.advance(100.0)
    assert spool.prune(101.0) == 0
    assert spool.prune(99.0) == 1
    assert spool.counts().sightings == 1


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    program = textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(ROOT)!r})
        from uuid import UUID
        from drone.spool import Spool
        from missions.messages import FlightLogEntry
        spool = Spool({str(path)!r})
        for number in range(5):
            spool.put_log(UUID(int=1), FlightLogEntry(at="2026-05-01T09:00:00Z", code="n", text=str(number)))
        spool._db.execute("BEGIN IMMEDIATE")
        spool._db.execute("DELETE FROM item")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    spool = Spool(path)
    assert [item.log().entries[0].text for item in spool.due()] == ["0", "1", "2", "3", "4"]
    assert spool.put_log(UUID(int=1), entry()) == 5


def test_it_is_written_through(spool: Spool) -> None:
    mode = spool._db.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = spool._db.execute("PRAGMA synchronous").fetchone()[0]
    assert (mode, synchronous) == ("wal", 2)


def test_a_file_that_is_no_outbox_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "spool.sqlite"
    broken.write_bytes(b"this is no database, and long enough to be noticed" * 40)
    with pytest.raises(SpoolUnusable, match=r"spool\.sqlite"):
        Spool(broken)
