"""The allowed area of a plan as the fence of an autopilot: one area that holds home, with few corners.

Autopilots store few corners, and not all of them can be told that an aircraft may be in any of several
areas: PX4 wants it inside every one, and drops those that do not hold its home.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import shapely

from missions.geodesy import LocalFrame
from missions.plan import PatrolPlan, Ring
from missions.shapes import from_rings, parts_of, rings_of, to_degrees, to_plane

MOST_CORNERS = 64
"""ArduPilot stores 84 on common boards, PX4 64 or 128."""
SAMPLE_M = 2.0
WIDENED_M = (1.0, 2.0, 4.0, 8.0, 16.0)
"""How far a fence is drawn outwards before corners are left out. An area that takes more is sent as it is,
for the autopilot to take or to refuse."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Args:
    rings: an outer ring and its holes, closed, longitude first; empty where a plan has no allowed area.
    wider_m: how far it may lie outside the allowed area, to save corners.
    """

    rings: list[Ring]
    wider_m: float = 0.0

    @property
    def corners(self) -> int:
        return sum(len(ring) - 1 for ring in self.rings)


def fence_of(plan: PatrolPlan, most: int = MOST_CORNERS) -> Fence:
    """The part of the allowed area that holds home, simplified outwards where it has too many corners."""
    polygons = [rings for rings in plan.allowed if rings]
    if not polygons:
        return Fence([])
    if len(polygons) == 1 and (fence := Fence([_closed(ring) for ring in polygons[0]])).corners <= most:
        return fence
    frame = LocalFrame(*plan.home)
    whole = shapely.union_all([shapely.make_valid(from_rings([rings])) for rings in polygons])
    area = _about_home(to_plane(whole, frame))
    if _corners(area) <= most:
        return Fence(_rings(area, frame))
    for metres in WIDENED_M:
        wide = area.buffer(metres, join_style="mitre", mitre_limit=2.0).simplify(metres)
        if _corners(wide) <= most:
            return Fence(_rings(wide, frame), _beyond_m(wide, area))
    return Fence(_rings(area, frame))


def _about_home(area: Any) -> Any:
    """The part nearest to home, which is the origin."""
    return min(parts_of(area), key=lambda part: part.distance(shapely.Point(0, 0)), default=area)


def _beyond_m(wide: Any, area: Any) -> float:
    """How far the border of the one lies from the other at most."""
    border = shapely.points(shapely.get_coordinates(shapely.segmentize(wide, SAMPLE_M)))
    return float(shapely.distance(border, area).max())


def _rings(area: Any, frame: LocalFrame) -> list[Ring]:
    return [_closed(ring) for ring in rings_of(to_degrees(area, frame))[0]]


def _corners(area: Any) -> float:
    """Of a polygon; infinite for anything else."""
    if area.geom_type != "Polygon" or area.is_empty:
        return math.inf
    return int(shapely.get_num_coordinates(area)) - 1 - len(area.interiors)


def _closed(ring: Ring) -> Ring:
    return ring if len(ring) > 1 and ring[0] == ring[-1] else [*ring, ring[0]]
