"""Watch zones on the ground: where parking is forbidden or allowed, markets, squares and the like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from shapely import STRtree
from shapely.affinity import scale
from shapely.geometry import Point

from missions import shapes
from missions.errors import ZonesInvalid
from missions.shapes import Shape

EARTH_RADIUS_M = 6_371_008.8
ZONE_KINDS = frozenset({"no_parking", "parking", "market", "square", "school_gate", "sports", "bus_stop"})


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone; ``polygon`` in degrees, x longitude and y latitude."""

    code: str
    kind: str
    name: str
    polygon: Shape


class Zones:
    """All zones of a site, sorted by code. Zones may overlap."""

    def __init__(self, zones: list[Zone] | None = None) -> None:
        self.zones = sorted(zones or [], key=lambda zone: zone.code)
        self._tree = STRtree([zone.polygon for zone in self.zones])

    def __len__(self) -> int:
        return len(self.zones)

    @classmethod
    def from_geojson(cls, source: Path | str | dict[str, Any]) -> Self:
        """Zones from a FeatureCollection with the properties ``code``, ``kind`` and ``name``.

        Raises:
            ZonesInvalid: names every problem.
        """
        zones: list[Zone] = []
        problems: list[str] = []
        for index, (properties, geometry) in enumerate(shapes.read_features(source, ZonesInvalid)):
            code, kind = shapes.text_of(properties.get("code")), shapes.text_of(properties.get("kind"))
            polygon, problem = shapes.polygon_of(geometry)
            if not code:
                problems.append(f"feature {index} has no code")
            elif any(zone.code == code for zone in zones):
                problems.append(f"code {code} is used twice")
            elif kind not in ZONE_KINDS:
                problems.append(f"zone {code}: kind {kind!r} is none of {', '.join(sorted(ZONE_KINDS))}")
            elif polygon is None:
                problems.append(f"zone {code}: {problem}")
            else:
                zones.append(Zone(code, kind, shapes.text_of(properties.get("name")) or code, polygon))
        if problems:
            where = "the zones" if isinstance(source, dict) else str(source)
            raise ZonesInvalid(f"{where} cannot be used: {'; '.join(problems)}")
        return cls(zones)

    def containing(self, latitude: float, longitude: float, kind: str | None = None) -> list[Zone]:
        """Zones that hold the point, borders included, by code; only those of ``kind`` when it is given."""
        if not (np.isfinite(latitude) and np.isfinite(longitude)):
            return []
        found = sorted(self._tree.query(Point(longitude, latitude), predicate="intersects"))
        return [self.zones[i] for i in found if kind is None or self.zones[i].kind == kind]

    def grown(self, kind: str, margin_m: float) -> Zones:
        """The zones of one kind, each reaching ``margin_m`` metres further."""
        return Zones([_grown(zone, margin_m) for zone in self.zones if zone.kind == kind])

    def to_geojson(self) -> dict[str, Any]:
        """A FeatureCollection that ``from_geojson`` reads back."""
        return shapes.collection(
            ({"code": z.code, "kind": z.kind, "name": z.name}, z.polygon) for z in self.zones
        )


def _grown(zone: Zone, margin_m: float) -> Zone:
    """Widened where degrees are equally long both ways, in the middle of the zone."""
    narrow = float(np.cos(np.radians(zone.polygon.centroid.y)))
    square = scale(zone.polygon, xfact=narrow, origin=(0, 0))
    wider = square.buffer(float(np.degrees(margin_m / EARTH_RADIUS_M)))
    return replace(zone, polygon=scale(wider, xfact=1 / narrow, origin=(0, 0)))
