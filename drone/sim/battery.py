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
    """Electrical power of a multirotor of about 4 kg.

    Induced power falls with airspeed as momentum theory says (Leishman, Principles of Helicopter
    Aerodynamics, ch. 5), drag power grows: the sum is a flat U. Climbing adds weight times climb rate over
    the drive's efficiency.
    """

    hover_w: float = 420.0
    mass_kg: float = 4.0
    efficiency: float = 0.6
    induced_hover_m_s: float = 6.0
    standby_w: float = 12.0

    def watts(self, airspeed_m_s: float, climb_m_s: float) -> float:
        ratio = airspeed_m_s / self.induced_hover_m_s
        induced = 0.85 * self.hover_w * math.sqrt(math.sqrt(1 + ratio**4 / 4) - ratio**2 / 2)
        parasite = 0.15 * self.hover_w * (1 + 0.4 * ratio**3)
        lift = self.mass_kg * 9.81 * climb_m_s / self.efficiency
        return max(0.2 * self.hover_w, induced + parasite + (lift if climb_m_s > 0 else 0.3 * lift))


@dataclass(slots=True)
class Battery:
    """``capacity_wh`` when full; ``used_wh`` since then."""

    capacity_wh: float = 250.0
    used_wh: float = 0.0
    internal_ohm: float = 0.02
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
