"""A stand-in for the edge agent: it speaks the agent's HTTP interface, and flies nothing but numbers.

It obeys requests, follows the plan's waypoints at any speed, and sends telemetry, pictures drawn from the
site's base map, log entries, and sightings with evidence. For tests of the console that need no simulator.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from pydantic import BaseModel

from missions.cameras import CameraEntry, load_cameras
from missions.geodesy import LocalFrame
from missions.messages import (
    AgentAnswer,
    AgentHello,
    EvidenceRole,
    FlightLogEntry,
    FlightLogMessage,
    FlightPhase,
    FrameMessage,
    OverlayBox,
    RequestKind,
    SightingKind,
    TelemetryMessage,
)
from missions.plan import PatrolPlan
from missions.second_look import SECOND_LOOK
from missions.site import Site
from tests.browser.aerial_view import AerialView
from tests.browser.sightings import HEIGHT_M, PITCH_DEG, Piece, make_sighting

AGENT = "yunque-1"
AIRCRAFT = "云雀一号 Skylark 1"
STEP_S = 0.2
TURNS = {
    RequestKind.PAUSE: FlightPhase.PAUSED,
    RequestKind.RESUME: FlightPhase.FLYING,
    RequestKind.RETURN: FlightPhase.RETURNING,
    RequestKind.LAND: FlightPhase.LANDING,
}
GOING_HOME = (FlightPhase.RETURNING, FlightPhase.LANDING)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the aircraft is on its way; ``done`` is the share of the way behind it."""

    east: float
    north: float
    heading: float
    done: float


