"""A link to a simulated vehicle without sockets, for tests and for agents in the same process."""

from __future__ import annotations

import queue
from collections.abc import Callable

from drone.errors import LinkClosed


class Loopback:
    """The ground station's end; obeys ``drone.mavlink.transport.Transport``."""

    description = "loopback"

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._closed = False

    def push(self, data: bytes) -> None:
        """Bytes from the vehicle."""
        if not self._closed:
            self._inbox.put(data)

    def read(self, timeout_s: float) -> bytes:
        """What arrived, at most after ``timeout_s``; empty when nothing did."""
        try:
            data = self._inbox.get(timeout=timeout_s)
            while not self._inbox.empty():
                data += self._inbox.get_nowait()
        except queue.Empty:
            return b""
        return data

    def write(self, data: bytes) -> None:
        if self._closed:
            raise LinkClosed
        self._deliver(data)

    def close(self) -> None:
        self._closed = True
