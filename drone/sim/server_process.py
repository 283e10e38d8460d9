"""The desk's server as a process of its own, below a demo."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from drone.desk import START_TIMEOUT_S
from drone.errors import DroneError

log = logging.getLogger("skybeat.demo")


class ServerDidNotStart(DroneError):
    """The server below the demo did not come up."""


class ServerProcess:
    """``skybeat serve`` as a process of its own, started again should it die.

    It is started as ``server.cli``, so that it loads neither the renderer nor the MAVLink side. Its standard
    input is a pipe from this process: when this one ends, however it ends, the pipe closes and the server
    ends too.
    """

    def __init__(self, port: int, data_directory: Path, site: Path, agent_token: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._directory = data_directory
        self._command = [
            sys.executable, "-m", "server.cli", "serve", "--demo", "--end-with-stdin", "--port", str(port),
            "--data-directory", str(data_directory), "--site", str(site),
        ]  # fmt: skip
        self._environment = os.environ | {"SKYBEAT_AGENT_TOKEN": agent_token, "PYTHONUNBUFFERED": "1"}
        self._log = (data_directory / "server.log").open("ab")
        self._stopping = threading.Event()
        self._process = self._spawn()
        self._guard = threading.Thread(target=self._watch, name="server-guard", daemon=True)

    def _spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip
        (self._directory / "server.pid").write_text(f"{process.pid}\n", "utf-8")
        return process

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Raises ServerDidNotStart when the server does not come up."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                tail = Path(self._log.name).read_text("utf-8", "replace").strip().splitlines()[-1:]
                raise ServerDidNotStart(f"the server did not start: {tail[0] if tail else 'no output'}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == 200:
                    if not self._guard.is_alive():
                        self._guard.start()
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise ServerDidNotStart(
            f"the server was not ready within {START_TIMEOUT_S:.0f} s; see {self._log.name}"
        )

    def _watch(self) -> None:
        while not self._stopping.wait(0.5):
            code = self._process.poll()
            if code is not None and not self._stopping.is_set():
                log.warning("the server stopped with exit code %s; starting it again", code)
                self._close_pipe()
                self._process = self._spawn()
                self._stopping.wait(2.0)

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the process, gently first."""
        self._stopping.set()
        if self._guard.is_alive():
            self._guard.join(5.0)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=8.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5.0)
        self._close_pipe()
        self._log.close()
