"""GeoJSON, shapely and local metres. Shapes keep GeoJSON's order: x longitude, y latitude."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon, mapping, shape

from missions.errors import FileInvalid
from missions.geodesy import WGS84, LocalFrame
from missions.plan import Ring

Shape: TypeAlias = Any
"""A shapely Polygon or MultiPolygon (shapely ships no types)."""

Features = list[tuple[dict[str, Any], Any]]


def read_features(source: Path | str | dict[str, Any], error: type[FileInvalid]) -> Features:
    """Properties and geometry of every feature of a GeoJSON FeatureCollection, file or dict.

    Raises:
        error: the file is missing, no JSON, or no FeatureCollection.
    """
    name = "the GeoJSON" if isinstance(source, dict) else str(source)
    document: Any = source
    if not isinstance(source, dict):
        try:
            document = json.loads(Path(source).read_text("utf-8-sig"))
        except OSError as problem:
            raise error(f"{name} cannot be read: {problem.strerror or problem}") from problem
        except ValueError as problem:
            raise error(f"{name} is no JSON: {problem}; export it again as GeoJSON") from problem
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = {"type": "FeatureCollection", "features": [document]}
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise error(f"{name} is no GeoJSON FeatureCollection: export it again as GeoJSON")
    features: Features = []
    for index, feature in enumerate(document["features"]):
        if not isinstance(feature, dict):
            raise error(f"{name}: feature {index} is no object; export it again as GeoJSON")
        properties = feature.get("properties")
        features.append((properties if isinstance(properties, dict) else {}, feature.get("geometry")))
    return features


def polygon_of(geometry: Any) -> tuple[Shape | None, str]:
    """A GeoJSON geometry as a polygon in degrees, or what is wrong with it."""
    try:
        polygon = shapely.force_2d(shape(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None, "its geometry cannot be read"
    if not isinstance(polygon, Polygon | MultiPolygon):
        return None, f"it is a {polygon.geom_type}, not a polygon"
    if polygon.is_empty:
        return None, "its polygon is empty"
    west, south, east, north = polygon.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return None, "its coordinates are no longitude and latitude in degrees (longitude comes first)"
    if not polygon.is_valid:
        return None, f"its polygon is invalid ({shapely.is_valid_reason(polygon)})"
    return polygon, ""


def text_of(value: Any) -> str:
    """A property as stripped text; numbers become their digits, anything else nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def collection(features: Iterable[tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    """A GeoJSON FeatureCollection of properties and shapely geometries."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": properties,
                "geometry": json.loads(json.dumps(mapping(geometry))),
            }
            for properties, geometry in features
        ],
    }


def area_m2(polygon: Any) -> float:
    """Geodesic area of a polygon in degrees, holes taken off."""
    total = 0.0
    for part in parts_of(polygon):
        oriented = shapely.orient_polygons(part)
        total += float(WGS84.geometry_area_perimeter(oriented)[0])
    return abs(total)


def parts_of(geometry: Any) -> list[Any]:
    """The polygons in any geometry, empty and degenerate ones left out."""
    if geometry is None or geometry.is_empty:
        return []
    if isinstance(geometry, Polygon):
        return [geometry]
    return [part for part in shapely.get_parts(geometry) for part in parts_of(part) if part.area > 0] if (
        hasattr(geometry, "geoms")
    ) else []  # fmt: skip


def to_plane(geometry: Any, frame: LocalFrame) -> Any:
    """Degrees (longitude, latitude) -> metres (east, north) in ``frame``."""

    def convert(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return frame.to_enu(points[:, 1], points[:, 0])[:, :2]

    return shapely.transform(geometry, convert)


def to_degrees(geometry: Any, frame: LocalFrame) -> Any:
    """Metres (east, north) in ``frame`` -> degrees (longitude, latitude)."""

    def convert(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return frame.to_geodetic(points)[:, [1, 0]]

    return shapely.transform(geometry, convert)


def rings_of(geometry: Any, digits: int = 8) -> list[list[Ring]]:
    """Polygons in degrees as a plan keeps them: closed rings, the outer one first."""
    return [
        [
            [(round(float(x), digits), round(float(y), digits)) for x, y in ring.coords]
            for ring in (part.exterior, *part.interiors)
        ]
        for part in parts_of(geometry)
    ]


def from_rings(rings: list[list[Ring]]) -> Any:
    """The polygons of a plan as one shapely geometry in degrees."""
    return shapely.union_all([Polygon(part[0], part[1:]) for part in rings if part])
