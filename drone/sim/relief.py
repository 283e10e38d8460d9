"""The town's ground: one bilinear grid of heights, shared by the renderer and the exported terrain file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from missions.geodesy import LocalFrame

Array = NDArray[np.float64]

ORIGIN_LATITUDE = 28.45
ORIGIN_LONGITUDE = 117.97
STEP_DEG = 0.0002
ROWS_EACH_SIDE = 50
COLUMNS_EACH_SIDE = 56
BASE_M = 68.0


def river_north(east: ArrayLike) -> Array:
    """Northing of the river's centre line at an easting, metres in the town's frame."""
    e = np.asarray(east, float)
    return np.asarray(-249.0 + 7.0 * np.sin(e / 118.0) + 4.0 * np.sin(e / 57.0 + 1.1))


class Relief:
    """Heights above sea level on a grid in degrees; obeys ``missions.terrain.Terrain``.

    The same grid, to the same centimetre, is written by ``write_ascii_grid``, so that whoever reads that file
    stands on the ground that the renderer draws.
    """

    def __init__(self, frame: LocalFrame) -> None:
        self.frame = frame
        self.latitudes = ORIGIN_LATITUDE + STEP_DEG * np.arange(-ROWS_EACH_SIDE, ROWS_EACH_SIDE + 1)
        self.longitudes = ORIGIN_LONGITUDE + STEP_DEG * np.arange(-COLUMNS_EACH_SIDE, COLUMNS_EACH_SIDE + 1)
        lat, lon = np.meshgrid(self.latitudes, self.longitudes, indexing="ij")
        enu = frame.to_enu(lat.ravel(), lon.ravel())
        self.heights = np.round(_shape(enu[:, 0], enu[:, 1]), 2).reshape(lat.shape)
        self._to_degrees = self._fit()

    def _fit(self) -> Array:
        """Affine map from metres to fractional grid indices: off by centimetres at 1 km, where slopes are 1
        %.
        """
        metres = np.array([[0.0, 0.0], [400.0, 0.0], [0.0, 400.0]])
        lat, lon, _ = self.frame.to_geodetic(metres).T
        rows = (lat - self.latitudes[0]) / STEP_DEG
        columns = (lon - self.longitudes[0]) / STEP_DEG
        base = np.array([rows[0], columns[0]])
        slope = np.array(
            [[rows[1] - rows[0], columns[1] - columns[0]], [rows[2] - rows[0], columns[2] - columns[0]]]
        )
        return np.vstack([base, slope / 400.0])

    def height_m(self, east: ArrayLike, north: ArrayLike) -> Array:
        """Ground height above sea level at town coordinates; broadcasts, clamped at the grid's edge."""
        e, n = np.broadcast_arrays(np.asarray(east, float), np.asarray(north, float))
        base, by_east, by_north = self._to_degrees
        return self._at(
            base[0] + e * by_east[0] + n * by_north[0], base[1] + e * by_east[1] + n * by_north[1]
        )

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        """Ground height above sea level at geodetic positions; clamped at the grid's edge."""
        lat, lon = np.broadcast_arrays(np.asarray(latitude, float), np.asarray(longitude, float))
        return self._at((lat - self.latitudes[0]) / STEP_DEG, (lon - self.longitudes[0]) / STEP_DEG)

    def _at(self, rows: Array, columns: Array) -> Array:
        rows = np.clip(rows, 0, self.heights.shape[0] - 1.000001)
        columns = np.clip(columns, 0, self.heights.shape[1] - 1.000001)
        i, j = rows.astype(int), columns.astype(int)
        fi, fj = rows - i, columns - j
        h = self.heights
        low = h[i, j] * (1 - fj) + h[i, j + 1] * fj
        high = h[i + 1, j] * (1 - fj) + h[i + 1, j + 1] * fj
        return np.asarray(low * (1 - fi) + high * fi)

    def write_ascii_grid(self, path: Path) -> None:
        """ESRI ASCII grid; values belong to cell centres, rows run from north to south."""
        header = [
            f"ncols {self.heights.shape[1]}",
            f"nrows {self.heights.shape[0]}",
            f"xllcorner {self.longitudes[0] - STEP_DEG / 2:.7f}",
            f"yllcorner {self.latitudes[0] - STEP_DEG / 2:.7f}",
            f"cellsize {STEP_DEG:.7f}",
            "NODATA_value -9999",
        ]
        rows = [" ".join(f"{value:.2f}" for value in row) for row in self.heights[::-1]]
        path.write_text("\n".join([*header, *rows]) + "\n", "utf-8")


def _shape(east: Array, north: Array) -> Array:
    rolling = 1.5 * np.sin(east / 330.0 + 0.4) * np.cos(north / 290.0) + 1.1 * np.sin(
        (east + 1.7 * north) / 420.0 + 1
    )
    valley = 1.3 * np.exp(-(((north - river_north(east)) / 55.0) ** 2))
    return np.asarray(BASE_M + rolling - valley)
