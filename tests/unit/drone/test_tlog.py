"""Ground-station logs."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.recorded.errors import TelemetryBroken, TelemetryIncomplete
from drone.recorded.poses import PoseDefaults
from drone.recorded.tlog import tlog_poses

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "telemetry" / "logs" / "vtol.tlog"
BOOT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
DOWN = PoseDefaults(pitch_deg=-90.0)


def position(boot_s: float, latitude: float = 28.45) -> Any:
    return mavlink.MAVLink_global_position_int_message(
        int(boot_s * 1000), round(latitude * 1e7), 1_179_700_000, 118_000, 50_000, 0, 0, 0, 9000
    )


def attitude(boot_s: float, yaw: float) -> Any:
    return mavlink.MAVLink_attitude_message(int(boot_s * 1000), 0, 0, yaw, 0, 0, 0)


def system_time(boot_s: float) -> Any:
    return mavlink.MAVLink_system_time_message(int((BOOT.timestamp() + boot_s) * 1e6), int(boot_s * 1000))


def mount(boot_s: float, pitch: float, yaw: float) -> Any:
    return mavlink.MAVLink_mount_orientation_message(int(boot_s * 1000), 0, pitch, 0, yaw)


def gimbal(boot_s: float, pitch_half: tuple[float, float], flags: int) -> Any:
    w, y = pitch_half
    return mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, int(boot_s * 1000), flags, [w, 0.0, y, 0.0], 0, 0, 0, 0
    )


def write(path: Path, *messages: Any, clock_off_s: float = 0.0) -> Path:
    mav = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)
    file = path / "flight.tlog"
    content = b""
    for message in messages:
        boot_s = getattr(message, "time_boot_ms", 0) / 1000
        stamp = round((BOOT.timestamp() + boot_s + clock_off_s) * 1e6)
        content += struct.pack(">Q", stamp) + message.pack(mav)
    file.write_bytes(content)
    return file


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared log is missing")
def test_a_real_log() -> None:
    poses = tlog_poses(SHARED, DOWN)
    assert len(poses.track) > 750
    assert poses.start is None
    assert poses.ground_amsl_m == pytest.approx(581.1, abs=0.5)
    assert any("ground station's clock was +15.9 s off" in warning for warning in poses.warnings)
    with pytest.raises(TelemetryIncomplete, match="--pitch"):
        tlog_poses(SHARED)


def test_time_is_the_aircraft_s_and_heading_the_nose_s(tmp_path: Path) -> None:
    messages = [m for i in range(10) for m in (position(i), attitude(i, 3.0 + 0.05 * i), system_time(i))]
    poses = tlog_poses(write(tmp_path, *messages, clock_off_s=40.0), DOWN)
    pose = poses.track.at(BOOT.replace(second=4))
    assert pose.yaw_deg == pytest.approx(-176.65, abs=0.05)  # 3.2 rad, the short way round
    assert pose.altitude_amsl_m == 118.0
    assert (poses.ground_amsl_m, pose.pitch_deg) == (68.0, -90.0)
    assert any("+40.0 s off" in warning for warning in poses.warnings)
    assert any("nose" in warning for warning in poses.warnings)


def test_the_gimbal_s_own_words_come_first(tmp_path: Path) -> None:
    messages = [m for i in range(5) for m in (position(i), system_time(i), mount(i, -55.0, 120.0))]
    pose = tlog_poses(write(tmp_path, *messages)).track.poses()[2]
    assert (pose.pitch_deg, pose.yaw_deg) == pytest.approx((-55.0, 120.0))
    assert pose.heading_sigma_deg < 3


@pytest.mark.parametrize(
    ("flags", "yaw"), [(0, 57.2958), (mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME, 0.0)]
)
def test_gimbal_yaw_counts_from_the_nose_or_from_north(tmp_path: Path, flags: int, yaw: float) -> None:
    half = (0.9238795, -0.3826834)  # 45 degrees down
    messages = [
        m for i in range(5) for m in (attitude(i, 1.0), position(i), system_time(i), gimbal(i, half, flags))
    ]
    pose = tlog_poses(write(tmp_path, *messages)).track.poses()[3]
    assert (pose.pitch_deg, pose.yaw_deg) == pytest.approx((-45.0, yaw), abs=0.01)


def test_faults_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(TelemetryBroken, match="check the path"):
        tlog_poses(tmp_path / "none.tlog", DOWN)
    with pytest.raises(TelemetryIncomplete, match="GLOBAL_POSITION_INT"):
        tlog_poses(write(tmp_path, attitude(1, 0), attitude(2, 0)), DOWN)
    file = tmp_path / "noise.tlog"
    file.write_bytes(bytes(range(200)) * 30)
    with pytest.raises(TelemetryBroken, match=r"byte \d+"):
        tlog_poses(file, DOWN)
    file.write_bytes(b"")
    with pytest.raises(TelemetryBroken):
        tlog_poses(file, DOWN)


def test_one_bad_packet_is_left_out_with_its_place(tmp_path: Path) -> None:
    messages = [m for i in range(60) for m in (position(i), attitude(i, 0.0), system_time(i))]
    file = write(tmp_path, *messages)
    content = bytearray(file.read_bytes())
    content[25] ^= 0xFF  # in the payload of the first packet
    file.write_bytes(bytes(content))
    poses = tlog_poses(file, DOWN)
    assert len(poses.track) >= 59
    assert any("packets cannot be read, the first at byte" in warning for warning in poses.warnings)
