"""The vehicle's side of the mission protocol: missions, fences and rally points in both directions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.sim.flavours import ARDUPILOT, Flavour
from drone.sim.mission_store import (
    FENCE,
    KINDS,
    MISSION,
    MOST_ITEMS,
    MissionStore,
    StoredItem,
    check,
    fence_fault,
)  # fmt: skip
from drone.sim.session import Session


@dataclass(slots=True)
class _Upload:
    session: Session
    sender: tuple[int, int]
    kind: int
    count: int
    asked_s: float
    heard_s: float
    index: int = 0
    speaks_int: bool = False
    items: list[StoredItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Download:
    sender: tuple[int, int]
    kind: int
    heard_s: float
    next: int = 0

    @property
    def of(self) -> tuple[tuple[int, int], int]:
        return self.sender, self.kind


class Transfers:
    """Answers the mission messages of all sessions; one upload at a time.

    ArduPilot stores a mission item by item, asks with the old message and answers an item out of turn with an
    acknowledgement. PX4 keeps the old mission until the new one is complete, asks for the first item with the
    old message and for the rest in the form that it got, and says nothing to what comes out of turn. It sends
    items only in their order, each again on request; a download in which nothing is asked for during five
    seconds is over, and what is asked for then gets no answer.
    """

    def __init__(
        self,
        store: MissionStore,
        *,
        now: Callable[[], float],
        flying_auto: Callable[[], bool],
        say: Callable[[int, str], None],
        stored: Callable[[], None] = lambda: None,
        flavour: Flavour = ARDUPILOT,
    ) -> None:
        self._store, self._now, self._flying_auto, self._say = store, now, flying_auto, say
        self._stored = stored
        self._flavour = flavour
        self._upload: _Upload | None = None
        self._download: _Download | None = None
        self._handlers: dict[str, Callable[[Session, Message, tuple[int, int]], None]] = {
            "MISSION_COUNT": self._count,
            "MISSION_ITEM_INT": self._item,
            "MISSION_ITEM": self._item,
            "MISSION_REQUEST_LIST": self._request_list,
            "MISSION_REQUEST": self._request,
            "MISSION_REQUEST_INT": self._request,
            "MISSION_CLEAR_ALL": self._clear,
            "MISSION_ACK": self._ack,
        }

    def handle(self, session: Session, message: Message) -> bool:
        """True when the message was one of this protocol."""
        handler = self._handlers.get(message.get_type())
        if handler is None:
            return False
        sender = (message.get_srcSystem(), message.get_srcComponent())
        if message.mission_type not in KINDS:
            self._answer(session, sender, message.mission_type, mavlink.MAV_MISSION_UNSUPPORTED)
        else:
            handler(session, message, sender)
        return True

    def tick(self) -> None:
        """Ask again for an item that did not come, give up in the end."""
        upload = self._upload
        if upload is None:
            return
        if self._now() - upload.heard_s > self._flavour.give_up_s:
            self._upload = None
            if self._flavour.is_px4:
                self._say(2, "Operation timeout")
                return
            self._say(4, "Mission upload timeout")
            self._answer(upload.session, upload.sender, upload.kind, mavlink.MAV_MISSION_OPERATION_CANCELLED)
        elif self._now() - upload.asked_s >= self._flavour.ask_again_s:
            self._ask(upload)

    def _answer(self, session: Session, to: tuple[int, int], kind: int, result: int) -> None:
        session.send(mavlink.MAVLink_mission_ack_message(*to, int(result), kind))

    def _ask(self, upload: _Upload) -> None:
        # ArduPilot asks with the old message and takes either kind of item
        upload.asked_s = self._now()
        ask = mavlink.MAVLink_mission_request_message
        if self._flavour.is_px4 and upload.speaks_int:
            ask = mavlink.MAVLink_mission_request_int_message
        upload.session.send(ask(*upload.sender, upload.index, upload.kind))

    def _count(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        upload, kind = self._upload, message.mission_type
        if self._flavour.is_px4 and upload is not None and (upload.sender != sender or upload.index):
            self._say(2, "Mission upload busy")
            return
        if upload is not None and upload.sender != sender:
            self._answer(session, sender, kind, mavlink.MAV_MISSION_DENIED)
            return
        if message.count > MOST_ITEMS:
            self._answer(session, sender, kind, mavlink.MAV_MISSION_NO_SPACE)
            return
        if message.count == 0:
            self._upload = None
            self._store.clear(kind)
            self._answer(session, sender, kind, mavlink.MAV_MISSION_ACCEPTED)
            return
        if kind == MISSION and self._flavour.home_item:
            self._store.truncate(kind, message.count)
        now = self._now()
        self._upload = _Upload(session, sender, kind, message.count, now, now)
        self._ask(self._upload)

    def _item(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        upload = self._upload
        if self._flavour.is_px4 and self._out_of_turn(message, sender):
            return
        if upload is None or upload.sender != sender or upload.kind != message.mission_type:
            self._answer(session, sender, message.mission_type, mavlink.MAV_MISSION_ERROR)
            return
        upload.session = session
        if message.seq != upload.index:
            self._answer(session, sender, upload.kind, mavlink.MAV_MISSION_INVALID_SEQUENCE)
            return
        item = _stored(message)
        result = mavlink.MAV_MISSION_INVALID_PARAM5_X if item is None else self._check(upload.kind, item)
        is_home = upload.kind == MISSION and upload.index == 0 and self._flavour.home_item
        if item is None or (result and not is_home):
            self._upload = None
            self._answer(session, sender, upload.kind, result)
            return
        upload.speaks_int = message.get_type() == "MISSION_ITEM_INT"
        if upload.kind == MISSION and self._flavour.home_item:
            self._store.put(MISSION, upload.index, item if not result else StoredItem(command=16, frame=0))
        else:
            upload.items.append(item)
        upload.index += 1
        upload.heard_s = self._now()
        if upload.index < upload.count:
            self._ask(upload)
        else:
            self._finish(session, upload)

    def _finish(self, session: Session, upload: _Upload) -> None:
        self._upload = None
        if upload.kind == FENCE and (fault := fence_fault(upload.items)):
            self._say(4, fault)
            self._answer(session, upload.sender, upload.kind, mavlink.MAV_MISSION_ERROR)
            return
        if upload.kind == MISSION and not self._flavour.home_item:
            self._store.replace_exactly(MISSION, [StoredItem(command=16, frame=0), *upload.items])
        elif upload.kind != MISSION:
            self._store.replace(upload.kind, upload.items)
        self._stored()
        name = {MISSION: "Flight plan", FENCE: "Fence"}.get(upload.kind, "Rally points")
        self._say(6, f"{name} received")
        self._answer(session, upload.sender, upload.kind, mavlink.MAV_MISSION_ACCEPTED)

    def _request_list(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        kind = message.mission_type
        self._download = _Download(sender, kind, self._now())
        session.send(mavlink.MAVLink_mission_count_message(*sender, len(self._items(kind)), kind))

    def _items(self, kind: int) -> list[StoredItem]:
        """As they are read back."""
        items = self._store.items(kind)
        return items if kind != MISSION or self._flavour.home_item else items[1:]

    def _check(self, kind: int, item: StoredItem) -> int:
        """PX4 looks at command and frame, not at where an item lies."""
        result = check(kind, item)
        lies_wrong = (mavlink.MAV_MISSION_INVALID_PARAM5_X, mavlink.MAV_MISSION_INVALID_PARAM6_Y)
        return 0 if self._flavour.is_px4 and result in lies_wrong else result

    def _out_of_turn(self, message: Message, sender: tuple[int, int]) -> bool:
        upload = self._upload
        return (
            upload is None
            or upload.sender != sender
            or upload.kind != message.mission_type
            or message.seq != upload.index
        )

    def _request(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        kind, items = message.mission_type, self._items(message.mission_type)
        if self._flavour.is_px4 and not self._in_order(session, message, sender):
            return
        if not 0 <= message.seq < len(items):
            self._answer(session, sender, kind, mavlink.MAV_MISSION_INVALID_SEQUENCE)
            return
        item = items[message.seq]
        head = (*sender, message.seq, item.frame, item.command, 0, item.autocontinue)
        params = (item.param1, item.param2, item.param3, item.param4)
        if message.get_type() == "MISSION_REQUEST_INT":
            session.send(
                mavlink.MAVLink_mission_item_int_message(*head, *params, item.x, item.y, item.z, kind)
            )
        else:
            x, y = (item.latitude, item.longitude) if item.placed else (float(item.x), float(item.y))
            session.send(mavlink.MAVLink_mission_item_message(*head, *params, x, y, item.z, kind))

    def _in_order(self, session: Session, message: Message, sender: tuple[int, int]) -> bool:
        """Whether PX4 sends the item that is asked for."""
        download, now = self._download, self._now()
        if download is None or download.of != (sender, message.mission_type):
            return False
        if now - download.heard_s > self._flavour.give_up_s:
            self._download = None
            return False
        if message.seq not in (download.next, download.next - 1):
            self._download = None
            self._answer(session, sender, message.mission_type, mavlink.MAV_MISSION_ERROR)
            return False
        self._download = replace(download, next=message.seq + 1, heard_s=now)
        return True

    def _clear(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        if message.mission_type == MISSION and self._flying_auto() and self._flavour.home_item:
            self._answer(session, sender, MISSION, mavlink.MAV_MISSION_ERROR)
            return
        self._store.clear(message.mission_type)
        self._stored()
        self._answer(session, sender, message.mission_type, mavlink.MAV_MISSION_ACCEPTED)

    def _ack(self, session: Session, message: Message, sender: tuple[int, int]) -> None:
        """The end of a download, or a ground station that cancels its upload."""
        upload = self._upload
        cancelled = message.type == mavlink.MAV_MISSION_OPERATION_CANCELLED
        if upload is None or upload.sender != sender:
            return
        if cancelled:
            self._upload = None
        elif self._flavour.is_px4 and message.type == mavlink.MAV_MISSION_UNSUPPORTED:
            # a station that knows only one form of request says so; PX4 goes on in the other
            upload.speaks_int = not upload.speaks_int
            self._ask(upload)


def _stored(message: Message) -> StoredItem | None:
    """The item of either message; None when its place is no number."""
    x, y = message.x, message.y
    if message.get_type() == "MISSION_ITEM":
        if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 200:
            placed = message.command in (16, 17, 19, 21, 22, 5000, 5001, 5002, 5003, 5004, 5100)
            if placed or not (math.isfinite(x) and math.isfinite(y)):
                return None
        x, y = round(x * 1e7), round(y * 1e7)
    return StoredItem(
        command=message.command, frame=message.frame, param1=message.param1, param2=message.param2,
        param3=message.param3, param4=message.param4, x=x, y=y, z=message.z,
        autocontinue=message.autocontinue,
    )  # fmt: skip
