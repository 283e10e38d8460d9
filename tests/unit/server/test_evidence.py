"""Evidence: delivered by hash, redacted to all, originals to few."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.fixtures.desk import Desk, sighting, snapshot

PICTURE = b"\xff\xd8\xff a redacted picture"
ORIGINAL = b"\xff\xd8\xff people can be recognised"


def _put(desk: Desk, content: bytes, sha256: str | None = None, media_type: str = "image/jpeg") -> Any:
    name = sha256 or hashlib.sha256(content).hexdigest()
    headers = {"Content-Type": media_type}
    return desk.call("PUT", f"agent/evidence/{name}", user="agent", content=content, headers=headers)


def test_pictures_are_delivered_once_and_become_the_thumbnail(desk: Desk) -> None:
    item = snapshot(PICTURE)
    receipt = desk.report(sighting(kind="smoke", evidence=[item]))
    assert receipt["missing_evidence"] == [item["sha256"]]
    assert desk.get("tickets")["items"][0]["thumbnail"] is None
    assert _put(desk, PICTURE).json()["state"] == "stored"
    assert _put(desk, PICTURE).json()["state"] == "known"
    assert desk.get("tickets")["items"][0]["thumbnail"] == item["sha256"]
    shown = desk.call("GET", f"evidence/{item['sha256']}", user="tester")
    assert (shown.content, shown.headers["content-type"]) == (PICTURE, "image/jpeg")
    assert "sandbox" in shown.headers["content-security-policy"]
    detail = desk.get(f"tickets/{receipt['ticket_id']}")
    assert [(e["sha256"], e["stored"]) for e in detail["evidence"]] == [(item["sha256"], True)]


def test_a_picture_may_come_before_its_sighting(desk: Desk) -> None:
    _put(desk, PICTURE)
    assert desk.call("GET", f"evidence/{hashlib.sha256(PICTURE).hexdigest()}").status_code == 404, (
        "of nothing yet"
    )
    receipt = desk.report(sighting(kind="smoke", evidence=[snapshot(PICTURE)]))
    assert receipt["missing_evidence"] == []
    assert desk.get("tickets")["items"][0]["thumbnail"] is not None


@pytest.mark.parametrize(
    ("sha256", "media_type", "status", "code"),
    [
        ("0" * 64, "image/jpeg", 422, "evidence_mismatch"),
        ("../../etc/passwd", "image/jpeg", 405, "method_not_allowed"),
        ("A" * 64, "image/jpeg", 422, "invalid_request"),
        (None, "text/html", 422, "invalid_request"),
    ],
)
def test_wrong_deliveries_are_refused(
    desk: Desk, sha256: str | None, media_type: str, status: int, code: str
) -> None:
    answer = _put(desk, PICTURE, sha256, media_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [path.name for path in (desk.context.settings.data_directory / "evidence").iterdir()] == []


def test_an_original_needs_role_and_reason_and_is_on_record(desk: Desk) -> None:
    item = snapshot(ORIGINAL, redacted=False)
    desk.report(sighting(kind="dispute", evidence=[item]))
    _put(desk, ORIGINAL)
    address = f"evidence/{item['sha256']}"
    assert desk.get("tickets")["items"][0]["thumbnail"] is None, "an original is no thumbnail"
    plain = desk.call("GET", address, user="admin")
    assert (plain.status_code, plain.json()["code"]) == (403, "original_needs_reason")
    assert (
        desk.call("POST", f"{address}/originals", user="operator", json={"reason": "curious"}).status_code
        == 403
    )
    assert desk.call("POST", f"{address}/originals", json={"reason": "  "}).status_code == 422
    url = desk.call("POST", f"{address}/originals", json={"reason": "报案核实"}).json()["url"]
    assert desk.call("GET", url).content == ORIGINAL
    assert desk.call("GET", url, user="admin").json()["code"] == "link_expired", "made for somebody else"
    assert desk.call("GET", url.replace("expires=1", "expires=2")).json()["code"] == "link_expired"
    (entry,) = [
        e for e in desk.get("audit", user="admin")["items"] if e["action"] == "evidence.original"
    ]  # fmt: skip
    assert (entry["actor"], entry["subject"], entry["data"]["reason"]) == ("desk", item["sha256"], "报案核实")
    desk.clock.advance(61)
    assert desk.call("GET", url).json()["code"] == "link_expired"


def test_one_sighting_that_calls_it_unredacted_is_enough(desk: Desk) -> None:
    _put(desk, ORIGINAL)
    desk.report(sighting(kind="dispute", evidence=[snapshot(ORIGINAL, redacted=True)]))
    assert desk.call("GET", f"evidence/{snapshot(ORIGINAL)['sha256']}").status_code == 200
    desk.report(sighting(kind="dispute", evidence=[snapshot(ORIGINAL, redacted=False)]))
    assert desk.call("GET", f"evidence/{snapshot(ORIGINAL)['sha256']}").status_code == 403
