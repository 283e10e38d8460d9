"""Missions, fences and rally points as an ArduPilot vehicle keeps them, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pymavlink.dialects.v20 import ardupilotmega as mavlink

MISSION, FENCE, RALLY = 0, 1, 2
"""MAV_MISSION_TYPE."""
KINDS = (MISSION, FENCE, RALLY)
MOST_ITEMS = 600

NAV = frozenset({16, 17, 19, 20, 21, 22, 82, 93})
"""Commands that take time; all others act at once."""
_PLACED = frozenset({16, 17, 19, 21, 22, 82, 179, 189, 195, 201, 5000, 5001, 5002, 5003, 5004, 5100})
_DO = frozenset({
    115, 177, 178, 179, 181, 183, 189, 193, 195, 197, 200, 201, 203, 204, 205, 206, 207, 212, 221, 222, 530,
    531, 532, 1000, 1001, 2000, 2001, 2500, 2501,
})  # fmt: skip
_FENCE_COMMANDS = frozenset({5000, 5001, 5002, 5003, 5004})
_FRAMES = {0: 0, 3: 3, 5: 0, 6: 3, 10: 10, 11: 10, 2: 2}
"""Accepted frame -> frame that it is stored (and read back) in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One item; ``x`` and ``y`` are degrees times 1e7 for commands with a place."""

    command: int
    frame: int = 3
    param1: float = 0.0
    param2: float = 0.0
    param3: float = 0.0
    param4: float = 0.0
    x: int = 0
    y: int = 0
    z: float = 0.0
    autocontinue: int = 1

    @property
    def placed(self) -> bool:
        """Whether it names a place of its own."""
        return self.command in _PLACED and (self.x, self.y) != (0, 0)

    @property
    def latitude(self) -> float:
        return self.x / 1e7

    @property
    def longitude(self) -> float:
        return self.y / 1e7


def check(kind: int, item: StoredItem) -> int:
    """MAV_MISSION_RESULT for one item: 0, or why a vehicle refuses it."""
    allowed = {MISSION: NAV | _DO, FENCE: _FENCE_COMMANDS, RALLY: frozenset({5100})}[kind]
    if item.command not in allowed:
        return int(mavlink.MAV_MISSION_UNSUPPORTED)
    if item.frame not in _FRAMES:
        return int(mavlink.MAV_MISSION_UNSUPPORTED_FRAME)
    for value, result in (
        (item.param1, mavlink.MAV_MISSION_INVALID_PARAM1),
        (item.param2, mavlink.MAV_MISSION_INVALID_PARAM2),
        (item.param3, mavlink.MAV_MISSION_INVALID_PARAM3),
    ):
        if not math.isfinite(value):
            return int(result)
    if item.command in _PLACED:
        if abs(item.x) > 90e7:
            return int(mavlink.MAV_MISSION_INVALID_PARAM5_X)
        if abs(item.y) > 180e7:
            return int(mavlink.MAV_MISSION_INVALID_PARAM6_Y)
    if not math.isfinite(item.z) or abs(item.z) > 83_000:
        return int(mavlink.MAV_MISSION_INVALID_PARAM7)
    return 0


def as_stored(item: StoredItem) -> StoredItem:
    """What is left of an item in ArduPilot's 15-byte record: height in cm, small integers, frames folded."""
    kept = replace(item, frame=_FRAMES[item.frame], z=round(item.z * 100) / 100)
    if item.command == mavlink.MAV_CMD_NAV_WAYPOINT:
        return replace(
            kept, param1=float(int(item.param1)), param2=float(int(item.param2) & 255),
            param3=float(int(item.param3) & 255), param4=0.0,
        )  # fmt: skip
    if item.command == mavlink.MAV_CMD_NAV_RALLY_POINT:
        return replace(kept, z=float(int(item.z)))
    if item.command == mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH:
        return replace(kept, frame=2, param1=0.0, param4=0.0, x=0, y=0, z=0.0)
    if not math.isfinite(item.param4):
        return replace(kept, param4=0.0)
    return kept


def fence_fault(items: list[StoredItem]) -> str | None:
    """Why a whole fence is no fence, or None."""
    index = 0
    while index < len(items):
        item = items[index]
        if item.command in (5001, 5002):
            count = int(item.param1)
            ring = items[index : index + count]
            if count < 3:
                return "a fence polygon needs 3 corners"
            if len(ring) < count or any(r.command != item.command or int(r.param1) != count for r in ring):
                return "a fence polygon is not complete"
            index += count
        else:
            if item.command in (5003, 5004) and item.param1 <= 0:
                return "a fence circle needs a radius"
            index += 1
    return None


@dataclass(slots=True)
class MissionStore:
    """Everything that can be uploaded. Item 0 of the mission is home and belongs to the vehicle."""

    home: Callable[[], StoredItem]
    _items: dict[int, list[StoredItem]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    changes: int = 0

    def items(self, kind: int) -> list[StoredItem]:
        """As read back: the mission's first item is the vehicle's own home."""
        items = self._items[kind]
        return [self.home(), *items[1:]] if kind == MISSION and items else list(items)

    def clear(self, kind: int) -> None:
        self._items[kind] = []
        self.changes += 1

    def truncate(self, kind: int, count: int) -> None:
        self._items[kind] = self._items[kind][:count]
        self.changes += 1

    def put(self, kind: int, index: int, item: StoredItem) -> None:
        """Overwrite or append one item; a mission changes item by item while it is being uploaded."""
        items = self._items[kind]
        if index < len(items):
            items[index] = as_stored(item)
        else:
            items.append(as_stored(item))
        self.changes += 1

    def replace_exactly(self, kind: int, items: list[StoredItem]) -> None:
        """As they came, as PX4 keeps them; relative heights are read back in the frame for integers."""
        self._items[kind] = [replace(item, frame={0: 5, 3: 6}.get(item.frame, item.frame)) for item in items]
        self.changes += 1

    def replace(self, kind: int, items: list[StoredItem]) -> None:
        self._items[kind] = [as_stored(item) for item in items]
        self.changes += 1
