"""Bytes <-> MAVLink 2 messages (pymavlink does the wire format), with optional signing.

A ``Framing`` holds the state of one direction pair: sequence numbers, the half-received packet and the
signing timestamps. It is not thread-safe; one owner parses and, under its own lock, packs.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import SetupWrong

SIGNING_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
KEY_BYTES = 32
ALWAYS_ALLOWED = frozenset({mavlink.MAVLINK_MSG_ID_RADIO_STATUS})
"""Messages that telemetry radios insert themselves and cannot sign."""

Message = Any
"""A pymavlink message object; its fields are those of the MAVLink definition."""


class Framing:
    """Packs and parses for one link.

    Args:
        system_id, component_id: whom packed messages come from.
        signing_key: 32 bytes; outgoing packets are signed and unsigned ones are dropped.
        signing_time: start of the signing timestamp.
        link_id: which of our channels to the vehicle this is; each signs with timestamps of its own.
    """

    def __init__(
        self,
        system_id: int,
        component_id: int,
        *,
        signing_key: bytes | None = None,
        signing_time: datetime | None = None,
        link_id: int = 0,
    ) -> None:
        self._mav = mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)
        self._mav.robust_parsing = True
        self.malformed = 0
        if signing_key is not None:
            self._sign(signing_key, signing_time or datetime.now(UTC), link_id)

    def _sign(self, key: bytes, at: datetime, link_id: int) -> None:
        if len(key) != 32:
            raise ValueError(f"a MAVLink signing key has 32 bytes, not {len(key)}")
        signing = self._mav.signing
        signing.secret_key = key
        signing.link_id = link_id
        signing.timestamp = int((at - SIGNING_EPOCH).total_seconds() * 1e5)
        signing.sign_outgoing = True
        signing.allow_unsigned_callback = lambda _mav, message_id: message_id in ALWAYS_ALLOWED

    def pack(self, message: Message) -> bytes:
        """The packet's bytes, with the next sequence number."""
        data = bytes(message.pack(self._mav))
        self._mav.seq = (self._mav.seq + 1) % 256
        return data

    def parse(self, data: bytes) -> list[Message]:
        """Whole and valid messages in ``data`` and what was left before; bad bytes are counted."""
        messages: list[Message] = []
        pending: bytes = data
        while True:
            try:
                message = self._mav.parse_char(pending)
            except (mavlink.MAVError, struct.error, ValueError, IndexError):
                # the parser has consumed the offending packet before it raises
                self.malformed += 1
                pending = b""
                continue
            pending = b""
            if message is None:
                return messages
            kind = message.get_type()
            if kind == "BAD_DATA":
                self.malformed += 1
            elif not kind.startswith("UNKNOWN"):
                messages.append(message)


def read_signing_key(path: Path | str) -> bytes:
    """The 32 bytes of a MAVLink 2 signing key: a file of 32 bytes, of 64 hexadecimal digits or of base64.

    Raises:
        SetupWrong: the file cannot be read or holds no such key.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SetupWrong(f"the signing key {path} cannot be read: {error.strerror or error}") from error
    if len(data) == KEY_BYTES:
        return data
    words = data.split()
    for decode in (binascii.unhexlify, lambda word: base64.b64decode(word, validate=True)):
        try:
            key = decode(words[0]) if len(words) == 1 else b""
        except (binascii.Error, ValueError):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise SetupWrong(
        f"{path} holds no signing key: give 32 bytes, as they are, as 64 hexadecimal digits or as base64"
    )


def text_of(value: str | bytes) -> str:
    """A MAVLink string field as text; undecodable bytes become replacement marks."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.split("\x00", 1)[0]
