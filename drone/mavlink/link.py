"""One MAVLink connection seen from the ground: a reader thread, a heartbeat, and requests with replies.

The reader thread parses, gives every message to the listeners and open inboxes, sends our heartbeat once a
second and opens a broken address again. Nothing that arrives can stop it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import DroneError, LinkClosed, NoVehicle
from drone.mavlink.framing import Framing, Message
from drone.mavlink.transport import Transport, open_transport

log = logging.getLogger(__name__)

GROUND_SYSTEM_ID = 255
GROUND_COMPONENT_ID = mavlink.MAV_COMP_ID_MISSIONPLANNER
HEARTBEAT_S = 1.0
_READ_S = 0.1
_TRANSFERS = frozenset({
    "MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_ITEM", "MISSION_REQUEST", "MISSION_REQUEST_INT",
    "MISSION_ACK", "MISSION_CLEAR_ALL",
})  # fmt: skip

Listener = Callable[[Message], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, in wall seconds, and how often to ask.

    ``tries`` of 17 still succeed 99.9 % of the time when 30 % of the packets are lost each way. ``stall_s``
    ends a transfer that makes no progress, ``silence_s`` calls the link lost.
    """

    connect_s: float = 30.0
    reply_s: float = 0.6
    tries: int = 17
    stall_s: float = 20.0
    silence_s: float = 5.0
    take_off_s: float = 120.0
    mode_s: float = 10.0
    hold_s: float = 30.0


class Mailbox(Protocol):
    """Where a request waits for messages."""

    def get(self, timeout_s: float) -> Message | None: ...


