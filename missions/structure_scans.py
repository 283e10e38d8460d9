"""Structure scans of QGroundControl as plain items: rings around a building, one for each layer.

The file holds the outline, the distance to be kept and the layers; the items are made when it is flown. The
camera looks at the structure: to the right of the way, at the pitch of the file.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import shapely

from missions import mission_items as mi
from missions.errors import PlanFileInvalid
from missions.geodesy import LocalFrame
from missions.mission_items import MissionItem

VERSIONS = (2, 3)
DO_SET_ROI_WPNEXT_OFFSET = 196
DO_SET_ROI_NONE = 197
MOST_LAYERS = 100
RIGHT_DEG = 90.0


def structure_scan(entry: dict[str, Any], where: str) -> list[MissionItem]:
    """The items of one scan: in at the entrance height, a ring for each layer, out again.

    Raises:
        PlanFileInvalid: a member is missing or makes no sense; the message names it.
    """
    if (version := entry.get("version")) not in VERSIONS:
        raise PlanFileInvalid(
            f"{where} is a structure scan of version {version!r}, which cannot be read: save it anew"
        )
    camera = entry.get("CameraCalc")
    camera = camera if isinstance(camera, dict) else {}
    away_m = _number(camera, "DistanceToSurface", where, 0.0, 1000.0)
    ring = _ring(entry.get("polygon"), away_m, where)
    heights = _heights(entry, _number(camera, "AdjustedFootprintFrontal", where, 0.01, 1000.0), where)
    entrance_m = _number(entry, "EntranceAltitude", where, 0.0, 1000.0, heights[0])
    pitch = _number(entry, "GimbalPitch", where, -90.0, 90.0)
    photos_m = _number(camera, "AdjustedFootprintSide", where, 0.0, 1000.0, 0.0)
    items = [_waypoint(ring[0], entrance_m), _gimbal(pitch)]
    for height in heights:
        items += [_waypoint(ring[0], height), _trigger(photos_m)]
        items += [_waypoint(corner, height) for corner in [*ring[1:], ring[0]]]
        items.append(_trigger(0.0))
    items += [MissionItem(command=DO_SET_ROI_NONE, frame=mi.FRAME_MISSION), _waypoint(ring[0], entrance_m)]
    return items


def _heights(entry: dict[str, Any], step_m: float, where: str) -> list[float]:
    """Of the layers, in flying order, above home."""
    count = int(_number(entry, "Layers", where, 1, MOST_LAYERS))
    bottom = _number(
        entry, "ScanBottomAlt", where, 0.0, 1000.0, _number(entry, "Altitude", where, 0, 1000, 0.0)
    )
    if entry.get("StartFromTop") is True:
        top = _number(entry, "StructureHeight", where, 0.0, 1000.0)
        heights = [top - step_m * layer for layer in range(count)]
    else:
        heights = [bottom + step_m * layer for layer in range(count)]
    if min(heights) <= 0:
        raise PlanFileInvalid(f"{where} has a layer at or below the height of home: give fewer layers")
    return heights


def _ring(polygon: Any, away_m: float, where: str) -> list[tuple[float, float]]:
    """Corners (latitude, longitude) of the way around the outline, clockwise as seen from above."""
    corners = polygon if isinstance(polygon, list) else []
    places = [tuple(corner[:2]) for corner in corners if isinstance(corner, list) and len(corner) >= 2]
    if len(places) < 3 or len(places) != len(corners) or not all(_on_earth(place) for place in places):
        raise PlanFileInvalid(f"{where} has no outline of three or more places: open and save it again")
    frame = LocalFrame(*places[0])
    outline = shapely.Polygon(frame.to_enu(*zip(*places, strict=True))[:, :2])
    around = outline.buffer(away_m, join_style="mitre", mitre_limit=5.0)
    if around.is_empty or around.geom_type != "Polygon":
        raise PlanFileInvalid(f"{where} has an outline that crosses itself: draw it again")
    ring = shapely.get_coordinates(shapely.orient_polygons(around, exterior_cw=True).exterior)[:-1]
    return [(float(lat), float(lon)) for lat, lon, _ in frame.to_geodetic(ring)]


def _on_earth(place: tuple[Any, ...]) -> bool:
    latitude, longitude = place
    return _is_number(latitude) and _is_number(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(
    members: dict[str, Any], name: str, where: str, low: float, high: float, otherwise: float | None = None
) -> float:
    value = members.get(name, otherwise)
    if not _is_number(value) or not low <= value <= high:
        raise PlanFileInvalid(f"{where} has {value!r} as {name}: {low:g} to {high:g} can be flown")
    return float(value)


def _waypoint(place: tuple[float, float], height_m: float) -> MissionItem:
    return MissionItem(
        command=mi.NAV_WAYPOINT, frame=mi.FRAME_RELATIVE, param4=math.nan, x=place[0], y=place[1], z=height_m
    )


def _gimbal(pitch_deg: float) -> MissionItem:
    """The camera beside the way; pitch, roll and yaw stand where others have a place."""
    return MissionItem(command=DO_SET_ROI_WPNEXT_OFFSET, frame=mi.FRAME_MISSION, x=pitch_deg, z=RIGHT_DEG)


def _trigger(distance_m: float) -> MissionItem:
    return MissionItem(
        command=mi.DO_SET_CAM_TRIGG_DIST, frame=mi.FRAME_MISSION, param1=distance_m,
        param3=float(distance_m > 0),
    )  # fmt: skip
