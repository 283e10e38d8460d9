"""What nobody commanded is an alarm, and stands in the flight's log: failsafes, restarts, other stations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone import agent as agents
from drone.agent import Agent
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.link import Link
from drone.patrol import Patrol, PatrolSettings
from drone.sim.flavours import FLAVOURS
from drone.sim.flight import Fault
from missions.clock import SystemClock
from missions.messages import FlightLogEntry, FlightPhase
from tests.unit.drone.test_link import Wire
from tests.vehicles import QUICK, connected, parked, small_plan


def until(met: Callable[[], Any], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("fault", "phase", "code"),
    [
        (Fault.LOW_BATTERY, FlightPhase.RETURNING, "mode_return"),
        (Fault.GPS_LOSS, FlightPhase.LANDING, "mode_land"),
        (Fault.PILOT_TAKES_OVER, FlightPhase.PAUSED, ""),
    ],
)
def test_a_failsafe_or_a_pilot_in_flight_is_an_alarm_on_both_autopilots(
    flavour: str, fault: Fault, phase: FlightPhase, code: str
) -> None:
    autopilot = parked(flavour=flavour)
    with connected(autopilot) as vehicle:
        log: list[FlightLogEntry] = []
        patrol = Patrol(
            vehicle, small_plan(length_m=130.0, speed_m_s=4.0), SystemClock(), log.append,
            settings=PatrolSettings(poll_s=0.05, arm_again_s=0.3),
        )  # fmt: skip
        thread = threading.Thread(target=patrol.run, daemon=True)
        thread.start()
        until(lambda: patrol.phase is FlightPhase.FLYING)
        vehicle.new_messages()
        autopilot.inject(fault)
        until(lambda: patrol.phase is phase)
        alarms = [entry.code for entry in log if entry.level == "alarm"]
        assert len(alarms) == 1
        assert alarms[0].startswith(code or "mode_")
        said: list[str] = []
        until(lambda: said.extend(vehicle.new_messages()) or [t for t in said if "without our asking" in t])
        autopilot.clear(fault)
        patrol.land()
        until(lambda: not thread.is_alive())


def test_a_restart_of_the_autopilot_is_an_alarm_and_an_overtaken_packet_is_not() -> None:
    known = Awareness(SystemClock(), CameraMounting())
    for boot_ms in (60_000, 61_000, 59_500, 62_000):
        known.take(mavlink.MAVLink_system_time_message(1_777_600_000_000_000, boot_ms))
    assert known.new_texts() == []
    for boot_ms in (1_000, 2_000):
        known.take(mavlink.MAVLink_system_time_message(1_777_600_070_000_000, boot_ms))
    (alarm,) = known.new_texts()
    assert alarm.startswith("ALARM: the autopilot has restarted")


def test_a_vehicle_that_restarts_is_read_back_before_it_is_armed() -> None:
    first, again = parked(), parked()
    url = first.serve("tcpin:127.0.0.1:0")
    first.step(60.0)
    first.run_realtime(10.0)
    vehicle = MavlinkVehicle(url, patience=replace(QUICK, silence_s=1.0))
    try:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        first.close()
        again.serve(f"tcpin:127.0.0.1:{url.rsplit(':', 1)[1]}")
        again.run_realtime(1.0)
        said: list[str] = []
        until(lambda: said.extend(vehicle.new_messages()) or [t for t in said if "has restarted" in t])
        until(lambda: vehicle.link_alive)
        outcome = vehicle.arm()
        assert not outcome
        assert "items are stored" in outcome.why
        assert not again.flight.armed
    finally:
        vehicle.close()
        first.close()
        again.close()


def test_alarms_and_warnings_of_the_vehicle_stand_in_the_flights_log() -> None:
    vehicle, spool = Mock(), Mock()
    vehicle.new_messages.return_value = [
        "ALARM: ground station 250 transfers a mission with this vehicle",
        "WARNING: another ground station (system 250) is on this link", "Arming motors",
    ]  # fmt: skip
    agent = Agent(
        Mock(), vehicle, Mock(), Mock(), client=Mock(), spool=spool, uplink=Mock(), clock=SystemClock(),
        terrain=Mock(),
    )  # fmt: skip
    patrol = Mock(phase=FlightPhase.FLYING)
    flight = agents._Flight(uuid4(), Mock(), None, patrol, threading.Thread())
    assert len(agent._vehicle_messages(flight)) == 3, "and they are shown at once"
    written = [call.args[1] for call in spool.put_log.call_args_list]
    assert [(entry.level, entry.code) for entry in written] == [
        ("alarm", "vehicle_alarm"), ("warning", "vehicle_warning"),
    ]  # fmt: skip
    assert written[0].text.startswith("ground station 250")
    assert agent._vehicle_messages(None) == vehicle.new_messages()


def test_a_vehicle_that_is_held_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    autopilot = parked()
    patience = replace(QUICK, mode_s=0.6, reply_s=0.1, tries=12, silence_s=8.0)
    with connected(autopilot, patience=patience) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        for request in (lambda: vehicle.point_camera(-60.0), vehicle.arm):
            # the whole vehicle stands still, as a simulated one does on a busy computer
            monkeypatch.setattr(autopilot, "step", lambda _: None)
            timer = threading.Timer(1.5, lambda: monkeypatch.undo())
            timer.start()
            outcome = request()
            timer.join()
            assert outcome, f"the answer comes late, not never: {outcome.why}"


def test_requests_without_any_answer_end() -> None:
    link = Link(Wire())
    link.quiet_s = 0.2
    link.target = (1, 1)
    assert link.command(205, timeout_s=0.02, tries=3) is None
