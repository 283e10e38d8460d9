"""An ArduPilot multirotor's modes by number, and what they mean to us."""

from __future__ import annotations

from drone.vehicle import FlightMode

NAMES = {
    0: "STABILIZE", 1: "ACRO", 2: "ALT_HOLD", 3: "AUTO", 4: "GUIDED", 5: "LOITER", 6: "RTL", 7: "CIRCLE",
    9: "LAND", 11: "DRIFT", 13: "SPORT", 14: "FLIP", 15: "AUTOTUNE", 16: "POSHOLD", 17: "BRAKE", 18: "THROW",
    19: "AVOID_ADSB", 20: "GUIDED_NOGPS", 21: "SMART_RTL", 22: "FLOWHOLD", 23: "FOLLOW", 24: "ZIGZAG",
    25: "SYSTEMID", 26: "AUTOROTATE", 27: "AUTO_RTL",
}  # fmt: skip
_MEANINGS = {
    0: FlightMode.STABILIZE,
    3: FlightMode.AUTO,
    4: FlightMode.GUIDED,
    5: FlightMode.HOLD,
    6: FlightMode.RETURN,
    9: FlightMode.LAND,
    16: FlightMode.HOLD,
    17: FlightMode.HOLD,
    21: FlightMode.RETURN,
    27: FlightMode.RETURN,
}
AUTO, GUIDED, RTL, LAND, BRAKE = 3, 4, 6, 9, 17
MULTIROTOR_TYPES = frozenset({2, 3, 4, 13, 14, 15, 29, 35})
"""MAV_TYPE of everything that flies like a copter."""


def meaning(number: int) -> FlightMode:
    return _MEANINGS.get(number, FlightMode.OTHER)


def name(number: int) -> str:
    return NAMES.get(number, f"mode {number}")
