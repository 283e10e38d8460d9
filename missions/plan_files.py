"""Plans as files: Skybeat's own .json, QGroundControl .plan, WPL 110 .waypoints, and GeoJSON to look at.

Formats: https://docs.qgroundcontrol.com/master/en/qgc-dev-user-guide/file_formats/plan.html and
https://mavlink.io/en/file_formats/#mission_plain_text_file.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from missions import mission_items as mi
from missions.errors import FormatUnknown, PlanFileInvalid
from missions.mission_items import MissionItem
from missions.plan import PatrolPlan

WPL_HEADER = "QGC WPL 110"
WRITABLE = (".json", ".plan", ".waypoints", ".geojson")
READABLE_MISSIONS = (".plan", ".waypoints", ".txt")
ARDUPILOT = 3
MULTIROTOR = 2
SURVEY_VERSIONS = (4, 5, 6)
PLACED = frozenset({16, 17, 18, 19, 21, 22, 31, 82, 84, 85})
"""NAV commands whose x, y, z are a place."""


@dataclass(frozen=True, slots=True)
class MissionFile:
    """What a file for an autopilot holds; ``home`` is latitude, longitude, altitude above sea level."""

    items: list[MissionItem]
    home: tuple[float, float, float] | None = None
    fence: list[MissionItem] = field(default_factory=list)
    rally: list[MissionItem] = field(default_factory=list)


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

    A .plan or .waypoints file holds one flight: a plan of several sorties becomes ``name-1.plan``,
    ``name-2.plan`` and so on.

    Returns:
        The files written.

    Raises:
        FormatUnknown: the suffix is none of .json, .plan, .waypoints, .geojson.
        PlanFileInvalid: the plan has no sortie to write, or the file cannot be written.
    """
    target = Path(path)
    check_writable(target)
    suffix = target.suffix.lower()
    if suffix in (".json", ".geojson"):
        text = plan.model_dump_json(indent=1) if suffix == ".json" else _json(_geojson(plan))
        return [_write(target, text)]
    if not plan.sorties:
        raise PlanFileInvalid(f"{target.name} cannot be written: the plan has no sortie")
    several = len(plan.sorties) > 1
    written = []
    for sortie in range(len(plan.sorties)):
        name = target.with_stem(f"{target.stem}-{sortie + 1}") if several else target
        text = _json(qgc_plan(plan, sortie)) if suffix == ".plan" else wpl_110(plan, sortie)
        written.append(_write(name, text))
    return written


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
        return PatrolPlan.model_validate_json(_read(source))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PlanFileInvalid(f"{source} is no Skybeat plan: {where}: {first['msg']}; plan again") from error


