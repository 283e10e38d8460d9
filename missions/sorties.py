"""Lanes into sorties for real batteries: time and energy of a small multirotor, wind, several aircraft.

Power in forward flight follows Zeng, Xu and Zhang, "Energy minimization for wireless communication with
rotary-wing UAV", IEEE Trans. Wireless Commun. 18(4), 2019, equation 12: blade profile, induced and parasite
power over airspeed. The default numbers are of that paper, for an aircraft of about 2 kg.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from missions.errors import WindTooStrong
from missions.geodesy import Array

LEAST_GROUND_SPEED_M_S = 2.0
GRAVITY_M_S2 = 9.81


@dataclass(frozen=True, slots=True, kw_only=True)
class AircraftModel:
    """A small multirotor."""

    mass_kg: float = 2.04
    blade_w: float = 79.86
    induced_w: float = 88.63
    tip_speed_m_s: float = 120.0
    induced_speed_m_s: float = 4.03
    parasite_w_per_m3_s3: float = 0.00924
    battery_wh: float = 90.0
    electronics_w: float = 25.0
    acceleration_m_s2: float = 2.0
    climb_m_s: float = 2.5
    descent_m_s: float = 2.0
    landing_m_s: float = 0.6
    landing_from_m: float = 8.0
    greatest_airspeed_m_s: float = 16.0
    start_and_landing_s: float = 6.0

    def power_w(self, airspeed_m_s: float) -> float:
        """Electrical power in level flight.

        >>> AircraftModel().power_w(0.0)
        193.49
        """
        v2 = airspeed_m_s**2
        blade = self.blade_w * (1 + 3 * v2 / self.tip_speed_m_s**2)
        half = v2 / (2 * self.induced_speed_m_s**2)
        induced = self.induced_w * math.sqrt(math.sqrt(1 + half**2) - half)
        return blade + induced + self.parasite_w_per_m3_s3 * airspeed_m_s**3 + self.electronics_w

    def windy_power_w(self, ground_speed_m_s: float, wind_m_s: float) -> float:
        """The worst over all wind directions: the plan does not know where it will blow from."""
        speeds = np.linspace(abs(ground_speed_m_s - wind_m_s), ground_speed_m_s + wind_m_s, 9)
        return max(self.power_w(float(speed)) for speed in speeds)

    def ground_speed(self, wished_m_s: float, wind_m_s: float) -> float:
        """The speed over ground that can be held against the wind.

        Raises:
            WindTooStrong: less than 2 m/s is left.
        """
        left = self.greatest_airspeed_m_s - wind_m_s
        if left < LEAST_GROUND_SPEED_M_S:
            raise WindTooStrong(
                f"a wind of {wind_m_s:g} m/s leaves this aircraft no speed against it "
                f"(its greatest airspeed is {self.greatest_airspeed_m_s:g} m/s): wait until it drops"
            )
        return min(wished_m_s, left)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way takes."""

    length_m: float = 0.0
    seconds: float = 0.0
    energy_wh: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.length_m + other.length_m, self.seconds + other.seconds, self.energy_wh + other.energy_wh
        )


def path_cost(path: Array, speed_m_s: float, wind_m_s: float, aircraft: AircraftModel) -> Cost:
    """Time and energy along (N, 3) positions, beginning and ending at rest.

    The speed at a corner is the part of the speed that keeps its direction, nothing beyond 90 degrees;
    between corners the speed rises and falls at the aircraft's acceleration.
    """
    steps = np.diff(path, axis=0)
    across = np.hypot(steps[:, 0], steps[:, 1])
    keep = across > 0.01
    steps, across = steps[keep], across[keep]
    if not len(steps):
        return Cost()
    speeds = _corner_speeds(steps, across, speed_m_s, aircraft.acceleration_m_s2)
    seconds = 0.0
    for length, a, b in zip(across.tolist(), speeds[:-1].tolist(), speeds[1:].tolist(), strict=True):
        seconds += _leg_seconds(length, a, b, speed_m_s, aircraft.acceleration_m_s2)
    energy_j = seconds * aircraft.windy_power_w(speed_m_s, wind_m_s)
    energy_j += aircraft.mass_kg * GRAVITY_M_S2 * float(np.maximum(steps[:, 2], 0).sum()) / 0.6
    length_m = float(np.hypot(across, steps[:, 2]).sum())
    return Cost(length_m, seconds, energy_j / 3600)


