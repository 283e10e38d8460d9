"""Cells as a file has them, right or wrong: what is wrong with each by itself, and the ground it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from missions import shapes
from missions.errors import GridsInvalid
from missions.geodesy import Array
from missions.grid_codes import tidy_code
from missions.shapes import Shape

MISSING, NO_DEGREES, SWAPPED = "geometry_missing", "no_degrees", "swapped"
OPEN_RING, REPEATED_POINTS = "ring_open", "points_repeated"
CROSSING, INVALID = "self_crossing", "ring_invalid"
SWAPPED_BEYOND_DEG = 2.0
SWAPPED_WITHIN_DEG = 1.0
FEWEST_TO_JUDGE = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell's outline.

    ``place`` is longitude and latitude of it, ``area_m2`` the ground that mending it adds or takes away.
    """

    kind: str
    reason: str = ""
    place: tuple[float, float] | None = None
    area_m2: float | None = None
    count: int = 1


@dataclass(slots=True)
class Draft:
    """One feature of a file of cells.

    Attributes:
        index: its place in the file, from 0.
        code: without spaces, "" where there is none; ``written`` is what the file has.
        untidy: what tidying the code did, "" if nothing.
        polygon: the ground it means, in degrees and valid; None where that cannot be told.
        faults: what is wrong with its outline; ``polygon`` has it mended.
    """

    index: int
    code: str
    written: Any
    untidy: str
    properties: dict[str, Any]
    geometry: Any
    polygon: Shape | None = None
    faults: list[Fault] = field(default_factory=list)


def read_drafts(source: Path | str | dict[str, Any]) -> list[Draft]:
    """The cells of a FeatureCollection, whatever is wrong with them.

    Raises:
        GridsInvalid: it is no FeatureCollection at all.
    """
    drafts = []
    for index, (properties, geometry) in enumerate(shapes.read_features(source, GridsInvalid)):
        code, untidy = tidy_code(properties.get("code"))
        draft = Draft(index, code, properties.get("code"), untidy, properties, geometry)
        _read_outline(draft)
        drafts.append(draft)
    _find_swapped_among_others(drafts)
    return drafts


def _read_outline(draft: Draft) -> None:
    try:
        polygon = shapely.force_2d(shape(draft.geometry))
        rings = _rings(draft.geometry)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        draft.faults.append(Fault(MISSING, "its geometry cannot be read"))
        return
    if polygon.geom_type not in ("Polygon", "MultiPolygon"):
        draft.faults.append(Fault(MISSING, f"it is a {polygon.geom_type}, not a polygon"))
        return
    if polygon.is_empty:
        draft.faults.append(Fault(MISSING, "its polygon is empty"))
        return
    if not np.isfinite(shapely.get_coordinates(polygon)).all():
        draft.faults.append(Fault(MISSING, "its coordinates are not all numbers"))
        return
    _read_rings(draft, rings)
    if not _in_degrees(polygon.bounds):
        if not _in_degrees(swapped(polygon).bounds):
            draft.faults.append(Fault(NO_DEGREES))
            return
        polygon = swapped(polygon)
        draft.faults.append(Fault(SWAPPED, place=_place(polygon)))
    _make_valid(draft, polygon)


def swapped(polygon: Shape) -> Shape:
    """The same polygon with longitude and latitude exchanged."""
    return shapely.transform(polygon, lambda points: points[:, ::-1])


def _rings(geometry: Any) -> list[Array]:
    """Every ring as the file has it, shape (N, 2)."""
    parts = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        parts = [parts]
    elif geometry["type"] != "MultiPolygon":
        return []
    return [np.array([point[:2] for point in ring], float).reshape(-1, 2) for part in parts for ring in part]


def _read_rings(draft: Draft, rings: list[Array]) -> None:
    unclosed = [ring for ring in rings if len(ring) and (ring[0] != ring[-1]).any()]
    if unclosed:
        lon, lat = unclosed[0][-1]
        draft.faults.append(Fault(OPEN_RING, place=(float(lon), float(lat)), count=len(unclosed)))
    repeated = [ring[1:][(ring[1:] == ring[:-1]).all(axis=1)] for ring in rings]
    points = np.concatenate(repeated) if repeated else np.empty((0, 2))
    if len(points):
        lon, lat = points[0]
        draft.faults.append(Fault(REPEATED_POINTS, place=(float(lon), float(lat)), count=len(points)))


def _make_valid(draft: Draft, polygon: Shape) -> None:
    """Keep the ground of a polygon; one that is invalid is mended and noted."""
    if any(fault.kind == REPEATED_POINTS for fault in draft.faults):
        polygon = shapely.remove_repeated_points(polygon)
    if polygon.is_valid:
        draft.polygon = polygon
        return
    reason = str(shapely.is_valid_reason(polygon))
    mended = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    if "Self-intersection" in reason:
        mended = max(mended, shapely.make_valid(polygon), key=lambda one: one.area)
    parts = shapes.parts_of(mended)
    change = abs(sum(shapes.area_m2(part) for part in parts) - shapes.area_m2(polygon))
    kind = CROSSING if "Self-intersection" in reason else INVALID
    draft.faults.append(Fault(kind, reason.split("[")[0].strip(), _place_of(reason), change))
    if parts:
        draft.polygon = shapely.multipolygons(parts) if len(parts) > 1 else parts[0]
    else:
        draft.faults[-1] = Fault(MISSING, "its outline encloses no ground", _place_of(reason))


def _find_swapped_among_others(drafts: list[Draft]) -> None:
    """Exchange the coordinates of cells that lie far off, and among the others when exchanged."""
    known = [draft for draft in drafts if draft.polygon is not None]
    if len(known) < FEWEST_TO_JUDGE:
        return
    middles: NDArray[np.float64] = np.array([_place(draft.polygon) for draft in known])
    centre = np.median(middles, axis=0)
    far = np.abs(middles - centre).max(axis=1) > SWAPPED_BEYOND_DEG
    fits = np.abs(middles[:, ::-1] - centre).max(axis=1) < SWAPPED_WITHIN_DEG
    for index in np.flatnonzero(far & fits):
        draft = known[index]
        draft.polygon = swapped(draft.polygon)
        draft.faults.append(Fault(SWAPPED, place=_place(draft.polygon)))


def _in_degrees(bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return bool(-180 <= west <= east <= 180 and -90 <= south <= north <= 90)


def _place(polygon: Shape) -> tuple[float, float]:
    west, south, east, north = polygon.bounds
    return (west + east) / 2, (south + north) / 2


def _place_of(reason: str) -> tuple[float, float] | None:
    """Longitude and latitude in GEOS' sentence, e.g. ``Self-intersection[117.9 28.4]``."""
    try:
        lon, lat = (float(word) for word in reason.split("[")[1].rstrip("]").split())
    except (IndexError, ValueError):
        return None
    return lon, lat
