"""What mission items mean, whatever a vehicle makes of their bytes, and what its refusals say in words.

Autopilots change what they store: ArduPilot reads back frame 5 as 0 and 6 as 3, heights in whole centimetres,
its own home as item 0, and drops parameters that its commands do not have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drone.mavlink.framing import Message
from missions.mission_items import MissionItem

MISSION, FENCE, RALLY = 0, 1, 2
NAMES = {MISSION: "mission", FENCE: "fence", RALLY: "rally points"}

_PLACED = frozenset({16, 17, 18, 19, 21, 22, 82, 195, 201, 5000, 5001, 5002, 5003, 5004, 5100})
_OPTIONAL_PLACE = frozenset({21, 22})
"""Land and take-off at (0, 0) mean: here."""
_PARAMETERS: dict[int, tuple[int, ...]] = {
    16: (1,), 17: (), 19: (1,), 20: (), 21: (), 22: (), 82: (1,), 93: (1,), 177: (1, 2), 178: (1, 2),
    205: (1,), 206: (1,), 5000: (), 5001: (1,), 5002: (1,), 5003: (1,), 5004: (1,), 5100: (),
}  # fmt: skip
"""Parameters that carry meaning; commands not listed compare all four."""
_HEIGHTS = frozenset({16, 17, 18, 19, 22, 82, 5100})
_FRAMES = {0: 0, 5: 0, 3: 3, 6: 3, 10: 10, 11: 10}
PLACE_TOLERANCE_DEG = 3e-7
HEIGHT_TOLERANCE_M = 0.06
RALLY_TOLERANCE_M = 1.0
"""ArduPilot keeps heights of rally points in whole metres, cut off."""
_RALLY = 5100

_REFUSALS = {
    1: "the vehicle refuses it as a whole (a fence that is none, or a change while it flies the mission)",
    2: "it does not know the coordinate frame of an item",
    3: "it does not know the command of an item",
    4: "there are more items than it can store",
    5: "it says that an item is invalid",
    6: "parameter 1 of an item is invalid",
    7: "parameter 2 of an item is invalid",
    8: "parameter 3 of an item is invalid",
    9: "parameter 4 of an item is invalid",
    10: "the latitude of an item is invalid",
    11: "the longitude of an item is invalid",
    12: "the height of an item is invalid",
    13: "it received an item out of order",
    14: "it takes no missions from us now: another ground station is uploading",
    15: "it gave up waiting for an item or the transfer was cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireItem:
    """An item as it travels: latitude and longitude in degrees times 1e7 where the command has a place."""

    command: int
    frame: int
    params: tuple[float, float, float, float]
    x: int
    y: int
    z: float
    autocontinue: int = 1

    @classmethod
    def of(cls, item: MissionItem) -> WireItem:
        placed = item.command in _PLACED
        return cls(
            command=item.command, frame=item.frame,
            params=(item.param1, item.param2, item.param3, item.param4),
            x=round(item.x * 1e7) if placed else round(item.x),
            y=round(item.y * 1e7) if placed else round(item.y),
            z=item.z, autocontinue=int(item.autocontinue),
        )  # fmt: skip

    @classmethod
    def received(cls, message: Message) -> WireItem:
        """From MISSION_ITEM_INT, or MISSION_ITEM with its coarser place."""
        x, y = message.x, message.y
        if message.get_type() == "MISSION_ITEM":
            factor = 1e7 if message.command in _PLACED else 1
            x, y = round(x * factor), round(y * factor)
        return cls(
            command=message.command, frame=message.frame,
            params=(message.param1, message.param2, message.param3, message.param4),
            x=x, y=y, z=message.z, autocontinue=message.autocontinue,
        )  # fmt: skip


def sentence_for(result: int, kind: int, index: int | None = None) -> str:
    """A MAV_MISSION_RESULT as a sentence."""
    reason = _REFUSALS.get(result, f"it answered with code {result}")
    where = f" (at item {index})" if index is not None and result in range(2, 14) else ""
    return f"the vehicle refused the {NAMES[kind]}{where}: {reason}"


def difference(
    kind: int, sent: Sequence[WireItem], read: Sequence[WireItem], *, home_item: bool = True
) -> str | None:
    """The first difference in meaning between what was sent and what is stored; None when there is none.

    Item 0 of a mission is the vehicle's own home where it keeps a ``home_item``, and is not compared.
    """
    if len(sent) != len(read):
        return f"{len(read)} items are stored, {len(sent)} were sent"
    for index, (ours, theirs) in enumerate(zip(sent, read, strict=True)):
        if kind == MISSION and index == 0 and home_item:
            continue
        if why := _item_difference(ours, theirs):
            return f"item {index} (command {ours.command}): {why}"
    return None


def _item_difference(ours: WireItem, theirs: WireItem) -> str | None:
    if ours.command != theirs.command:
        return f"is stored as command {theirs.command}"
    for number in _PARAMETERS.get(ours.command, (1, 2, 3, 4)):
        a, b = ours.params[number - 1], theirs.params[number - 1]
        if math.isnan(a) and (math.isnan(b) or b == 0):
            continue
        if not math.isclose(a, b, rel_tol=1e-3, abs_tol=0.011):
            return f"parameter {number} is stored as {b:g} instead of {a:g}"
    if ours.command not in _PLACED:
        return None
    here = ours.command in _OPTIONAL_PLACE and (ours.x, ours.y) == (0, 0)
    away = max(abs(ours.x - theirs.x), abs(ours.y - theirs.y)) / 1e7
    if not here and away > PLACE_TOLERANCE_DEG:
        return f"its place is stored {away:.7f} degrees away"
    if ours.command in _HEIGHTS:
        if _FRAMES.get(ours.frame, ours.frame) != _FRAMES.get(theirs.frame, theirs.frame):
            return f"its height is stored in frame {theirs.frame} instead of {ours.frame}"
        if abs(ours.z - theirs.z) > (RALLY_TOLERANCE_M if ours.command == _RALLY else HEIGHT_TOLERANCE_M):
            return f"its height is stored as {theirs.z:g} m instead of {ours.z:g} m"
    return None
