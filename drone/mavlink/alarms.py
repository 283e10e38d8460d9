"""What nobody here asked for is said aloud: modes, failsafes, another plan on board, others on the link."""

from __future__ import annotations

import math
import struct
import time

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.awareness import Awareness
from drone.mavlink.framing import Message
from drone.mavlink.link import Link

_OWN_MODE_CHANGE_S = 10.0
_FAILSAFES = {
    mavlink.MAV_STATE_CRITICAL: "critical", mavlink.MAV_STATE_EMERGENCY: "emergency",
    mavlink.MAV_STATE_FLIGHT_TERMINATION: "flight termination",
}  # fmt: skip
_IDS = struct.Struct("<III")
_IDS_AT = 10 + 6
"""Behind the header of MAVLink 2 and the six bytes of MISSION_CURRENT that every dialect knows."""


def plan_ids(message: Message) -> tuple[int, ...]:
    """Ids of mission, fence and rally points on board, of a MISSION_CURRENT; zeros where it tells none.

    Autopilots that have them (PX4) put them behind what the dialect in use knows of the message.
    """
    data = bytes(message.get_msgbuf() or b"")
    if len(data) < 10 or data[0] != mavlink.PROTOCOL_MARKER_V2:
        return 0, 0, 0
    payload = data[_IDS_AT : 10 + data[1]]
    return _IDS.unpack(payload[: _IDS.size].ljust(_IDS.size, b"\0"))


class Alarms:
    """Watches one vehicle; what it notices becomes lines of ``awareness``. Called in the reader thread.

    ``changed_elsewhere``: whether somebody else may have changed what is on board since it was read back.
    """

    def __init__(self, awareness: Awareness, link: Link, silence_s: float) -> None:
        self._awareness, self._link, self._silence_s = awareness, link, silence_s
        self._asked_mode: tuple[int, float] = (-1, -math.inf)
        self._stations: set[tuple[int, bool]] = set()
        self._others: frozenset[int] = frozenset()
        self._ids: tuple[int, ...] | None = None
        self._read_back = False
        self._state = mavlink.MAV_STATE_UNINIT
        self._alive = True
        self.changed_elsewhere = False

    def asked_for(self, mode: int, until: float) -> None:
        """A mode that comes before ``until`` (``time.monotonic``), or soon after it, is our own."""
        self._asked_mode = (mode, until)

    def read_back(self) -> None:
        """What is on board has just been compared with the plan and is equal."""
        self._ids, self._read_back, self.changed_elsewhere = None, True, False

    def uploading(self) -> None:
        """We are about to change what is on board ourselves."""
        self._ids, self._read_back = None, False

    def notice(self, message: Message, mode_before: int | None) -> None:
        """A message of the autopilot that has just been taken."""
        if message.get_type() == "HEARTBEAT":
            self._notice_mode(mode_before, int(message.custom_mode))
            self._notice_failsafe(int(message.system_status))
        elif message.get_type() == "MISSION_CURRENT" and self._read_back:
            self._notice_plan(plan_ids(message))

    def _notice_mode(self, before: int | None, now: int) -> None:
        if before is None or now == before:
            return
        asked, at = self._asked_mode
        if now == asked and time.monotonic() - at < _OWN_MODE_CHANGE_S:
            return
        mine = self._awareness.autopilot
        if (before, now) == (mine.auto, mine.rtl) and self._awareness.ended_by_return:
            return
        self._awareness.say(
            f"ALARM: mode changed from {mine.mode_name(before)} to {mine.mode_name(now)} without our asking"
        )

    def _notice_failsafe(self, state: int) -> None:
        """A failsafe need not change the mode: the autopilot may be told to go on, or be landing already."""
        before, self._state = self._state, state
        if state in _FAILSAFES and before not in _FAILSAFES and self._awareness.armed:
            self._awareness.say(f"ALARM: a failsafe is active, the autopilot is in state {_FAILSAFES[state]}")
        elif before in _FAILSAFES and state == mavlink.MAV_STATE_ACTIVE:
            self._awareness.say("the autopilot has left its failsafe")

    def _notice_plan(self, ids: tuple[int, ...]) -> None:
        before, self._ids = self._ids, ids
        if before is not None and ids != before:
            self.changed_elsewhere = True
            names = ("mission", "fence", "rally points")
            which = ", ".join(name for name, a, b in zip(names, before, ids, strict=True) if a != b)
            self._awareness.say(f"ALARM: somebody else has changed the {which} on board of this vehicle")

    def notice_station(self, station: int, transfer: bool) -> None:
        """Another ground station on this link is said aloud, once for each thing that it does."""
        self.changed_elsewhere |= transfer
        if (station, transfer) in self._stations:
            return
        self._stations.add((station, transfer))
        if transfer:
            self._awareness.say(
                f"ALARM: ground station {station} transfers a mission with this vehicle; "
                "what is on board is read back before arming"
            )
        else:
            same = ", with our system id: give one of them another" if station == self._link.system_id else ""
            self._awareness.say(f"WARNING: another ground station (system {station}) is on this link{same}")

    def supervise(self, *, alive: bool) -> None:
        """About ten times a second: the link lost or restored, and who else flies on it."""
        if alive != self._alive:
            self._alive = alive
            self._awareness.say(
                "link restored" if alive else f"ALARM: link lost, nothing heard for {self._silence_s:g} s"
            )
        for system in sorted(self._link.others - self._others):
            self._others |= {system}
            self._awareness.say(
                f"WARNING: another vehicle (system {system}) is on this link; all requests go to system "
                f"{self._link.target[0]}; write #{system} behind the address to choose the other one"
            )
