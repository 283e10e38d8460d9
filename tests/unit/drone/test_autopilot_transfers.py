"""The simulated vehicle's side of the mission protocol, with the refusals that real ones give."""

from __future__ import annotations

import math

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from missions.mission_items import MissionItem, fence_items, mission_items, rally_items
from tests.vehicles import HOME, Station, home_item, item_message, parked, small_plan

MISSION, FENCE, RALLY = 0, 1, 2


def waypoint(**changes: object) -> MissionItem:
    fields = {"command": 16, "frame": 3, "x": HOME[0], "y": HOME[1], "z": 30.0, **changes}
    return MissionItem(**fields)  # type: ignore[arg-type]


def read_back(station: Station, kind: int, request: str = "int") -> list[mavlink.MAVLink_message]:
    station.send(mavlink.MAVLink_mission_request_list_message(1, 1, kind))
    items = []
    for seq in range(station.last("MISSION_COUNT").count):
        if request == "int":
            station.send(mavlink.MAVLink_mission_request_int_message(1, 1, seq, kind))
            items.append(station.last("MISSION_ITEM_INT"))
        else:
            station.send(mavlink.MAVLink_mission_request_message(1, 1, seq, kind))
            items.append(station.last("MISSION_ITEM"))
    return items


@pytest.mark.parametrize("request_kind", ["int", "float"])
def test_everything_is_read_back_with_the_vehicles_own_home(request_kind: str) -> None:
    station = Station(parked())
    items = mission_items(small_plan())
    assert station.upload([waypoint(x=1.0, y=1.0, z=1.0), *items]) == 0
    back = read_back(station, MISSION, request_kind)
    assert [item.command for item in back] == [16, *(item.command for item in items)]
    scale = 1 if request_kind == "int" else 1e7
    assert back[0].x * scale == pytest.approx(HOME[0] * 1e7, abs=20)
    assert back[0].z == pytest.approx(HOME[2], abs=0.01)
    assert back[1].z == 40.0
    assert station.upload(fence_items(small_plan()), FENCE) == 0
    assert [item.param1 for item in read_back(station, FENCE)] == [4.0] * 4
    assert station.upload(rally_items(small_plan()), RALLY) == 0
    assert len(read_back(station, RALLY)) == 1


def test_the_old_request_is_used_and_both_kinds_of_item_are_taken() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, MISSION))
    assert station.last("MISSION_REQUEST").seq == 0
    assert not station.all("MISSION_REQUEST_INT")
    station.send(mavlink.MAVLink_mission_item_message(1, 1, 0, 0, 16, 0, 1, 0, 0, 0, 0, *HOME, 0))
    station.send(item_message(MissionItem(command=22, frame=3, z=10.0), 1))
    assert station.last("MISSION_ACK").type == 0


def test_frames_and_heights_are_stored_as_the_vehicle_likes() -> None:
    station = Station(parked())
    station.upload([home_item(), waypoint(frame=6, z=30.123456, param1=2.7), waypoint(frame=5, z=99.0)])
    back = read_back(station, MISSION)
    assert [item.frame for item in back] == [0, 3, 0]
    assert back[1].z == pytest.approx(30.12, abs=1e-4)
    assert back[1].param1 == 2.0


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (waypoint(frame=1), mavlink.MAV_MISSION_UNSUPPORTED_FRAME),
        (waypoint(command=42), mavlink.MAV_MISSION_UNSUPPORTED),
        (waypoint(command=5001), mavlink.MAV_MISSION_UNSUPPORTED),
        (waypoint(x=95.0), mavlink.MAV_MISSION_INVALID_PARAM5_X),
        (waypoint(y=190.0), mavlink.MAV_MISSION_INVALID_PARAM6_Y),
        (waypoint(z=math.nan), mavlink.MAV_MISSION_INVALID_PARAM7),
        (waypoint(param1=math.inf), mavlink.MAV_MISSION_INVALID_PARAM1),
    ],
)
def test_bad_items_are_refused_with_the_code_that_real_vehicles_give(item: MissionItem, code: int) -> None:
    assert Station(parked()).upload([home_item(), item]) == code


def test_too_many_items_are_refused() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 650, MISSION))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_NO_SPACE


@pytest.mark.parametrize("corners", [2, 5])
def test_a_fence_that_is_none_is_refused_as_a_whole(corners: int) -> None:
    station = Station(parked())
    ring = [
        MissionItem(command=5001, frame=0, param1=corners, x=HOME[0] + i / 1000, y=HOME[1] + i % 2 / 1000)
        for i in range(min(corners, 4))
    ]
    assert station.upload(ring, FENCE) == mavlink.MAV_MISSION_ERROR
    assert not read_back(station, FENCE)


def test_a_second_uploader_is_denied() -> None:
    autopilot = parked()
    first, second = Station(autopilot), Station(autopilot, system_id=254)
    first.send(mavlink.MAVLink_mission_count_message(1, 1, 3, MISSION))
    second.send(mavlink.MAVLink_mission_count_message(1, 1, 3, MISSION))
    assert second.last("MISSION_ACK").type == mavlink.MAV_MISSION_DENIED
    assert not first.all("MISSION_ACK")


def test_a_lost_item_is_asked_for_again_and_given_up_in_the_end() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, MISSION))
    station.step(3.5)
    assert [m.seq for m in station.all("MISSION_REQUEST")] == [0, 0, 0, 0]
    station.step(5.0)
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_OPERATION_CANCELLED
    assert "Mission upload timeout" in station.texts()


def test_an_item_that_comes_twice_does_not_end_the_transfer() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, MISSION))
    station.send(item_message(home_item(), 0))
    station.send(item_message(home_item(), 0))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_INVALID_SEQUENCE
    station.send(item_message(MissionItem(command=22, frame=3, z=10.0), 1))
    assert station.last("MISSION_ACK").type == 0


def test_a_broken_upload_leaves_a_mixture() -> None:
    station = Station(parked())
    station.upload([home_item(), *[waypoint(z=10.0)] * 4])
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 4, MISSION))
    for seq, item in enumerate([home_item(), waypoint(z=77.0)]):
        station.send(item_message(item, seq))
    station.step(10.0)
    assert [item.z for item in read_back(station, MISSION)][1:] == [77.0, 10.0, 10.0]


def test_clearing() -> None:
    station = Station(parked())
    station.upload(fence_items(small_plan()), FENCE)
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, FENCE))
    assert station.last("MISSION_ACK").type == 0
    assert not read_back(station, FENCE)


def test_clearing_the_mission_that_is_flown_is_refused() -> None:
    station = Station(parked())
    station.upload([home_item(), *mission_items(small_plan())])
    station.set_mode(4)
    station.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1)
    station.command(mavlink.MAV_CMD_MISSION_START)
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, MISSION))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_ERROR
    assert read_back(station, MISSION)


def test_an_item_out_of_the_blue_and_an_unknown_kind_are_answered() -> None:
    station = Station(parked())
    station.send(item_message(home_item(), 0))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_ERROR
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 77))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_UNSUPPORTED
    station.send(mavlink.MAVLink_mission_request_int_message(1, 1, 5, MISSION))
    assert station.last("MISSION_ACK").type == mavlink.MAV_MISSION_INVALID_SEQUENCE
