"""Habits of autopilots that others wrote, played by a scripted peer or by our own vehicle."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link_loss import LinkLoss
from drone.mavlink.alarms import Alarms, plan_ids
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.framing import Framing, Message
from drone.mavlink.link import Link, Patience
from drone.mavlink.meaning import RALLY, WireItem, difference
from drone.mavlink.modes import ARDUPILOT, PX4
from drone.mavlink.parameters import set_link_loss, set_parameter, switch_fence_on
from drone.sim.flavours import FLAVOURS
from drone.vehicle import FlightMode, Outcome, Verdict
from missions.clock import SystemClock
from missions.mission_items import rally_items
from tests.unit.drone.test_link import HEARTBEAT, Wire
from tests.vehicles import connected, parked, small_plan


def until(met: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def watched() -> tuple[Awareness, Alarms, Link]:
    known, link = Awareness(SystemClock(), CameraMounting()), Link(Wire())
    return known, Alarms(known, link, 5.0), link


def heartbeat(mode: int, state: int, armed: bool = True) -> Message:
    return mavlink.MAVLink_heartbeat_message(2, 3, 1 | (128 if armed else 0), mode, state, 3)


def mission_current(*ids: int) -> Message:
    """As PX4 sends it: with the ids of what is on board, behind what the dialect in use knows."""
    framing = Framing(1, 1)
    base = struct.pack("<HHBB", 3, 9, 3, 1)
    message = mavlink.MAVLink_mission_current_message(3, 9)
    return framing.parse(
        bytes(message._pack(framing._mav, message.crc_extra, base + struct.pack("<III", *ids)))
    )[0]


def test_px4_is_ready_again_after_a_return_which_leaves_it_in_a_mode_that_cannot_arm() -> None:
    autopilot = parked(flavour="px4")
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        assert vehicle.return_home()
        assert not autopilot.flight.prearm_bit
        until(lambda: not vehicle.readiness().ready or vehicle.state().mode is FlightMode.HOLD)
        until(lambda: vehicle.readiness().ready and vehicle.state().mode is FlightMode.HOLD)
        assert not [text for text in vehicle.new_messages() if "ALARM" in text]
        assert vehicle.arm()


def test_a_failsafe_that_leaves_the_mode_as_it_is_is_an_alarm_once() -> None:
    known, alarms, _ = watched()
    for state in (mavlink.MAV_STATE_ACTIVE, mavlink.MAV_STATE_CRITICAL, mavlink.MAV_STATE_CRITICAL, 4):
        message = heartbeat(3, state)
        known.take(message)
        alarms.notice(message, 3)
    assert known.new_texts() == [
        "ALARM: a failsafe is active, the autopilot is in state critical",
        "the autopilot has left its failsafe",
    ]  # fmt: skip
    message = heartbeat(3, mavlink.MAV_STATE_CRITICAL, armed=False)
    known.take(message)
    alarms.notice(message, 3)
    assert known.new_texts() == []


def test_plan_ids_tell_that_somebody_else_changed_the_mission() -> None:
    assert plan_ids(mission_current(11, 22, 33)) == (11, 22, 33)
    short = Framing(1, 1)
    (plain,) = short.parse(short.pack(mavlink.MAVLink_mission_current_message(3)))
    assert plan_ids(plain) == (0, 0, 0)
    known, alarms, _ = watched()
    alarms.notice(mission_current(1, 2, 3), None)
    alarms.read_back()
    for ids in ((11, 22, 33), (11, 22, 33), (12, 22, 33)):
        alarms.notice(mission_current(*ids), None)
    assert known.new_texts() == ["ALARM: somebody else has changed the mission on board of this vehicle"]
    assert alarms.changed_elsewhere
    alarms.uploading()
    for ids in ((0, 22, 33), (14, 24, 34)):
        alarms.notice(mission_current(*ids), None)
    assert known.new_texts() == [], "for the next sortie we change it ourselves"


def test_a_mission_that_another_station_changed_during_a_pause_is_not_resumed() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan(length_m=120))
        assert vehicle.arm()
        assert vehicle.start()
        assert vehicle.pause()
        autopilot.flight.store.replace_exactly(0, autopilot.flight.store.items(0)[:-1])
        vehicle._notice_station(77, True)
        outcome = vehicle.resume()
        assert outcome.verdict is Verdict.REFUSED
        assert "not resumed" in outcome.why
        assert vehicle.return_home()


def test_progress_without_a_total_is_counted_by_what_was_uploaded() -> None:
    known, _, _ = watched()
    known.take(heartbeat(3, 4))
    known.uploaded = 9
    known.take(mavlink.MAVLink_mission_current_message(9))
    assert (known._current_item(), known._items()) == (9, 9)


def test_a_refusal_that_answers_the_request_before_is_not_believed_against_what_is_seen() -> None:
    """BRAKE was refused twice, over a slow radio: the second answer comes when GUIDED has been asked for."""
    autopilot = parked()
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        late = mavlink.MAVLink_command_ack_message(mavlink.MAV_CMD_DO_SET_MODE, 4, 0, 0, 255, 190)
        link, inner = vehicle._link, vehicle._link.command

        def answered(command: int, *params: float, **more: float) -> int | None:
            result = inner(command, *params, **more)  # type: ignore[arg-type]
            return int(late.result) if command == late.command else result

        link.command = answered  # type: ignore[method-assign]
        assert vehicle._change_mode(ARDUPILOT.arm_in)


@pytest.mark.parametrize("stale", [1, 3])
def test_a_value_that_was_on_its_way_is_not_taken_for_a_refusal(stale: int) -> None:
    wire = Wire()
    link = Link(wire)
    link.start()
    wire.say(HEARTBEAT)
    link.wait_for_vehicle(2.0)
    told = [mavlink.MAVLink_param_value_message(b"FENCE_ENABLE", value, 9, 1, 0) for value in (0, 1)]
    wire.answer["PARAM_SET"] = [told[0]] * stale + [told[1]]
    outcome = set_parameter(link, Patience(reply_s=0.3, tries=3), ARDUPILOT, "FENCE_ENABLE", 1)
    assert outcome.verdict is (Verdict.ACCEPTED if stale < 3 else Verdict.REFUSED)
    link.close()


@pytest.mark.parametrize("autopilot", [ARDUPILOT, PX4], ids=lambda autopilot: autopilot.name)
def test_a_plan_without_an_area_does_not_inherit_the_height_limit_of_the_last_one(autopilot: object) -> None:
    kept: dict[str, float] = {}

    def keep(name: str, value: float, *, whole: bool = False) -> Outcome:
        kept[name] = value
        return Outcome.ok()

    plan = small_plan(height_m=90).model_copy(update={"allowed": []})
    assert switch_fence_on(keep, autopilot, plan) is None  # type: ignore[arg-type]
    assert 110 in kept.values()
    assert kept.get("FENCE_TYPE", 1) == 1


def test_long_texts_survive_a_lost_piece_and_lose_their_tabs() -> None:
    known, _, _ = watched()

    def piece(text: str, number: int, seq: int) -> None:
        known.take(mavlink.MAVLink_statustext_message(2, text.encode(), number, seq))

    piece("Preflight Fail: no valid global position\t", 0, 0)
    piece("a" * 50, 7, 0)
    piece("b" * 50, 8, 0)
    piece("c", 8, 1)
    assert known.new_texts() == [
        "Preflight Fail: no valid global position",
        "a" * 50 + " ...",
        "b" * 50 + "c",
    ]


def test_a_home_far_below_or_above_the_plans_is_said() -> None:
    with connected(parked()) as vehicle:
        until(lambda: vehicle.readiness().ready)
        plan = small_plan()
        raised = plan.model_copy(update={"home": (*plan.home[:2], plan.home[2] + 60.0)})
        vehicle._compare_heights(vehicle.state().home, raised)
        assert any("tells its home at" in text for text in vehicle.new_messages())
        vehicle._compare_heights(vehicle.state().home, plan)
        assert not vehicle.new_messages()


def test_a_hold_is_not_asked_for_while_it_flies() -> None:
    autopilot = parked(flavour="px4")
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan(length_m=120))
        assert vehicle.arm()
        assert vehicle.start()
        timer = threading.Timer(0.0, vehicle._hold_to_be_ready)
        timer.start()
        timer.join()
        time.sleep(0.3)
        assert vehicle.state().mode is FlightMode.AUTO


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_autopilot_is_told_what_to_do_when_the_link_is_lost(flavour: str) -> None:
    autopilot = parked(flavour=flavour)
    with connected(autopilot, link_loss=LinkLoss.RETURN) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan())
        assert autopilot.parameters["FS_GCS_ENABLE"] == 1
        for policy, kept in ((LinkLoss.KEEP, 1), (LinkLoss.CONTINUE, 0)):
            assert set_link_loss(vehicle.set_parameter, vehicle._autopilot, policy) is None
            assert autopilot.parameters["FS_GCS_ENABLE"] == kept


def test_a_mission_that_begins_anew_on_resumption_is_sent_on_to_where_it_was_paused() -> None:
    autopilot = parked()
    autopilot.parameters.set("MIS_RESTART", 1)
    with connected(autopilot) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan(length_m=60))
        assert vehicle.arm()
        assert vehicle.start()
        until(lambda: (vehicle.state().current_item or 0) >= 5)
        assert vehicle.pause()
        held_at = autopilot.flight.mission.index
        assert vehicle.resume()
        until(lambda: autopilot.flight.mission.index >= held_at)
        assert any("began the mission anew" in text for text in vehicle.new_messages())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_rally_points_at_broken_heights_are_accepted_where_only_whole_metres_are_kept(flavour: str) -> None:
    with connected(parked(flavour=flavour)) as vehicle:
        until(lambda: vehicle.readiness().ready)
        assert vehicle.upload(small_plan(height_m=40.37))
    (rally,) = rally_items(small_plan(height_m=40.37))
    assert rally.z == 41.0
    sent = WireItem.of(replace(rally, z=40.37))
    assert difference(RALLY, [sent], [replace(sent, z=40.0)]) is None
    assert difference(RALLY, [sent], [replace(sent, z=20.0)]) is not None
