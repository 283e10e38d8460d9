"""Where cells do not fit together: shared ground, slits between neighbours, enclosed ground, splinters.

Ground is measured on an affine plane about the middle of the cells. Straight borders in degrees stay straight
there, so that what fits on the plane fits in the file. Widths are right to 0.5 % within 50 km of the middle;
areas are brought to the ellipsoid at their own latitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from missions import shapes
from missions.geodesy import Array, metres_per_degree
from missions.shapes import Shape

SLIT_WIDTH_M = 2.0
WORTH_TELLING_M2 = 0.1
SLIVER_M2 = 10.0
SLIVER_WIDTH_M = 1.0
MOST_LOST = 0.5
"""A cell that would lose more of its ground than this to others is no slip of the pen: nothing is split."""
NEAR_M = 0.02
LEAST_BORDER_M = 0.1
HAIR_M = 0.001
MITRE = 20.0


@dataclass(frozen=True, slots=True)
class Plane:
    """Metres east and north of a place, by one factor each."""

    longitude: float
    latitude: float
    east_m: float
    north_m: float

    def metres(self, geometry: Any) -> Any:
        """Degrees -> metres, one geometry or an array of them."""
        return shapely.transform(geometry, lambda points: (points - self._origin) * self._factors)

    def degrees(self, geometry: Any) -> Any:
        """Metres -> degrees."""
        return shapely.transform(geometry, lambda points: points / self._factors + self._origin)

    def area_m2(self, flat: Any) -> Any:
        """Areas on the ellipsoid of ground on the plane that is not larger than a town."""
        centre = shapely.get_y(shapely.centroid(flat)) / self.north_m + self.latitude
        return shapely.area(flat) * _area_scale(centre) / _area_scale(self.latitude)

    @property
    def _origin(self) -> Array:
        return np.array([self.longitude, self.latitude])

    @property
    def _factors(self) -> Array:
        return np.array([self.east_m, self.north_m])


@dataclass(frozen=True, slots=True)
class Overlap:
    """Ground of two cells, on the plane; ``winner`` keeps it."""

    winner: int
    loser: int
    ground: Shape
    area_m2: float
    fraction: float
    """of the smaller cell"""
    splittable: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Ground of no cell, on the plane, with the cells around it and how long they border on it (m)."""

    ground: Shape
    neighbours: tuple[tuple[int, float], ...]
    area_m2: float
    width_m: float


@dataclass(frozen=True, slots=True)
class Splinter:
    """A part of a cell, in degrees, that is too small or too narrow; ``whole``: its largest, or only, one."""

    cell: int
    part: Shape
    area_m2: float
    width_m: float
    whole: bool


def mean_width_m(geometry: Any) -> Any:
    """Width of the rectangle of the same area and perimeter, metres; an array for an array.

    >>> float(mean_width_m(shapely.box(0, 0, 100, 2)))
    2.0
    """
    area, length = shapely.area(geometry), shapely.length(geometry)
    inside = np.maximum(length**2 - 16 * area, 0.0)
    return np.where(inside > 0, (length - np.sqrt(inside)) / 4, np.sqrt(area))


def plane_of(polygons: list[Shape]) -> Plane:
    """The plane about the median of the polygons' middles, so that one stray cell does not move it."""
    bounds = shapely.bounds(np.array(polygons, dtype=object))
    lon, lat = (np.median((bounds[:, side] + bounds[:, side + 2]) / 2) for side in (0, 1))
    north, east = metres_per_degree(float(lat))
    return Plane(float(lon), float(lat), east, north)


