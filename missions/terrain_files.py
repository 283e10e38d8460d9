"""Files of elevations: SRTM tiles, ESRI ASCII grids, GeoTIFF in degrees or in a projection."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError
from pyproj import Transformer
from pyproj.exceptions import ProjError

from missions.errors import TerrainInvalid
from missions.geodesy import Array
from missions.terrain import GriddedTerrain, Terrain

HGT_VOID = -32768
HGT_NAME = re.compile(r"^([NS])(\d{2})([EW])(\d{3})")
HGT_SIDES = {1201 * 1201 * 2: 1201, 3601 * 3601 * 2: 3601}
MAX_SAMPLES = 200_000_000
LOWEST_M, HIGHEST_M = -500.0, 9000.0
MODEL_TYPE, RASTER_TYPE, PROJECTION = 1024, 1025, 3072  # keys of GeoTIFF
PROJECTED, GEOGRAPHIC = 1, 2
SUFFIXES = (".hgt", ".asc", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class ProjectedTerrain:
    """Elevations on a grid in metres east and north of a projection."""

    grid: GriddedTerrain
    to_projection: Transformer

    def elevation_m(self, latitude: ArrayLike, longitude: ArrayLike) -> Array:
        lat, lon = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (latitude, longitude)))
        east, north = self.to_projection.transform(lon, lat)
        return self.grid.elevation_m(north, east)


def read_file(path: Path) -> Terrain:
    """Read one file by its suffix.

    Raises:
        TerrainInvalid: it is missing, broken or of an unknown kind.
    """
    readers = dict(zip(SUFFIXES, (_read_hgt, _read_asc, _read_tiff, _read_tiff), strict=True))
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TerrainInvalid(f"{path} is no known elevation file: give .hgt, .asc or .tif")
    try:
        return reader(path)
    except OSError as error:
        raise TerrainInvalid(f"{path} cannot be read: {error.strerror or error}") from error


def _read_hgt(path: Path) -> GriddedTerrain:
    """SRTM: big-endian int16, row 0 in the north, borders included; named by the south-west corner."""
    name = HGT_NAME.match(path.name.upper())
    if name is None:
        raise TerrainInvalid(f"{path.name} is no SRTM tile name: rename it like N28E117.hgt")
    side = HGT_SIDES.get(path.stat().st_size)
    if side is None:
        raise TerrainInvalid(
            f"{path} has {path.stat().st_size} bytes, an SRTM tile has 2884802 or 25934402: fetch it again"
        )
    south = int(name[2]) * (1 if name[1] == "N" else -1)
    west = int(name[4]) * (1 if name[3] == "E" else -1)
    samples = np.fromfile(path, ">i2").reshape(side, side)
    step = 1.0 / (side - 1)
    return GriddedTerrain(
        north=south + 1.0, west=float(west), step_latitude=step, step_longitude=step, samples=samples,
        void=HGT_VOID,
    )  # fmt: skip


def _read_asc(path: Path) -> GriddedTerrain:
    """ESRI ASCII grid in degrees, by corner or centre, square cells or dx and dy."""
    header: dict[str, float] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            body = ""
            for line in lines:
                words = line.split()
                if len(words) == 2 and words[0][0].isalpha():
                    header[words[0].lower()] = float(words[1])
                elif words:
                    body = line
                    break
            text = body + lines.read()
        columns, rows = int(header["ncols"]), int(header["nrows"])
        step_x = header.get("cellsize", header.get("dx", 0.0))
        step_y = header.get("cellsize", header.get("dy", 0.0))
        west = header["xllcenter"] if "xllcenter" in header else header["xllcorner"] + step_x / 2
        south = header["yllcenter"] if "yllcenter" in header else header["yllcorner"] + step_y / 2
        values = np.array(text.split(), float)
    except KeyError as error:
        raise TerrainInvalid(f"{path}: the header lacks {error.args[0]}; export the grid again") from error
    except ValueError as error:
        raise TerrainInvalid(f"{path} is no ESRI ASCII grid: {error}; export it again") from error
    if rows < 1 or columns < 1 or step_x <= 0 or step_y <= 0 or len(values) != rows * columns:
        raise TerrainInvalid(
            f"{path} promises {rows} x {columns} values and holds {len(values)}: export it again"
        )
    samples = _without_voids(values.reshape(rows, columns))
    if "nodata_value" in header:
        samples = np.where(samples == header["nodata_value"], np.nan, samples)
    north = south + (rows - 1) * step_y
    _check_degrees(path, north, south, west, west + (columns - 1) * step_x)
    return GriddedTerrain(
        north=north, west=west, step_latitude=step_y, step_longitude=step_x, samples=samples, margin=0.5
    )


def _read_tiff(path: Path) -> Terrain:
    """GeoTIFF 1.1 of one band, north up, in degrees or in a projection with a number of EPSG."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
            if image.width * image.height > MAX_SAMPLES:
                raise TerrainInvalid(f"{path} is too large: cut it to the region you fly over")
            tags = dict(getattr(image, "tag_v2", {}))
            samples = np.array(image, dtype=np.float32)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError, OSError) as error:
        if isinstance(error, TerrainInvalid) or (isinstance(error, OSError) and not path.is_file()):
            raise
        raise TerrainInvalid(
            f"{path} cannot be read as a GeoTIFF: convert it to .asc or an uncompressed GeoTIFF"
        ) from error
    directory = [int(value) for value in tags.get(34735, ())]
    keys = {directory[i]: directory[i + 3] for i in range(4, len(directory) - 3, 4)}
    placed = _north_up(tags)
    if placed is None or keys.get(MODEL_TYPE) not in (PROJECTED, GEOGRAPHIC) or samples.ndim != 2:
        raise TerrainInvalid(
            f"{path} has no plain georeference: reproject it to EPSG:4326 with one band, north up"
        )
    west, north, step_x, step_y = placed
    offset = 0.5 if keys.get(RASTER_TYPE, 1) == 1 else 0.0
    west, north = west + offset * step_x, north - offset * step_y
    nodata = str(tags.get(42113, "")).strip("\x00 ")
    if nodata:
        samples = np.where(samples == np.float32(nodata), np.nan, samples)
    grid = GriddedTerrain(
        north=north, west=west, step_latitude=step_y, step_longitude=step_x, samples=_without_voids(samples),
        margin=offset,
    )  # fmt: skip
    if keys[MODEL_TYPE] == PROJECTED:
        return ProjectedTerrain(grid, _to_projection(path, keys.get(PROJECTION, 0)))
    rows, columns = samples.shape
    _check_degrees(path, north, north - (rows - 1) * step_y, west, west + (columns - 1) * step_x)
    return grid


