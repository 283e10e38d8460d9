"""What we check before an upload: autopilots accept places outside the fence, off the map or too high."""

from __future__ import annotations

import math
from collections.abc import Iterable

import shapely

from missions.geodesy import distance_m
from missions.plan import PatrolPlan, Ring, Sortie, WaypointRole

CEILING_AGL_M = 120.0
LOWEST_AGL_M = 5.0
FARTHEST_M = 20_000.0
HOME_REACH_M = 150.0
BORDER_TOLERANCE_DEG = 1e-5
"""About a metre: lanes may run along the border."""


def plan_faults(
    plan: PatrolPlan,
    sortie: int,
    home: tuple[float, float, float] | None,
    *,
    ceiling_agl_m: float = CEILING_AGL_M,
) -> list[str]:
    """Why one sortie of the plan must not be flown by an aircraft at ``home``; empty when it may."""
    faults = [finding.text for finding in plan.findings if finding.severity == "error"]
    if not 0 <= sortie < len(plan.sorties):
        return [*faults, f"the plan has {len(plan.sorties)} sorties, there is no number {sortie}"]
    flight = plan.sorties[sortie]
    if not flight.waypoints:
        return [*faults, "the sortie has no waypoints"]
    if home is not None and (away := _away_m(home, plan)) > HOME_REACH_M:
        faults.append(f"the aircraft stands {away:.0f} m from the plan's home; move it there or plan anew")
    return [*faults, *_height_faults(plan, flight, ceiling_agl_m), *_place_faults(plan, flight, home)]


def _height_faults(plan: PatrolPlan, flight: Sortie, ceiling_agl_m: float) -> Iterable[str]:
    for number, point in enumerate(flight.waypoints):
        if point.altitude_agl_m > ceiling_agl_m:
            yield (
                f"waypoint {number} is {point.altitude_agl_m:.0f} m above ground, over the ceiling of "
                f"{ceiling_agl_m:.0f} m; plan lower"
            )
            return
        if point.altitude_above_home_m <= 0 or point.altitude_agl_m < LOWEST_AGL_M:
            yield f"waypoint {number} is only {point.altitude_agl_m:.0f} m above ground; plan higher"
            return
        if not math.isclose(point.altitude_amsl_m - plan.home[2], point.altitude_above_home_m, abs_tol=1.0):
            yield f"waypoint {number} has two heights that contradict each other; plan again"
            return


def _place_faults(plan: PatrolPlan, flight: Sortie, home: tuple[float, float, float] | None) -> Iterable[str]:
    """The way begins and ends where the aircraft stands: it climbs there, not at the plan's home."""
    stand = home if home is not None and _away_m(home, plan) <= HOME_REACH_M else plan.home
    turns = [p for p in flight.waypoints if p.role is not WaypointRole.TAKEOFF] or flight.waypoints
    points = [(stand[1], stand[0]), *((p.longitude, p.latitude) for p in turns), (stand[1], stand[0])]
    for number, (longitude, latitude) in enumerate(points):
        if distance_m(plan.home[0], plan.home[1], latitude, longitude) > FARTHEST_M:
            yield f"waypoint {number} is more than {FARTHEST_M / 1000:.0f} km from home"
            return
    path = shapely.LineString(points)
    allowed = _area(plan.allowed)
    if allowed is not None and not allowed.buffer(BORDER_TOLERANCE_DEG).covers(shapely.Point(points[0])):
        # ArduPilot would not arm there, PX4 would silently fly without the fence
        yield "the aircraft stands outside the allowed area; move it into it, or plan anew"
    elif allowed is not None and not allowed.buffer(BORDER_TOLERANCE_DEG).covers(path):
        yield "the flight leaves the allowed area; plan again"
    for rings in plan.no_fly:
        zone = _area([rings])
        if zone is not None and zone.buffer(-BORDER_TOLERANCE_DEG).intersects(path):
            yield "the flight enters a no-fly zone; plan again"
            return


def _away_m(home: tuple[float, float, float], plan: PatrolPlan) -> float:
    return distance_m(home[0], home[1], plan.home[0], plan.home[1])


def _area(polygons: list[list[Ring]]) -> shapely.Geometry | None:
    shapes = [shapely.make_valid(shapely.Polygon(rings[0], rings[1:])) for rings in polygons if rings]
    return shapely.unary_union(shapes) if shapes else None
