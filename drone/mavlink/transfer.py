"""Missions, fences and rally points to and from a vehicle, over links that lose packets.

An upload ends in one of three: accepted (read back and equal in meaning), refused (with the reason), unknown
(the vehicle does not answer). An acknowledgement alone is never believed: a lost or late one is settled by
reading back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.mavlink.link import Inbox, Link, Patience
from drone.mavlink.meaning import FENCE, MISSION, NAMES, RALLY, WireItem, difference, sentence_for
from drone.vehicle import Outcome, Verdict

_UPLOADS = 4
"""Whole uploads before a transfer that breaks off is given up."""
_TRANSIENT = frozenset({
    mavlink.MAV_MISSION_ERROR, mavlink.MAV_MISSION_INVALID_SEQUENCE, mavlink.MAV_MISSION_DENIED,
    mavlink.MAV_MISSION_OPERATION_CANCELLED,
})  # fmt: skip
"""Refusals that may come from a disturbed or competing transfer; they are tried again."""
_SLOWEST_S, _FASTEST_S = 2.5, 0.25


@dataclass(slots=True)
class _Pace:
    """Retry interval that follows the measured round trip (RFC 6298 without its clock granularity)."""

    interval_s: float
    smoothed_s: float = 0.0
    spread_s: float = 0.0

    def measured(self, round_trip_s: float) -> None:
        if self.smoothed_s == 0.0:
            self.smoothed_s, self.spread_s = round_trip_s, round_trip_s / 2
        else:
            self.spread_s += 0.25 * (abs(round_trip_s - self.smoothed_s) - self.spread_s)
            self.smoothed_s += 0.125 * (round_trip_s - self.smoothed_s)
        self.interval_s = min(_SLOWEST_S, max(_FASTEST_S, self.smoothed_s + 4 * self.spread_s))


class MissionTransfer:
    """Transfers over one link; one at a time."""

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link, self._patience = link, patience
        self._pace = _Pace(patience.reply_s)
        self._until = 0.0

    def upload_set(
        self, mission: Sequence[WireItem], fence: Sequence[WireItem], rally: Sequence[WireItem]
    ) -> Outcome:
        """Fence, rally points and mission as one verified set; the first that fails decides.

        ``mission`` includes the home item. An empty fence or rally list clears what the vehicle has.
        """
        for kind, items in ((FENCE, fence), (RALLY, rally), (MISSION, mission)):
            outcome = self.upload(kind, items)
            if not outcome:
                return outcome
        # the mission went last; what went before it must still be there
        for kind, items in ((FENCE, fence), (RALLY, rally)):
            outcome = self.verify(kind, items)
            if not outcome:
                return outcome
        return Outcome(Verdict.ACCEPTED, f"{len(mission)} mission items stored and read back")

    def upload(self, kind: int, items: Sequence[WireItem]) -> Outcome:
        """Send, read back, compare; tried again as a whole when it breaks off."""
        last = Outcome(Verdict.UNKNOWN, f"the vehicle did not answer to the upload of the {NAMES[kind]}")
        for _ in range(_UPLOADS):
            self._progress()
            result, index = self._clear(kind) if not items else self._send(kind, items)
            if result is not None and result != mavlink.MAV_MISSION_ACCEPTED and result not in _TRANSIENT:
                return Outcome(Verdict.REFUSED, sentence_for(result, kind, index))
            verified = self.verify(kind, items)
            if verified:
                return verified
            if result is not None and result != mavlink.MAV_MISSION_ACCEPTED:
                last = Outcome(Verdict.REFUSED, sentence_for(result, kind, index))
            else:
                last = verified
            if self._hopeless:
                break
        return last

    def verify(self, kind: int, items: Sequence[WireItem]) -> Outcome:
        """Read back and compare with what should be there."""
        self._progress()
        stored = self.download(kind)
        if stored is None:
            return Outcome(Verdict.UNKNOWN, f"the {NAMES[kind]} could not be read back: no answer")
        if why := difference(kind, items, stored):
            return Outcome(Verdict.REFUSED, f"the vehicle stored another {NAMES[kind]} than was sent: {why}")
        return Outcome(Verdict.ACCEPTED)

    def download(self, kind: int) -> list[WireItem] | None:
        """What the vehicle has; None when it does not answer to the end."""
        self._progress()
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
                ("MISSION_ITEM_INT", "MISSION_ITEM"),
                _is_item(index, kind),
            )
            if item is None:
                return None
            items.append(WireItem.received(item))
        link.send(mavlink.MAVLink_mission_ack_message(*target, mavlink.MAV_MISSION_ACCEPTED, kind))
        return items

    def _ask(
        self, message: Message, kinds: tuple[str, ...], fits: Callable[[Message], bool]
    ) -> Message | None:
        for number in range(self._patience.tries):
            begun = time.monotonic()
            reply = self._link.request(
                lambda _: message, kinds, fits,
                timeout_s=self._pace.interval_s, tries=1,
            )  # fmt: skip
            if reply is not None:
                if number == 0:
                    # only a first try tells the round trip (Karn's rule)
                    self._pace.measured(time.monotonic() - begun)
                self._progress()
                return reply
            if self._hopeless:
                return None
            self._pace.interval_s = min(_SLOWEST_S, 1.3 * self._pace.interval_s)
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
            quiet_since = time.monotonic()
            result: int | None = None
            while time.monotonic() - quiet_since < self._silence_s:
                if message is None:
                    if last is not None:
                        self._send_item(kind, last, items[last])
                elif message.get_type() == "MISSION_ACK":
                    if message.type != mavlink.MAV_MISSION_INVALID_SEQUENCE:
                        return int(message.type), last
                    # the echo of an item that arrived twice; the transfer goes on
                    result = int(message.type)
                elif 0 <= message.seq < len(items):
                    last, result = message.seq, None
                    quiet_since = time.monotonic()
                    self._progress()
                    self._send_item(kind, message.seq, items[message.seq])
                message = self._next(inbox, kind, self._pace.interval_s)
            return result, last

    def _progress(self) -> None:
        self._until = time.monotonic() + self._patience.stall_s

    @property
    def _hopeless(self) -> bool:
        """Nothing moves on, or the vehicle is not heard at all."""
        now = time.monotonic()
        return now > self._until or now - self._link.last_heard > self._patience.silence_s

    @property
    def _silence_s(self) -> float:
        return max(self._patience.silence_s, 4 * self._pace.interval_s)

    def _announce(self, announce: Message, inbox: Inbox, kind: int) -> Message | None:
        for number in range(self._patience.tries):
            begun = time.monotonic()
            self._link.send(announce)
            message = self._next(inbox, kind, self._pace.interval_s)
            if message is not None:
                if number == 0:
                    self._pace.measured(time.monotonic() - begun)
                return message
            if self._hopeless:
                return None
        return None

    def _next(self, inbox: Inbox, kind: int, timeout_s: float) -> Message | None:
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
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
    return lambda message: message.seq == index and message.mission_type == kind
