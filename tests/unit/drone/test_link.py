"""The ground side of a link: addresses, heartbeat, requests, garbage, loss."""

from __future__ import annotations

import base64
import os
import pty
import socket
import threading
import time
import tty
from pathlib import Path

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import AddressRefused, DroneError, LinkClosed, NoVehicle, PortUnavailable, SetupWrong
from drone.mavlink.framing import Framing, Message, read_signing_key
from drone.mavlink.link import Link
from drone.mavlink.transport import Address, open_transport
from tests.vehicles import parked


class Wire:
    """A transport that a test feeds and reads."""

    description = "wire"

    def __init__(self) -> None:
        self._incoming: list[bytes] = []
        self._ready = threading.Condition()
        self.sent: list[Message] = []
        self._parser = Framing(1, 1)
        self._vehicle = Framing(1, 1)
        self.answer: dict[str, list[Message]] = {}

    def feed(self, data: bytes) -> None:
        with self._ready:
            self._incoming.append(data)
            self._ready.notify()

    def say(self, message: Message) -> None:
        self.feed(self._vehicle.pack(message))

    def read(self, timeout_s: float) -> bytes:
        with self._ready:
            self._ready.wait_for(lambda: bool(self._incoming), timeout_s)
            data, self._incoming = b"".join(self._incoming), []
        return data

    def write(self, data: bytes) -> None:
        for message in self._parser.parse(data):
            self.sent.append(message)
            for reply in self.answer.get(message.get_type(), [])[:1]:
                self.answer[message.get_type()].pop(0)
                self.say(reply)

    def close(self) -> None:
        pass

    def kinds(self) -> list[str]:
        return [message.get_type() for message in self.sent]


HEARTBEAT = mavlink.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def link(wire: Wire):
    link = Link(wire)
    link.start()
    wire.say(HEARTBEAT)
    link.wait_for_vehicle(2.0)
    yield link
    link.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("tcp:10.0.0.2:5760", Address("tcp", "10.0.0.2", 5760)),
        ("tcp://10.0.0.2:5760", Address("tcp", "10.0.0.2", 5760)),
        ("udp:127.0.0.1:14550", Address("udpin", "127.0.0.1", 14550)),
        ("udpin:0.0.0.0:14550", Address("udpin", "0.0.0.0", 14550)),
        ("udpout:drone.local:14550", Address("udpout", "drone.local", 14550)),
        ("serial:/dev/ttyUSB0:57600", Address("serial", "/dev/ttyUSB0", 57600)),
    ],
)
def test_addresses(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:5760", "http:x:80", "tcp:host", "tcp:host:99999", "tcp::1", "udp:h:²"]
)
def test_what_is_no_address_is_refused_with_the_forms_that_are(url: str) -> None:
    with pytest.raises(AddressRefused, match="tcp:HOST:PORT"):
        open_transport(url)


def test_an_address_where_nobody_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(PortUnavailable, match=str(port)):
        Link(f"tcp:127.0.0.1:{port}")


def test_every_error_of_the_package_says_something() -> None:
    for kind in (AddressRefused, LinkClosed, NoVehicle, PortUnavailable):
        assert issubclass(kind, DroneError)
        assert len(str(kind())) > 20
        assert str(kind("as given")) == "as given"


def test_it_beats_once_a_second_as_a_ground_station(link: Link, wire: Wire) -> None:
    beats = [m for m in wire.sent if m.get_type() == "HEARTBEAT"]
    assert [(m.get_srcSystem(), m.type, m.autopilot) for m in beats] == [(255, 6, 8)]


def test_other_ground_stations_and_gimbals_are_no_vehicle() -> None:
    wire = Wire()
    link = Link(wire)
    link.start()
    for kind in (mavlink.MAV_TYPE_GCS, mavlink.MAV_TYPE_GIMBAL):
        wire.say(mavlink.MAVLink_heartbeat_message(kind, 8, 0, 0, 4, 3))
    with pytest.raises(NoVehicle, match="wire"):
        link.wait_for_vehicle(0.2)
    link.close()


def test_garbage_is_counted_and_the_reader_goes_on(link: Link, wire: Wire) -> None:
    for _ in range(20):
        wire.feed(os.urandom(300))
    wire.feed(bytes(300))
    with link.open_inbox("ATTITUDE") as inbox:
        for _ in range(3):
            wire.say(mavlink.MAVLink_attitude_message(1, 0, 0, 0, 0, 0, 0))
        assert inbox.get(2.0) is not None
    assert link.malformed > 0