@dataclass(slots=True)
class StandInAgent:
    """One aircraft that exists in messages only. ``silent`` keeps telemetry and pictures back."""

    url: str
    token: str
    site: Site
    speed: float = 1.0
    camera: CameraEntry = field(default_factory=lambda: load_cameras()["patrol-720p"])
    silent: threading.Event = field(init=False, default_factory=threading.Event)
    frame: LocalFrame = field(init=False)
    _client: httpx.Client = field(init=False)
    _view: AerialView = field(init=False)
    _threads: list[threading.Thread] = field(init=False, default_factory=list)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _phase: FlightPhase | None = field(init=False, default=None)
    _flight: UUID | None = field(init=False, default=None)
    _sequence: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.frame = LocalFrame(*self.home[:2])
        self._view = AerialView(self.site, self.frame)
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    @property
    def home(self) -> tuple[float, float, float]:
        assert self.site.home is not None
        latitude, longitude, altitude = self.site.home
        return float(latitude), float(longitude), float(altitude)

    def start(self) -> None:
        """Say hello, then obey requests in a thread of its own."""
        self._hello()
        self._run(self._obey)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._client.close()

    def _run(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    # talking

    def _hello(self) -> None:
        message = AgentHello(
            agent=AGENT, aircraft=AIRCRAFT, vehicle="ArduCopter 4.6 (stand-in)", camera=self.camera.message(),
            home=self.home, at=_now(),
        )  # fmt: skip
        self._post("/agent/hello", message)

    def _obey(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._client.get("/agent/requests", params={"wait_s": 1})
                for request in answer.raise_for_status().json()["requests"]:
                    self._turn_to(request)
                self._hello()
            except (httpx.HTTPError, RuntimeError):
                self._stop.wait(0.3)

    def _turn_to(self, request: dict[str, Any]) -> None:
        request_id = UUID(request["request_id"])
        self._post("/agent/answers", AgentAnswer(request_id=request_id, accepted=True, answered_at=_now()))
        if request["kind"] == SECOND_LOOK:
            self._tell("second_look_on_spot", "looking from place 1 of 2")
            self._tell("second_look_confirmed", "seen in 9 of 10 frames")
            return
        kind = RequestKind(request["kind"])
        if kind is RequestKind.FLY:
            self._flight, self._sequence = UUID(request["flight_id"]), 0
            self._run(self._fly, PatrolPlan.model_validate(request["plan"]))
        else:
            self._enter(TURNS[kind])

    def _enter(self, phase: FlightPhase) -> None:
        self._phase = phase
        self._tell("phase", f"phase {phase.value}")

    def _tell(self, code: str, text: str) -> None:
        entry = FlightLogEntry(at=_now(), code=code, text=text, phase=self._phase)
        assert self._flight is not None
        message = FlightLogMessage(flight_id=self._flight, sequence=self._sequence, entries=[entry])
        self._post("/agent/log", message)
        self._sequence += 1

    def _post(self, path: str, message: BaseModel) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        answer = self._client.post(path, content=message.model_dump_json(), headers=headers)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer

    # flying

    def _fly(self, plan: PatrolPlan) -> None:
        for phase in (FlightPhase.PREFLIGHT, FlightPhase.UPLOADING, FlightPhase.ARMING, FlightPhase.TAKEOFF):
            self._enter(phase)
            self._stop.wait(0.3 / self.speed)
        self._enter(FlightPhase.FLYING)
        for count, spot in enumerate(self._way(plan)):
            while self._phase is FlightPhase.PAUSED and not self._stop.is_set():
                self._report(plan, spot, speed=0.0)
                self._stop.wait(STEP_S)
            if self._stop.is_set() or self._phase in GOING_HOME:
                break
            if not self.silent.is_set():
                self._report(plan, spot, speed=plan.speed_m_s)
                if count % 3 == 0:
                    self._show(spot)
            self._stop.wait(STEP_S)
        for phase in GOING_HOME:
            self._enter(phase)
            self._stop.wait(1.0 / self.speed)
        self._enter(FlightPhase.FINISHED)

    def _way(self, plan: PatrolPlan) -> Iterator[Spot]:
        waypoints = plan.sorties[0].waypoints
        plane = self.frame.to_enu([w.latitude for w in waypoints], [w.longitude for w in waypoints])
        points: list[list[float]] = plane[:, :2].tolist()
        total = sum(math.dist(a, b) for a, b in itertools.pairwise(points)) or 1.0
        step_m, flown = STEP_S * self.speed * plan.speed_m_s, 0.0
        for a, b in itertools.pairwise(points):
            length = math.dist(a, b)
            heading = math.degrees(math.atan2(b[0] - a[0], b[1] - a[1])) % 360
            for i in range(int(length // step_m)):
                share = i * step_m / length
                east, north = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
                yield Spot(east, north, heading, (flown + i * step_m) / total)
            flown += length

    def _report(self, plan: PatrolPlan, spot: Spot, *, speed: float) -> None:
        latitude, longitude, _ = self.frame.to_geodetic([[spot.east, spot.north]])[0]
        count = len(plan.sorties[0].waypoints)
        message = TelemetryMessage(
            agent=AGENT, flight_id=self._flight, at=_now(), phase=self._phase, latitude=latitude,
            longitude=longitude, altitude_amsl_m=self.home[2] + HEIGHT_M, altitude_above_home_m=HEIGHT_M,
            heading_deg=spot.heading, ground_speed_m_s=speed, mode="AUTO" if speed else "BRAKE", armed=True,
            battery_fraction=0.97 - 0.25 * spot.done, gps_fix=3, satellites=17, link_quality=0.97,
            wind_m_s=2.3, waypoint=1 + int(spot.done * count), waypoints=count, frames=100,
            seconds_left=plan.seconds * (1 - spot.done), footprint=self._footprint(spot),
        )  # fmt: skip
        self._post("/agent/telemetry", message)

    def _footprint(self, spot: Spot) -> list[tuple[float, float]]:
        """The seen ground as a ring of longitude, latitude: near edge and far edge ahead of the aircraft."""
        turn, half = math.radians(spot.heading), math.radians(self.camera.horizontal_fov_deg / 2)
        corners = []
        for tilt, side in ((17.0, -1), (17.0, 1), (-17.0, 1), (-17.0, -1)):
            ahead = HEIGHT_M / math.tan(math.radians(tilt - PITCH_DEG))
            across = side * math.hypot(HEIGHT_M, ahead) * math.tan(half)
            corners.append(
                [
                    spot.east + ahead * math.sin(turn) + across * math.cos(turn),
                    spot.north + ahead * math.cos(turn) - across * math.sin(turn),
                ]
            )
        return [(float(p[1]), float(p[0])) for p in self.frame.to_geodetic(corners)]

    def _show(self, spot: Spot) -> None:
        ahead = HEIGHT_M / math.tan(math.radians(-PITCH_DEG))
        turn = math.radians(spot.heading)
        jpeg = self._view.picture(
            spot.east + ahead * math.sin(turn), spot.north + ahead * math.cos(turn), spot.heading
        )
        assert self._flight is not None
        header = FrameMessage(
            agent=AGENT, flight_id=self._flight, captured_at=_now(), width_px=1280, height_px=720,
            boxes=[
                OverlayBox(box=(0.30, 0.40, 0.312, 0.43), name="person", score=0.71, track_id=1),
                OverlayBox(box=(0.36, 0.42, 0.372, 0.45), name="person", score=0.64, track_id=2),
                OverlayBox(
                    box=(0.6, 0.55, 0.67, 0.62), name="car", score=0.83, track_id=3,
                    alert=SightingKind.ILLEGAL_PARKING,
                ),
            ],
        )  # fmt: skip
        files = {"header": (None, header.model_dump_json()), "picture": ("picture.jpg", jpeg)}
        self._client.post("/agent/frames", files=files).raise_for_status()

    # seeing

    def see(
        self,
        kind: SightingKind,
        east: float,
        north: float,
        *,
        confidence: float = 0.8,
        people: int | None = None,
        seconds_ago: float = 4.0,
    ) -> dict[str, Any]:
        """Report a thing at metres from home, with a snapshot and its original; returns the receipt."""
        pieces: list[Piece] = [
            (EvidenceRole.SNAPSHOT, self._snapshot(east, north, kind.value), True),
            (EvidenceRole.ORIGINAL, self._snapshot(east, north, f"{kind.value} original"), False),
        ]
        message = make_sighting(
            kind, (east, north), self.frame, flight_id=self._flight, ground_amsl_m=self.home[2],
            camera=self.camera, pieces=pieces, seen=_now() - timedelta(seconds=seconds_ago),
            confidence=confidence, people=people,
        )  # fmt: skip
        receipt: dict[str, Any] = self._post("/agent/sightings", message).json()
        for item, (_, data, _) in zip(message.evidence, pieces, strict=True):
            headers = {"Content-Type": item.media_type}
            self._client.put(
                f"/agent/evidence/{item.sha256}", content=data, headers=headers
            ).raise_for_status()
        return receipt

    def _snapshot(self, east: float, north: float, label: str) -> bytes:
        label = f"{label} {east:.0f} {north:.0f} {_now().isoformat()}"
        return self._view.picture(east, north, 20.0, size=(960, 540), label=label)


def _now() -> datetime:
    return datetime.now(UTC)
