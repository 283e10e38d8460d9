"""The elevation of the ground: SRTM tiles, ESRI ASCII grids, GeoTIFF, or one height for all.

Elevations are metres above mean sea level. Unknown ground (outside the file, or a void in it) is NaN, so that
whole arrays of points can be asked at once; ``elevation_at`` raises ``TerrainUnknown`` for a single point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from missions.errors import TerrainInvalid, TerrainUnknown
from missions.geodesy import Array, LocalFrame, distance_m

GroundHeight = Callable[[Array, Array], Array]
"""(east (N,), north (N,)) -> ground height in the frame's metres (N,)."""


class Terrain(Protocol):
    """Ground elevation by place."""

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        """Metres above sea level, shape (N,); NaN where unknown."""
        ...


@dataclass(frozen=True, slots=True)
class FlatTerrain:
    """The same elevation everywhere.

    >>> FlatTerrain(68.0).elevation_m([28.0, 29.0], 117.0).tolist()
    [68.0, 68.0]
    """

    elevation: float = 0.0

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        lat, lon = _points(latitude, longitude)
        return np.where(np.isfinite(lat + lon), self.elevation, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class GriddedTerrain:
    """Elevations on a regular grid in degrees, read bilinearly.

    Args:
        north, west: position of the first sample (row 0, column 0), degrees.
        step_latitude, step_longitude: positive spacing in degrees; rows run southwards.
        samples: shape (rows, columns), metres, NaN for voids.
        margin: how far beyond the outermost samples the grid still holds, in steps (0.5 where a sample stands
            for a cell, 0 where it stands for a point).
    """

    north: float
    west: float
    step_latitude: float
    step_longitude: float
    samples: NDArray[np.floating] | NDArray[np.integer]
    margin: float = 0.0
    void: float = float("nan")

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        lat, lon = _points(latitude, longitude)
        rows, columns = self.samples.shape
        row = (self.north - lat) / self.step_latitude
        column = (lon - self.west) / self.step_longitude
        slack = self.margin + 1e-6
        with np.errstate(invalid="ignore"):
            inside = (row >= -slack) & (row <= rows - 1 + slack)
            inside &= (column >= -slack) & (column <= columns - 1 + slack)
        row = np.clip(np.where(inside, row, 0.0), 0, rows - 1)
        column = np.clip(np.where(inside, column, 0.0), 0, columns - 1)
        top = np.minimum(row.astype(int), max(rows - 2, 0))
        left = np.minimum(column.astype(int), max(columns - 2, 0))
        down, right = row - top, column - left
        result = np.zeros(len(lat))
        for step_row, step_column, weight in (
            (0, 0, (1 - down) * (1 - right)), (0, 1, (1 - down) * right),
            (1, 0, down * (1 - right)), (1, 1, down * right),
        ):  # fmt: skip
            i, j = np.minimum(top + step_row, rows - 1), np.minimum(left + step_column, columns - 1)
            values = np.asarray(self.samples[i, j], float)
            values = np.where(values == self.void, np.nan, values)
            result += np.where(weight > 1e-9, values * weight, 0.0)
        return np.where(inside, result, np.nan)


class TerrainTiles:
    """Several terrains side by side; the first that knows a point answers."""

    def __init__(self, tiles: Iterable[Terrain]) -> None:
        self._tiles = list(tiles)

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        lat, lon = _points(latitude, longitude)
        result = np.full(len(lat), np.nan)
        for tile in self._tiles:
            missing = np.isnan(result)
            if not missing.any():
                break
            result[missing] = tile.elevation_m(lat[missing], lon[missing])
        return result


def load_terrain(path: Path | str) -> Terrain:
    """Read an elevation file by its suffix, or every such file of a folder.

    Raises:
        TerrainInvalid: the file is missing, broken or of an unknown kind.
    """
    source = Path(path)
    from missions.terrain_files import SUFFIXES, read_file  # needs an image library, which takes time to load

    if source.is_dir():
        tiles = [read_file(tile) for tile in sorted(source.iterdir()) if tile.suffix.lower() in SUFFIXES]
        if not tiles:
            raise TerrainInvalid(
                f"{source} holds no tile (.hgt, .tif, .asc): give a terrain file or a folder of tiles"
            )
        return TerrainTiles(tiles)
    return read_file(source)


def ground_in(frame: LocalFrame, terrain: Terrain) -> GroundHeight:
    """The terrain as a function of east and north in ``frame``; heights relative to the frame's origin."""

    def ground(east: Array, north: Array) -> Array:
        places = frame.to_geodetic(np.column_stack([np.atleast_1d(east), np.atleast_1d(north)]))
        return terrain.elevation_m(places[:, 0], places[:, 1]) - frame.altitude_amsl_m

    return ground


def sampled_ground(
    ground: GroundHeight, bounds: tuple[float, float, float, float], step_m: float = 10.0
) -> GroundHeight:
    """A ground function read from a grid sampled once: fast, for search; beyond ``bounds`` its border holds.

    Args:
        bounds: west, south, east, north in metres.
    """
    west, south, east, north = bounds
    columns, rows = (max(2, int(np.ceil(span / step_m)) + 1) for span in (east - west, north - south))
    x, y = np.meshgrid(west + step_m * np.arange(columns), south + step_m * np.arange(rows))
    from scipy.ndimage import map_coordinates  # slow to load, and not needed where nothing is sampled

    heights = ground(x.ravel(), y.ravel()).reshape(rows, columns)

    def sampled(east: Array, north: Array) -> Array:
        places = np.stack([(np.asarray(north) - south) / step_m, (np.asarray(east) - west) / step_m])
        return np.asarray(map_coordinates(heights, places, order=1, mode="nearest"))

    return sampled


def elevation_at(terrain: Terrain, latitude: float, longitude: float) -> float:
    """Elevation of one point.

    Raises:
        TerrainUnknown: it lies outside the terrain or in a void.
    """
    value = float(terrain.elevation_m(latitude, longitude)[0])
    if np.isnan(value):
        raise TerrainUnknown(
            f"no elevation is known at {latitude:.5f}, {longitude:.5f}: "
            "give a terrain file that covers the place and has no void there"
        )
    return value


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether one point sees another, and the least height of the ray over the ground on the way (metres)."""

    clear: bool
    clearance_m: float


def line_of_sight(
    terrain: Terrain,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    *,
    step_m: float = 10.0,
) -> Sight:
    """Look from ``start`` to ``end`` (latitude, longitude, altitude above sea level) over the terrain.

    The Earth's curvature with standard refraction (4/3 radius) is taken off the ray. Ends are left out, so
    that two points on the ground can see each other.

    Raises:
        TerrainUnknown: part of the ground between is unknown.
    """
    length = distance_m(start[0], start[1], end[0], end[1])
    count = max(2, int(np.ceil(length / step_m)) + 1)
    share = np.linspace(0, 1, count)
    places = np.asarray(start)[None, :] * (1 - share[:, None]) + np.asarray(end)[None, :] * share[:, None]
    ground = terrain.elevation_m(places[:, 0], places[:, 1])
    if np.isnan(ground).any():
        raise TerrainUnknown("part of the ground between both points is unknown: give terrain that covers it")
    sag = (share * length) * ((1 - share) * length) / (2 * 6_371_000 * 4 / 3)
    height = (places[:, 2] - sag - ground)[1:-1]
    clearance = float(height.min()) if len(height) else float("inf")
    return Sight(clear=clearance > 0, clearance_m=clearance)


def _points(latitude: ArrayLike, longitude: ArrayLike) -> tuple[Array, Array]:
    lat, lon = np.broadcast_arrays(
        np.atleast_1d(np.asarray(latitude, float)), np.atleast_1d(np.asarray(longitude, float))
    )
    return lat, lon