class Ground:
    """Cells laid beside each other.

    Args:
        polygons: valid ones in degrees, at least one.
        order: for each the rank by which ground is shared out, the smallest first.
        plane: what to measure on; their own when None.
    """

    def __init__(self, polygons: list[Shape], order: list[int], plane: Plane | None = None) -> None:
        self.polygons = polygons
        self.plane = plane or plane_of(polygons)
        self.flat: NDArray[np.object_] = self.plane.metres(np.array(polygons, dtype=object))
        self.tree = STRtree(self.flat)
        self._order = np.asarray(order)
        self._reaches = np.empty(len(polygons), dtype=object)
        self._reached = np.empty(0, dtype=np.int64)

    @cached_property
    def overlaps(self) -> list[Overlap]:
        """Every two cells that share more than 0.1 m2."""
        first, second = self.tree.query(self.flat, predicate="intersects")
        before = self._order[first] < self._order[second]
        winners, losers = first[before], second[before]
        ground = shapely.intersection(self.flat[winners], self.flat[losers])
        shared = self.plane.area_m2(ground)
        told = np.flatnonzero(shared > WORTH_TELLING_M2)
        winners, losers, ground, shared = winners[told], losers[told], ground[told], shared[told]
        areas = self.plane.area_m2(self.flat)
        lost = np.bincount(losers, shared, minlength=len(areas))
        fractions = shared / np.minimum(areas[winners], areas[losers])
        splittable = lost[losers] <= MOST_LOST * areas[losers]
        columns = (winners, losers, ground, shared, fractions, splittable)
        return [
            Overlap(int(w), int(o), g, float(area), float(f), bool(split))
            for w, o, g, area, f, split in zip(*columns, strict=True)
        ]

    @cached_property
    def _union(self) -> Shape:
        return shapely.union_all(self.flat)

    def gaps(self, width_m: float = SLIT_WIDTH_M) -> tuple[list[Gap], list[Gap]]:
        """Slits, and wider enclosed ground.

        A slit is ground of no cell that no disc as wide as ``width_m`` fits into: enclosed ground that is all
        like that, and what of other ground lies like that between two cells.
        """
        holes = np.array(self._enclosed, dtype=object)
        shrunk = _grown(holes, -width_m / 2)
        narrow = list(holes[shapely.is_empty(shrunk)])
        slits = [gap for gap in self._measured(narrow) if gap.neighbours]
        wide = []
        for hole, core in zip(holes, shrunk, strict=True):
            if not core.is_empty:
                inlets = self._between(_cleaned(hole.difference(_grown(core, width_m / 2))))
                slits += inlets
                rest = hole.difference(shapely.union_all([inlet.ground for inlet in inlets]))
                wide += _cleaned(rest) if inlets else [hole]
        shells = shapely.union_all([shapely.Polygon(part.exterior) for part in shapes.parts_of(self._union)])
        closed = _grown(_grown(shells, width_m / 2), -width_m / 2)
        slits += self._between(_cleaned(closed.difference(shells)))
        return slits, self._measured(wide)

    @cached_property
    def _enclosed(self) -> list[Shape]:
        """Enclosed ground of no cell that is worth telling; islands in it are taken out."""
        parts = shapes.parts_of(self._union)
        rings = [shapely.Polygon(ring) for part in parts for ring in part.interiors]
        if len(parts) > 1 and rings:
            holes, islands = STRtree(parts).query(rings, predicate="contains")
            for hole in np.unique(holes):
                rings[hole] = rings[hole].difference(
                    shapely.union_all([parts[island] for island in islands[holes == hole]])
                )
        pieces = [piece for ring in rings for piece in shapes.parts_of(ring)]
        return [
            piece for piece in pieces if piece.area > WORTH_TELLING_M2 and mean_width_m(piece) > 2 * HAIR_M
        ]

    def _between(self, pieces: list[Shape]) -> list[Gap]:
        return [gap for gap in self._measured(pieces) if len(gap.neighbours) > 1]

    def _measured(self, pieces: list[Shape]) -> list[Gap]:
        return [self._gap(*one) for one in zip(pieces, self.borders(pieces), strict=True)]

    def _gap(self, piece: Shape, neighbours: tuple[tuple[int, float], ...]) -> Gap:
        return Gap(piece, neighbours, float(self.plane.area_m2(piece)), float(mean_width_m(piece)))

    def borders(self, pieces: list[Shape]) -> list[tuple[tuple[int, float], ...]]:
        """For each piece on the plane, the cells that border on it and for how long, the longest first."""
        found: list[list[tuple[int, float]]] = [[] for _ in pieces]
        if pieces:
            ground = np.array(pieces, dtype=object)
            which, cells = self.tree.query(ground, predicate="dwithin", distance=NEAR_M)
            lengths = shapely.length(self.border(ground[which], cells))
            for piece, cell, length in zip(which, cells, lengths, strict=True):
                if length > LEAST_BORDER_M:
                    found[piece].append((int(cell), round(float(length), 3)))
        return [tuple(sorted(near, key=lambda one: (-one[1], int(self._order[one[0]])))) for near in found]

    def border(self, pieces: Any, cells: Any) -> Any:
        """What of the pieces' borders lies on those cells."""
        return shapely.intersection(shapely.boundary(pieces), self._reach(np.asarray(cells)))

    def _reach(self, cells: NDArray[np.int64]) -> Any:
        """The cells with two centimetres around them."""
        new = np.setdiff1d(cells, self._reached)
        self._reaches[new] = shapely.buffer(self.flat[new], NEAR_M, quad_segs=2)
        self._reached = np.union1d(self._reached, new)
        return self._reaches[cells]

    @cached_property
    def splinters(self) -> list[Splinter]:
        """Parts, and whole cells, under 10 m2 or 1 m wide; of a cell in parts the largest always stays."""
        parts, cells = shapely.get_parts(self.flat, return_index=True)
        areas, widths = self.plane.area_m2(parts), mean_width_m(parts)
        largest = np.zeros(len(self.flat))
        np.maximum.at(largest, cells, areas)
        found = []
        for index in np.flatnonzero((areas < SLIVER_M2) | (widths < SLIVER_WIDTH_M)):
            cell = int(cells[index])
            whole = bool(areas[index] == largest[cell])
            first = int(np.searchsorted(cells, cell))
            part = shapely.get_geometry(self.polygons[cell], int(index) - first)
            found.append(Splinter(cell, part, float(areas[index]), float(widths[index]), whole))
        return found


def _grown(geometry: Shape, by_m: float) -> Shape:
    return shapely.buffer(geometry, by_m, join_style="mitre", mitre_limit=MITRE)


def _cleaned(geometry: Shape) -> list[Shape]:
    """Pieces worth telling, without the hairs that growing and shrinking leave along borders."""
    parts = [part for part in shapes.parts_of(geometry) if part.area > WORTH_TELLING_M2 / 2]
    thick = [one for part in parts for one in shapes.parts_of(_grown(_grown(part, -HAIR_M), HAIR_M))]
    return [part for part in thick if part.area > WORTH_TELLING_M2]


def _area_scale(latitude: Any) -> Any:
    """Square metres of a square degree over those at the equator: meridian times prime-vertical radius."""
    phi = np.radians(latitude)
    return np.cos(phi) / (1 - 0.00669437999014 * np.sin(phi) ** 2) ** 2
