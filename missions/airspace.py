"""Where an aircraft may be, and what is wrong with a way through the air: findings, not exceptions.

Areas are shapely geometries in local metres; heights are metres above sea level.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, Point
from shapely.ops import nearest_points

from missions.errors import HomeForbidden
from missions.geodesy import Array, LocalFrame
from missions.plan import Finding
from missions.routes import Routes
from missions.shapes import parts_of, to_plane
from missions.site import NoFlyZone
from missions.terrain import GroundHeight

CEILING_M = 120.0
"""Above this true height over the ground airspace is controlled (China, unmanned aircraft rules of 2024)."""
LEAST_CLEARANCE_M = 20.0
BUILDING_CLEARANCE_M = 15.0
"""Least height over roofs and tree tops."""
BESIDE_M = 5.0
"""What lies no further beside the way counts as below it."""
RANGE_M = 5000.0
FLIGHT_MARGIN_M = 3.0
"""Planned ways stay this far inside the allowed area: rounded corners and position errors."""
CORRIDOR_HALF_WIDTH_M = 25.0
DETOUR_M = 500.0
WORTH_REACHING_M2 = 50.0
BUFFER_SEGMENTS = 3
CORRIDOR_SEGMENTS = 2
"""Corners for a quarter of a circle: few, since autopilots hold few fence corners."""
SIMPLIFY_M = 1.0
SAMPLE_M = 5.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stands on the ground: ``kind`` building or tree, ``outline`` in degrees."""

    kind: str
    outline: Any
    height_m: float


@dataclass(frozen=True, slots=True)
class Airspace:
    """``allowed`` holds every way; ways are planned in ``region``, a little inside it. ``forbidden`` is the
    no-fly zones with their buffers."""

    allowed: Any
    region: Any
    forbidden: Any
    findings: list[Finding]


def forbidden_ground(zones: Iterable[NoFlyZone], frame: LocalFrame) -> Any:
    """No-fly zones with their buffers, in metres; simplified outwards, never inwards, by at most 1 m."""
    outside = 1 / math.cos(math.pi / 4 / BUFFER_SEGMENTS)
    grown = [
        to_plane(zone.polygon, frame).buffer(
            (zone.buffer_m + SIMPLIFY_M) * outside, quad_segs=BUFFER_SEGMENTS
        ).simplify(SIMPLIFY_M)
        for zone in zones
    ]  # fmt: skip
    return shapely.union_all(grown)


def open_airspace(target: Any, forbidden: Any, home: Array, buffer_m: float) -> Airspace:
    """The allowed area: the ground to see with a buffer, and corridors that join its parts and home.

    Raises:
        HomeForbidden: home lies in a no-fly zone or the zones cut it off.
    """
    if shapely.intersects(forbidden, Point(home)):
        raise HomeForbidden(
            "the take-off point lies within a no-fly zone or its buffer: choose another home position"
        )
    pad = Point(home).buffer(CORRIDOR_HALF_WIDTH_M, quad_segs=CORRIDOR_SEGMENTS)
    allowed = shapely.union(target.buffer(buffer_m, join_style="mitre", mitre_limit=2.0), pad)
    allowed = shapely.difference(allowed, forbidden)
    free = _free_space(allowed, forbidden)
    findings: list[Finding] = []
    for _ in range(50):
        mine, other = _nearest_part(_shrunk(allowed), home)
        if other is None:
            break
        way = _way_between(free, mine, other)
        if way is None:
            findings.append(_cut_off(other))
            allowed = _without(allowed, other)
            continue
        corridor = LineString(way).buffer(CORRIDOR_HALF_WIDTH_M, quad_segs=CORRIDOR_SEGMENTS)
        allowed = shapely.difference(shapely.union(allowed, corridor), forbidden)
    allowed = shapely.difference(_smoothed(allowed), forbidden)
    region, _ = _nearest_part(_shrunk(allowed), home)
    if region is None:
        raise HomeForbidden("there is no room to fly at the take-off point: choose another home position")
    kept = next(part for part in parts_of(allowed) if part.intersects(region))
    return Airspace(kept, region, forbidden, findings)


def _smoothed(allowed: Any) -> Any:
    """The same without notches narrower than twice the margin: fewer corners for the aircraft's fence."""
    wide = allowed.buffer(FLIGHT_MARGIN_M, join_style="mitre")
    return wide.buffer(-FLIGHT_MARGIN_M, join_style="mitre").simplify(SIMPLIFY_M)


def _shrunk(allowed: Any) -> Any:
    """Mitred, so that it has no more corners than before; that only keeps further away."""
    return allowed.buffer(-FLIGHT_MARGIN_M, join_style="mitre")


def _free_space(allowed: Any, forbidden: Any) -> Any:
    """Everything around, less no-fly zones with room for a corridor's middle."""
    around = shapely.box(*shapely.union(allowed, forbidden).buffer(DETOUR_M).bounds)
    return shapely.difference(around, forbidden.buffer(FLIGHT_MARGIN_M + 2.0, join_style="mitre"))


def _nearest_part(region: Any, home: Array) -> tuple[Any | None, Any | None]:
    """The part that holds home, and of the others worth reaching the one nearest to it."""
    parts = parts_of(region)
    mine = next((part for part in parts if part.covers(Point(home))), None)
    if mine is None:
        return None, None
    others = [part for part in parts if part is not mine and part.area > WORTH_REACHING_M2]
    return mine, min(others, key=mine.distance, default=None)


def _way_between(free: Any, mine: Any, other: Any) -> Array | None:
    a, b = nearest_points(shapely.intersection(mine, free), shapely.intersection(other, free))
    if a.is_empty or b.is_empty:
        return None
    return Routes(free.buffer(0.1), np.array([[a.x, a.y], [b.x, b.y]])).way(0, 1)