def test_a_command_is_repeated_until_it_is_acknowledged(link: Link, wire: Wire) -> None:
    ack = mavlink.MAVLink_command_ack_message
    wire.answer["COMMAND_LONG"] = [
        ack(400, 0, 0, 0, 7, 1),  # to somebody else
        ack(22, 0, 0, 0, 255, 190),  # to another command
        ack(400, 4, 0, 0, 255, 190),
    ]
    assert link.command(400, 1, timeout_s=0.05, tries=5) == 4
    sent = [m for m in wire.sent if m.get_type() == "COMMAND_LONG"]
    assert [m.confirmation for m in sent] == [0, 1, 2]
    assert all((m.target_system, m.target_component) == (1, 1) for m in sent)


def test_in_progress_is_waited_out(link: Link, wire: Wire) -> None:
    ack = mavlink.MAVLink_command_ack_message
    wire.answer["COMMAND_LONG"] = [ack(241, 5, 10, 0, 255, 190)]
    threading.Timer(0.1, lambda: wire.say(ack(241, 0, 100, 0, 255, 190))).start()
    assert link.command(241, timeout_s=0.5, tries=1, long_s=2.0) == 0
    wire.answer["COMMAND_LONG"] = [ack(241, 5, 10, 0, 255, 190)]
    assert link.command(241, timeout_s=0.5, tries=1, long_s=0.1) is None


def test_no_answer_is_none(link: Link) -> None:
    begun = time.monotonic()
    assert link.command(400, timeout_s=0.02, tries=4) is None
    assert time.monotonic() - begun < 1.0


def test_messages_of_other_systems_are_not_mixed_in(link: Link, wire: Wire) -> None:
    other = Framing(9, 1)
    with link.open_inbox("ATTITUDE") as inbox:
        wire.feed(other.pack(mavlink.MAVLink_attitude_message(1, 0, 0, 0, 0, 0, 0)))
        assert inbox.get(0.2) is None


def test_a_broken_connection_is_opened_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        link.start()
        first, _ = server.accept()
        first.sendall(Framing(1, 1).pack(HEARTBEAT))
        link.wait_for_vehicle(2.0)
        first.close()
        server.settimeout(5.0)
        second, _ = server.accept()
        before = link.last_heartbeat
        second.sendall(Framing(1, 1).pack(HEARTBEAT))
        deadline = time.monotonic() + 3.0
        while link.last_heartbeat == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert link.last_heartbeat > before
        link.close()
        second.close()


def test_udp_listening_answers_whoever_spoke() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    transport = open_transport(f"udp:127.0.0.1:{port}")
    transport.write(b"nobody is there yet")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vehicle:
        vehicle.settimeout(2.0)
        vehicle.sendto(b"hello", ("127.0.0.1", port))
        assert transport.read(2.0) == b"hello"
        transport.write(b"answer")
        assert vehicle.recv(100) == b"answer"
    transport.close()


def test_a_serial_radio() -> None:
    pytest.importorskip("serial", reason="pyserial is not installed")
    radio, terminal = pty.openpty()
    tty.setraw(radio)
    transport = open_transport(f"serial:{os.ttyname(terminal)}:57600")
    try:
        os.write(radio, b"hello")
        assert transport.read(1.0).startswith(b"h")
        transport.write(b"answer")
        assert os.read(radio, 100) == b"answer"
    finally:
        transport.close()
        os.close(radio)
        os.close(terminal)


def test_another_station_is_noticed_and_its_answers_are_not_ours() -> None:
    autopilot = parked()
    noticed: list[tuple[int, bool]] = []
    transport = autopilot.attach()
    link = Link(transport, foreign=lambda station, transfer: noticed.append((station, transfer)))
    link.start()
    try:
        autopilot.run_realtime(5.0)
        link.wait_for_vehicle(5.0)
        with link.open_inbox("MISSION_ACK") as inbox:
            transport.push(Framing(1, 1).pack(mavlink.MAVLink_mission_ack_message(77, 190, 0, 0)))
            assert inbox.get(0.5) is None
        station = mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, 4, 3
        )
        transport.push(Framing(254, 190).pack(station))
        deadline = time.monotonic() + 5.0
        while len(noticed) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert noticed == [(77, True), (254, False)]
    finally:
        link.close()
        autopilot.close()


@pytest.mark.parametrize("form", ["raw", "hex", "base64"])
def test_signing_keys_are_read_from_files(tmp_path: Path, form: str) -> None:
    key = bytes(range(32))
    data = {"raw": key, "hex": key.hex().encode() + b"\n", "base64": base64.b64encode(key) + b"\n"}[form]
    (tmp_path / "key").write_bytes(data)
    assert read_signing_key(tmp_path / "key") == key


@pytest.mark.parametrize("data", [b"", b"short", b"zz" * 32, b"a b", bytes(31)])
def test_what_is_no_signing_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    with pytest.raises(SetupWrong, match="32 bytes"):
        read_signing_key(tmp_path / "key")
    with pytest.raises(SetupWrong, match="cannot be read"):
        read_signing_key(tmp_path / "none")
