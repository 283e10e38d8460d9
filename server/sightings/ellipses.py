"""What a covariance says: circular error, ellipse, and how two of them combine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHI2_90 = 4.605170185988092  # 90 % of a bivariate normal lies within this squared Mahalanobis distance


class Ellipse(NamedTuple):
    """The ellipse that holds the truth with 90 %; bearing of its long axis clockwise from north."""

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


def circular_error_90(covariance_m2: Array) -> float:
    """Radius of the circle that holds 90 % of a bivariate normal, metres."""
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance_m2), 0.0))
    if not np.isfinite(values).all() or values[1] <= 0:
        return float("nan") if not np.isfinite(values).all() else 0.0
    return float(values[1] * np.interp(values[0] / values[1], _RATIOS, _FACTORS))


def ellipse_90(covariance_m2: Array) -> Ellipse:
    """The 90 % ellipse of a covariance."""
    values, vectors = np.linalg.eigh(covariance_m2)
    minor, major = np.sqrt(np.maximum(values, 0.0) * CHI2_90)
    east, north = vectors[:, 1]
    return Ellipse(float(major), float(minor), float(np.degrees(np.arctan2(east, north)) % 180.0))


def _factor_table() -> tuple[Array, Array]:
    """CE90 in units of the larger sigma, by the ratio of both sigmas; by integration over the bearing.

    P(r) = 1/(2 pi s1 s2) * integral of (1 - exp(-a r^2 / 2)) / a, a = cos^2/s1^2 + sin^2/s2^2.
    """
    ratios = np.linspace(0.0, 1.0, 41)
    angles = (np.arange(4000) + 0.5) / 4000 * 2 * np.pi
    small = np.maximum(ratios, 0.004)[:, None]
    a = np.cos(angles) ** 2 + np.sin(angles) ** 2 / small**2
    low, high = np.full(len(ratios), 1.6), np.full(len(ratios), 2.2)
    for _ in range(40):
        middle = (low + high) / 2
        inside = ((1 - np.exp(-a * middle[:, None] ** 2 / 2)) / a).mean(1) / small[:, 0]
        low, high = np.where(inside < 0.9, middle, low), np.where(inside < 0.9, high, middle)
    return ratios, (low + high) / 2


_RATIOS, _FACTORS = _factor_table()


def combine(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    """Fuse two positions whose errors may be correlated in an unknown way: covariance intersection.

    (Julier and Uhlmann 1997.) The result is never surer than both are together at their best, so that passes
    of one flight, which share its GNSS offset, do not feign accuracy.

    Args:
        first, second: position (2,) and covariance (2, 2), metres.
    """
    (x, p), (y, q) = first, second
    p_inv, q_inv = np.linalg.inv(p), np.linalg.inv(q)
    covariances = np.linalg.inv(_SHARES * p_inv + (1 - _SHARES) * q_inv)
    sizes = np.trace(covariances, axis1=1, axis2=2)
    best = int(np.argmax(sizes <= sizes.min() + 1e-12))
    share, covariance = _SHARES[best, 0, 0], covariances[best]
    return covariance @ (share * p_inv @ x + (1 - share) * q_inv @ y), covariance


_SHARES = np.linspace(0.0, 1.0, 21)[:, None, None]
