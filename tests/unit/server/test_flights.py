"""Plans, two-step launch, requests to the agent, phases, track, log and live pictures."""

from __future__ import annotations

import json
import struct
import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from server.fleet.models import Agent
from server.fleet.repository import agent_by_name
from tests.fixtures.desk import AGENT, START, Desk

PLAN = {
    "name": "上午巡查", "cells": ["361102009004"], "area": None, "camera": "patrol-720p", "pitch_deg": -55,
    "altitude_agl_m": 50, "speed_m_s": 7, "overlap": 0.2, "agent": None,
}  # fmt: skip
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20


def _plan(desk: Desk) -> Any:
    answer = desk.call("POST", "plans", user="operator", json=PLAN)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _launched(desk: Desk) -> Any:
    plan = _plan(desk)
    flight = desk.call(
        "POST", "flights", user="operator", json={"plan_id": plan["id"], "agent": AGENT}
    ).json()
    assert flight["phase"] == "planned"
    answer = desk.call("POST", f"flights/{flight['id']}/launch", user="operator")
    assert answer.status_code == 202, answer.text
    return answer.json()


def _requests(desk: Desk, wait_s: float = 0) -> list[Any]:
    answer = desk.call("GET", f"agent/requests?wait_s={wait_s}", user="agent")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["requests"])


def _answer(desk: Desk, request_id: str, accepted: bool = True, detail: str = "") -> Any:
    body = {
        "request_id": request_id,
        "accepted": accepted,
        "detail": detail,
        "answered_at": START.isoformat(),
    }
    return desk.call("POST", "agent/answers", user="agent", json=body)


def _telemetry(desk: Desk, flight_id: str | None, second: float, **more: Any) -> Any:
    at = START.replace(second=int(second), microsecond=int(second % 1 * 1e6)).isoformat()
    body = {
        "agent": AGENT, "flight_id": flight_id, "at": at,
        "latitude": 28.45 + second * 1e-5, "longitude": 117.97,
        "altitude_amsl_m": 118.0, "altitude_above_home_m": 50.0, "heading_deg": 10.0, "ground_speed_m_s": 7.0,
    }  # fmt: skip
    return desk.call("POST", "agent/telemetry", user="agent", json=body | more)


def _log(desk: Desk, flight_id: str, sequence: int, *entries: tuple[float, str | None]) -> Any:
    body = {
        "flight_id": flight_id, "sequence": sequence,
        "entries": [
            {
                "at": START.replace(second=int(at)).isoformat(), "code": "phase", "text": str(phase),
                "phase": phase,
            }
            for at, phase in entries
        ],
    }  # fmt: skip
    return desk.call("POST", "agent/log", user="agent", json=body)


