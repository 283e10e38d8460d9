"""``skybeat fly`` and ``skybeat sim --video`` as two processes: MAVLink over TCP, H.264 in MPEG-TS over UDP.

The desk is a small one of this test, which only takes what the agent sends. Everything runs in real time, as
live video does; nothing is asserted about how long it takes.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from missions.cameras import load_cameras
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, plan_patrol
from missions.site import load_site

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "configs" / "sites" / "yunxi"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


class Desk(ThreadingHTTPServer):
    """Takes everything that an agent sends, and asks it for nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.log: list[dict[str, Any]] = []
        self.telemetry: list[dict[str, Any]] = []
        self.pictures: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def codes(self) -> list[str]:
        return [entry["code"] for entry in self.log]

    @property
    def phases(self) -> list[str]:
        return [entry["phase"] for entry in self.log if entry["code"] == "phase"]


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Desk

    def do_GET(self) -> None:
        # a long poll that ends soon: nobody asks for anything
        threading.Event().wait(0.5)
        self._answer({"requests": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        what = self.path.rsplit("/", 1)[-1]
        if what == "frames":
            self.server.pictures.append(body)
            self._answer({})
            return
        message = json.loads(body)
        if what == "log":
            self.server.log += message["entries"]
        elif what == "telemetry":
            self.server.telemetry.append(message)
        if what == "sightings":
            self._answer({"sighting_id": message["sighting_id"], "revision": message["revision"],
                          "ticket_id": None, "new_ticket": False})  # fmt: skip
        elif what == "hello":
            self._answer({"server_time": datetime.now(UTC).isoformat(), "zones": {}})
        else:
            self._answer({})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing on the test's output."""


@pytest.fixture(scope="module")
def plan() -> PatrolPlan:
    """A small field beside the pad of the demo town."""
    site = load_site(SITE)
    assert site.home is not None
    lat, lon = site.home[0] + 0.0005, site.home[1]
    ring = [[lon, lat], [lon + 6e-4, lat], [lon + 6e-4, lat + 3e-4], [lon, lat + 3e-4], [lon, lat]]
    area = {"type": "Polygon", "coordinates": [ring]}
    plan = plan_patrol(PlanRequest(area=area, speed_m_s=10.0, look_seconds=0.0), site, load_cameras())
    assert plan.flyable, [finding.text for finding in plan.findings]
    return plan


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.shutdown()
    desk.server_close()


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(met: Callable[[], Any], process: subprocess.Popen[str], timeout_s: float = 600.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert process.poll() is None, "skybeat fly ended before"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def simulated(video: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "skybeat", "sim", "--port", "0", "--json", "--video", video],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["vehicles"][0]["address"]


def test_a_plan_is_flown_and_watched_over_two_processes(plan: PatrolPlan, desk: Desk, tmp_path: Path) -> None:
    video = f"udp://127.0.0.1:{free_udp_port()}"
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    vehicle, address = simulated(video)
    command = [
        sys.executable, "-m", "skybeat", "fly", str(tmp_path / "plan.json"), "--yes", "--vehicle", address,
        "--video", video, "--server", desk.url, "--token", "anything", "--frames-per-second", "1",
        "--data-directory", str(tmp_path / "agent"),
    ]  # fmt: skip
    with (tmp_path / "fly.log").open("w") as said:
        agent = subprocess.Popen(command, cwd=ROOT, stderr=said, text=True)
    try:
        until(lambda: "takeoff" in desk.phases, agent)
        until(lambda: desk.pictures, agent)
        until(lambda: "landed" in desk.codes, agent)
        assert agent.wait(300) == 0
    finally:
        agent.kill()
        agent.wait()
        vehicle.send_signal(signal.SIGINT)
        assert vehicle.wait(60) == 0
        assert vehicle.stdout is not None
        vehicle.stdout.close()
    assert desk.phases[-1] == "finished", [entry["text"] for entry in desk.log]
    assert any(b"\xff\xd8\xff" in picture for picture in desk.pictures), "JPEG"
    assert max(message["frames"] for message in desk.telemetry) > 0
    assert "camera_lost" not in desk.codes
    text = (tmp_path / "fly.log").read_text()
    assert "Traceback" not in text, text
