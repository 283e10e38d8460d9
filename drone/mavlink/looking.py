"""Putting the camera on a spot, and on a fixed pitch, in whichever way the vehicle knows.

In this order: the region of interest (DO_SET_ROI_LOCATION), the gimbal protocol v2
(DO_GIMBAL_MANAGER_PITCHYAW, with yaw towards north where the gimbal can hold it and relative to the vehicle
where it cannot), the mount protocol v1 (DO_MOUNT_CONTROL). What is not supported, or not answered, is
followed by the next one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.link import GROUND_COMPONENT_ID, Link, Patience
from drone.vehicle import Outcome, Verdict

_RESULTS = {1: "temporarily rejected", 2: "denied", 3: "not supported", 4: "failed", 6: "cancelled"}
_ASKS = 3
"""How often a gimbal manager is asked for; many vehicles have none and never answer."""


class CameraPointing:
    """The camera of one vehicle.

    Args:
        heading_deg: where the vehicle's nose points, clockwise from north.
    """

    def __init__(self, link: Link, patience: Patience, heading_deg: Callable[[], float]) -> None:
        self._link, self._patience, self._heading_deg = link, patience, heading_deg
        self._manager: int | None = None
        self._asked = False
        self._silent: set[int] = set()

    def at_place(self, place: tuple[float, float, float], pitch_deg: float, bearing_deg: float) -> Outcome:
        """Keep it on a place: latitude, longitude, metres above sea level as the vehicle counts them.

        Args:
            pitch_deg, bearing_deg: from the aircraft to the place, for cameras that take only angles.
        """
        nothing = (0.0, 0.0, 0.0, 0.0)
        result = self._link.command_at(
            mavlink.MAV_CMD_DO_SET_ROI_LOCATION, nothing, place,
            timeout_s=self._patience.reply_s, tries=self._patience.tries,
        )  # fmt: skip
        if result == mavlink.MAV_RESULT_ACCEPTED:
            return Outcome(Verdict.ACCEPTED, "the spot is the region of interest")
        return self.at_angles(pitch_deg, bearing_deg)

    def ahead(self, pitch_deg: float) -> Outcome:
        """A fixed pitch in the direction of flight; a region of interest is forgotten."""
        self._command(mavlink.MAV_CMD_DO_SET_ROI_NONE)
        return self.at_angles(pitch_deg, None)

    def at_angles(self, pitch_deg: float, bearing_deg: float | None) -> Outcome:
        """Pitch from the horizon, and bearing from north (None: ahead)."""
        results = []
        if self._flags() is not None:
            results.append(self._manager_angles(pitch_deg, bearing_deg))
            if results[-1] == mavlink.MAV_RESULT_ACCEPTED:
                return Outcome(Verdict.ACCEPTED, "the gimbal manager points the camera")
        yaw = 0.0 if bearing_deg is None else _turn(bearing_deg - self._heading_deg())
        results.append(self._command(mavlink.MAV_CMD_DO_MOUNT_CONTROL, pitch_deg, 0, yaw, 0, 0, 0, 2))
        if results[-1] == mavlink.MAV_RESULT_ACCEPTED:
            return Outcome(Verdict.ACCEPTED, "the mount points the camera")
        answers = [result for result in results if result is not None]
        if not answers:
            return Outcome(Verdict.UNKNOWN, "pointing the camera: no answer")
        said = _RESULTS.get(answers[-1], f"answered with {answers[-1]}")
        return Outcome(Verdict.REFUSED, f"pointing the camera was {said}; it has no gimbal that we can move")

    def _manager_angles(self, pitch_deg: float, bearing_deg: float | None) -> int | None:
        flags = self._flags() or 0
        can_lock = bool(flags & mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_YAW_LOCK)
        # PX4 moves it only for whom it belongs to
        self._command(
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE, self._link.system_id, GROUND_COMPONENT_ID, -1, -1
        )
        if bearing_deg is not None and can_lock:
            yaw, mode = _turn(bearing_deg), mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK
        else:
            turn = 0.0 if bearing_deg is None else _turn(bearing_deg - self._heading_deg())
            yaw, mode = turn, 0
        return self._command(
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW, pitch_deg, yaw, math.nan, math.nan, mode, 0, 0
        )

    def _flags(self) -> int | None:
        """GIMBAL_MANAGER_CAP_FLAGS; None where there is no manager."""
        if not self._asked:
            self._asked = True
            kind = mavlink.MAVLINK_MSG_ID_GIMBAL_MANAGER_INFORMATION
            ask = mavlink.MAVLink_command_long_message(
                *self._link.target, mavlink.MAV_CMD_REQUEST_MESSAGE, 0, kind, 0, 0, 0, 0, 0, 0
            )
            reply = self._link.request(
                lambda _: ask, ("GIMBAL_MANAGER_INFORMATION", "COMMAND_ACK"),
                lambda m: m.get_type() != "COMMAND_ACK" or (
                    m.command == mavlink.MAV_CMD_REQUEST_MESSAGE and m.result != mavlink.MAV_RESULT_ACCEPTED
                ),
                timeout_s=self._patience.reply_s, tries=_ASKS,
            )  # fmt: skip
            if reply is not None and reply.get_type() != "COMMAND_ACK":
                self._manager = int(reply.cap_flags)
        return self._manager

    def _command(self, command: int, *params: float) -> int | None:
        """A vehicle without a gimbal may never answer (PX4 leaves it to a driver that does not run)."""
        tries = _ASKS if command in self._silent else self._patience.tries
        result = self._link.command(command, *params, timeout_s=self._patience.reply_s, tries=tries)
        if result is None:
            self._silent.add(command)
        else:
            self._silent.discard(command)
        return result


def _turn(angle_deg: float) -> float:
    """To -180 .. 180 degrees."""
    return (angle_deg + 180.0) % 360.0 - 180.0
