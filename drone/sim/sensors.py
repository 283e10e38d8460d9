"""What the simulated aircraft believes: the truth plus slowly varying errors, and moving air.

All errors are first-order Gauss-Markov processes:
x(t+dt) = x(t) exp(-dt/tau) + sigma sqrt(1 - exp(-2dt/tau)) w.
Seeded, and stepped only by the simulator, so that a flight repeats exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POSITION_SIGMA_M = 0.7
"""East and north error, each: about 1 m in the plane."""
HEIGHT_SIGMA_M = 0.8
ATTITUDE_SIGMA_DEG = 0.3
"""Reported minus true, for roll, pitch, heading and the gimbal's angles alike."""

_EAST, _NORTH, _UP, _ROLL, _PITCH, _YAW, _GIMBAL_ROLL, _GIMBAL_PITCH, _GUST_EAST, _GUST_NORTH = range(10)


class Sensors:
    """Errors of position (m) and attitude (degrees), and gusts (m/s).

    Args:
        seed: the errors of one seed are always the same.
        gust_m_s: standard deviation of the wind about its mean.
    """

    def __init__(self, seed: int, gust_m_s: float) -> None:
        self._random = np.random.default_rng(seed)
        # its own stream: how often somebody asks for raw readings must not change the flight
        self._white = np.random.default_rng([seed, 1])
        self._tau = np.array([60.0, 60.0, 90.0, 5.0, 5.0, 20.0, 5.0, 5.0, 4.0, 4.0])
        attitude = [ATTITUDE_SIGMA_DEG] * 5
        self._sigma = np.array(
            [POSITION_SIGMA_M, POSITION_SIGMA_M, HEIGHT_SIGMA_M, *attitude, gust_m_s, gust_m_s]
        )
        self._values: NDArray[np.float64] = self._sigma * self._random.standard_normal(10)
        self._dt = 0.0
        self._keep = self._spread = np.zeros(10)

    def step(self, dt: float) -> None:
        if dt != self._dt:
            self._dt = dt
            self._keep = np.exp(-dt / self._tau)
            self._spread = self._sigma * np.sqrt(1 - self._keep**2)
        self._values = self._keep * self._values + self._spread * self._random.standard_normal(10)

    @property
    def position_error(self) -> tuple[float, float, float]:
        v = self._values
        return float(v[_EAST]), float(v[_NORTH]), float(v[_UP])

    @property
    def attitude_error(self) -> tuple[float, float, float]:
        """Roll, pitch, yaw in degrees."""
        v = self._values
        return float(v[_ROLL]), float(v[_PITCH]), float(v[_YAW])

    @property
    def gimbal_error(self) -> tuple[float, float]:
        """Roll and pitch in degrees; the gimbal's yaw is the vehicle's."""
        v = self._values
        return float(v[_GIMBAL_ROLL]), float(v[_GIMBAL_PITCH])

    @property
    def gust(self) -> tuple[float, float]:
        return float(self._values[_GUST_EAST]), float(self._values[_GUST_NORTH])

    def white(self, sigma: float) -> float:
        """One draw of white noise, for raw receiver readings."""
        return float(sigma * self._white.standard_normal())
