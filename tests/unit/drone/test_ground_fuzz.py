"""Whatever arrives on the ground side: no crash, no hang, and no wrong belief about the aircraft."""

from __future__ import annotations

import math
import struct
from dataclasses import asdict, replace
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import NoTelemetry
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.framing import Framing
from drone.mavlink.link import Link
from drone.vehicle import VehicleState
from missions.clock import SystemClock
from missions.messages import TelemetryMessage
from tests.unit.drone.test_link import Wire

HEARD = (
    "HEARTBEAT", "SYS_STATUS", "SYSTEM_TIME", "GPS_RAW_INT", "ATTITUDE", "GLOBAL_POSITION_INT",
    "HOME_POSITION", "MISSION_CURRENT", "EXTENDED_SYS_STATE", "STATUSTEXT", "GIMBAL_DEVICE_ATTITUDE_STATUS",
    "MOUNT_ORIENTATION", "WIND", "WIND_COV", "EKF_STATUS_REPORT", "ESTIMATOR_STATUS", "COMMAND_ACK",
    "MISSION_ACK", "PARAM_VALUE", "MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_REQUEST", "AUTOPILOT_VERSION",
)  # fmt: skip
IDS = st.sampled_from([getattr(mavlink, f"MAVLINK_MSG_ID_{name}") for name in HEARD])


class Ground:
    """The ground side of a link without threads: bytes in, knowledge out."""

    def __init__(self) -> None:
        self.known = Awareness(SystemClock(), CameraMounting())
        self.link = Link(Wire())
        self.link.add_listener(self.known.take)
        self._vehicle = Framing(1, 1)
        for message in (
            mavlink.MAVLink_heartbeat_message(2, 3, 81, 4, 3, 3),
            mavlink.MAVLink_system_time_message(1_777_600_000_000_000, 60_000),
            mavlink.MAVLink_attitude_message(60_000, 0, 0, 1.0, 0, 0, 0),
            mavlink.MAVLink_global_position_int_message(
                60_000, 284500000, 1179700000, 68000, 0, 0, 0, 0, 9000
            ),
            mavlink.MAVLink_mission_current_message(3, 9),
        ):
            self.feed(self._vehicle.pack(message))

    def feed(self, data: bytes) -> None:
        (channel,) = self.link._channels
        for message in channel.framing.parse(data):
            self.link._take(message, channel)

    def state(self) -> VehicleState:
        return self.known.state(link_alive=True, silent_s=0.0)


def frame(message_id: int, payload: bytes, system: int = 1, component: int = 1) -> bytes:
    """A MAVLink 2 packet with a good checksum, whatever it carries."""
    size = mavlink.mavlink_map[message_id].unpacker.size
    payload = payload[:size].ljust(size, b"\0").rstrip(b"\0") or b"\0"
    header = struct.pack(
        "<BBBBBBHB", len(payload), 0, 0, 7, system, component, message_id & 0xFFFF, message_id >> 16
    )
    crc = mavlink.x25crc(header + payload)
    crc.accumulate(struct.pack("B", mavlink.mavlink_map[message_id].crc_extra))
    return b"\xfd" + header + payload + struct.pack("<H", crc.crc)


SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(st.binary(max_size=400))
def test_noise_changes_nothing_that_is_believed(noise: bytes) -> None:
    ground = Ground()
    before = asdict(ground.state())
    ground.feed(noise)
    assert asdict(ground.state()) == before
    ground.feed(bytes(300))
    ground.feed(Framing(1, 1).pack(mavlink.MAVLink_mission_current_message(5, 9)) * 3)
    assert ground.state().current_item == 5, "and what is good comes through afterwards"


@SLOW
@given(st.lists(st.tuples(IDS, st.binary(min_size=1, max_size=255)), min_size=1, max_size=8))
def test_a_vehicle_that_says_anything_crashes_nothing(said: list[tuple[int, bytes]]) -> None:
    ground = Ground()
    for message_id, payload in said:
        ground.feed(frame(message_id, payload))
    ground.known.use_own_clock_if_needed()
    try:
        state = ground.state()
    except NoTelemetry:
        return
    assert all(math.isfinite(v) for v in asdict(state).values() if isinstance(v, float))
    # and the desk can be told
    TelemetryMessage(
        agent="lark", flight_id=uuid4(), at=state.at, latitude=state.latitude, longitude=state.longitude,
        altitude_amsl_m=state.altitude_amsl_m, altitude_above_home_m=state.altitude_above_home_m,
        heading_deg=state.heading_deg, ground_speed_m_s=state.ground_speed_m_s, climb_m_s=state.climb_m_s,
        mode=state.mode_name, armed=state.armed, battery_fraction=state.battery_fraction,
        battery_voltage_v=state.battery_voltage_v, gps_fix=state.gps_fix, satellites=state.satellites,
        wind_m_s=state.wind_m_s, waypoint=state.current_item, waypoints=state.items,
    )  # fmt: skip


@SLOW
@given(IDS, st.binary(min_size=1, max_size=255), st.integers(2, 255), st.integers(0, 255))
def test_what_other_systems_say_is_not_believed_of_ours(
    message_id: int, payload: bytes, system: int, component: int
) -> None:
    ground = Ground()
    before = ground.state()
    ground.feed(frame(message_id, payload, system, component))
    assert replace(ground.state(), at=before.at) == before
