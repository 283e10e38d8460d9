"""What keeps an aircraft within its plan: fences, heights of the way back, and where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.checks import plan_faults
from drone.mavlink.modes import PX4
from drone.patrol import Patrol, PatrolSettings
from drone.sim.autopilot import SimulatedAutopilot
from drone.vehicle import Verdict
from missions.clock import SystemClock
from missions.geodesy import distance_m
from missions.messages import FlightLogEntry, FlightPhase
from missions.mission_items import mission_items, rally_items
from tests.vehicles import (
    HOME,
    QUICK,
    START,
    Station,
    connected,
    item_message,
    parked,
    place,
    ring,
    small_plan,
)


def until(met: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def ready(vehicle: MavlinkVehicle) -> MavlinkVehicle:
    until(lambda: vehicle.readiness().ready)
    return vehicle


def test_a_limit_of_an_earlier_flight_does_not_spoil_a_mission_on_px4() -> None:
    """PX4 judged this mission under a lower ceiling, and does not judge the same mission twice."""
    autopilot = parked(flavour="px4")
    station = Station(autopilot)
    plan = small_plan(length_m=120)
    station.send(mavlink.MAVLink_param_set_message(1, 1, b"GF_MAX_VER_DIST", 20.0, 9))
    items = mission_items(plan)
    station.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), 0))
    for number, item in enumerate(items):
        station.send(item_message(item, number))
    assert "Geofence violation for waypoint 1" in station.texts()
    assert station.command(mavlink.MAV_CMD_DO_SET_MODE, *PX4.mode_parameters(PX4.auto)) != 0
    with connected(autopilot) as vehicle:
        assert ready(vehicle).upload(plan)
        assert vehicle.arm()
        assert vehicle.start()


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_two_areas_that_touch_are_flown_in_as_one(flavour: str) -> None:
    west = ring((-150, -150), (30, -150), (30, 150), (-150, 150))
    east = ring((30, -150), (200, -150), (200, 150), (30, 150))
    plan = small_plan(length_m=100).model_copy(update={"allowed": [[east], [west]]})
    autopilot = parked(flavour=flavour)
    with connected(autopilot) as vehicle:
        assert ready(vehicle).upload(plan)
        assert vehicle.arm()
        assert vehicle.start()
        until(lambda: distance_m(vehicle.state().latitude, vehicle.state().longitude, *HOME[:2]) > 60.0)
        assert vehicle.state().mode.value == "auto"


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_the_way_back_is_as_high_as_the_plan_and_not_over_the_fence(flavour: str) -> None:
    """PX4 adds its return height (60 m as delivered) to the height of a rally point."""
    autopilot = parked(flavour=flavour)
    plan = small_plan(length_m=120, height_m=25)
    with connected(autopilot) as vehicle:
        assert ready(vehicle).upload(plan)
        assert vehicle.arm()
        assert vehicle.start()
        until(lambda: distance_m(vehicle.state().latitude, vehicle.state().longitude, *HOME[:2]) > 50.0)
        assert vehicle.return_home()
        highest = 0.0
        while vehicle.state().armed:
            highest = max(highest, vehicle.state().altitude_above_home_m)
            time.sleep(0.05)
        assert highest < 28.0
    assert [item.z for item in rally_items(plan)] == [25.0]
    assert [item.z for item in rally_items(plan, on_the_ground=True)] == [0.0]


def test_photos_that_px4_goes_back_for_are_left_to_it() -> None:
    with connected(parked(flavour="px4")) as vehicle:
        assert ready(vehicle).upload(small_plan(length_m=120))
        assert vehicle.arm()
        assert vehicle.start()
        vehicle._go_on_at(999)
        assert not [text for text in vehicle.new_messages() if "began the mission anew" in text]


@pytest.mark.parametrize(
    ("stands_at", "sentence"),
    [
        ((0.0, 0.0), ""),
        ((60.0, 0.0), "stands outside the allowed area"),
        ((0.0, 45.0), "leaves the allowed area"),
    ],
)
def test_the_way_begins_where_the_aircraft_stands(stands_at: tuple[float, float], sentence: str) -> None:
    """Between its stand north of the dent and the plan's first lane lies ground that is not allowed."""
    dent = ring((-10, 30), (150, 30), (150, 40), (-10, 40))
    area = [[ring((-50, -50), (50, -50), (50, 25), (150, 25), (150, 50), (-50, 50)), dent]]
    first = small_plan(lanes=1, length_m=30, height_m=30)
    plan = first.model_copy(update={"allowed": area})
    faults = plan_faults(plan, 0, (*place(*stands_at), HOME[2]))
    assert [sentence in fault for fault in faults] == ([True] if sentence else [])


