"""MAVSDK, written by others, against our simulated vehicle; our transfer against MAVSDK's mission server."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drone.mavlink.link import Link, Patience
from drone.mavlink.meaning import MISSION, WireItem, difference
from drone.mavlink.transfer import MissionTransfer
from drone.sim.autopilot import SimulatedAutopilot
from drone.vehicle import Verdict
from missions.mission_items import FRAME_MISSION, fence_items, mission_items
from missions.plan_files import read_plan, write_plan
from tests.vehicles import FRAME, HOME, LossyRelay, parked, small_plan

mavsdk = pytest.importorskip("mavsdk", reason="the package mavsdk is not installed")
pytestmark = [pytest.mark.peer]
ROOT = Path(__file__).resolve().parents[2]


class Ground:
    """A MAVSDK ground station connected to one simulated vehicle."""

    def __init__(self, autopilot: SimulatedAutopilot, url: str) -> None:
        from mavsdk.plugins.action import Action
        from mavsdk.plugins.mission_raw import MissionRaw
        from mavsdk.plugins.telemetry import Telemetry

        self.autopilot = autopilot
        configuration = mavsdk.Configuration.create_with_component_type(mavsdk.ComponentType.GROUND_STATION)
        self._mavsdk = mavsdk.Mavsdk(configuration)
        assert self._mavsdk.add_any_connection(url) == mavsdk.ConnectionResult.SUCCESS
        self.system = self._mavsdk.first_autopilot(20.0)
        assert self.system is not None
        self.telemetry, self.action, self.mission = (
            Telemetry(self.system), Action(self.system), MissionRaw(self.system)
        )  # fmt: skip

    def until(self, met: Callable[[], bool], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not met():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def close(self) -> None:
        self._mavsdk.destroy()


@pytest.fixture(params=["tcp", "udp"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from connected(request.param)


@pytest.fixture
def px4() -> Iterator[Ground]:
    yield from connected("udp", flavour="px4")


def connected(kind: str, **setup: object) -> Iterator[Ground]:
    autopilot = parked(wind=(2.0, -1.0), **setup)
    if kind == "tcp":
        port = autopilot.serve("tcpin:127.0.0.1:0").rsplit(":", 1)[1]
        url = f"tcpout://127.0.0.1:{port}"
    else:
        port = str(LossyRelay.free_port())
        autopilot.serve(f"udpout:127.0.0.1:{port}")
        url = f"udpin://127.0.0.1:{port}"
    autopilot.run_realtime(1.0)
    station = None
    try:
        station = Ground(autopilot, url)
        yield station
    finally:
        if station is not None:
            station.close()
        autopilot.close()


def test_it_is_recognised_and_its_telemetry_understood(ground: Ground) -> None:
    assert ground.system.autopilot_type() == mavsdk.Autopilot.ARDUPILOT
    assert ground.system.vehicle_type() == mavsdk.Vehicle.MULTICOPTER
    telemetry = ground.telemetry
    wanted = ("position", "health", "battery", "gps_info", "attitude_euler", "attitude_quaternion")
    for what in (*wanted, "landed_state"):
        getattr(telemetry, f"set_rate_{what}")(5.0)
    ground.until(telemetry.health_all_ok)
    ground.until(lambda: not math.isnan(telemetry.position().latitude_deg))
    position = telemetry.position()
    assert position.latitude_deg == pytest.approx(HOME[0], abs=5e-5)
    assert position.relative_altitude_m == pytest.approx(0.0, abs=3.0)
    assert telemetry.gps_info().num_satellites == 17
    ground.until(lambda: telemetry.battery().remaining_percent > 90)
    assert telemetry.home().absolute_altitude_m == pytest.approx(HOME[2], abs=0.1)


@pytest.mark.slow
def test_a_plan_file_is_uploaded_flown_to_its_end_and_home(ground: Ground, tmp_path: Path) -> None:
    """The .plan of our planner, read and uploaded by MAVSDK, at ten times real time."""
    file = tmp_path / "patrol.plan"
    write_plan(small_plan(), file)
    data = ground.mission.import_qgroundcontrol_mission(str(file))
    assert len(data.mission_items) == 1 + len(mission_items(small_plan()))
    ground.mission.upload_geofence(data.geofence_items)
    ground.mission.upload_rally_points(data.rally_items)
    ground.mission.upload_mission(data.mission_items)
    assert len(ground.mission.download_mission()) == len(data.mission_items)
    assert len(ground.mission.download_geofence()) == len(data.geofence_items)
    ground.telemetry.set_rate_position(10.0)
    ground.until(lambda: ground.autopilot.flight.prearm_bit)
    ground.action.arm()
    ground.mission.start_mission()
    ground.autopilot.speed = 10.0
    heights = []

    def over() -> bool:
        heights.append(ground.telemetry.position().relative_altitude_m)
        return not ground.telemetry.armed()

    ground.until(ground.telemetry.armed)
    ground.until(over, 60.0)
    assert max(h for h in heights if not math.isnan(h)) == pytest.approx(40.0, abs=3.0)
    progress = ground.mission.mission_progress()
    assert progress.total == len(data.mission_items)
    pose = ground.autopilot.true_camera_pose()
    east, north, up = FRAME.to_enu(pose.latitude, pose.longitude, pose.altitude_amsl_m)[0]
    assert math.hypot(east, north) < 4.0
    assert up == pytest.approx(0.0, abs=0.1)


def test_px4_is_recognised_and_flies_a_plan_to_its_end_and_home(px4: Ground, tmp_path: Path) -> None:
    """MAVSDK knows PX4 best: its own way of uploading, arming, starting and counting."""
    from mavsdk.plugins.telemetry import FlightMode

    assert px4.system.autopilot_type() == mavsdk.Autopilot.PX4
    file = tmp_path / "patrol.plan"
    write_plan(small_plan(lanes=1, length_m=40, height_m=15), file)
    items = px4.mission.import_qgroundcontrol_mission(str(file)).mission_items
    if items[0].command == 16:
        # the reader puts home first, as ArduPilot wants it; PX4 has no such item
        items = items[1:]
    for seq, item in enumerate(items):
        item.seq, item.current = seq, int(seq == 0)
    px4.mission.upload_mission(items)
    assert [item.command for item in px4.mission.download_mission()] == [item.command for item in items]
    px4.until(px4.telemetry.health_all_ok)
    px4.action.arm()
    px4.mission.start_mission()
    px4.autopilot.speed = 10.0
    px4.until(px4.telemetry.armed)
    px4.until(lambda: px4.telemetry.flight_mode() == FlightMode.RETURN_TO_LAUNCH, 60.0)
    px4.until(lambda: not px4.telemetry.armed(), 60.0)
    pose = px4.autopilot.true_camera_pose()
    east, north, up = FRAME.to_enu(pose.latitude, pose.longitude, pose.altitude_amsl_m)[0]
    assert math.hypot(east, north) < 4.0
    assert up == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("ground", ["tcp"], indirect=True)
def test_a_plan_file_of_the_command_line_reads_as_the_same_commands(ground: Ground, tmp_path: Path) -> None:
    """What ``skybeat plan`` writes for QGroundControl, item by item as MAVSDK's own reader understands it."""
    command = [sys.executable, "-m", "skybeat", "plan", "--cell", "361102001010"]
    files = [f"--out={tmp_path / name}" for name in ("patrol.json", "patrol.plan")]
    subprocess.run([*command, *files], cwd=ROOT, check=True, capture_output=True)
    plan = read_plan(tmp_path / "patrol.json")
    read = ground.mission.import_qgroundcontrol_mission(str(tmp_path / "patrol.plan"))
    home, *items = read.mission_items
    assert (home.x / 1e7, home.y / 1e7) == pytest.approx(plan.home[:2], abs=1e-7)
    expected = mission_items(plan)
    assert [item.command for item in items] == [item.command for item in expected]
    for theirs, ours in zip(items, expected, strict=True):
        placed = ours.frame != FRAME_MISSION
        assert theirs.frame == ours.frame
        assert [theirs.param1, theirs.param2, theirs.param3] == pytest.approx(
            [ours.param1, ours.param2, ours.param3]
        )
        assert theirs.param4 == pytest.approx(ours.param4, nan_ok=True)
        assert theirs.z == pytest.approx(ours.z, abs=0.01)
        if placed:
            assert (theirs.x / 1e7, theirs.y / 1e7) == pytest.approx((ours.x, ours.y), abs=1e-7)
    corners = [item for item in read.geofence_items if item.command in (5001, 5002)]
    assert len(corners) == len(fence_items(plan))