def _corner_speeds(steps: Array, across: Array, speed: float, acceleration: float) -> Array:
    unit = steps[:, :2] / across[:, None]
    straight = np.clip((unit[:-1] * unit[1:]).sum(axis=1), 0.0, 1.0)
    speeds = np.concatenate([[0.0], speed * straight, [0.0]])
    for i, length in enumerate(across):
        speeds[i + 1] = min(speeds[i + 1], math.sqrt(speeds[i] ** 2 + 2 * acceleration * length))
    for i in range(len(across) - 1, -1, -1):
        speeds[i] = min(speeds[i], math.sqrt(speeds[i + 1] ** 2 + 2 * acceleration * across[i]))
    return np.asarray(speeds)


def _leg_seconds(length: float, start: float, end: float, speed: float, acceleration: float) -> float:
    """Time over a leg with a trapezium of speed."""
    peak = min(speed, math.sqrt((2 * acceleration * length + start**2 + end**2) / 2))
    ramps = (2 * peak**2 - start**2 - end**2) / (2 * acceleration)
    return (2 * peak - start - end) / acceleration + max(0.0, length - ramps) / max(peak, 0.1)


def vertical_cost(up_m: float, down_m: float, wind_m_s: float, aircraft: AircraftModel) -> Cost:
    """Take-off to a height and landing from one, metres above home; counts no length."""
    up = max(0.0, up_m) / aircraft.climb_m_s
    slow = min(max(0.0, down_m), aircraft.landing_from_m)
    down = (max(0.0, down_m) - slow) / aircraft.descent_m_s + slow / aircraft.landing_m_s
    seconds = up + down + aircraft.start_and_landing_s
    energy_j = seconds * aircraft.windy_power_w(0.0, wind_m_s)
    energy_j += aircraft.mass_kg * GRAVITY_M_S2 * max(0.0, up_m) / 0.6
    return Cost(0.0, seconds, energy_j / 3600)


def split_lanes(
    lanes: list[Cost], links: list[Cost], out: list[Cost], back: list[Cost], limit_wh: float, least: int = 1
) -> list[tuple[int, int]]:
    """Cut a tour of lanes into sorties that each fit a battery.

    Args:
        lanes: cost of each lane in flying order.
        links: cost from each lane's end to the next one's start, one fewer.
        out: cost from standing at home to the start of each lane; back: from its end to standing at home.
        limit_wh: energy that one sortie may use. A single lane that needs more stays alone.
        least: the number of sorties wanted at least, for several aircraft.

    Returns:
        Half-open ranges of lanes: as few sorties as the battery allows, then the shortest longest sortie,
        then the least total time.
    """
    count = len(lanes)
    if not count:
        return []
    trips = _trips(lanes, links, out, back)
    best: list[dict[int, tuple[float, float, int]]] = [{} for _ in range(count + 1)]
    best[0][0] = (0.0, 0.0, 0)
    for end in range(1, count + 1):
        for start in range(end):
            cost = trips[start, end]
            if cost.energy_wh > limit_wh and end - start > 1:
                continue
            for used, (longest, total, _) in best[start].items():
                entry = (max(longest, cost.seconds), total + cost.seconds, start)
                if used + 1 not in best[end] or entry < best[end][used + 1]:
                    best[end][used + 1] = entry
    wanted = [number for number in best[count] if number >= min(least, count)]
    number = min(wanted)
    cuts, end = [], count
    while end > 0:
        start = best[end][number][2]
        cuts.append((start, end))
        end, number = start, number - 1
    return cuts[::-1]


def _trips(
    lanes: list[Cost], links: list[Cost], out: list[Cost], back: list[Cost]
) -> dict[tuple[int, int], Cost]:
    """Cost of flying lanes start to end - 1 in one sortie."""
    trips: dict[tuple[int, int], Cost] = {}
    for start in range(len(lanes)):
        inside = Cost()
        for end in range(start + 1, len(lanes) + 1):
            inside = inside + lanes[end - 1]
            trips[start, end] = out[start] + inside + back[end - 1]
            if end < len(lanes):
                inside = inside + links[end - 1]
    return trips


def share_out(seconds: list[float], aircraft: int) -> list[int]:
    """Which aircraft flies each sortie: the longest first, always to the least busy one."""
    busy = [0.0] * aircraft
    owner = [0] * len(seconds)
    for index in sorted(range(len(seconds)), key=lambda i: -seconds[i]):
        least = min(range(aircraft), key=lambda number: (busy[number], number))
        owner[index] = least
        busy[least] += seconds[index]
    return owner
