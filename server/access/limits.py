"""Slows down guessing of passwords."""

from __future__ import annotations

import threading
from collections import deque

from missions.clock import Clock

WINDOW_SECONDS = 300.0
ADDRESS_FACTOR = 5
NAMES_KEPT = 10_000


class LoginLimit:
    """Counts wrong passwords per user and address, and per address, over five minutes.

    Counting the user together with the address keeps a stranger from locking somebody out from elsewhere.
    """

    def __init__(self, clock: Clock, tries: int) -> None:
        self._clock = clock
        self._tries = tries
        self._wrong: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def blocked_for(self, username: str, address: str) -> float:
        """Seconds until another try is allowed; 0 when it is allowed now."""
        with self._lock:
            return max(
                self._wait(f"{address} {username}", self._tries),
                self._wait(address, self._tries * ADDRESS_FACTOR),
            )

    def wrong(self, username: str, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            if len(self._wrong) > NAMES_KEPT:
                self._forget()
            for key in (f"{address} {username}", address):
                self._wrong.setdefault(key, deque()).append(self._clock.monotonic())

    def right(self, username: str, address: str) -> None:
        """Forget the user's wrong passwords from that address."""
        with self._lock:
            self._wrong.pop(f"{address} {username}", None)

    def _wait(self, key: str, tries: int) -> float:
        times = self._wrong.get(key)
        if times is None:
            return 0.0
        now = self._clock.monotonic()
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        if not times:
            del self._wrong[key]
        return WINDOW_SECONDS - (now - times[-tries]) if len(times) >= tries else 0.0

    def _forget(self) -> None:
        now = self._clock.monotonic()
        self._wrong = {k: v for k, v in self._wrong.items() if v and now - v[-1] <= WINDOW_SECONDS}
