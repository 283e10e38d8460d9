"""How a small multirotor moves: limited acceleration, jerk, tilt, climb and yaw rate, in moving air.

World axes are metres east, north, up about the home position. The model is that of a point with a
velocity loop; attitude follows from the thrust that the motion needs (as for a quadrotor whose
attitude loop is much faster than its velocity loop).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

GRAVITY_M_S2 = 9.80665
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the airframe can do.

    ``drag_per_s`` is the specific linear drag: the deceleration by the air per metre per second of airspeed.
    """

    acceleration_m_s2: float = 2.5
    vertical_acceleration_m_s2: float = 2.0
    jerk_m_s3: float = 10.0
    yaw_rate_deg_s: float = 60.0
    yaw_acceleration_deg_s2: float = 90.0
    airspeed_m_s: float = 20.0
    drag_per_s: float = 0.2
    velocity_time_constant_s: float = 0.4


@dataclass(slots=True, kw_only=True)
class Motion:
    """The true state. Angles in degrees: yaw clockwise from north, pitch nose up, roll right wing down."""

    position: Vector = (0.0, 0.0, 0.0)
    velocity: Vector = (0.0, 0.0, 0.0)
    acceleration: Vector = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    yaw_rate_deg_s: float = 0.0
    roll_deg: float = 0.0
    pitch_deg: float = 0.0


@dataclass(slots=True)
class Multirotor:
    """Integrates ``Motion``; the caller says which velocity and yaw it wants."""

    limits: Limits = field(default_factory=Limits)
    motion: Motion = field(default_factory=Motion)

    def rest(self, up: float) -> None:
        """Stand still on the ground at height ``up``."""
        m = self.motion
        m.position = (m.position[0], m.position[1], up)
        m.velocity = m.acceleration = (0.0, 0.0, 0.0)
        m.yaw_rate_deg_s = m.roll_deg = m.pitch_deg = 0.0

    def step(
        self, dt: float, wanted: Vector, yaw_wanted_deg: float | None, wind: tuple[float, float]
    ) -> None:
        """Advance ``dt`` seconds towards the wanted velocity (m/s east, north, up) and yaw."""
        limits, m = self.limits, self.motion
        east, north = _within_airspeed(wanted[0], wanted[1], wind, limits.airspeed_m_s)
        target = (east, north, wanted[2])
        tau = limits.velocity_time_constant_s
        asked = [(t - v) / tau for t, v in zip(target, m.velocity, strict=True)]
        flat = math.hypot(asked[0], asked[1])
        if flat > limits.acceleration_m_s2:
            asked[0] *= limits.acceleration_m_s2 / flat
            asked[1] *= limits.acceleration_m_s2 / flat
        asked[2] = _clamp(asked[2], limits.vertical_acceleration_m_s2)
        step = limits.jerk_m_s3 * dt
        acceleration = [a + _clamp(w - a, step) for a, w in zip(m.acceleration, asked, strict=True)]
        velocity = [v + a * dt for v, a in zip(m.velocity, acceleration, strict=True)]
        m.position = _vector(
            p + (v + w) / 2 * dt for p, v, w in zip(m.position, m.velocity, velocity, strict=True)
        )
        m.acceleration, m.velocity = _vector(acceleration), _vector(velocity)
        self._turn(dt, yaw_wanted_deg)
        self._tilt(wind)

    def _turn(self, dt: float, wanted_deg: float | None) -> None:
        limits, m = self.limits, self.motion
        error = 0.0 if wanted_deg is None else (wanted_deg - m.yaw_deg + 180.0) % 360.0 - 180.0
        rate = math.copysign(
            min(
                limits.yaw_rate_deg_s,
                math.sqrt(2 * 0.6 * limits.yaw_acceleration_deg_s2 * abs(error)),
                2 * abs(error),
            ),
            error,
        )
        m.yaw_rate_deg_s += _clamp(rate - m.yaw_rate_deg_s, limits.yaw_acceleration_deg_s2 * dt)
        m.yaw_deg = (m.yaw_deg + m.yaw_rate_deg_s * dt) % 360.0

    def _tilt(self, wind: tuple[float, float]) -> None:
        m, drag = self.motion, self.limits.drag_per_s
        east = m.acceleration[0] + drag * (m.velocity[0] - wind[0])
        north = m.acceleration[1] + drag * (m.velocity[1] - wind[1])
        sine, cosine = math.sin(math.radians(m.yaw_deg)), math.cos(math.radians(m.yaw_deg))
        forward, right = east * sine + north * cosine, east * cosine - north * sine
        lift = GRAVITY_M_S2 + m.acceleration[2]
        m.pitch_deg = -math.degrees(math.atan2(forward, lift))
        m.roll_deg = math.degrees(math.atan2(right, lift))


def _within_airspeed(
    east: float, north: float, wind: tuple[float, float], airspeed: float
) -> tuple[float, float]:
    """Cut a wanted ground velocity down to what the airspeed allows; a storm carries the aircraft off."""
    through_east, through_north = east - wind[0], north - wind[1]
    speed = math.hypot(through_east, through_north)
    if speed <= airspeed:
        return east, north
    share = airspeed / speed
    return wind[0] + through_east * share, wind[1] + through_north * share


def _clamp(value: float, bound: float) -> float:
    return max(-bound, min(bound, value))


def _vector(values: Iterable[float]) -> Vector:
    east, north, up = values
    return east, north, up
