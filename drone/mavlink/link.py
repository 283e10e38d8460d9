"""A vehicle's MAVLink connections seen from the ground: reader threads, heartbeats, requests with replies.

A reader thread of each channel parses, gives every message to the listeners and open inboxes, sends our
heartbeat once a second and opens a broken address again. Nothing that arrives can stop it. Where several
channels lead to the vehicle, one is used, and another as soon as the vehicle is not heard on it any more.
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

from drone.errors import LinkClosed, NoVehicle
from drone.mavlink.channels import Channel, open_channels
from drone.mavlink.framing import Message
from drone.mavlink.transport import Transport

log = logging.getLogger(__name__)

GROUND_SYSTEM_ID = 255
GROUND_COMPONENT_ID = mavlink.MAV_COMP_ID_MISSIONPLANNER
HEARTBEAT_S = 1.0
_READ_S = 0.1
_CHANNEL_SILENT_S = 2.5
"""Without the vehicle's heartbeat and telemetry for so long, another channel is used."""
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
        where: one or several addresses (see ``channels.open_channels``), or an open transport.
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
        self._channels, self._wanted = open_channels(where, system_id, GROUND_COMPONENT_ID, signing_key)
        self._active = self._channels[0]
        self._system_id = system_id
        self._taking = threading.RLock()
        self.others: frozenset[int] = frozenset()
        self._write_lock = threading.Lock()
        self._inboxes: list[Inbox] = []
        self._listeners: list[Listener] = []
        self._tick = tick
        self._foreign = foreign
        self._closing = threading.Event()
        self._found = threading.Event()
        self.quiet_s = 0.0
        self.target = (0, 0)
        self.heartbeat: Message | None = None
        self.last_heard = 0.0
        self.last_heartbeat = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(channel,), name="mavlink-reader", daemon=True)
            for channel in self._channels
        ]

    @property
    def system_id(self) -> int:
        """Ours."""
        return self._system_id

    @property
    def description(self) -> str:
        return self._active.description

    @property
    def malformed(self) -> int:
        """How many broken packets or pieces of garbage have arrived."""
        return sum(channel.framing.malformed for channel in self._channels)

    def now(self) -> float:
        """Seconds on the clock that ``last_heard`` is told on."""
        return time.monotonic()

    def start(self) -> None:
        """Start reading."""
        for thread in self._threads:
            thread.start()

    def wait_for_vehicle(self, timeout_s: float) -> Message:
        """The first heartbeat of an autopilot.

        Raises:
            NoVehicle: none came in time.
        """
        if not self._found.wait(timeout_s) or self.heartbeat is None:
            whose = "an autopilot" if self._wanted is None else f"an autopilot of system {self._wanted}"
            where = " or ".join(channel.description for channel in self._channels)
            heard = f"; heard were systems {sorted(self.others)}" if self.others else ""
            raise NoVehicle(
                f"no heartbeat of {whose} on {where} within {timeout_s:g} s{heard}; "
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
        """Send once, on the channel in use; one that is just broken swallows it, as a radio does."""
        self._send_on(self._active, message)

    def _send_on(self, channel: Channel, message: Message) -> None:
        with self._write_lock:
            try:
                channel.send(message)
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
        """Stop reading and close the channels; safe to call twice."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive() and threading.current_thread() is not thread:
                thread.join(2.0)
        for channel in self._channels:
            channel.close()

    # reader threads

    def _run(self, channel: Channel) -> None:
        beat_due = 0.0
        while not self._closing.is_set():
            try:
                messages = channel.read(_READ_S)
            except LinkClosed as error:
                if not channel.broken:
                    log.warning("%s", error)
                channel.broken = True
                self._supervise()
                if not self._closing.wait(channel.pause_s):
                    channel.reopen(self._write_lock)
                continue
            for message in messages:
                with self._taking:
                    self._take(message, channel)
            now = time.monotonic()
            if now >= beat_due:
                beat_due = now + HEARTBEAT_S
                self._beat(channel)
            self._supervise()

    def _supervise(self) -> None:
        with self._taking:
            self._choose_channel()
            if self._tick is not None:
                self._tick()

    def _choose_channel(self) -> None:
        """Stay on a channel as long as the vehicle is heard on it; then take the next that it is heard on."""
        now = time.monotonic()
        if now - self._active.heard < _CHANNEL_SILENT_S:
            return
        other = max(self._channels, key=lambda channel: channel.heard)
        if other is not self._active and now - other.heard < _CHANNEL_SILENT_S:
            log.warning("the vehicle is silent on %s; using %s", self.description, other.description)
            self._active = other

    def _beat(self, channel: Channel) -> None:
        beat = mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, mavlink.MAV_STATE_ACTIVE, 3
        )
        self._send_on(channel, beat)

    def _take(self, message: Message, channel: Channel) -> None:
        source = (message.get_srcSystem(), message.get_srcComponent())
        kind = message.get_type()
        now = time.monotonic()
        if kind == "HEARTBEAT" and _is_autopilot(message):
            self._meet(source, message, channel)
        if not self._found.is_set():
            return
        if source[0] != self.target[0]:
            if kind == "HEARTBEAT" and message.type == mavlink.MAV_TYPE_GCS:
                self._notice(source[0], transfer=False)
            elif kind in _TRANSFERS and message.target_system == self.target[0]:
                self._notice(source[0], transfer=True)
            return
        autopilot = source[1] == self.target[1]
        if autopilot:
            self.last_heard = channel.heard = now
            if kind == "HEARTBEAT":
                self.heartbeat, self.last_heartbeat = message, now
        if channel is not self._active:
            # it says the same on each channel; answers come on the one that was asked on
            return
        addressee = getattr(message, "target_system", 0)
        if addressee not in (0, self._system_id):
            # an answer to somebody else must not be taken for one to us
            if kind in _TRANSFERS:
                self._notice(addressee, transfer=True)
            return
        # what a gimbal or an onboard computer of the same system answers is no answer of the autopilot
        for inbox in tuple(self._inboxes) if autopilot or kind.startswith("GIMBAL_") else ():
            if kind in inbox.kinds:
                inbox.put(message)
        for listener in self._listeners:
            listener(message)

    def _meet(self, source: tuple[int, int], heartbeat: Message, channel: Channel) -> None:
        """The first autopilot heard, or the one that was asked for, is ours; others are remembered."""
        wanted = source[0] if self._wanted is None else self._wanted
        if self._found.is_set() or source[0] != wanted:
            if source[0] != self.target[0]:
                self.others |= {source[0]}
            return
        self.target, self.heartbeat, self._active = source, heartbeat, channel
        self._found.set()

    def _notice(self, station: int, *, transfer: bool) -> None:
        if self._foreign is not None:
            self._foreign(station, transfer)


_NO_VEHICLES = frozenset({
    mavlink.MAV_TYPE_ANTENNA_TRACKER, mavlink.MAV_TYPE_GCS,
    mavlink.MAV_TYPE_ONBOARD_CONTROLLER, mavlink.MAV_TYPE_GIMBAL, mavlink.MAV_TYPE_ADSB,
    mavlink.MAV_TYPE_CAMERA, mavlink.MAV_TYPE_CHARGING_STATION, mavlink.MAV_TYPE_ODID,
})  # fmt: skip
"""Some of them run an autopilot's firmware, too."""


def _is_autopilot(heartbeat: Message) -> bool:
    if heartbeat.type == mavlink.MAV_TYPE_GENERIC and (
        # ArduCopter calls itself so until its motors are set up, and so do many onboard computers
        heartbeat.autopilot == mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
        or heartbeat.get_srcComponent() != mavlink.MAV_COMP_ID_AUTOPILOT1
    ):
        return False
    return (
        heartbeat.get_srcSystem() != 0
        and heartbeat.autopilot != mavlink.MAV_AUTOPILOT_INVALID
        and heartbeat.type not in _NO_VEHICLES
    )
