"""Byte channels to a vehicle, chosen by address."""

from __future__ import annotations

import contextlib
import importlib
import math
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

from drone.errors import AddressRefused, LinkClosed, PortUnavailable

CONNECT_TIMEOUT_S = 5.0
PEER_FORGOTTEN_S = 10.0
MOST_PEERS = 16


class Transport(Protocol):
    """Moves bytes. ``read`` is called by one thread, ``write`` by any."""

    description: str

    def read(self, timeout_s: float) -> bytes:
        """What arrived; empty after ``timeout_s`` without anything. Raises LinkClosed when it is over."""
        ...

    def write(self, data: bytes) -> None:
        """Send, or drop when the peer does not take it. Raises LinkClosed when it is over."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address; ``port`` is the baud rate of a serial device."""

    kind: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Address:
        """``tcp:``, ``tcpin:``, ``udp:`` (or ``udpin:``), ``udpout:`` + HOST:PORT, or ``serial:DEVICE:BAUD``.

        >>> Address.parse("udp:127.0.0.1:14550")
        Address(kind='udpin', host='127.0.0.1', port=14550)

        Raises:
            AddressRefused: it is none of these.
        """
        kind, _, rest = url.partition(":")
        host, _, port = rest.removeprefix("//").rpartition(":")
        kind = {"udp": "udpin"}.get(kind, kind)
        highest = 65535 if kind != "serial" else 10_000_000
        known = kind in ("tcp", "tcpin", "udpin", "udpout", "serial")
        if not known or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= highest:
            raise AddressRefused(
                f"{url!r} is no address of a vehicle: write tcp:HOST:PORT, tcpin:HOST:PORT, "
                "udp:HOST:PORT (listen), udpout:HOST:PORT or serial:DEVICE:BAUD"
            )
        return cls(kind, host, int(port))


def open_transport(url: str) -> Transport:
    """Open the channel.

    Raises:
        AddressRefused: the address cannot be understood.
        PortUnavailable: it cannot be opened.
    """
    address = Address.parse(url)
    try:
        if address.kind == "tcp":
            return TcpTransport(address)
        if address.kind == "tcpin":
            return TcpServerTransport(address)
        if address.kind == "serial":
            return SerialTransport(address)
        return UdpTransport(address)
    except OSError as error:
        raise PortUnavailable(f"cannot open {url}: {error.strerror or error}") from error


class TcpTransport:
    """A TCP connection to a listening vehicle."""

    def __init__(self, address: Address) -> None:
        self.description = f"tcp:{address.host}:{address.port}"
        self._stream = socket.create_connection((address.host, address.port), CONNECT_TIMEOUT_S)
        self._adopt(self._stream)

    def _adopt(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.settimeout(CONNECT_TIMEOUT_S)

    def read(self, timeout_s: float) -> bytes:
        try:
            ready, _, _ = select.select([self._stream], [], [], timeout_s)
            if not ready:
                return b""
            data = self._stream.recv(65536)
        except (OSError, ValueError) as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error
        if not data:
            raise LinkClosed(f"{self.description} was closed by the other side")
        return data

    def write(self, data: bytes) -> None:
        try:
            self._stream.sendall(data)
        except OSError as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()


class TcpServerTransport:
    """Waits for one vehicle to connect; a newer connection replaces an older one."""

    def __init__(self, address: Address) -> None:
        self.description = f"tcpin:{address.host}:{address.port}"
        self._server = socket.create_server((address.host, address.port))
        self._stream: socket.socket | None = None

    def read(self, timeout_s: float) -> bytes:
        channels = [self._server] + ([self._stream] if self._stream is not None else [])
        try:
            ready, _, _ = select.select(channels, [], [], timeout_s)
            if self._server in ready:
                self._accept()
                return b""
            if not ready or self._stream is None:
                return b""
            data = self._stream.recv(65536)
        except (OSError, ValueError) as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error
        if not data:
            self._stream.close()
            self._stream = None
        return data

    def _accept(self) -> None:
        stream, _ = self._server.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.settimeout(CONNECT_TIMEOUT_S)
        if self._stream is not None:
            self._stream.close()
        self._stream = stream

    def write(self, data: bytes) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.sendall(data)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._server.close()


class UdpTransport:
    """UDP: ``udpin`` listens and answers all who spoke lately, ``udpout`` speaks first.

    Several may speak on one port (vehicles, a gimbal, a router): messages say whom they are for.
    """

    def __init__(self, address: Address) -> None:
        self.description = f"{address.kind}:{address.host}:{address.port}"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._peers: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()
        self._fixed = address.kind == "udpout"
        try:
            if self._fixed:
                self._peers = {(socket.gethostbyname(address.host), address.port): math.inf}
                self._socket.bind(("", 0))
            else:
                self._socket.bind((address.host, address.port))
        except OSError:
            self._socket.close()
            raise

    def read(self, timeout_s: float) -> bytes:
        try:
            ready, _, _ = select.select([self._socket], [], [], timeout_s)
            if not ready:
                return b""
            data, sender = self._socket.recvfrom(65536)
        except ConnectionError:
            # nobody listens there yet; a radio or a simulator may come up later
            return b""
        except (OSError, ValueError) as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error
        if not self._fixed:
            self._remember(sender)
        return data

    def _remember(self, sender: tuple[str, int]) -> None:
        """The newest speaker is kept, also when it falls silent; older ones for a while."""
        now = time.monotonic()
        with self._lock:
            self._peers.pop(sender, None)
            kept = [(who, at) for who, at in self._peers.items() if now - at < PEER_FORGOTTEN_S]
            self._peers = {**dict(kept[1 - MOST_PEERS :]), sender: now}

    def write(self, data: bytes) -> None:
        with self._lock:
            peers = list(self._peers)
        for peer in peers:
            with contextlib.suppress(OSError):
                self._socket.sendto(data, peer)

    def close(self) -> None:
        self._socket.close()


class SerialTransport:
    """A serial radio; needs the package pyserial."""

    def __init__(self, address: Address) -> None:
        self.description = f"serial:{address.host}:{address.port}"
        try:
            serial: Any = importlib.import_module("serial")
        except ImportError as error:
            raise PortUnavailable(
                "a serial vehicle needs the package pyserial: pip install pyserial"
            ) from error
        self._lock = threading.Lock()
        self._port = serial.Serial(address.host, address.port, timeout=0.1, write_timeout=1.0)

    def read(self, timeout_s: float) -> bytes:
        try:
            self._port.timeout = timeout_s
            first = bytes(self._port.read(1))
            return first + bytes(self._port.read(self._port.in_waiting)) if first else b""
        except OSError as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error

    def write(self, data: bytes) -> None:
        try:
            with self._lock:
                self._port.write(data)
        except OSError as error:
            raise LinkClosed(f"{self.description} broke: {error}") from error

    def close(self) -> None:
        self._port.close()
