"""Sending a holding vehicle to a place, and giving the mission back its settings afterwards.

ArduPilot flies to a place in GUIDED and turns the nose by the region of interest; PX4 does it in HOLD and
takes the heading, in radians, with the place. Heights of DO_REPOSITION go by the vehicle's own home.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.awareness import Awareness
from drone.mavlink.link import Link, Patience
from drone.mavlink.looking import CameraPointing
from drone.mavlink.meaning import WireItem
from drone.vehicle import Outcome, Verdict
from missions.geodesy import bearing_deg, distance_m

_CHANGE_SPEED, _MOUNT_CONTROL = mavlink.MAV_CMD_DO_CHANGE_SPEED, mavlink.MAV_CMD_DO_MOUNT_CONTROL


class Guiding:
    """Args:
    change_mode: asks for a mode and believes it when it is seen.
    """

    def __init__(
        self, link: Link, patience: Patience, awareness: Awareness, camera: CameraPointing,
        change_mode: Callable[[int], Outcome],
    ) -> None:  # fmt: skip
        self._link, self._patience, self._awareness = link, patience, awareness
        self._camera, self._change_mode = camera, change_mode

    def go_to(
        self, latitude: float, longitude: float, height_m: float, heading_deg: float, speed_m_s: float
    ) -> Outcome:
        """See ``drone.vehicle.LooksAgain``."""
        mine, home = self._awareness.autopilot, self._awareness.home
        if not self._awareness.armed:
            return Outcome(Verdict.REFUSED, "the vehicle is not flying")
        if self._awareness.mode not in (mine.go_in, *mine.holds):
            name = mine.mode_name(self._awareness.mode)
            return Outcome(Verdict.REFUSED, f"the vehicle is in mode {name} and is left to it")
        if home is None:
            return Outcome(Verdict.REFUSED, "the vehicle does not tell its home, so heights are not known")
        outcome = self._change_mode(mine.go_in)
        if not outcome:
            return outcome
        heading = math.radians((heading_deg + 180.0) % 360.0 - 180.0) if mine.is_px4 else 0.0
        result = self._link.command_at(
            mavlink.MAV_CMD_DO_REPOSITION,
            (speed_m_s, mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE, 0.0, heading),
            (latitude, longitude, home[2] + height_m),
            timeout_s=self._patience.reply_s, tries=self._patience.tries,
        )  # fmt: skip
        if result is None:
            return Outcome(Verdict.UNKNOWN, "no answer to the request to fly to a place")
        if result != mavlink.MAV_RESULT_ACCEPTED:
            return Outcome(
                Verdict.REFUSED, f"the vehicle does not fly to the place (result {result}); see its messages"
            )
        return Outcome(Verdict.ACCEPTED, "on its way")

    def look_at(self, latitude: float, longitude: float, height_m: float) -> Outcome:
        """See ``drone.vehicle.LooksAgain``."""
        position, home = self._awareness.latest("GLOBAL_POSITION_INT"), self._awareness.home
        if position is None or home is None:
            return Outcome(Verdict.REFUSED, "the vehicle does not tell its place or its home")
        here = position.lat / 1e7, position.lon / 1e7
        down = math.degrees(
            math.atan2(height_m - position.relative_alt / 1000, distance_m(*here, latitude, longitude))
        )
        bearing = bearing_deg(*here, latitude, longitude)
        return self._camera.at_place((latitude, longitude, home[2] + height_m), down, bearing)

    def repeat_settings(self, mission: Sequence[WireItem]) -> None:
        """Speed and camera angle of the mission before its current item.

        ArduPilot forgets the speed of the mission whenever AUTO is entered again; nobody gives back a camera
        that was pointed elsewhere in between.
        """
        current = self._awareness.latest("MISSION_CURRENT")
        before = mission[: current.seq] if current is not None else []
        speed = next((one for one in reversed(before) if one.command == _CHANGE_SPEED), None)
        mount = next((one for one in reversed(before) if one.command == _MOUNT_CONTROL), None)
        if speed is not None:
            self._told("speed", self._link.command(
                speed.command, *speed.params, timeout_s=self._patience.reply_s, tries=self._patience.tries
            ))  # fmt: skip
        if mount is not None:
            outcome = self._camera.at_angles(mount.params[0], None)
            self._told("camera angle", mavlink.MAV_RESULT_ACCEPTED if outcome else None)

    def _told(self, what: str, result: int | None) -> None:
        if result != mavlink.MAV_RESULT_ACCEPTED:
            self._awareness.say(f"WARNING: the mission's {what} could not be set again")
