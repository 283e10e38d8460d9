"""Missions, fences and rally points to and from a vehicle, over links that lose packets.

An upload ends in one of three: accepted (read back and equal in meaning), refused (with the reason), unknown
(the vehicle does not answer). An acknowledgement alone is never believed: a lost or late one is settled by
reading back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.mavlink.link import Mailbox, Patience
from drone.mavlink.meaning import FENCE, MISSION, NAMES, RALLY, WireItem, difference, sentence_for
from drone.vehicle import Outcome, Verdict

_UPLOADS = 10
"""Whole uploads before a transfer that breaks off is given up."""
_TRANSIENT = frozenset({
    mavlink.MAV_MISSION_ERROR, mavlink.MAV_MISSION_INVALID_SEQUENCE, mavlink.MAV_MISSION_DENIED,
    mavlink.MAV_MISSION_OPERATION_CANCELLED,
})  # fmt: skip
"""Refusals that may come from a disturbed or competing transfer; they are tried again."""
_LATE = _TRANSIENT - {mavlink.MAV_MISSION_DENIED}
"""Answers that before the first request are echoes of an earlier transfer."""
_SLOWEST_S, _FASTEST_S = 2.5, 0.25
_TRIES = 2
"""A transfer asks so many times as often for one item as a command is sent: it has hundreds of exchanges, and
must not fail for one of them."""
_DOWNLOADS = 30
_ENDED_S, _ENDED_TRIES = 6.0, 6
"""An item that was asked for so long, and so often, will not come: PX4 has ended the download."""
_SILENCES = 3.0
"""At 30 % loss all five heartbeats of five seconds are lost every few minutes; of fifteen, never."""


@dataclass(slots=True)
class _Pace:
    """Retry interval that follows the measured round trip (RFC 6298 without its clock granularity)."""

    interval_s: float
    smoothed_s: float = 0.0
    spread_s: float = 0.0

    def settle(self) -> None:
        """Back to the measured pace: where packets are lost at random, waiting longer helps nobody."""
        if self.smoothed_s:
            self.interval_s = min(_SLOWEST_S, max(_FASTEST_S, self.smoothed_s + 4 * self.spread_s))

    def slow_down(self) -> None:
        """After silence, a little, in case that the link has become slower."""
        self.interval_s = min(_SLOWEST_S, 1.15 * self.interval_s)

    def measured(self, round_trip_s: float) -> None:
        if self.smoothed_s == 0.0:
            self.smoothed_s, self.spread_s = round_trip_s, round_trip_s / 2
        else:
            self.spread_s += 0.25 * (abs(round_trip_s - self.smoothed_s) - self.spread_s)
            self.smoothed_s += 0.125 * (round_trip_s - self.smoothed_s)
        self.settle()


class _Interrupted(Exception):
    """The vehicle has ended a download."""


class TransferLink(Protocol):
    """What a transfer needs of a link; ``now`` is its clock in seconds."""

    @property
    def target(self) -> tuple[int, int]: ...
    @property
    def last_heard(self) -> float: ...
    def now(self) -> float: ...
    def send(self, message: Message) -> None: ...
    def open_inbox(self, *kinds: str) -> AbstractContextManager[Mailbox]: ...
    def request(
        self, message: Callable[[int], Message], kinds: tuple[str, ...], fits: Callable[[Message], bool],
        *, timeout_s: float, tries: int,
    ) -> Message | None: ...  # fmt: skip


class MissionTransfer:
    """Transfers over one link; one at a time.

    Args:
        home_item: whether item 0 of a mission is the vehicle's own home, as on ArduPilot.
    """

    def __init__(self, link: TransferLink, patience: Patience, *, home_item: bool = True) -> None:
        self._link, self._patience, self._home_item = link, patience, home_item
        self._pace = _Pace(patience.reply_s)
        self._moved = 0.0
        self._answered = False

    def upload_set(
        self, mission: Sequence[WireItem], fence: Sequence[WireItem], rally: Sequence[WireItem] | None,
        guard: Callable[[], Outcome | None] = lambda: None,
    ) -> Outcome:  # fmt: skip
        """Fence, rally points and mission as one verified set; the first that fails decides.

        PX4 judges a mission once, by the fence and the limits of the moment when it changes: so its old one
        is cleared first, and the new one goes last.

        Args:
            mission: includes the home item.
            fence, rally: an empty list clears what the vehicle has; None leaves out the rally points of a
                vehicle that keeps none.
            guard: sets what belongs to the fence, once it is on board; None when that is done.
        """
        around = [(FENCE, fence)] + ([] if rally is None else [(RALLY, rally)])
        before: list[tuple[int, Sequence[WireItem]]] = [] if self._home_item else [(MISSION, ())]
        for kind, items in (*before, *around):
            outcome = self.upload(kind, items)
            if not outcome:
                return outcome
        outcome = guard() or self.upload(MISSION, mission)
        if not outcome:
            return outcome
        # the mission went last; what went before it must still be there
        for kind, items in around:
            outcome = self.verify(kind, items)
            if not outcome:
                return outcome
        return Outcome(Verdict.ACCEPTED, f"{len(mission)} mission items stored and read back")

    def upload(self, kind: int, items: Sequence[WireItem]) -> Outcome:
        """Send, read back, compare; tried again as a whole when it breaks off."""
        last = Outcome(Verdict.UNKNOWN, f"the vehicle did not answer to the upload of the {NAMES[kind]}")
        for _ in range(_UPLOADS):
            self._progress(answered=False)
            result, index = self._clear(kind) if not items else self._send(kind, items)
            if result is not None and result != mavlink.MAV_MISSION_ACCEPTED and result not in _TRANSIENT:
                return Outcome(Verdict.REFUSED, sentence_for(result, kind, index))
            verified = self.verify(kind, items)
            if verified:
                return verified
            if result in (None, mavlink.MAV_MISSION_ACCEPTED) or verified.verdict is Verdict.UNKNOWN:
                # what cannot be read back is not known to be refused: the answer may be a late one
                last = verified
            else:
                last = Outcome(Verdict.REFUSED, sentence_for(result, kind, index))
            if self._hopeless:
                break
        return last

    def verify(self, kind: int, items: Sequence[WireItem]) -> Outcome:
        """Read back and compare with what should be there."""
        self._progress(answered=False)
        stored = self.download(kind)
        if stored is None:
            return Outcome(Verdict.UNKNOWN, f"the {NAMES[kind]} could not be read back: no answer")
        if why := difference(kind, items, stored, home_item=self._home_item):
            return Outcome(Verdict.REFUSED, f"the vehicle stored another {NAMES[kind]} than was sent: {why}")
        return Outcome(Verdict.ACCEPTED)

    def download(self, kind: int) -> list[WireItem] | None:
        """What the vehicle has; None when it does not answer to the end.

        PX4 sends items in their order only, and ends a download in which it hears no request for five
        seconds, or one out of order: what is asked for then gets no answer, and the download begins anew.
        """
        self._progress(answered=False)
        for _ in range(_DOWNLOADS):
            with contextlib.suppress(_Interrupted):
                return self._download(kind)
        return None

    def _download(self, kind: int) -> list[WireItem] | None:
        link, target = self._link, self._link.target
        count = self._ask(
            mavlink.MAVLink_mission_request_list_message(*target, kind), ("MISSION_COUNT",),
            lambda m: m.mission_type == kind,
        )  # fmt: skip
        if count is None:
            return None
        items = []
        for index in range(count.count):
            item = self._ask(
                mavlink.MAVLink_mission_request_int_message(*target, index, kind),
                ("MISSION_ITEM_INT", "MISSION_ITEM", *(() if self._home_item else ("MISSION_ACK",))),
                _is_item(index, kind), ends=not self._home_item,
            )  # fmt: skip
            if item is None:
                return None
            if item.get_type() == "MISSION_ACK":
                raise _Interrupted
            items.append(WireItem.received(item))
        link.send(mavlink.MAVLink_mission_ack_message(*target, mavlink.MAV_MISSION_ACCEPTED, kind))
        return items

    def _ask(
        self, message: Message, kinds: tuple[str, ...], fits: Callable[[Message], bool], *, ends: bool = False
    ) -> Message | None:
        """The reply, or None. With ``ends`` a vehicle that has ended the download raises ``_Interrupted``."""
        asked = self._link.now()
        for number in range(_TRIES * self._patience.tries):
            begun = self._link.now()
            reply = self._link.request(
                lambda _: message, kinds, fits,
                timeout_s=self._pace.interval_s, tries=1,
            )  # fmt: skip
            if reply is not None:
                if number == 0:
                    # only a first try tells the round trip (Karn's rule)
                    self._pace.measured(self._link.now() - begun)
                self._pace.settle()
                self._progress()
                return reply
            if self._hopeless:
                return None
            if ends and self._link.now() - asked > max(_ENDED_S, _ENDED_TRIES * self._pace.interval_s):
                raise _Interrupted
            self._pace.slow_down()
        return None

    def _clear(self, kind: int) -> tuple[int | None, int | None]:
        ack = self._ask(
            mavlink.MAVLink_mission_clear_all_message(*self._link.target, kind), ("MISSION_ACK",),
            lambda m: m.mission_type == kind,
        )  # fmt: skip
        return (None if ack is None else int(ack.type)), None

    def _send(self, kind: int, items: Sequence[WireItem]) -> tuple[int | None, int | None]:
        """One upload: the final MAV_MISSION_RESULT (None when the vehicle fell silent) and the last index.

        The vehicle asks for each item, with either kind of request, and asks again for one that was lost, on
        ArduPilot after a second. Sending the last item again sooner costs nothing: one that arrives twice is
        answered with "invalid sequence" and the transfer goes on.
        """
        announce = mavlink.MAVLink_mission_count_message(*self._link.target, len(items), kind)
        with self._link.open_inbox("MISSION_REQUEST", "MISSION_REQUEST_INT", "MISSION_ACK") as inbox:
            message = self._announce(announce, inbox, kind)
            if message is None:
                return None, None
            last: int | None = None
            quiet_since = self._link.now()
            result: int | None = None
            while self._link.now() - quiet_since < self._silence_s:
                if message is None:
                    if last is not None:
                        self._send_item(kind, last, items[last])
                elif message.get_type() == "MISSION_ACK":
                    if last is None and message.type in _LATE:
                        # late, and meant for the transfer before
                        message = self._next(inbox, kind, self._pace.interval_s)
                        continue
                    if message.type != mavlink.MAV_MISSION_INVALID_SEQUENCE:
                        return int(message.type), last
                    # the echo of an item that arrived twice; the transfer goes on
                    result = int(message.type)
                elif 0 <= message.seq < len(items):
                    last, result = message.seq, None
                    quiet_since = self._link.now()
                    self._progress()
                    self._send_item(kind, message.seq, items[message.seq])
                message = self._next(inbox, kind, self._pace.interval_s)
            return result, last

    def _progress(self, *, answered: bool = True) -> None:
        self._moved = self._link.now()
        self._answered |= answered

    @property
    def _hopeless(self) -> bool:
        """Nothing moves on, or the vehicle is not heard at all."""
        now = self._link.now()
        stall_s = self._patience.stall_s
        if self._answered:
            # it speaks the protocol: what is missing now is only lost
            stall_s = max(stall_s, _TRIES * self._patience.tries * self._pace.interval_s)
        return (
            now - self._moved > stall_s or now - self._link.last_heard > _SILENCES * self._patience.silence_s
        )

    @property
    def _silence_s(self) -> float:
        return max(self._patience.silence_s, 4 * self._pace.interval_s)

    def _announce(self, announce: Message, inbox: Mailbox, kind: int) -> Message | None:
        for number in range(_TRIES * self._patience.tries):
            begun = self._link.now()
            self._link.send(announce)
            message = self._next(inbox, kind, self._pace.interval_s)
            if message is not None:
                if number == 0:
                    self._pace.measured(self._link.now() - begun)
                return message
            if self._hopeless:
                return None
        return None

    def _next(self, inbox: Mailbox, kind: int, timeout_s: float) -> Message | None:
        until = self._link.now() + timeout_s
        while (left := until - self._link.now()) > 0:
            message = inbox.get(left)
            if message is not None and message.mission_type == kind:
                return message
        return None

    def _send_item(self, kind: int, index: int, item: WireItem) -> None:
        # some ground-side implementations of vehicles demand a current item
        current = int(kind == MISSION and index == 0)
        self._link.send(
            mavlink.MAVLink_mission_item_int_message(
                *self._link.target, index, item.frame, item.command, current, item.autocontinue,
                *item.params, item.x, item.y, item.z, kind,
            )
        )  # fmt: skip


def _is_item(index: int, kind: int) -> Callable[[Message], bool]:
    """An item, or a refusal to send it."""

    def fits(message: Message) -> bool:
        if message.mission_type != kind:
            return False
        if message.get_type() == "MISSION_ACK":
            return bool(message.type != mavlink.MAV_MISSION_ACCEPTED)
        return bool(message.seq == index)

    return fits
