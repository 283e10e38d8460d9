"""From a leg and a position to a wanted velocity, as a waypoint controller does it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drone.sim.dynamics import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A straight line to fly, metres about home.

    Args:
        end_speed_m_s: how fast its end may be passed; 0 stops there.
    """

    start: Vector
    end: Vector
    speed_m_s: float
    end_speed_m_s: float = 0.0

    @property
    def length_m(self) -> float:
        """Horizontal length."""
        return math.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1])

    @property
    def bearing_deg(self) -> float:
        return math.degrees(math.atan2(self.end[0] - self.start[0], self.end[1] - self.start[1])) % 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Speeds and accelerations that the controller may ask for."""

    acceleration_m_s2: float = 2.5
    climb_m_s: float = 2.5
    descent_m_s: float = 1.5


def fly(leg: Leg, position: Vector, rates: Rates) -> Vector:
    """Wanted velocity: along the leg, back onto it where it was left, braking for its end."""
    east, north = leg.end[0] - position[0], leg.end[1] - position[1]
    length = leg.length_m
    if length < 1.0:
        unit = _unit(east, north)
        along, cross_east, cross_north = math.hypot(east, north), 0.0, 0.0
    else:
        unit = (leg.end[0] - leg.start[0]) / length, (leg.end[1] - leg.start[1]) / length
        along = east * unit[0] + north * unit[1]
        cross_east, cross_north = east - along * unit[0], north - along * unit[1]
    slope = (leg.end[2] - leg.start[2]) / length if length >= 1.0 else 0.0
    forward = _approach(along, leg.speed_m_s, leg.end_speed_m_s, rates.acceleration_m_s2)
    if slope:
        steepest = (rates.climb_m_s if slope > 0 else rates.descent_m_s) / abs(slope)
        forward = max(-steepest, min(forward, steepest))
    back = 0.8 * math.hypot(cross_east, cross_north)
    limit = min(1.0, 3.0 / back) if back > 0 else 0.0
    height = leg.end[2] - slope * max(0.0, min(along, length))
    up = slope * forward + 1.0 * (height - position[2])
    return (
        forward * unit[0] + 0.8 * limit * cross_east,
        forward * unit[1] + 0.8 * limit * cross_north,
        max(-rates.descent_m_s, min(rates.climb_m_s, up)),
    )


def reached(leg: Leg, position: Vector, radius_m: float) -> bool:
    """Within ``radius_m`` of the end, or past it close by."""
    east, north = leg.end[0] - position[0], leg.end[1] - position[1]
    height = abs(leg.end[2] - position[2])
    if math.hypot(east, north) < radius_m and height < max(1.0, radius_m):
        return True
    length = leg.length_m
    if length < 1.0:
        return False
    along = (east * (leg.end[0] - leg.start[0]) + north * (leg.end[1] - leg.start[1])) / length
    return along <= 0 and math.hypot(east, north) < 3 * radius_m + 2 and height < max(2.0, radius_m)


def corner_speed(before: Leg, after_end: Vector) -> float:
    """How fast the corner between a leg and the next may be taken: in full when straight, 0 to reverse."""
    ahead = _unit(after_end[0] - before.end[0], after_end[1] - before.end[1])
    length = before.length_m
    if length < 1.0 or ahead == (0.0, 0.0):
        return 0.0
    cosine = (
        (before.end[0] - before.start[0]) * ahead[0] + (before.end[1] - before.start[1]) * ahead[1]
    ) / length
    return before.speed_m_s * ((1.0 + cosine) / 2.0) ** 3


def _approach(distance: float, speed: float, end_speed: float, acceleration: float) -> float:
    """Speed at which one can still brake to ``end_speed``; negative past the end."""
    if distance < 0:
        return max(distance, -1.0) if end_speed < 0.5 else end_speed
    braking = math.sqrt(end_speed**2 + 2 * 0.7 * acceleration * distance)
    return min(speed, braking, end_speed + 1.2 * distance)


def _unit(east: float, north: float) -> tuple[float, float]:
    length = math.hypot(east, north)
    return (east / length, north / length) if length > 1e-6 else (0.0, 0.0)
