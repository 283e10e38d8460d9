"""Calibration of scores: a temperature that brings scores nearer to the part of such finds that are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[np.float64]
EDGE = 1e-6


def warmed(scores: Array, temperature: float) -> Array:
    """Scores after division of their logits by a temperature.

    >>> warmed(np.array([0.5, 0.9]), 2.0).round(2).tolist()
    [0.5, 0.75]
    """
    inside = np.clip(scores, EDGE, 1 - EDGE)
    return np.asarray(1 / (1 + np.exp(-np.log(inside / (1 - inside)) / temperature)))


def fit_temperature(scores: Array, hits: NDArray[np.bool_]) -> float:
    """The temperature with the greatest likelihood of the hits, within 0.25 to 4.

    Raises:
        ValueError: fewer than twenty finds, or all right, or all wrong: nothing can be told from that.
    """
    if len(scores) < 20 or hits.all() or not hits.any():
        raise ValueError(f"{len(scores)} finds, {int(hits.sum())} right: judge on more pictures to calibrate")

    def cost(logarithm: float) -> float:
        shares = np.clip(warmed(scores, float(np.exp(logarithm))), EDGE, 1 - EDGE)
        return float(-np.where(hits, np.log(shares), np.log(1 - shares)).mean())

    found = minimize_scalar(cost, bounds=(np.log(0.25), np.log(4.0)), method="bounded")
    return round(float(np.exp(found.x)), 3)


def calibration_error(scores: Array, hits: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance between score and part of right finds over bins, weighted by finds.

    >>> calibration_error(np.array([0.75] * 4), np.array([True, True, True, False]))
    0.0
    """
    places = np.minimum((scores * bins).astype(int), bins - 1)
    total = 0.0
    for place in range(bins):
        inside = places == place
        if inside.any():
            total += inside.mean() * abs(float(scores[inside].mean()) - float(hits[inside].mean()))
    return float(total)
