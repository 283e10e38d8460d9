"""How people move, from noisy positions a few times a second: velocity and acceleration without the noise.

A parabola is fitted to each second of a person's positions (Savitzky and Golay 1964). The fit's own
covariance says how much of the squared acceleration and velocity is noise; that much is subtracted, so that
calm people with shaky boxes do not look agitated.
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

    position, velocity, acceleration: (2,) east and north. residual: mean square misfit a coordinate, m^2.
    velocity_gain, acceleration_gain: what a position variance of 1 m^2 adds to the squared norm of each.
    """

    seconds: float
    position: Array
    velocity: Array
    acceleration: Array
    residual: float
    velocity_gain: float
    acceleration_gain: float


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
    inverse = np.linalg.inv(normal)
    solution = inverse @ design.T @ samples[:, 1:]
    misfit = samples[:, 1:] - design @ solution
    return Moment(
        at, solution[0], solution[1], 2 * solution[2], float((misfit**2).sum() / (2 * max(n - 3, 1))),
        float(2 * inverse[1, 1]), float(8 * inverse[2, 2]),
    )  # fmt: skip


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

    def since(self, seconds: float) -> list[Moment]:
        """Moments from ``seconds`` on."""
        return [moment for moment in self.moments if moment.seconds >= seconds - 1e-6]


@dataclass(frozen=True, slots=True)
class PairMotion:
    """Two people over a while.

    distance: median, m. acceleration: root mean square, noise subtracted, m/s^2. relative_speed: likewise,
    m/s. seconds: time covered. score: relative speed times acceleration.
    """

    distance: float
    acceleration: float
    relative_speed: float
    seconds: float

    @property
    def score(self) -> float:
        return self.relative_speed * self.acceleration


def pair_motion(a: list[Moment], b: list[Moment], variance: float) -> PairMotion | None:
    """What two people do to each other.

    Args:
        variance: of a position, m^2 a coordinate; its share is subtracted.
    """
    times = {round(moment.seconds, 2): moment for moment in b}
    pairs = [(moment, times[round(moment.seconds, 2)]) for moment in a if round(moment.seconds, 2) in times]
    if len(pairs) < 3:
        return None
    apart = [float(np.linalg.norm(p.position - q.position)) for p, q in pairs]
    squared = [
        float(m.acceleration @ m.acceleration) - variance * m.acceleration_gain
        for pair in pairs
        for m in pair
    ]
    relative = [
        float((p.velocity - q.velocity) @ (p.velocity - q.velocity))
        - variance * (p.velocity_gain + q.velocity_gain)
        for p, q in pairs
    ]
    return PairMotion(
        float(np.median(apart)),
        float(np.sqrt(max(0.0, float(np.mean(squared))))),
        float(np.sqrt(max(0.0, float(np.mean(relative))))),
        pairs[-1][0].seconds - pairs[0][0].seconds,
    )


def position_variance(residuals: Iterable[float], floor_m: float, ceiling_m: float) -> float:
    """Error of a position, m^2 a coordinate, from the misfits of everybody in view.

    The calmest third stands for all: what the others misfit more is their motion and no error. A mean square
    of six degrees of freedom lies below 0.64 of its expectation in a third of the cases.
    """
    values = np.array(list(residuals))
    typical = float(np.percentile(values, 33)) / 0.64 if len(values) else 0.0
    return float(np.clip(typical, floor_m**2, ceiling_m**2))
