"""What a plan's reader has to know, each with what would mend it."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import shapely

from missions import airspace
from missions.airspace import Obstacle
from missions.geodesy import Array, LocalFrame
from missions.plan import Finding, Sortie
from missions.shapes import polygon_of
from missions.site import Site
from missions.terrain import FlatTerrain, GroundHeight

WORTH_TELLING_FRACTION = 0.005
WORTH_TELLING_M2 = 1.0
MOST_WAYPOINTS = 600


def beyond_cells(beyond_m2: float, area_m2: float) -> list[Finding]:
    """Drawn ground outside every cell."""
    if beyond_m2 < max(WORTH_TELLING_M2, WORTH_TELLING_FRACTION * area_m2):
        return []
    return [Finding(
        code="beyond_cells", severity="warning",
        text=f"{beyond_m2:.0f} m2 of the drawn area lie outside every cell; sightings there get no cell",
        remedy="draw the area within the cells",
    )]  # fmt: skip


def assumed_home(latitude: float, longitude: float) -> list[Finding]:
    """No take-off point was given."""
    return [Finding(
        code="home_assumed", severity="warning", latitude=latitude, longitude=longitude,
        text="no take-off point is given: a corner of the ground to see is taken",
        remedy="give the take-off point as home",
    )]  # fmt: skip


def no_fly_ground(left_out_m2: float) -> list[Finding]:
    """Selected ground within no-fly zones."""
    if left_out_m2 < WORTH_TELLING_M2:
        return []
    return [Finding(
        code="no_fly_ground", severity="info",
        text=f"{left_out_m2:.0f} m2 of the selected ground lie in no-fly zones and are left out",
        remedy="have it looked at from the ground",
    )]  # fmt: skip


def speed(wished_m_s: float, held_m_s: float) -> list[Finding]:
    """A speed that the wind does not allow."""
    if held_m_s >= wished_m_s:
        return []
    return [Finding(
        code="wind", severity="warning",
        text=f"against the wind only {held_m_s:.1f} of {wished_m_s:.1f} m/s can be held",
        remedy="wait until the wind drops",
    )]  # fmt: skip


def unseen(frame: LocalFrame, missing: list[Any], fraction: float, flown: bool) -> list[Finding]:
    """Ground that no footprint covers; ``missing`` is sorted, the largest piece first."""
    if not flown:
        return [Finding(
            code="unseen", severity="error", text="no lane fits: none of the selected ground can be seen",
            remedy="widen the allowed area, or tilt the camera further down",
        )]  # fmt: skip
    if fraction < WORTH_TELLING_FRACTION:
        return []
    point = missing[0].representative_point()
    place = frame.to_geodetic([[point.x, point.y]])[0]
    return [Finding(
        code="unseen", severity="warning", latitude=place[0], longitude=place[1],
        text=f"{fraction:.1%} of the ground is not seen, most of it here ({missing[0].area:.0f} m2)",
        remedy="widen the allowed area, raise the overlap, or tilt the camera further down",
    )]  # fmt: skip


def outside(outside_m: float) -> list[Finding]:
    """A way that leaves the allowed area."""
    if outside_m < 0.0005:
        return []
    return [Finding(
        code="outside", severity="error", text=f"{outside_m:.1f} m of the way lie outside the allowed area",
        remedy="plan again with a wider allowed area",
    )]  # fmt: skip


def air(
    frame: LocalFrame,
    tracks: list[Array],
    ground: GroundHeight,
    ceiling_m: float,
    range_m: float,
    home: Array,
    site: Site,
) -> list[Finding]:
    """Heights over ground and obstacles, and distance from home; of each kind the worst of the whole plan."""
    notes: list[Finding] = []
    if tracks:
        # each begins where the one before ended, above home
        whole = np.vstack(tracks)
        notes = [
            *airspace.height_findings(frame, whole, ground, ceiling_m),
            *airspace.obstacle_findings(frame, whole, ground, obstacles_on(site), ceiling_m),
            *airspace.range_findings(frame, whole, home[:2], range_m),
        ]
    if isinstance(site.terrain, FlatTerrain):
        notes.append(Finding(
            code="flat_ground", severity="info",
            text=f"no terrain is given: the ground is taken as flat at {site.terrain.elevation:.0f} m",
            remedy="give a terrain file",
        ))  # fmt: skip
    else:
        there = float(ground(home[:1], home[1:2])[0])
        if np.isfinite(there) and abs(there - home[2]) > airspace.LEAST_CLEARANCE_M / 2:
            notes.append(Finding(
                code="home_altitude", severity="warning",
                text=f"home is given at {home[2]:.0f} m above sea level, the terrain there at {there:.0f} m",
                remedy="correct the altitude of home, or the terrain",
            ))  # fmt: skip
    return notes


def obstacles_on(site: Site) -> list[Obstacle]:
    """Buildings and trees of the base map."""
    trees = []
    for feature in site.basemap.get("features", []):
        properties, geometry = feature.get("properties") or {}, feature.get("geometry") or {}
        height = properties.get("height_m")
        if properties.get("layer") == "tree" and geometry.get("type") == "Point" and _is_height(height):
            longitude, latitude = geometry["coordinates"][:2]
            trees.append(Obstacle("tree", shapely.Point(longitude, latitude), float(height)))
    return [*(Obstacle("building", outline, height) for outline, height in buildings_of(site)), *trees]


def _is_height(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def buildings_of(site: Site) -> list[tuple[Any, float]]:
    """Outlines in degrees and heights in metres of the buildings of the base map."""
    buildings = []
    for feature in site.basemap.get("features", []):
        properties = feature.get("properties") or {}
        height = properties.get("height_m")
        if properties.get("layer") == "building" and _is_height(height):
            polygon, _ = polygon_of(feature.get("geometry"))
            if polygon is not None:
                buildings.append((polygon, float(height)))
    return buildings


def batteries(sorties: list[Sortie], reserve_fraction: float) -> list[Finding]:
    """Sorties that land with less than the reserve, and too many waypoints for an autopilot's memory."""
    notes = []
    short = [
        sortie.reserve_fraction for sortie in sorties if sortie.reserve_fraction < reserve_fraction - 0.005
    ]
    if short:
        notes.append(Finding(
            code="battery", severity="error",
            text=f"{len(short)} of {len(sorties)} sorties land with less than the reserve of "
            f"{reserve_fraction:.0%}, the worst with {max(0.0, min(short)):.0%} of the battery",
            remedy="take off nearer, use a larger battery, or wait for less wind",
        ))  # fmt: skip
    most = max((len(sortie.waypoints) for sortie in sorties), default=0)
    if most > MOST_WAYPOINTS:
        notes.append(Finding(
            code="waypoints", severity="warning",
            text=f"a sortie has {most} waypoints; some autopilots hold {MOST_WAYPOINTS}",
            remedy="select fewer cells",
        ))  # fmt: skip
    return notes


def fleet(sorties: list[Sortie]) -> list[Finding]:
    """Several aircraft share the air near home."""
    count = len({sortie.aircraft for sortie in sorties})
    if count < 2:
        return []
    return [Finding(
        code="separation", severity="warning",
        text=f"{count} aircraft fly at the same height; they stay apart if each takes off at its time: "
        + ", ".join(f"aircraft {s.aircraft + 1} after {s.start_s:.0f} s" for s in sorties),
        remedy="keep these times, or let one aircraft land before the next one starts",
    )]  # fmt: skip