class Inbox:
    """Messages of some kinds from the vehicle, in order, from the moment it was opened."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        self._messages.put(message)

    def get(self, timeout_s: float) -> Message | None:
        """The next message, or None when none came in time."""
        try:
            return self._messages.get(timeout=max(0.0, timeout_s)) if timeout_s > 0 else (
                self._messages.get_nowait()
            )  # fmt: skip
        except queue.Empty:
            return None


class RequestChannel(Protocol):
    """What a request needs of a link; ``now`` is its clock in seconds."""

    def now(self) -> float: ...
    def send(self, message: Message) -> None: ...
    def open_inbox(self, *kinds: str) -> contextlib.AbstractContextManager[Mailbox]: ...


def send_until_reply(
    channel: RequestChannel, message: Callable[[int], Message], kinds: tuple[str, ...],
    fits: Callable[[Message], bool], *, timeout_s: float, tries: int,
) -> Message | None:  # fmt: skip
    """Send ``message(try number)`` until a fitting reply comes; None when none did."""
    with channel.open_inbox(*kinds) as inbox:
        for number in range(tries):
            channel.send(message(number))
            until = channel.now() + timeout_s
            while (left := until - channel.now()) > 0:
                reply = inbox.get(left)
                if reply is not None and fits(reply):
                    return reply
    return None


class Link:
    """A connection and the vehicle that was found on it.

    Args:
        where: an address (see ``transport.Address``) or an open transport.
        signing_key: 32 bytes; then everything is signed and unsigned packets are dropped.
        tick: called about ten times a second in the reader thread, for supervision; it must not block.
        foreign: called in the reader thread with the system id of another ground station and whether it has a
            mission transfer with our vehicle; ours when that station uses our system id.
    """

    def __init__(
        self,
        where: str | Transport,
        *,
        system_id: int = GROUND_SYSTEM_ID,
        signing_key: bytes | None = None,
        tick: Callable[[], None] | None = None,
        foreign: Callable[[int, bool], None] | None = None,
    ) -> None:
        self._url = where if isinstance(where, str) else None
        self._transport = open_transport(where) if isinstance(where, str) else where
        self._framing = Framing(system_id, GROUND_COMPONENT_ID, signing_key=signing_key)
        self._system_id = system_id
        self._write_lock = threading.Lock()
        self._inboxes: list[Inbox] = []
        self._listeners: list[Listener] = []
        self._tick = tick
        self._foreign = foreign
        self._closing = threading.Event()
        self._found = threading.Event()
        self._heartbeat_due = 0.0
        self.quiet_s = 0.0
        self.target = (0, 0)
        self.heartbeat: Message | None = None
        self.last_heard = 0.0
        self.last_heartbeat = 0.0
        self._thread = threading.Thread(target=self._run, name="mavlink-reader", daemon=True)

    @property
    def system_id(self) -> int:
        """Ours."""
        return self._system_id

    @property
    def description(self) -> str:
        return self._transport.description

    @property
    def malformed(self) -> int:
        """How many broken packets or pieces of garbage have arrived."""
        return self._framing.malformed

    def now(self) -> float:
        """Seconds on the clock that ``last_heard`` is told on."""
        return time.monotonic()

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def wait_for_vehicle(self, timeout_s: float) -> Message:
        """The first heartbeat of an autopilot.

        Raises:
            NoVehicle: none came in time.
        """
        if not self._found.wait(timeout_s) or self.heartbeat is None:
            raise NoVehicle(
                f"no heartbeat of an autopilot on {self.description} within {timeout_s:g} s; "
                "check the address, the power and the radio"
            )
        return self.heartbeat

    def add_listener(self, listener: Listener) -> None:
        """Give every message of the vehicle to ``listener``, in the reader thread."""
        self._listeners.append(listener)

    @contextlib.contextmanager
    def open_inbox(self, *kinds: str) -> Iterator[Inbox]:
        """Collect messages of these kinds while the context lasts."""
        inbox = Inbox(frozenset(kinds))
        self._inboxes.append(inbox)
        try:
            yield inbox
        finally:
            self._inboxes.remove(inbox)

    def send(self, message: Message) -> None:
        """Send once; a link that is just broken swallows it, as a radio does."""
        with self._write_lock:
            data = self._framing.pack(message)
            try:
                self._transport.write(data)
            except LinkClosed as error:
                log.debug("not sent: %s", error)

    def request(
        self,
        message: Callable[[int], Message],
        kinds: tuple[str, ...],
        fits: Callable[[Message], bool],
        *,
        timeout_s: float,
        tries: int,
    ) -> Message | None:
        """Send ``message(try number)`` until a fitting reply comes; None when none did.

        A try in which the vehicle is not heard at all is not counted, for up to ``quiet_s``: a link that is
        gone for a moment, or a vehicle on a computer that is held up, says nothing about the request.
        """
        number, quiet_until = 0, time.monotonic() + self.quiet_s
        while number < tries:
            begun = time.monotonic()
            reply = send_until_reply(
                self, lambda _, number=number: message(number), kinds, fits, timeout_s=timeout_s, tries=1  # type: ignore[misc]
            )  # fmt: skip
            if reply is not None:
                return reply
            heard = self.last_heard >= begun
            number += int(heard or tries == 1 or time.monotonic() > quiet_until)
            if self._closing.is_set():
                break
        return None

    def command(
        self, command: int, *params: float, timeout_s: float = 0.6, tries: int = 17, long_s: float = 30.0
    ) -> int | None:
        """COMMAND_LONG until it is acknowledged.

        Returns:
            The MAV_RESULT, or None when no answer came: then nothing is known. An answer of "in progress" is
            waited out for up to ``long_s``.
        """
        padded = [*params, *([0.0] * (7 - len(params)))]

        def message(number: int) -> Message:
            return mavlink.MAVLink_command_long_message(*self.target, command, min(number, 255), *padded)

        return self._commanded(command, message, timeout_s, tries, long_s)

    def command_at(
        self, command: int, params: tuple[float, float, float, float], place: tuple[float, float, float],
        *, timeout_s: float = 0.6, tries: int = 17, long_s: float = 30.0,
    ) -> int | None:  # fmt: skip
        """COMMAND_INT about a place until it is acknowledged; see ``command`` for the answer.

        Args:
            place: latitude, longitude in degrees, metres above sea level as the vehicle counts them.
        """
        message = mavlink.MAVLink_command_int_message(
            *self.target, mavlink.MAV_FRAME_GLOBAL, command, 0, 0, *params,
            round(place[0] * 1e7), round(place[1] * 1e7), place[2],
        )  # fmt: skip
        return self._commanded(command, lambda _: message, timeout_s, tries, long_s)

    def _commanded(
        self, command: int, message: Callable[[int], Message], timeout_s: float, tries: int, long_s: float
    ) -> int | None:
        def fits(ack: Message) -> bool:
            return bool(
                ack.command == command and ack.target_system in (0, self._system_id)
            )  # fmt: skip

        with self.open_inbox("COMMAND_ACK") as later:
            reply = self.request(message, ("COMMAND_ACK",), fits, timeout_s=timeout_s, tries=tries)
            until = time.monotonic() + long_s
            while reply is not None and reply.result == mavlink.MAV_RESULT_IN_PROGRESS:
                left = until - time.monotonic()
                candidate = later.get(left) if left > 0 else None
                if candidate is None:
                    return None
                if fits(candidate):
                    reply = candidate
        return None if reply is None else int(reply.result)

    def close(self) -> None:
        """Stop reading and close the channel; safe to call twice."""
        self._closing.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2.0)
        self._transport.close()

    # reader thread

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                data = self._transport.read(_READ_S)
            except LinkClosed as error:
                log.warning("%s", error)
                self._reopen()
                continue
            for message in self._framing.parse(data) if data else ():
                self._take(message)
            now = time.monotonic()
            if now >= self._heartbeat_due:
                self._heartbeat_due = now + HEARTBEAT_S
                self._beat()
            if self._tick is not None:
                self._tick()

    def _beat(self) -> None:
        self.send(
            mavlink.MAVLink_heartbeat_message(
                mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, mavlink.MAV_STATE_ACTIVE, 3
            )
        )

    def _take(self, message: Message) -> None:
        source = (message.get_srcSystem(), message.get_srcComponent())
        kind = message.get_type()
        now = time.monotonic()
        if kind == "HEARTBEAT" and not self._found.is_set() and _is_autopilot(message):
            self.target, self.heartbeat = source, message
            self._found.set()
        if not self._found.is_set():
            return
        if source[0] != self.target[0]:
            if kind == "HEARTBEAT" and message.type == mavlink.MAV_TYPE_GCS:
                self._notice(source[0], transfer=False)
            elif kind in _TRANSFERS and message.target_system == self.target[0]:
                self._notice(source[0], transfer=True)
            return
        if source[1] == self.target[1]:
            self.last_heard = now
            if kind == "HEARTBEAT":
                self.heartbeat, self.last_heartbeat = message, now
        addressee = getattr(message, "target_system", 0)
        if addressee not in (0, self._system_id):
            # an answer to somebody else must not be taken for one to us
            if kind in _TRANSFERS:
                self._notice(addressee, transfer=True)
            return
        for inbox in tuple(self._inboxes):
            if kind in inbox.kinds:
                inbox.put(message)
        for listener in self._listeners:
            listener(message)

    def _notice(self, station: int, *, transfer: bool) -> None:
        if self._foreign is not None:
            self._foreign(station, transfer)

    def _reopen(self) -> None:
        """Open a broken address again until that works; a given transport is not reopened."""
        if self._tick is not None:
            self._tick()
        if self._url is None:
            self._closing.wait(0.2)
            return
        self._transport.close()
        if self._closing.wait(0.5):
            return
        try:
            transport = open_transport(self._url)
        except DroneError as error:
            log.debug("not reopened: %s", error)
            return
        with self._write_lock:
            self._transport = transport


def _is_autopilot(heartbeat: Message) -> bool:
    return (
        heartbeat.get_srcSystem() != 0
        and heartbeat.autopilot != mavlink.MAV_AUTOPILOT_INVALID
        and heartbeat.type not in (mavlink.MAV_TYPE_GCS, mavlink.MAV_TYPE_GIMBAL, mavlink.MAV_TYPE_ADSB)
    )
