"""Telemetry rates: off on ArduPilot until asked for, and asked for again when a stream dries up."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.awareness import Awareness
from drone.mavlink.link import Link

DEFAULT_RATES_HZ: Mapping[str, float] = {
    "GLOBAL_POSITION_INT": 10.0,
    "ATTITUDE": 20.0,
    "GIMBAL_DEVICE_ATTITUDE_STATUS": 20.0,
    "SYSTEM_TIME": 1.0,
    "SYS_STATUS": 2.0,
    "GPS_RAW_INT": 2.0,
    "EKF_STATUS_REPORT": 2.0,
    "ESTIMATOR_STATUS": 2.0,
    "EXTENDED_SYS_STATE": 2.0,
    "MISSION_CURRENT": 4.0,
    "HOME_POSITION": 0.5,
    "WIND": 0.5,
    "WIND_COV": 0.5,
}
"""Hertz of the vehicle's own time."""
_ASK_AGAIN_S = 3.0
_ONCE = ("AUTOPILOT_VERSION", "HOME_POSITION")
"""Told on request; a booting vehicle, or a bad radio, may not answer at once."""


class Streams:
    """Asks for each message until it flows; ``maintain`` is cheap and called often.

    Args:
        absent: messages that this autopilot does not have.
    """

    def __init__(
        self,
        link: Link,
        awareness: Awareness,
        rates_hz: Mapping[str, float],
        absent: frozenset[str] = frozenset(),
    ) -> None:
        self._link, self._awareness = link, awareness
        self._rates_hz = {name: rate for name, rate in rates_hz.items() if name not in absent}
        self._asked_at: dict[str, float] = {}
        self._once_at: dict[str, float] = {}

    def maintain(self) -> None:
        now = time.monotonic()
        for name in _ONCE:
            known = self._awareness.latest(name) is not None
            if not known and now - self._once_at.get(name, -math.inf) > _ASK_AGAIN_S:
                self._once_at[name] = now
                self._ask(mavlink.MAV_CMD_REQUEST_MESSAGE, getattr(mavlink, f"MAVLINK_MSG_ID_{name}"))
        for name, rate in self._rates_hz.items():
            patience = max(_ASK_AGAIN_S, 3.0 / rate)
            asked = self._asked_at.get(name)
            if asked is not None and (now - asked < patience or self._awareness.age_s(name) < patience):
                continue
            self._asked_at[name] = now
            message_id = getattr(mavlink, f"MAVLINK_MSG_ID_{name}")
            self._ask(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, message_id, 1e6 / rate)

    def _ask(self, command: int, message_id: int, interval_us: float = 0.0) -> None:
        self._link.send(
            mavlink.MAVLink_command_long_message(
                *self._link.target, command, 0, message_id, interval_us, 0, 0, 0, 0, 0
            )
        )
