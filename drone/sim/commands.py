"""MAV_CMD requests to the simulated autopilot, COMMAND_LONG and COMMAND_INT alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.sim.dynamics import Vector
from drone.sim.flavours import px4_mode
from drone.sim.flight import CRITICAL, Flight
from drone.sim.mission_store import StoredItem
from drone.sim.modes import CopterMode
from drone.sim.reports import Reports
from drone.sim.session import Session

ACCEPTED, REJECTED, DENIED, UNSUPPORTED, FAILED = 0, 1, 2, 3, 4
"""MAV_RESULT."""
FORCE = 21196.0
"""Parameter 2 of ARM_DISARM that overrides checks."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command with its parameters; ``x`` and ``y`` in degrees when they are a place."""

    session: Session
    command: int
    frame: int
    params: tuple[float, float, float, float]
    x: float
    y: float
    z: float

    def item(self) -> StoredItem:
        """The same as a mission item."""
        finite = math.isfinite(self.x) and math.isfinite(self.y)
        p1, p2, p3, p4 = self.params
        return StoredItem(
            command=self.command, frame=self.frame, param1=p1, param2=p2, param3=p3, param4=p4,
            x=round(self.x * 1e7) if finite else 0, y=round(self.y * 1e7) if finite else 0, z=self.z,
        )  # fmt: skip


def as_request(session: Session, message: Message) -> Request:
    params = (message.param1, message.param2, message.param3, message.param4)
    if message.get_type() == "COMMAND_INT":
        return Request(
            session, message.command, message.frame, params, message.x / 1e7, message.y / 1e7, message.z
        )
    # COMMAND_LONG has no frame; heights in it are relative but for home and reposition
    frame = 0 if message.command in (mavlink.MAV_CMD_DO_SET_HOME, mavlink.MAV_CMD_DO_REPOSITION) else 3
    return Request(session, message.command, frame, params, message.param5, message.param6, message.param7)


