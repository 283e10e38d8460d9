"""A two-axis stabilised mount: roll is held level, pitch is held to the horizon, yaw follows the vehicle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drone.sim.dynamics import Vector


@dataclass(slots=True, kw_only=True)
class Gimbal:
    """Angles in degrees, earth-referenced: pitch 0 at the horizon, -90 straight down."""

    pitch_deg: float = 0.0
    wanted_deg: float = 0.0
    lowest_deg: float = -90.0
    highest_deg: float = 20.0
    rate_deg_s: float = 40.0
    region: Vector | None = None

    def point(self, pitch_deg: float) -> None:
        """Hold this pitch, and forget a region of interest."""
        self.region = None
        self.wanted_deg = max(self.lowest_deg, min(self.highest_deg, pitch_deg))

    def look_at(self, region: Vector | None) -> None:
        """Track a point (east, north, up), or stop doing so."""
        self.region = region

    def bearing_deg(self, position: Vector) -> float | None:
        """Heading that the vehicle must take for the region to be in the picture; None without one."""
        if self.region is None:
            return None
        east, north = self.region[0] - position[0], self.region[1] - position[1]
        return math.degrees(math.atan2(east, north)) % 360.0 if math.hypot(east, north) > 1.0 else None

    def step(self, dt: float, position: Vector) -> None:
        if self.region is not None:
            flat = math.hypot(self.region[0] - position[0], self.region[1] - position[1])
            pitch = math.degrees(math.atan2(self.region[2] - position[2], max(flat, 1e-3)))
            self.wanted_deg = max(self.lowest_deg, min(self.highest_deg, pitch))
        step = self.rate_deg_s * dt
        self.pitch_deg += max(-step, min(step, self.wanted_deg - self.pitch_deg))
