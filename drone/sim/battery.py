"""A lithium battery by its energy: what is left, its voltage under load, its current."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

CELLS = 6
_OPEN_CIRCUIT_V = ((0.0, 3.30), (0.05, 3.55), (0.2, 3.70), (0.5, 3.84), (0.8, 4.02), (1.0, 4.18))
"""Share of charge left -> volts a cell, a common curve of lithium polymer cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerModel:
    """Electrical power of a multirotor of about 2 kg.

    Level flight follows Zeng, Xu and Zhang, "Energy minimization for wireless communication with rotary-wing
    UAV" (2019): blade profile, induced and parasite power over airspeed. Climbing adds weight times climb
    rate over the drive's efficiency, descending gives some of it back.
    """

    blade_w: float = 79.86
    induced_w: float = 88.63
    tip_speed_m_s: float = 120.0
    induced_speed_m_s: float = 4.03
    parasite_w_per_m3_s3: float = 0.00924
    electronics_w: float = 25.0
    mass_kg: float = 2.04
    efficiency: float = 0.6

    @property
    def hover_w(self) -> float:
        return self.watts(0.0, 0.0)

    def watts(self, airspeed_m_s: float, climb_m_s: float) -> float:
        """Power in flight."""
        v2 = airspeed_m_s**2
        blade = self.blade_w * (1 + 3 * v2 / self.tip_speed_m_s**2)
        half = v2 / (2 * self.induced_speed_m_s**2)
        induced = self.induced_w * math.sqrt(math.sqrt(1 + half**2) - half)
        parasite = self.parasite_w_per_m3_s3 * airspeed_m_s**3
        lift = self.mass_kg * 9.81 * climb_m_s / self.efficiency
        flying = blade + induced + parasite + (lift if climb_m_s > 0 else 0.3 * lift)
        return self.electronics_w + max(0.3 * self.blade_w, flying)


@dataclass(slots=True)
class Battery:
    """``capacity_wh`` when full; ``used_wh`` since then."""

    capacity_wh: float = 90.0
    used_wh: float = 0.0
    internal_ohm: float = 0.06
    power_w: float = 0.0

    @property
    def fraction(self) -> float:
        return max(0.0, 1.0 - self.used_wh / self.capacity_wh)

    @property
    def voltage_v(self) -> float:
        """Terminal voltage under the present load."""
        rest = CELLS * _interpolate(self.fraction)
        return max(0.5 * rest, rest - self.internal_ohm * self.power_w / rest)

    @property
    def current_a(self) -> float:
        return self.power_w / self.voltage_v

    @property
    def capacity_mah(self) -> float:
        return 1000.0 * self.capacity_wh / (CELLS * 3.7)

    def draw(self, power_w: float, dt: float) -> None:
        """Take ``power_w`` for ``dt`` seconds."""
        self.power_w = power_w
        self.used_wh = min(self.capacity_wh, self.used_wh + power_w * dt / 3600.0)

    def swap(self) -> None:
        """Put in a full one."""
        self.used_wh = 0.0


def _interpolate(fraction: float) -> float:
    for (low, below), (high, above) in itertools.pairwise(_OPEN_CIRCUIT_V):
        if fraction <= high:
            return below + (above - below) * (fraction - low) / (high - low)
    return _OPEN_CIRCUIT_V[-1][1]