class Commands:
    """One method per command; ``run`` gives the MAV_RESULT."""

    def __init__(self, flight: Flight, reports: Reports, say: Callable[[int, str], None]) -> None:
        self._flight, self._reports, self._say = flight, reports, say
        self._table: dict[int, Callable[[Request], int]] = {
            mavlink.MAV_CMD_COMPONENT_ARM_DISARM: self._arm,
            mavlink.MAV_CMD_NAV_TAKEOFF: self._take_off,
            mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH: lambda _: self._mode(CopterMode.RTL),
            mavlink.MAV_CMD_NAV_LAND: lambda _: self._mode(CopterMode.LAND),
            mavlink.MAV_CMD_NAV_LOITER_UNLIM: lambda _: self._mode(CopterMode.LOITER),
            mavlink.MAV_CMD_DO_SET_MODE: self._set_mode,
            mavlink.MAV_CMD_MISSION_START: self._start_mission,
            mavlink.MAV_CMD_DO_PAUSE_CONTINUE: self._pause_continue,
            mavlink.MAV_CMD_DO_SET_MISSION_CURRENT: self._set_current,
            mavlink.MAV_CMD_DO_REPOSITION: self._reposition,
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL: self._set_interval,
            mavlink.MAV_CMD_GET_MESSAGE_INTERVAL: self._get_interval,
            mavlink.MAV_CMD_REQUEST_MESSAGE: lambda r: self._send(r, int(r.params[0])),
            mavlink.MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES: lambda r: self._send(r, 148),
            mavlink.MAV_CMD_GET_HOME_POSITION: lambda r: self._send(r, 242),
            mavlink.MAV_CMD_DO_SET_HOME: self._set_home,
            mavlink.MAV_CMD_DO_CHANGE_SPEED: self._change_speed,
            mavlink.MAV_CMD_DO_MOUNT_CONTROL: self._mount_control,
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW: self._act,
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE: lambda _: ACCEPTED,
            mavlink.MAV_CMD_DO_SET_ROI_LOCATION: self._region,
            mavlink.MAV_CMD_DO_SET_ROI: self._region,
            mavlink.MAV_CMD_DO_SET_ROI_NONE: self._act,
            mavlink.MAV_CMD_CONDITION_YAW: self._act,
            mavlink.MAV_CMD_DO_FENCE_ENABLE: self._fence_enable,
            mavlink.MAV_CMD_RUN_PREARM_CHECKS: self._run_checks,
        }

    def run(self, request: Request) -> int:
        handler = self._table.get(request.command)
        if handler is None or request.command in self._flight.flavour.unsupported:
            return UNSUPPORTED
        return handler(request)

    def report_arming_faults(self, faults: list[str], prefix: str) -> None:
        if self._flight.flavour.is_px4:
            prefix = {"PreArm": "Preflight Fail", "Arm": "Arming denied"}[prefix]
        for fault in faults:
            self._say(CRITICAL, f"{prefix}: {fault}")

    def _mode(self, number: int) -> int:
        if why := self._flight.set_mode(number):
            self._say(CRITICAL, why)
            return self._failed
        return ACCEPTED

    @property
    def _failed(self) -> int:
        """How a request that cannot be met now is answered."""
        return REJECTED if self._flight.flavour.is_px4 else FAILED

    def _set_mode(self, request: Request) -> int:
        base, custom = request.params[0], request.params[1]
        if not (math.isfinite(base) and math.isfinite(custom)) or not int(base) & 1:
            return DENIED
        if self._flight.flavour.is_px4:
            sub = request.params[2] if math.isfinite(request.params[2]) else 0.0
            custom = px4_mode(int(custom) & 255, int(sub) & 255)
        mode = self._flight.flavour.mode_of(int(custom))
        return self._mode(int(custom) if mode is None else mode)

    def _arm(self, request: Request) -> int:
        force = request.params[1] == FORCE
        if request.params[0] == 1.0:
            faults = self._flight.arm(force=force)
            self.report_arming_faults(faults, "Arm")
            return self._failed if faults else ACCEPTED
        if request.params[0] == 0.0:
            return ACCEPTED if self._flight.disarm(force=force) else self._failed
        return UNSUPPORTED

    def _take_off(self, request: Request) -> int:
        if self._flight.flavour.is_px4 and self._flight.armed:
            self._flight.set_mode(CopterMode.GUIDED)
        return ACCEPTED if self._flight.take_off(request.z) else FAILED

    def _start_mission(self, request: Request) -> int:
        if self._flight.flavour.is_px4 and not self._flight.armed:
            # PX4 arms by itself, ArduPilot waits in AUTO
            faults = self._flight.arm()
            self.report_arming_faults(faults, "Arm")
            if faults:
                return self._failed
        return ACCEPTED if self._flight.start_mission() else self._failed

    def _pause_continue(self, request: Request) -> int:
        mission = self._flight.mission
        if self._flight.mode != CopterMode.AUTO or request.params[0] not in (0.0, 1.0):
            return DENIED
        if request.params[0] == 0.0:
            mission.pause()
        else:
            mission.resume()
        return ACCEPTED

    def _set_current(self, request: Request) -> int:
        number = request.params[0]
        if not math.isfinite(number):
            return DENIED
        if request.params[1] == 1.0:
            self._flight.mission.reset()
        return ACCEPTED if self._flight.mission.set_current(int(number)) else DENIED

    def _reposition(self, request: Request) -> int:
        flight = self._flight
        if not (math.isfinite(request.x) and math.isfinite(request.y) and math.isfinite(request.z)):
            return DENIED
        if abs(request.x) > 90 or abs(request.y) > 180:
            return DENIED
        if flight.mode != CopterMode.GUIDED:
            if not (math.isfinite(request.params[1]) and int(request.params[1]) & 1):
                return DENIED
            if self._mode(CopterMode.GUIDED) != ACCEPTED:
                return FAILED
        if flight.body.landed:
            return DENIED
        place = flight.place(request.item(), flight.body.position)
        speed = request.params[0] if request.params[0] > 0 else None
        # PX4 takes the heading with the place, in radians; ArduPilot leaves the nose alone
        turn = flight.flavour.is_px4 and math.isfinite(request.params[3])
        yaw = math.degrees(request.params[3]) % 360.0 if turn else None
        flight.go_to(self._at(request, place), speed_m_s=speed, yaw_deg=yaw)
        return ACCEPTED

    def _at(self, request: Request, otherwise: Vector) -> Vector:
        """The place of a request, whatever its command says about having one."""
        enu = self._flight.frame.to_enu(request.x, request.y)[0]
        return float(enu[0]), float(enu[1]), otherwise[2]

    def _send(self, request: Request, message_id: int) -> int:
        if message_id not in self._reports.kinds:
            return UNSUPPORTED
        request.session.send(self._reports.build(message_id))
        return ACCEPTED

    def _set_interval(self, request: Request) -> int:
        message_id, interval = request.params[0], request.params[1]
        if not (math.isfinite(message_id) and math.isfinite(interval)):
            return DENIED
        if int(message_id) not in self._reports.kinds:
            return UNSUPPORTED
        request.session.set_interval(int(message_id), interval)
        return ACCEPTED

    def _get_interval(self, request: Request) -> int:
        if not 0 <= request.params[0] < 1 << 16:
            return DENIED
        message_id = int(request.params[0])
        request.session.send(
            mavlink.MAVLink_message_interval_message(message_id, request.session.interval_us(message_id))
        )
        return ACCEPTED

    def _set_home(self, request: Request) -> int:
        if request.params[0] == 1.0:
            self._flight.set_home(self._flight.body.position)
        elif abs(request.x) <= 90 and abs(request.y) <= 180 and math.isfinite(request.z):
            self._flight.set_home(self._at(request, self._flight.place(request.item(), (0.0, 0.0, 0.0))))
        else:
            return DENIED
        return ACCEPTED

    def _change_speed(self, request: Request) -> int:
        speed = request.params[1]
        if not speed > 0:
            return DENIED
        self._flight.change_speed(speed)
        return ACCEPTED

    def _mount_control(self, request: Request) -> int:
        if not math.isfinite(request.params[0]) or request.z not in (1.0, 2.0):
            return DENIED
        self._flight.body.gimbal.point(request.params[0] if request.z == 2.0 else 0.0)
        return ACCEPTED

    def _act(self, request: Request) -> int:
        self._flight.act(request.item())
        return ACCEPTED

    def _region(self, request: Request) -> int:
        if not (abs(request.x) <= 90 and abs(request.y) <= 180 and math.isfinite(request.z)):
            return DENIED
        return self._act(request)

    def _fence_enable(self, request: Request) -> int:
        if request.params[0] not in (0.0, 1.0):
            return DENIED
        self._flight.parameters.set("FENCE_ENABLE", request.params[0])
        return ACCEPTED

    def _run_checks(self, request: Request) -> int:
        if self._flight.armed:
            return REJECTED
        self.report_arming_faults(self._flight.arming_faults(with_mode=False), "PreArm")
        return ACCEPTED
