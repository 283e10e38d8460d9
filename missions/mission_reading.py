"""Missions that others wrote: QGroundControl .plan and WPL 110, with a clear refusal of what is broken."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from missions import mission_items as mi
from missions.errors import FormatUnknown, PlanFileInvalid
from missions.mission_items import MissionItem
from missions.structure_scans import structure_scan
from missions.wayline_files import read_wayline

WPL_HEADER = "QGC WPL 110"
READABLE_MISSIONS = (".plan", ".waypoints", ".txt", ".kmz")
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


def read_mission(path: Path | str) -> MissionFile:
    """Read a mission for an autopilot: .plan, .waypoints / .txt in WPL 110, or a DJI .kmz.

    Raises:
        FormatUnknown: another suffix.
        PlanFileInvalid: the file is broken or holds what cannot be flown; the message says what and where.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix not in READABLE_MISSIONS:
        raise FormatUnknown(f"{source.name}: give a mission as {', '.join(READABLE_MISSIONS)}")
    if suffix == ".kmz":
        return MissionFile(read_wayline(source))
    text = read_text(source)
    return _read_qgc(source, text) if suffix == ".plan" else _read_wpl(source, text)


def read_text(path: Path) -> str:
    """The text of a plan file.

    Raises:
        PlanFileInvalid: it cannot be read or is no text.
    """
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
    """The simple items that QGroundControl stores with a survey, or that a structure scan stands for."""
    kind, version = entry.get("complexItemType"), entry.get("version")
    if kind == "StructureScan":
        return structure_scan(entry, where)
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