def read_mission(path: Path | str) -> MissionFile:
    """Read a mission for an autopilot: .plan, or .waypoints / .txt in WPL 110.

    Raises:
        FormatUnknown: another suffix.
        PlanFileInvalid: the file is broken or holds what cannot be flown; the message says what and where.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix not in READABLE_MISSIONS:
        raise FormatUnknown(f"{source.name}: give a mission as {', '.join(READABLE_MISSIONS)}")
    text = _read(source)
    return _read_qgc(source, text) if suffix == ".plan" else _read_wpl(source, text)


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
        for rings in plan.allowed
        for index, ring in enumerate(rings)
    ]


def _geojson(plan: PatrolPlan) -> dict[str, Any]:
    """Area, allowed area, no-fly zones, and each sortie's way with heights above sea level."""

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
    return {"type": "FeatureCollection", "name": plan.name, "features": features}


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PlanFileInvalid(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise PlanFileInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PlanFileInvalid(f"{path} is no text file: export the plan again") from error


def _read_qgc(path: Path, text: str) -> MissionFile:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PlanFileInvalid(f"{path} is no JSON: {error}; export it again") from error
    if not isinstance(document, dict) or document.get("fileType") != "Plan":
        raise PlanFileInvalid(f"{path} is no QGroundControl plan: its fileType must be Plan")
    if document.get("version") != 1:
        raise PlanFileInvalid(
            f"{path} is a plan of version {document.get('version')!r}; version 1 can be read"
        )
    mission = document.get("mission")
    if not isinstance(mission, dict) or not isinstance(mission.get("items"), list):
        raise PlanFileInvalid(f"{path} holds no mission: plan one and save it again")
    if mission.get("version") != 2:
        raise PlanFileInvalid(f"{path}: mission version {mission.get('version')!r}; version 2 can be read")
    items: list[MissionItem] = []
    for number, entry in enumerate(mission["items"], 1):
        items += _qgc_items(entry, f"{path}: item {number}")
    return MissionFile(
        items, _qgc_home(path, mission), _qgc_fence(path, document), _qgc_rally(path, document)
    )


def _qgc_items(entry: Any, where: str) -> list[MissionItem]:
    if not isinstance(entry, dict):
        raise PlanFileInvalid(f"{where} is no object; export the plan again")
    kind = entry.get("type")
    if kind == "ComplexItem":
        return _complex_items(entry, where)
    values = entry.get("params")
    if kind != "SimpleItem" or not isinstance(values, list) or len(values) != 7:
        raise PlanFileInvalid(f"{where} is no SimpleItem with seven params; export the plan again")
    numbers = [math.nan if value is None else value for value in values]
    command, frame = entry.get("command"), entry.get("frame")
    if command is None or frame is None or not all(_is_number(value) for value in [*numbers, command, frame]):
        raise PlanFileInvalid(
            f"{where} has a command, frame or param that is no number; export the plan again"
        )
    return [_item(int(command), int(frame), numbers, bool(entry.get("autoContinue", True)), where)]


def _complex_items(entry: dict[str, Any], where: str) -> list[MissionItem]:
    """The simple items that QGroundControl stores with a survey."""
    kind, version = entry.get("complexItemType"), entry.get("version")
    if kind not in ("survey", "CorridorScan"):
        raise PlanFileInvalid(f"{where} is a {kind}, which cannot be read: convert it to waypoints")
    if kind == "survey" and version not in SURVEY_VERSIONS:
        raise PlanFileInvalid(
            f"{where} is a survey of version {version!r}, which cannot be read: save it anew"
        )
    style = entry.get("TransectStyleComplexItem")
    inner = style.get("Items") if isinstance(style, dict) else None
    if not isinstance(inner, list) or not inner:
        raise PlanFileInvalid(f"{where} is a survey without its flight items: open and save it again")
    return [item for number, part in enumerate(inner, 1) for item in _qgc_items(part, f"{where}.{number}")]


def _qgc_home(path: Path, mission: dict[str, Any]) -> tuple[float, float, float] | None:
    home = mission.get("plannedHomePosition")
    if home is None:
        return None
    if not isinstance(home, list) or len(home) < 2 or not all(_is_number(value) for value in home):
        raise PlanFileInvalid(f"{path}: plannedHomePosition must be latitude, longitude, altitude")
    _check_place(home[0], home[1], f"{path}: plannedHomePosition")
    return float(home[0]), float(home[1]), float(home[2]) if len(home) > 2 else 0.0


def _qgc_fence(path: Path, document: dict[str, Any]) -> list[MissionItem]:
    fence = document.get("geoFence")
    polygons = fence.get("polygons", []) if isinstance(fence, dict) else []
    items = []
    for number, polygon in enumerate(polygons, 1):
        corners = polygon.get("polygon") if isinstance(polygon, dict) else None
        if not isinstance(corners, list) or len(corners) < 3:
            raise PlanFileInvalid(f"{path}: fence polygon {number} has fewer than three corners")
        inclusion = bool(polygon.get("inclusion", True))
        command = mi.FENCE_INCLUSION_VERTEX if inclusion else mi.FENCE_EXCLUSION_VERTEX
        for corner in corners:
            values = [float(len(corners)), 0.0, 0.0, 0.0, *_corner(corner, path), 0.0]
            items.append(_item(command, mi.FRAME_GLOBAL, values, True, f"{path}: fence polygon {number}"))
    return items


def _qgc_rally(path: Path, document: dict[str, Any]) -> list[MissionItem]:
    rally = document.get("rallyPoints")
    points = rally.get("points", []) if isinstance(rally, dict) else []
    items = []
    for point in points:
        height = point[2] if isinstance(point, list) and len(point) > 2 and _is_number(point[2]) else 0.0
        values = [0.0, 0.0, 0.0, 0.0, *_corner(point, path), height]
        items.append(_item(mi.RALLY_POINT, mi.FRAME_RELATIVE, values, True, f"{path}: rally point"))
    return items


def _corner(corner: Any, path: Path) -> tuple[float, float]:
    if not isinstance(corner, list) or len(corner) < 2 or not all(_is_number(value) for value in corner[:2]):
        raise PlanFileInvalid(f"{path}: a fence corner or rally point is no latitude and longitude")
    return float(corner[0]), float(corner[1])


def _read_wpl(path: Path, text: str) -> MissionFile:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or lines[0].split() != WPL_HEADER.split():
        raise PlanFileInvalid(f"{path} does not begin with {WPL_HEADER}: export it again")
    items: list[MissionItem] = []
    for number, line in enumerate(lines[1:]):
        where = f"{path}: line {number + 2}"
        words = line.split()
        if len(words) != 12:
            raise PlanFileInvalid(f"{where} has {len(words)} fields instead of 12; export the file again")
        try:
            index, _, frame, command = (int(word) for word in words[:4])
            values = [float(word) for word in words[4:11]]
            autocontinue = bool(int(words[11]))
        except ValueError as error:
            raise PlanFileInvalid(
                f"{where} holds what is no number: {error}; export the file again"
            ) from error
        if index != number:
            raise PlanFileInvalid(
                f"{where} is numbered {index}, {number} was expected; export the file again"
            )
        items.append(_item(command, frame, values, autocontinue, where))
    fence = [item for item in items if 5000 <= item.command < 5100]
    rally = [item for item in items if item.command == mi.RALLY_POINT]
    if fence or rally:
        if len(fence) + len(rally) != len(items):
            raise PlanFileInvalid(
                f"{path} mixes mission, fence and rally items: keep them in files of their own"
            )
        return MissionFile([], None, fence, rally)
    if not items:
        raise PlanFileInvalid(f"{path} holds no item: plan a mission and save it again")
    home = items[0]
    if home.command != mi.NAV_WAYPOINT or home.frame != mi.FRAME_GLOBAL:
        raise PlanFileInvalid(f"{path}: item 0 must be home (command 16, frame 0); export the file again")
    return MissionFile(items[1:], (home.x, home.y, home.z))


def _item(command: int, frame: int, values: list[float], autocontinue: bool, where: str) -> MissionItem:
    """An item whose place, where the command has one, is on Earth and whose height is a number."""
    param1, param2, param3, param4, x, y, z = (float(value) for value in values)
    if command in PLACED or command >= 5000:
        _check_place(x, y, where)
        if not math.isfinite(z):
            raise PlanFileInvalid(f"{where}: the height is no number; export the plan again")
    if any(math.isinf(value) for value in values):
        raise PlanFileInvalid(f"{where}: a value is infinite; export the plan again")
    return MissionItem(
        command=command, frame=frame, param1=param1, param2=param2, param3=param3, param4=param4,
        x=x, y=y, z=z, autocontinue=autocontinue,
    )  # fmt: skip


def _check_place(latitude: float, longitude: float, where: str) -> None:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise PlanFileInvalid(f"{where}: latitude {latitude}, longitude {longitude} is no place on Earth")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
