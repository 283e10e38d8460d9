"""How long a multirotor takes along a way, and what it draws: corners, acceleration, braking, climbs.

A corner is passed at the speed that the autopilot's waypoint controller allows there: all of it straight
on, an eighth at a right angle, nothing to turn back. It is cut within the corner radius; what is left of the
speed along the next leg is what that begins with. Between corners the speed rises with the acceleration,
behind the wished one by the controller's time constant, and falls with the braking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from missions.energy import AircraftModel, Cost, Wind
from missions.geodesy import Array

SHORTEST_LEG_M = 0.01


@dataclass(frozen=True, slots=True)
class Leg:
    """How one straight leg is flown: seconds at its cruising speed (m/s), and seconds slower than that."""

    length_m: float
    cruise_m_s: float
    cruise_s: float
    slower_s: float
    slower_m_s: float

    @property
    def seconds(self) -> float:
        return self.cruise_s + self.slower_s


def fly_legs(path: Array, speed_m_s: float, aircraft: AircraftModel) -> list[Leg]:
    """The legs of (N, 3) positions flown from rest to rest; legs shorter than a centimetre are left out."""
    steps = _steps(path)
    if not len(steps):
        return []
    across = np.hypot(steps[:, 0], steps[:, 1])
    unit = steps[:, :2] / across[:, None]
    cosines = np.append((unit[:-1] * unit[1:]).sum(axis=1), 0.0).clip(-1, 1).tolist()
    legs: list[Leg] = []
    along, ahead = 0.0, 0.0
    for number, (length, rise, cosine) in enumerate(
        zip(across.tolist(), steps[:, 2].tolist(), cosines, strict=True)
    ):
        last = number == len(across) - 1
        speed = _on_slope(speed_m_s, rise / length, aircraft)
        corner = 0.0 if last else speed * ((1 + cosine) / 2) ** 3
        radius = min(aircraft.corner_radius_m, length / 2)
        end = min(speed, math.hypot(corner, math.sqrt(2 * aircraft.braking_m_s2 * radius)),
                  corner + aircraft.corner_gain_per_s * radius)  # fmt: skip
        end = min(speed, end + aircraft.braking_m_s2 * aircraft.response_s * (end < speed))
        leg, end = _leg(max(0.0, length + ahead - radius), along, end, speed, aircraft)
        legs.append(leg)
        along, ahead = end * cosine, radius * cosine
    return legs


def path_cost(path: Array, speed_m_s: float, wind: Wind, aircraft: AircraftModel) -> Cost:
    """Length, time and energy along (N, 3) positions, beginning and ending at rest."""
    steps = _steps(path)
    seconds = joules = 0.0
    for step, leg in zip(steps, fly_legs(path, speed_m_s, aircraft), strict=True):
        east, north, rise = step.tolist()
        across = math.hypot(east, north)
        climb = rise / leg.seconds if leg.seconds > 0 else 0.0
        for pace, time in ((leg.cruise_m_s, leg.cruise_s), (leg.slower_m_s, leg.slower_s)):
            joules += time * wind.power_w(aircraft, pace * east / across, pace * north / across, climb)
        seconds += leg.seconds
    return Cost(float(np.linalg.norm(steps, axis=1).sum()), seconds, joules / 3600)


def vertical_cost(up_m: float, down_m: float, wind: Wind, aircraft: AircraftModel) -> Cost:
    """Take-off to a height and landing from one, metres above home, none where it is 0; counts no length."""
    seconds = joules = 0.0
    if up_m > 0:
        rise = up_m / aircraft.climb_m_s
        seconds += aircraft.start_s + rise
        joules += aircraft.start_s * wind.power_w(aircraft, 0, 0)
        joules += rise * wind.power_w(aircraft, 0, 0, aircraft.climb_m_s)
    if down_m > 0:
        slow = min(down_m, aircraft.landing_from_m)
        fall, settle = (down_m - slow) / aircraft.descent_m_s, slow / aircraft.landing_m_s
        seconds += fall + settle + aircraft.landing_s
        joules += fall * wind.power_w(aircraft, 0, 0, -aircraft.descent_m_s)
        joules += settle * wind.power_w(aircraft, 0, 0, -aircraft.landing_m_s)
        joules += aircraft.landing_s * wind.power_w(aircraft, 0, 0)
    return Cost(0.0, seconds, joules / 3600)


def _steps(path: Array) -> Array:
    steps = np.diff(path, axis=0)
    return steps[np.hypot(steps[:, 0], steps[:, 1]) > SHORTEST_LEG_M]


def _on_slope(speed: float, slope: float, aircraft: AircraftModel) -> float:
    """The speed over ground at which neither climb nor descent is too fast."""
    if slope == 0:
        return speed
    return min(speed, (aircraft.climb_m_s if slope > 0 else aircraft.descent_m_s) / abs(slope))


def _leg(way: float, start: float, end: float, speed: float, aircraft: AircraftModel) -> tuple[Leg, float]:
    """A leg of ``way`` metres from one speed along it (negative: backwards) to another, and the latter."""
    faster, slower = aircraft.acceleration_m_s2, aircraft.braking_m_s2
    start = min(start, speed)
    need = (speed**2 - start**2) / (2 * faster) + (speed**2 - end**2) / (2 * slower)
    late = aircraft.response_s if start < speed - 0.5 else 0.0
    if need <= way:
        changing = (speed - start) / faster + (speed - end) / slower + late
        gone = need + late * speed * (1 - faster * aircraft.response_s / (2 * speed))
        cruise = max(0.0, way - gone) / speed
        return Leg(way, speed, cruise, changing, need / changing if changing > 0 else speed), end
    top2 = (way + start**2 / (2 * faster) + end**2 / (2 * slower)) / (1 / (2 * faster) + 1 / (2 * slower))
    top = math.sqrt(max(0.0, top2))
    if top >= end and top >= start:
        changing = (top - start) / faster + (top - end) / slower + late
    elif top < end:
        end = math.sqrt(max(start * abs(start) + 2 * faster * way, 0.25))
        changing = max(0.0, end - start) / faster + late
    else:
        changing = 2 * way / max(start + end, 0.5)
    return Leg(way, speed, 0.0, changing, way / changing if changing > 0 else speed), end
