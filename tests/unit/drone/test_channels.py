"""Who is on a link, and several links to one vehicle."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import AddressRefused, NoVehicle, PortUnavailable
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.framing import Framing, Message
from drone.mavlink.link import Link
from drone.mavlink.transport import open_transport
from tests.unit.drone.test_link import HEARTBEAT, Wire
from tests.vehicles import QUICK, LossyRelay, parked

ACK = mavlink.MAVLink_command_ack_message


def until(met: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def heartbeat(kind: int, autopilot: int = 3) -> Message:
    return mavlink.MAVLink_heartbeat_message(kind, autopilot, 81, 0, 3, 3)


def test_a_tracker_a_companion_and_a_copter_that_still_boots_are_not_taken_for_the_vehicle() -> None:
    wire = Wire()
    link = Link(wire)
    link.start()
    wire.feed(Framing(2, 1).pack(heartbeat(mavlink.MAV_TYPE_ANTENNA_TRACKER)))
    wire.feed(Framing(1, 191).pack(heartbeat(mavlink.MAV_TYPE_ONBOARD_CONTROLLER, 0)))
    wire.feed(Framing(1, 191).pack(heartbeat(mavlink.MAV_TYPE_GENERIC, 0)))
    wire.feed(Framing(1, 1).pack(heartbeat(mavlink.MAV_TYPE_GENERIC)))
    with pytest.raises(NoVehicle):
        link.wait_for_vehicle(0.2)
    wire.say(HEARTBEAT)
    link.wait_for_vehicle(2.0)
    assert link.target == (1, 1)
    link.close()


def test_what_a_gimbal_of_the_same_system_answers_is_no_answer_of_the_autopilot() -> None:
    wire = Wire()
    link = Link(wire)
    link.start()
    wire.say(HEARTBEAT)
    link.wait_for_vehicle(2.0)
    with link.open_inbox("COMMAND_ACK", "GIMBAL_MANAGER_INFORMATION") as inbox:
        gimbal = Framing(1, mavlink.MAV_COMP_ID_GIMBAL)
        wire.feed(gimbal.pack(ACK(400, 2, 0, 0, 255, 190)))
        wire.feed(
            gimbal.pack(mavlink.MAVLink_gimbal_manager_information_message(1, 3, 154, 0, 0, 0, 0, 0, 0))
        )
        wire.say(ACK(400, 0, 0, 0, 255, 190))
        kinds = [inbox.get(2.0), inbox.get(2.0)]
    assert [m.get_type() for m in kinds if m is not None] == ["GIMBAL_MANAGER_INFORMATION", "COMMAND_ACK"]
    assert kinds[1] is not None
    assert kinds[1].result == 0
    link.close()


def test_of_several_vehicles_on_one_port_each_is_reached_by_its_number() -> None:
    first, second = parked(system_id=1), parked(system_id=2)
    port = LossyRelay.free_port()
    for autopilot in (first, second):
        autopilot.serve(f"udpout:127.0.0.1:{port}")
        autopilot.run_realtime(2.0)
    try:
        vehicle = MavlinkVehicle(f"udp:127.0.0.1:{port}#2", patience=QUICK)
        try:
            assert vehicle.description.endswith("(system 2)")
            until(lambda: vehicle.readiness().ready)
            said: list[str] = []
            until(lambda: said.extend(vehicle.new_messages()) or [t for t in said if "system 1" in t])
            assert vehicle.point_camera(-60.0)
            assert not vehicle.set_parameter("FENCE_ALT_MAX", -5.0)
        finally:
            vehicle.close()
        with pytest.raises(NoVehicle, match=r"system 7 .* heard were systems \[1, 2\]"):
            MavlinkVehicle(f"udp:127.0.0.1:{port}#7", patience=replace(QUICK, connect_s=2.5))
    finally:
        first.close()
        second.close()


def test_a_second_link_is_used_when_the_vehicle_falls_silent_on_the_first() -> None:
    autopilot = parked()
    relays = [LossyRelay(int(autopilot.serve("udpin:127.0.0.1:0").rsplit(":", 1)[1]), 0.0) for _ in "ab"]
    autopilot.run_realtime(1.0)
    vehicle = MavlinkVehicle(",".join(relay.ground for relay in relays), patience=QUICK)
    try:
        until(lambda: vehicle.readiness().ready)
        used = next(relay for relay in relays if relay.ground.endswith(vehicle._link.description[-6:]))
        used.lose(1.0)
        assert vehicle.point_camera(-60.0)
        assert not vehicle._link.description.endswith(used.ground[-6:])
        until(lambda: vehicle.readiness().ready)
        assert not [text for text in vehicle.new_messages() if "ALARM" in text]
    finally:
        vehicle.close()
        autopilot.close()
        for relay in relays:
            relay.close()


def test_one_link_that_cannot_be_opened_does_not_matter_and_all_do() -> None:
    autopilot = parked()
    port = autopilot.serve("tcpin:127.0.0.1:0").rsplit(":", 1)[1]
    autopilot.run_realtime(1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"tcp:127.0.0.1:{server.getsockname()[1]}"
    link = Link(f"{closed},tcp:127.0.0.1:{port}")
    link.start()
    try:
        link.wait_for_vehicle(5.0)
        assert link.description.endswith(port)
        with pytest.raises(PortUnavailable):
            Link(f"{closed},{closed}")
        for wrong in ("udp:127.0.0.1:14550#", "udp:127.0.0.1:14550#256", "udp:127.0.0.1:14550,"):
            with pytest.raises(AddressRefused):
                Link(wrong)
    finally:
        link.close()
        autopilot.close()


def test_udp_listening_answers_all_who_spoke_lately() -> None:
    port = LossyRelay.free_port()
    transport = open_transport(f"udp:127.0.0.1:{port}")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for peer in (one, two):
            peer.settimeout(2.0)
            peer.sendto(b"hello", ("127.0.0.1", port))
            assert transport.read(2.0) == b"hello"
        transport.write(b"answer")
        assert one.recv(100) == two.recv(100) == b"answer"
    transport.close()
