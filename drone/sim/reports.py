"""Telemetry of the simulated autopilot: one function per MAVLink message, from what the aircraft believes."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message
from drone.sim.battery import CELLS
from drone.sim.dynamics import Vector
from drone.sim.flight import GPS_AFTER_S, Flight
from drone.sim.mission_runner import COMPLETE
from drone.sim.mission_store import MISSION
from drone.sim.modes import CopterMode
from drone.sim.sensors import HEIGHT_SIGMA_M, POSITION_SIGMA_M

_SENSORS = (
    mavlink.MAV_SYS_STATUS_SENSOR_3D_GYRO
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_ACCEL
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_MAG
    | mavlink.MAV_SYS_STATUS_SENSOR_ABSOLUTE_PRESSURE
    | mavlink.MAV_SYS_STATUS_SENSOR_GPS
    | mavlink.MAV_SYS_STATUS_SENSOR_MOTOR_OUTPUTS
    | mavlink.MAV_SYS_STATUS_AHRS
    | mavlink.MAV_SYS_STATUS_SENSOR_BATTERY
    | mavlink.MAV_SYS_STATUS_PREARM_CHECK
)
_EKF_GOOD = 831
_EKF_WITHOUT_POSITION = 1 | 4 | 32 | 128
_CAPABILITIES = (
    mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_FLOAT
    | mavlink.MAV_PROTOCOL_CAPABILITY_PARAM_FLOAT
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_COMMAND_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_SET_POSITION_TARGET_GLOBAL_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_MAVLINK2
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_FENCE
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_RALLY
    | mavlink.MAV_PROTOCOL_CAPABILITY_PARAM_ENCODE_C_CAST
)


class Reports:
    """Builds messages on demand; holds nothing but where it reads from."""

    def __init__(self, flight: Flight, start: datetime, system_id: int) -> None:
        self._flight = flight
        self._start = start
        self._system_id = system_id
        self._builders: dict[int, Callable[[], Message]] = {
            mavlink.MAVLINK_MSG_ID_HEARTBEAT: self.heartbeat,
            mavlink.MAVLINK_MSG_ID_SYS_STATUS: self._sys_status,
            mavlink.MAVLINK_MSG_ID_SYSTEM_TIME: self._system_time,
            mavlink.MAVLINK_MSG_ID_GPS_RAW_INT: self._gps_raw_int,
            mavlink.MAVLINK_MSG_ID_ATTITUDE: self._attitude,
            mavlink.MAVLINK_MSG_ID_ATTITUDE_QUATERNION: self._attitude_quaternion,
            mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: self._global_position_int,
            mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED: self._local_position_ned,
            mavlink.MAVLINK_MSG_ID_MISSION_CURRENT: self._mission_current,
            mavlink.MAVLINK_MSG_ID_VFR_HUD: self._vfr_hud,
            mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: self._battery_status,
            mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION: self._autopilot_version,
            mavlink.MAVLINK_MSG_ID_MOUNT_STATUS: self._mount_status,
            mavlink.MAVLINK_MSG_ID_FENCE_STATUS: self._fence_status,
            mavlink.MAVLINK_MSG_ID_WIND: self._wind,
            mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT: self._ekf_status_report,
            mavlink.MAVLINK_MSG_ID_ESTIMATOR_STATUS: self._estimator_status,
            mavlink.MAVLINK_MSG_ID_WIND_COV: self._wind_cov,
            mavlink.MAVLINK_MSG_ID_HOME_POSITION: self.home_position,
            mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: self._extended_sys_state,
            mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: self._gimbal_attitude,
            mavlink.MAVLINK_MSG_ID_GIMBAL_MANAGER_INFORMATION: self._gimbal_manager,
        }

    @property
    def kinds(self) -> frozenset[int]:
        """Message ids that can be asked for."""
        return frozenset(self._builders) - self._flight.flavour.absent

    def build(self, message_id: int) -> Message:
        """Raises KeyError for a message that this vehicle does not have."""
        return self._builders[message_id]()

    @property
    def _boot_ms(self) -> int:
        return round(self._flight.time_s * 1000)

    @property
    def _relative_up(self) -> float:
        return self._flight.body.position[2] - self._flight.home_enu[2]

    def _geodetic(self, position: Vector) -> tuple[int, int, float]:
        lat, lon, alt = (float(v) for v in self._flight.frame.to_geodetic([position])[0])
        return round(lat * 1e7), round(lon * 1e7), alt

    def heartbeat(self) -> Message:
        flight = self._flight
        base = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | mavlink.MAV_MODE_FLAG_STABILIZE_ENABLED
        if flight.mode in (CopterMode.AUTO, CopterMode.RTL, CopterMode.LAND, CopterMode.GUIDED):
            base |= mavlink.MAV_MODE_FLAG_GUIDED_ENABLED
        if flight.armed:
            base |= mavlink.MAV_MODE_FLAG_SAFETY_ARMED
        state = mavlink.MAV_STATE_STANDBY if flight.body.landed else mavlink.MAV_STATE_ACTIVE
        return mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_QUADROTOR, flight.flavour.autopilot, base,
            flight.flavour.custom_mode(flight.mode), state, 3,
        )  # fmt: skip

    def _sys_status(self) -> Message:
        flight, battery = self._flight, self._flight.body.battery
        health = _SENSORS
        if not flight.prearm_bit:
            health &= ~mavlink.MAV_SYS_STATUS_PREARM_CHECK
        if not flight.gps_good:
            health &= ~mavlink.MAV_SYS_STATUS_SENSOR_GPS
        if not flight.position_good:
            health &= ~mavlink.MAV_SYS_STATUS_AHRS
        return mavlink.MAVLink_sys_status_message(
            _SENSORS, _SENSORS, health, 250, round(battery.voltage_v * 1000),
            min(32767, round(battery.current_a * 100)), round(battery.fraction * 100), 0, 0, 0, 0, 0, 0,
        )  # fmt: skip

    def unix_usec(self) -> int:
        """UTC of now in microseconds, 0 while the receiver has no time yet."""
        if self._flight.time_s < GPS_AFTER_S:
            return 0
        instant = self._start + timedelta(seconds=self._flight.time_s)
        epoch = datetime(1970, 1, 1, tzinfo=self._start.tzinfo)
        return (instant - epoch) // timedelta(microseconds=1)

    def _system_time(self) -> Message:
        return mavlink.MAVLink_system_time_message(self.unix_usec(), self._boot_ms)

    def _gps_raw_int(self) -> Message:
        flight, sensors = self._flight, self._flight.body.sensors
        if not flight.gps_good:
            return mavlink.MAVLink_gps_raw_int_message(
                self._boot_ms * 1000, mavlink.GPS_FIX_TYPE_NO_FIX, 0, 0, 0, 9999, 9999, 0, 0, 3
            )
        east, north, up = flight.body.position
        noisy = (east + sensors.white(0.2), north + sensors.white(0.2), up + sensors.white(0.3))
        lat, lon, alt = self._geodetic(noisy)
        speed, course = _speed_and_course(flight.body.velocity)
        return mavlink.MAVLink_gps_raw_int_message(
            self._boot_ms * 1000, mavlink.GPS_FIX_TYPE_3D_FIX, lat, lon, round(alt * 1000), 80, 110,
            round(speed * 100), round(course * 100) % 36000, 17, round(alt * 1000),
            round(POSITION_SIGMA_M * 1000), round(HEIGHT_SIGMA_M * 1000), 200, 0,
        )  # fmt: skip

    def _attitude(self) -> Message:
        roll, pitch, yaw = (math.radians(v) for v in self._flight.body.attitude_deg)
        rate = math.radians(self._flight.body.rotor.motion.yaw_rate_deg_s)
        yaw = (yaw + math.pi) % (2 * math.pi) - math.pi
        return mavlink.MAVLink_attitude_message(self._boot_ms, roll, pitch, yaw, 0.0, 0.0, rate)

    def _attitude_quaternion(self) -> Message:
        roll, pitch, yaw = (math.radians(v) / 2 for v in self._flight.body.attitude_deg)
        (sr, cr), (sp, cp), (sy, cy) = ((math.sin(v), math.cos(v)) for v in (roll, pitch, yaw))
        rate = math.radians(self._flight.body.rotor.motion.yaw_rate_deg_s)
        return mavlink.MAVLink_attitude_quaternion_message(
            self._boot_ms, cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy, 0.0, 0.0, rate,
        )  # fmt: skip

    def _global_position_int(self) -> Message:
        flight = self._flight
        if not flight.position_good:
            return mavlink.MAVLink_global_position_int_message(self._boot_ms, 0, 0, 0, 0, 0, 0, 0, 65535)
        lat, lon, alt = self._geodetic(flight.body.position)
        east, north, up = flight.body.velocity
        return mavlink.MAVLink_global_position_int_message(
            self._boot_ms, lat, lon, round(alt * 1000), round(self._relative_up * 1000),
            round(north * 100), round(east * 100), round(-up * 100),
            round(flight.body.attitude_deg[2] * 100) % 36000,
        )  # fmt: skip

    def _local_position_ned(self) -> Message:
        (east, north, up), (ve, vn, vu) = self._flight.body.position, self._flight.body.velocity
        return mavlink.MAVLink_local_position_ned_message(self._boot_ms, north, east, -up, vn, ve, -vu)

    def _mission_current(self) -> Message:
        mission = self._flight.mission
        total = max(0, len(self._flight.store.items(MISSION)) - 1)
        state = mission.state if total else 1
        running = self._flight.mode == CopterMode.AUTO or state == COMPLETE
        number = self._flight.flavour.on_wire(mission.index)
        return mavlink.MAVLink_mission_current_message(number, total, state, 1 if running else 2)

    def _vfr_hud(self) -> Message:
        body = self._flight.body
        speed, _ = _speed_and_course(body.velocity)
        throttle = 0 if body.landed else round(100 * min(1.0, body.battery.power_w / 500))
        return mavlink.MAVLink_vfr_hud_message(
            0.0 if body.landed else body.airspeed_m_s, speed, round(body.attitude_deg[2]) % 360, throttle,
            self._flight.frame.altitude_amsl_m + body.position[2], body.velocity[2],
        )  # fmt: skip

    def _battery_status(self) -> Message:
        battery = self._flight.body.battery
        cells = [round(battery.voltage_v / CELLS * 1000)] * CELLS + [65535] * (10 - CELLS)
        used_mah = round((1 - battery.fraction) * battery.capacity_mah)
        return mavlink.MAVLink_battery_status_message(
            0, 0, 1, 2500, cells, min(32767, round(battery.current_a * 100)), used_mah,
            round(battery.used_wh * 36), round(battery.fraction * 100),
        )  # fmt: skip

    def _autopilot_version(self) -> Message:
        major, minor, patch = self._flight.flavour.version
        version = (major << 24) | (minor << 16) | (patch << 8) | 255
        return mavlink.MAVLink_autopilot_version_message(
            _CAPABILITIES, version, 0, 0, 0, [0] * 8, [0] * 8, [0] * 8, 0, 0, 0x5B0000 + self._system_id
        )

    def _mount_status(self) -> Message:
        roll, pitch, _ = self._flight.body.camera_deg
        return mavlink.MAVLink_mount_status_message(0, 0, round(pitch * 100), round(roll * 100), 0, 2)

    def _fence_status(self) -> Message:
        part = self._flight.fence.breach(self._flight.body.position)
        kind = {None: 0, "Max Alt": 2, "Circle": 3, "Polygon": 3}[part]
        return mavlink.MAVLink_fence_status_message(int(part is not None), 0, kind, self._boot_ms)

    def _wind(self) -> Message:
        east, north = self._flight.body.mean_wind
        towards = math.degrees(math.atan2(east, north))
        return mavlink.MAVLink_wind_message((towards + 180.0) % 360.0, math.hypot(east, north), 0.0)

    def _ekf_status_report(self) -> Message:
        flags = _EKF_GOOD if self._flight.position_good else _EKF_WITHOUT_POSITION
        return mavlink.MAVLink_ekf_status_report_message(flags, 0.05, 0.03, 0.04, 0.05, 0.0)

    def _estimator_status(self) -> Message:
        flags = _EKF_GOOD if self._flight.position_good else _EKF_WITHOUT_POSITION
        return mavlink.MAVLink_estimator_status_message(
            self._boot_ms * 1000, flags, 0.05, 0.03, 0.04, 0.05, 0.0, 0.0, POSITION_SIGMA_M, HEIGHT_SIGMA_M
        )

    def _wind_cov(self) -> Message:
        east, north = self._flight.body.mean_wind
        return mavlink.MAVLink_wind_cov_message(
            self._boot_ms * 1000, north, east, 0.0, 0.1, 0.1, 0.0, 0.5, 0.5
        )

    def home_position(self) -> Message:
        lat, lon, alt = self._geodetic(self._flight.home_enu)
        return mavlink.MAVLink_home_position_message(
            lat, lon, round(alt * 1000), 0.0, 0.0, 0.0, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0
        )

    def _extended_sys_state(self) -> Message:
        flight = self._flight
        state = mavlink.MAV_LANDED_STATE_IN_AIR
        if flight.body.landed:
            state = mavlink.MAV_LANDED_STATE_ON_GROUND
        elif flight.landing:
            state = mavlink.MAV_LANDED_STATE_LANDING
        return mavlink.MAVLink_extended_sys_state_message(0, state)

    def _gimbal_attitude(self) -> Message:
        roll, pitch, _ = (math.radians(v) / 2 for v in self._flight.body.camera_deg)
        # rotation about pitch, then roll; yaw is that of the vehicle
        quaternion = [
            math.cos(roll) * math.cos(pitch), math.sin(roll) * math.cos(pitch),
            math.cos(roll) * math.sin(pitch), -math.sin(roll) * math.sin(pitch),
        ]  # fmt: skip
        flags = (
            mavlink.GIMBAL_DEVICE_FLAGS_ROLL_LOCK
            | mavlink.GIMBAL_DEVICE_FLAGS_PITCH_LOCK
            | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
        )
        return mavlink.MAVLink_gimbal_device_attitude_status_message(
            0, 0, self._boot_ms, flags, quaternion, 0.0, 0.0, 0.0, 0
        )

    def _gimbal_manager(self) -> Message:
        gimbal = self._flight.body.gimbal
        return mavlink.MAVLink_gimbal_manager_information_message(
            self._boot_ms,
            mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_ROLL_LOCK
            | mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_PITCH_AXIS
            | mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_PITCH_LOCK,
            1, 0.0, 0.0, math.radians(gimbal.lowest_deg), math.radians(gimbal.highest_deg), 0.0, 0.0,
        )  # fmt: skip


def _speed_and_course(velocity: Vector) -> tuple[float, float]:
    east, north, _ = velocity
    return math.hypot(east, north), math.degrees(math.atan2(east, north)) % 360.0
