"""C02: fly a planned patrol over MAVLink 2: plan by the planner, vehicle in a process of its own.

The vehicle is ``skybeat sim``, reached over TCP and UDP only; what became of the flight is judged from its
telemetry as a second, silent ground station of this test hears it, not from what our agent says.
"""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shapely

from drone.errors import NoTelemetry
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.framing import Message
from drone.mavlink.link import Link
from drone.patrol import Patrol, PatrolSettings
from missions.cameras import load_cameras
from missions.clock import SystemClock
from missions.geodesy import LocalFrame
from missions.messages import FlightLogEntry, FlightPhase
from missions.plan import PatrolPlan, WaypointRole
from missions.planner import PlanRequest, plan_patrol
from missions.site import load_site
from tests.vehicles import QUICK

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "tests" / "fixtures" / "site_small"
SPEED = 25.0


@pytest.fixture
def address() -> Iterator[str]:
    """A simulated vehicle in another process."""
    command = [sys.executable, "-c", "from drone.cli import app; app()", "sim", "--json", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--site", str(SITE), "--speed", str(SPEED), "--wind", "3,-2"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        (vehicle,) = json.loads(process.stdout.readline())["vehicles"]
        yield vehicle["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


@pytest.fixture(scope="module")
def plan() -> PatrolPlan:
    site = load_site(SITE)
    code = site.grid.cells[0].code
    plan = plan_patrol(PlanRequest(cells=[code], speed_m_s=10.0), site, load_cameras())
    assert plan.flyable
    return plan


class Witness:
    """A second ground station that only listens."""

    def __init__(self, address: str) -> None:
        self.track: list[tuple[float, float, float]] = []
        self.reached: list[int] = []
        self.armed: list[bool] = []
        self._link = Link(address, system_id=250)
        self._link.add_listener(self._hear)
        self._link.start()
        self._link.wait_for_vehicle(20.0)
        # GLOBAL_POSITION_INT at 5 Hz
        assert self._link.command(511, 33, 200_000) == 0

    def _hear(self, message: Message) -> None:
        kind = message.get_type()
        if kind == "GLOBAL_POSITION_INT" and message.lat:
            self.track.append((message.lat / 1e7, message.lon / 1e7, message.relative_alt / 1000))
        elif kind == "MISSION_ITEM_REACHED":
            self.reached.append(message.seq)
        elif kind == "HEARTBEAT":
            self.armed.append(bool(message.base_mode & 128))

    def close(self) -> None:
        self._link.close()


def until(met: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.slow
def test_c02_a_planned_patrol_is_flown_inside_its_fence_and_home(address: str, plan: PatrolPlan) -> None:
    log: list[FlightLogEntry] = []
    witness, vehicle = Witness(address), MavlinkVehicle(address, patience=QUICK)
    try:
        patrol = Patrol(
            vehicle, plan, SystemClock(), log.append, settings=PatrolSettings(poll_s=0.05, arm_again_s=0.2)
        )
        assert patrol.run() is FlightPhase.FINISHED, [entry.text for entry in log]
        until(lambda: not witness.armed[-1])
    finally:
        vehicle.close()
        witness.close()
    frame = LocalFrame(*plan.home)
    track = frame.to_enu(*zip(*[(lat, lon) for lat, lon, _ in witness.track], strict=True))[:, :2]
    allowed = shapely.Polygon(plan.allowed[0][0], plan.allowed[0][1:])
    inside = [
        allowed.buffer(5e-5).covers(shapely.Point(lon, lat))
        for lat, lon, up in witness.track
        if up > 2
    ]  # fmt: skip
    assert all(inside), "five metres for wind, corners and receiver error"
    for point in plan.sorties[0].waypoints:
        if point.role in (WaypointRole.LANE_START, WaypointRole.LANE_END):
            target = frame.to_enu(point.latitude, point.longitude)[0, :2]
            assert min(math.dist(target, place) for place in track) < 5.0
    assert math.dist(track[-1], (0, 0)) < 5.0
    assert max(up for _, _, up in witness.track) < plan.altitude_agl_m + 25
    assert witness.reached == sorted(set(witness.reached))
    entries = [entry.phase for entry in log if entry.code == "phase"]
    assert entries[-1] is FlightPhase.FINISHED
    assert FlightPhase.RETURNING in entries
    poses = vehicle.poses
    assert poses.start is not None
    assert poses.end is not None
    assert len(poses) > 9 * (poses.end - poses.start).total_seconds()


@pytest.mark.slow
def test_c02_pause_resume_return_and_land_on_request(address: str, plan: PatrolPlan) -> None:
    log: list[FlightLogEntry] = []
    vehicle = MavlinkVehicle(address, patience=QUICK)
    try:
        patrol = Patrol(
            vehicle, plan, SystemClock(), log.append, settings=PatrolSettings(poll_s=0.05, arm_again_s=0.2)
        )
        thread = threading.Thread(target=patrol.run)
        thread.start()
        until(lambda: patrol.phase is FlightPhase.FLYING)
        assert patrol.pause()
        held = vehicle.state()
        time.sleep(0.4)
        now = vehicle.state()
        assert LocalFrame(held.latitude, held.longitude).to_enu(now.latitude, now.longitude)[0, :2] == (
            pytest.approx([0, 0], abs=3.0)
        )
        assert patrol.resume()
        assert patrol.phase is FlightPhase.FLYING
        assert patrol.return_home()
        thread.join(60.0)
        assert (patrol.phase, patrol.reason) == (FlightPhase.ABORTED, "the return was requested")
        assert not vehicle.state().armed
        assert not [entry for entry in log if entry.level == "alarm"]
    finally:
        vehicle.close()


def test_c02_a_plan_beyond_the_rules_is_not_even_uploaded(address: str, plan: PatrolPlan) -> None:
    vehicle = MavlinkVehicle(address, patience=QUICK)
    try:
        until(lambda: vehicle.readiness().ready)
        small = [[[(lon, lat) for lon, lat in plan.area[0][0][:3]]]]
        outcome = vehicle.upload(plan.model_copy(update={"allowed": small}))
        assert outcome.verdict == "refused"
        assert "allowed area" in outcome.why
    finally:
        vehicle.close()


def test_c02_wrong_input_of_the_simulator_is_one_sentence() -> None:
    command = [sys.executable, "-c", "from drone.cli import app; app()", "sim", "--site", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "nowhere is no site: it has no cells.geojson\n"


def test_c02_nothing_is_believed_before_it_is_heard(address: str) -> None:
    vehicle = MavlinkVehicle(address, patience=QUICK, rates_hz={})
    try:
        with pytest.raises(NoTelemetry):
            vehicle.state()
        assert not vehicle.readiness().ready
    finally:
        vehicle.close()
