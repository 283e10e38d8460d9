"""How the autopilots that are flown count modes and mission items, and what their modes mean to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.vehicle import FlightMode

MULTIROTOR_TYPES = frozenset({2, 3, 4, 13, 14, 15, 29, 35})
"""MAV_TYPE of everything that flies like a copter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autopilot:
    """One autopilot's numbers.

    Args:
        number: MAV_AUTOPILOT.
        names: custom mode -> its name.
        meanings: custom mode -> what it means; others mean OTHER.
        arm_in: the mode to arm in.
        holds: modes that stop the aircraft, the best one first.
        go_in: the mode in which it flies to a place that it is sent to.
        home_item: whether item 0 of a mission is home.
        arming_prefixes: how its STATUSTEXTs about arming begin.
        rally_on_the_ground: whether the height of a rally point is that of the ground, not of the way back.
        position_report: the message that tells whether the position estimate is good.
        wind_report: the message that tells the wind.
    """

    number: int
    name: str
    names: Mapping[int, str]
    meanings: Mapping[int, FlightMode]
    auto: int
    arm_in: int
    holds: tuple[int, ...]
    go_in: int
    rtl: int
    land: int
    home_item: bool
    arming_prefixes: tuple[str, ...]
    rally_on_the_ground: bool
    position_report: str
    wind_report: str

    @property
    def is_px4(self) -> bool:
        return bool(self.number == mavlink.MAV_AUTOPILOT_PX4)

    def meaning(self, mode: int | None) -> FlightMode:
        return FlightMode.OTHER if mode is None else self.meanings.get(mode, FlightMode.OTHER)

    def mode_name(self, mode: int | None) -> str:
        return "" if mode is None else self.names.get(mode, f"mode {mode}")

    def mode_parameters(self, mode: int) -> tuple[float, ...]:
        """Parameters of DO_SET_MODE: PX4 takes main and sub mode apart."""
        if self.is_px4:
            return mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, mode >> 16 & 255, mode >> 24 & 255
        return mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, mode


def px4_mode(main: int, sub: int = 0) -> int:
    """PX4's custom mode: main number in the third byte, sub number in the fourth."""
    return main << 16 | sub << 24


_TAKEOFF, _LOITER, _MISSION, _RTL, _LAND = (px4_mode(4, sub) for sub in (2, 3, 4, 5, 6))

ARDUPILOT = Autopilot(
    number=mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, name="ArduCopter",
    names={
        0: "STABILIZE", 1: "ACRO", 2: "ALT_HOLD", 3: "AUTO", 4: "GUIDED", 5: "LOITER", 6: "RTL", 7: "CIRCLE",
        9: "LAND", 11: "DRIFT", 13: "SPORT", 14: "FLIP", 15: "AUTOTUNE", 16: "POSHOLD", 17: "BRAKE",
        18: "THROW", 19: "AVOID_ADSB", 20: "GUIDED_NOGPS", 21: "SMART_RTL", 22: "FLOWHOLD", 23: "FOLLOW",
        24: "ZIGZAG", 25: "SYSTEMID", 26: "AUTOROTATE", 27: "AUTO_RTL",
    },
    meanings={
        0: FlightMode.STABILIZE, 3: FlightMode.AUTO, 4: FlightMode.GUIDED, 5: FlightMode.HOLD,
        6: FlightMode.RETURN, 9: FlightMode.LAND, 16: FlightMode.HOLD, 17: FlightMode.HOLD,
        21: FlightMode.RETURN, 27: FlightMode.RETURN,
    },
    # AUTO is no mode to arm in; LOITER follows the throttle stick, so it is no hold
    auto=3, arm_in=4, holds=(17, 4), go_in=4, rtl=6, land=9, home_item=True, rally_on_the_ground=False,
    arming_prefixes=("PreArm", "Arm"), position_report="EKF_STATUS_REPORT", wind_report="WIND",
)  # fmt: skip
PX4 = Autopilot(
    number=mavlink.MAV_AUTOPILOT_PX4, name="PX4",
    names={
        px4_mode(1): "MANUAL", px4_mode(2): "ALTCTL", px4_mode(3): "POSCTL", px4_mode(5): "ACRO",
        px4_mode(6): "OFFBOARD", px4_mode(7): "STABILIZED", px4_mode(8): "RATTITUDE",
        px4_mode(4, 1): "READY", _TAKEOFF: "TAKEOFF", _LOITER: "HOLD", _MISSION: "MISSION", _RTL: "RETURN",
        _LAND: "LAND", px4_mode(4, 8): "FOLLOW_TARGET", px4_mode(4, 9): "PRECLAND",
    },
    meanings={
        px4_mode(7): FlightMode.STABILIZE, px4_mode(6): FlightMode.GUIDED, _TAKEOFF: FlightMode.GUIDED,
        px4_mode(3): FlightMode.HOLD, _LOITER: FlightMode.HOLD, _MISSION: FlightMode.AUTO,
        _RTL: FlightMode.RETURN, _LAND: FlightMode.LAND, px4_mode(4, 9): FlightMode.LAND,
    },
    auto=_MISSION, arm_in=_LOITER, holds=(_LOITER,), go_in=_LOITER, rtl=_RTL, land=_LAND, home_item=False,
    rally_on_the_ground=True, arming_prefixes=("Preflight Fail", "Arming denied", "Mission rejected"),
    position_report="ESTIMATOR_STATUS", wind_report="WIND_COV",
)  # fmt: skip
AUTOPILOTS = {autopilot.number: autopilot for autopilot in (ARDUPILOT, PX4)}
