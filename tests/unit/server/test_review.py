"""Looking at a flight again: how it flew, kept pictures, and tickets against what is expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from server.flights import pictures
from tests.fixtures.desk import AGENT, FRAME, GROUND_M, START, Desk, open_desk, sighting

JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20
HOURS_OF_A_DAY = 24


def _telemetry(desk: Desk, flight: str, second: int, **more: Any) -> None:
    body = {
        "agent": AGENT, "flight_id": flight, "at": START.replace(second=second).isoformat(),
        "latitude": 28.45 + second * 1e-5, "longitude": 117.97, "altitude_amsl_m": 118.0,
        "altitude_above_home_m": 50.0 + second, "heading_deg": 10.0, "ground_speed_m_s": 7.0,
    }  # fmt: skip
    answer = desk.call("POST", "agent/telemetry", user="agent", json=body | more)
    assert answer.status_code == 204, answer.text


def _frame(desk: Desk, flight: str, second: float, picture: bytes = JPEG) -> None:
    at = START.replace(second=int(second), microsecond=int(second % 1 * 1e6)).isoformat()
    header = {
        "agent": AGENT, "flight_id": flight, "captured_at": at, "width_px": 640, "height_px": 360,
        "boxes": [{"box": [0.1, 0.1, 0.2, 0.2], "name": "person", "score": 0.5}],
    }  # fmt: skip
    files = {"picture": ("frame.jpg", picture, "image/jpeg")}
    data = {"header": json.dumps(header)}
    answer = desk.call("POST", "agent/frames", user="agent", data=data, files=files)
    assert answer.status_code == 204, answer.text


def _place(east: float, north: float) -> dict[str, float]:
    latitude, longitude, _ = FRAME.to_geodetic([[east, north, GROUND_M]])[0]
    return {"lat": float(latitude), "lon": float(longitude)}


def test_how_it_flew_is_told_second_by_second(desk: Desk) -> None:
    flight = str(uuid4())
    ring = [[117.97, 28.45], [117.971, 28.45], [117.971, 28.451]]
    _telemetry(desk, flight, 1, battery_fraction=0.9, link_quality=0.8, footprint=ring)
    _telemetry(desk, flight, 3)
    flown = desk.get(f"flights/{flight}/flown", user="tester")
    assert flown["altitude_above_home_m"] == [51.0, 53.0]
    assert flown["battery_fraction"] == [0.9, None]
    assert flown["link_quality"] == [0.8, None]
    assert flown["footprint"] == [ring, None]
    assert {len(values) for values in flown.values()} == {2}


def test_pictures_are_kept_every_two_seconds_with_their_boxes(desk: Desk) -> None:
    flight = str(uuid4())
    for half in range(11):
        _frame(desk, flight, half / 2, JPEG + bytes([half]))
    kept = desk.get(f"flights/{flight}/pictures", user="tester")["items"]
    assert [one["name"] - kept[0]["name"] for one in kept] == [0, 2000, 4000]
    assert kept[1]["boxes"][0]["name"] == "person"
    shown = desk.call("GET", f"flights/{flight}/pictures/{kept[1]['name']}.jpg", user="tester")
    assert (shown.status_code, shown.content) == (200, JPEG + bytes([4]))
    assert desk.call("GET", f"flights/{flight}/pictures/1.jpg", user="tester").status_code == 404
    assert desk.call("GET", f"flights/{flight}/pictures/1.jpg", user=None).status_code == 401


def test_kept_pictures_go_after_their_time(desk: Desk) -> None:
    flight = str(uuid4())
    _frame(desk, flight, 1)
    (name,) = (one["name"] for one in desk.get(f"flights/{flight}/pictures")["items"])
    path = pictures.path_of(desk.context, flight, name)  # type: ignore[arg-type]
    assert path.is_file()
    desk.clock.advance(29 * HOURS_OF_A_DAY * 3600)
    assert pictures.prune_due(desk.context) == 0
    desk.clock.advance(2 * HOURS_OF_A_DAY * 3600)
    assert pictures.prune_due(desk.context) == 1
    assert not path.exists()
    desk.client.cookies.clear()
    desk._tokens.clear()
    assert desk.get(f"flights/{flight}/pictures")["items"] == []


def test_a_site_may_keep_no_pictures(tmp_path: Path) -> None:
    with open_desk(tmp_path / "data", picture_seconds=0) as desk:
        desk.hello()
        flight = str(uuid4())
        _frame(desk, flight, 1)
        assert desk.get(f"flights/{flight}/pictures")["items"] == []
        assert not (tmp_path / "data" / "pictures").exists()


def test_tickets_are_held_against_what_is_expected(desk: Desk) -> None:
    flight = uuid4()
    _telemetry(desk, str(flight), 1)
    fire = desk.report(sighting(50, 50, "fire", flight_id=flight))["ticket_id"]
    smoke = desk.report(sighting(90, 90, "smoke", flight_id=flight))["ticket_id"]
    desk.report(sighting(20, 80, "illegal_parking", flight_id=flight))
    wrong = desk.report(sighting(80, 20, "fire", flight_id=flight))["ticket_id"]
    note = {"note": "nothing there", "verdict": "false_alarm"}
    assert desk.act(wrong, "reject", **note).status_code == 200
    expected = {
        "tolerance_m": 5,
        "tickets": [
            {"kind": "fire", **_place(50, 50)},
            {"kind": "smoke", **_place(98, 90)},
            {"kind": "gathering", **_place(60, 60)},
        ],
    }
    answer = desk.call("POST", f"flights/{flight}/comparison", user="tester", json=expected)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert not found["passed"]
    assert [(one["ticket_id"], one["wrong_place"]) for one in found["matched"]] == [(fire, False)]
    assert [(one["ticket_id"], one["wrong_place"]) for one in found["misplaced"]] == [(smoke, True)]
    assert 7 < found["misplaced"][0]["metres"] < 9
    assert [one["kind"] for one in found["missing"]] == ["gathering"]
    assert [one["kind"] for one in found["extra"]] == ["illegal_parking"], "the rejected one does not count"


def test_an_expectation_that_cannot_be_read_is_refused(desk: Desk) -> None:
    flight = str(uuid4())
    _telemetry(desk, flight, 1)
    for wrong in ({}, {"tickets": [{"kind": "flood", "lat": 1, "lon": 1}]}, {"tickets": [], "more": 1}):
        answer = desk.call("POST", f"flights/{flight}/comparison", user="tester", json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert (
        desk.call("POST", f"flights/{uuid4()}/comparison", user="tester", json={"tickets": []}).status_code
        == 404
    )
