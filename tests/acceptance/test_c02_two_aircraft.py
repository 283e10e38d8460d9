"""C02: two aircraft of one plan, an ArduPilot and a PX4, launched together, kept apart, both back.

Both simulated vehicles and both patrols live on one clock, which a thread moves; distances are taken from
where the aircraft truly are, twenty times a second of that clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from drone.mavlink.aircraft import MavlinkVehicle
from drone.patrol import Patrol, PatrolSettings
from drone.sim.autopilot import SimulatedAutopilot
from missions.cameras import load_cameras
from missions.deconfliction import HORIZONTAL_M, VERTICAL_M, conflicts
from missions.energy import AircraftModel
from missions.geodesy import LocalFrame
from missions.messages import FlightLogEntry, FlightPhase
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, plan_patrol
from missions.site import load_site
from missions.timetable import CLOCK_SLACK_S, trajectory_of
from tests.vehicles import QUICK, START

SITE = Path(__file__).resolve().parents[1] / "fixtures" / "site_small"
STEP_S = 0.05
FASTER = 8.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class World:
    """Aircraft that all move by the same steps, and the clock that tells their time."""

    def __init__(self, aircraft: list[SimulatedAutopilot], frame: LocalFrame) -> None:
        self.aircraft, self._frame = aircraft, frame
        self.seconds = 0.0
        self.tracks: list[tuple[float, list[tuple[bool, np.ndarray]]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            for one in self.aircraft:
                one.step(STEP_S)
            self.seconds += STEP_S
            self.tracks.append((self.seconds, [self._place(one) for one in self.aircraft]))
            due = max(due + STEP_S / FASTER, time.monotonic() - 0.05)
            time.sleep(max(0.0, due - time.monotonic()))

    def _place(self, one: SimulatedAutopilot) -> tuple[bool, np.ndarray]:
        pose = one.true_camera_pose()
        east, north, up = self._frame.to_enu(pose.latitude, pose.longitude, pose.altitude_amsl_m)[0]
        return not one.flight.body.landed, np.array([east, north, up])

    def close(self) -> None:
        self._over.set()
        self._thread.join(5.0)

    # a clock

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until and not self._over.is_set():
            time.sleep(0.005)


@pytest.fixture(scope="module")
def plan() -> PatrolPlan:
    site = load_site(SITE)
    request = PlanRequest(cells=[cell.code for cell in site.grid.cells], aircraft=2, speed_m_s=10.0)
    return plan_patrol(request, site, load_cameras())


@pytest.fixture
def world(plan: PatrolPlan) -> Iterator[World]:
    frame = LocalFrame(*plan.home)
    stands = frame.to_geodetic([(-4.0, 0.0, 0.0), (4.0, 0.0, 0.0)])
    aircraft = [
        SimulatedAutopilot(
            (float(lat), float(lon), float(alt)), start=START, terrain=load_site(SITE).terrain,
            flavour=flavour, system_id=number + 1, seed=number, battery_wh=90.0,
        )
        for number, ((lat, lon, alt), flavour) in enumerate(zip(stands, ("ardupilot", "px4"), strict=True))
    ]  # fmt: skip
    world = World(aircraft, frame)
    yield world
    world.close()
    for one in aircraft:
        one.close()


def test_two_aircraft_launched_at_one_moment_keep_their_times_and_stay_apart(
    plan: PatrolPlan, world: World
) -> None:
    assert plan.flyable, plan.findings
    assert plan.aircraft == [0, 1]
    frame, model = LocalFrame(*plan.home), AircraftModel()
    first = [next(s for s in plan.sorties if s.aircraft == number) for number in (0, 1)]
    ways = [trajectory_of(sortie, plan.home, frame, model) for sortie in first]
    assert conflicts(*ways), "without their times they would meet, so the test would prove nothing"

    vehicles = [MavlinkVehicle(one.attach(), patience=QUICK) for one in world.aircraft]
    logs: list[list[FlightLogEntry]] = [[], []]
    launched = world.seconds + 60.0
    patrols = [
        Patrol(
            vehicle, plan, world, log.append, aircraft=number, launched_s=launched,
            settings=PatrolSettings(poll_s=0.2),
        )
        for number, (vehicle, log) in enumerate(zip(vehicles, logs, strict=True))
    ]  # fmt: skip
    threads = [threading.Thread(target=patrol.run, daemon=True) for patrol in patrols]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(800.0)
    for vehicle in vehicles:
        vehicle.close()

    told = [[entry.text for entry in log] for log in logs]
    assert [patrol.phase for patrol in patrols] == [FlightPhase.FINISHED] * 2, told
    assert not [entry for log in logs for entry in log if entry.level == "alarm"], told
    for number, sortie in enumerate(first):
        lifted = next(seconds for seconds, places in world.tracks if places[number][0])
        late = lifted - launched - sortie.start_s
        assert 0.0 <= late <= CLOCK_SLACK_S + 2.0, f"aircraft {number + 1} left {late:.1f} s late"
    together = [(a[1], b[1]) for _, (a, b) in world.tracks if a[0] and b[0]]
    near = [
        np.hypot(*(a - b)[:2])
        for a, b in together
        if abs(a[2] - b[2]) < VERTICAL_M and np.hypot(*(a - b)[:2]) < HORIZONTAL_M
    ]
    assert not near, f"nearer than allowed for {len(near) * STEP_S:.1f} s, {min(near):.1f} m at least"
    assert together, "they were never in the air at the same time"
