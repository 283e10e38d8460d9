"""The ways on which one vehicle is reached: each with its bytes, its framing, and when it was heard there."""

from __future__ import annotations

import contextlib
import logging
import threading

from drone.errors import AddressRefused, DroneError, LinkClosed, PortUnavailable
from drone.mavlink.framing import Framing, Message
from drone.mavlink.transport import Address, Transport, open_transport

log = logging.getLogger(__name__)

HIGHEST_SYSTEM_ID = 255


class Channel:
    """One way to the vehicle. One thread reads; ``send`` is called under the link's lock.

    Args:
        url: the address, opened again whenever it breaks; None for a transport that was given.
        transport: open, or None while the address cannot be opened.
    """

    def __init__(self, url: str | None, transport: Transport | None, framing: Framing) -> None:
        self._url, self._transport, self.framing = url, transport, framing
        self.heard = 0.0
        self.broken = transport is None
        self.description = transport.description if transport is not None else str(url)

    @property
    def pause_s(self) -> float:
        """How long to wait before a broken channel is tried again."""
        return 0.2 if self._url is None else 0.5

    def read(self, timeout_s: float) -> list[Message]:
        """Whole messages that have come. Raises LinkClosed when the channel is broken."""
        if self._transport is None:
            raise LinkClosed(f"{self.description} cannot be opened")
        data = self._transport.read(timeout_s)
        return self.framing.parse(data) if data else []

    def send(self, message: Message) -> None:
        """Raises LinkClosed when the channel is broken."""
        if self._transport is not None:
            self._transport.write(self.framing.pack(message))

    def reopen(self, lock: threading.Lock) -> None:
        """Open a broken address again, if that works; a given transport is left as it is."""
        if self._url is None:
            return
        if self._transport is not None:
            self._transport.close()
        try:
            transport = open_transport(self._url)
        except DroneError as error:
            log.debug("not reopened: %s", error)
            return
        with lock:
            self._transport = transport
        self.broken = False

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.close()


def open_channels(
    where: str | Transport, system_id: int, component_id: int, signing_key: bytes | None
) -> tuple[list[Channel], int | None]:
    """The channels of an address, and the system id that it names.

    Args:
        where: ``ADDRESS[,ADDRESS...][#SYSTEM]`` (see ``transport.Address``), or an open transport. An address
            that cannot be opened is tried again later, as long as another one can be.

    Raises:
        AddressRefused: an address cannot be understood.
        PortUnavailable: none can be opened.
    """

    def framing(number: int) -> Framing:
        return Framing(system_id, component_id, signing_key=signing_key, link_id=number)

    if not isinstance(where, str):
        return [Channel(None, where, framing(0))], None
    urls, wanted = _read(where)
    channels, failures = [], []
    for url in urls:
        Address.parse(url)
    for number, url in enumerate(urls):
        try:
            transport: Transport | None = open_transport(url)
        except PortUnavailable as error:
            transport = None
            failures.append(error)
        channels.append(Channel(url, transport, framing(number)))
    if len(failures) == len(channels):
        raise failures[0]
    return channels, wanted


def _read(where: str) -> tuple[list[str], int | None]:
    """Addresses and system id.

    >>> _read("udp:127.0.0.1:14550,serial:/dev/ttyUSB0:57600#3")
    (['udp:127.0.0.1:14550', 'serial:/dev/ttyUSB0:57600'], 3)
    """
    addresses, mark, system = where.partition("#")
    if not mark:
        return addresses.split(","), None
    if not (system.isascii() and system.isdigit() and 1 <= int(system) <= HIGHEST_SYSTEM_ID):
        raise AddressRefused(f"{where!r} names no vehicle: after # write its system id, 1 to 255")
    return addresses.split(","), int(system)
