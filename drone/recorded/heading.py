"""Heading from the track over the ground, for recordings that do not say where the camera looked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HALF_WINDOWS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
CRAB_SIGMA_DEG = 15.0
"""Aircraft fly sideways in wind and at will: the course is no better a heading than this."""
CARRIED_SIGMA_DEG = 45.0
CARRIED_FOR_S = 20.0
SIGNIFICANT = 4.0


def course_headings(seconds: Array, east: Array, north: Array, sigma_m: float) -> tuple[Array, Array]:
    """Course over the ground at each sample.

    The shortest window is taken over which the aircraft moved by ``SIGNIFICANT`` times the position's error.
    Where it hovers, the nearest course within ``CARRIED_FOR_S`` is carried on with a large sigma.

    Args:
        seconds: (N,) increasing.
        east: (N,) metres. north: (N,) metres.
        sigma_m: error of one position relative to its neighbours, one standard deviation.

    Returns:
        Degrees clockwise from north (N,) and their standard deviation (N,); NaN where nothing is known.
    """
    heading = np.full(len(seconds), np.nan)
    sigma = np.full(len(seconds), np.nan)
    for half in HALF_WINDOWS_S:
        de = np.interp(seconds + half, seconds, east) - np.interp(seconds - half, seconds, east)
        dn = np.interp(seconds + half, seconds, north) - np.interp(seconds - half, seconds, north)
        moved = np.hypot(de, dn)
        good = np.isnan(heading) & (moved >= SIGNIFICANT * sigma_m) & (moved >= 1.0)
        heading[good] = np.degrees(np.arctan2(de[good], dn[good])) % 360.0
        random_deg = np.degrees(np.arctan(np.sqrt(2) * sigma_m / moved[good]))
        sigma[good] = np.hypot(random_deg, CRAB_SIGMA_DEG)
    known = np.flatnonzero(~np.isnan(heading))
    if len(known):
        for i in np.flatnonzero(np.isnan(heading)):
            nearest = known[np.argmin(np.abs(seconds[known] - seconds[i]))]
            if abs(seconds[nearest] - seconds[i]) <= CARRIED_FOR_S:
                heading[i], sigma[i] = heading[nearest], CARRIED_SIGMA_DEG
    return heading, sigma