def test_take_off_pause_and_return_by_hand(ground: Ground) -> None:
    telemetry = ground.telemetry
    ground.until(lambda: ground.autopilot.flight.prearm_bit)
    telemetry.set_rate_position(10.0)
    ground.action.set_takeoff_altitude(15.0)
    ground.action.arm()
    ground.action.takeoff()
    ground.autopilot.speed = 10.0
    ground.until(lambda: telemetry.position().relative_altitude_m > 13.0)
    ground.action.return_to_launch()
    ground.until(lambda: not telemetry.armed(), 40.0)


def test_refusals_reach_the_other_side(ground: Ground) -> None:
    from mavsdk.plugins.mission_raw import MissionItem, MissionRawError

    bad = MissionItem(
        seq=0, frame=3, command=4242, current=1, autocontinue=1, param1=0.0, param2=0.0, param3=0.0,
        param4=0.0, x=0, y=0, z=10.0, mission_type=0,
    )  # fmt: skip
    home = MissionItem(
        seq=0, frame=0, command=16, current=1, autocontinue=1, param1=0.0, param2=0.0, param3=0.0,
        param4=0.0, x=284500000, y=1179700000, z=68.0, mission_type=0,
    )  # fmt: skip
    bad.seq, bad.current = 1, 0
    with pytest.raises(MissionRawError):
        ground.mission.upload_mission([home, bad])


def test_our_upload_is_taken_by_a_mission_server_that_others_wrote() -> None:
    """MAVSDK as the vehicle's side of the protocol: it asks with MISSION_REQUEST_INT and keeps NaN."""
    from mavsdk.plugins.mission_raw_server import MissionRawServer

    port = LossyRelay.free_port()
    link = Link(f"udp:127.0.0.1:{port}")
    link.start()
    configuration = mavsdk.Configuration.create_with_component_type(mavsdk.ComponentType.AUTOPILOT)
    peer: Any = mavsdk.Mavsdk(configuration)
    try:
        assert peer.add_any_connection(f"udpout://127.0.0.1:{port}") == mavsdk.ConnectionResult.SUCCESS
        server = MissionRawServer(peer.server_component_by_type(mavsdk.ComponentType.AUTOPILOT))
        link.wait_for_vehicle(20.0)
        transfer = MissionTransfer(link, Patience())
        items = [WireItem.of(item) for item in mission_items(small_plan())]
        outcome = transfer.upload(MISSION, items)
        assert outcome.verdict is Verdict.ACCEPTED, outcome.why
        stored = transfer.download(MISSION)
        assert stored is not None
        assert difference(MISSION, items, stored) is None
        del server
    finally:
        link.close()
        peer.destroy()
