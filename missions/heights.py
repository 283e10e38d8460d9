"""Heights by what they count from, and signs that they were mixed up.

Inside Skybeat every height is above mean sea level (EGM96). Recordings and autopilots give others.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from missions.geodesy import Array
from missions.geoid import undulation_m
from missions.terrain import Terrain

MIX_UP_M = 10.0
"""Heights that should agree and differ by more than this count from different levels."""


class HeightDatum(StrEnum):
    """What a height counts from."""

    ELLIPSOID = "ellipsoid"
    SEA = "sea"
    GROUND = "ground"
    HOME = "home"


class HeightUnknown(ValueError):
    """A height cannot be brought to sea level; the message says what to give."""


def above_sea_m(
    height_m: ArrayLike,
    datum: HeightDatum,
    latitude: ArrayLike,
    longitude: ArrayLike,
    *,
    terrain: Terrain | None = None,
    home_amsl_m: float | None = None,
) -> Array:
    """Heights of any datum -> metres above sea level (EGM96), shape (N,).

    Args:
        terrain: needed for heights above ground.
        home_amsl_m: needed for heights above home, the take-off point.

    Raises:
        HeightUnknown: what the datum needs is missing, or the terrain does not cover a place.
    """
    heights, lat, lon = _together(height_m, latitude, longitude)
    return np.asarray(heights + level_m(datum, lat, lon, terrain=terrain, home_amsl_m=home_amsl_m))


def from_sea_m(
    amsl_m: ArrayLike,
    datum: HeightDatum,
    latitude: ArrayLike,
    longitude: ArrayLike,
    *,
    terrain: Terrain | None = None,
    home_amsl_m: float | None = None,
) -> Array:
    """The inverse of ``above_sea_m``."""
    heights, lat, lon = _together(amsl_m, latitude, longitude)
    return np.asarray(heights - level_m(datum, lat, lon, terrain=terrain, home_amsl_m=home_amsl_m))


def _together(*values: ArrayLike) -> tuple[Array, ...]:
    """Numbers or arrays as arrays (N,) of one length."""
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, float)) for one in values))


def level_m(
    datum: HeightDatum,
    latitude: Array,
    longitude: Array,
    *,
    terrain: Terrain | None = None,
    home_amsl_m: float | None = None,
) -> Array:
    """How high above sea level the zero of a datum lies at each place, (N,)."""
    match datum:
        case HeightDatum.SEA:
            return np.zeros(len(latitude))
        case HeightDatum.ELLIPSOID:
            return -undulation_m(latitude, longitude)
        case HeightDatum.HOME:
            if home_amsl_m is None:
                raise HeightUnknown(
                    "heights above home need the height of the take-off point above sea level"
                )
            return np.full(len(latitude), home_amsl_m)
        case HeightDatum.GROUND:
            if terrain is None:
                raise HeightUnknown("heights above ground need terrain that covers the flight")
            ground = np.asarray(terrain.elevation_m(latitude, longitude))
            if not np.isfinite(ground).all():
                raise HeightUnknown("the terrain does not cover all of the flight; give a larger one")
            return ground


def datum_alarm(
    absolute_m: ArrayLike, relative_m: ArrayLike, home_ground_m: float | None, place: tuple[float, float]
) -> str:
    """A sentence where absolute and relative heights of one flight contradict the ground; else "".

    Args:
        absolute_m: (N,) metres, said to be above sea level; NaN where missing.
        relative_m: (N,) metres above the take-off point; NaN where missing.
        home_ground_m: what the terrain says of the take-off point, None where it is silent.
        place: latitude and longitude of the take-off.
    """
    implied = np.asarray(absolute_m, float) - np.asarray(relative_m, float)
    implied = implied[np.isfinite(implied)]
    if not len(implied):
        return ""
    spread = float(np.percentile(implied, 95) - np.percentile(implied, 5))
    if spread > MIX_UP_M:
        return (
            f"absolute and relative heights run apart by {spread:.0f} m within the flight: "
            "one of them is not what it says; check the barometer and the height datum"
        )
    if home_ground_m is None:
        return ""
    gap = float(np.median(implied)) - home_ground_m
    if abs(gap) <= MIX_UP_M:
        return ""
    undulation = float(undulation_m(*place)[0])
    ellipsoidal = abs(gap - undulation) < MIX_UP_M / 2 and abs(undulation) > MIX_UP_M / 2
    why = (
        f"which is about the geoid's height there ({undulation:.0f} m): they count from the ellipsoid"
        if ellipsoidal
        else "so they do not count from sea level"
    )
    return (
        f"absolute heights put the take-off {gap:+.0f} m off the terrain, {why}; heights above home are taken"
    )
