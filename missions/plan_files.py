"""Plans as files: Skybeat's own .json, QGroundControl .plan, WPL 110 .waypoints, DJI .kmz; GeoJSON, KML, PNG.

Formats: https://docs.qgroundcontrol.com/master/en/qgc-dev-user-guide/file_formats/plan.html and
https://mavlink.io/en/file_formats/#mission_plain_text_file.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import shapely
from pydantic import ValidationError

from missions import mission_items as mi
from missions.errors import FormatUnknown, PlanFileInvalid
from missions.fences import fence_of
from missions.geodesy import LocalFrame
from missions.mission_items import MissionItem
from missions.mission_reading import PLACED, WPL_HEADER, MissionFile, read_mission, read_text
from missions.plan import PatrolPlan
from missions.proof import left_out
from missions.shapes import parts_of, rings_of, to_degrees
from missions.wayline_files import plan_kml, wayline_kmz

__all__ = [
    "MissionFile", "check_writable", "qgc_plan", "read_mission", "read_plan", "wpl_110", "write_plan",
]  # fmt: skip

WRITABLE = (".json", ".plan", ".waypoints", ".kmz", ".kml", ".geojson", ".png")
PROOF = (
    "area_m2", "uncovered_fraction", "outside_m", "length_m", "lower_bound_m", "ratio", "seconds",
    "energy_wh", "reserve_fraction",
)  # fmt: skip
"""What a plan promises."""
ARDUPILOT = 3
MULTIROTOR = 2


def check_writable(path: Path) -> None:
    """Refuse a file name whose format cannot be written.

    Raises:
        FormatUnknown: naming the formats that can.
    """
    if path.suffix.lower() not in WRITABLE:
        raise FormatUnknown(
            f"{path.name}: the format {path.suffix or '(none)'} cannot be written; "
            f"choose {', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}"
        )


def write_plan(plan: PatrolPlan, path: Path | str) -> list[Path]:
    """Write a plan in the format of the suffix.

    A .plan, .waypoints or .kmz file holds one flight: a plan of several sorties becomes ``name-1.plan``,
    ``name-2.plan`` and so on.

    Returns:
        The files written.

    Raises:
        FormatUnknown: the suffix is none of ``WRITABLE``.
        PlanFileInvalid: the plan has no sortie to write, or the file cannot be written.
    """
    target = Path(path)
    check_writable(target)
    suffix = target.suffix.lower()
    if suffix == ".json":
        return [_write(target, plan.model_dump_json(indent=1))]
    if suffix in (".geojson", ".kml"):
        return [_write(target, plan_kml(plan) if suffix == ".kml" else _json(_geojson(plan)))]
    if suffix == ".png":
        # Pillow is loaded by those who draw only
        from missions.drawing import plan_png

        return [_write(target, plan_png(plan))]
    if not plan.sorties:
        raise PlanFileInvalid(f"{target.name} cannot be written: the plan has no sortie")
    several = len(plan.sorties) > 1
    written = []
    for sortie in range(len(plan.sorties)):
        name = target.with_stem(f"{target.stem}-{sortie + 1}") if several else target
        written.append(_write(name, _flight(plan, sortie, suffix)))
    return written


def _flight(plan: PatrolPlan, sortie: int, suffix: str) -> str | bytes:
    if suffix == ".kmz":
        return wayline_kmz(plan, sortie)
    return _json(qgc_plan(plan, sortie)) if suffix == ".plan" else wpl_110(plan, sortie)


def read_plan(path: Path | str) -> PatrolPlan:
    """Read a plan that ``write_plan`` wrote as .json.

    Raises:
        FormatUnknown: another suffix.
        PlanFileInvalid: the file is missing or no plan; the message names the first problem.
    """
    source = Path(path)
    if source.suffix.lower() != ".json":
        raise FormatUnknown(f"{source.name} is no Skybeat plan: give the .json that skybeat plan wrote")
    try:
        return PatrolPlan.model_validate_json(read_text(source))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PlanFileInvalid(f"{source} is no Skybeat plan: {where}: {first['msg']}; plan again") from error


def qgc_plan(plan: PatrolPlan, sortie: int = 0) -> dict[str, Any]:
    """One sortie as a QGroundControl plan: mission, fence and rally point."""
    items = mi.mission_items(plan, sortie)
    return {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "Skybeat",
        "mission": {
            "version": 2,
            "firmwareType": ARDUPILOT,
            "vehicleType": MULTIROTOR,
            "globalPlanAltitudeMode": 1,
            "cruiseSpeed": plan.speed_m_s,
            "hoverSpeed": plan.speed_m_s,
            "plannedHomePosition": list(plan.home),
            "items": [_simple_item(item, number) for number, item in enumerate(items, 1)],
        },
        "geoFence": {"version": 2, "circles": [], "polygons": _fence_polygons(plan)},
        "rallyPoints": {"version": 2, "points": [[item.x, item.y, item.z] for item in mi.rally_items(plan)]},
    }


def wpl_110(plan: PatrolPlan, sortie: int = 0) -> str:
    """One sortie as WPL 110 with home as item 0, as ArduPilot counts."""
    home = MissionItem(
        command=mi.NAV_WAYPOINT, frame=mi.FRAME_GLOBAL, x=plan.home[0], y=plan.home[1], z=plan.home[2]
    )
    lines = [WPL_HEADER]
    for number, item in enumerate([home, *mi.mission_items(plan, sortie)]):
        numbers = [item.param1, item.param2, item.param3, 0.0 if math.isnan(item.param4) else item.param4]
        fields = [str(number), str(int(number == 0)), str(item.frame), str(item.command)]
        fields += [f"{value:.6f}" for value in numbers]
        fields += [f"{item.x:.8f}", f"{item.y:.8f}", f"{item.z:.6f}", str(int(item.autocontinue))]
        lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"


def _simple_item(item: MissionItem, number: int) -> dict[str, Any]:
    values = [item.param1, item.param2, item.param3, item.param4, item.x, item.y, item.z]
    entry: dict[str, Any] = {
        "type": "SimpleItem",
        "autoContinue": item.autocontinue,
        "command": item.command,
        "doJumpId": number,
        "frame": item.frame,
        "params": [None if math.isnan(value) else value for value in values],
    }
    if item.command in PLACED:
        entry |= {"Altitude": item.z, "AltitudeMode": 1, "AMSLAltAboveTerrain": None}
    return entry


def _fence_polygons(plan: PatrolPlan) -> list[dict[str, Any]]:
    return [
        {
            "version": 1,
            "inclusion": index == 0,
            "polygon": [[latitude, longitude] for longitude, latitude in ring[:-1]],
        }
        for index, ring in enumerate(fence_of(plan).rings)
    ]


def _geojson(plan: PatrolPlan) -> dict[str, Any]:
    """Area, allowed area, no-fly zones, ground left out, findings, and each sortie's way with heights above
    sea level; the figures of the proof as a member of the collection."""

    def feature(kind: str, geometry: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"type": "Feature", "properties": {"kind": kind, **more}, "geometry": geometry}

    areas = [("area", plan.area), ("allowed", plan.allowed), ("no_fly", plan.no_fly)]
    features = [
        feature(kind, {"type": "MultiPolygon", "coordinates": rings}) for kind, rings in areas if rings
    ]
    features.append(
        feature("home", {"type": "Point", "coordinates": [plan.home[1], plan.home[0], plan.home[2]]})
    )
    for number, sortie in enumerate(plan.sorties, 1):
        way = [[p.longitude, p.latitude, p.altitude_amsl_m] for p in sortie.waypoints]
        features.append(
            feature(
                "sortie", {"type": "LineString", "coordinates": way}, number=number, aircraft=sortie.aircraft,
                length_m=sortie.length_m, seconds=sortie.seconds, energy_wh=sortie.energy_wh,
                roles=[point.role.value for point in sortie.waypoints],
            )
        )  # fmt: skip
    frame = LocalFrame(*plan.home)
    missing = parts_of(left_out(plan, frame))
    if missing:
        rings = rings_of(to_degrees(shapely.union_all(missing), frame))
        features.append(feature("left_out", {"type": "MultiPolygon", "coordinates": rings}))
    features += [
        feature(
            "finding", {"type": "Point", "coordinates": [finding.longitude, finding.latitude]},
            **finding.model_dump(include={"code", "severity", "text", "remedy"}),
        )
        for finding in plan.findings
        if finding.latitude is not None
    ]  # fmt: skip
    proof = {name: getattr(plan, name) for name in PROOF}
    return {"type": "FeatureCollection", "name": plan.name, "proof": proof, "features": features}


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _write(path: Path, content: str | bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise PlanFileInvalid(f"{path} cannot be written: {error.strerror or error}") from error
    return path
