"""Ground-station logs (.tlog): MAVLink packets, each behind a stamp of the ground station's clock -> poses.

Time is the vehicle's own: ``time_boot_ms`` put on UTC by SYSTEM_TIME, which comes from the satellites; the
stamps only stand in where there is none. The camera's attitude is the gimbal's where the log has it
(GIMBAL_DEVICE_ATTITUDE_STATUS or MOUNT_ORIENTATION), else the user's pitch with the aircraft's heading.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.recorded.errors import TelemetryBroken, TelemetryIncomplete
from drone.recorded.poses import GPS_SIGMA_M, PoseDefaults, RecordedPoses, terrain_at
from drone.telemetry import PoseTrack
from missions.heights import datum_alarm
from vision.attitude import AttitudeUnknown, YawFrame, camera_attitude
from vision.camera import Pose

Array = NDArray[np.float64]

MAVLINK_1, MAVLINK_2 = 0xFE, 0xFD
MOST_BROKEN = 0.05
CLOCKS_DIFFER_S = 2.0
GIMBAL_SIGMA_DEG, HEADING_SIGMA_DEG = 1.0, 2.0
FIXED_PITCH_SIGMA_DEG, FIXED_HEADING_SIGMA_DEG = 3.0, 5.0
HEIGHT_SIGMA_M = 2.0
NEAR_HOME_M = 3.0


@dataclass(slots=True)
class _Columns:
    """What was read, by message: rows of numbers, the first is seconds since boot."""

    positions: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    attitudes: list[tuple[float, float]] = field(default_factory=list)
    gimbals: list[tuple[float, float, float, float]] = field(default_factory=list)
    gimbals_without_heading: int = 0
    boot_utc_s: list[float] = field(default_factory=list)
    boot_logged_s: list[float] = field(default_factory=list)


def tlog_poses(path: Path | str, defaults: PoseDefaults | None = None) -> RecordedPoses:
    """Camera poses of a ground-station log.

    ``RecordedPoses.start`` is None: the log runs on a clock of its own, and the video's start is another.

    Raises:
        TelemetryBroken: no such file, or not a tlog; names the byte.
        TelemetryIncomplete: no positions, or nothing says how far down the camera looked.
    """
    file, given = Path(path), defaults or PoseDefaults()
    warnings: list[str] = []
    columns = _read(file, warnings)
    if not columns.positions:
        raise TelemetryIncomplete(f"{file}: it has no position (GLOBAL_POSITION_INT); give another log")
    boot = _boot_time(columns, warnings)
    rows = np.array(sorted(set(columns.positions)))
    rows = rows[np.unique(rows[:, 0], return_index=True)[1]]
    look = _look(file, columns, rows[:, 0], given, warnings)
    home = terrain_at(given.terrain, rows[0, 1], rows[0, 2]) if given.terrain is not None else None
    near = home if abs(rows[0, 4]) < NEAR_HOME_M else None
    alarm = datum_alarm(rows[:, 3], rows[:, 4], near, (float(rows[0, 1]), float(rows[0, 2])))
    if alarm:
        warnings.append(f"alarm: {alarm}")
    if columns.gimbals_without_heading:
        warnings.append(
            f"{columns.gimbals_without_heading} gimbal angles count from the nose before any heading is "
            "known; they are left out"
        )
    poses = [
        Pose(
            captured_at=boot + timedelta(seconds=float(row[0])),
            latitude=float(row[1]), longitude=float(row[2]), altitude_amsl_m=float(row[3]),
            yaw_deg=float(look.yaw[i]), pitch_deg=float(look.pitch[i]),
            roll_deg=float(look.roll[i]), position_sigma_m=GPS_SIGMA_M, altitude_sigma_m=HEIGHT_SIGMA_M,
            attitude_sigma_deg=look.attitude_sigma_deg, heading_sigma_deg=look.heading_sigma_deg,
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip
    ground = given.takeoff_amsl_m
    if ground is None:
        ground = float(np.median(rows[:, 3] - rows[:, 4]))
        if given.terrain is None:
            warnings.append(f"no terrain is given: the ground is taken as flat at home's {ground:.1f} m")
    return RecordedPoses(
        track=PoseTrack(poses), start=None, ground_amsl_m=ground,
        source=f"ground-station log, {len(poses)} poses", warnings=tuple(warnings),
    )  # fmt: skip


def _read(file: Path, warnings: list[str]) -> _Columns:
    columns, first, good = _Columns(), "", 0
    broken = 0
    for offset, stamp_s, message in _packets(file):
        if message is None:
            broken += 1
            first = first or f"byte {offset}"
            continue
        good += 1
        _take(columns, stamp_s, message)
    if good == 0 or broken > max(1, MOST_BROKEN * good):
        raise TelemetryBroken(
            f"{file}: no ground-station log, or a damaged one: {good} packets are readable, {broken} not, "
            f"the first at {first or 'byte 0'}; give the .tlog that the ground station wrote"
        )
    if broken:
        warnings.append(f"{file.name}: {broken} packets cannot be read, the first at {first}; left out")
    return columns


def _packets(file: Path) -> Iterator[tuple[int, float, Any | None]]:
    """(offset, stamp in seconds, message) of each packet; None for one that cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TelemetryBroken(
            f"{file}: cannot be read ({error.strerror or error}); check the path"
        ) from error
    mav = mavlink.MAVLink(None)
    at = 0
    while at + 10 < len(data):
        start = at + 8
        if data[start] == MAVLINK_2:
            end = start + 12 + data[start + 1] + (13 if data[start + 2] & 1 else 0)
        elif data[start] == MAVLINK_1:
            end = start + 8 + data[start + 1]
        else:
            found = min(
                (i for i in (data.find(b"\xfd", start), data.find(b"\xfe", start)) if i > 0), default=-1
            )
            yield at, 0.0, None
            if found < 0:
                return
            at = max(found - 8, at + 1)
            continue
        stamp = struct.unpack_from(">Q", data, at)[0] / 1e6
        try:
            yield at, stamp, mav.decode(bytearray(data[start:end]))
        except mavlink.MAVError:
            yield at, stamp, None
        at = end


