"""Cells drawn in metres about one place, for tests of what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from missions.geodesy import LocalFrame

FRAME = LocalFrame(28.6, 117.9)
Points = list[tuple[float, float]]


def ring(points: Points) -> list[list[float]]:
    """Metres east and north -> a closed ring in degrees."""
    places = FRAME.to_geodetic(np.array([*points, points[0]], float))
    return [[float(lon), float(lat)] for lat, lon, _ in places]


def box(west: float, south: float, east: float, north: float) -> Points:
    return [(west, south), (east, south), (east, north), (west, north)]


def cell(code: object, *parts: Points, holes: tuple[Points, ...] = (), **more: Any) -> dict[str, Any]:
    """A feature; several parts make a multipolygon, ``holes`` are in the first."""
    rings = [[ring(part)] for part in parts]
    rings[0] += [ring(hole) for hole in holes]
    geometry = (
        {"type": "Polygon", "coordinates": rings[0]}
        if len(rings) == 1
        else {"type": "MultiPolygon", "coordinates": rings}
    )
    return {
        "type": "Feature",
        "properties": {"code": code, "name": f"cell {code}", **more},
        "geometry": geometry,
    }


def town(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}
