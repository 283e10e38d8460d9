"""Delivery to the server: the spool is emptied in order, and nothing in it is lost.

Sightings go first, then the evidence files that their receipts ask for, then log entries, then reports of
ground seen. While the link, the server or the token fails, everything waits and delivery resumes by itself. A
message that is refused for its content (4xx) is parked with the server's sentence; one that breaks the server
(5xx) is tried ``MOST_REFUSALS`` times while others go on, and parked then.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from drone.server_link import (
    API,
    BACKOFF_S,
    AgentClient,
    AgentNotAccepted,
    Backoff,
    RequestRefused,
    ServerUnreachable,
    check_answer,
)
from drone.spool import ItemKind, Spool, SpoolItem
from missions.clock import Clock, SystemClock
from missions.messages import SightingReceipt

__all__ = [
    "AgentClient", "AgentNotAccepted", "LinkState", "RequestRefused", "ServerUnreachable", "Uplink",
    "check_answer",
]  # fmt: skip

log = logging.getLogger(__name__)

MOST_REFUSALS = 12
TOKEN_WAIT_S = 15.0
IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class LinkState:
    """How delivery stands. ``says`` is for people; ``failures`` counts the tries since it worked."""

    online: bool
    says: str = ""
    failures: int = 0


class Uplink:
    """Empties the spool into the server.

    Args:
        client: with the server's base URL and the agent's bearer token.
        seed: of the jitter, so that a run can be repeated exactly.
    """

    def __init__(
        self,
        spool: Spool,
        client: httpx.Client,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self._spool, self._client = spool, client
        self._clock = clock or SystemClock()
        self._backoff = Backoff(*backoff_s, seed=seed)
        self._resume_at = float("-inf")
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = LinkState(True)

    @property
    def state(self) -> LinkState:
        return self._state

    def step(self, limit: int = 50) -> int:
        """Try what is due, once. Returns how many items were settled (delivered or parked)."""
        if self._clock.monotonic() < self._resume_at:
            return 0
        settled = 0
        for kind in ItemKind:
            for item in self._spool.due(limit, kinds=(kind,)):
                try:
                    settled += self._try(item)
                except ServerUnreachable as error:
                    self._hold(item, error)
                    return settled
        return settled

    def flush(self, timeout_s: float) -> bool:
        """Deliver until nothing waits; True when that was reached in time. Parked items do not wait."""
        end = self._clock.monotonic() + timeout_s
        while True:
            while self.step():
                pass
            due_s = self._spool.next_due_s()
            if due_s is None:
                return True
            pause = max(due_s, self._resume_at - self._clock.monotonic(), 0.01)
            if self._clock.monotonic() + pause > end:
                return False
            self._clock.sleep(pause)

    def run(self) -> None:
        """Deliver until ``stop``; the body of the delivery thread."""
        while not self._stopping.is_set():
            try:
                busy = self.step() > 0
            except Exception:  # the worker must outlive any single fault; it is logged and tried again
                log.exception("delivery failed")
                self._resume_at = self._clock.monotonic() + TOKEN_WAIT_S
                busy = False
            if not busy:
                self._woken.wait(IDLE_S)
                self._woken.clear()

    def start(self) -> None:
        """Run in a thread of its own."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self.run, name="uplink", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread; what was not delivered stays in the spool."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None

    def wake(self) -> None:
        """Something new is in the spool."""
        self._woken.set()

    # -- one item --------------------------------------------------------------------------------------------

    def _try(self, item: SpoolItem) -> int:
        try:
            response = self._send(item)
            if response is None:
                return 1
            check_answer(response)
            self._settle(item, response)
        except httpx.TransportError as error:
            raise ServerUnreachable(f"no answer from the server ({error or type(error).__name__})") from error
        except RequestRefused as error:
            self._refused(item, error)
            return int(error.status < 500 or item.attempts + 1 >= MOST_REFUSALS)
        except (ValidationError, ValueError) as error:
            raise ServerUnreachable(f"the server's answer cannot be read ({error})") from error
        if not self._state.online:
            log.info("delivery to the server works again")
        self._state = LinkState(True)
        return 1

    def _send(self, item: SpoolItem) -> httpx.Response | None:
        json_type = {"Content-Type": "application/json"}
        if item.kind is ItemKind.SIGHTING:
            return self._client.post(f"{API}/sightings", content=item.body.encode(), headers=json_type)
        if item.kind is ItemKind.LOG:
            return self._client.post(f"{API}/log", content=item.body.encode(), headers=json_type)
        if item.kind is ItemKind.SEEN:
            return self._client.post(f"{API}/seen", content=item.body.encode(), headers=json_type)
        sha256, path, media_type = item.file()
        try:
            content = path.read_bytes()
        except OSError as error:
            note = f"the evidence file {path.name} cannot be read: {error.strerror or error}"
            log.warning("%s", note)
            self._spool.park(item, status=None, note=note)
            return None
        return self._client.put(
            f"{API}/evidence/{sha256}", content=content, headers={"Content-Type": media_type}
        )

    def _settle(self, item: SpoolItem, response: httpx.Response) -> None:
        if item.kind is not ItemKind.SIGHTING:
            self._spool.delivered(item, status=response.status_code)
            return
        receipt = SightingReceipt.model_validate_json(response.content)
        absent = self._spool.receipt(item, receipt.missing_evidence, note=receipt.note)
        if absent:
            log.warning("the server asks for %d evidence files that this outbox does not have", len(absent))

    def _refused(self, item: SpoolItem, error: RequestRefused) -> None:
        last = item.attempts + 1 >= MOST_REFUSALS
        if error.status < 500 or last:
            log.warning("%s %s is set aside: %s", item.kind.value, item.key, error)
            self._spool.park(item, status=error.status, note=str(error))
            return
        wait_s = self._backoff.seconds(item.attempts + 1)
        self._spool.failed(item, status=error.status, note=str(error), retry_s=wait_s)

    def _hold(self, item: SpoolItem, error: ServerUnreachable) -> None:
        """The link or the token fails: note it on the item that met it and let everything wait."""
        failures = self._state.failures + 1
        token = isinstance(error, AgentNotAccepted)
        wait_s = max(TOKEN_WAIT_S if token else self._backoff.seconds(failures), error.retry_after_s)
        if self._state.online or str(error) != self._state.says:
            log.warning("delivery waits: %s", error)
        self._spool.failed(item, status=None, note=str(error), retry_s=0.0, counts=False)
        self._state = LinkState(False, str(error), failures)
        self._resume_at = self._clock.monotonic() + wait_s
