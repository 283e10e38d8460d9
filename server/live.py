"""News to the consoles over WebSocket, and the live pictures.

A console that reads slowly never holds anybody up: each has its own bounded queue, telemetry of one aircraft
replaces what was not yet sent, and a console that still falls behind is cut off; it reconnects and reloads.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from missions.clock import Clock
from missions.messages import FrameMessage

QUEUE_LENGTH = 1000
PICTURES_KEPT = 64
PING_SECONDS = 15.0


@dataclass(slots=True, eq=False)
class Subscription:
    """What one console still has to be told. Touched in the event loop only."""

    pending: OrderedDict[object, str] = field(default_factory=OrderedDict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: bool = False
    closed: bool = False

    def put(self, key: object, text: str) -> None:
        if len(self.pending) >= QUEUE_LENGTH and key not in self.pending:
            self.overrun = True
        else:
            self.pending[key] = text
        self.news.set()

    async def take(self) -> list[str]:
        """Wait for news and take all of it; empty when the subscription has ended."""
        await self.news.wait()
        self.news.clear()
        texts = list(self.pending.values())
        self.pending.clear()
        return texts


class Hub:
    """Tells every connected console what happened. ``publish`` may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscriptions: set[Subscription] = set()
        self._bells: dict[UUID, set[asyncio.Event]] = {}
        self._numbers = itertools.count()
        self.closing = False

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Name the event loop that the consoles are served in; None when it ends."""
        self._loop = loop

    @property
    def consoles(self) -> int:
        return len(self._subscriptions)

    def message(self, kind: str, data: Any) -> str:
        """One event as JSON."""
        return to_json({"type": kind, "at": self._clock.now(), "data": data}).decode()

    def publish(self, kind: str, data: Any, *, replaces: str | None = None) -> None:
        """Send an event to all consoles.

        Args:
            kind: type of the event.
            data: anything that pydantic can turn into JSON.
            replaces: an unsent event of the same name is replaced by this one.
        """
        text = self.message(kind, data)
        key: object = replaces if replaces is not None else next(self._numbers)
        self._in_loop(self._deliver, key, text)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def ring(self, agent: UUID) -> None:
        """Wake the agent's waiting request for work. From any thread."""
        self._in_loop(self._ring, agent)

    @contextmanager
    def bell(self, agent: UUID) -> Iterator[asyncio.Event]:
        """An event that ``ring`` sets."""
        bell = asyncio.Event()
        self._bells.setdefault(agent, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[agent].discard(bell)
            if not self._bells[agent]:
                del self._bells[agent]

    def close(self) -> None:
        """End all waiting, so that the server can stop. From any thread."""
        self.closing = True
        self._in_loop(self._close)

    def _in_loop(self, act: Any, *arguments: Any) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(act, *arguments)
        except RuntimeError:  # the loop closed between the check and the call: nobody is left to tell
            return

    def _deliver(self, key: object, text: str) -> None:
        for subscription in self._subscriptions:
            subscription.put(key, text)

    def _ring(self, agent: UUID) -> None:
        for bell in self._bells.get(agent, ()):
            bell.set()

    def _close(self) -> None:
        for subscription in self._subscriptions:
            subscription.closed = True
            subscription.news.set()
        for bells in self._bells.values():
            for bell in bells:
                bell.set()


@dataclass(frozen=True, slots=True)
class Picture:
    """A live picture and its header."""

    header: FrameMessage
    jpeg: bytes

    def packed(self) -> bytes:
        """4-byte big-endian length of the header, the header as JSON, the JPEG."""
        header = self.header.model_dump_json().encode()
        return struct.pack(">I", len(header)) + header + self.jpeg


class PictureRelay:
    """The newest picture of each flight; watchers that are slow skip pictures."""

    def __init__(self) -> None:
        self._latest: OrderedDict[UUID, Picture] = OrderedDict()
        self._watchers: dict[UUID, set[asyncio.Event]] = {}
        self._lock = threading.Lock()

    def latest(self, flight_id: UUID) -> Picture | None:
        return self._latest.get(flight_id)

    def show(self, flight_id: UUID, picture: Picture) -> None:
        """Take a new picture; an older one than the present is dropped. Called in the event loop."""
        with self._lock:
            present = self._latest.get(flight_id)
            if present is not None and present.header.captured_at > picture.header.captured_at:
                return
            self._latest[flight_id] = picture
            self._latest.move_to_end(flight_id)
            while len(self._latest) > PICTURES_KEPT:
                self._latest.popitem(last=False)
        for event in self._watchers.get(flight_id, ()):
            event.set()

    async def watch(self, flight_id: UUID) -> AsyncGenerator[Picture, None]:
        """Each picture from now on, the present one first."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(flight_id, set())
        watchers.add(event)
        if flight_id in self._latest:
            event.set()
        try:
            while True:
                await event.wait()
                event.clear()
                picture = self._latest.get(flight_id)
                if picture is not None:
                    yield picture
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(flight_id, None)
