"""What people found becomes a dataset: boxes that are there, boxes that are not, and what was missed."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.errors import Invalid
from server.learning.export import Exported, export_verdicts, outside
from tests.fixtures.desk import START, Desk, sighting
from vision.datasets import IGNORE, read_dataset


def _picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((720, 1280, 3), shade, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def _item(content: bytes, role: str) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(content).hexdigest(), "role": role, "media_type": "image/jpeg",
        "bytes": len(content), "captured_at": START.isoformat(), "redacted": role != "original",
    }  # fmt: skip


def _ticket(desk: Desk, kind: str, east: float, shade: int) -> tuple[str, dict[str, Any], Any]:
    """A ticket with a redacted and an untouched picture; its id, the redacted item and its sighting."""
    redacted, original = _picture(shade), _picture(shade + 1)
    items = [_item(redacted, "snapshot"), _item(original, "original")]
    message = sighting(east=east, kind=kind, evidence=items)
    ticket = desk.report(message)["ticket_id"]
    for content, item in zip((redacted, original), items, strict=True):
        answer = desk.call(
            "PUT", f"agent/evidence/{item['sha256']}", user="agent", content=content,
            headers={"Content-Type": "image/jpeg"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
    return str(ticket), items[0], message


def _export(desk: Desk, out: Path, reason: str = "to train the eye") -> Exported:
    with desk.context.database.write() as session:
        return export_verdicts(desk.context, session, out, "command line", reason)


def _rows(out: Path) -> dict[str, dict[str, Any]]:
    return {row["ticket"]: row for row in map(json.loads, (out / "pictures.jsonl").read_text().splitlines())}


def test_verdicts_become_labels_hard_negatives_and_marks(desk: Desk, tmp_path: Path) -> None:
    fire, _, message = _ticket(desk, "fire", 20, 10)
    haze, _, _ = _ticket(desk, "smoke", 60, 40)
    truck, snapshot, _ = _ticket(desk, "smoke", -60, 80)
    unjudged, _, _ = _ticket(desk, "smoke", -20, 120)
    crowd, _, _ = _ticket(desk, "gathering", 90, 160)
    assert desk.act(fire, "dispatch", note="please look", to="fire brigade").status_code == 200
    assert desk.act(haze, "reject", note="fog", verdict="false_alarm").status_code == 200
    assert desk.act(truck, "reject", note="lorry", verdict="wrong_kind", found="truck").status_code == 200
    mark = {"sha256": snapshot["sha256"], "name": "fire", "box": [0.1, 0.2, 0.2, 0.4]}
    assert desk.act(truck, "mark", marks=[mark]).status_code == 200
    assert desk.act(crowd, "reject", note="a queue", verdict="ordinary").status_code == 200

    done = _export(desk, tmp_path / "set")
    assert done.labels == {"fire": 2, "truck": 1}
    assert done.denied == {"smoke": 2}
    assert done.pictures == 3
    assert done.tickets == {"confirmed": 1, "false_alarm": 1, "wrong_kind": 1, "ordinary": 1}

    mine = {"fire": fire, "haze": haze, "truck": truck, "crowd": crowd, "none": unjudged}
    numbers = {name: desk.get(f"tickets/{one}")["number"] for name, one in mine.items()}
    rows = _rows(tmp_path / "set")
    assert set(rows) == {numbers["fire"], numbers["haze"], numbers["truck"]}
    assert rows[numbers["fire"]]["boxes"] == [
        {"name": "fire", "box": pytest.approx(message.looks[0].box, abs=0.02)}
    ], "the box of the look at the picture's own instant"
    assert rows[numbers["haze"]]["boxes"] == []
    assert [one["name"] for one in rows[numbers["truck"]]["boxes"]] == ["truck", "fire"]
    assert rows[numbers["truck"]]["boxes"][1]["box"] == [128, 144, 256, 288]
    told = [json.loads(line) for line in (tmp_path / "set/tickets.jsonl").read_text().splitlines()]
    assert {one["ticket"]: one["verdict"] for one in told}[numbers["crowd"]] == "ordinary"

    audited = desk.get("audit?limit=10", user="admin")["items"]
    entry = next(one for one in audited if one["action"] == "evidence.export")
    assert len(entry["data"]["pictures"]) == 3
    assert entry["data"]["reason"] == "to train the eye"


def test_the_dataset_reads_back_as_yolo_and_as_coco(desk: Desk, tmp_path: Path) -> None:
    fire, _, message = _ticket(desk, "fire", 20, 10)
    assert desk.act(fire, "dispatch", note="x", to="y").status_code == 200
    _export(desk, tmp_path / "set")
    (as_yolo,) = read_dataset(tmp_path / "set")
    (as_coco,) = read_dataset(tmp_path / "set/annotations.json")
    for read in (as_yolo, as_coco):
        real = [i for i, name in enumerate(read.names) if not name.startswith(IGNORE)]
        assert [read.names[i] for i in real] == ["fire"]
        box = read.boxes[real[0]] * [1280, 720, 1280, 720]
        assert box == pytest.approx(np.array(message.looks[0].box), abs=0.05)
        left, top, right, bottom = read.boxes[[i for i in range(len(read.names)) if i not in real]].T
        covered = (left < 0.9) & (right > 0.9) & (top < 0.1) & (bottom > 0.1)
        assert covered.any(), "what nobody looked at is to be ignored"


def test_a_verdict_ends_when_the_ticket_is_opened_again(desk: Desk, tmp_path: Path) -> None:
    haze, _, _ = _ticket(desk, "smoke", 60, 40)
    desk.act(haze, "reject", note="fog", verdict="false_alarm")
    desk.act(haze, "reopen")
    assert _export(desk, tmp_path / "a").pictures == 0
    desk.act(haze, "file")
    assert _export(desk, tmp_path / "b").labels == {"smoke": 1}


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("reject", {"note": "x", "verdict": "confirmed"}),
        ("file", {"verdict": "false_alarm"}),
        ("reject", {"note": "x", "verdict": "wrong_kind"}),
        ("reject", {"note": "x", "verdict": "wrong_kind", "found": "dragon"}),
        ("reject", {"note": "x", "verdict": "false_alarm", "found": "truck"}),
        ("comment", {"note": "x", "verdict": "false_alarm"}),
        ("mark", {}),
        ("mark", {"marks": [{"sha256": "0" * 64, "name": "fire", "box": [0.1, 0.1, 0.2, 0.2]}]}),
    ],
)
def test_a_verdict_must_fit_its_action(desk: Desk, action: str, more: dict[str, Any]) -> None:
    ticket, _, _ = _ticket(desk, "smoke", 60, 40)
    answer = desk.act(ticket, action, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert desk.get(f"tickets/{ticket}")["state"] == "reported"


@pytest.mark.parametrize(
    "mark",
    [
        {"name": "fire", "box": [0.3, 0.1, 0.2, 0.2]}, {"name": "fire", "box": [0.1, 0.1, 0.101, 0.2]},
        {"name": "fire", "box": [0.1, 0.1, 1.2, 0.2]}, {"name": "fire", "box": [0.1, 0.1, 0.2]},
        {"name": "unicorn", "box": [0.1, 0.1, 0.2, 0.2]},
    ],
)  # fmt: skip
def test_a_mark_is_a_real_box_of_a_known_class(desk: Desk, mark: dict[str, Any]) -> None:
    ticket, snapshot, _ = _ticket(desk, "smoke", 60, 40)
    answer = desk.act(ticket, "mark", marks=[mark | {"sha256": snapshot["sha256"]}])
    assert answer.status_code == 422, answer.text


def test_a_picture_whose_box_nobody_knows_is_counted(desk: Desk, tmp_path: Path) -> None:
    original = _picture(9)
    item = _item(original, "original") | {"captured_at": START.replace(year=2025).isoformat()}
    ticket = desk.report(sighting(kind="smoke", evidence=[item]))["ticket_id"]
    desk.call("PUT", f"agent/evidence/{item['sha256']}", user="agent", content=original,
              headers={"Content-Type": "image/jpeg"})  # fmt: skip
    desk.act(ticket, "reject", note="x", verdict="false_alarm")
    done = _export(desk, tmp_path / "set")
    assert done.pictures == 0
    assert done.left_out == {"no box at that instant": 1}


def test_an_export_needs_a_reason_and_an_empty_folder(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="--reason"):
        _export(desk, tmp_path / "set", " ")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/x").write_text("x")
    with pytest.raises(Invalid, match="not an empty folder"):
        _export(desk, tmp_path / "old")


corner = st.integers(0, 40)
boxes = st.lists(
    st.tuples(corner, corner, corner, corner).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1)
    ),
    max_size=5,
)


@given(boxes)
def test_outside_is_exactly_the_rest(judged: list[tuple[float, float, float, float]]) -> None:
    inside, rest = np.zeros((41, 41), int), np.zeros((41, 41), int)
    for left, top, right, bottom in judged:
        inside[int(top) : int(bottom), int(left) : int(right)] = 1
    for left, top, right, bottom in outside(judged, 41, 41):
        rest[int(top) : int(bottom), int(left) : int(right)] += 1
    assert (inside + rest == 1).all()