def test_a_plan_is_made_and_kept(desk: Desk) -> None:
    made = _plan(desk)
    assert made["plan"]["outside_m"] == 0
    assert made["plan"]["sorties"]
    assert desk.get(f"plans/{made['id']}") == made
    assert desk.get("plans")["items"][0]["id"] == made["id"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"cells": ["nowhere"]}, 409, "plan_impossible"),
        ({"cells": []}, 409, "plan_impossible"),
        ({"camera": "pinhole"}, 409, "plan_impossible"),
        ({"altitude_agl_m": -3}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
        ({"speed_m_s": "NaN"}, 422, "invalid_request"),
    ],
)
def test_an_impossible_plan_is_refused_with_the_reason(
    desk: Desk, change: dict[str, Any], status: int, code: str
) -> None:
    answer = desk.call("POST", "plans", user="operator", json=PLAN | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10


def test_launch_is_a_second_step_and_reaches_the_agent(desk: Desk) -> None:
    flight = _launched(desk)
    assert (flight["phase"], flight["launched_by"]) == ("requested", "operator")
    (request,) = _requests(desk)
    assert (request["kind"], request["flight_id"], request["issued_by"]) == ("fly", flight["id"], "operator")
    assert request["plan"]["cells"] == PLAN["cells"]
    assert request["zones"]["features"][0]["properties"]["kind"] == "no_parking"
    assert _requests(desk) == [], "not again at once"
    desk.clock.advance(3)
    assert _requests(desk) == [request], "but again until it is answered"
    assert _answer(desk, request["request_id"]).status_code == 204
    assert _answer(desk, request["request_id"]).status_code == 204
    assert _answer(desk, request["request_id"], accepted=False).json()["code"] == "request_answered"
    desk.clock.advance(3)
    assert _requests(desk) == []
    assert desk.get(f"flights/{flight['id']}")["requests"][0]["state"] == "accepted"


def test_a_waiting_agent_is_woken_by_the_launch(desk: Desk) -> None:
    plan = _plan(desk)
    flight = desk.call(
        "POST", "flights", user="operator", json={"plan_id": plan["id"], "agent": AGENT}
    ).json()
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.extend(_requests(desk, wait_s=20)))
    started = time.monotonic()
    waiting.start()
    while not desk.context.hub._bells and time.monotonic() - started < 10:
        time.sleep(0.01)
    desk.call("POST", f"flights/{flight['id']}/launch", user="operator")
    waiting.join(15)
    assert [request["kind"] for request in found] == ["fly"]
    assert time.monotonic() - started < 10


def test_a_refused_launch_ends_the_flight(desk: Desk) -> None:
    flight = _launched(desk)
    (request,) = _requests(desk)
    _answer(desk, request["request_id"], accepted=False, detail="battery low")
    after = desk.get(f"flights/{flight['id']}")
    assert (after["phase"], after["requests"][0]["detail"]) == ("failed", "battery low")
    assert (
        desk.call("POST", f"flights/{flight['id']}/launch", user="operator").json()["code"]
        == "flight_not_ready"
    )


def test_a_busy_or_silent_agent_is_not_launched(desk: Desk) -> None:
    plan = _plan(desk)
    flights = [
        desk.call("POST", "flights", user="operator", json={"plan_id": plan["id"], "agent": AGENT}).json()[
            "id"
        ]
        for _ in range(2)
    ]
    desk.clock.advance(61)
    answer = desk.call("POST", f"flights/{flights[0]}/launch", user="operator")
    assert (answer.status_code, answer.json()["code"]) == (409, "agent_offline")
    desk.hello()
    assert desk.call("POST", f"flights/{flights[0]}/launch", user="operator").status_code == 202
    answer = desk.call("POST", f"flights/{flights[1]}/launch", user="operator")
    assert (answer.status_code, answer.json()["code"]) == (409, "agent_busy")


def test_a_flight_that_nobody_speaks_of_does_not_block_the_aircraft_for_ever(desk: Desk) -> None:
    """The agent was restarted in the middle of a flight and knows nothing of it any more."""
    lost = _launched(desk)["id"]
    _telemetry(desk, lost, 5, phase="flying")
    desk.clock.advance(61)
    desk.hello()
    following = _launched(desk)["id"]
    assert desk.get(f"flights/{lost}")["phase"] == "failed"
    _telemetry(desk, lost, 9, phase="landing")
    assert desk.get(f"flights/{lost}")["phase"] == "landing", "it was alive after all"
    assert desk.get(f"flights/{following}")["phase"] == "requested"


def test_pause_and_return_are_asked_once(desk: Desk) -> None:
    flight = _launched(desk)["id"]
    assert desk.call("POST", f"flights/{flight}/pause", user="operator").json()["code"] == "flight_not_ready"
    _log(desk, flight, 0, (1, "preflight"), (2, "flying"))
    for _ in range(2):
        assert desk.call("POST", f"flights/{flight}/pause", user="operator").status_code == 202
    assert desk.call("POST", f"flights/{flight}/return", user="operator").status_code == 202
    kinds = [request["kind"] for request in desk.get(f"flights/{flight}")["requests"]]
    assert sorted(kinds) == ["fly", "pause", "return"]


