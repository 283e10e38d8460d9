"""A plan as MAVLink mission, fence and rally items, for plan files and for the upload to an aircraft."""

from __future__ import annotations

import math
from dataclasses import dataclass

from missions.fences import fence_of
from missions.plan import PatrolPlan, Waypoint, WaypointRole

NAV_WAYPOINT = 16
NAV_RETURN_TO_LAUNCH = 20
NAV_TAKEOFF = 22
DO_CHANGE_SPEED = 178
DO_MOUNT_CONTROL = 205
DO_SET_CAM_TRIGG_DIST = 206
FENCE_INCLUSION_VERTEX = 5001
FENCE_EXCLUSION_VERTEX = 5002
RALLY_POINT = 5100

FRAME_GLOBAL = 0
FRAME_MISSION = 2
FRAME_RELATIVE = 3

SAME_PLACE_DEG = 1e-6
"""About a decimetre."""
GROUND_SPEED = 1.0
KEEP_THROTTLE = -1.0
MOUNT_MODE_TARGETING = 2.0
HEADING_FREE = math.nan
"""Parameter 4 of take-off and waypoints: NaN lets the autopilot face the way it flies (0 would mean north on
PX4). ArduPilot accepts NaN there and reads it back as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionItem:
    """One item: ``x`` latitude, ``y`` longitude (degrees), ``z`` metres where the command has a place."""

    command: int
    frame: int
    param1: float = 0.0
    param2: float = 0.0
    param3: float = 0.0
    param4: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    autocontinue: bool = True


def mission_items(plan: PatrolPlan, sortie: int = 0) -> list[MissionItem]:
    """One sortie without a home item: take-off, speed, gimbal pitch, waypoints, return to launch.

    Where photos are wanted, the camera is triggered by distance on lanes.

    The last waypoint stands above home, so that the return only descends there and crosses no other ground.

    Raises:
        IndexError: the plan has no such sortie.
    """
    if not 0 <= sortie < len(plan.sorties):
        raise IndexError(f"the plan has {len(plan.sorties)} sorties, there is no number {sortie}")
    waypoints = plan.sorties[sortie].waypoints
    height = waypoints[0].altitude_above_home_m if waypoints else plan.altitude_agl_m
    speed = waypoints[0].speed_m_s if waypoints else plan.speed_m_s
    items = [
        MissionItem(
            command=NAV_TAKEOFF, frame=FRAME_RELATIVE, param4=HEADING_FREE,
            x=plan.home[0], y=plan.home[1], z=height,
        ),
        _speed(speed),
        MissionItem(
            command=DO_MOUNT_CONTROL, frame=FRAME_MISSION,
            param1=plan.camera.pitch_deg, z=MOUNT_MODE_TARGETING,
        ),
    ]  # fmt: skip
    triggered = False
    for waypoint, following in zip(waypoints, [*waypoints[1:], None], strict=True):
        if waypoint.role is WaypointRole.TAKEOFF:
            continue
        if waypoint.speed_m_s != speed:
            speed = waypoint.speed_m_s
            items.append(_speed(speed))
        items.append(
            MissionItem(
                command=NAV_WAYPOINT, frame=FRAME_RELATIVE, param4=HEADING_FREE,
                x=waypoint.latitude, y=waypoint.longitude, z=waypoint.altitude_above_home_m,
            )
        )  # fmt: skip
        wanted = _takes_photos(waypoint, following, triggered)
        if plan.trigger_m is not None and wanted is not triggered:
            triggered = wanted
            items.append(_trigger(plan.trigger_m if triggered else 0.0))
    items.append(MissionItem(command=NAV_RETURN_TO_LAUNCH, frame=FRAME_MISSION))
    return items


def fence_items(plan: PatrolPlan) -> list[MissionItem]:
    """The allowed area as an inclusion polygon, its holes as exclusion polygons; no closing vertices."""
    items: list[MissionItem] = []
    for index, ring in enumerate(fence_of(plan).rings):
        corners = ring[:-1]
        command = FENCE_INCLUSION_VERTEX if index == 0 else FENCE_EXCLUSION_VERTEX
        items += [
            MissionItem(
                command=command, frame=FRAME_GLOBAL, param1=float(len(corners)), x=latitude, y=longitude
            )
            for longitude, latitude in corners
        ]
    return items


def rally_items(plan: PatrolPlan, *, on_the_ground: bool = False) -> list[MissionItem]:
    """Home as the one rally point.

    Its height is what the autopilot takes it for: the one of the way back (ArduPilot), or that of the ground
    (PX4, which adds its own return height).
    """
    return [
        MissionItem(
            command=RALLY_POINT, frame=FRAME_RELATIVE, x=plan.home[0], y=plan.home[1],
            z=0.0 if on_the_ground else return_height_m(plan),
        )
    ]  # fmt: skip


def return_height_m(plan: PatrolPlan) -> float:
    """Above home: that of the highest waypoint, so that the way back is clear.

    In whole metres, upwards: ArduPilot keeps no others for rally points.
    """
    heights = [point.altitude_above_home_m for sortie in plan.sorties for point in sortie.waypoints]
    return float(math.ceil(max(heights, default=plan.altitude_agl_m)))


def _takes_photos(waypoint: Waypoint, following: Waypoint | None, now: bool) -> bool:
    """Whether photos are taken behind a waypoint: on lanes, also where one begins as the last one ends."""
    if waypoint.role is WaypointRole.LANE_START:
        return True
    if waypoint.role is not WaypointRole.LANE_END:
        return now and waypoint.lane is not None
    places = [(p.latitude, p.longitude) for p in (waypoint, following) if p is not None]
    return (
        following is not None
        and following.role is WaypointRole.LANE_START
        and max(abs(a - b) for a, b in zip(*places, strict=True)) < SAME_PLACE_DEG
    )


def _trigger(distance_m: float) -> MissionItem:
    """A photo now and after every so many metres; 0 ends it."""
    return MissionItem(
        command=DO_SET_CAM_TRIGG_DIST, frame=FRAME_MISSION, param1=distance_m,
        param3=float(distance_m > 0),
    )  # fmt: skip


def _speed(speed_m_s: float) -> MissionItem:
    return MissionItem(
        command=DO_CHANGE_SPEED, frame=FRAME_MISSION,
        param1=GROUND_SPEED, param2=speed_m_s, param3=KEEP_THROTTLE,
    )  # fmt: skip
