"""``MavlinkVehicle`` and a simulated vehicle over real sockets, good and bad."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from drone.mavlink.aircraft import MavlinkVehicle
from drone.sim import transfers
from drone.sim.autopilot import SimulatedAutopilot
from drone.vehicle import Verdict
from tests.vehicles import QUICK, LossyRelay, parked, small_plan

PATIENT = replace(QUICK, stall_s=25.0, silence_s=5.0, connect_s=20.0)


@pytest.fixture
def autopilot() -> Iterator[SimulatedAutopilot]:
    autopilot = parked()
    yield autopilot
    autopilot.close()


def ready(vehicle: MavlinkVehicle) -> MavlinkVehicle:
    deadline = time.monotonic() + 20
    while not vehicle.readiness().ready:
        assert time.monotonic() < deadline, vehicle.readiness().reasons
        time.sleep(0.05)
    return vehicle


@pytest.mark.parametrize("kind", ["tcp", "udp in", "udp out"])
def test_every_kind_of_address_flies(autopilot: SimulatedAutopilot, kind: str) -> None:
    if kind == "tcp":
        url = autopilot.serve("tcpin:127.0.0.1:0")
    elif kind == "udp in":
        url = autopilot.serve("udpin:127.0.0.1:0")
    else:
        port = LossyRelay.free_port()
        url = autopilot.serve(f"udpout:127.0.0.1:{port}")
        assert url == f"udp:127.0.0.1:{port}"
    autopilot.run_realtime(10.0)
    vehicle = MavlinkVehicle(url, patience=PATIENT)
    try:
        assert ready(vehicle).upload(small_plan())
        assert vehicle.arm()
        assert vehicle.start()
        assert vehicle.return_home()
    finally:
        vehicle.close()


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.1, 0.2])
def test_a_lossy_radio_ends_in_accepted(autopilot: SimulatedAutopilot, loss: float) -> None:
    port = int(autopilot.serve("udpin:127.0.0.1:0").rsplit(":", 1)[1])
    relay = LossyRelay(port, loss, seed=4)
    autopilot.run_realtime(5.0)
    vehicle = MavlinkVehicle(relay.ground, patience=PATIENT)
    try:
        outcome = ready(vehicle).upload(small_plan())
        assert outcome.verdict is Verdict.ACCEPTED, outcome.why
        assert relay.dropped > 20
        assert vehicle.arm()
        assert vehicle.start()
        assert autopilot.flight.armed
    finally:
        vehicle.close()
        relay.close()


def test_a_refusal_is_told_in_a_sentence(
    autopilot: SimulatedAutopilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "MOST_ITEMS", 6)
    url = autopilot.serve("tcpin:127.0.0.1:0")
    autopilot.run_realtime(10.0)
    vehicle = MavlinkVehicle(url, patience=PATIENT)
    try:
        outcome = ready(vehicle).upload(small_plan())
        assert outcome.verdict is Verdict.REFUSED
        assert "more items than it can store" in outcome.why
        assert vehicle.start().verdict is Verdict.REFUSED
    finally:
        vehicle.close()


def test_a_radio_that_dies_leaves_it_unknown(autopilot: SimulatedAutopilot) -> None:
    port = int(autopilot.serve("udpin:127.0.0.1:0").rsplit(":", 1)[1])
    relay = LossyRelay(port, 0.0)
    autopilot.run_realtime(10.0)
    vehicle = MavlinkVehicle(relay.ground, patience=replace(PATIENT, silence_s=2.0))
    try:
        ready(vehicle)
        relay.lose(1.0)
        outcome = vehicle.upload(small_plan())
        assert outcome.verdict is Verdict.UNKNOWN
        relay.lose(0.0)
        deadline = time.monotonic() + 10
        while not vehicle.link_alive:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert vehicle.upload(small_plan()), "and it is resolved when the link is back"
    finally:
        vehicle.close()
        relay.close()


def test_two_stations_share_one_vehicle(autopilot: SimulatedAutopilot) -> None:
    url = autopilot.serve("tcpin:127.0.0.1:0")
    autopilot.run_realtime(10.0)
    first = MavlinkVehicle(url, patience=PATIENT)
    second = MavlinkVehicle(url, patience=PATIENT, system_id=254)
    try:
        assert ready(first).upload(small_plan())
        assert ready(second).state().link_alive
    finally:
        first.close()
        second.close()


def test_a_vehicle_that_restarts_its_server_is_found_again(autopilot: SimulatedAutopilot) -> None:
    url = autopilot.serve("tcpin:127.0.0.1:0")
    port = url.rsplit(":", 1)[1]
    autopilot.run_realtime(10.0)
    vehicle = MavlinkVehicle(url, patience=replace(PATIENT, silence_s=1.0))
    again = parked()
    try:
        ready(vehicle)
        autopilot.close()
        deadline = time.monotonic() + 10
        while vehicle.link_alive:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again.serve(f"tcpin:127.0.0.1:{port}")
        again.run_realtime(10.0)
        while not vehicle.link_alive:
            assert time.monotonic() < deadline + 10
            time.sleep(0.05)
        assert ready(vehicle).upload(small_plan())
    finally:
        vehicle.close()
        again.close()
