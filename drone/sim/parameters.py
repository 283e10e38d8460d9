"""The simulated autopilot's parameters, under ArduCopter 4.6 names and meanings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

REAL32, INT8, INT16, INT32 = 9, 2, 4, 6
"""MAV_PARAM_TYPE."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: float
    kind: int = REAL32
    low: float = -1e9
    high: float = 1e9


_DEFAULTS = {
    "SYSID_THISMAV": _Entry(1, INT16, 1, 255),
    "FRAME_CLASS": _Entry(1, INT8),
    "ARMING_CHECK": _Entry(1, INT32),
    "AUTO_OPTIONS": _Entry(0, INT32),
    "BATT_CAPACITY": _Entry(4054, INT32, 0),
    "BATT_LOW_MAH": _Entry(0, REAL32, 0),
    "BATT_CRT_MAH": _Entry(0, REAL32, 0),
    "BATT_LOW_VOLT": _Entry(0, REAL32, 0),
    "BATT_FS_LOW_ACT": _Entry(2, INT8, 0, 7),
    "BATT_FS_CRT_ACT": _Entry(1, INT8, 0, 7),
    "DISARM_DELAY": _Entry(10, INT8, 0, 127),
    "FENCE_ENABLE": _Entry(0, INT8, 0, 1),
    "FENCE_TYPE": _Entry(7, INT8, 0, 15),
    "FENCE_ACTION": _Entry(1, INT8, 0, 5),
    "FENCE_OPTIONS": _Entry(1, INT16, 0, 31),
    "FENCE_ALT_MAX": _Entry(100, REAL32, 10, 1000),
    "FENCE_RADIUS": _Entry(300, REAL32, 30, 10000),
    "FENCE_MARGIN": _Entry(2, REAL32, 1, 10),
    "FS_GCS_ENABLE": _Entry(0, INT8, 0, 7),
    "FS_GCS_TIMEOUT": _Entry(5, REAL32, 2, 120),
    "LAND_SPEED": _Entry(50, INT16, 30, 200),
    "LAND_SPEED_HIGH": _Entry(0, INT16, 0, 500),
    "LAND_ALT_LOW": _Entry(1000, INT16, 100, 10000),
    "MIS_RESTART": _Entry(0, INT8, 0, 1),
    "MIS_TOTAL": _Entry(0, INT16, 0, 32766),
    "MNT1_TYPE": _Entry(1, INT8),
    "MNT1_PITCH_MIN": _Entry(-90, INT16, -90, 90),
    "MNT1_PITCH_MAX": _Entry(20, INT16, -90, 90),
    "PILOT_SPEED_DN": _Entry(150, INT16, 0, 500),
    "RALLY_INCL_HOME": _Entry(1, INT8, 0, 1),
    "RALLY_LIMIT_KM": _Entry(0.3, REAL32, 0),
    "RTL_ALT": _Entry(1500, INT32, 30, 300000),
    "RTL_ALT_FINAL": _Entry(0, INT16, 0, 1000),
    "RTL_LOIT_TIME": _Entry(5000, INT32, 0, 60000),
    "RTL_SPEED": _Entry(0, INT16, 0, 2000),
    "SR0_POSITION": _Entry(0, INT16, 0, 50),
    "SR0_EXTRA1": _Entry(0, INT16, 0, 50),
    "SYSID_MYGCS": _Entry(255, INT16, 1, 255),
    "WP_YAW_BEHAVIOR": _Entry(2, INT8, 0, 3),
    "WPNAV_ACCEL": _Entry(250, REAL32, 50, 500),
    "WPNAV_RADIUS": _Entry(200, REAL32, 5, 1000),
    "WPNAV_SPEED": _Entry(1000, REAL32, 10, 2000),
    "WPNAV_SPEED_DN": _Entry(150, REAL32, 10, 500),
    "WPNAV_SPEED_UP": _Entry(250, REAL32, 10, 1000),
}


class ParameterNames:
    """The names of a parameter table in the order in which the vehicle counts them."""

    _names: list[str]

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def name_at(self, index: int) -> str | None:
        return self._names[index] if 0 <= index < len(self._names) else None

    def index(self, name: str) -> int:
        return self._names.index(name)


class Parameters(ParameterNames):
    """Names to numbers. Unknown names do not exist: an autopilot gives them no answer.

    >>> parameters = Parameters()
    >>> parameters.set("RTL_ALT", 5000), parameters["RTL_ALT"], parameters.set("NO_SUCH", 1)
    (True, 5000.0, False)
    """

    def __init__(self) -> None:
        self._values = {name: float(entry.value) for name, entry in _DEFAULTS.items()}
        self._names = list(self._values)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def kind(self, name: str) -> int:
        """MAV_PARAM_TYPE of the parameter."""
        return _DEFAULTS[name].kind

    def set(self, name: str, value: float) -> bool:
        """Store a value that is in range; False when the name is unknown or the value is out of range."""
        entry = _DEFAULTS.get(name)
        if entry is None or not entry.low <= value <= entry.high:
            return False
        self._values[name] = float(value) if entry.kind == REAL32 else float(round(value))
        return True
