"""Sockets of simulated vehicles: one thread moves bytes between peers and queues, and does nothing else."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
from collections import deque

from drone.errors import AddressRefused, PortUnavailable

MOST_PENDING_BYTES = 1 << 20
"""A peer that does not read loses packets beyond this, as on a full radio buffer."""


class Ports:
    """Peers are small integers. ``received`` and ``send`` are for the owner's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._news: deque[tuple[int, bool]] = deque()
        self._streams: dict[int, socket.socket] = {}
        self._outgoing: dict[int, bytearray] = {}
        self._datagrams: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
        self._by_address: dict[tuple[int, tuple[str, int]], int] = {}
        self._fixed: dict[int, int] = {}
        self._listeners: list[socket.socket] = []
        self._arrived = threading.Event()
        self._wakers: tuple[socket.socket, socket.socket] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def open(self, url: str) -> str:
        """Open ``tcpin:HOST:PORT``, ``udpin:HOST:PORT`` or ``udpout:HOST:PORT``.

        Returns:
            The address that a ground station uses to reach it (port 0 is replaced by the one chosen).

        Raises:
            AddressRefused: the address cannot be understood.
            PortUnavailable: it cannot be opened.
        """
        kind, host, port = _parse(url)
        try:
            if kind == "tcpin":
                listener = socket.create_server((host, port))
                what = "accept"
            else:
                listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                what = "datagram"
                if kind == "udpin":
                    listener.bind((host, port))
                else:
                    listener.bind(("0.0.0.0", 0))
        except OSError as error:
            raise PortUnavailable(f"cannot open {url}: {error.strerror or error}") from error
        listener.setblocking(False)
        self._listeners.append(listener)
        if kind == "udpout":
            self._fix_peer(listener, (socket.gethostbyname(host), port))
        self._start()
        with self._lock:
            self._selector.register(listener, selectors.EVENT_READ, what)
        self._wake()
        actual = listener.getsockname()[1]
        return {"tcpin": f"tcp:{host}:{actual}", "udpin": f"udpout:{host}:{actual}"}.get(
            kind, f"udp:{host}:{port}"
        )

    def attach(self) -> int:
        """A peer without a socket; see ``feed`` and ``SimulatedAutopilot.attach``."""
        with self._lock:
            peer = next(self._numbers)
            self._news.append((peer, True))
        return peer

    def feed(self, peer: int, data: bytes) -> None:
        """Bytes that came from ``peer``."""
        self._inbox.append((peer, data))
        self._arrived.set()

    def received(self) -> list[tuple[int, bytes]]:
        """Bytes since the last call, in order."""
        self._arrived.clear()
        chunks = []
        while self._inbox:
            chunks.append(self._inbox.popleft())
        return chunks

    def changes(self) -> list[tuple[int, bool]]:
        """Peers that came (True) or went (False) since the last call."""
        news = []
        while self._news:
            news.append(self._news.popleft())
        return news

    def wait(self, timeout_s: float) -> bool:
        """Sleep until bytes arrive."""
        return self._arrived.wait(timeout_s)

    def send(self, peer: int, data: bytes) -> None:
        """Queue for a TCP peer, send at once to a UDP peer; what cannot be delivered is dropped."""
        if peer in self._datagrams:
            channel, address = self._datagrams[peer]
            with contextlib.suppress(OSError):
                channel.sendto(data, address)
            return
        with self._lock:
            pending = self._outgoing.get(peer)
            if pending is None or len(pending) > MOST_PENDING_BYTES:
                return
            idle = not pending
            pending += data
        if idle:
            self._wake()

    def close(self) -> None:
        """Close everything; safe to call twice."""
        self._closed = True
        self._wake()
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None
        for channel in [*self._streams.values(), *self._listeners, *(self._wakers or ())]:
            channel.close()
        if self._wakers is not None:
            self._selector.close()
        self._streams.clear()
        self._listeners.clear()
        self._wakers = None

    def _fix_peer(self, channel: socket.socket, address: tuple[str, int]) -> None:
        peer = next(self._numbers)
        self._fixed[id(channel)] = peer
        self._datagrams[peer] = (channel, address)
        self._news.append((peer, True))

    def _start(self) -> None:
        if self._thread is None:
            # made with the first address, so that a vehicle without sockets holds none
            self._selector = selectors.DefaultSelector()
            self._wakers = socket.socketpair()
            for channel in self._wakers:
                channel.setblocking(False)
            self._selector.register(self._wakers[0], selectors.EVENT_READ, "wake")
            self._thread = threading.Thread(target=self._run, name="sim-ports", daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        if self._wakers is not None:
            with contextlib.suppress(OSError):
                self._wakers[1].send(b"x")

    def _run(self) -> None:
        while not self._closed:
            self._watch_for_writing()
            for key, events in self._selector.select(1.0):
                if key.data == "wake":
                    with contextlib.suppress(OSError):
                        key.fileobj.recv(4096)  # type: ignore[union-attr]
                elif key.data == "accept":
                    self._accept(key.fileobj)  # type: ignore[arg-type]
                elif key.data == "datagram":
                    self._take_datagrams(key.fileobj)  # type: ignore[arg-type]
                else:
                    self._serve_stream(int(key.data), events)

    def _watch_for_writing(self) -> None:
        with self._lock:
            wanted = {
                peer: selectors.EVENT_READ | (selectors.EVENT_WRITE if pending else 0)
                for peer, pending in self._outgoing.items()
            }
        for peer, events in wanted.items():
            self._selector.modify(self._streams[peer], events, peer)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            stream, _ = listener.accept()
            stream.setblocking(False)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                peer = next(self._numbers)
                self._streams[peer] = stream
                self._outgoing[peer] = bytearray()
                self._selector.register(stream, selectors.EVENT_READ, peer)
                self._news.append((peer, True))

    def _take_datagrams(self, channel: socket.socket) -> None:
        while True:
            try:
                data, address = channel.recvfrom(65536)
            except OSError:
                return
            peer = self._fixed.get(id(channel))
            if peer is None:
                peer = self._by_address.get((id(channel), address))
            if peer is None:
                peer = next(self._numbers)
                self._by_address[(id(channel), address)] = peer
                self._datagrams[peer] = (channel, address)
                self._news.append((peer, True))
            self.feed(peer, data)

    def _serve_stream(self, peer: int, events: int) -> None:
        stream = self._streams[peer]
        try:
            if events & selectors.EVENT_READ:
                data = stream.recv(65536)
                if not data:
                    self._drop(peer)
                    return
                self.feed(peer, data)
            if events & selectors.EVENT_WRITE:
                with self._lock:
                    pending = self._outgoing[peer]
                    sent = stream.send(bytes(pending[:65536]))
                    del pending[:sent]
        except BlockingIOError:
            return
        except OSError:
            self._drop(peer)

    def _drop(self, peer: int) -> None:
        with self._lock:
            stream = self._streams.pop(peer)
            self._outgoing.pop(peer, None)
            self._selector.unregister(stream)
            self._news.append((peer, False))
        stream.close()


def _parse(url: str) -> tuple[str, str, int]:
    kind, _, rest = url.partition(":")
    host, _, port = rest.rpartition(":")
    if kind not in ("tcpin", "udpin", "udpout") or not host or not port.isdigit() or int(port) > 65535:
        raise AddressRefused(
            f"{url!r} is no address to serve: write tcpin:HOST:PORT, udpin:HOST:PORT or udpout:HOST:PORT"
        )
    return kind, host, int(port)
