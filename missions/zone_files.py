"""No-fly zones as authorities publish them: EUROCAE ED-269 (JSON) and ED-318 (GeoJSON).

ED-269 is wrapped as ``features`` or, in older files, as ``UASZoneList``.

Zones that are prohibited, need an authorisation or are conditional may not be flown. Those without
restriction, and those that begin above the height limit over ground, are left out. Circles become polygons
that hold them. A plan does not know when it will be flown: zones that apply only at times hold always, and
their names say so. Limits in units or above references that are not known are taken to begin at the ground.
"""

from __future__ import annotations

import math
from typing import Any

import shapely

from missions.errors import SiteInvalid
from missions.geodesy import LocalFrame
from missions.shapes import text_of, to_degrees

CEILING_M = 120.0
FOOT_M = 0.3048
CIRCLE_SEGMENTS = 8
"""Corners for a quarter of a circle."""
_UNITS = {
    "": 1.0,
    "M": 1.0,
    "MT": 1.0,
    "METRE": 1.0,
    "METER": 1.0,
    "FT": FOOT_M,
    "FOOT": FOOT_M,
    "FEET": FOOT_M,
}
_OVER_GROUND = frozenset({"AGL", "SFC", "GND"})
_FREE = frozenset({"NO_RESTRICTION", "NORESTRICTION"})
_RESTRICTED = frozenset({
    "PROHIBITED", "REQ_AUTHORISATION", "REQ_AUTHORIZATION", "REQAUTHORIZATION", "CONDITIONAL", "USPACE",
})  # fmt: skip


def is_zone_file(document: Any) -> bool:
    """Whether a JSON document is ED-269, in either of its wrappers, or ED-318."""
    if not isinstance(document, dict):
        return False
    if isinstance(document.get("UASZoneList"), list):
        return True
    features = document.get("features")
    return isinstance(features, list) and any(_is_zone(each) for each in features)


