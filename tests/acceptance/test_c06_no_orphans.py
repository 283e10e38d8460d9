"""C06: a demo that is killed without warning leaves no process of its own behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from drone.sim.demo import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * PATIENCE_S),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to find child processes in"),
]


def children_of(parent: int) -> set[int]:
    """All processes below one, whatever session they are in."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    found = {pid for pid, above in parents.items() if above == parent}
    return found.union(*(children_of(pid) for pid in found))


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_for(condition, why: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, why
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2.0).status_code == 200
    except httpx.TransportError:
        return False


def test_nothing_outlives_a_killed_demo(tmp_path):
    port = free_port()
    command = [
        sys.executable, "-m", "skybeat", "demo", "--no-launch", "--port", str(port),
        "--data-directory", str(tmp_path / "demo"),
    ]  # fmt: skip
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    below: set[int] = set()
    try:
        wait_for(lambda: demo.poll() is not None or answers(f"http://127.0.0.1:{port}"), "the demo is not up")
        below = children_of(demo.pid)
        server = int((tmp_path / "demo" / "server.pid").read_text())
        assert server in below, (tmp_path / "demo.log").read_text()
        assert len(below) >= 2, "the renderer has a process of its own"
        demo.kill()
        demo.wait()
        wait_for(lambda: not any(map(runs, below)), f"still there: {[pid for pid in below if runs(pid)]}")
    finally:
        demo.kill()
        for pid in filter(runs, below):
            os.kill(pid, signal.SIGKILL)
