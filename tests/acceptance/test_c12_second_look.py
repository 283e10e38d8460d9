"""C12: a person asks for a second look, the aircraft leaves its lane, the sighting is confirmed or retracted.

The real server, agent, MAVLink and simulated vehicle; only the eye is a scripted one, which knows where a
fire burns and when it is out.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from drone.agent import Agent, AgentIdentity
from drone.mavlink.aircraft import MavlinkVehicle
from drone.sim.autopilot import SimulatedAutopilot
from drone.spool import Spool
from drone.uplink import AgentClient, Uplink
from drone.vantage import LookRules
from missions.clock import SystemClock
from missions.messages import AgentRequest, FlightPhase, RequestKind, SightingKind, SightingMessage
from missions.terrain import FlatTerrain
from tests.fixtures.desk import AGENT, FRAME, GROUND_M, LENS, Desk, open_desk, sighting
from tests.vehicles import connected, parked, small_plan
from vision.camera import Pose, project
from vision.detections import Detections
from vision.frames import Frame
from vision.tracker import Track, TrackPoint
from vision.watch import WatchResult

SPOT = (60.0, 45.0)
RULES = LookRules(seconds_per_view=3.0, speed_m_s=8.0)


def until(met: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := met()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


class Camera:
    """Empty pictures on the vehicle's clock."""

    camera_size = (1280, 720)
    dropped = 0

    def __init__(self, autopilot: SimulatedAutopilot) -> None:
        self._autopilot, self._closed = autopilot, threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        image, index = np.zeros((720, 1280, 3), np.uint8), 0
        while not self._closed.wait(0.03):
            yield Frame(image, self._autopilot.now(), index)
            index += 1

    def close(self) -> None:
        self._closed.set()


class Eye:
    """Sees a fire at the spot while it burns, from anywhere, and reports it once."""

    def __init__(self, flight_id: UUID, pose_at: Callable[..., Pose | None]) -> None:
        self.burning = True
        self.told = False
        self._flight_id, self._pose_at = flight_id, pose_at

    def process(self, frame: Frame) -> WatchResult:
        pose = self._pose_at(frame.captured_at)
        track = self._fire(frame, pose) if pose is not None and self.burning else None
        messages = []
        if track is not None and not self.told:
            self.told = True
            messages.append(sighting(*SPOT, flight_id=self._flight_id))
        return WatchResult(
            frame.index, frame.captured_at, (1280, 720), Detections.empty(), [track] if track else [],
            messages, {1: SightingKind.FIRE} if track else {},
        )  # fmt: skip

    def _fire(self, frame: Frame, pose: Pose) -> Track | None:
        pixels, _ = project(LENS, pose, FRAME, [(*SPOT, GROUND_M)])
        u, v = (float(one) for one in pixels[0])
        if not (0 <= u < 1280 and 0 <= v < 720):
            return None
        track = Track(id=1, group="fire")
        track.points.append(
            TrackPoint(
                captured_at=frame.captured_at, seconds=0.0, frame_index=frame.index, name="fire",
                box=(u - 9, v - 18, u + 9, v), score=0.8, pixel=(u, v), pixel_sigma_px=3.0, place=None,
                pose=pose, whole=True,
            )
        )  # fmt: skip
        return track

    def finish(self) -> list[SightingMessage]:
        return []

    def overlay(self, _: WatchResult) -> list[Any]:
        return []


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        yield desk