def _is_zone(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    properties = entry.get("properties")
    if entry.get("type") == "Feature":
        return isinstance(properties, dict) and _restriction_of(properties) in _FREE | _RESTRICTED
    return isinstance(entry.get("geometry"), list) and "restriction" in entry


def as_geojson(document: dict[str, Any], where: str) -> dict[str, Any]:
    """The zones as a FeatureCollection that ``site.load_no_fly`` reads.

    Raises:
        SiteInvalid: a zone has no geometry that can be used; the message names it.
    """
    features = []
    listed = document.get("UASZoneList", document.get("features"))
    for number, zone in enumerate(listed if isinstance(listed, list) else [], 1):
        if not isinstance(zone, dict):
            raise SiteInvalid(f"{where}: zone {number} is no object; download it again")
        for part, (properties, geometry) in enumerate(_zones(zone, f"{where}: zone {number}")):
            if part:
                properties = {**properties, "code": f"{properties['code']}-{part + 1}"}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _zones(zone: dict[str, Any], where: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    modern = zone.get("type") == "Feature"
    properties = zone.get("properties") if modern else zone
    if not isinstance(properties, dict):
        raise SiteInvalid(f"{where} has no properties; download it again")
    if _restriction_of(properties) in _FREE:
        return []
    code = text_of(properties.get("identifier"))
    if not code:
        raise SiteInvalid(f"{where} has no identifier; download it again")
    name = _name(properties.get("name")) or code
    limits = properties.get("limitedApplicability", properties.get("applicability"))
    about = {"code": code, "name": name + _times(limits)}
    shape = zone.get("geometry")
    volumes = _volumes_269(shape) if isinstance(shape, list) else _volumes_318(shape, properties)
    if not volumes:
        raise SiteInvalid(f"{where} ({code}) has no area that can be read; download it again")
    return [
        (about, shape)
        for shape, lowest in (_volume(*v, f"{where} ({code})") for v in volumes)
        if lowest < CEILING_M
    ]


def _restriction_of(properties: dict[str, Any]) -> str:
    """ED-269 names it ``restriction``, and ``type`` is something else there; ED-318 names it ``type``."""
    return text_of(properties.get("restriction", properties.get("type"))).upper().replace(" ", "_")


def _times(periods: Any) -> str:
    """When a zone applies, in brackets; nothing where it always does."""
    spans = []
    for period in periods if isinstance(periods, list) else []:
        if isinstance(period, dict):
            begin, end = (text_of(period.get(key)) for key in ("startDateTime", "endDateTime"))
            spans += [f"{begin or 'now'} to {end or 'further notice'}"] if begin or end else []
    return f" (applies {', '.join(spans)})" if spans else ""


def _name(value: Any) -> str:
    """ED-318 gives names in several languages: the first one."""
    if isinstance(value, list):
        value = next((entry.get("text") for entry in value if isinstance(entry, dict)), "")
    return text_of(value)


def _volumes_269(geometry: Any) -> list[tuple[Any, Any, Any, Any]]:
    """Shape, lower limit, its reference and its unit of each volume."""
    parts = [part for part in geometry if isinstance(part, dict)] if isinstance(geometry, list) else []
    return [
        (shape, part.get("lowerLimit"), part.get("lowerVerticalReference"), part.get("uomDimensions"))
        for part in parts
        for shape in _projections(part.get("horizontalProjection"))
    ]


def _projections(projection: Any) -> list[Any]:
    """One shape, several, or the bare corners of one."""
    if not isinstance(projection, list) or not projection:
        return [projection]
    if isinstance(projection[0], dict):
        return projection
    corners = projection if projection[0] == projection[-1] else [*projection, projection[0]]
    return [{"type": "Polygon", "coordinates": [corners]}]


def _volumes_318(geometry: Any, properties: dict[str, Any]) -> list[tuple[Any, Any, Any, Any]]:
    """The same; where a shape has no layer, limits may stand among the properties, as national files do."""
    if not isinstance(geometry, dict):
        return []
    if geometry.get("type") == "GeometryCollection":
        parts = geometry.get("geometries")
        shapes = parts if isinstance(parts, list) else []
        return [volume for part in shapes for volume in _volumes_318(part, properties)]
    layer = geometry.get("layer")
    if not isinstance(layer, dict):
        lower, reference, unit = (
            properties.get(name) for name in ("lowerLimit", "lowerVerticalReference", "uomDimensions")
        )
        return [(geometry, lower, reference, unit)]
    return [(geometry, layer.get("lower"), layer.get("lowerReference"), layer.get("uom"))]


def _volume(shape: Any, lower: Any, reference: Any, unit: Any, where: str) -> tuple[dict[str, Any], float]:
    """A polygon in GeoJSON, and the height over ground at which it begins; 0 where that is not known."""
    if not isinstance(shape, dict):
        raise SiteInvalid(f"{where} has a volume without an area; download it again")
    lowest = _height_agl_m(lower, reference, unit)
    extent = shape.get("extent")
    if shape.get("type") == "Circle":
        return _circle(shape.get("center"), shape.get("radius"), where), lowest
    if shape.get("type") == "Point":
        radius = extent.get("radius") if isinstance(extent, dict) else None
        return _circle(shape.get("coordinates"), radius, where), lowest
    return {"type": shape.get("type"), "coordinates": shape.get("coordinates")}, lowest


def _height_agl_m(value: Any, reference: Any, unit: Any) -> float:
    """A limit in metres over ground; 0, so that the zone holds, where its unit or reference is another."""
    factor = _UNITS.get(text_of(unit).upper())
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if text_of(reference).upper() not in _OVER_GROUND or factor is None or not known:
        return 0.0
    return float(value) * factor


def _circle(centre: Any, radius: Any, where: str) -> dict[str, Any]:
    numbers: list[Any] = [*centre[:2], radius] if isinstance(centre, list) and len(centre) >= 2 else [None]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in numbers):
        raise SiteInvalid(f"{where} has a circle without centre or radius; download it again")
    longitude, latitude, metres = (float(value) for value in numbers)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90 and 0 < metres <= 1e6):
        raise SiteInvalid(f"{where} has a circle that is none on Earth; download it again")
    outwards = 1 / math.cos(math.pi / 4 / CIRCLE_SEGMENTS)
    disc = shapely.Point(0, 0).buffer(metres * outwards, quad_segs=CIRCLE_SEGMENTS)
    polygon = to_degrees(disc, LocalFrame(latitude, longitude))
    return {"type": "Polygon", "coordinates": [[list(xy) for xy in polygon.exterior.coords]]}
