"""Samples of telemetry: which may be true, angles in time order, and angles at an instant."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from drone.mavlink.framing import Message

_FIRST_US, _LAST_US = 946_684_800_000_000, 4_102_444_800_000_000
"""The years 2000 to 2099."""


@dataclass(frozen=True, slots=True)
class Angles:
    """An attitude in degrees at a time since the vehicle's boot."""

    boot_ms: int
    roll_deg: float
    pitch_deg: float
    yaw_deg: float


def possible(kind: str, message: Message) -> bool:
    """Whether a message may be true: a place on the Earth, a time of these days, angles that are numbers."""
    if kind == "GLOBAL_POSITION_INT":
        return _on_earth(message.lat, message.lon)
    if kind == "HOME_POSITION":
        return _on_earth(message.latitude, message.longitude)
    if kind == "SYSTEM_TIME":
        told = int(message.time_unix_usec)
        return told == 0 or _FIRST_US <= told <= _LAST_US
    if kind == "ATTITUDE":
        return all(math.isfinite(v) for v in (message.roll, message.pitch, message.yaw))
    return True


def _on_earth(latitude_e7: int, longitude_e7: int) -> bool:
    return abs(latitude_e7) <= 900_000_000 and abs(longitude_e7) <= 1_800_000_000


def append(samples: deque[Angles], sample: Angles) -> None:
    """Keep samples in time order; a vehicle that booted again starts a new series."""
    if samples and sample.boot_ms < samples[-1].boot_ms:
        if samples[-1].boot_ms - sample.boot_ms < 1000:
            return
        samples.clear()
    samples.append(sample)


def angles_at(samples: deque[Angles], boot_ms: int) -> Angles | None:
    """Angles at an instant, interpolated; the nearest within half a second at the ends."""
    if not samples:
        return None
    for a, b in pairwise(reversed(samples)):
        if b.boot_ms <= boot_ms <= a.boot_ms:
            share = (boot_ms - b.boot_ms) / max(1, a.boot_ms - b.boot_ms)
            return Angles(
                boot_ms, _between(b.roll_deg, a.roll_deg, share), _between(b.pitch_deg, a.pitch_deg, share),
                _between(b.yaw_deg, a.yaw_deg, share),
            )  # fmt: skip
    nearest = min((samples[0], samples[-1]), key=lambda s: abs(s.boot_ms - boot_ms))
    return nearest if abs(nearest.boot_ms - boot_ms) <= 500 else None


def _between(a: float, b: float, share: float) -> float:
    return (a + share * ((b - a + 180.0) % 360.0 - 180.0) + 180.0) % 360.0 - 180.0


def euler_deg(q: list[float]) -> tuple[float, float, float]:
    """Quaternion (w, x, y, z) -> roll, pitch, yaw of the aeronautical frame.

    A camera that looks straight down wavers about the pole of these angles: past it the pitch goes on beyond
    -90 degrees, so that roll and yaw do not jump by half a turn.
    """
    w, x, y, z = q
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    if abs(roll) > math.pi / 2:
        roll -= math.copysign(math.pi, roll)
        pitch = math.copysign(math.pi, pitch) - pitch
        yaw -= math.copysign(math.pi, yaw)
    return math.degrees(roll), math.degrees(pitch), math.degrees(yaw)


def accuracy(gps: Message | None, name: str, otherwise: float) -> float:
    """Reported accuracy in metres; ``otherwise`` where the receiver gives none."""
    value = 0 if gps is None else getattr(gps, name, 0)
    return max(0.3, value / 1000) if 0 < value < 100_000 else otherwise
