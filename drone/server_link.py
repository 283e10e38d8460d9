"""Speaking with the server: what its answers mean, and the agent's conversation with it.

What an answer means:
  no answer, 408, 425, 429, 502, 503, 504: the link or the server is down; try again later.
  401, 403: the token is not accepted.
  anything else that is no success: this message is refused, with the server's sentence.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

import httpx
from pydantic import TypeAdapter

from drone.errors import DroneError
from missions.messages import AgentAnswer, AgentHello, FrameMessage, TelemetryMessage
from missions.second_look import FleetRequest

log = logging.getLogger(__name__)

API = "/api/v1/agent"
LINK_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
TOKEN_STATUSES = frozenset({401, 403})
BACKOFF_S = (1.0, 60.0)
MOST_RETRY_AFTER_S = 600.0
_REQUESTS = TypeAdapter[list[FleetRequest]](list[FleetRequest])


class ServerUnreachable(DroneError):
    """The server does not answer; it is tried again by itself.

    Attributes:
        retry_after_s: how long the server asks to be left alone, where it says so.
    """

    def __init__(self, message: str | None = None, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AgentNotAccepted(ServerUnreachable):
    """The server does not accept this agent's token: add the agent again with `skybeat agents add`."""


class RequestRefused(ServerUnreachable):
    """The server refuses this message for its content.

    Attributes:
        status: of the HTTP answer.
    """

    def __init__(self, message: str | None = None, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Backoff:
    """Exponential waiting with jitter: between half and the whole of the doubled step.

    >>> waits = Backoff(seed=1)
    >>> [0.5 * 2**n <= waits.seconds(n + 1) <= 2**n for n in range(4)]
    [True, True, True, True]
    """

    def __init__(self, first_s: float = BACKOFF_S[0], most_s: float = BACKOFF_S[1], *, seed: int = 0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._random = random.Random(seed)

    def seconds(self, failures: int) -> float:
        """How long to wait after that many failures in a row (1 or more)."""
        step = min(self._most_s, self._first_s * 2.0 ** min(max(0, failures - 1), 30))
        return step * (0.5 + 0.5 * self._random.random())


def problem_of(response: httpx.Response) -> str:
    """The sentence of an RFC 9457 problem, or the status where the answer is something else."""
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        said = [str(body[key]) for key in ("title", "detail") if body.get(key)]
        if said:
            return f"{response.status_code}: {'; '.join(dict.fromkeys(said))[:500]}"
    return f"{response.status_code} {response.reason_phrase}".strip()


def check_answer(response: httpx.Response) -> httpx.Response:
    """The response itself when it is a success.

    Raises:
        AgentNotAccepted, ServerUnreachable, RequestRefused: by status, with the server's sentence.
    """
    if response.is_success:
        return response
    if response.status_code in TOKEN_STATUSES:
        raise AgentNotAccepted(f"the server does not accept this agent's token ({problem_of(response)})")
    if response.status_code in LINK_STATUSES:
        wait = response.headers.get("Retry-After", "")
        raise ServerUnreachable(
            f"the server is busy or down ({problem_of(response)})",
            retry_after_s=min(float(wait), MOST_RETRY_AFTER_S) if wait.isdigit() else 0.0,
        )
    raise RequestRefused(problem_of(response), status=response.status_code)


class AgentClient:
    """The agent's conversation with the server, and what may be lost on the way.

    Every method raises ``ServerUnreachable`` or one of its kinds when the server was not reached or refused;
    the ``offer_`` methods never do: they keep the newest and send it from a thread of their own.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._latest: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Offered and never sent: overtaken by a newer one, or the server was away."""

    def hello(self, message: AgentHello) -> dict[str, Any]:
        """Say who we are; the answer has ``server_time`` and ``zones``."""
        answer: dict[str, Any] = self._post("hello", message.model_dump_json()).json()
        return answer

    def requests(self, wait_s: float = 20.0) -> list[FleetRequest]:
        """Requests not yet answered; waits up to ``wait_s`` seconds for one."""
        timeout = httpx.Timeout(10.0, read=wait_s + 10.0)
        try:
            response = self._client.get(f"{API}/requests", params={"wait_s": wait_s}, timeout=timeout)
            return _REQUESTS.validate_python(check_answer(response).json()["requests"])
        except httpx.TransportError as error:
            raise ServerUnreachable(f"no answer from the server ({error or type(error).__name__})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServerUnreachable(f"the server's requests cannot be read ({error})") from error

    def answer(self, message: AgentAnswer) -> None:
        self._post("answers", message.model_dump_json())

    def telemetry(self, message: TelemetryMessage) -> None:
        self._post("telemetry", message.model_dump_json())

    def frame(self, header: FrameMessage, picture: bytes) -> None:
        """One live picture, JPEG."""
        try:
            check_answer(
                self._client.post(
                    f"{API}/frames",
                    data={"header": header.model_dump_json()},
                    files={"picture": ("frame.jpg", picture, "image/jpeg")},
                )
            )
        except httpx.TransportError as error:
            raise ServerUnreachable(f"no answer from the server ({error or type(error).__name__})") from error

    def offer_telemetry(self, message: TelemetryMessage) -> None:
        """Send soon; an older one not yet sent is dropped."""
        self._offer("telemetry", lambda: self.telemetry(message))

    def offer_frame(self, header: FrameMessage, picture: bytes) -> None:
        """Send soon; an older one not yet sent is dropped."""
        self._offer("frame", lambda: self.frame(header, picture))

    def close(self, timeout_s: float = 5.0) -> None:
        """End the sending thread. What was offered and not yet sent is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _offer(self, what: str, send: Callable[[], None]) -> None:
        with self._changed:
            if self._stopping:
                return
            self.dropped += what in self._latest
            self._latest[what] = send
            if self._thread is None:
                self._thread = threading.Thread(target=self._pump, name="live pictures", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _pump(self) -> None:
        failures = 0
        backoff = Backoff(0.5, 5.0)
        while True:
            with self._changed:
                wait_s = backoff.seconds(failures) if failures else 0.0
                if wait_s:
                    self._changed.wait_for(lambda: self._stopping, wait_s)
                self._changed.wait_for(lambda: self._stopping or bool(self._latest))
                if self._stopping:
                    return
                sends = [self._latest.pop(what) for what in sorted(self._latest)]
            for send in sends:
                try:
                    send()
                    failures = 0
                except ServerUnreachable as error:
                    failures += 1
                    self.dropped += 1
                    log.debug("not delivered: %s", error)

    def _post(self, what: str, body: str) -> httpx.Response:
        try:
            return check_answer(
                self._client.post(
                    f"{API}/{what}", content=body.encode(), headers={"Content-Type": "application/json"}
                )
            )
        except httpx.TransportError as error:
            raise ServerUnreachable(f"no answer from the server ({error or type(error).__name__})") from error