def test_the_phase_follows_log_and_telemetry_and_final_ones_stay(desk: Desk) -> None:
    flight = _launched(desk)["id"]
    assert _log(desk, flight, 0, (1, "preflight"), (5, "takeoff")).status_code == 204
    assert desk.get(f"flights/{flight}")["phase"] == "takeoff"
    _telemetry(desk, flight, 8, phase="flying")
    assert desk.get(f"flights/{flight}")["phase"] == "flying"
    _telemetry(desk, flight, 3, phase="arming")
    assert desk.get(f"flights/{flight}")["phase"] == "flying", "older news changes nothing"
    assert [f["id"] for f in desk.get("flights?active=true")["items"]] == [flight]
    _log(desk, flight, 2, (20, "finished"))
    _telemetry(desk, flight, 25, phase="landing")
    after = desk.get(f"flights/{flight}")
    assert after["phase"] == "finished"
    assert after["finished_at"] is not None
    assert after["requests"][0]["state"] == "refused", "what was never answered is over with the flight"
    assert desk.get("flights?active=true")["items"] == []


def test_the_log_is_idempotent_and_ordered(desk: Desk) -> None:
    flight = _launched(desk)["id"]
    _log(desk, flight, 2, (4, None), (5, None))
    _log(desk, flight, 0, (1, None), (2, None), (4, None))
    _log(desk, flight, 0, (1, None), (2, None), (4, None))
    assert [entry["sequence"] for entry in desk.get(f"flights/{flight}/log")["items"]] == [0, 1, 2, 3]


def test_the_track_is_kept_once_a_second(desk: Desk) -> None:
    flight = str(uuid4())
    for tenth in range(0, 50, 2):
        assert _telemetry(desk, flight, tenth / 10).status_code == 204
    track = desk.get(f"flights/{flight}/track")
    assert track["geometry"]["type"] == "LineString"
    assert len(track["geometry"]["coordinates"]) == 5
    assert len(track["properties"]["times"]) == 5
    assert desk.get(f"flights/{flight}")["plan"] is None, "an agent may fly what was started elsewhere"


def test_an_agent_falls_silent_and_comes_back(desk: Desk) -> None:
    from server.worker import sweep_agents

    _telemetry(desk, None, 1)
    (aircraft,) = desk.get("aircraft")
    assert (aircraft["online"], aircraft["agent"], aircraft["name"]) == (True, AGENT, "云雀一号")
    assert aircraft["telemetry"]["ground_speed_m_s"] == 7.0
    desk.clock.advance(61)
    assert sweep_agents(desk.context) == 1
    assert sweep_agents(desk.context) == 0
    assert desk.get("aircraft")[0]["online"] is False
    _telemetry(desk, None, 2)
    assert desk.get("aircraft")[0]["online"] is True


def test_an_agent_speaks_for_itself_only(desk: Desk) -> None:
    token = desk.call("POST", "agents", user="admin", json={"name": "other"}).json()["token"]
    flight = str(uuid4())
    _telemetry(desk, flight, 1)
    headers = {"Authorization": f"Bearer {token}"}
    body = {
        "agent": AGENT, "at": START.isoformat(), "latitude": 1, "longitude": 1, "altitude_amsl_m": 1,
        "altitude_above_home_m": 1, "heading_deg": 1, "ground_speed_m_s": 1,
    }  # fmt: skip
    for change in ({}, {"agent": "other", "flight_id": flight}):
        for _ in range(2):
            answer = desk.call("POST", "agent/telemetry", user=None, headers=headers, json=body | change)
            assert (answer.status_code, answer.json()["code"]) == (403, "agent_mismatch")


