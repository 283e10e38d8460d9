"""The simulated autopilot: boot, arming, modes, mission, failsafes, as seen over MAVLink."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import AutopilotUnsupported, PortUnavailable, SetupWrong
from drone.sim.autopilot import SimulatedAutopilot
from missions.mission_items import MissionItem, fence_items, mission_items
from missions.terrain import FlatTerrain
from tests.vehicles import FRAME, HOME, START, Station, home_item, parked, place, small_plan

AUTO, GUIDED, LOITER, RTL, LAND, BRAKE = 3, 4, 5, 6, 9, 17
ARM = mavlink.MAV_CMD_COMPONENT_ARM_DISARM
MISSION_START = mavlink.MAV_CMD_MISSION_START
ACCEPTED, DENIED, UNSUPPORTED, FAILED = 0, 2, 3, 4


def armed(**setup: object) -> tuple[SimulatedAutopilot, Station]:
    autopilot = parked(**setup)
    station = Station(autopilot)
    assert station.set_mode(GUIDED) == ACCEPTED
    assert station.command(ARM, 1) == ACCEPTED
    return autopilot, station


def airborne(height_m: float = 20.0, **setup: object) -> tuple[SimulatedAutopilot, Station]:
    autopilot, station = armed(**setup)
    assert station.command(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, height_m) == ACCEPTED
    station.step(20.0)
    assert true_enu(autopilot)[2] == pytest.approx(height_m, abs=3.0)
    return autopilot, station


def started(**setup: object) -> tuple[SimulatedAutopilot, Station]:
    autopilot = parked(**setup)
    station = Station(autopilot)
    station.upload([home_item(), *mission_items(small_plan())])
    station.set_mode(GUIDED)
    station.command(ARM, 1)
    assert station.command(MISSION_START) == ACCEPTED
    return autopilot, station


def true_enu(autopilot: SimulatedAutopilot) -> tuple[float, float, float]:
    pose = autopilot.true_camera_pose()
    east, north, up = FRAME.to_enu(pose.latitude, pose.longitude, pose.altitude_amsl_m)[0]
    return float(east), float(north), float(up)


def run_until_disarmed(station: Station, limit_s: float = 400.0) -> None:
    start = station.autopilot.time_s
    while station.autopilot.flight.armed:
        station.step(1.0)
        assert station.autopilot.time_s - start < limit_s


# boot and arming


def test_time_advances_only_by_steps_in_whole_ticks() -> None:
    autopilot = SimulatedAutopilot(HOME, start=START)
    autopilot.step(0.03)
    assert autopilot.time_s == 0.02
    autopilot.step(0.01)
    assert autopilot.time_s == 0.04
    assert (autopilot.now() - START).total_seconds() == 0.04
    with pytest.raises(SetupWrong):
        autopilot.step(-1)


def test_only_heartbeats_flow_until_more_is_asked_for() -> None:
    station = Station(parked())
    station.step(5.0)
    assert {message.get_type() for message in station.heard} == {"HEARTBEAT"}
    assert len(station.heard) == 5


@pytest.mark.parametrize("step_s", [0.02, 0.2, 1.0])
def test_rates_are_in_simulated_time_and_on_whole_multiples(step_s: float) -> None:
    station = Station(parked())
    command = mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
    assert station.command(command, mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, 100_000) == ACCEPTED
    for _ in range(round(10 / step_s)):
        station.step(step_s)
    times = [message.time_boot_ms for message in station.all("GLOBAL_POSITION_INT")]
    assert times == list(range(15_000 + 100, 25_001, 100))


def test_intervals_can_be_stopped_and_unknown_messages_are_unsupported() -> None:
    station = Station(parked())
    command = mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
    station.command(command, mavlink.MAVLINK_MSG_ID_ATTITUDE, 50_000)
    station.command(command, mavlink.MAVLINK_MSG_ID_ATTITUDE, -1)
    station.step(2.0)
    assert not station.all("ATTITUDE")
    assert station.command(command, 9999, 50_000) == UNSUPPORTED
    assert station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, 9999) == UNSUPPORTED
    assert station.command(command, math.nan, 50_000) == DENIED


def test_data_streams_are_requested_the_old_way_too() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_request_data_stream_message(1, 1, mavlink.MAV_DATA_STREAM_ALL, 4, 1))
    station.step(2.0)
    assert len(station.all("ATTITUDE")) == 8
    assert {"SYS_STATUS", "GPS_RAW_INT", "VFR_HUD", "GLOBAL_POSITION_INT"} <= {
        message.get_type() for message in station.heard
    }


def test_arming_is_refused_with_reasons_until_the_aircraft_is_ready() -> None:
    autopilot = SimulatedAutopilot(HOME, start=START, ready_after_s=12.0)
    station = Station(autopilot)
    station.step(1.0)
    assert station.command(ARM, 1) == FAILED
    assert any("GPS" in text for text in station.texts())
    autopilot.step(7.3 - autopilot.time_s)
    station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_SYS_STATUS)
    health = station.last("SYS_STATUS").onboard_control_sensors_health
    assert health & mavlink.MAV_SYS_STATUS_PREARM_CHECK, "real ones claim readiness too early for a moment"
    assert station.command(ARM, 1) == FAILED
    station.step(5.0)
    assert station.command(ARM, 1) == ACCEPTED


def test_arming_in_auto_is_refused() -> None:
    station = Station(parked())
    station.upload([home_item(), *mission_items(small_plan())])
    assert station.set_mode(AUTO) == ACCEPTED
    assert station.command(ARM, 1) == FAILED
    assert "Arm: AUTO mode not armable" in station.texts()


def test_idle_motors_stop_after_the_disarm_delay() -> None:
    autopilot, station = armed()
    station.step(9.5)
    assert autopilot.flight.armed
    station.step(1.0)
    assert not autopilot.flight.armed


def test_disarming_in_the_air_is_refused() -> None:
    autopilot, station = airborne()
    assert station.command(ARM, 0) == FAILED
    assert autopilot.flight.armed


def test_setup_that_is_impossible_is_refused() -> None:
    with pytest.raises(AutopilotUnsupported, match="ardupilot, px4"):
        SimulatedAutopilot(HOME, start=START, flavour="inav")
    with pytest.raises(SetupWrong, match="aware"):
        SimulatedAutopilot(HOME, start=datetime(2026, 5, 1))  # noqa: DTZ001
    with pytest.raises(SetupWrong, match="system id"):
        SimulatedAutopilot(HOME, start=START, system_id=0)


def test_a_port_in_use_is_said() -> None:
    first, second = parked(), parked()
    try:
        port = first.serve("tcpin:127.0.0.1:0").rsplit(":", 1)[1]
        with pytest.raises(PortUnavailable, match=port):
            second.serve(f"tcpin:127.0.0.1:{port}")
    finally:
        first.close()
        second.close()


# mission


def test_a_mission_is_flown_to_its_end() -> None:
    plan = small_plan()
    autopilot, station = started(wind=(3.0, -1.0))
    targets = {
        number: FRAME.to_enu(item.x, item.y)[0][:2]
        for number, item in enumerate([home_item(), *mission_items(plan)])
        if item.command == 16 and number
    }
    nearest = dict.fromkeys(targets, math.inf)
    while autopilot.flight.armed:
        station.step(0.2)
        east, north, up = true_enu(autopilot)
        for number, target in targets.items():
            if up > 30:
                nearest[number] = min(nearest[number], math.dist((east, north), target))
        assert autopilot.time_s < 400
    assert max(nearest.values()) < 4.0
    assert math.dist(true_enu(autopilot), (0, 0, 0)) < 4.0
    assert [m.seq for m in station.all("MISSION_ITEM_REACHED")] == [1, 4, 5, 6, 7, 8, 9]


def test_a_flight_repeats_exactly_whatever_the_steps() -> None:
    tracks = []
    for step_s in (0.02, 0.2):
        autopilot, station = started(seed=7, wind=(2.0, 1.0))
        for _ in range(round(40 / step_s)):
            station.step(step_s)
        tracks.append((autopilot.true_camera_pose(), autopilot.flight.body.position))
    assert tracks[0] == tracks[1]


def test_another_seed_flies_another_track() -> None:
    poses = []
    for seed in (1, 2):
        autopilot, station = started(seed=seed)
        station.step(30.0)
        poses.append(autopilot.true_camera_pose())
    assert poses[0] != poses[1]


def test_without_a_home_item_the_take_off_is_swallowed() -> None:
    station = Station(parked())
    assert station.upload(mission_items(small_plan())) == 0
    station.set_mode(GUIDED)
    station.command(ARM, 1)
    assert station.command(MISSION_START) == FAILED
    assert "Auto: Missing Takeoff Cmd" in station.texts()


def test_an_acknowledged_start_without_motors_does_not_fly() -> None:
    autopilot = parked()
    station = Station(autopilot)
    station.upload([home_item(), *mission_items(small_plan())])
    assert station.command(MISSION_START) == ACCEPTED
    station.step(20.0)
    assert true_enu(autopilot)[2] == pytest.approx(0.0, abs=0.01)


def test_auto_without_a_mission_is_refused() -> None:
    assert Station(parked()).set_mode(AUTO) == FAILED


def test_pause_and_resume_in_auto() -> None:
    autopilot, station = started()
    station.step(30.0)
    index = autopilot.flight.mission.index
    assert station.set_mode(BRAKE) == ACCEPTED
    station.step(5.0)
    here = true_enu(autopilot)
    station.step(20.0)
    assert math.dist(here, true_enu(autopilot)) < 1.5
    assert station.set_mode(AUTO) == ACCEPTED
    assert autopilot.flight.mission.index == index
    run_until_disarmed(station)
    assert station.all("MISSION_ITEM_REACHED")[-1].seq == 9


def test_pause_continue_command_stays_in_auto() -> None:
    autopilot, station = started()
    station.step(30.0)
    assert station.command(mavlink.MAV_CMD_DO_PAUSE_CONTINUE, 0) == ACCEPTED
    station.step(5.0)
    here = true_enu(autopilot)
    station.step(10.0)
    assert math.dist(here, true_enu(autopilot)) < 1.5
    assert autopilot.flight.mode == AUTO
    assert station.command(mavlink.MAV_CMD_DO_PAUSE_CONTINUE, 1) == ACCEPTED
    station.step(10.0)
    assert math.dist(here, true_enu(autopilot)) > 10


def test_set_current_jumps_and_denies_what_is_not_there() -> None:
    autopilot, station = started()
    station.step(30.0)
    assert station.command(mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, 99) == DENIED
    assert station.command(mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, 7) == ACCEPTED
    assert autopilot.flight.mission.index == 7


def test_a_mission_replaced_while_flown_goes_on_at_the_same_number() -> None:
    autopilot, station = started()
    while autopilot.flight.mission.index != 4:
        station.step(0.5)
    station.step(2.0)
    items = mission_items(small_plan())
    station.upload([home_item(), *items[:3], MissionItem(command=20, frame=2)])
    station.step(20.0)
    assert math.dist(true_enu(autopilot)[:2], (0, 0)) < 5, "item 4 became the return"


def test_speed_and_camera_of_the_mission_are_obeyed() -> None:
    autopilot, station = started()
    speeds = []
    while autopilot.flight.mission.index < 6:
        station.step(0.5)
        speeds.append(math.hypot(*autopilot.flight.body.velocity[:2]))
    assert max(speeds) == pytest.approx(8.0, abs=0.4)
    assert autopilot.true_camera_pose().pitch_deg == pytest.approx(-55.0)


# other modes


def test_guided_reposition_flies_there_and_stays() -> None:
    autopilot, station = airborne()
    lat, lon = place(40.0, -30.0)
    message = mavlink.MAVLink_command_int_message(
        1, 1, 3, mavlink.MAV_CMD_DO_REPOSITION, 0, 0, 5.0, 1, 0, 0, round(lat * 1e7), round(lon * 1e7), 30.0
    )
    station.send(message)
    assert station.last("COMMAND_ACK").result == ACCEPTED
    station.step(30.0)
    assert math.dist(true_enu(autopilot)[:2], (40, -30)) < 4
    assert true_enu(autopilot)[2] == pytest.approx(30, abs=3)


def test_guided_velocity_lapses_after_three_seconds() -> None:
    autopilot, station = airborne()
    mask = 0b0000_0101_1100_0111
    station.send(
        mavlink.MAVLink_set_position_target_global_int_message(
            0, 1, 1, 6, mask, 0, 0, 0, 4.0, 0, 0, 0, 0, 0, 0, 0
        )
    )
    station.step(2.5)
    assert autopilot.flight.body.velocity[1] == pytest.approx(4.0, abs=0.3)
    station.step(6.0)
    assert abs(autopilot.flight.body.velocity[1]) < 0.5


def test_land_and_return_end_on_the_ground_disarmed() -> None:
    for mode in (LAND, RTL):
        autopilot, station = airborne()
        station.set_mode(mode)
        run_until_disarmed(station)
        assert true_enu(autopilot)[2] == pytest.approx(0.0, abs=0.01)


def test_a_region_of_interest_turns_vehicle_and_camera() -> None:
    autopilot, station = airborne()
    lat, lon = place(0.0, -20.0)
    station.command(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, 0, 0, 0, 0, lat, lon, 0.0)
    station.step(10.0)
    pose = autopilot.true_camera_pose()
    assert pose.yaw_deg == pytest.approx(180.0, abs=5)
    assert pose.pitch_deg == pytest.approx(-45.0, abs=4)


def test_gimbal_moves_at_a_limited_rate_within_its_limits() -> None:
    autopilot = parked(gimbal_pitch_deg=-10.0)
    station = Station(autopilot)
    assert station.command(mavlink.MAV_CMD_DO_MOUNT_CONTROL, -170, 0, 0, 0, 0, 0, 2) == ACCEPTED
    station.step(1.0)
    assert autopilot.true_camera_pose().pitch_deg == pytest.approx(-50.0, abs=1.0)
    station.step(5.0)
    assert autopilot.true_camera_pose().pitch_deg == -90.0
    assert station.command(mavlink.MAV_CMD_DO_MOUNT_CONTROL, math.nan, 0, 0, 0, 0, 0, 2) == DENIED


def test_it_stands_on_the_terrain_and_lands_on_it() -> None:
    class Slope(FlatTerrain):
        def elevation_m(self, latitude, longitude):  # type: ignore[no-untyped-def]
            return super().elevation_m(latitude, longitude) + (np.asarray(latitude) - HOME[0]) * 11_000

    autopilot = parked(terrain=Slope(40.0))
    station = Station(autopilot)
    station.set_mode(GUIDED)
    station.command(ARM, 1)
    station.command(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, 30)
    station.step(20.0)
    lat, lon = place(0.0, 80.0)
    station.command(mavlink.MAV_CMD_DO_REPOSITION, 0, 1, 0, 0, lat, lon, HOME[2] + 30)
    station.step(30.0)
    station.set_mode(LAND)
    run_until_disarmed(station)
    assert true_enu(autopilot)[2] == pytest.approx(8.0, abs=0.5), "the slope rises a tenth"


# failsafes


def test_low_battery_returns() -> None:
    autopilot, station = started(battery_fraction=0.16)
    run_until_disarmed(station)
    assert "Battery Failsafe - RTL" in station.texts()
    assert autopilot.flight.mode == RTL


def test_a_battery_swap_needs_stopped_motors() -> None:
    autopilot, station = armed(battery_fraction=0.5)
    assert not autopilot.swap_battery()
    station.command(ARM, 0)
    assert autopilot.swap_battery()
    assert autopilot.flight.body.battery.fraction == 1.0


def test_leaving_the_fence_returns() -> None:
    autopilot, station = airborne()
    assert station.upload(fence_items(small_plan(reach_m=50.0)), kind=1) == 0
    station.autopilot.parameters.set("FENCE_TYPE", 4)
    assert station.command(mavlink.MAV_CMD_DO_FENCE_ENABLE, 1) == ACCEPTED
    lat, lon = place(90.0, 0.0)
    station.command(mavlink.MAV_CMD_DO_REPOSITION, 0, 1, 0, 0, lat, lon, HOME[2] + 20)
    farthest = 0.0
    while autopilot.flight.armed:
        station.step(0.5)
        farthest = max(farthest, true_enu(autopilot)[0])
    assert "Polygon fence breached" in station.texts()
    assert 49 < farthest < 75
    assert math.dist(true_enu(autopilot)[:2], (0, 0)) < 4


def test_a_fence_that_is_breached_on_the_ground_forbids_arming() -> None:
    station = Station(parked())
    far = [MissionItem(command=5001, frame=0, param1=3, x=x, y=y) for x, y in ((1, 1), (1, 2), (2, 2))]
    assert station.upload(far, kind=1) == 0
    station.autopilot.parameters.set("FENCE_ENABLE", 1)
    station.set_mode(GUIDED)
    assert station.command(ARM, 1) == FAILED
    assert any("fence" in text for text in station.texts())


def test_loss_of_the_ground_station_returns_when_enabled() -> None:
    for enabled, mode in ((0, GUIDED), (1, RTL)):
        autopilot, station = airborne()
        autopilot.parameters.set("FS_GCS_ENABLE", enabled)
        station.send(mavlink.MAVLink_heartbeat_message(6, 8, 0, 0, 4, 3))
        station.step(4.0)
        assert autopilot.flight.mode == GUIDED
        station.step(4.0)
        assert autopilot.flight.mode == mode


def test_loss_of_gps_lands() -> None:
    autopilot, station = airborne()
    autopilot.inject("gps_loss")
    run_until_disarmed(station)
    assert autopilot.flight.mode == LAND


def test_silent_and_deaf_faults() -> None:
    autopilot, station = airborne()
    autopilot.inject("silent")
    heard = len(station.heard)
    station.step(3.0)
    assert len(station.heard) == heard
    autopilot.clear("silent")
    autopilot.inject("deaf")
    station.send(mavlink.MAVLink_set_mode_message(1, 1, LAND))
    assert autopilot.flight.mode == GUIDED
    with pytest.raises(ValueError, match="no_such"):
        autopilot.inject("no_such")


# parameters and addressing


def test_parameters_are_listed_read_and_set() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_param_request_list_message(1, 1))
    station.step(1.0)
    values = {m.param_id: m.param_value for m in station.all("PARAM_VALUE")}
    assert len(values) == station.last("PARAM_VALUE").param_count
    assert values["WPNAV_SPEED"] == 1000
    station.send(mavlink.MAVLink_param_set_message(1, 1, b"RTL_ALT", 5000, 9))
    assert station.last("PARAM_VALUE").param_value == 5000
    station.send(mavlink.MAVLink_param_set_message(1, 1, b"FENCE_ENABLE", 77, 9))
    assert station.last("PARAM_VALUE").param_value == 0, "out of range: the old value is answered"
    heard = len(station.heard)
    station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"WP_SPD", -1))
    assert len(station.heard) == heard, "an unknown name gets no answer"


def test_messages_for_others_are_not_answered() -> None:
    station = Station(parked())
    station.send(mavlink.MAVLink_command_long_message(2, 1, ARM, 0, 1, 0, 0, 0, 0, 0, 0))
    assert not station.all("COMMAND_ACK")


def test_each_station_has_its_own_streams_and_sequence() -> None:
    autopilot = parked()
    first, second = Station(autopilot), Station(autopilot, system_id=254)
    first.command(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAVLINK_MSG_ID_ATTITUDE, 100_000)
    first.step(3.0)
    second.step(0)
    assert len(first.all("ATTITUDE")) == 30
    assert not second.all("ATTITUDE")
    assert [m.get_seq() for m in second.heard] == list(range(len(second.heard)))


# what it believes


def test_believed_position_is_about_a_metre_off_and_slow() -> None:
    errors = []
    for seed in range(12):
        autopilot = parked(seed=seed)
        for _ in range(20):
            autopilot.step(20.0)
            east, north, _ = autopilot.flight.body.position
            errors.append((east, north))
    rms = math.sqrt(sum(e * e + n * n for e, n in errors) / len(errors))
    assert 0.7 < rms < 1.3
    autopilot = parked()
    before = autopilot.flight.body.position
    autopilot.step(0.2)
    assert math.dist(before, autopilot.flight.body.position) < 0.4


def test_home_is_where_it_was_armed() -> None:
    autopilot, station = armed(seed=3)
    station.step(0.1)
    home = station.last("HOME_POSITION")
    lat, lon, alt = autopilot.flight.home_geodetic
    assert (home.latitude, home.longitude) == (round(lat * 1e7), round(lon * 1e7))
    assert home.altitude == pytest.approx(alt * 1000, abs=1)


def test_system_time_is_utc_once_the_receiver_has_it() -> None:
    station = Station(SimulatedAutopilot(HOME, start=START))
    request = (mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_SYSTEM_TIME)
    station.step(1.0)
    station.command(*request)
    assert station.last("SYSTEM_TIME").time_unix_usec == 0
    station.step(4.0)
    station.command(*request)
    message = station.last("SYSTEM_TIME")
    assert message.time_unix_usec == int(START.timestamp() * 1e6) + message.time_boot_ms * 1000


def test_every_message_that_it_has_can_be_requested() -> None:
    station = Station(parked())
    for message_id in station.autopilot._reports.kinds:
        assert station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, message_id) == ACCEPTED
    version = station.last("AUTOPILOT_VERSION")
    assert version.flight_sw_version >> 24 == 4
