"""A simulated aircraft that speaks MAVLink 2, for our own agent and for anybody's ground station.

It behaves like ArduCopter 4.6 (item 0 of a mission is home, telemetry is off until requested, AUTO cannot be
armed in) or like PX4 1.16 (see ``flavours``); an acknowledged command is not yet a flying aircraft. Time
advances only by ``step``, so that a flight repeats exactly for the same seed and the same input; sockets only
move bytes into queues.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import SetupWrong
from drone.mavlink.framing import Message
from drone.sim.airframe import Airframe, Ground
from drone.sim.battery import Battery
from drone.sim.commands import Commands
from drone.sim.flavours import flavour_of
from drone.sim.flight import INFO, Fault, Flight
from drone.sim.gimbal import Gimbal
from drone.sim.inbound import Inbound
from drone.sim.loopback import Loopback
from drone.sim.mission_store import MissionStore, StoredItem
from drone.sim.modes import CopterMode
from drone.sim.parameter_service import ParameterService
from drone.sim.parameters import Parameters
from drone.sim.ports import Ports
from drone.sim.px4_parameters import Px4Parameters
from drone.sim.reports import Reports
from drone.sim.session import Session
from drone.sim.transfers import Transfers
from missions.geodesy import LocalFrame
from missions.terrain import Terrain
from vision.camera import Pose

TICK_MS = 20
_TICK_S = TICK_MS / 1000
_PREARM_REPORT_S = 30.0
_STATUS_TEXT_BYTES = 50
_REACHED_EVERY_TICKS = 5


class SimulatedAutopilot:
    """One vehicle.

    Args:
        home: latitude, longitude, altitude above sea level of the place where it stands.
        terrain: the ground; None is flat at home's altitude.
        start: UTC of boot.
        flavour: "ardupilot" or "px4": whose habits it has.
        wind: metres per second towards east and north; gusts are added.
        gimbal_pitch_deg: where the camera looks after boot.
        ready_after_s: simulated seconds from boot until it can be armed (real ones take about 40).
        battery_wh: energy of a full battery; ``battery_fraction`` is what is in it now.
        signing_key: 32 bytes; then only signed packets are heard.

    Raises:
        AutopilotUnsupported: there is no such flavour.
        SetupWrong: a number is out of range.
    """

    def __init__(
        self,
        home: tuple[float, float, float],
        *,
        start: datetime,
        terrain: Terrain | None = None,
        flavour: str = "ardupilot",
        system_id: int = 1,
        seed: int = 0,
        wind: tuple[float, float] = (0.0, 0.0),
        heading_deg: float = 0.0,
        gimbal_pitch_deg: float = 0.0,
        ready_after_s: float = 12.0,
        battery_wh: float = 90.0,
        battery_fraction: float = 1.0,
        signing_key: bytes | None = None,
    ) -> None:
        habits = flavour_of(flavour)
        _check_setup(start, system_id, battery_wh, battery_fraction)
        self.flavour = habits
        self.system_id = system_id
        self._start, self._signing_key = start, signing_key
        self._frame = LocalFrame(*home)
        battery = Battery(battery_wh, battery_wh * (1 - battery_fraction))
        self._body = Airframe(
            ground=self._ground_from(terrain), wind=wind, seed=seed, battery=battery,
            gimbal=Gimbal(pitch_deg=gimbal_pitch_deg, wanted_deg=gimbal_pitch_deg),
        )  # fmt: skip
        self._body.rotor.motion.yaw_deg = heading_deg % 360.0
        self.parameters = Parameters()
        self.parameters.set("SYSID_THISMAV", system_id)
        self.parameters.set("BATT_CAPACITY", battery.capacity_mah)
        self.parameters.set("BATT_LOW_MAH", 0.15 * battery.capacity_mah)
        self.parameters.set("BATT_CRT_MAH", 0.07 * battery.capacity_mah)
        store = MissionStore(self._home_item)
        self.flight = Flight(
            frame=self._frame, body=self._body, parameters=self.parameters, store=store, say=self._say,
            reached=self._reached, ready_after_s=ready_after_s, flavour=habits,
        )  # fmt: skip
        self._reports = Reports(self.flight, start, system_id)
        self._commands = Commands(self.flight, self._reports, self._say)
        self._transfers = Transfers(
            store, now=lambda: self.time_s, say=self._say,
            flying_auto=lambda: self.flight.armed and self.flight.mode == CopterMode.AUTO, flavour=habits,
            stored=self.flight.judge_mission,
        )  # fmt: skip
        self._parameter_service = ParameterService(
            Px4Parameters(self.parameters) if habits.is_px4 else self.parameters
        )
        self._reached_again: list[int] = []
        self._texts = 0
        self._ports = Ports()
        self._loopbacks: dict[int, Loopback] = {}
        self._sessions: dict[int, Session] = {}
        self._ticks = 0
        self._pending_s = 0.0
        self._lock = threading.RLock()
        self._runner: threading.Thread | None = None
        self._stopping = threading.Event()
        self.speed = 1.0
        self._home_sent = self.flight.home_enu
        self._inbound = Inbound(
            self.flight, self._reports, self._commands, self._transfers, self._parameter_service, system_id
        )

    # time

    @property
    def time_s(self) -> float:
        """Simulated seconds since boot."""
        return self._ticks * TICK_MS / 1000

    def now(self) -> datetime:
        """UTC on the vehicle's own clock."""
        return self._start + timedelta(milliseconds=self._ticks * TICK_MS)

    def step(self, dt_s: float) -> None:
        """Hear what arrived, advance ``dt_s`` simulated seconds in ticks of 20 ms, send what is due.

        What is left of a tick is kept for the next call; ``step(0)`` only hears and answers.
        """
        if dt_s < 0:
            raise SetupWrong(f"a simulation cannot step {dt_s} s back")
        with self._lock:
            self._hear()
            self._pending_s += dt_s
            while self._pending_s > _TICK_S - 1e-9:
                self._pending_s -= _TICK_S
                self._tick()

    def run_realtime(self, speed: float = 1.0) -> None:
        """Start a thread that steps with the wall clock, ``speed`` times as fast; ``close`` ends it."""
        self.speed = speed
        if self._runner is None:
            self._runner = threading.Thread(target=self._run, name="sim-autopilot", daemon=True)
            self._runner.start()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopping.is_set():
            self._ports.wait(max(0.005, _TICK_S / self.speed))
            now = time.monotonic()
            # after a stall of the machine the simulation falls behind instead of racing
            self.step(min(0.5, (now - last) * self.speed))
            last = now

    def close(self) -> None:
        """Stop the thread and close all sockets."""
        self._stopping.set()
        if self._runner is not None:
            self._runner.join(2.0)
            self._runner = None
        self._ports.close()

    # links

    def serve(self, url: str) -> str:
        """Open ``tcpin:HOST:PORT``, ``udpin:HOST:PORT`` or ``udpout:HOST:PORT``; any number of them.

        Returns:
            The address by which a ground station reaches it; port 0 chooses a free one.
        """
        return self._ports.open(url)

    def attach(self) -> Loopback:
        """A link in this process, without sockets."""
        peer = self._ports.attach()
        loopback = Loopback(lambda data: self._ports.feed(peer, data))
        self._loopbacks[peer] = loopback
        return loopback

    # what is true, and what can go wrong

    def true_camera_pose(self) -> Pose:
        """Where the camera is and looks, without any noise."""
        with self._lock:
            motion = self._body.rotor.motion
            lat, lon, alt = (float(v) for v in self._frame.to_geodetic([motion.position])[0])
            return Pose(
                captured_at=self.now(), latitude=lat, longitude=lon, altitude_amsl_m=alt,
                yaw_deg=motion.yaw_deg, pitch_deg=self._body.gimbal.pitch_deg, roll_deg=0.0,
            )  # fmt: skip

    def inject(self, fault: Fault | str) -> None:
        """Make something go wrong, from now until ``clear``."""
        fault = Fault(fault)
        with self._lock:
            self.flight.faults.add(fault)
            if fault is Fault.PILOT_TAKES_OVER:
                self.flight.set_mode(CopterMode.LOITER)

    def clear(self, fault: Fault | str) -> None:
        """End a fault."""
        with self._lock:
            self.flight.faults.discard(Fault(fault))

    def swap_battery(self) -> bool:
        """Put in a full battery; only on the ground and disarmed."""
        with self._lock:
            if self.flight.armed or not self._body.landed:
                return False
            self._body.battery.swap()
            return True

    # inside

    def _ground_from(self, terrain: Terrain | None) -> Ground:
        if terrain is None:
            return lambda east, north: 0.0

        def elevation(east: float, north: float) -> float:
            lat, lon, _ = self._frame.to_geodetic([(east, north, 0.0)])[0]
            return float(terrain.elevation_m([lat], [lon])[0])

        # home's altitude is where it stands; only differences of the terrain count
        base = elevation(0.0, 0.0)
        return lambda east, north: elevation(east, north) - base

    def _home_item(self) -> StoredItem:
        lat, lon, alt = self.flight.home_geodetic
        return StoredItem(command=16, frame=0, x=round(lat * 1e7), y=round(lon * 1e7), z=round(alt, 2))

    def _tick(self) -> None:
        self._ticks += 1
        self.flight.tick(_TICK_S, self.time_s)
        self._transfers.tick()
        if self._ticks % int(_PREARM_REPORT_S / _TICK_S) == 0 and not self.flight.armed:
            self._commands.report_arming_faults(self.flight.arming_faults(with_mode=False), "PreArm")
        home_moved = self.flight.home_enu != self._home_sent
        self._home_sent = self.flight.home_enu
        built: dict[int, Message] = {}
        if self._reached_again and self._ticks % _REACHED_EVERY_TICKS == 0:
            self._send_to_all(mavlink.MAVLink_mission_item_reached_message(self._reached_again.pop(0)))
        for session in self._sessions.values():
            for message_id in session.due(self._ticks * TICK_MS):
                if message_id not in built:
                    built[message_id] = self._reports.build(message_id)
                session.send(built[message_id])
            if home_moved:
                session.send(self._reports.home_position())
            self._parameter_service.tick(session)

    def _deliver(self, peer: int, data: bytes) -> None:
        if Fault.SILENT in self.flight.faults:
            return
        loopback = self._loopbacks.get(peer)
        if loopback is not None:
            loopback.push(data)
        else:
            self._ports.send(peer, data)

    def _hear(self) -> None:
        gone = []
        for peer, came in self._ports.changes():
            if came:
                self._sessions[peer] = Session(
                    peer,
                    self._deliver,
                    system_id=self.system_id,
                    signing_key=self._signing_key,
                    at=self.now(),
                    streams_hz=self.flavour.streams_hz,
                )
            else:
                gone.append(peer)
        for peer, data in self._ports.received():
            session = self._sessions.get(peer)
            if session is None or Fault.DEAF in self.flight.faults:
                continue
            for message in session.parse(data):
                self._inbound.handle(session, message)
        for peer in gone:
            self._sessions.pop(peer, None)

    def _say(self, severity: int, text: str) -> None:
        data = text.encode("ascii", "replace")
        if not self.flavour.text_pieces or len(data) <= _STATUS_TEXT_BYTES:
            self._send_to_all(mavlink.MAVLink_statustext_message(severity, data[:_STATUS_TEXT_BYTES]))
            return
        self._texts = self._texts % 65535 + 1
        for piece, at in enumerate(range(0, len(data), _STATUS_TEXT_BYTES)):
            part = data[at : at + _STATUS_TEXT_BYTES]
            self._send_to_all(mavlink.MAVLink_statustext_message(severity, part, self._texts, piece))

    def _reached(self, number: int) -> None:
        number = self.flavour.on_wire(number)
        if not self.flavour.is_px4:
            self._say(INFO, f"Reached command #{number}")
        self._send_to_all(mavlink.MAVLink_mission_item_reached_message(number))
        self._reached_again += [number] * (self.flavour.reached_times - 1)

    def _send_to_all(self, message: Message) -> None:
        for session in self._sessions.values():
            session.send(message)


def _check_setup(start: datetime, system_id: int, battery_wh: float, battery_fraction: float) -> None:
    if start.tzinfo is None:
        raise SetupWrong("the simulated autopilot needs an aware start time; add tzinfo=UTC")
    if not 1 <= system_id <= 254:
        raise SetupWrong(f"system id {system_id} is impossible; choose 1 to 254")
    if not (battery_wh > 0 and 0 <= battery_fraction <= 1):
        raise SetupWrong("battery_wh must be positive and battery_fraction within 0 to 1")
