"""Any autopilot that is named flies as ours does: preflight, verified upload, take-off, mission and landing.

``SKYBEAT_TEST_VEHICLE=udp:127.0.0.1:14550 pytest tests/contract/test_named_vehicle.py`` flies the
ArduCopter or PX4 at that MAVLink address, simulated, or on a field with 150 m around it free up to 60 m. Our
own simulator is flown always, in a process of its own and in both flavours, also over a radio that loses
packets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.link import Patience
from drone.patrol import Patrol, PatrolSettings
from drone.vehicle import FlightMode, Verdict
from missions.clock import SystemClock
from missions.geodesy import distance_m
from missions.messages import FlightLogEntry, FlightPhase
from missions.plan import PatrolPlan
from tests.vehicles import LossyRelay, at_home, small_plan

ROOT = Path(__file__).resolve().parents[2]
NAMED = os.environ.get("SKYBEAT_TEST_VEHICLE", "")
SPEED = 5.0
OURS = """
import sys, threading
from tests.vehicles import parked
vehicle = parked(flavour=sys.argv[1])
print(vehicle.serve("udpin:127.0.0.1:0"), flush=True)
vehicle.run_realtime(float(sys.argv[2]))
sys.stdin.read()
vehicle.close()
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def until(met: Callable[[], object], patrol: Patrol, timeout_s: float = 600.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, f"it did not happen in time; the flight is {patrol.phase.value}"
        time.sleep(0.1)


@contextmanager
def patrolling(vehicle: MavlinkVehicle, plan: PatrolPlan) -> Iterator[tuple[Patrol, list[FlightLogEntry]]]:
    log: list[FlightLogEntry] = []
    patrol = Patrol(vehicle, plan, SystemClock(), log.append, settings=PatrolSettings(poll_s=0.2))
    thread = threading.Thread(target=patrol.run, daemon=True)
    thread.start()
    try:
        yield patrol, log
    finally:
        if thread.is_alive():
            patrol.return_home()
            thread.join(300.0)


def fly_twice(vehicle: MavlinkVehicle) -> None:
    """One flight that is paused, resumed and called home, and one to its end."""
    begun = time.monotonic()
    while not vehicle.readiness().ready:
        assert time.monotonic() - begun < 300.0, vehicle.readiness().reasons
        time.sleep(0.5)
    home = vehicle.state().home
    assert home is not None
    plan = at_home(small_plan(lanes=2, length_m=60.0, height_m=30.0, speed_m_s=5.0), home)
    with patrolling(vehicle, plan) as (patrol, log):
        until(lambda: patrol.phase is FlightPhase.FLYING, patrol)
        until(lambda: (vehicle.state().current_item or 0) >= 5, patrol)
        assert patrol.pause(), [entry.text for entry in log]
        held = vehicle.state()
        assert held.mode in (FlightMode.HOLD, FlightMode.GUIDED)
        assert held.ground_speed_m_s < 1.0
        assert distance_m(held.latitude, held.longitude, home[0], home[1]) > 5.0
        assert patrol.resume(), [entry.text for entry in log]
        until(lambda: vehicle.state().ground_speed_m_s > 2.0, patrol)
        assert vehicle.upload(plan).verdict is Verdict.REFUSED, "a mission is replaced only from a hold"
        assert patrol.return_home()
        until(lambda: patrol.phase is FlightPhase.ABORTED, patrol)
        assert "return was requested" in patrol.reason
    assert not vehicle.state().armed
    with patrolling(vehicle, plan) as (patrol, log):
        until(lambda: patrol.phase in (FlightPhase.FINISHED, FlightPhase.FAILED, FlightPhase.ABORTED), patrol)
        told = [entry.text for entry in log]
        assert patrol.phase is FlightPhase.FINISHED, told
        assert not [entry.text for entry in log if entry.level == "alarm"]
    state = vehicle.state()
    assert not state.armed
    assert distance_m(state.latitude, state.longitude, home[0], home[1]) < 10.0


@pytest.mark.skipif(not NAMED, reason="SKYBEAT_TEST_VEHICLE names no MAVLink address of an autopilot to fly")
def test_the_named_vehicle_flies() -> None:
    vehicle = MavlinkVehicle(NAMED, patience=Patience(connect_s=60.0))
    try:
        fly_twice(vehicle)
    finally:
        vehicle.close()


@contextmanager
def own_process(flavour: str) -> Iterator[int]:
    """A simulated vehicle of ours in another process; the UDP port that it listens on."""
    process = subprocess.Popen(
        [sys.executable, "-c", OURS, flavour, str(SPEED)], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.stdin.close()
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.stdout.close()


@pytest.mark.parametrize(("flavour", "loss"), [("ardupilot", 0.0), ("ardupilot", 0.15), ("px4", 0.15)])
def test_our_own_vehicle_flies_in_another_process_over_good_and_bad_radios(flavour: str, loss: float) -> None:
    with own_process(flavour) as port:
        relay = LossyRelay(port, loss, seed=7)
        vehicle = MavlinkVehicle(relay.ground, patience=Patience(connect_s=30.0))
        try:
            fly_twice(vehicle)
            assert not loss or relay.dropped > 50
        finally:
            vehicle.close()
            relay.close()
