"""Delivery: in order, idempotent, patient, and honest about what failed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from drone.spool import ItemKind, Spool
from drone.uplink import (
    MOST_REFUSALS,
    AgentClient,
    AgentNotAccepted,
    RequestRefused,
    ServerUnreachable,
    Uplink,
)
from missions.clock import ManualClock
from missions.messages import FlightLogEntry, FrameMessage, SightingMessage, TelemetryMessage

AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
FLIGHT = UUID("11111111-1111-5111-8111-111111111111")
PICTURE = b"\xff\xd8 picture"
SHA = hashlib.sha256(PICTURE).hexdigest()


class Desk:
    """A server that remembers; ``faults`` are answered first, one for each request."""

    def __init__(self) -> None:
        self.faults: list[Callable[[httpx.Request], httpx.Response] | int] = []
        self.seen: list[str] = []
        self.sightings: dict[str, dict[str, object]] = {}
        self.files: dict[str, bytes] = {}
        self.logs: list[int] = []
        self.poison = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path.removeprefix('/api/v1/agent/')}"
        self.seen.append(what)
        if self.faults:
            fault = self.faults.pop(0)
            if callable(fault):
                return fault(request)
            return httpx.Response(fault, json={"title": "No", "detail": f"fault {fault}", "code": "x"})
        if what.endswith("sightings"):
            body = json.loads(request.content)
            if self.poison and body["track_id"] == 13:
                return httpx.Response(self.poison, json={"title": "Bad sighting", "detail": "track 13"})
            self.sightings[f"{body['sighting_id']}/{body['revision']}"] = body
            missing = [e["sha256"] for e in body["evidence"] if e["sha256"] not in self.files]
            receipt = {
                "sighting_id": body["sighting_id"], "revision": body["revision"], "ticket_id": "t1",
                "new_ticket": True, "missing_evidence": missing,
            }  # fmt: skip
            return httpx.Response(200, json=receipt)
        if "evidence" in what:
            self.files[what.rsplit("/", 1)[1]] = request.content
            return httpx.Response(201)
        if what.endswith("log"):
            self.logs.append(json.loads(request.content)["sequence"])
        return httpx.Response(204)


def no_answer(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def sighting(number: int, track: int = 1, evidence: bool = True) -> SightingMessage:
    items = [{
        "sha256": SHA, "role": "snapshot", "media_type": "image/jpeg", "bytes": len(PICTURE),
        "captured_at": AT, "redacted": True,
    }]  # fmt: skip
    return SightingMessage.model_validate(
        {
            "sighting_id": UUID(int=number), "flight_id": FLIGHT, "kind": "fire", "confidence": 0.9,
            "first_seen_at": AT, "last_seen_at": AT, "track_id": track,
            "looks": [{
                "frame_index": 1, "u_px": 1, "v_px": 2, "box": (0, 0, 2, 2), "score": 0.9,
                "pose": {"captured_at": AT, "latitude": 28.45, "longitude": 117.97, "altitude_amsl_m": 100,
                         "yaw_deg": 0, "pitch_deg": -90},
                "camera": {"width_px": 4, "height_px": 4, "fx_px": 4, "fy_px": 4, "cx_px": 2, "cy_px": 2},
            }],
            "reasons": [{"term": "looks", "value": 4, "threshold": 4}],
            "evidence": items if evidence else [],
        }
    )  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def spool(tmp_path: Path, clock: ManualClock) -> Spool:
    (tmp_path / SHA).write_bytes(PICTURE)
    return Spool(tmp_path / "spool.sqlite", clock=clock, locate=lambda sha: tmp_path / sha)


@pytest.fixture
def client(desk: Desk) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(desk), base_url="http://desk")


@pytest.fixture
def uplink(spool: Spool, client: httpx.Client, clock: ManualClock) -> Uplink:
    return Uplink(spool, client, clock=clock, seed=5)


def test_sightings_then_files_then_log(spool: Spool, uplink: Uplink, desk: Desk) -> None:
    spool.put_log(FLIGHT, FlightLogEntry(at=AT, code="phase", text="armed"))
    spool.put_sighting(sighting(1))
    spool.put_sighting(sighting(2))
    assert uplink.flush(10)
    assert desk.seen == ["POST sightings", "POST sightings", f"PUT evidence/{SHA}", "POST log"]
    assert desk.files[SHA] == PICTURE
    assert (spool.pending(), spool.counts().held, uplink.state.online) == (0, 0, True)


def test_a_file_that_the_server_has_is_not_sent(spool: Spool, uplink: Uplink, desk: Desk) -> None:
    desk.files[SHA] = PICTURE
    spool.put_sighting(sighting(1))
    assert uplink.flush(10)
    assert desk.seen == ["POST sightings"]
    assert spool.counts().held == 0


@pytest.mark.parametrize("fault", [no_answer, 502, 503, 504, 408, 429])
def test_a_server_that_is_down_is_waited_for(
    spool: Spool, uplink: Uplink, desk: Desk, clock: ManualClock, fault: object
) -> None:
    desk.faults = [fault] * 6  # type: ignore[list-item]
    spool.put_sighting(sighting(1))
    assert uplink.step() == 0
    assert not uplink.state.online
    assert uplink.step() == 0  # not before its time
    assert len(desk.seen) == 1
    assert uplink.flush(300)
    assert uplink.state.online
    assert len(desk.sightings) == 1
    # six failures with steps of 1, 2, 4 ... s, each cut by at most half
    assert 31.5 <= clock.monotonic() <= 63.5
    statuses = [a.status for a in spool.attempts(ItemKind.SIGHTING, f"{UUID(int=1)}/000001")]
    assert statuses == [None] * 6 + [200]


def test_waiting_is_repeatable_and_seeded(tmp_path: Path, client: httpx.Client, desk: Desk) -> None:
    def waited(seed: int) -> float:
        clock = ManualClock(AT)
        own = Spool(":memory:", clock=clock)
        desk.faults = [no_answer] * 5
        own.put_sighting(sighting(1, evidence=False))
        assert Uplink(own, client, clock=clock, seed=seed).flush(300)
        return clock.monotonic()

    assert waited(1) == waited(1) != waited(2)


def test_retry_after_is_respected(spool: Spool, uplink: Uplink, desk: Desk, clock: ManualClock) -> None:
    desk.faults = [lambda _: httpx.Response(429, headers={"Retry-After": "90"})]
    spool.put_sighting(sighting(1))
    assert uplink.flush(300)
    assert clock.monotonic() >= 90


def test_flush_gives_up_in_time_and_keeps_everything(
    spool: Spool, uplink: Uplink, desk: Desk, clock: ManualClock
) -> None:
    desk.faults = [no_answer] * 1000
    spool.put_sighting(sighting(1))
    assert not uplink.flush(30)
    assert clock.monotonic() <= 30
    assert spool.pending() == 1


def test_a_token_that_is_not_accepted_is_said_and_waited_for(
    spool: Spool, uplink: Uplink, desk: Desk, clock: ManualClock
) -> None:
    desk.faults = [401]
    spool.put_sighting(sighting(1))
    uplink.step()
    assert "token" in uplink.state.says
    assert spool.counts().parked == 0
    assert uplink.flush(60)
    assert len(desk.sightings) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_poison_is_parked_with_the_problem_and_others_go_on(
    spool: Spool, uplink: Uplink, desk: Desk, status: int
) -> None:
    desk.poison = status
    spool.put_sighting(sighting(1, track=13))
    spool.put_sighting(sighting(2))
    assert uplink.flush(60)
    assert [item.note for item in spool.parked()] == [f"{status}: Bad sighting; track 13"]
    assert desk.seen.count("POST sightings") == 2
    assert uplink.state.online
    desk.poison = 0
    spool.release()
    assert uplink.flush(60)
    assert len(desk.sightings) == 2


def test_a_message_that_breaks_the_server_is_tried_a_bounded_number_of_times(
    spool: Spool, uplink: Uplink, desk: Desk
) -> None:
    desk.poison = 500
    spool.put_sighting(sighting(1, track=13))
    spool.put_sighting(sighting(2))
    uplink.step()
    assert len(desk.sightings) == 1
    assert uplink.flush(3600)
    assert desk.seen.count("POST sightings") == MOST_REFUSALS + 1
    assert len(spool.parked()) == 1


def test_an_answer_lost_on_the_way_is_asked_again(spool: Spool, uplink: Uplink, desk: Desk) -> None:
    def took_it_but_broke(request: httpx.Request) -> httpx.Response:
        desk(request)
        raise httpx.ReadTimeout("timed out", request=request)

    desk.faults = [took_it_but_broke]
    spool.put_sighting(sighting(1))
    assert uplink.flush(60)
    assert len(desk.sightings) == 1
    assert spool.pending() == 0


def test_an_unreadable_receipt_loses_nothing(spool: Spool, uplink: Uplink, desk: Desk) -> None:
    desk.faults = [lambda _: httpx.Response(200, text="<html>captive portal</html>")]
    spool.put_sighting(sighting(1))
    uplink.step()
    assert "cannot be read" in uplink.state.says
    assert uplink.flush(60)
    assert len(desk.sightings) == 1


def test_a_lost_evidence_file_is_parked_and_told(spool: Spool, uplink: Uplink, tmp_path: Path) -> None:
    (tmp_path / SHA).unlink()
    spool.put_sighting(sighting(1))
    assert uplink.flush(60)
    assert "cannot be read" in spool.parked()[0].note


def test_the_thread_delivers_and_stops(tmp_path: Path, client: httpx.Client, desk: Desk) -> None:
    own = Spool(tmp_path / "own.sqlite")
    arrived = threading.Event()

    def tell(request: httpx.Request) -> httpx.Response:
        arrived.set()
        return httpx.Response(503)

    desk.faults = [tell]
    uplink = Uplink(own, client)
    uplink.start()
    own.put_sighting(sighting(1, evidence=False))
    uplink.wake()
    assert arrived.wait(10)
    uplink.stop()
    assert own.pending() == 1


# -- the conversation


def telemetry(number: int) -> TelemetryMessage:
    return TelemetryMessage(
        agent="a", at=AT, latitude=0, longitude=0, altitude_amsl_m=float(number), altitude_above_home_m=0,
        heading_deg=0, ground_speed_m_s=0,
    )  # fmt: skip


def test_errors_of_the_conversation_are_told_apart(client: httpx.Client, desk: Desk) -> None:
    agent = AgentClient(client)
    desk.faults = [no_answer, 401, 503, 409]
    for kind in (ServerUnreachable, AgentNotAccepted, ServerUnreachable, RequestRefused):
        with pytest.raises(kind):
            agent.telemetry(telemetry(1))
    agent.telemetry(telemetry(1))


def test_requests_are_polled_and_read(desk: Desk, client: httpx.Client) -> None:
    request = {
        "request_id": str(UUID(int=7)), "kind": "pause", "flight_id": str(FLIGHT),
        "issued_at": AT.isoformat(), "issued_by": "op",
    }  # fmt: skip
    asked: list[httpx.URL] = []

    def answer(received: httpx.Request) -> httpx.Response:
        asked.append(received.url)
        return httpx.Response(200, json={"requests": [request]})

    desk.faults = [answer, lambda _: httpx.Response(200, json={"nothing": 1})]
    agent = AgentClient(client)
    (got,) = agent.requests(wait_s=3)
    assert (got.request_id, got.kind) == (UUID(int=7), "pause")
    assert asked[0].params["wait_s"] == "3"
    with pytest.raises(ServerUnreachable, match="cannot be read"):
        agent.requests()


def test_pictures_go_as_multipart_and_the_newest_wins() -> None:
    sent: list[bytes] = []
    first_arrived, go_on, last_arrived = threading.Event(), threading.Event(), threading.Event()

    def desk(request: httpx.Request) -> httpx.Response:
        body = request.read()
        sent.append(body)
        if len(sent) == 1:
            first_arrived.set()
            assert go_on.wait(10)
        else:
            last_arrived.set()
        return httpx.Response(204)

    agent = AgentClient(httpx.Client(transport=httpx.MockTransport(desk), base_url="http://desk"))
    header = FrameMessage(agent="a", captured_at=AT, width_px=4, height_px=4)
    agent.offer_frame(header, b"picture-0")
    assert first_arrived.wait(10)
    for number in range(1, 6):
        agent.offer_frame(header, f"picture-{number}".encode())
    go_on.set()
    assert last_arrived.wait(10)
    agent.close()
    assert b"picture-0" in sent[0]
    assert b'name="header"' in sent[0]
    assert b"picture-5" in sent[1]
    assert (len(sent), agent.dropped) == (2, 4)