def _take(columns: _Columns, stamp_s: float, message: Any) -> None:
    kind = message.get_type()
    if not hasattr(message, "time_boot_ms"):
        return
    boot_s = message.time_boot_ms / 1000
    columns.boot_logged_s.append(stamp_s - boot_s)
    if kind == "GLOBAL_POSITION_INT" and (message.lat or message.lon):
        columns.positions.append(
            (boot_s, message.lat / 1e7, message.lon / 1e7, message.alt / 1e3, message.relative_alt / 1e3)
        )
    elif kind == "ATTITUDE":
        columns.attitudes.append((boot_s, math.degrees(message.yaw)))
    elif kind == "SYSTEM_TIME" and message.time_unix_usec > 0:
        columns.boot_utc_s.append(message.time_unix_usec / 1e6 - boot_s)
    elif kind == "MOUNT_ORIENTATION":
        yaw = getattr(message, "yaw_absolute", float("nan"))
        if math.isfinite(yaw) and math.isfinite(message.pitch):
            columns.gimbals.append((boot_s, yaw, message.pitch, message.roll))
    elif kind == "GIMBAL_DEVICE_ATTITUDE_STATUS":
        roll, pitch, yaw = _angles(message.q)
        earth = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME | mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
        frame = YawFrame.EARTH if message.flags & earth else YawFrame.VEHICLE
        heading = columns.attitudes[-1][1] if columns.attitudes else math.nan
        try:
            yaw, pitch, roll = camera_attitude([yaw, pitch, roll], frame, [heading, 0.0, 0.0])[0]
        except AttitudeUnknown:
            columns.gimbals_without_heading += 1
            return
        columns.gimbals.append((boot_s, yaw, pitch, roll))


def _angles(quaternion: Any) -> tuple[float, float, float]:
    """Roll, pitch, yaw in degrees of a MAVLink quaternion (w, x, y, z), turned in the order z, y, x."""
    w, x, y, z = (float(part) for part in quaternion)
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return math.degrees(roll), math.degrees(pitch), math.degrees(yaw)


def _boot_time(columns: _Columns, warnings: list[str]) -> datetime:
    logged_s = float(np.median(columns.boot_logged_s))
    if not columns.boot_utc_s:
        warnings.append("the log has no SYSTEM_TIME: times are those of the ground station's clock")
        return datetime.fromtimestamp(logged_s, UTC)
    utc_s = float(np.median(columns.boot_utc_s))
    if abs(utc_s - logged_s) > CLOCKS_DIFFER_S:
        warnings.append(
            f"the ground station's clock was {logged_s - utc_s:+.1f} s off the aircraft's, which is taken"
        )
    return datetime.fromtimestamp(utc_s, UTC)


@dataclass(frozen=True, slots=True)
class _Look:
    yaw: Array
    pitch: Array
    roll: Array
    attitude_sigma_deg: float
    heading_sigma_deg: float


def _look(file: Path, columns: _Columns, seconds: Array, given: PoseDefaults, warnings: list[str]) -> _Look:
    level = np.zeros(len(seconds))
    if columns.gimbals and given.pitch_deg is None:
        rows = np.array(columns.gimbals)
        yaw, pitch, roll = (_at(seconds, rows[:, 0], rows[:, i]) for i in (1, 2, 3))
        return _Look(yaw, pitch, roll, GIMBAL_SIGMA_DEG, HEADING_SIGMA_DEG)
    if given.pitch_deg is None:
        raise TelemetryIncomplete(
            f"{file}: the log has no gimbal and does not say how far down the camera looked: give --pitch"
        )
    pitch = level + given.pitch_deg
    if given.yaw_deg is not None:
        return _Look(level + given.yaw_deg, pitch, level, FIXED_PITCH_SIGMA_DEG, FIXED_HEADING_SIGMA_DEG)
    if not columns.attitudes:
        raise TelemetryIncomplete(f"{file}: the log has no attitude: give --yaw")
    warnings.append("the log has no gimbal heading: the camera is taken to look where the nose points")
    rows = np.array(columns.attitudes)
    return _Look(
        _at(seconds, rows[:, 0], rows[:, 1]), pitch, level, FIXED_PITCH_SIGMA_DEG, FIXED_HEADING_SIGMA_DEG
    )


def _at(seconds: Array, known: Array, degrees: Array) -> Array:
    """Angles at other instants, the short way round."""
    order = np.argsort(known, kind="stable")
    unwrapped = np.unwrap(degrees[order], period=360.0)
    return (np.interp(seconds, known[order], unwrapped) + 180.0) % 360.0 - 180.0
