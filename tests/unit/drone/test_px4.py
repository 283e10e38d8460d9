"""PX4's habits: of the simulated vehicle, and of our link to it."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.modes import PX4
from drone.sim.autopilot import SimulatedAutopilot
from drone.vehicle import FlightMode, Verdict
from missions.mission_items import MissionItem, fence_items, mission_items
from tests.vehicles import HOME, Station, connected, home_item, item_message, parked, small_plan

ACCEPTED, REJECTED, UNSUPPORTED = 0, 1, 3
ARM = mavlink.MAV_CMD_COMPONENT_ARM_DISARM


def px4() -> SimulatedAutopilot:
    return parked(flavour="px4")


def set_mode(station: Station, mode: int) -> int:
    return station.command(mavlink.MAV_CMD_DO_SET_MODE, *PX4.mode_parameters(mode))


def upload(station: Station, items: list[MissionItem], kind: int = 0) -> list[str]:
    """Upload and tell by which messages the items were asked for."""
    station.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), kind))
    asked = []
    for number in range(len(items)):
        request = [m for m in station.heard if m.get_type() in ("MISSION_REQUEST", "MISSION_REQUEST_INT")][-1]
        assert request.seq == number
        asked.append(request.get_type())
        station.send(item_message(items[number], number, kind))
    assert station.last("MISSION_ACK").type == ACCEPTED
    return asked


def read_back(station: Station) -> list[object]:
    station.send(mavlink.MAVLink_mission_request_list_message(1, 1, 0))
    for number in range(station.last("MISSION_COUNT").count):
        station.send(mavlink.MAVLink_mission_request_int_message(1, 1, number, 0))
    return station.all("MISSION_ITEM_INT")


def until(met: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def flying(vehicle: MavlinkVehicle) -> MavlinkVehicle:
    until(lambda: vehicle.readiness().ready)
    assert vehicle.upload(small_plan(length_m=120))
    assert vehicle.arm()
    assert vehicle.start()
    return vehicle


def test_telemetry_flows_without_being_asked_for() -> None:
    station = Station(px4())
    station.step(3.0)
    heartbeat = station.last("HEARTBEAT")
    assert (heartbeat.autopilot, heartbeat.custom_mode) == (12, 7 << 16)
    assert station.all("GLOBAL_POSITION_INT")
    assert not station.all("EKF_STATUS_REPORT")
    assert station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_WIND) == UNSUPPORTED
    assert (
        station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_ESTIMATOR_STATUS) == ACCEPTED
    )


def test_a_mission_has_no_home_item_and_is_read_back_in_frames_for_integers() -> None:
    station = Station(px4())
    items = mission_items(small_plan())
    assert upload(station, items) == ["MISSION_REQUEST", *["MISSION_REQUEST_INT"] * (len(items) - 1)]
    stored = read_back(station)
    assert [item.command for item in stored] == [item.command for item in items]  # type: ignore[attr-defined]
    assert {item.frame for item in stored} <= {2, 6}  # type: ignore[attr-defined]


def test_a_mission_with_a_home_item_is_stored_but_not_armed_for() -> None:
    station = Station(px4())
    upload(station, [home_item(), *mission_items(small_plan())])
    assert set_mode(station, PX4.auto) == ACCEPTED
    assert station.command(ARM, 1) == REJECTED
    assert any("Mission rejected" in text for text in station.texts())


def test_places_off_the_earth_are_stored_and_armed_for() -> None:
    station = Station(px4())
    wild = MissionItem(command=16, frame=3, x=95.0, y=HOME[1], z=40.0)
    upload(station, [*mission_items(small_plan())[:3], wild])
    assert set_mode(station, PX4.auto) == ACCEPTED
    assert station.command(ARM, 1) == ACCEPTED
    station.step(30.0)
    assert station.autopilot.flight.body.position[2] > 5.0


def test_commands_that_it_does_not_know_and_the_message_that_it_does() -> None:
    station = Station(px4())
    upload(station, mission_items(small_plan()))
    assert station.command(mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, 2) == UNSUPPORTED
    assert station.command(mavlink.MAV_CMD_DO_PAUSE_CONTINUE, 0) == UNSUPPORTED
    station.send(mavlink.MAVLink_mission_set_current_message(1, 1, 3))
    assert station.last("MISSION_CURRENT").seq == 3


def test_a_finished_item_is_reported_often_and_the_return_never() -> None:
    station = Station(px4())
    items = mission_items(small_plan(lanes=1, length_m=40, height_m=15))
    upload(station, items)
    assert set_mode(station, PX4.auto) == ACCEPTED
    assert station.command(ARM, 1) == ACCEPTED
    while station.autopilot.flight.armed:
        station.step(1.0)
        assert station.autopilot.time_s < 400
    reached = [message.seq for message in station.all("MISSION_ITEM_REACHED")]
    assert reached.count(0) == 10
    assert len(items) - 1 not in reached
    assert PX4.rtl in {message.custom_mode for message in station.all("HEARTBEAT")}


def test_long_texts_come_in_pieces() -> None:
    station = Station(px4())
    station.autopilot._say(4, "x" * 70)
    station.step(0)
    pieces = station.all("STATUSTEXT")[-2:]
    assert [(len(p.text), p.chunk_seq) for p in pieces] == [(50, 0), (20, 1)]
    assert pieces[0].id == pieces[1].id > 0


def test_whole_numbers_travel_as_bytes() -> None:
    station = Station(px4())
    station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"GF_ACTION", -1))
    value = station.last("PARAM_VALUE")
    assert (value.param_type, struct.unpack("<i", struct.pack("<f", value.param_value))[0]) == (6, 2)
    station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"WPNAV_SPEED", -1))
    assert station.last("PARAM_VALUE") is value


def test_an_item_out_of_turn_gets_no_answer_and_an_upload_that_stops_is_dropped() -> None:
    station = Station(px4())
    items = mission_items(small_plan())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), 0))
    station.send(item_message(items[0], 0))
    acks = len(station.all("MISSION_ACK"))
    station.send(item_message(items[0], 0))
    station.step(6.0)
    assert len(station.all("MISSION_ACK")) == acks
    assert "Operation timeout" in station.texts()
    assert read_back(station) == []


def test_items_are_sent_in_their_order_and_a_download_that_rests_is_over() -> None:
    station = Station(px4())
    upload(station, mission_items(small_plan()))

    def ask(number: int) -> int:
        before = len(station.all("MISSION_ITEM_INT"))
        station.send(mavlink.MAVLink_mission_request_int_message(1, 1, number, 0))
        return len(station.all("MISSION_ITEM_INT")) - before

    assert ask(0) == 0, "nothing without a list"
    station.send(mavlink.MAVLink_mission_request_list_message(1, 1, 0))
    assert [ask(number) for number in (0, 0, 1)] == [1, 1, 1]
    station.step(6.0)
    assert ask(2) == 0
    station.send(mavlink.MAVLink_mission_request_list_message(1, 1, 0))
    assert [ask(number) for number in (0, 5)] == [1, 0]
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_ERROR
    assert ask(1) == 0


def test_a_read_back_that_the_radio_interrupts_begins_anew() -> None:
    autopilot = px4()
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        transfers = autopilot._transfers
        handle, ended = transfers._in_order, []

        def forgetful(session: object, message: object, sender: object) -> bool:
            if message.seq == 3 and not ended:  # type: ignore[attr-defined]
                ended.append(True)
                transfers._download = None
            return handle(session, message, sender)  # type: ignore[arg-type]

        transfers._in_order = forgetful
        assert vehicle._still_planned()
        assert ended


def test_a_station_that_knows_only_the_new_request_says_so() -> None:
    station = Station(px4())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 0))
    assert station.all("MISSION_REQUEST")
    station.send(mavlink.MAVLink_mission_ack_message(1, 1, mavlink.MAV_MISSION_UNSUPPORTED, 0))
    assert station.last("MISSION_REQUEST_INT").seq == 0


def test_our_link_uploads_arms_flies_pauses_and_returns() -> None:
    autopilot = px4()
    with connected(autopilot) as vehicle:
        assert flying(vehicle).state().mode is FlightMode.AUTO
        assert vehicle.description.startswith("PX4 1.16")
        assert autopilot.parameters["FENCE_ENABLE"] == 1
        assert autopilot.parameters["FENCE_ALT_MAX"] == 60
        assert autopilot.parameters["FENCE_ACTION"] == 1
        assert vehicle.pause()
        assert vehicle.state().mode is FlightMode.HOLD
        assert vehicle.resume()
        assert vehicle.return_home()
        assert vehicle.state().mode is FlightMode.RETURN
        assert vehicle.land()
        assert not [text for text in vehicle.new_messages() if "ALARM" in text]


def test_progress_is_counted_alike_on_both() -> None:
    counts = {}
    for flavour in ("ardupilot", "px4"):
        with connected(parked(flavour=flavour)) as vehicle:
            flying(vehicle)
            until(lambda vehicle=vehicle: vehicle.state().items is not None)  # type: ignore[misc]
            state = vehicle.state()
            assert state.current_item is not None
            counts[flavour] = (state.items, state.current_item >= 1)
    assert counts["ardupilot"] == counts["px4"] == (len(mission_items(small_plan(length_m=120))), True)


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_arming_is_refused_when_another_station_has_changed_what_is_on_board(flavour: str, kind: int) -> None:
    autopilot = parked(flavour=flavour)
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        items = autopilot.flight.store.items(kind)
        changed = [
            *items[:-1],
            replace(items[-1], x=items[-1].x + 5000, y=items[-1].y, command=items[-1].command),
        ]
        if kind == 0:
            changed = items[:-1]
        autopilot.flight.store.replace_exactly(kind, changed)
        outcome = vehicle.arm()
        assert outcome.verdict is Verdict.REFUSED
        assert "another" in outcome.why
        assert not autopilot.flight.armed


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_a_fence_is_read_back_as_it_was_sent(flavour: str) -> None:
    with connected(parked(flavour=flavour)) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        assert vehicle.upload(small_plan(reach_m=100))
        assert len(fence_items(small_plan())) == 4
