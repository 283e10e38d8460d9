"""Whatever arrives, the simulated vehicle and our framing go on."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Framing, text_of
from tests.vehicles import Station, parked

HEARTBEAT = mavlink.MAVLink_heartbeat_message(6, 8, 0, 0, 4, 3)
EXTREME = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0, 21196.0, 3e38, 65535.0, 1e9])
INTEGERS = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31), 900_000_001])


def packets(count: int) -> bytes:
    framing = Framing(255, 190)
    return b"".join(framing.pack(HEARTBEAT) for _ in range(count))


@given(st.binary(max_size=600))
def test_garbage_never_breaks_the_framing(data: bytes) -> None:
    framing = Framing(1, 1)
    framing.parse(data)
    # the longest false packet may swallow what follows; after that, messages come through again
    framing.parse(bytes(300))
    assert framing.parse(packets(1) * 3)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 40))
def test_messages_are_found_however_the_stream_is_cut(noise: bytes, piece: int) -> None:
    framing = Framing(1, 1)
    data = packets(5)
    found = []
    for start in range(0, len(data), piece):
        found += framing.parse(data[start : start + piece])
    assert len(found) == 5
    assert framing.malformed == 0


@given(st.integers(0, 20), st.integers(0, 255))
def test_a_packet_with_a_changed_byte_is_dropped(position: int, value: int) -> None:
    data = bytearray(packets(1))
    framing = Framing(1, 1)
    if data[position] == value:
        return
    data[position] = value
    assert all(m.get_type() != "HEARTBEAT" for m in framing.parse(bytes(data) + bytes(300)))


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted({*range(16, 23), 93, 112, *range(176, 224), 300, *range(400, 531), 1000, 2000})),
    st.lists(EXTREME, min_size=7, max_size=7),
)
def test_no_command_breaks_the_vehicle(flavour: str, command: int, params: list[float]) -> None:
    station = Station(parked(flavour=flavour))
    station.send(mavlink.MAVLink_command_long_message(1, 1, command, 0, *params))
    assert station.all("COMMAND_ACK")
    station.step(1.0)
    assert station.all("HEARTBEAT")


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([16, 19, 22, 178, 192, 195, 205]), st.integers(0, 12),
    st.lists(EXTREME, min_size=4, max_size=4), INTEGERS, INTEGERS, EXTREME,
)  # fmt: skip
def test_no_command_int_or_item_breaks_the_vehicle(
    flavour: str, command: int, frame: int, params: list[float], x: int, y: int, z: float
) -> None:
    station = Station(parked(flavour=flavour))
    station.set_mode(4)
    station.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1)
    station.command(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, 10)
    station.step(8.0)
    station.send(mavlink.MAVLink_command_int_message(1, 1, frame, command, 0, 0, *params, x, y, z))
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 0))
    for seq in range(3):
        station.send(
            mavlink.MAVLink_mission_item_int_message(1, 1, seq, frame, command, 0, 1, *params, x, y, z, 0)
        )
    station.send(mavlink.MAVLink_mission_set_current_message(1, 1, 1))
    station.command(mavlink.MAV_CMD_DO_SET_MODE, 1, *((4, 4) if flavour == "px4" else (3,)))
    station.step(5.0)
    assert station.last("HEARTBEAT")
    assert all(math.isfinite(v) for v in station.autopilot.flight.body.position)


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_a_storm_of_random_bytes_and_messages(flavour: str) -> None:
    random_ = random.Random(1)
    station = Station(parked(flavour=flavour))
    kinds = [k for k in mavlink.mavlink_map.values() if k.msgname not in ("BAD_DATA",)]
    framing = Framing(255, 190)
    for _ in range(400):
        kind = random_.choice(kinds)
        payload = bytearray(random_.randbytes(kind.unpacker.size))
        message = kind(*_fields(kind, payload))
        try:
            data = framing.pack(message)
        except (struct.error, TypeError, ValueError, AttributeError):
            continue
        station.transport.write(random_.randbytes(random_.randrange(4)) + data)
        station.step(0.04)
    station.step(2.0)
    assert station.last("HEARTBEAT")


def _fields(kind: type, payload: bytearray) -> list[object]:
    """Random field values of a message, in the order of its constructor."""
    values = list(kind.unpacker.unpack(payload))  # type: ignore[attr-defined]
    fields: list[object] = []
    for order in kind.orders:  # type: ignore[attr-defined]
        lengths = kind.lengths  # type: ignore[attr-defined]
        start = sum(lengths[:order])
        length = lengths[order]
        single = length == 1 or isinstance(values[start], bytes)
        fields.append(values[start] if single else values[start : start + length])
    return fields


def test_unsigned_packets_are_not_heard_by_a_signed_vehicle() -> None:
    key = bytes(range(32))
    autopilot = parked(signing_key=key)
    stranger = Station(autopilot)
    stranger.send(mavlink.MAVLink_set_mode_message(1, 1, 4))
    assert autopilot.flight.mode == 0
    wrong = Station(autopilot, signing_key=bytes(32), signing_time=autopilot.now())
    wrong.send(mavlink.MAVLink_set_mode_message(1, 1, 4))
    assert autopilot.flight.mode == 0
    friend = Station(autopilot, signing_key=key, signing_time=autopilot.now())
    friend.send(mavlink.MAVLink_set_mode_message(1, 1, 4))
    assert autopilot.flight.mode == 4
    friend.step(2.0)
    assert friend.all("HEARTBEAT"), "signed answers are understood"


def test_a_replayed_signed_packet_is_not_heard_again() -> None:
    key = bytes(range(32))
    autopilot = parked(signing_key=key)
    framing = Framing(255, 190, signing_key=key, signing_time=autopilot.now())
    station = Station(autopilot)
    recorded = framing.pack(mavlink.MAVLink_set_mode_message(1, 1, 4))
    station.transport.write(recorded)
    station.step(0)
    assert autopilot.flight.mode == 4
    autopilot.flight.set_mode(0)
    station.transport.write(recorded)
    station.step(0)
    assert autopilot.flight.mode == 0


def test_signing_keys_have_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Framing(1, 1, signing_key=b"short")


def test_text_that_is_no_utf8_is_still_text() -> None:
    assert text_of(b"PreArm: \xff\x00junk") == "PreArm: \ufffd"