def _frame(desk: Desk, flight_id: str, at: str, picture: bytes = JPEG) -> Any:
    header = {
        "agent": AGENT, "flight_id": flight_id, "captured_at": at, "width_px": 640, "height_px": 360,
        "boxes": [{"box": [0.1, 0.1, 0.2, 0.2], "name": "person", "score": 0.5}],
    }  # fmt: skip
    files = {"picture": ("frame.jpg", picture, "image/jpeg")}
    return desk.call("POST", "agent/frames", user="agent", data={"header": json.dumps(header)}, files=files)


def test_live_pictures_are_relayed(desk: Desk) -> None:
    flight = str(uuid4())
    assert _frame(desk, flight, "2026-05-01T02:00:01Z").status_code == 204
    shown = desk.call("GET", f"flights/{flight}/frame.jpg", user="tester")
    assert (shown.status_code, shown.content) == (200, JPEG)
    with desk.socket(f"flights/{flight}/pictures") as socket:
        message = socket.receive_bytes()
        (length,) = struct.unpack(">I", message[:4])
        header = json.loads(message[4 : 4 + length])
        assert (header["flight_id"], header["boxes"][0]["name"]) == (flight, "person")
        assert message[4 + length :] == JPEG
        newer = JPEG + b"2"
        _frame(desk, flight, "2026-05-01T02:00:02Z", newer)
        assert socket.receive_bytes().endswith(newer)
    _frame(desk, flight, "2026-05-01T02:00:00Z")
    assert desk.call("GET", f"flights/{flight}/frame.jpg").content == newer, "an older picture is dropped"
    assert _frame(desk, flight, "2026-05-01T02:00:03Z", b"<svg>").status_code == 422


def test_news_reach_a_console(desk: Desk) -> None:
    with desk.socket("live") as socket:
        assert socket.receive_json()["type"] == "ping"
        flight = _launched(desk)
        first = socket.receive_json()
        assert first["type"] == "flight"
        assert UUID(first["data"]["id"]) == UUID(flight["id"])
        _telemetry(desk, flight["id"], 1)
        news = [socket.receive_json() for _ in range(2)]
        assert news[-1]["type"] == "telemetry"
        assert news[-1]["data"]["ground_speed_m_s"] == 7.0


def test_a_second_look_reaches_the_agent_and_its_answer_the_audit_log(desk: Desk) -> None:
    flight = _launched(desk)["id"]
    for request in _requests(desk):
        _answer(desk, request["request_id"])
    path, place = f"flights/{flight}/second_look", {"latitude": 28.4512, "longitude": 117.9703}
    early = desk.call("POST", path, user="operator", json=place)
    assert early.json()["code"] == "flight_not_ready"
    _log(desk, flight, 0, (1, "flying"))
    for wrong in ({}, {**place, "sighting_id": str(uuid4())}, {"latitude": 28.0}):
        assert desk.call("POST", path, user="operator", json=wrong).status_code == 422
    unknown = desk.call("POST", path, user="operator", json={"sighting_id": str(uuid4())})
    assert unknown.status_code == 404
    assert desk.call("POST", path, user="operator", json=place).status_code == 202
    assert "asked for already" in desk.call("POST", path, user="operator", json=place).json()["detail"]
    (request,) = _requests(desk)
    assert (request["kind"], request["issued_by"]) == ("second_look", "operator")
    assert request["target"]["latitude"] == 28.4512
    assert desk.get(f"flights/{flight}")["requests"][-1]["detail"] == ""
    assert _answer(desk, request["request_id"], detail="leaving the lane").status_code == 204
    entries = desk.get("audit", user="admin")["items"]
    asked = next(entry for entry in entries if entry["action"] == "flight.second_look")
    assert (asked["actor"], asked["data"]["longitude"]) == ("operator", 117.9703)
    answered = next(
        entry for entry in entries
        if entry["action"] == "request.accepted" and entry["data"]["kind"] == "second_look"
    )  # fmt: skip
    assert answered["actor"] == f"agent:{AGENT}"
    assert answered["data"]["detail"] == "leaving the lane"


