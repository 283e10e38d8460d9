"""A plan that goes on where a sortie stopped.

The lane in which it stopped is flown again from its start, and the one before it, so that pictures join.
Every sortie of the new plan begins at home with its own speed and gimbal commands, as any sortie does:
nothing of the aircraft's state is taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import shapely

from missions.cameras import CameraEntry
from missions.errors import PlanImpossible
from missions.footprints import swept
from missions.geodesy import Array, LocalFrame
from missions.plan import PatrolPlan, WaypointRole
from missions.planner import PlanRequest, Task, look_of, plan_lanes, prepare
from missions.proof import track
from missions.site import Site

OVERLAP_LANES = 1


def request_of(plan: PatrolPlan, request: PlanRequest) -> PlanRequest:
    """A request with the cells, camera, height and speed of a plan; batteries, wind and aircraft stay."""
    return request.model_copy(update={
        "name": request.name or f"{plan.name} (continued)", "cells": plan.cells, "camera": plan.camera.name,
        "pitch_deg": plan.camera.pitch_deg, "altitude_agl_m": plan.altitude_agl_m,
        "speed_m_s": plan.speed_m_s, "overlap": plan.overlap, "home": request.home or plan.home,
    })  # fmt: skip


def continue_patrol(
    plan: PatrolPlan, request: PlanRequest, site: Site, cameras: Mapping[str, CameraEntry], sortie: int,
    waypoint: int, overlap_lanes: int = OVERLAP_LANES,
) -> PatrolPlan:  # fmt: skip
    """The rest of a plan whose sortie stopped on its way to a waypoint.

    Args:
        sortie: number of the sortie that stopped, from 0; later ones are flown too.
        waypoint: number of the waypoint in it that was not reached any more, from 0.
        overlap_lanes: lanes before the one in which it stopped that are flown again.

    Raises:
        PlanImpossible: there is no such sortie or waypoint, nothing is left to fly, or no plan can be made.
    """
    if not 0 <= sortie < len(plan.sorties):
        raise PlanImpossible(f"the plan has {len(plan.sorties)} sorties, there is no number {sortie}")
    count = len(plan.sorties[sortie].waypoints)
    if not 0 <= waypoint < count:
        raise PlanImpossible(f"the sortie has {count} waypoints, there is no number {waypoint}")
    task = prepare(request_of(plan, request), site, cameras)
    lanes = lanes_left(plan, task.frame, sortie, waypoint, overlap_lanes)
    if not len(lanes):
        raise PlanImpossible("all lanes of the plan had been flown: nothing is left to continue")
    return plan_lanes(_over(task, lanes), lanes)


def lanes_left(plan: PatrolPlan, frame: LocalFrame, sortie: int, waypoint: int, overlap_lanes: int) -> Array:
    """Lanes (N, 2, 2) in metres still to fly, those flown again first."""
    lanes: list[Array] = []
    begun = 0
    for number, flight in enumerate(plan.sorties):
        path, start = track(flight, frame)[:, :2], None
        for index, point in enumerate(flight.waypoints):
            if point.role is WaypointRole.LANE_START:
                start = path[index]
            elif point.role is WaypointRole.LANE_END and start is not None:
                lanes.append(np.stack([start, path[index]]))
                begun += (number, index) < (sortie, waypoint)
    if begun == len(lanes):
        return np.empty((0, 2, 2))
    return np.array(lanes[max(0, begun - overlap_lanes) :])


def _over(task: Task, lanes: Array) -> Task:
    """The task with only the ground that these lanes show."""
    look = look_of(task)
    seen = look(lanes[:, 0], lanes[:, 1]) if look else swept(task.view, lanes[:, 0], lanes[:, 1])
    return replace(task, target=shapely.intersection(task.target, shapely.union_all(seen)))
