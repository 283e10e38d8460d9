"""Plans for several aircraft from several homes: cells shared, one plan for each home, take-offs timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from missions.cameras import CameraEntry
from missions.energy import Wind
from missions.errors import PlanImpossible
from missions.fleet import FleetTask, share_cells
from missions.footprints import view_of
from missions.geodesy import Array, LocalFrame
from missions.lanes import Sweep, lay_lanes, promising_angles
from missions.motion import path_cost, vertical_cost
from missions.paths import Flight
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, camera_of, flight_for, plan_patrol
from missions.shapes import parts_of, to_plane
from missions.site import Site
from missions.timetable import Home, stagger


def plan_fleet(
    request: PlanRequest, site: Site, cameras: Mapping[str, CameraEntry], homes: Sequence[tuple[float, ...]]
) -> list[PatrolPlan]:
    """One plan for each home that has cells to fly; aircraft stand at the homes in turn.

    Raises:
        PlanImpossible: nothing can be planned; the message says what to change.
    """
    if request.area is not None:
        raise PlanImpossible("several homes share whole cells: name cells instead of drawing an area")
    if not homes:
        raise PlanImpossible("several aircraft need at least one home: give it")
    codes = list(dict.fromkeys(request.cells))
    polygons = [site.grid.cell(code).polygon for code in codes]
    frame = LocalFrame(*homes[0][:2])
    stands = [number % len(homes) for number in range(max(request.aircraft, len(homes)))]
    places = frame.to_enu([home[0] for home in homes], [home[1] for home in homes])[:, :2]
    task = fleet_task(request, cameras, [to_plane(shape, frame) for shape in polygons], places[stands])
    cells: list[list[str]] = [[] for _ in homes]
    busy = [0] * len(homes)
    for stand, route in zip(stands, share_cells(task), strict=True):
        cells[stand] += [codes[cell] for sortie in route for cell in sortie]
        busy[stand] += bool(route)
    plans = [
        plan_patrol(
            request.model_copy(update={"cells": mine, "home": homes[number], "aircraft": busy[number]}),
            site,
            cameras,
        )
        for number, mine in enumerate(cells)
        if mine
    ]
    return _timed(plans, flight_for(request, camera_of(request, cameras)))


def _timed(plans: list[PatrolPlan], flight: Flight) -> list[PatrolPlan]:
    """The plans with take-offs that keep all of them apart."""
    flights: list[tuple[list[Any], Home]] = [(plan.sorties, plan.home) for plan in plans]
    timed = stagger(flights, flight.aircraft)
    return [plan.model_copy(update={"sorties": sorties}) for plan, sorties in zip(plans, timed, strict=True)]


def fleet_task(
    request: PlanRequest, cameras: Mapping[str, CameraEntry], cells: Sequence[Any], homes: Array
) -> FleetTask:
    """What flying each cell takes, before it is planned, in the wind in which the reserve is kept.

    Args:
        cells: polygons in metres.
        homes: (M, 2) metres, where each aircraft stands.
    """
    entry = camera_of(request, cameras)
    flight = flight_for(request, entry).in_reserve_wind()
    view = view_of(entry.plan_camera(request.pitch_deg)).at(flight.altitude_agl_m)
    sweep = Sweep(view, view.swath_m * (1 - request.overlap), flight.speed_m_s * request.look_seconds)
    middles = np.array([[cell.centroid.x, cell.centroid.y] for cell in cells]).reshape(-1, 2)
    cover = np.array([_cover_s(cell, sweep, request.buffer_m, flight) for cell in cells])
    away = np.hypot(*np.moveaxis(homes[:, None] - middles[None], -1, 0)) / flight.speed_m_s
    between = np.hypot(*np.moveaxis(middles[:, None] - middles[None], -1, 0)) / flight.speed_m_s
    height = flight.altitude_agl_m
    up, down = (
        vertical_cost(*ends, flight.wind, flight.aircraft).seconds for ends in ((height, 0.0), (0.0, height))
    )
    power = Wind(flight.wind.speed_m_s).power_w(flight.aircraft, flight.speed_m_s, 0.0)
    hover = Wind(flight.wind.speed_m_s).power_w(flight.aircraft, 0.0, 0.0)
    return FleetTask(
        cover_s=cover, between_s=between, out_s=away + up, back_s=away + down,
        sortie_s=3600 * flight.usable_wh / max(power, hover),
    )  # fmt: skip


def _cover_s(cell: Any, sweep: Sweep, buffer_m: float, flight: Flight) -> float:
    """Seconds of the lanes in the best direction flown to and fro, and to the middle and back."""
    region = cell.buffer(buffer_m, join_style="mitre")
    angles = promising_angles(cell, region, sweep)
    if not angles:
        return 0.0
    lanes = [lane for part in parts_of(cell) for lane in lay_lanes(part, region, angles[0], sweep)]
    ways = [lane.ways[k % 2 if np.isfinite(lane.ways[1]).all() else 0] for k, lane in enumerate(lanes)]
    path = np.vstack(ways)
    level = np.column_stack([path, np.zeros(len(path))])
    return path_cost(level, flight.speed_m_s, flight.wind, flight.aircraft).seconds
