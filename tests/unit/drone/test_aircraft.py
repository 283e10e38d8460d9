"""``MavlinkVehicle`` on simulated vehicles: it believes what it sees."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import AutopilotUnsupported, NoTelemetry, NoVehicle
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.checks import plan_faults
from drone.mavlink.framing import Framing
from drone.sim.autopilot import SimulatedAutopilot
from drone.vehicle import FlightMode, Vehicle, Verdict
from missions.clock import SystemClock
from missions.plan import Finding
from tests.vehicles import HOME, QUICK, START, Station, connected, parked, place, ring, small_plan


def until(met: Callable[[], bool], timeout_s: float = 8.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def ready(vehicle: MavlinkVehicle) -> MavlinkVehicle:
    until(lambda: vehicle.readiness().ready)
    return vehicle


def flying(vehicle: MavlinkVehicle) -> MavlinkVehicle:
    assert ready(vehicle).upload(small_plan(length_m=120))
    assert vehicle.arm()
    assert vehicle.start()
    return vehicle


def test_it_is_a_vehicle_and_names_itself() -> None:
    with connected(parked()) as vehicle:
        checked: Vehicle = vehicle
        until(lambda: "4.6.0" in checked.description)
        state = ready(vehicle).state()
        assert state.link_alive
        assert state.landed
        assert not state.armed
        assert state.mode is FlightMode.STABILIZE
        assert state.home is not None
        assert state.home[0] == pytest.approx(HOME[0], abs=1e-4)
        assert state.battery_fraction == pytest.approx(1.0, abs=0.02)
        assert (state.gps_fix, state.satellites) == (3, 17)
        assert abs((state.at - START).total_seconds()) < 3600


def test_readiness_says_what_is_missing_until_nothing_is() -> None:
    with connected(SimulatedAutopilot(HOME, start=START), speed=4.0) as vehicle:
        until(lambda: "the autopilot's pre-arm checks fail" in vehicle.readiness().reasons)
        assert not vehicle.readiness().ready
        with pytest.raises(NoTelemetry):
            vehicle.state()
        assert vehicle.upload(small_plan())
        refused = vehicle.arm()
        assert refused.verdict is Verdict.REFUSED
        until(lambda: vehicle.readiness().ready)
        assert vehicle.arm()


def test_upload_arm_start_pause_resume_return() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        assert flying(vehicle).state().armed
        assert autopilot.parameters["FENCE_ENABLE"] == 1
        assert autopilot.parameters["FENCE_TYPE"] == 5
        assert vehicle.pause()
        assert vehicle.state().mode is FlightMode.HOLD
        assert vehicle.state().ground_speed_m_s < 1.0
        assert vehicle.resume()
        assert vehicle.state().mode is FlightMode.AUTO
        assert vehicle.return_home()
        assert vehicle.state().mode is FlightMode.RETURN
        assert vehicle.land()
        assert vehicle.state().mode is FlightMode.LAND
        assert not [text for text in vehicle.new_messages() if "ALARM" in text]


def test_nothing_is_started_without_a_verified_mission() -> None:
    with connected(parked()) as vehicle:
        ready(vehicle)
        for request in (vehicle.arm, vehicle.start):
            outcome = request()
            assert outcome.verdict is Verdict.REFUSED
            assert "upload" in outcome.why
        assert vehicle.upload(small_plan())
        assert vehicle.arm()
        assert vehicle.disarm()


def test_an_upload_while_the_mission_is_flown_is_refused() -> None:
    with connected(parked()) as vehicle:
        assert flying(vehicle)
        outcome = vehicle.upload(small_plan())
        assert outcome.verdict is Verdict.REFUSED
        assert "pause" in outcome.why


def test_a_second_flight_begins_at_the_beginning() -> None:
    autopilot = parked()
    with connected(autopilot, speed=25.0) as vehicle:
        for _ in range(2):
            ready(vehicle)
            assert vehicle.upload(small_plan(lanes=1, length_m=20, height_m=10))
            assert vehicle.arm()
            assert vehicle.start()
            until(lambda: not autopilot.flight.armed, 20.0)
            until(lambda: not vehicle.state().armed)


def test_a_take_off_that_does_not_happen_is_no_start() -> None:
    """Acknowledged, in AUTO, but something else disarms it: refused with what the vehicle said."""
    autopilot = parked()
    with connected(autopilot) as vehicle:
        assert ready(vehicle).upload(small_plan())
        assert vehicle.arm()
        threading.Timer(0.05, lambda: autopilot.flight.disarm(force=True)).start()
        outcome = vehicle.start()
        assert outcome.verdict is Verdict.REFUSED


def test_a_mode_nobody_asked_for_is_an_alarm() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        flying(vehicle)
        vehicle.new_messages()
        autopilot.inject("pilot_takes_over")
        until(lambda: vehicle.state().mode is FlightMode.HOLD)
        alarms = [text for text in vehicle.new_messages() if text.startswith("ALARM")]
        assert alarms == ["ALARM: mode changed from AUTO to LOITER without our asking"]


def test_link_loss_and_its_end_are_noticed() -> None:
    autopilot = parked()
    with connected(autopilot, patience=replace(QUICK, silence_s=0.5)) as vehicle:
        ready(vehicle)
        autopilot.inject("silent")
        until(lambda: not vehicle.state().link_alive)
        until(lambda: any("link lost" in text for text in vehicle._awareness._texts))
        assert "the link is lost" in vehicle.readiness().reasons
        assert vehicle.upload(small_plan()).verdict is Verdict.UNKNOWN
        autopilot.clear("silent")
        until(lambda: vehicle.state().link_alive)
        until(lambda: any("restored" in text for text in vehicle._awareness._texts))


def test_a_dead_vehicle_leaves_requests_unknown() -> None:
    autopilot = parked()
    with connected(autopilot, patience=replace(QUICK, reply_s=0.05, mode_s=0.3, silence_s=10)) as vehicle:
        assert ready(vehicle).upload(small_plan())
        autopilot.inject("silent")
        assert vehicle.return_home().verdict is Verdict.UNKNOWN
        assert vehicle.arm().verdict is Verdict.UNKNOWN
        assert vehicle.point_camera(-60).verdict is Verdict.UNKNOWN


def test_telemetry_comes_back_after_the_streams_stopped() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        ready(vehicle)
        for session in autopilot._sessions.values():
            session.set_interval(mavlink.MAVLINK_MSG_ID_ATTITUDE, -1)
        until(lambda: vehicle._awareness.age_s("ATTITUDE") > 0.3)
        until(lambda: vehicle._awareness.age_s("ATTITUDE") < 0.1)


def test_nobody_there() -> None:
    autopilot = SimulatedAutopilot(HOME, start=START)
    with pytest.raises(NoVehicle):
        MavlinkVehicle(autopilot.attach(), patience=replace(QUICK, connect_s=0.3))


@pytest.mark.parametrize(("kind", "autopilot"), [(2, 14), (1, 3)])
def test_other_autopilots_and_planes_are_not_flown(kind: int, autopilot: int) -> None:
    vehicle = SimulatedAutopilot(HOME, start=START)
    transport = vehicle.attach()
    heartbeat = mavlink.MAVLink_heartbeat_message(kind, autopilot, 81, 0, 3, 3)
    transport.push(Framing(1, 1).pack(heartbeat))
    with pytest.raises(AutopilotUnsupported):
        MavlinkVehicle(transport, patience=QUICK)


def test_signed_link_flies() -> None:
    key = bytes(range(32))
    autopilot = SimulatedAutopilot(HOME, start=START, signing_key=key)
    autopilot.step(15.0)
    with connected(autopilot, signing_key=key) as vehicle:
        assert ready(vehicle).upload(small_plan())


def test_battery_swap_only_where_somebody_can() -> None:
    autopilot = parked(battery_fraction=0.4)
    with connected(autopilot) as vehicle:
        assert vehicle.swap_battery().verdict is Verdict.REFUSED
    autopilot = parked(battery_fraction=0.4)
    with connected(autopilot, battery_swap=autopilot.swap_battery) as vehicle:
        ready(vehicle)
        assert vehicle.swap_battery()
        assert autopilot.flight.body.battery.fraction > 0.99


# poses


def test_poses_come_ten_times_a_second_and_agree_with_the_truth() -> None:
    autopilot = parked(seed=5, wind=(3.0, 2.0))
    truth = {}
    vehicle = None
    transport = autopilot.attach()
    autopilot.step(1.0)
    try:
        vehicle = MavlinkVehicle(transport, patience=QUICK)
        station = Station(autopilot)
        station.set_mode(4)
        station.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1)
        station.command(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, 50)
        station.command(mavlink.MAV_CMD_DO_MOUNT_CONTROL, -55, 0, 0, 0, 0, 0, 2)
        autopilot.step(5.0)
        for n in range(600):
            if n % 150 == 50:
                lat, lon = place(*[(60.0, 0.0), (60.0, 60.0), (0.0, 60.0), (0.0, 0.0)][n // 150])
                station.command(mavlink.MAV_CMD_DO_REPOSITION, 0, 1, 0, 0, lat, lon, HOME[2] + 50)
            autopilot.step(0.1)
            truth[autopilot.now()] = autopilot.true_camera_pose()
            time.sleep(0.001)
        last = max(truth)
        assert vehicle.poses.wait_until(last, 3.0)
        poses = [p for p in vehicle.poses.poses() if p.captured_at in truth]
        # whole tenths of a second: a frame taken then has a pose of its own, not an interpolated one
        assert len(poses) > 0.95 * len(truth)
        east, north, up, yaw, pitch, roll = [], [], [], [], [], []
        for pose in poses:
            true = truth[pose.captured_at]
            delta = (pose.latitude - true.latitude, pose.longitude - true.longitude)
            north.append(delta[0] * 111_000)
            east.append(delta[1] * 97_600)
            up.append(pose.altitude_amsl_m - true.altitude_amsl_m)
            yaw.append((pose.yaw_deg - true.yaw_deg + 180) % 360 - 180)
            pitch.append(pose.pitch_deg - true.pitch_deg)
            roll.append(pose.roll_deg)
        assert max(np.abs(east + north)) < 3.0
        assert max(np.abs(up)) < 3.5
        for angles in (yaw, pitch, roll):
            assert 0.05 < float(np.sqrt(np.mean(np.square(angles)))) < 0.6
        assert poses[-1].position_sigma_m == pytest.approx(0.7)
        between = poses[-1].captured_at - timedelta(seconds=0.05)
        assert vehicle.poses.at(between).altitude_amsl_m == pytest.approx(poses[-1].altitude_amsl_m, abs=0.5)
    finally:
        if vehicle is not None:
            vehicle.close()
        autopilot.close()


def awareness(**mounting: float) -> Awareness:
    known = Awareness(SystemClock(), CameraMounting(**mounting))
    known.take(mavlink.MAVLink_system_time_message(1_700_000_000_000_000, 1000))
    return known


def tell(known: Awareness, boot_ms: int, *, yaw_deg: float, extra: list[object]) -> None:
    known.take(
        mavlink.MAVLink_global_position_int_message(
            boot_ms, 284_500_000, 1_179_700_000, 100_000, 30_000, 0, 0, 0, 0
        )
    )
    for message in extra:
        known.take(message)
    known.take(mavlink.MAVLink_attitude_message(boot_ms, 0, math.radians(5), math.radians(yaw_deg), 0, 0, 0))


def gimbal(boot_ms: int, pitch_deg: float, flags: int, yaw_deg: float = 0.0) -> object:
    p, y = math.radians(pitch_deg) / 2, math.radians(yaw_deg) / 2
    q = [
        math.cos(p) * math.cos(y), -math.sin(p) * math.sin(y), math.sin(p) * math.cos(y),
        math.cos(p) * math.sin(y),
    ]  # fmt: skip
    return mavlink.MAVLink_gimbal_device_attitude_status_message(0, 0, boot_ms, flags, q, 0, 0, 0, 0)


IN_VEHICLE = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
IN_EARTH = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME


@pytest.mark.parametrize(
    ("flags", "gimbal_yaw", "expected"), [(IN_VEHICLE, 10.0, 100.0), (IN_EARTH, 10.0, 10.0), (0, 20.0, 110.0)]
)
def test_gimbal_yaw_is_read_in_the_frame_it_is_told_in(
    flags: int, gimbal_yaw: float, expected: float
) -> None:
    known = awareness()
    tell(known, 2000, yaw_deg=90.0, extra=[gimbal(2000, -55.0, flags, gimbal_yaw)])
    (pose,) = known.poses.poses()
    assert pose.yaw_deg == pytest.approx(expected, abs=0.01)
    assert pose.pitch_deg == pytest.approx(-55.0, abs=0.01)


def test_a_camera_past_straight_down_does_not_flip() -> None:
    known = awareness()
    tell(known, 2000, yaw_deg=30.0, extra=[gimbal(2000, -90.4, IN_VEHICLE)])
    (pose,) = known.poses.poses()
    assert pose.pitch_deg == pytest.approx(-90.4, abs=0.01)
    assert pose.yaw_deg == pytest.approx(30.0, abs=0.01)
    assert pose.roll_deg == pytest.approx(0.0, abs=0.01)


def test_older_mounts_and_fixed_cameras_give_poses_too() -> None:
    known = awareness()
    tell(known, 2000, yaw_deg=90.0, extra=[mavlink.MAVLink_mount_orientation_message(2000, 0, -45, 0, 0)])
    assert known.poses.poses()[0].pitch_deg == pytest.approx(-45.0)
    known = awareness(fixed_pitch_deg=-60.0)
    tell(known, 2000, yaw_deg=90.0, extra=[])
    assert known.poses.poses()[0].pitch_deg == pytest.approx(-55.0), (
        "fixed to the body, which is 5 degrees up"
    )


def test_a_vehicle_clock_that_is_set_moves_the_mapping_and_jitter_does_not() -> None:
    known = awareness()
    known.take(mavlink.MAVLink_system_time_message(1_700_000_001_004_000, 2000))
    tell(known, 3000, yaw_deg=0.0, extra=[])
    assert known.poses.poses()[0].captured_at.timestamp() == pytest.approx(1_700_000_002.0, abs=1e-6)
    known.take(mavlink.MAVLink_system_time_message(1_800_000_000_000_000, 4000))
    tell(known, 5000, yaw_deg=0.0, extra=[])
    assert known.poses.poses()[-1].captured_at.timestamp() == pytest.approx(1_800_000_001.0, abs=1e-6)


def test_no_pose_before_utc_is_known() -> None:
    known = Awareness(SystemClock(), CameraMounting())
    tell(known, 2000, yaw_deg=0.0, extra=[])
    assert len(known.poses) == 0
    known.take(mavlink.MAVLink_system_time_message(1_700_000_000_000_000, 2500))
    assert len(known.poses) == 1


def test_long_texts_are_put_together() -> None:
    known = awareness()
    known.take(mavlink.MAVLink_statustext_message(4, b"a" * 50, 7, 0))
    known.take(mavlink.MAVLink_statustext_message(4, b" end", 7, 1))
    known.take(mavlink.MAVLink_statustext_message(4, b"short"))
    assert known.new_texts() == ["a" * 50 + " end", "short"]
    assert known.new_texts() == []


# our own checks


def faults(plan: object, home: tuple[float, float, float] | None = HOME, sortie: int = 0) -> str:
    return "; ".join(plan_faults(plan, sortie, home))  # type: ignore[arg-type]


def test_a_good_plan_has_no_faults() -> None:
    assert not faults(small_plan())


def test_what_autopilots_would_accept_is_refused_here() -> None:
    plan = small_plan()
    assert "leaves the allowed area" in faults(small_plan(reach_m=50.0, length_m=80))
    assert "over the ceiling" in faults(small_plan(height_m=130.0))
    assert "plan higher" in faults(small_plan(height_m=2.0))
    far = (*place(900.0, 0.0), HOME[2])
    assert "900 m from the plan's home" in faults(plan, far)
    zone = [ring((30, 10), (50, 10), (50, 30), (30, 30))]
    assert "no-fly" in faults(plan.model_copy(update={"no_fly": [zone]}))
    assert "no number 3" in faults(plan, sortie=3)
    bad = Finding(code="x", severity="error", text="too windy")
    assert "too windy" in faults(plan.model_copy(update={"findings": [bad]}))
    point = plan.sorties[0].waypoints[1]
    twisted = point.model_copy(update={"altitude_amsl_m": point.altitude_amsl_m + 50})
    sortie = plan.sorties[0].model_copy(update={"waypoints": [plan.sorties[0].waypoints[0], twisted]})
    assert "contradict" in faults(plan.model_copy(update={"sorties": [sortie]}))
    distant = point.model_copy(update={"latitude": 29.45})
    sortie = plan.sorties[0].model_copy(update={"waypoints": [distant]})
    assert "km from home" in faults(plan.model_copy(update={"sorties": [sortie]}))


def test_a_refused_plan_never_reaches_the_vehicle() -> None:
    autopilot = parked()
    with connected(autopilot) as vehicle:
        outcome = ready(vehicle).upload(small_plan(height_m=130.0))
        assert outcome.verdict is Verdict.REFUSED
        assert not autopilot.flight.store.items(0)