def _without(allowed: Any, part: Any) -> Any:
    return shapely.difference(allowed, part.buffer(FLIGHT_MARGIN_M + 1.0))


def _cut_off(part: Any) -> Finding:
    return Finding(
        code="cut_off", severity="warning",
        text=f"{part.area:.0f} m2 of the selected ground is cut off by no-fly zones and is not flown over",
        remedy="select other ground, or take off on the other side",
    )  # fmt: skip


def outside_m(allowed: Any, path: Array) -> float:
    """Metres of a path (N, 2) that lie outside the allowed area."""
    return float(shapely.difference(shapely.linestrings(path), allowed).length)


def sample(path: Array, step_m: float = SAMPLE_M) -> Array:
    """Points along a path (N, K), every ``step_m`` metres or closer, corners included."""
    pieces = []
    for start, end in itertools.pairwise(path):
        count = max(1, math.ceil(float(np.hypot(*(end - start)[:2])) / step_m))
        pieces.append(start + np.linspace(0, 1, count, endpoint=False)[:, None] * (end - start))
    return np.vstack([*pieces, path[-1:]])


def height_findings(frame: LocalFrame, path: Array, ground: GroundHeight, ceiling_m: float) -> list[Finding]:
    """True height over the ground along straight segments: the ceiling, and the least clearance.

    Args:
        path: (N, 3) east, north, height; the vertical ways up and down at home left out.
    """
    points = sample(path)
    height = points[:, 2] - ground(points[:, 0], points[:, 1])
    findings = []
    if np.isnan(height).any():
        place = frame.to_geodetic(points[np.isnan(height)][:1])[0]
        findings.append(Finding(
            code="terrain_unknown", severity="error", latitude=place[0], longitude=place[1],
            text="the height of the ground is not known along the whole way",
            remedy="give terrain that covers the whole area",
        ))  # fmt: skip
        height = np.where(np.isnan(height), LEAST_CLEARANCE_M, height)
    highest, lowest = int(np.argmax(height)), int(np.argmin(height))
    if height[highest] > ceiling_m + 0.01:
        place = frame.to_geodetic(points[highest : highest + 1])[0]
        lower = max(LEAST_CLEARANCE_M, math.floor(ceiling_m - (height[highest] - np.median(height))))
        findings.append(Finding(
            code="ceiling", severity="error", latitude=place[0], longitude=place[1],
            text=f"the way rises {height[highest]:.0f} m over the ground, the limit is {ceiling_m:g} m",
            remedy=f"plan at {lower:.0f} m or lower",
        ))  # fmt: skip
    if height[lowest] < LEAST_CLEARANCE_M - 0.01:
        place = frame.to_geodetic(points[lowest : lowest + 1])[0]
        findings.append(Finding(
            code="clearance", severity="error", latitude=place[0], longitude=place[1],
            text=f"the aircraft would pass {height[lowest]:.0f} m over the ground, "
            f"{LEAST_CLEARANCE_M:g} m is the least",
            remedy="plan higher",
        ))  # fmt: skip
    return findings


def obstacle_findings(
    frame: LocalFrame, path: Array, ground: GroundHeight, obstacles: list[Obstacle], ceiling_m: float
) -> list[Finding]:
    """What a path (N, 3) passes too closely over, or runs into, on the ground: of each kind the worst."""
    if not obstacles:
        return []
    points = sample(path)
    tree = shapely.STRtree([to_plane(each.outline, frame) for each in obstacles])
    at, which = tree.query(shapely.points(points[:, :2]), predicate="dwithin", distance=BESIDE_M)
    below = ground(points[at, 0], points[at, 1])
    room = points[at, 2] - below - np.array([each.height_m for each in obstacles])[which]
    kinds = np.array([each.kind for each in obstacles])[which]
    findings = []
    for kind in np.unique(kinds):
        rows = np.flatnonzero((kinds == kind) & (room < BUILDING_CLEARANCE_M))
        if len(rows):
            worst = rows[np.argmin(room[rows])]
            place = frame.to_geodetic(points[at[worst]][None, :])[0]
            above_ground = float(points[at[worst], 2] - below[worst])
            findings.append(_too_near(kind, float(room[worst]), above_ground, ceiling_m, place))
    return findings


def _too_near(kind: str, room_m: float, above_ground_m: float, ceiling_m: float, place: Array) -> Finding:
    higher = math.ceil(BUILDING_CLEARANCE_M - room_m)
    text = f"the aircraft would pass {room_m:.0f} m above a {kind}, {BUILDING_CLEARANCE_M:g} m is the least"
    if room_m < 0:
        text = f"the aircraft would fly into a {kind}, {-room_m:.0f} m below its top"
    remedy = f"plan at least {higher} m higher, or leave this place out"
    if above_ground_m + higher > ceiling_m:
        remedy = f"leave this place out: {higher} m higher would be over the ceiling"
    return Finding(
        code=kind if room_m >= 0 else f"{kind}_hit", severity="error", text=text, remedy=remedy,
        latitude=place[0], longitude=place[1],
    )  # fmt: skip


def range_findings(frame: LocalFrame, path: Array, home: Array, range_m: float) -> list[Finding]:
    """Points of a path that are further from home than the radio link reaches."""
    distance = np.hypot(*(path[:, :2] - home).T)
    furthest = int(np.argmax(distance))
    if distance[furthest] <= range_m:
        return []
    place = frame.to_geodetic(path[furthest : furthest + 1])[0]
    return [Finding(
        code="out_of_range", severity="error", latitude=place[0], longitude=place[1],
        text=f"the patrol reaches {distance[furthest]:.0f} m from home, the link holds for {range_m:g} m",
        remedy="take off nearer to the ground that is to be seen",
    )]  # fmt: skip