def test_a_flight_begun_elsewhere_and_a_request_never_answered_stand_in_the_audit_log(desk: Desk) -> None:
    flight = str(uuid4())
    _log(desk, flight, 0, (1, "flying"))
    assert desk.call("POST", f"flights/{flight}/pause", user="operator").status_code == 202
    _log(desk, flight, 1, (9, "finished"))
    entries = desk.get("audit", user="admin")["items"]
    begun = next(entry for entry in entries if entry["action"] == "flight.reported")
    assert (begun["actor"], begun["subject"]) == (f"agent:{AGENT}", flight)
    asked = next(entry for entry in entries if entry["action"] == "flight.pause")
    assert asked["actor"] == "operator"
    refused = next(entry for entry in entries if entry["action"] == "request.refused")
    assert refused["actor"] == "system"
    assert "never answered: the flight is finished" in refused["data"]["detail"]


def _second_agent(desk: Desk, name: str = "swift") -> None:
    with desk.context.database.write() as session:
        session.add(Agent(name=name, token_hash="0" * 64, seen_at=START, created_at=START))


def _prepared(desk: Desk, plan_id: str, agent: str, number: int) -> Any:
    body = {"plan_id": plan_id, "agent": agent, "plan_aircraft": number}
    return desk.call("POST", "flights", user="operator", json=body)


def test_two_aircraft_of_a_plan_share_one_launch_moment(desk: Desk) -> None:
    _second_agent(desk)
    answer = desk.call("POST", "plans", user="operator", json=PLAN | {"aircraft": 2})
    assert answer.status_code == 201, answer.text
    plan = answer.json()
    delay = max(sortie["start_s"] for sortie in plan["plan"]["sorties"])
    assert delay > 0, "they share the air near home"
    assert _prepared(desk, plan["id"], AGENT, 2).json()["code"] == "invalid_request"
    first, second, twin = (
        _prepared(desk, plan["id"], agent, number).json()
        for agent, number in ((AGENT, 0), ("swift", 1), ("swift", 0))
    )
    launched = desk.call("POST", f"flights/{first['id']}/launch", user="operator").json()
    lead = desk.context.settings.launch_lead_seconds
    assert launched["departs_at"] == (START + timedelta(seconds=lead)).isoformat().replace("+00:00", "Z")
    (request,) = _requests(desk)
    assert (request["plan_aircraft"], request["launch_in_s"]) == (0, lead)
    desk.clock.advance(10)
    (again,) = _requests(desk)
    assert again["launch_in_s"] == lead - 10, "told anew, so that no clocks need to agree"
    refused = desk.call("POST", f"flights/{twin['id']}/launch", user="operator")
    assert "aircraft 1 of this plan is under way already" in refused.json()["detail"]
    joined = desk.call("POST", f"flights/{second['id']}/launch", user="operator").json()
    assert joined["departs_at"] == launched["departs_at"]
    assert joined["takes_off_at"] > joined["departs_at"]


def test_an_aircraft_whose_take_off_time_has_passed_is_not_launched(desk: Desk) -> None:
    _second_agent(desk)
    plan = desk.call("POST", "plans", user="operator", json=PLAN | {"aircraft": 2}).json()
    first, second = (_prepared(desk, plan["id"], a, n).json() for a, n in ((AGENT, 0), ("swift", 1)))
    desk.call("POST", f"flights/{first['id']}/launch", user="operator")
    desk.clock.advance(1000)
    _telemetry(desk, first["id"], 5, phase="flying")
    with desk.context.database.write() as session:
        session.get_one(Agent, UUID(_agent_id(desk, "swift"))).seen_at = desk.clock.now()
    refused = desk.call("POST", f"flights/{second['id']}/launch", user="operator")
    assert (refused.status_code, refused.json()["code"]) == (409, "take_off_missed")
    assert "then launch them together" in refused.json()["detail"]


def _agent_id(desk: Desk, name: str) -> str:
    with desk.context.database.read() as session:
        agent = agent_by_name(session, name)
        assert agent is not None
        return str(agent.id)
