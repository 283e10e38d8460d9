"""What a plan's waypoints really do: length, ground left unseen, metres outside, true heights.

Everything is measured on the waypoints as they are written down, not on what the planner meant to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from missions import airspace
from missions.footprints import View, seen_over_relief, swept, view_of
from missions.geodesy import Array, LocalFrame
from missions.plan import PatrolPlan, Sortie, WaypointRole
from missions.shapes import from_rings, parts_of, to_plane
from missions.terrain import GroundHeight

LOOK_STEP_M = 8.0
SMALLEST_GAP_M2 = 2.0
"""Smaller pieces are not drawn."""


def track(sortie: Sortie, frame: LocalFrame) -> Array:
    """Positions (N, 3) of a sortie in ``frame``."""
    points = sortie.waypoints
    return frame.to_enu(
        [p.latitude for p in points], [p.longitude for p in points], [p.altitude_amsl_m for p in points]
    )


def lane_tracks(sortie: Sortie, frame: LocalFrame) -> list[Array]:
    """Positions (K, 3) along each lane, from its start to its end, every 8 m or closer."""
    positions = track(sortie, frame)
    lanes, start = [], None
    for index, point in enumerate(sortie.waypoints):
        if point.role is WaypointRole.LANE_START:
            start = index
        elif point.role is WaypointRole.LANE_END and start is not None:
            lanes.append(airspace.sample(positions[start : index + 1], LOOK_STEP_M))
            start = None
    return lanes


def seen_ground(sorties: list[Sortie], frame: LocalFrame, unit_view: View, ground: GroundHeight) -> Any:
    """Union of the footprints along all lanes, over the relief."""
    lanes = [lane for sortie in sorties for lane in lane_tracks(sortie, frame) if len(lane) > 1]
    return shapely.union_all(seen_over_relief(unit_view, lanes, ground))


def unseen(target: Any, seen: Any) -> list[Any]:
    """Pieces of the target that no footprint covers, the largest first."""
    return sorted(parts_of(shapely.difference(target, seen)), key=lambda part: -part.area)


def left_out(plan: PatrolPlan, frame: LocalFrame) -> Any:
    """What no lane of a plan sees, as over flat ground; for drawings."""
    area = to_plane(from_rings(plan.area), frame)
    view = view_of(plan.camera).at(plan.altitude_agl_m)
    lanes = [lane for sortie in plan.sorties for lane in lane_tracks(sortie, frame) if len(lane) > 1]
    if not lanes:
        return area
    ends = np.array([[lane[0, :2], lane[-1, :2]] for lane in lanes])
    missing = shapely.difference(area, shapely.union_all(swept(view, ends[:, 0], ends[:, 1])))
    return shapely.union_all([part for part in parts_of(missing) if part.area > SMALLEST_GAP_M2])


def outside_m(sorties: list[Sortie], frame: LocalFrame, allowed: Any) -> float:
    """Metres of all ways, transits and the way home included, outside the allowed area (in degrees)."""
    region = shapely.transform(allowed, lambda xy: frame.to_enu(xy[:, 1], xy[:, 0])[:, :2])
    return sum(airspace.outside_m(region, track(sortie, frame)[:, :2]) for sortie in sorties)