class Wire:
    """The agent's connection to the desk. The test's server knows no time-outs and no long polls."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        return self.request("PUT", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Any:
        options.pop("timeout", None)
        if "params" in options:
            options["params"] = {"wait_s": 0}
            threading.Event().wait(0.2)
        return self._desk.call(method, path, user="agent", **options)


class Flight:
    """An agent in the air over the desk's site."""

    def __init__(self, desk: Desk, autopilot: SimulatedAutopilot, vehicle: MavlinkVehicle, at: Path) -> None:
        self.eyes: list[Eye] = []
        self.desk, self.autopilot, self.id = desk, autopilot, uuid4()
        self._spool = Spool(at / "spool.sqlite", locate=lambda _: None)
        client: Any = Wire(desk)
        self.agent = Agent(
            AgentIdentity(name=AGENT, aircraft="云雀一号", camera=LENS), vehicle, lambda: Camera(autopilot),
            self._open_eye, client=AgentClient(client), spool=self._spool,
            uplink=Uplink(self._spool, client), clock=SystemClock(), terrain=FlatTerrain(GROUND_M),
            look_rules=RULES,
        )  # fmt: skip
        self._thread = threading.Thread(target=self.agent.run, daemon=True)
        self._thread.start()
        plan = small_plan(lanes=4, length_m=110.0, speed_m_s=4.0)
        request = AgentRequest(
            request_id=uuid4(), kind=RequestKind.FLY, flight_id=self.id, issued_at=SystemClock().now(),
            issued_by="test", plan=plan.model_dump(mode="json"),
        )  # fmt: skip
        assert self.agent.fly(request)

    def _open_eye(self, flight_id: UUID, pose_at: Callable[..., Pose | None], zones: object) -> Any:
        self.eyes.append(Eye(flight_id, pose_at))
        return self.eyes[-1]

    def log(self) -> list[dict[str, Any]]:
        return list(self.desk.get(f"flights/{self.id}/log")["items"])

    def codes(self) -> list[str]:
        return [entry["code"] for entry in self.log()]

    def close(self) -> None:
        """Down on the ground, so that nothing is reported any more."""
        self.desk.call("POST", f"flights/{self.id}/land", user="operator")
        until(lambda: self.desk.get(f"flights/{self.id}")["phase"] in ("aborted", "finished", "failed"))
        self.agent.stop()
        self._thread.join(20.0)
        self._spool.close()


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
@pytest.mark.parametrize("burning", [True, False])
def test_c12_the_ticket_hears_what_the_second_look_showed(
    desk: Desk, tmp_path: Path, flavour: str, burning: bool
) -> None:
    operator, admin = desk.token("operator"), desk.token("admin")
    assert operator != admin
    autopilot = parked(flavour=flavour)
    with connected(autopilot, speed=10.0) as vehicle:
        flight = Flight(desk, autopilot, vehicle, tmp_path)
        try:
            ticket = until(lambda: desk.get("tickets")["items"])[0]
            until(lambda: desk.get(f"flights/{flight.id}")["phase"] == "flying")
            until(lambda: autopilot.flight.body.position[1] > 32.0 and autopilot.flight.mission.index >= 7)
            (seen,) = desk.get(f"sightings?flight_id={flight.id}")["items"]
            flight.eyes[0].burning = burning
            path, lane = f"flights/{flight.id}/second_look", autopilot.flight.mission.index
            answer = desk.call("POST", path, user="operator", json={"sighting_id": seen["id"]})
            assert answer.status_code == 202, answer.text
            until(lambda: {"second_look_ended", "second_look_over"} & set(flight.codes()))
            assert "second_look_ended" in flight.codes(), [entry["text"] for entry in flight.log()]
            place = autopilot.flight.body.position
            assert autopilot.flight.mission.index >= lane, "the mission goes on where it was left"
            assert math.dist(place[:2], (65.0, 42.0)) < 75.0

            def told() -> Any:
                (now,) = desk.get(f"sightings?flight_id={flight.id}")["items"]
                return now if now["reasons"][0]["term"] == "second_look" else None

            now = until(told)
            assert now["state"] == ("confirmed" if burning else "retracted")
            events = [row["kind"] for row in desk.get(f"tickets/{ticket['id']}")["timeline"]]
            assert ("sighting_retracted" in events) is not burning
            entries = desk.get("audit", user="admin")["items"]
            asked = next(entry for entry in entries if entry["action"] == "flight.second_look")
            assert (asked["actor"], asked["data"]["sighting_id"]) == ("operator", seen["id"])
            answered = next(entry for entry in entries if entry["data"].get("kind") == "second_look"
                            and entry["action"] == "request.accepted")  # fmt: skip
            assert "leaving the lane" in answered["data"]["detail"]
            assert flight.agent.phase is FlightPhase.FLYING
            assert not [e["text"] for e in flight.log() if e["level"] == "alarm"]
        finally:
            flight.close()
