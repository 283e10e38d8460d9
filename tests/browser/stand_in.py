"""A stand-in for the edge agent: it speaks the agent's HTTP interface, and flies nothing but numbers.

It obeys requests, follows the plan's waypoints at any speed, sends telemetry, pictures drawn from the site's
base map, log entries, and sightings with evidence. For tests of the console that need no simulator.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from PIL import Image, ImageDraw

from missions.cameras import CameraEntry, load_cameras
from missions.geodesy import LocalFrame
from missions.messages import (
    AgentAnswer,
    AgentHello,
    EvidenceItem,
    EvidenceRole,
    FlightLogEntry,
    FlightLogMessage,
    FlightPhase,
    FrameMessage,
    Look,
    OverlayBox,
    PoseMessage,
    Reason,
    RequestKind,
    SightingKind,
    SightingMessage,
    TelemetryMessage,
)
from missions.plan import PatrolPlan
from missions.site import Site

AGENT = "yunque-1"
AIRCRAFT = "云雀一号 Skylark 1"
HEIGHT_M = 50.0
PITCH_DEG = -55.0
PIXELS_PER_M = 14.0
COLOURS = {
    "ground": "#7b7f6c",
    "field": "#7d8b52",
    "green": "#4f7145",
    "water": "#3d5f73",
    "road": "#6d6f71",
    "square": "#a09784",
    "building": "#b5a899",
}

REASONS: dict[SightingKind, list[tuple[str, float, float, str, bool]]] = {
    SightingKind.FIRE: [
        ("seen_seconds", 3.4, 1.0, "s", True),
        ("looks", 17, 4, "", True),
        ("mean_score", 0.82, 0.4, "", True),
        ("spread", 0.9, 3.5, "m", True),
    ],
    SightingKind.SMOKE: [
        ("seen_seconds", 4.1, 1.2, "s", True),
        ("looks", 20, 5, "", True),
        ("mean_score", 0.66, 0.4, "", True),
        ("spread", 4.2, 7.0, "m", True),
    ],
    SightingKind.ILLEGAL_PARKING: [
        ("standing_seconds", 6.2, 3.0, "s", True),
        ("speed", 0.06, 0.3, "m/s", True),
        ("in_zone", 0.96, 0.7, "", True),
        ("mean_score", 0.58, 0.35, "", True),
    ],
    SightingKind.GATHERING: [
        ("people_count", 14, 8, "", True),
        ("still_seconds", 7.8, 3.0, "s", True),
        ("member_speed", 0.21, 0.5, "m/s", True),
        ("straightness", 0.34, 0.8, "", True),
    ],
    SightingKind.DISPUTE: [
        ("pair_acceleration", 3.1, 2.2, "m/s^2", True),
        ("pair_score", 2.4, 1.6, "m^2/s^3", True),
        ("pair_distance", 0.8, 1.3, "m", True),
        ("held_seconds", 1.9, 1.2, "s", True),
        ("people_around", 3, 5, "", False),
    ],
}


@dataclass(slots=True)
class StandInAgent:
    """One aircraft that exists in messages only."""

    url: str
    token: str
    site: Site
    speed: float = 1.0
    camera: CameraEntry = field(default_factory=lambda: load_cameras()["patrol-720p"])
    _client: httpx.Client = field(init=False)
    _frame: LocalFrame = field(init=False)
    _thread: threading.Thread | None = field(init=False, default=None)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _phase: FlightPhase | None = field(init=False, default=None)
    _flight: UUID | None = field(init=False, default=None)
    _sequence: int = field(init=False, default=0)
    silent: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._frame = LocalFrame(self._home[0], self._home[1])
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    # --- Once ---

    def hello(self) -> None:
        message = AgentHello(
            agent=AGENT,
            aircraft=AIRCRAFT,
            vehicle="ArduCopter 4.6 (stand-in)",
            camera=self.camera.message(),
            home=self._home,
            at=_now(),
        )
        self._post("/agent/hello", message)

    def start(self) -> None:
        """Say hello and obey requests in a thread of its own."""
        self.hello()
        self._thread = threading.Thread(target=self._obey, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(10)
        self._client.close()

    @property
    def _home(self) -> tuple[float, float, float]:
        assert self.site.home is not None
        latitude, longitude, altitude = self.site.home
        return float(latitude), float(longitude), float(altitude)

    # --- Flying ---

    def _obey(self) -> None:
        flying: threading.Thread | None = None
        while not self._stop.is_set():
            self.hello()
            answer = self._client.get("/agent/requests", params={"wait_s": 2}).json()
            for request in answer["requests"]:
                kind = RequestKind(request["kind"])
                self._answer(request["request_id"])
                if kind is RequestKind.FLY:
                    self._flight, self._sequence = UUID(request["flight_id"]), 0
                    plan = PatrolPlan.model_validate(request["plan"])
                    flying = threading.Thread(target=self._fly, args=(plan,), daemon=True)
                    flying.start()
                else:
                    self._turn(kind)
        if flying:
            flying.join(10)

    def _answer(self, request_id: str) -> None:
        self._post(
            "/agent/answers", AgentAnswer(request_id=UUID(request_id), accepted=True, answered_at=_now())
        )

    def _turn(self, kind: RequestKind) -> None:
        self._enter(
            {
                RequestKind.PAUSE: FlightPhase.PAUSED,
                RequestKind.RESUME: FlightPhase.FLYING,
                RequestKind.RETURN: FlightPhase.RETURNING,
                RequestKind.LAND: FlightPhase.LANDING,
            }[kind]
        )

    def _enter(self, phase: FlightPhase) -> None:
        self._phase = phase
        self.log("phase", f"phase {phase.value}", phase)

    def log(self, code: str, text: str, phase: FlightPhase | None = None, level: str = "info") -> None:
        assert self._flight is not None
        entry = FlightLogEntry(at=_now(), level=level, code=code, text=text, phase=phase)
        self._post(
            "/agent/log", FlightLogMessage(flight_id=self._flight, sequence=self._sequence, entries=[entry])
        )
        self._sequence += 1

    def _fly(self, plan: PatrolPlan) -> None:
        for phase in (FlightPhase.PREFLIGHT, FlightPhase.UPLOADING, FlightPhase.ARMING, FlightPhase.TAKEOFF):
            self._enter(phase)
            self._stop.wait(0.3 / self.speed)
        self._enter(FlightPhase.FLYING)
        step_s = 0.2
        for count, (east, north, heading, done) in enumerate(
            self._way(plan, step_s * self.speed * plan.speed_m_s)
        ):
            while self._phase is FlightPhase.PAUSED and not self._stop.is_set():
                self._report(plan, east, north, heading, done, moving=False)
                self._stop.wait(step_s)
            if self._stop.is_set() or self._phase in (FlightPhase.RETURNING, FlightPhase.LANDING):
                break
            if not self.silent.is_set():
                self._report(plan, east, north, heading, done)
                if count % 2 == 0:
                    self.picture(east, north, heading)
            self._stop.wait(step_s)
        if self._phase is FlightPhase.FLYING:
            self._enter(FlightPhase.RETURNING)
        self._stop.wait(1.0 / self.speed)
        if self._phase is FlightPhase.RETURNING:
            self._enter(FlightPhase.LANDING)
        self._stop.wait(0.5 / self.speed)
        self._enter(FlightPhase.FINISHED)

    def _way(self, plan: PatrolPlan, step_m: float) -> Iterator[tuple[float, float, float, float]]:
        """East, north, heading and share of the way, every ``step_m``."""
        points = self._frame.to_enu(
            [w.latitude for w in plan.sorties[0].waypoints], [w.longitude for w in plan.sorties[0].waypoints]
        )[:, :2].tolist()
        total = sum(math.dist(a, b) for a, b in itertools.pairwise(points)) or 1.0
        flown = 0.0
        for a, b in itertools.pairwise(points):
            length = math.dist(a, b)
            heading = math.degrees(math.atan2(b[0] - a[0], b[1] - a[1])) % 360
            for i in range(int(length // step_m)):
                share = i * step_m / length
                yield (
                    a[0] + share * (b[0] - a[0]),
                    a[1] + share * (b[1] - a[1]),
                    heading,
                    (flown + i * step_m) / total,
                )
            flown += length

    def _report(
        self, plan: PatrolPlan, east: float, north: float, heading: float, done: float, *, moving: bool = True
    ) -> None:
        self.telemetry(
            east,
            north,
            heading,
            phase=self._phase,
            speed=plan.speed_m_s if moving else 0.0,
            battery=0.97 - 0.55 * done,
            waypoint=1 + int(done * len(plan.sorties[0].waypoints)),
            waypoints=len(plan.sorties[0].waypoints),
            seconds_left=plan.seconds * (1 - done),
        )

    def telemetry(self, east: float, north: float, heading: float, **given: Any) -> None:
        """One telemetry message; ``given`` replaces fields of it."""
        latitude, longitude, _ = self._frame.to_geodetic([[east, north]])[0]
        ring = self._footprint(east, north, heading)
        message = TelemetryMessage(
            agent=AGENT,
            flight_id=self._flight,
            at=_now(),
            phase=given.get("phase"),
            latitude=latitude,
            longitude=longitude,
            altitude_amsl_m=self._home[2] + HEIGHT_M,
            altitude_above_home_m=HEIGHT_M,
            heading_deg=heading,
            ground_speed_m_s=given.get("speed", 7.0),
            mode=given.get("mode", "AUTO"),
            armed=True,
            battery_fraction=given.get("battery", 0.8),
            gps_fix=3,
            satellites=17,
            link_quality=0.97,
            wind_m_s=2.3,
            waypoint=given.get("waypoint", 1),
            waypoints=given.get("waypoints", 10),
            seconds_left=given.get("seconds_left", 300.0),
            footprint=ring,
            frames=100,
        )
        self._post("/agent/telemetry", message)

    def _footprint(self, east: float, north: float, heading: float) -> list[tuple[float, float]]:
        """Corners of the seen ground: near and far edge ahead of the aircraft, turned by its heading."""
        half = self.camera.horizontal_fov_deg / 2
        corners = []
        for ahead, sideways in (("near", -1), ("near", 1), ("far", 1), ("far", -1)):
            tilt = -PITCH_DEG + (17.0 if ahead == "near" else -17.0)
            distance = HEIGHT_M / math.tan(math.radians(tilt))
            slant = math.hypot(HEIGHT_M, distance)
            across = sideways * slant * math.tan(math.radians(half)) * 0.95
            turn = math.radians(heading)
            corners.append(
                (
                    east + distance * math.sin(turn) + across * math.cos(turn),
                    north + distance * math.cos(turn) - across * math.sin(turn),
                )
            )
        return [
            (float(p[1]), float(p[0])) for p in self._frame.to_geodetic([[*corner] for corner in corners])
        ]

    # --- Pictures ---

    def picture(
        self, east: float, north: float, heading: float, boxes: list[OverlayBox] | None = None
    ) -> None:
        assert self._flight is not None
        turn = math.radians(heading)
        ahead = HEIGHT_M / math.tan(math.radians(-PITCH_DEG))
        jpeg = self.view(east + ahead * math.sin(turn), north + ahead * math.cos(turn), heading)
        header = FrameMessage(
            agent=AGENT,
            flight_id=self._flight,
            captured_at=_now(),
            width_px=1280,
            height_px=720,
            boxes=boxes if boxes is not None else self._boxes(east),
        )
        answer = self._client.post(
            "/agent/frames", files={"header": (None, header.model_dump_json()), "picture": ("f.jpg", jpeg)}
        )
        answer.raise_for_status()

    def _boxes(self, east: float) -> list[OverlayBox]:
        slide = (east % 20) / 20 * 0.2
        return [
            OverlayBox(box=(0.2 + slide, 0.4, 0.212 + slide, 0.43), name="person", score=0.71, track_id=1),
            OverlayBox(box=(0.26 + slide, 0.42, 0.272 + slide, 0.45), name="person", score=0.64, track_id=2),
            OverlayBox(
                box=(0.6 - slide, 0.55, 0.67 - slide, 0.62),
                name="car",
                score=0.83,
                track_id=3,
                alert=SightingKind.ILLEGAL_PARKING,
            ),
        ]

    def view(self, east: float, north: float, heading: float, size: tuple[int, int] = (1280, 720)) -> bytes:
        """The base map from above as a JPEG, heading up."""
        image = Image.new("RGB", size, COLOURS["ground"])
        draw = ImageDraw.Draw(image)
        turn = math.radians(heading)
        for layer in ("field", "green", "water", "square", "road", "building"):
            for ring in self._rings(layer):
                points = []
                for x, y in ring:
                    right = (x - east) * math.cos(turn) - (y - north) * math.sin(turn)
                    up = (x - east) * math.sin(turn) + (y - north) * math.cos(turn)
                    points.append((size[0] / 2 + right * PIXELS_PER_M, size[1] / 2 - up * PIXELS_PER_M))
                draw.polygon(points, fill=COLOURS[layer], outline="#5a5a52" if layer == "building" else None)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        return buffer.getvalue()

    def _rings(self, layer: str) -> list[list[tuple[float, float]]]:
        cached = _RINGS.get((id(self.site), layer))
        if cached is None:
            cached = []
            for feature in self.site.basemap.get("features", []):
                if feature["properties"]["layer"] == layer and feature["geometry"]["type"] == "Polygon":
                    ring = feature["geometry"]["coordinates"][0]
                    plane = self._frame.to_enu([p[1] for p in ring], [p[0] for p in ring])
                    cached.append([(float(p[0]), float(p[1])) for p in plane])
            _RINGS[(id(self.site), layer)] = cached
        return cached

    # --- Sightings ---

    def sighting(
        self,
        kind: SightingKind,
        latitude: float,
        longitude: float,
        *,
        confidence: float = 0.8,
        seconds_ago: float = 4.0,
        original: bool = True,
        people: int | None = None,
    ) -> dict[str, Any]:
        """Report a thing at a place, with a snapshot (and its original); returns the server's receipt."""
        seen = _now() - timedelta(seconds=seconds_ago)
        east, north, _ = self._frame.to_enu(latitude, longitude)[0]
        files = self._files(float(east), float(north), kind, original=original)
        previous: str | None = None
        evidence: list[EvidenceItem] = []
        for role, data, redacted in files:
            digest = hashlib.sha256(data).hexdigest()
            evidence.append(
                EvidenceItem(
                    sha256=digest,
                    role=role,
                    media_type="image/jpeg",
                    bytes=len(data),
                    captured_at=seen,
                    redacted=redacted,
                    previous_sha256=previous,
                )
            )
            previous = digest
        looks = [self._look(float(east), float(north), heading, seen) for heading in (0.0, 80.0, 160.0)]
        message = SightingMessage(
            sighting_id=uuid4(),
            flight_id=self._flight,
            source="simulator",
            kind=kind,
            confidence=confidence,
            first_seen_at=seen - timedelta(seconds=4),
            last_seen_at=seen,
            looks=looks,
            evidence=evidence,
            people_count=people,
            weights="patrol-rgb 0123456789ab",
            reasons=[
                Reason(term=term, value=value, threshold=threshold, unit=unit, fulfilled=met)
                for term, value, threshold, unit, met in REASONS[kind]
            ],
        )
        receipt: dict[str, Any] = self._post("/agent/sightings", message).json()
        for (_, data, _), item in zip(files, evidence, strict=True):
            answer = self._client.put(
                f"/agent/evidence/{item.sha256}", content=data, headers={"Content-Type": item.media_type}
            )
            answer.raise_for_status()
        return receipt

    def _files(
        self, east: float, north: float, kind: SightingKind, *, original: bool
    ) -> list[tuple[EvidenceRole, bytes, bool]]:
        plain = self._marked(east, north, kind, "")
        if not original:
            return [(EvidenceRole.SNAPSHOT, plain, True)]
        return [
            (EvidenceRole.SNAPSHOT, plain, True),
            (EvidenceRole.ORIGINAL, self._marked(east, north, kind, "original"), False),
        ]

    def _marked(self, east: float, north: float, kind: SightingKind, text: str) -> bytes:
        image = Image.open(io.BytesIO(self.view(east, north, 20.0, (960, 540))))
        draw = ImageDraw.Draw(image)
        draw.rectangle((430, 225, 530, 315), outline="#ff6a55", width=4)
        draw.text((16, 16), f"{kind.value} {text} {uuid4().hex[:4]}", fill="white")
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=82)
        return buffer.getvalue()

    def _look(self, east: float, north: float, heading: float, at: datetime) -> Look:
        """A look along the optical axis from where that axis meets the place."""
        turn = math.radians(heading)
        back = HEIGHT_M / math.tan(math.radians(-PITCH_DEG))
        place = self._frame.to_geodetic([[east - back * math.sin(turn), north - back * math.cos(turn)]])[0]
        pose = PoseMessage(
            captured_at=at,
            latitude=place[0],
            longitude=place[1],
            altitude_amsl_m=self._home[2] + HEIGHT_M,
            yaw_deg=heading,
            pitch_deg=PITCH_DEG,
        )
        return Look(
            frame_index=1,
            u_px=640,
            v_px=360,
            box=(600, 320, 680, 360),
            score=0.8,
            pose=pose,
            camera=self.camera.message(),
        )

    def _post(self, path: str, message: Any) -> httpx.Response:
        answer = self._client.post(
            path, content=message.model_dump_json(), headers={"Content-Type": "application/json"}
        )
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer


_RINGS: dict[tuple[int, str], list[list[tuple[float, float]]]] = {}


def _now() -> datetime:
    return datetime.now(UTC)


def wait_until_ready(url: str, seconds: float = 60.0) -> None:
    """Wait for a server to answer /readyz.

    Raises:
        TimeoutError: it does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{url} was not ready within {seconds:g} s")
