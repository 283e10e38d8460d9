"""What a message from a ground station does to the simulated vehicle."""

from __future__ import annotations

import math
from collections.abc import Callable

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.sim.commands import DENIED, Commands, as_request
from drone.sim.dynamics import Vector
from drone.sim.flight import Flight
from drone.sim.mission_store import StoredItem
from drone.sim.modes import CopterMode
from drone.sim.parameter_service import ParameterService
from drone.sim.reports import Reports
from drone.sim.session import Session
from drone.sim.transfers import Transfers

IGNORE_POSITION, IGNORE_VELOCITY, IGNORE_YAW = 0b111, 0b111000, 0b10000000000
"""Bits of POSITION_TARGET_TYPEMASK."""
_GLOBAL_FRAMES = {0: 0, 5: 0, 3: 3, 6: 3, 10: 10, 11: 10}


class Inbound:
    """Sorts messages to the services; what is addressed to others is not heard."""

    def __init__(
        self,
        flight: Flight,
        reports: Reports,
        commands: Commands,
        transfers: Transfers,
        parameters: ParameterService,
        system_id: int,
    ) -> None:
        self._flight, self._reports, self._commands = flight, reports, commands
        self._transfers, self._parameters, self._system_id = transfers, parameters, system_id
        self._handlers: dict[str, Callable[[Session, Message], None]] = {
            "HEARTBEAT": self._heartbeat,
            "COMMAND_LONG": self._command,
            "COMMAND_INT": self._command,
            "SET_MODE": self._set_mode,
            "REQUEST_DATA_STREAM": self._stream,
            "MISSION_SET_CURRENT": self._set_current,
            "SET_POSITION_TARGET_GLOBAL_INT": self._guide_global,
            "SET_POSITION_TARGET_LOCAL_NED": self._guide_local,
            "TIMESYNC": self._timesync,
            "PING": self._ping,
        }

    def handle(self, session: Session, message: Message) -> None:
        if getattr(message, "target_system", 0) not in (0, self._system_id):
            return
        if getattr(message, "target_component", 0) not in (0, 1):
            return
        if self._transfers.handle(session, message) or self._parameters.handle(session, message):
            return
        handler = self._handlers.get(message.get_type())
        if handler is not None:
            handler(session, message)

    def _heartbeat(self, session: Session, message: Message) -> None:
        if message.get_srcSystem() == int(self._flight.parameters["SYSID_MYGCS"]):
            self._flight.last_gcs_s = self._flight.time_s

    def _command(self, session: Session, message: Message) -> None:
        try:
            result = self._commands.run(as_request(session, message))
        except (ValueError, OverflowError):
            # parameters that are no numbers where numbers are needed
            result = DENIED
        session.send(
            mavlink.MAVLink_command_ack_message(
                message.command, result, 0, 0, message.get_srcSystem(), message.get_srcComponent()
            )
        )

    def _set_mode(self, session: Session, message: Message) -> None:
        mode = self._flight.flavour.mode_of(message.custom_mode)
        number = message.custom_mode if mode is None else mode
        if message.base_mode & 1 and (why := self._flight.set_mode(number)):
            session.send(mavlink.MAVLink_statustext_message(2, why.encode()[:50]))

    def _stream(self, session: Session, message: Message) -> None:
        session.set_stream(message.req_stream_id, message.req_message_rate if message.start_stop else 0)

    def _set_current(self, session: Session, message: Message) -> None:
        if self._flight.mission.set_current(self._flight.flavour.inside(message.seq)):
            session.send(self._reports.build(mavlink.MAVLINK_MSG_ID_MISSION_CURRENT))

    def _guide_global(self, session: Session, message: Message) -> None:
        flight = self._flight
        frame = _GLOBAL_FRAMES.get(message.coordinate_frame)
        if not self._may_guide() or frame is None:
            return
        if not message.type_mask & IGNORE_POSITION:
            if abs(message.lat_int) > 90e7 or abs(message.lon_int) > 180e7 or not math.isfinite(message.alt):
                return
            item = StoredItem(command=16, frame=frame, x=message.lat_int, y=message.lon_int, z=message.alt)
            flight.go_to(flight.place(item, flight.body.position), yaw_deg=_yaw(message))
        else:
            self._guide_velocity(message)

    def _guide_local(self, session: Session, message: Message) -> None:
        if not self._may_guide() or message.coordinate_frame != mavlink.MAV_FRAME_LOCAL_NED:
            return
        if not message.type_mask & IGNORE_POSITION:
            target: Vector = (message.y, message.x, -message.z)
            if all(math.isfinite(v) for v in target):
                self._flight.go_to(target, yaw_deg=_yaw(message))
        else:
            self._guide_velocity(message)

    def _guide_velocity(self, message: Message) -> None:
        velocity = (message.vy, message.vx, -message.vz)
        if not message.type_mask & IGNORE_VELOCITY and all(math.isfinite(v) for v in velocity):
            self._flight.go_with(velocity, _yaw(message))

    def _may_guide(self) -> bool:
        return self._flight.mode == CopterMode.GUIDED and not self._flight.body.landed

    def _timesync(self, session: Session, message: Message) -> None:
        if message.tc1 == 0:
            now_ns = round(self._flight.time_s * 1e9)
            session.send(mavlink.MAVLink_timesync_message(now_ns, message.ts1))

    def _ping(self, session: Session, message: Message) -> None:
        if message.target_system == 0:
            session.send(
                mavlink.MAVLink_ping_message(
                    message.time_usec, message.seq, message.get_srcSystem(), message.get_srcComponent()
                )
            )


def _yaw(message: Message) -> float | None:
    if message.type_mask & IGNORE_YAW or not math.isfinite(message.yaw):
        return None
    return math.degrees(message.yaw) % 360.0