def test_a_restarted_autopilot_is_known_anew() -> None:
    known = Awareness(SystemClock(), CameraMounting())
    lat, lon = round(HOME[0] * 1e7), round(HOME[1] * 1e7)
    known.take(mavlink.MAVLink_system_time_message(1_777_600_000_000_000, 60_000))
    known.take(mavlink.MAVLink_global_position_int_message(60_000, lat, lon, 0, 0, 0, 0, 0, 0))
    known.take(mavlink.MAVLink_home_position_message(lat, lon, 0, 0, 0, 0, [1, 0, 0, 0], 0, 0, 0))
    known.take(mavlink.MAVLink_sys_status_message(0, 0, mavlink.MAV_SYS_STATUS_PREARM_CHECK, *[0] * 10))
    assert known.knows_time
    assert known.home is not None
    known.take(mavlink.MAVLink_global_position_int_message(900, lat, lon, 0, 0, 0, 0, 0, 0))
    assert not known.knows_time
    assert (known.home, known.latest("SYS_STATUS")) == (None, None)
    assert known.latest("GLOBAL_POSITION_INT").time_boot_ms == 900  # type: ignore[union-attr]


def test_what_was_told_before_a_silence_makes_no_aircraft_ready() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        ready(vehicle)
        vehicle._link._listeners.clear()
        vehicle._awareness._seen_at["GLOBAL_POSITION_INT"] = time.monotonic() - 3.5
        readiness = vehicle.readiness()
        assert not readiness.ready
        assert "position and time have not arrived" in readiness.reasons


def test_a_fence_that_had_to_be_wider_is_said() -> None:
    rough = [(150 + 5 * (k % 2), -150 + k) for k in range(0, 300, 2)]
    allowed = [[ring((-150, -150), *rough, (150, 150), (-150, 150))]]
    with connected(parked()) as vehicle:
        outcome = ready(vehicle).upload(small_plan().model_copy(update={"allowed": allowed}))
        assert outcome.verdict is Verdict.ACCEPTED
        assert [text for text in vehicle.new_messages() if "wider than the allowed area" in text]


def test_what_has_just_been_compared_need_not_be_read_again_to_arm_but_after_a_restart() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        assert vehicle.read_back().verdict is Verdict.REFUSED
        assert ready(vehicle).upload(small_plan())
        assert vehicle.read_back()
        asked: list[int] = []
        compare = vehicle._still_planned
        vehicle._still_planned = lambda: asked.append(1) or compare()  # type: ignore[func-returns-value,method-assign]
        assert vehicle.arm()
        assert asked == []
        assert vehicle.disarm()
        vehicle._awareness.boots += 1
        assert vehicle.arm()
        assert asked == [1]


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_a_mission_is_rewound_before_arming_since_an_armed_aircraft_waits_only_ten_seconds(
    flavour: str,
) -> None:
    with connected(parked(flavour=flavour)) as vehicle:
        assert ready(vehicle).upload(small_plan(length_m=120))
        rewound: list[bool] = []
        rewind = vehicle._set_current_item
        vehicle._set_current_item = lambda number: (  # type: ignore[method-assign]
            rewound.append(vehicle.state().armed), rewind(number)
        )[1]  # fmt: skip
        assert vehicle.arm()
        assert vehicle.start()
        assert rewound == [False]


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_an_autopilot_that_restarts_just_before_it_is_armed_is_flown_all_the_same(flavour: str) -> None:
    """It keeps what was stored, boots for seconds, and sends nothing until it is asked again."""
    first, again = parked(flavour=flavour), SimulatedAutopilot(HOME, start=START, flavour=flavour)
    url = first.serve("tcpin:127.0.0.1:0")
    first.step(30.0)
    first.run_realtime(10.0)
    vehicle = MavlinkVehicle(url, patience=QUICK)
    log: list[FlightLogEntry] = []

    def restart(entry: FlightLogEntry) -> None:
        log.append(entry)
        if entry.text == "phase arming" and not again.flight.store.items(0):
            first.close()
            again.flight.store._items = first.flight.store._items
            for name in first.parameters:
                again.parameters.set(name, first.parameters[name])
            again.serve(f"tcpin:127.0.0.1:{url.rsplit(':', 1)[1]}")
            again.run_realtime(10.0)

    try:
        patrol = Patrol(
            vehicle,
            small_plan(),
            SystemClock(),
            restart,
            settings=PatrolSettings(poll_s=0.1, arm_again_s=0.3),
        )
        assert patrol.run() is FlightPhase.FINISHED, [entry.text for entry in log]
        assert [text for text in vehicle.new_messages() if "has restarted" in text]
        assert not again.flight.armed
    finally:
        vehicle.close()
        first.close()
        again.close()
