"""How people move, from noisy positions a few times a second: place and velocity without the noise.

A parabola is fitted to each second of a person's positions (Savitzky and Golay 1964).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from missions.geodesy import Array

LEAST_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """One person at one instant, smoothed.

    position, velocity: (2,) east and north.
    """

    seconds: float
    position: Array
    velocity: Array


def fit_moment(samples: Array, at: float) -> Moment | None:
    """Parabola through (n, 3) seconds, east, north, read at ``at``; None when there are too few samples."""
    n = len(samples)
    if n < LEAST_SAMPLES:
        return None
    time = samples[:, 0] - at
    design = np.column_stack([np.ones(n), time, time**2])
    normal = design.T @ design
    if np.linalg.cond(normal) > 1e8:
        return None
    solution = np.linalg.solve(normal, design.T @ samples[:, 1:])
    return Moment(at, solution[0], solution[1])


class Mover:
    """Keeps the moments of one person.

    Args:
        smoothing_s: length of the stretch that each parabola is fitted to.
        keep_s: how long moments are kept.
    """

    def __init__(self, smoothing_s: float, keep_s: float) -> None:
        self._smoothing_s, self._keep_s = smoothing_s, keep_s
        self.moments: deque[Moment] = deque()

    def update(self, steady: Iterable[tuple[float, float, float]], seconds: float) -> None:
        """Add the moment half a smoothing length ago, from samples up to ``seconds``."""
        start = seconds - self._smoothing_s - 1e-6
        samples = np.array([sample for sample in steady if sample[0] >= start])
        if len(samples) < LEAST_SAMPLES or samples[-1, 0] - samples[0, 0] < 0.6 * self._smoothing_s:
            return
        moment = fit_moment(samples, seconds - self._smoothing_s / 2)
        if moment is None or (self.moments and moment.seconds <= self.moments[-1].seconds):
            return
        self.moments.append(moment)
        while self.moments and self.moments[0].seconds < seconds - self._keep_s:
            self.moments.popleft()


def straight_motion(samples: Array) -> tuple[float, float]:
    """Speed of the best straight line (m/s) and median distance from the middle (m) of (n, 3) samples."""
    time = samples[:, 0] - samples[:, 0].mean()
    spread = float((time**2).sum())
    drift = float(np.median(np.linalg.norm(samples[:, 1:] - np.median(samples[:, 1:], axis=0), axis=1)))
    if spread <= 0:
        return 0.0, drift
    velocity = time @ (samples[:, 1:] - samples[:, 1:].mean(axis=0)) / spread
    return float(np.linalg.norm(velocity)), drift
