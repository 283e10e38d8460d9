"""One ground station's link to a simulated vehicle: own framing, sequence numbers and intervals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Framing, Message

_STREAMS: dict[int, tuple[int, ...]] = {
    1: (mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED,),
    2: (
        mavlink.MAVLINK_MSG_ID_SYS_STATUS, mavlink.MAVLINK_MSG_ID_MISSION_CURRENT,
        mavlink.MAVLINK_MSG_ID_GPS_RAW_INT, mavlink.MAVLINK_MSG_ID_FENCE_STATUS,
    ),
    6: (mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED),
    10: (mavlink.MAVLINK_MSG_ID_ATTITUDE,),
    11: (mavlink.MAVLINK_MSG_ID_VFR_HUD,),
    12: (
        mavlink.MAVLINK_MSG_ID_SYSTEM_TIME, mavlink.MAVLINK_MSG_ID_BATTERY_STATUS,
        mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT, mavlink.MAVLINK_MSG_ID_WIND,
        mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS,
    ),
}  # fmt: skip
"""MAV_DATA_STREAM -> messages, about as ArduCopter groups them."""
_HIGHEST_HZ = 50.0


class Session:
    """A peer. Heartbeats and ``streams_hz`` flow until it asks for more."""

    def __init__(
        self,
        peer: int,
        deliver: Callable[[int, bytes], None],
        *,
        system_id: int,
        signing_key: bytes | None,
        at: datetime,
        streams_hz: Mapping[int, float] | None = None,
    ) -> None:
        self.peer = peer
        self._deliver = deliver
        self._framing = Framing(system_id, 1, signing_key=signing_key, signing_time=at)
        self._periods_ms: dict[int, int] = {mavlink.MAVLINK_MSG_ID_HEARTBEAT: 1000}
        self._slots: dict[int, int] = {}
        for message_id, rate in (streams_hz or {}).items():
            self.set_interval(message_id, 1e6 / rate)
        self.parameters_to_send: deque[str] = deque()

    def parse(self, data: bytes) -> list[Message]:
        return self._framing.parse(data)

    def send(self, message: Message) -> None:
        self._deliver(self.peer, self._framing.pack(message))

    def set_interval(self, message_id: int, interval_us: float) -> None:
        """-1 stops, 0 is the default (off but for the heartbeat), else microseconds of simulated time."""
        self._slots.pop(message_id, None)
        if interval_us < 0 or (interval_us == 0 and message_id != mavlink.MAVLINK_MSG_ID_HEARTBEAT):
            self._periods_ms.pop(message_id, None)
        else:
            self._periods_ms[message_id] = max(int(1000 / _HIGHEST_HZ), round(interval_us / 1000) or 1000)

    def interval_us(self, message_id: int) -> int:
        """-1 when off."""
        period = self._periods_ms.get(message_id)
        return -1 if period is None else period * 1000

    def set_stream(self, stream: int, rate_hz: float) -> None:
        """REQUEST_DATA_STREAM."""
        streams = [stream] if stream else list(_STREAMS)
        for message_id in (m for s in streams for m in _STREAMS.get(s, ())):
            self.set_interval(message_id, 1e6 / rate_hz if rate_hz > 0 else -1)

    def due(self, now_ms: int) -> list[int]:
        """Messages whose turn it is: once per period, on whole multiples of it."""
        ready = []
        for message_id, period in self._periods_ms.items():
            slot = now_ms // period
            # a new stream begins at the next multiple of its period
            self._slots.setdefault(message_id, slot if now_ms % period else slot - 1)
            if slot != self._slots[message_id]:
                self._slots[message_id] = slot
                ready.append(message_id)
        return ready
