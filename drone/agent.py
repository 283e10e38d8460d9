"""The edge agent: fly, watch, report. It takes requests from the server and decides; the autopilot flies.

Threads: the caller's runs the eye (``run``), one flies the patrol, one listens for requests, one reports
telemetry, one delivers the spool (``Uplink``). They meet in ``_Flight`` and in the spool on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import cv2
import numpy as np

from drone.errors import DroneError
from drone.looks import Looks
from drone.patrol import ON_GROUND, Patrol, PatrolSettings
from drone.spool import Spool
from drone.telemetry import PoseUnknown
from drone.uplink import AgentClient, ServerUnreachable, Uplink
from drone.vantage import LookRules, load_look_rules
from drone.vehicle import Outcome, Vehicle, VehicleState, Verdict
from missions.clock import Clock
from missions.geodesy import LocalFrame
from missions.messages import (
    FINAL_PHASES,
    AgentAnswer,
    AgentHello,
    AgentRequest,
    CameraMessage,
    FlightLogEntry,
    FlightPhase,
    FrameMessage,
    RequestKind,
    SightingMessage,
    TelemetryMessage,
)
from missions.plan import PatrolPlan
from missions.second_look import FleetRequest, SecondLookRequest
from missions.terrain import Terrain, ground_in
from missions.zones import Zones
from vision.camera import CameraModel, Pose, footprint
from vision.frames import Frame, FrameSource
from vision.redact import redact
from vision.watch import Watch, WatchResult

log = logging.getLogger(__name__)

WATCHED_PHASES = frozenset(
    {FlightPhase.TAKEOFF, FlightPhase.FLYING, FlightPhase.PAUSED, FlightPhase.RETURNING, FlightPhase.LANDING}
)
HELLO_EVERY_S = 15.0
TELEMETRY_EVERY_S = 0.4
PICTURE_EVERY_S = 0.2
POSE_WAIT_S = 2.0
CAMERA_AGAIN_S = 2.0
"""Between two tries to open a camera that gives no picture."""
PICTURE_QUALITY = 72


class WatchFactory(Protocol):
    """Makes the eye of one flight."""

    def __call__(
        self, flight_id: UUID, pose_at: Callable[..., Pose | None], zones: Zones | None
    ) -> Watch: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentIdentity:
    """Who this agent is to the server."""

    name: str
    aircraft: str
    camera: CameraModel


@dataclass(slots=True)
class WatchFigures:
    """What the eye has done in one flight; latencies are wall seconds from frame in hand to sightings out."""

    frames: int = 0
    dropped: int = 0
    without_pose: int = 0
    sightings: int = 0
    first_captured_s: float | None = None
    last_captured_s: float | None = None
    wall_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Flight:
    flight_id: UUID
    plan: PatrolPlan
    zones: Zones | None
    patrol: Patrol
    thread: threading.Thread
    figures: WatchFigures = field(default_factory=WatchFigures)
    looks: Looks | None = None
    told: dict[UUID, str] = field(default_factory=dict)  # what the log says of each sighting


class Agent:
    """One aircraft with one camera, reporting to one server.

    Args:
        open_camera: opens the video when a flight begins; closed when it ends.
        make_watch: makes the eye for a flight.
        spool: where sightings, their files and log entries wait for delivery; it must find the eye's files.
        look_rules: how places are looked at again; None reads ``configs/second_look.yaml``.
        settings: patience and limits of its flights.
    """

    def __init__(
        self,
        identity: AgentIdentity,
        vehicle: Vehicle,
        open_camera: Callable[[], FrameSource],
        make_watch: WatchFactory,
        *,
        client: AgentClient,
        spool: Spool,
        uplink: Uplink,
        clock: Clock,
        terrain: Terrain,
        look_rules: LookRules | None = None,
        settings: PatrolSettings | None = None,
    ) -> None:
        self.identity = identity
        self.vehicle = vehicle
        self.figures: dict[UUID, WatchFigures] = {}
        self._open_camera = open_camera
        self._make_watch = make_watch
        self._client = client
        self._spool = spool
        self._uplink = uplink
        self._clock = clock
        self._terrain = terrain
        self._look_rules = look_rules or load_look_rules()
        self._settings = settings
        self._flight: _Flight | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._answered: set[UUID] = set()
        self._last_picture = 0.0

    # life

    def run(self) -> None:
        """Serve requests until ``stop``; the eye works in this thread."""
        self._uplink.start()
        helpers = [
            threading.Thread(target=self._listen, name="agent-requests", daemon=True),
            threading.Thread(target=self._report, name="agent-telemetry", daemon=True),
        ]
        for thread in helpers:
            thread.start()
        try:
            while not self._stopping.is_set():
                self._wake.wait(timeout=1.0)
                self._wake.clear()
                flight = self._flight
                if flight is not None:
                    self._watch(flight)
                    while flight.thread.is_alive() and not self._stopping.is_set():
                        flight.thread.join(timeout=0.5)
                    with self._lock:
                        self._flight = None
        finally:
            self._stopping.set()
            for thread in helpers:
                thread.join(timeout=5.0)
            self._uplink.stop()

    def stop(self) -> None:
        """End ``run`` after the current frame. An aircraft in the air is left to its autopilot."""
        self._stopping.set()
        self._wake.set()

    @property
    def phase(self) -> FlightPhase | None:
        """The phase of the current flight, None when there is none."""
        flight = self._flight
        return flight.patrol.phase if flight is not None else None

    def call_off(self) -> Outcome:
        """Call off a flight that has not taken off; one in the air goes on."""
        flight = self._flight
        if flight is None or flight.patrol.phase not in ON_GROUND:
            return Outcome(Verdict.REFUSED, "nothing waits on the ground")
        return flight.patrol.return_home()

    # the eye

    def _watch(self, flight: _Flight) -> None:
        while flight.patrol.phase not in WATCHED_PHASES | FINAL_PHASES and not self._stopping.is_set():
            time.sleep(0.05)
        if flight.patrol.phase in FINAL_PHASES or self._stopping.is_set():
            return
        source = self._open_patiently(flight)
        if source is None:
            return
        watch = self._make_watch(flight.flight_id, self._pose_at, flight.zones)
        started = time.monotonic()
        try:
            for frame in source:
                self._look(flight, watch, frame)
                flight.figures.dropped = source.dropped
                flight.figures.wall_s = time.monotonic() - started
                if flight.patrol.phase in FINAL_PHASES or self._stopping.is_set():
                    break
        except (OSError, ValueError) as error:
            self._note(flight, "camera_lost", f"The picture is lost: {error}", level="alarm")
        finally:
            source.close()
            self._deliver(flight, watch.finish())

    def _open_patiently(self, flight: _Flight) -> FrameSource | None:
        """The video, tried again as long as the flight lasts; None when it has ended."""
        told = False
        while flight.patrol.phase not in FINAL_PHASES and not self._stopping.is_set():
            try:
                return self._open_camera()
            except (OSError, ValueError) as error:
                if not told:
                    self._note(flight, "camera_failed", f"No picture: {error}", level="alarm")
                told = True
                self._stopping.wait(CAMERA_AGAIN_S)
        return None

    def _pose_at(self, instant: datetime) -> Pose | None:
        self.vehicle.poses.wait_until(instant, POSE_WAIT_S)
        return self._known_pose(instant)

    def _known_pose(self, instant: datetime) -> Pose | None:
        try:
            return self.vehicle.poses.at(instant)
        except PoseUnknown:
            return None

    def _look(self, flight: _Flight, watch: Watch, frame: Frame) -> None:
        begun = time.monotonic()
        result = watch.process(frame)
        figures = flight.figures
        figures.frames += 1
        captured_s = frame.captured_at.timestamp()
        if figures.first_captured_s is None:
            figures.first_captured_s = captured_s
        figures.last_captured_s = captured_s
        if flight.looks is not None:
            flight.looks.take(result, self._known_pose(frame.captured_at))
        self._deliver(flight, result.sightings)
        figures.latencies_s.append(time.monotonic() - begun)
        if begun - self._last_picture >= PICTURE_EVERY_S:
            self._last_picture = begun
            self._send_picture(flight, watch, frame, result)

    def _send_picture(self, flight: _Flight, watch: Watch, frame: Frame, result: WatchResult) -> None:
        picture = redact(frame.image, result.hidden)
        good, encoded = cv2.imencode(
            ".jpg", np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY]
        )
        if not good:
            return
        height, width = frame.image.shape[:2]
        header = FrameMessage(
            agent=self.identity.name,
            flight_id=flight.flight_id,
            captured_at=frame.captured_at,
            width_px=width,
            height_px=height,
            boxes=watch.overlay(result),
        )
        self._client.offer_frame(header, encoded.tobytes())

    def _deliver(self, flight: _Flight, sightings: list[SightingMessage]) -> None:
        for sighting in sightings:
            if flight.looks is not None:
                sighting = flight.looks.pass_on(sighting)
                flight.looks.consider(sighting)
            self._spool.put_sighting(sighting)
            flight.figures.sightings += 1
            told = f"sighting_{sighting.state.value}"
            if flight.told.get(sighting.sighting_id) != told:
                flight.told[sighting.sighting_id] = told
                self._note(flight, told, f"{sighting.kind.value}: {sighting.reasons[0].text}")
        if sightings:
            self._uplink.wake()

    def _deliver_look(self, sighting: SightingMessage) -> None:
        self._spool.put_sighting(sighting)
        self._uplink.wake()

    # the flight

    def _note(self, flight: _Flight, code: str, text: str, level: str = "info") -> None:
        entry = FlightLogEntry.model_validate(
            {
                "at": self._clock.now(),
                "level": level,
                "code": code,
                "text": text,
                "phase": flight.patrol.phase,
            }
        )
        self._log(flight.flight_id, entry)

    def _log(self, flight_id: UUID, entry: FlightLogEntry) -> None:
        self._spool.put_log(flight_id, entry)
        self._uplink.wake()

    def fly(self, request: AgentRequest) -> Outcome:
        """Begin the flight of a request, from the server or from this machine's own command line."""
        with self._lock:
            if self._flight is not None and self._flight.flight_id != request.flight_id:
                return Outcome(Verdict.REFUSED, "another flight is still under way")
            if self._flight is not None:
                return Outcome(Verdict.ACCEPTED, "already flying this plan")
            if request.plan is None:
                return Outcome(Verdict.REFUSED, "the request carries no plan")
            try:
                plan = PatrolPlan.model_validate(request.plan)
                zones = Zones.from_geojson(request.zones) if request.zones else None
            except ValueError as error:
                return Outcome(Verdict.REFUSED, f"the plan cannot be read: {error}")
            if not plan.flyable:
                errors = [finding.text for finding in plan.findings if finding.severity == "error"]
                return Outcome(Verdict.REFUSED, "the plan must not be flown: " + "; ".join(errors))
            if request.plan_aircraft not in plan.aircraft:
                return Outcome(
                    Verdict.REFUSED, f"the plan has nothing to fly for aircraft {request.plan_aircraft + 1}"
                )
            flight_id = request.flight_id
            wait_s = request.launch_in_s
            patrol = Patrol(
                self.vehicle, plan, clock=self._clock, on_event=lambda entry: self._log(flight_id, entry),
                aircraft=request.plan_aircraft, settings=self._settings,
                launched_s=None if wait_s is None else self._clock.monotonic() + wait_s,
            )  # fmt: skip
            thread = threading.Thread(target=patrol.run, name="patrol", daemon=True)
            self._flight = flight = _Flight(flight_id, plan, zones, patrol, thread)
            flight.looks = Looks(
                patrol, self.identity.camera, self._terrain, self._look_rules, self._deliver_look,
                lambda code, text, level: self._note(flight, code, text, level),
            )  # fmt: skip
            self.figures[flight_id] = self._flight.figures
            self._note(flight, "launch_asked", f"launch asked for by {request.issued_by}")
            thread.start()
        self._wake.set()
        return Outcome(Verdict.ACCEPTED, "preflight begins")

    def _obey(self, request: FleetRequest) -> Outcome:
        if isinstance(request, AgentRequest) and request.kind is RequestKind.FLY:
            return self.fly(request)
        flight = self._flight
        if flight is None or flight.flight_id != request.flight_id:
            return Outcome(Verdict.REFUSED, "this flight is not under way")
        if isinstance(request, SecondLookRequest):
            assert flight.looks is not None
            return flight.looks.request(request.target)
        acts = {
            RequestKind.PAUSE: flight.patrol.pause,
            RequestKind.RESUME: flight.patrol.resume,
            RequestKind.RETURN: flight.patrol.return_home,
            RequestKind.LAND: flight.patrol.land,
        }
        return acts[request.kind]()

    # talking to the server

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                requests = self._client.requests(wait_s=10.0)
            except ServerUnreachable as error:
                log.info("no requests: %s", error)
                self._stopping.wait(1.0)
                continue
            for request in requests:
                self._handle(request)

    def _handle(self, request: FleetRequest) -> None:
        if request.request_id in self._answered:
            outcome = Outcome(Verdict.ACCEPTED, "already carried out")
        else:
            try:
                outcome = self._obey(request)
            except DroneError as error:
                outcome = Outcome(Verdict.REFUSED, str(error))
            log.info(
                "%s asked for by %s: %s %s", request.kind, request.issued_by, outcome.verdict, outcome.why
            )
            self._answered.add(request.request_id)
        answer = AgentAnswer(
            request_id=request.request_id,
            accepted=bool(outcome),
            detail=outcome.why,
            answered_at=self._clock.now(),
        )
        try:
            self._client.answer(answer)
        except ServerUnreachable as error:
            log.warning("answer not delivered, the server will ask again: %s", error)
            self._stopping.wait(1.0)

    def _report(self) -> None:
        hello_due = 0.0
        while not self._stopping.is_set():
            try:
                if time.monotonic() >= hello_due:
                    self._client.hello(self._hello())
                    hello_due = time.monotonic() + HELLO_EVERY_S
                self._client.telemetry(self._telemetry(self.vehicle.state()))
            except ServerUnreachable as error:
                log.info("telemetry not delivered: %s", error)
                hello_due = 0.0
                self._stopping.wait(1.0)
            except DroneError as error:
                log.info("no telemetry to report yet: %s", error)
            self._stopping.wait(TELEMETRY_EVERY_S)

    def _hello(self) -> AgentHello:
        camera = self.identity.camera
        home = None
        try:
            home = self.vehicle.state().home
        except DroneError:
            log.debug("home is not known yet")
        return AgentHello(
            agent=self.identity.name,
            aircraft=self.identity.aircraft,
            vehicle=self.vehicle.description,
            camera=CameraMessage(
                name=camera.name, width_px=camera.width_px, height_px=camera.height_px, fx_px=camera.fx_px,
                fy_px=camera.fy_px, cx_px=camera.cx_px, cy_px=camera.cy_px, distortion=camera.distortion,
            ),
            home=home,
            at=self._clock.now(),
        )  # fmt: skip

    def _telemetry(self, state: VehicleState) -> TelemetryMessage:
        flight = self._flight
        ring, pose = self._footprint()
        return TelemetryMessage(
            agent=self.identity.name,
            flight_id=flight.flight_id if flight else None,
            at=state.at,
            phase=flight.patrol.phase if flight else None,
            latitude=state.latitude,
            longitude=state.longitude,
            altitude_amsl_m=state.altitude_amsl_m,
            altitude_above_home_m=state.altitude_above_home_m,
            heading_deg=state.heading_deg,
            ground_speed_m_s=state.ground_speed_m_s,
            climb_m_s=state.climb_m_s,
            mode=state.mode_name or state.mode.value,
            armed=state.armed,
            battery_fraction=state.battery_fraction,
            battery_voltage_v=state.battery_voltage_v,
            gps_fix=state.gps_fix,
            satellites=state.satellites,
            link_quality=1.0 if state.link_alive else 0.0,
            wind_m_s=state.wind_m_s,
            waypoint=state.current_item,
            waypoints=state.items,
            seconds_left=self._seconds_left(flight),
            starts_in_s=flight.patrol.starts_in_s if flight else None,
            footprint=ring,
            camera_yaw_deg=pose.yaw_deg if pose else None,
            camera_pitch_deg=pose.pitch_deg if pose else None,
            frames=flight.figures.frames if flight else 0,
            frames_dropped=flight.figures.dropped if flight else 0,
            spooled=self._spool.pending(),
            messages=self._vehicle_messages(flight),
        )

    def _vehicle_messages(self, flight: _Flight | None) -> list[str]:
        """What the vehicle said since the last time; alarms and warnings go into the flight's log too."""
        messages = self.vehicle.new_messages()[-20:]
        if flight is None:
            return messages
        for text in messages:
            for mark, level in (("ALARM: ", "alarm"), ("WARNING: ", "warning")):
                if text.startswith(mark):
                    self._note(flight, f"vehicle_{level}", text.removeprefix(mark), level=level)
        return messages

    def _seconds_left(self, flight: _Flight | None) -> float | None:
        if flight is None or flight.figures.first_captured_s is None:
            return None
        flown = self._clock.now().timestamp() - flight.figures.first_captured_s
        return max(0.0, flight.plan.seconds - flown)

    def _footprint(self) -> tuple[list[tuple[float, float]], Pose | None]:
        newest = self.vehicle.poses.end
        if newest is None or not self.vehicle.state().armed:
            return [], None
        try:
            pose = self.vehicle.poses.at(newest)
        except PoseUnknown:
            return [], None
        frame = LocalFrame(pose.latitude, pose.longitude)
        ring = footprint(self.identity.camera, pose, frame, ground_in(frame, self._terrain))
        corners = frame.to_geodetic(ring)
        return [(float(lon), float(lat)) for lat, lon, _ in corners], pose
