"""What a multirotor draws from its battery: hover, forward flight, climb, wind, age of the battery.

Power in forward flight follows Zeng, Xu and Zhang, "Energy minimization for wireless communication with
rotary-wing UAV", IEEE Trans. Wireless Commun. 18(4), 2019, equation 12: blade profile, induced and parasite
power over airspeed. The default numbers are of that paper, for an aircraft of about 2 kg. Climbing adds
weight times climb rate over the efficiency of the drive, descending gives three tenths of that back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from missions.errors import WindTooStrong

LEAST_GROUND_SPEED_M_S = 2.0
GRAVITY_M_S2 = 9.81
RESERVE_WIND_M_S = 8.0
"""The reserve is kept even if it blows this hard from the worst direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AircraftModel:
    """A small multirotor; speeds and times of take-off and landing are those of an autopilot as delivered.

    Args:
        battery_wh: energy of the battery when it was new and full.
        battery_health: part of that which it still holds, 0 to 1.
        braking_m_s2: how hard waypoints are braked for.
        response_s: time constant of the velocity controller.
        corner_radius_m: how close a waypoint must be passed.
        corner_gain_per_s: the speed over that at a corner is at most this times the distance left.
        start_s: from arming to lifting off, and slowing down at the height of the flight.
        landing_s: standing above home, and settling on the ground.
    """

    mass_kg: float = 2.04
    blade_w: float = 79.86
    induced_w: float = 88.63
    tip_speed_m_s: float = 120.0
    induced_speed_m_s: float = 4.03
    parasite_w_per_m3_s3: float = 0.00924
    electronics_w: float = 25.0
    efficiency: float = 0.6
    regained: float = 0.3
    battery_wh: float = 90.0
    battery_health: float = 1.0
    acceleration_m_s2: float = 2.5
    braking_m_s2: float = 1.75
    response_s: float = 0.4
    corner_radius_m: float = 2.0
    corner_gain_per_s: float = 1.2
    climb_m_s: float = 2.5
    descent_m_s: float = 1.5
    landing_m_s: float = 0.5
    landing_from_m: float = 10.0
    greatest_airspeed_m_s: float = 16.0
    start_s: float = 3.0
    landing_s: float = 7.5

    @property
    def capacity_wh(self) -> float:
        """What the battery holds at its age."""
        return self.battery_wh * self.battery_health

    def power_w(self, airspeed_m_s: float, climb_m_s: float = 0.0) -> float:
        """Electrical power.

        >>> AircraftModel().power_w(0.0)
        193.49
        """
        v2 = airspeed_m_s**2
        blade = self.blade_w * (1 + 3 * v2 / self.tip_speed_m_s**2)
        half = v2 / (2 * self.induced_speed_m_s**2)
        induced = self.induced_w * math.sqrt(math.sqrt(1 + half**2) - half)
        level = blade + induced + self.parasite_w_per_m3_s3 * airspeed_m_s**3 + self.electronics_w
        lift = self.mass_kg * GRAVITY_M_S2 * climb_m_s / self.efficiency
        return level + (lift if climb_m_s > 0 else self.regained * lift)

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
class Wind:
    """Moving air. ``from_deg`` is where it blows from, clockwise from north; None: not known, the worst."""

    speed_m_s: float = 0.0
    from_deg: float | None = None

    def power_w(
        self, aircraft: AircraftModel, east_m_s: float, north_m_s: float, climb_m_s: float = 0.0
    ) -> float:
        """Power at a velocity over ground; from an unknown direction, the most that any asks for."""
        if self.from_deg is not None:
            turn = math.radians(self.from_deg)
            through = math.hypot(
                east_m_s + self.speed_m_s * math.sin(turn), north_m_s + self.speed_m_s * math.cos(turn)
            )
            return aircraft.power_w(through, climb_m_s)
        ground = math.hypot(east_m_s, north_m_s)
        if self.speed_m_s == 0:
            return aircraft.power_w(ground, climb_m_s)
        speeds = np.linspace(abs(ground - self.speed_m_s), ground + self.speed_m_s, 9)
        return max(aircraft.power_w(float(speed), climb_m_s) for speed in speeds)


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
