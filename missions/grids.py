"""Governance grid cells (网格): import with checks, which cell holds a point, and how surely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import STRtree

from missions import shapes
from missions.errors import CellUnknown, GridsInvalid
from missions.geodesy import Array, check_position, metres_per_degree
from missions.shapes import Shape

OVERLAP_M2 = 1.0
OVERLAP_FRACTION = 0.001
QUADRATURE_POINTS = 4096
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
OUTSIDE = ""
MANY_POINTS = 20_000
BOXES_PER_CELL = 24  # along each side, for cells of equal size
MOST_BOXES = 2048
ON_BORDER = -2


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell; ``polygon`` in degrees, x longitude and y latitude."""

    code: str
    name: str
    polygon: Shape
    name_en: str = ""

    @property
    def area_m2(self) -> float:
        return shapes.area_m2(self.polygon)


class Grid:
    """The cells of a town, sorted by code.

    Args:
        cells: valid polygons with unique codes; ``from_geojson`` checks that.
    """

    def __init__(self, cells: list[GridCell]) -> None:
        self.cells = sorted(cells, key=lambda cell: cell.code)
        self._by_code = {cell.code: cell for cell in self.cells}
        self._tree = STRtree([cell.polygon for cell in self.cells])
        self._codes = np.array([*(cell.code for cell in self.cells), None], dtype=object)
        self._boxes: _Boxes | None = None

    @classmethod
    def from_geojson(cls, source: Path | str | dict[str, Any]) -> Self:
        """Cells from a FeatureCollection with the properties ``code``, ``name`` and optionally ``name_en``.

        Raises:
            GridsInvalid: names every problem: codes missing or used twice, geometry that is no valid polygon
                in degrees, cells that overlap by more than 1 m2 and 0.1 % of the smaller one.
        """
        cells: list[GridCell] = []
        problems: list[str] = []
        for index, (properties, geometry) in enumerate(shapes.read_features(source, GridsInvalid)):
            code = shapes.text_of(properties.get("code"))
            if not code:
                problems.append(f"feature {index} has no code")
                continue
            if any(cell.code == code for cell in cells):
                problems.append(f"code {code} is used twice")
                continue
            polygon, problem = shapes.polygon_of(geometry)
            if polygon is None:
                problems.append(f"cell {code}: {problem}")
                continue
            name = shapes.text_of(properties.get("name")) or code
            cells.append(GridCell(code, name, polygon, shapes.text_of(properties.get("name_en"))))
        if not cells and not problems:
            problems.append("there is no cell in it")
        problems += _overlaps(cells)
        if problems:
            where = "the cells" if isinstance(source, dict) else str(source)
            raise GridsInvalid(f"{where} cannot be used: {'; '.join(problems)}")
        return cls(cells)

    def cell(self, code: str) -> GridCell:
        """The cell of that code.

        Raises:
            CellUnknown: there is none.
        """
        try:
            return self._by_code[code]
        except KeyError:
            some = ", ".join(list(self._by_code)[:5]) + (" ..." if len(self._by_code) > 5 else "")
            raise CellUnknown(f"there is no cell {code!r}: choose one of {some}") from None

    def locate(self, latitude: float, longitude: float) -> str | None:
        """Code of the cell that holds the point; on a border the smaller code; None outside."""
        return self.locate_many([latitude], [longitude])[0]

    def locate_many(self, latitude: ArrayLike, longitude: ArrayLike) -> list[str | None]:
        """Codes for many points at once, shape (N,)."""
        return list(self._codes[self._indices(latitude, longitude)])

    def _indices(self, latitude: ArrayLike, longitude: ArrayLike) -> Any:
        lat = np.atleast_1d(np.asarray(latitude, float))
        lon = np.atleast_1d(np.asarray(longitude, float))
        if len(lat) < MANY_POINTS or not self.cells:
            return self._search(lat, lon)
        if self._boxes is None:
            self._boxes = _boxes_of(self.cells, self._search)
        found = self._boxes.look_up(lat, lon)
        near = np.flatnonzero(found == ON_BORDER)
        found[near] = self._search(lat[near], lon[near])
        return found

    def _search(self, lat: Array, lon: Array) -> Any:
        """Index of the cell of each point, -1 outside, by the exact geometry."""
        found = np.full(len(lat), len(self.cells))
        known = np.isfinite(lat) & np.isfinite(lon)
        index = np.flatnonzero(known)
        points, cells = self._tree.query(shapely.points(lon[known], lat[known]), predicate="intersects")
        np.minimum.at(found, index[points], cells)
        return np.where(found == len(self.cells), -1, found)

    def probabilities(self, latitude: float, longitude: float, covariance_m2: ArrayLike) -> dict[str, float]:
        """How likely each cell holds a point that is known with an error, most probable first.

        Args:
            covariance_m2: shape (2, 2), east and north, square metres.

        Returns:
            code -> probability; the key "" stands for outside every cell. Values sum to one; cells below
            1/4096 are left out. The Gaussian is integrated over 4096 equally likely points on a spiral, so
            the same input always gives the same answer.

        Raises:
            ValueError: the position is no place on Earth or the covariance is none.
        """
        check_position(latitude, longitude)
        east, north = _spiral(_root(covariance_m2))
        metres_north, metres_east = metres_per_degree(latitude)
        indices = self._indices(latitude + north / metres_north, longitude + east / metres_east)
        counts = np.bincount(indices + 1, minlength=len(self.cells) + 1) / len(indices)
        codes = [OUTSIDE, *(cell.code for cell in self.cells)]
        chances = [(code, float(share)) for code, share in zip(codes, counts, strict=True) if share > 0]
        return dict(sorted(chances, key=lambda item: (-item[1], item[0] == OUTSIDE, item[0])))

    def to_geojson(self) -> dict[str, Any]:
        """A FeatureCollection with code, name, name_en and area_m2."""
        return shapes.collection(
            (
                {"code": c.code, "name": c.name, "name_en": c.name_en, "area_m2": round(c.area_m2, 1)},
                c.polygon,
            )
            for c in self.cells
        )


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Boxes over the cells: which cell holds all of a box, -1 none, ``ON_BORDER`` where one ends in it."""

    west: float
    south: float
    step_east: float
    step_north: float
    cells: NDArray[np.int32]

    def look_up(self, lat: Array, lon: Array) -> NDArray[np.int64]:
        rows, columns = self.cells.shape
        with np.errstate(invalid="ignore"):
            row, column = (lat - self.south) / self.step_north, (lon - self.west) / self.step_east
            inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        row, column = np.where(inside, row, 0).astype(np.int64), np.where(inside, column, 0).astype(np.int64)
        return np.where(inside, self.cells[row, column], -1).astype(np.int64)


def _boxes_of(cells: list[GridCell], search: Callable[[Array, Array], Any]) -> _Boxes:
    """No border crosses a box that is not marked, so its middle speaks for all of it.

    Borders are cut into steps of half a box at most; every point of them lies within half such a step of one
    of the cuts, and so in a box that holds one of the four corners around that cut.
    """
    polygons = np.array([cell.polygon for cell in cells], dtype=object)
    west, south, east, north = shapely.total_bounds(polygons)
    side = int(min(MOST_BOXES, BOXES_PER_CELL * np.ceil(np.sqrt(len(cells))) + 2))
    step_east, step_north = (east - west) / (side - 2), (north - south) / (side - 2)
    west, south = (
        west - step_east,
        south - step_north,
    )  # an empty box all around: the outer border lies inside
    step = min(step_east, step_north) / 2
    borders = shapely.get_coordinates(shapely.segmentize(polygons, step))
    marked = np.zeros((side, side), dtype=bool)
    for across in (-0.51, 0.51):
        for along in (-0.51, 0.51):
            row = np.floor((borders[:, 1] + along * step - south) / step_north).astype(np.int64)
            column = np.floor((borders[:, 0] + across * step - west) / step_east).astype(np.int64)
            marked[np.clip(row, 0, side - 1), np.clip(column, 0, side - 1)] = True
    row, column = np.nonzero(~marked)
    found = np.full((side, side), ON_BORDER, dtype=np.int32)
    found[row, column] = search(south + (row + 0.5) * step_north, west + (column + 0.5) * step_east)
    return _Boxes(float(west), float(south), float(step_east), float(step_north), found)


def _overlaps(cells: list[GridCell]) -> list[str]:
    """Pairs of cells that share ground."""
    polygons = [cell.polygon for cell in cells]
    if not polygons:
        return []
    problems = []
    for a, b in np.transpose(STRtree(polygons).query(polygons, predicate="intersects")):
        if a >= b:
            continue
        shared = shapes.area_m2(polygons[a].intersection(polygons[b]))
        smaller = min(shapes.area_m2(polygons[a]), shapes.area_m2(polygons[b]))
        if shared > OVERLAP_M2 and shared > OVERLAP_FRACTION * smaller:
            problems.append(f"cells {cells[a].code} and {cells[b].code} overlap by {shared:.0f} m2")
    return problems


def _root(covariance_m2: ArrayLike) -> Array:
    """A square root of the covariance, shape (2, 2)."""
    covariance = np.asarray(covariance_m2, float)
    if covariance.shape != (2, 2) or not np.isfinite(covariance).all():
        raise ValueError("the covariance must be two by two finite square metres (east, north)")
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if values.min() < -1e-9 * max(1.0, values.max()) or not np.allclose(covariance, covariance.T, rtol=1e-6):
        raise ValueError("the covariance must be symmetric without negative variances")
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _spiral(root: Array) -> tuple[Array, Array]:
    """Equally likely offsets of a Gaussian: radii by quantile, angles by the golden angle."""
    index = np.arange(QUADRATURE_POINTS)
    radius = np.sqrt(-2 * np.log1p(-(index + 0.5) / QUADRATURE_POINTS))
    angle = index * GOLDEN_ANGLE
    offsets = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) @ root.T
    return offsets[:, 0], offsets[:, 1]