def _north_up(tags: Mapping[int, Any]) -> tuple[float, float, float, float] | None:
    """West and north of the corner of the raster, and the steps to the east and to the south."""
    scale, tie, matrix = tags.get(33550), tags.get(33922), tags.get(34264)
    if scale is not None and tie is not None and scale[0] > 0 and scale[1] > 0:
        step_x, step_y = float(scale[0]), float(scale[1])
        return float(tie[3]) - float(tie[0]) * step_x, float(tie[4]) + float(tie[1]) * step_y, step_x, step_y
    if matrix is not None and len(matrix) == 16 and matrix[1] == matrix[4] == 0 < min(matrix[0], -matrix[5]):
        return float(matrix[3]), float(matrix[7]), float(matrix[0]), -float(matrix[5])
    return None


def _to_projection(path: Path, code: int) -> Transformer:
    try:
        return Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    except ProjError as error:
        raise TerrainInvalid(
            f"{path} is in a projection that has no number of EPSG: reproject it to EPSG:4326"
        ) from error


def _without_voids(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """No ground is lower or higher than this: such numbers stand for voids that the file does not declare."""
    return np.where((samples < LOWEST_M) | (samples > HIGHEST_M), np.nan, samples)


def _check_degrees(path: Path, north: float, south: float, west: float, east: float) -> None:
    if not (-90.6 <= south <= north <= 90.6 and -180.6 <= west <= east <= 360.6):
        raise TerrainInvalid(f"{path} is not in degrees: reproject it to longitude and latitude (EPSG:4326)")
