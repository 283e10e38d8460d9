"""From a request to a plan: ground, airspace, lanes, sorties, and the figures that prove them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import shapely
import shapely.ops
from pydantic import BaseModel, ConfigDict, Field

from missions import airspace, coverage, findings, proof, shapes
from missions.airspace import Airspace
from missions.cameras import CameraEntry
from missions.energy import AircraftModel, Wind
from missions.errors import (
    AreaForbidden,
    AreaInvalid,
    AreaOutsideCells,
    AreaTooLarge,
    CameraUnknown,
    NothingSelected,
    TerrainMissing,
)
from missions.footprints import View, seen_over_relief, view_of
from missions.gaps import Seen
from missions.geodesy import Array, LocalFrame
from missions.lanes import Sweep
from missions.messages import Latitude, Longitude
from missions.paths import Flight, SortiePath, build_sorties, follow_terrain
from missions.plan import Finding, PatrolPlan, PlanCamera, Sortie, Waypoint
from missions.site import Site
from missions.sorties import share_out
from missions.terrain import GroundHeight, ground_in, sampled_ground
from missions.timetable import stagger

LONGEST_LANES_M = 60_000.0
FLAT_RELIEF_M = 1.0
HEIGHT_TOLERANCE_M = 3.0
CLOSE_TOLERANCE_M = 0.3
"""Where height over ground is scarce: below the ceiling, and above roofs."""
LEAST_TRIGGER_M = 1.0
OFF_THE_BORDER_M = airspace.FLIGHT_MARGIN_M + 2.0


class PlanRequest(BaseModel):
    """What to plan. Values left out come from the camera's defaults and the site's home."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = ""
    cells: list[str] = Field(default_factory=list)
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON polygon, feature or collection")
    camera: str = "patrol-720p"
    pitch_deg: Annotated[float, Field(ge=-90, le=0)] | None = None
    altitude_agl_m: Annotated[float, Field(gt=0, le=1000)] | None = None
    speed_m_s: Annotated[float, Field(gt=0, le=30)] | None = None
    overlap: float = Field(default=0.1, ge=0, le=0.9)
    photo_overlap: Annotated[float, Field(ge=0, le=0.95)] | None = Field(
        default=None, description="overlap of photos along a lane, as part of one; left out: video, no photos"
    )
    home: tuple[Latitude, Longitude] | tuple[Latitude, Longitude, float] | None = None
    wind_m_s: float = Field(default=0.0, ge=0, le=60)
    wind_from_deg: Annotated[float, Field(ge=0, le=360)] | None = Field(
        default=None, description="where the wind blows from, clockwise from north; any direction if left out"
    )
    aircraft: int = Field(default=1, ge=1, le=20)
    buffer_m: float = Field(
        default=60.0, ge=0, le=1000, description="allowed area around the selected ground"
    )
    ceiling_m: float = Field(default=airspace.CEILING_M, gt=0)
    range_m: float = Field(default=airspace.RANGE_M, gt=0)
    look_seconds: float = Field(default=5.0, ge=0, le=60, description="how long every place stays in view")
    leave_out: float = Field(
        default=0.002, ge=0, le=0.5, description="part of the ground that may stay unseen to save detours"
    )
    battery_wh: float = Field(default=90.0, gt=0)
    battery_health: float = Field(
        default=1.0, gt=0, le=1, description="part of its energy when new that the battery still holds"
    )
    reserve_fraction: float = Field(default=0.25, ge=0, lt=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A request with everything it refers to, in metres of ``frame``."""

    request: PlanRequest
    site: Site
    frame: LocalFrame
    camera: PlanCamera
    unit_view: View
    view: View
    flight: Flight
    wished_speed_m_s: float
    home: tuple[float, float, float]
    target: Any
    cells: list[str]
    room: Airspace
    ground: GroundHeight
    notes: list[Finding]

    @property
    def start(self) -> Array:
        """Home, (3,) east, north, altitude above sea level."""
        return np.asarray(self.frame.to_enu(*self.home)[0])

    @property
    def sweep(self) -> Sweep:
        spacing = self.view.swath_m * (1 - self.request.overlap)
        return Sweep(self.view, spacing, self.flight.speed_m_s * self.request.look_seconds)


def plan_patrol(request: PlanRequest, site: Site, cameras: Mapping[str, CameraEntry]) -> PatrolPlan:
    """Plan a patrol. What is wrong with the result stands in its ``findings``.

    Raises:
        PlanImpossible: nothing can be planned from this request; the message says what to change.
    """
    task = prepare(request, site, cameras)
    tour = coverage.cover(
        task.target, task.room.region, task.start[:2], task.sweep, look_of(task), request.leave_out
    )
    return plan_lanes(task, tour.lanes)


def plan_lanes(task: Task, lanes: Array) -> PatrolPlan:
    """The plan that flies lanes (N, 2, 2) in their order: sorties, their owners and times, and the proof."""
    request = task.request
    paths: list[SortiePath] = []
    if len(lanes):
        paths = build_sorties(lanes, task.room.region, task.start[:2], task.flight, request.aircraft)
    tolerance = min(
        HEIGHT_TOLERANCE_M, max(CLOSE_TOLERANCE_M, request.ceiling_m - task.flight.altitude_agl_m)
    )
    sorties = _over_ground(paths, task, tolerance)
    if tolerance > CLOSE_TOLERANCE_M and _near_obstacles(sorties, task):
        sorties = _over_ground(paths, task, CLOSE_TOLERANCE_M)
    owners = share_out([sortie.seconds for sortie in sorties], request.aircraft)
    sorties = [s.model_copy(update={"aircraft": owner}) for s, owner in zip(sorties, owners, strict=True)]
    (timed,) = stagger([(sorties, task.home)], task.flight.aircraft)
    return _finish(task, timed)


def _over_ground(paths: list[SortiePath], task: Task, tolerance_m: float) -> list[Sortie]:
    """Sorties that keep their height over ground within a tolerance: a closer one takes more waypoints."""
    height = task.flight.altitude_agl_m
    return [_sortie(follow_terrain(path, task.ground, height, tolerance_m), task) for path in paths]


def _near_obstacles(sorties: list[Sortie], task: Task) -> bool:
    """Whether some way passes too closely over something."""
    tracks = [proof.track(sortie, task.frame) for sortie in sorties]
    obstacles = findings.obstacles_on(task.site)
    return bool(tracks) and bool(
        airspace.obstacle_findings(
            task.frame, np.vstack(tracks), task.ground, obstacles, task.request.ceiling_m
        )
    )


def flight_for(request: PlanRequest, entry: CameraEntry) -> Flight:
    """How the request is flown: speed that can be held in the wind, height, battery.

    Raises:
        WindTooStrong: no speed is left against the wind.
    """
    aircraft = AircraftModel(battery_wh=request.battery_wh, battery_health=request.battery_health)
    return Flight(
        aircraft=aircraft, wind=Wind(request.wind_m_s, request.wind_from_deg),
        speed_m_s=aircraft.ground_speed(request.speed_m_s or entry.speed_m_s, request.wind_m_s),
        altitude_agl_m=request.altitude_agl_m or entry.altitude_agl_m,
        reserve_fraction=request.reserve_fraction,
    )  # fmt: skip


def camera_of(request: PlanRequest, cameras: Mapping[str, CameraEntry]) -> CameraEntry:
    """The camera that a request names.

    Raises:
        CameraUnknown: there is none of that name.
    """
    entry = cameras.get(request.camera)
    if entry is None:
        raise CameraUnknown(
            f"there is no camera {request.camera!r}: choose one of {', '.join(sorted(cameras))}"
        )
    return entry


def prepare(request: PlanRequest, site: Site, cameras: Mapping[str, CameraEntry]) -> Task:
    """Everything that a request refers to.

    Raises:
        PlanImpossible: nothing can be planned from this request; the message says what to change.
    """
    entry = camera_of(request, cameras)
    camera = entry.plan_camera(request.pitch_deg)
    flight = flight_for(request, entry)
    unit_view = view_of(camera)
    selected, cells, notes = _selected(request, site)
    centre = selected.centroid
    frame = LocalFrame(centre.y, centre.x)
    view = unit_view.at(flight.altitude_agl_m)
    forbidden = airspace.forbidden_ground(site.no_fly, frame)
    target, left_out = _target(selected, frame, forbidden, view)
    home, assumed = _home(request, site, frame, target)
    room = airspace.open_airspace(target, forbidden, frame.to_enu(*home)[0, :2], request.buffer_m)
    ground = ground_in(frame, site.terrain)
    _check_terrain(room.allowed, ground)
    return Task(
        request=request, site=site, frame=frame, camera=camera, unit_view=unit_view, view=view, flight=flight,
        wished_speed_m_s=request.speed_m_s or entry.speed_m_s, home=home, target=target,
        cells=cells, room=room, ground=ground,
        notes=[*notes, *left_out, *assumed, *room.findings],
    )  # fmt: skip


def _selected(request: PlanRequest, site: Site) -> tuple[Any, list[str], list[Finding]]:
    """The selected ground in degrees, the codes of its cells, and what is to be said about it."""
    codes = list(dict.fromkeys(request.cells))
    polygons = [site.grid.cell(code).polygon for code in codes]
    notes: list[Finding] = []
    if request.area is not None:
        area = _drawn(request.area)
        touched = [cell for cell in site.grid.cells if shapes.area_m2(cell.polygon.intersection(area)) > 1.0]
        if not touched:
            raise AreaOutsideCells(
                "the drawn area lies outside every cell: draw it within the cells of this site"
            )
        codes += [cell.code for cell in touched if cell.code not in codes]
        polygons.append(area)
        beyond = shapes.area_m2(area.difference(shapely.union_all([cell.polygon for cell in touched])))
        notes += findings.beyond_cells(beyond, shapes.area_m2(area))
    if not polygons:
        raise NothingSelected
    return shapely.union_all(polygons), codes, notes


def _drawn(document: dict[str, Any]) -> Any:
    """The polygon of a GeoJSON geometry, feature or collection, in degrees."""
    if "features" in document or document.get("type") == "Feature":
        geometries = [geometry for _, geometry in shapes.read_features(document, AreaInvalid)]
    else:
        geometries = [document]
    polygons = []
    for geometry in geometries:
        polygon, problem = shapes.polygon_of(geometry)
        if polygon is None:
            raise AreaInvalid(f"the drawn area cannot be used: {problem}; draw it again")
        polygons.append(polygon)
    if not polygons:
        raise AreaInvalid("the drawn area holds no polygon: draw one")
    return shapely.union_all(polygons)


def _target(selected: Any, frame: LocalFrame, forbidden: Any, view: View) -> tuple[Any, list[Finding]]:
    """The selected ground in metres without no-fly zones."""
    whole = shapes.to_plane(selected, frame)
    target = shapely.union_all(shapes.parts_of(shapely.difference(whole, forbidden)))
    if target.area < 1.0:
        raise AreaForbidden
    if target.area / view.swath_m > LONGEST_LANES_M:
        raise AreaTooLarge(
            f"{target.area / 1e6:.1f} km2 would take {target.area / view.swath_m / 1000:.0f} km of lanes: "
            "select fewer cells, or fly higher"
        )
    return target, findings.no_fly_ground(whole.area - target.area)


def _home(
    request: PlanRequest, site: Site, frame: LocalFrame, target: Any
) -> tuple[tuple[float, float, float], list[Finding]]:
    """Home with its altitude, from the terrain when none is given; else a corner of the ground to see."""
    home = request.home or site.home
    notes: list[Finding] = []
    if home is None:
        west, south, _, _ = target.bounds
        inside = target.buffer(-OFF_THE_BORDER_M)  # beyond it may lie a no-fly zone
        corner = shapely.ops.nearest_points(
            target if inside.is_empty else inside, shapely.Point(west, south)
        )[0]
        place = frame.to_geodetic([[corner.x, corner.y]])[0]
        home = (round(float(place[0]), 7), round(float(place[1]), 7))
        notes = findings.assumed_home(*home)
    if len(home) == 3:
        return home, notes
    altitude = float(site.terrain.elevation_m(home[0], home[1])[0])
    if np.isnan(altitude):
        raise TerrainMissing("the ground at the take-off point is not known: give terrain that covers it")
    return (home[0], home[1], altitude), notes


def _check_terrain(allowed: Any, ground: GroundHeight) -> None:
    points = shapely.get_coordinates(shapely.segmentize(allowed.exterior, 30.0))
    if np.isnan(ground(points[:, 0], points[:, 1])).any():
        raise TerrainMissing


def look_of(task: Task) -> Seen | None:
    """What lanes see over relief; None where the ground is flat and a shortcut serves."""
    reach = task.request.buffer_m + task.view.far
    grid = sampled_ground(task.ground, task.target.buffer(reach).bounds)
    heights = grid(*shapely.get_coordinates(shapely.segmentize(task.target, 20.0)).T)
    if np.nanmax(heights) - np.nanmin(heights) < FLAT_RELIEF_M:
        return None

    def look(starts: Array, ends: Array) -> Any:
        tracks = []
        for start, end in zip(starts, ends, strict=True):
            points = airspace.sample(np.stack([start, end]), proof.LOOK_STEP_M)
            height = grid(points[:, 0], points[:, 1]) + task.flight.altitude_agl_m
            tracks.append(np.column_stack([points, height]))
        return np.array(seen_over_relief(task.unit_view, tracks, grid), object)

    return look


def _sortie(path: SortiePath, task: Task) -> Sortie:
    """A sortie with its cost; waypoints are rounded to about a millimetre."""
    flight, home = task.flight, task.home[2]
    heights = path.positions[:, 2]
    cost, worst = (
        way.along(path.positions) + way.up_and_down(heights[0] - home, heights[-1] - home)
        for way in (flight, flight.in_reserve_wind())
    )
    places = task.frame.to_geodetic(path.positions)
    waypoints = [
        Waypoint(
            role=role, latitude=round(float(lat), 8), longitude=round(float(lon), 8), lane=lane,
            altitude_above_home_m=round(float(height) - home, 2), altitude_amsl_m=round(float(height), 2),
            altitude_agl_m=flight.altitude_agl_m, speed_m_s=flight.speed_m_s,
        )
        for (lat, lon, _), height, role, lane in zip(places, heights, path.roles, path.lanes, strict=True)
    ]  # fmt: skip
    return Sortie(
        waypoints=waypoints, length_m=round(cost.length_m, 1), seconds=round(cost.seconds, 1),
        energy_wh=round(cost.energy_wh, 2),
        reserve_fraction=round(1 - worst.energy_wh / flight.aircraft.capacity_wh, 4),
    )  # fmt: skip


def _trigger_m(task: Task) -> float | None:
    """Metres between two photos; None where video is taken."""
    overlap = task.request.photo_overlap
    return None if overlap is None else round(max(LEAST_TRIGGER_M, task.view.depth_m * (1 - overlap)), 2)


def _finish(task: Task, sorties: list[Sortie]) -> PatrolPlan:
    """Figures and findings, measured on the waypoints as written."""
    request, frame = task.request, task.frame
    allowed = shapes.rings_of(shapes.to_degrees(task.room.allowed, frame))
    seen = proof.seen_ground(sorties, frame, task.unit_view, task.ground)
    missing = proof.unseen(task.target, seen)
    fraction = sum(part.area for part in missing) / task.target.area
    outside = proof.outside_m(sorties, frame, shapes.from_rings(allowed))
    tracks = [proof.track(sortie, frame) for sortie in sorties]
    length = sum(sortie.length_m for sortie in sorties)
    bound = coverage.lower_bound_m(task.target.area, task.view.swath_m)
    notes = [
        *task.notes,
        *findings.speed(task.wished_speed_m_s, task.flight.speed_m_s),
        *findings.unseen(frame, missing, fraction, bool(sorties)),
        *findings.outside(outside),
        *findings.air(frame, tracks, task.ground, request.ceiling_m, request.range_m, task.start, task.site),
        *findings.batteries(sorties, request.reserve_fraction),
        *findings.fleet(sorties),
    ]
    names = [task.site.grid.cell(code).name for code in task.cells]
    return PatrolPlan(
        name=request.name or " + ".join(names[:3]) + (" ..." if len(names) > 3 else ""),
        cells=task.cells, home=task.home, camera=task.camera,
        area=shapes.rings_of(shapes.to_degrees(task.target, frame)), allowed=allowed,
        no_fly=shapes.rings_of(shapes.to_degrees(task.room.forbidden, frame)),
        altitude_agl_m=task.flight.altitude_agl_m, speed_m_s=task.flight.speed_m_s,
        swath_m=round(task.view.swath_m, 2), lane_spacing_m=round(task.sweep.spacing_m, 2),
        overlap=request.overlap, trigger_m=_trigger_m(task), sorties=sorties,
        area_m2=round(task.target.area, 1),
        uncovered_fraction=round(fraction, 6), outside_m=round(outside, 3), length_m=round(length, 1),
        lower_bound_m=round(bound, 1), ratio=round(length / bound, 4) if bound > 0 else 0.0,
        seconds=round(sum(sortie.seconds for sortie in sorties), 1),
        energy_wh=round(sum(sortie.energy_wh for sortie in sorties), 2),
        reserve_fraction=min((sortie.reserve_fraction for sortie in sorties), default=1.0), findings=notes,
    )  # fmt: skip
