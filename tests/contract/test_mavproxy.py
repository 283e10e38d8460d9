"""MAVProxy, written by others, against our simulated vehicle, as a program of its own."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drone.sim.autopilot import SimulatedAutopilot
from missions.mission_items import mission_items
from missions.plan_files import write_plan
from tests.vehicles import parked, small_plan

PROGRAM = shutil.which("mavproxy.py") or shutil.which("mavproxy.py", path=str(Path(sys.executable).parent))
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(PROGRAM is None, reason="MAVProxy (mavproxy.py) is not installed"),
]


class MavProxy:
    """The program with its prompt: lines in, lines out."""

    def __init__(self, master: str, directory: Path) -> None:
        self._process = subprocess.Popen(
            [str(PROGRAM), f"--master={master}", "--nowait", f"--state-basedir={directory}",
             "--default-modules=wp,mode,arm,param,cmdlong"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=directory,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip())

    def expect(self, words: str, timeout_s: float = 30.0) -> str:
        """The next line that contains ``words``."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{words!r} never came; it said {self.said[-20:]}") from None
            self.said.append(line)
            if words in line:
                return line

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        # it ends with its input; SIGTERM alone leaves it waiting for a line
        stdin.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10.0)
        self._reader.join(5.0)
        stdout.close()


@pytest.fixture
def autopilot() -> Iterator[SimulatedAutopilot]:
    autopilot = parked()
    yield autopilot
    autopilot.close()


@pytest.fixture
def proxy(autopilot: SimulatedAutopilot, tmp_path: Path) -> Iterator[MavProxy]:
    master = autopilot.serve("tcpin:127.0.0.1:0")
    autopilot.run_realtime(1.0)
    proxy = MavProxy(master, tmp_path)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.mark.slow
def test_waypoints_are_loaded_read_back_and_flown(
    proxy: MavProxy, autopilot: SimulatedAutopilot, tmp_path: Path
) -> None:
    plan = small_plan(lanes=1, length_m=30.0, height_m=15.0)
    write_plan(plan, tmp_path / "patrol.waypoints")
    count = 1 + len(mission_items(plan))
    proxy.expect("online system 1")
    proxy.expect("Received")
    proxy.type("wp load patrol.waypoints")
    proxy.expect("TYPE_MISSION: ACCEPTED")
    proxy.type("wp save back.waypoints")
    proxy.expect(f"Saved {count} waypoints")
    rows = [line.split("\t") for line in (tmp_path / "back.waypoints").read_text().splitlines()[1:]]
    assert [int(row[3]) for row in rows] == [16, *(item.command for item in mission_items(plan))]
    proxy.type("mode GUIDED")
    proxy.expect("Mode GUIDED")
    proxy.type("arm throttle")
    proxy.expect("ARMED")
    proxy.type("mode AUTO")
    proxy.expect("Mode AUTO")
    autopilot.speed = 10.0
    proxy.expect("DISARMED", 60.0)
    assert autopilot.flight.body.landed
    assert autopilot.flight.time_s > 40


def test_parameters_are_read_and_set(proxy: MavProxy, autopilot: SimulatedAutopilot) -> None:
    proxy.expect("online system 1")
    proxy.expect("Received")
    proxy.type("param show WPNAV_SPEED")
    proxy.expect("1000")
    proxy.type("param set RTL_ALT 3000")
    deadline = time.monotonic() + 10
    while autopilot.parameters["RTL_ALT"] != 3000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
