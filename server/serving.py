"""Serving the application with uvicorn, in this process."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import uvicorn

from missions.clock import Clock
from server.app import create_app
from server.errors import AddressInUse, SettingsInvalid
from server.settings import LOCAL_HOSTS, Settings

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
START_SECONDS = 30.0
logger = logging.getLogger(__name__)


class DeskServer:
    """A server on an address.

    Args:
        settings: of the installation.
        host, port: where to listen; port 0 takes a free one.
        clock: passed to the application.
        on_ready: called with the address once connections are taken.

    Raises:
        StartRefused: it cannot start; the sentence says what to do.
    """

    def __init__(
        self,
        settings: Settings,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        clock: Clock | None = None,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        if settings.demo and host not in LOCAL_HOSTS:
            raise SettingsInvalid(
                "the demo has public passwords and only listens on 127.0.0.1; leave out --host or --demo"
            )
        self._socket = bind(host, port)
        try:
            self.app = create_app(settings, clock)
        except BaseException:
            self._socket.close()
            raise
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5,
            ws="websockets-sansio", ws_max_size=65536, timeout_keep_alive=30, lifespan="on",
        )  # fmt: skip
        self._server = _Uvicorn(config, on_ready=lambda: on_ready(self.url) if on_ready else None)

    def run(self) -> None:
        """Serve until a signal or ``stop``."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask the server to end; from any thread."""
        self._server.end()

    @property
    def started(self) -> bool:
        return self._server.started


class ServerThread:
    """A ``DeskServer`` in a thread of this process: ``with ServerThread(settings) as server: server.url``."""

    def __init__(self, settings: Settings, port: int = 0, *, clock: Clock | None = None) -> None:
        self._ready = threading.Event()
        self._desk = DeskServer(settings, port=port, clock=clock, on_ready=lambda _: self._ready.set())
        self._thread = threading.Thread(target=self._desk.run, name="desk", daemon=True)
        self.url = self._desk.url
        self.app = self._desk.app

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise SettingsInvalid("the server did not start in time; see the log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.stop()
        self._thread.join(START_SECONDS)


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._wake_waiting()
        super().handle_exit(sig, frame)

    def end(self) -> None:
        self._wake_waiting()
        self.should_exit = True

    def _wake_waiting(self) -> None:
        self.config.app.state.context.hub.close()  # type: ignore[union-attr]  # consoles and agents that wait


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        AddressInUse: another program does already.
        SettingsInvalid: the address is not one of this machine, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"another program listens on {host}:{port}; stop it or choose another port with --port"
            ) from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsInvalid(
            f"cannot listen on {host}:{port} ({reason}); choose other --host or --port"
        ) from error
    return listening
