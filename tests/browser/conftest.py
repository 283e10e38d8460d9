"""A real browser in front of a real server."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from missions.site import load_site
from tests.browser.stand_in import StandInAgent

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "configs" / "sites" / "yunxi"
CONSOLE = ROOT / "server" / "console" / "dist" / "index.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
BROWSER_OPTIONS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
]  # fmt: skip
PASSWORD = "skybeat-demo"
SLOW_MS = 90_000
expect.set_options(timeout=SLOW_MS)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for /readyz.

    Raises:
        AssertionError: the process has ended, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} was not ready within {seconds:g} s")


@dataclass(slots=True)
class ServerProcess:
    """A server as a process of its own, which can be stopped and started again on the same port."""

    command: list[str]
    port: int
    log: Path
    ready_s: float = 120.0
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=os.environ | self.environment, stdout=log, stderr=log
            )
        try:
            wait_until_ready(self.url, self.process, self.ready_s)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log.read_text('utf-8', 'replace')[-3000:]}") from None

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None


@dataclass(frozen=True, slots=True)
class NearEvent:
    """A town with a planted event that a flight over one cell sees while it climbs."""

    seed: int
    cell: str


FIRE_NEAR_HOME = NearEvent(seed=139, cell="361102001010")


@dataclass(slots=True)
class Desk:
    """A server with one stand-in aircraft."""

    server: ServerProcess
    agent: StandInAgent

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium on this machine: install the package chromium")
    if not CONSOLE.is_file():
        pytest.skip("the console is not built: run make console")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


def serve(directory: Path, token: str) -> ServerProcess:
    """``skybeat serve --demo`` on a free port, with quick password hashes."""
    port = free_port()
    command = [
        sys.executable, "-m", "skybeat", "serve", "--demo", "--port", str(port),
        "--data-directory", str(directory / "data"), "--site", str(SITE),
    ]  # fmt: skip
    environment = {
        "SKYBEAT_AGENT_TOKEN": token, "SKYBEAT_PASSWORD_MEMORY_KIB": "8", "SKYBEAT_PASSWORD_ROUNDS": "1",
    }  # fmt: skip
    return ServerProcess(command, port, directory / "server.log", environment=environment)


@pytest.fixture(scope="module")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One server and its aircraft for all tests that do no harm to it."""
    token = "skb_a_" + secrets.token_urlsafe(32)
    server = serve(tmp_path_factory.mktemp("desk"), token)
    server.start()
    agent = StandInAgent(server.url, token, load_site(SITE), speed=1.0)
    agent.start()
    yield Desk(server, agent)
    agent.stop()
    server.stop()


@pytest.fixture
def own_server(browser: Browser, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that a test may stop."""
    server = serve(tmp_path, "skb_a_" + secrets.token_urlsafe(32))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def demo_server(browser: Browser, tmp_path: Path) -> Iterator[ServerProcess]:
    """The whole demo (server, simulated town, agent), its patrol left to be launched from the console.

    The town is one where a fire burns in sight of the aircraft's pad.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "skybeat", "demo", "--port", str(port), "--speed", "max", "--no-launch",
        "--seed", str(FIRE_NEAR_HOME.seed), "--data-directory", str(tmp_path / "demo"),
    ]  # fmt: skip
    server = ServerProcess(command, port, tmp_path / "demo.log", ready_s=180)
    server.start()
    yield server
    server.stop()


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(browser: Browser) -> Iterator[SignIn]:
    """Opens pages: ``sign_in(url, "operator", "/fly", language="en")``. Errors on the page fail the test."""
    contexts: list[BrowserContext] = []
    broken: list[str] = []

    def open_page(url: str, user: str | None, path: str = "/", *, language: str = "zh-CN") -> Page:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale=language, timezone_id="Asia/Shanghai"
        )
        contexts.append(context)
        context.set_default_timeout(SLOW_MS)
        context.add_init_script(f"localStorage.setItem('skybeat.language', '{language}')")
        if user is not None:
            answer = context.request.post(
                f"{url}/api/v1/session", data={"username": user, "password": PASSWORD}
            )
            assert answer.ok, answer.text()
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not broken, broken
