"""DJI waylines: ``.kmz`` with WPML inside (written and read), and ``.kml`` to look at.

Format: DJI Cloud API, "WPML", https://developer.dji.com/doc/cloud-api-tutorial/en/api-reference/dji-wpml/ .
Heights are metres above the take-off point, angles degrees, places WGS-84.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from missions import mission_items as mi
from missions.errors import PlanFileInvalid
from missions.mission_items import MissionItem
from missions.plan import PatrolPlan, Ring, Waypoint, WaypointRole

KML = "http://www.opengis.net/kml/2.2"
WPML = "http://www.dji.com/wpmz/1.0.6"
TEMPLATE, WAYLINES = "wpmz/template.kml", "wpmz/waylines.wpml"
LARGEST_BYTES = 20_000_000
TAKE_OFF_HEIGHT_M = (1.2, 1500.0)
_STAMP = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class DjiAircraft:
    """DJI's numbers for an aircraft and its camera, as waylines carry them."""

    drone: tuple[int, int]
    payload: int


DJI_AIRCRAFT = {
    "M30T": DjiAircraft((67, 1), 53),
    "M3E": DjiAircraft((77, 0), 66),
    "M3T": DjiAircraft((77, 1), 67),
    "M3TD": DjiAircraft((91, 1), 81),
}


def wayline_kmz(plan: PatrolPlan, sortie: int = 0, aircraft: str = "M3T") -> bytes:
    """One sortie as a DJI wayline; the same plan gives the same bytes.

    Raises:
        PlanFileInvalid: there is no such aircraft.
    """
    model = DJI_AIRCRAFT.get(aircraft)
    if model is None:
        raise PlanFileInvalid(f"there is no DJI aircraft {aircraft!r}: choose {', '.join(DJI_AIRCRAFT)}")
    points = [p for p in plan.sorties[sortie].waypoints if p.role is not WaypointRole.TAKEOFF]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            (TEMPLATE, _template(plan, points, model)),
            (WAYLINES, _waylines(plan, sortie, points, model)),
        ):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), text)
    return target.getvalue()


def read_wayline(path: Path) -> list[MissionItem]:
    """The waypoints of a DJI wayline as mission items: take-off at the first one's height, speeds, waypoints.

    Raises:
        PlanFileInvalid: it is no wayline, or its heights do not count from the take-off point.
    """
    root = _parse(_member(path, WAYLINES), f"{path}: {WAYLINES}")
    mode = _text(root, "executeHeightMode")
    if mode != "relativeToStartPoint":
        raise PlanFileInvalid(
            f"{path}: heights are counted as {mode or 'nothing'}; save the wayline with heights relative to "
            "the take-off point"
        )
    items: list[MissionItem] = []
    speed = 0.0
    for number, mark in enumerate(root.iter(f"{{{KML}}}Placemark")):
        where = f"{path}: waypoint {number}"
        longitude, latitude = _coordinates(mark, where)
        height = _number(mark, "executeHeight", where)
        wanted = _number(mark, "waypointSpeed", where)
        if not items:
            items.append(_item(mi.NAV_TAKEOFF, latitude, longitude, height))
        if wanted != speed:
            speed = wanted
            items.append(
                MissionItem(
                    command=mi.DO_CHANGE_SPEED, frame=mi.FRAME_MISSION, param1=mi.GROUND_SPEED, param2=speed,
                    param3=mi.KEEP_THROTTLE,
                )
            )  # fmt: skip
        items.append(_item(mi.NAV_WAYPOINT, latitude, longitude, height))
    if not items:
        raise PlanFileInvalid(f"{path} holds no waypoint: plan a wayline and save it again")
    if _text(root, "finishAction") == "goHome":
        items.append(MissionItem(command=mi.NAV_RETURN_TO_LAUNCH, frame=mi.FRAME_MISSION))
    return items


def plan_kml(plan: PatrolPlan) -> str:
    """Area, allowed area, no-fly zones and each sortie's way above sea level, to look at in a map viewer."""
    marks = [
        f"<Placemark><name>{name}</name>{_polygon(rings)}</Placemark>"
        for name, polygons in (("area", plan.area), ("allowed", plan.allowed), ("no-fly", plan.no_fly))
        for rings in polygons
    ]
    for number, flight in enumerate(plan.sorties, 1):
        way = " ".join(
            f"{p.longitude:.8f},{p.latitude:.8f},{p.altitude_amsl_m:.2f}" for p in flight.waypoints
        )
        marks.append(
            f"<Placemark><name>sortie {number}</name><LineString><altitudeMode>absolute</altitudeMode>"
            f"<coordinates>{way}</coordinates></LineString></Placemark>"
        )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{KML}"><Document>'
        f"<name>{escape(plan.name)}</name>\n" + "\n".join(marks) + "\n</Document></kml>\n"
    )


def kml_polygons(path: Path) -> dict[str, Any]:
    """The polygons of a .kml file as a GeoJSON MultiPolygon.

    Raises:
        PlanFileInvalid: the file is no KML or holds no polygon.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PlanFileInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    root = _parse(data, str(path))
    polygons = []
    for polygon in _all(root, "Polygon"):
        rings = [
            _ring(ring, str(path))
            for part in ("outerBoundaryIs", "innerBoundaryIs")
            for ring in _all(polygon, part)
        ]
        if rings:
            polygons.append(rings)
    if not polygons:
        raise PlanFileInvalid(f"{path} holds no polygon: draw one and save it again")
    return {"type": "MultiPolygon", "coordinates": polygons}


def _ring(boundary: ElementTree.Element, where: str) -> list[list[float]]:
    text = next((e.text or "" for e in _all(boundary, "coordinates")), "")
    try:
        return [[float(v) for v in corner.split(",")[:2]] for corner in text.split()]
    except ValueError as error:
        raise PlanFileInvalid(f"{where}: a corner holds what is no number: save the file again") from error


def _polygon(rings: list[Ring]) -> str:
    parts = [
        f"<{name}><LinearRing><coordinates>"
        + " ".join(f"{x:.8f},{y:.8f}" for x, y in ring)
        + f"</coordinates></LinearRing></{name}>"
        for name, ring in zip(
            ["outerBoundaryIs", *["innerBoundaryIs"] * (len(rings) - 1)], rings, strict=True
        )
    ]
    return f"<Polygon>{''.join(parts)}</Polygon>"


def _item(command: int, latitude: float, longitude: float, height: float) -> MissionItem:
    return MissionItem(
        command=command, frame=mi.FRAME_RELATIVE, param4=mi.HEADING_FREE, x=latitude, y=longitude, z=height
    )


def _config(plan: PatrolPlan, points: list[Waypoint], model: DjiAircraft) -> str:
    low, high = TAKE_OFF_HEIGHT_M
    height = min(high, max(low, points[0].altitude_above_home_m if points else plan.altitude_agl_m))
    return (
        "<wpml:missionConfig><wpml:flyToWaylineMode>safely</wpml:flyToWaylineMode>"
        "<wpml:finishAction>goHome</wpml:finishAction><wpml:exitOnRCLost>executeLostAction</wpml:exitOnRCLost>"
        "<wpml:executeRCLostAction>goBack</wpml:executeRCLostAction>"
        f"<wpml:takeOffSecurityHeight>{height:.1f}</wpml:takeOffSecurityHeight>"
        f"<wpml:globalTransitionalSpeed>{plan.speed_m_s:g}</wpml:globalTransitionalSpeed>"
        f"<wpml:droneInfo><wpml:droneEnumValue>{model.drone[0]}</wpml:droneEnumValue>"
        f"<wpml:droneSubEnumValue>{model.drone[1]}</wpml:droneSubEnumValue></wpml:droneInfo>"
        f"<wpml:payloadInfo><wpml:payloadEnumValue>{model.payload}</wpml:payloadEnumValue>"
        "<wpml:payloadSubEnumValue>0</wpml:payloadSubEnumValue>"
        "<wpml:payloadPositionIndex>0</wpml:payloadPositionIndex></wpml:payloadInfo></wpml:missionConfig>"
    )


def _document(body: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{KML}" xmlns:wpml="{WPML}">'
        f"<Document>{body}</Document></kml>\n"
    )


def _heading(tag: str) -> str:
    return (
        f"<wpml:{tag}><wpml:waypointHeadingMode>followWayline</wpml:waypointHeadingMode>"
        "<wpml:waypointHeadingAngle>0</wpml:waypointHeadingAngle>"
        "<wpml:waypointPoiPoint>0.000000,0.000000,0.000000</wpml:waypointPoiPoint>"
        f"<wpml:waypointHeadingPoiIndex>0</wpml:waypointHeadingPoiIndex></wpml:{tag}>"
    )


_TURN = "toPointAndStopWithDiscontinuityCurvature"


def _template(plan: PatrolPlan, points: list[Waypoint], model: DjiAircraft) -> str:
    marks = "".join(
        f"<Placemark><Point><coordinates>{p.longitude:.8f},{p.latitude:.8f}</coordinates></Point>"
        f"<wpml:index>{index}</wpml:index><wpml:ellipsoidHeight>{p.altitude_above_home_m:.2f}</wpml:ellipsoidHeight>"
        f"<wpml:height>{p.altitude_above_home_m:.2f}</wpml:height><wpml:useGlobalHeight>0</wpml:useGlobalHeight>"
        "<wpml:useGlobalSpeed>1</wpml:useGlobalSpeed><wpml:useGlobalHeadingParam>1</wpml:useGlobalHeadingParam>"
        "<wpml:useGlobalTurnParam>1</wpml:useGlobalTurnParam>"
        f"<wpml:gimbalPitchAngle>{plan.camera.pitch_deg:g}</wpml:gimbalPitchAngle></Placemark>"
        for index, p in enumerate(points)
    )
    return _document(
        _config(plan, points, model)
        + "<Folder><wpml:templateType>waypoint</wpml:templateType><wpml:templateId>0</wpml:templateId>"
        "<wpml:waylineCoordinateSysParam><wpml:coordinateMode>WGS84</wpml:coordinateMode>"
        "<wpml:heightMode>relativeToStartPoint</wpml:heightMode></wpml:waylineCoordinateSysParam>"
        f"<wpml:autoFlightSpeed>{plan.speed_m_s:g}</wpml:autoFlightSpeed>"
        f"<wpml:globalHeight>{plan.altitude_agl_m:g}</wpml:globalHeight><wpml:caliFlightEnable>0</wpml:caliFlightEnable>"
        "<wpml:gimbalPitchMode>usePointSetting</wpml:gimbalPitchMode>"
        + _heading("globalWaypointHeadingParam")
        + f"<wpml:globalWaypointTurnMode>{_TURN}</wpml:globalWaypointTurnMode>"
        "<wpml:globalUseStraightLine>1</wpml:globalUseStraightLine>" + marks + "</Folder>"
    )


def _waylines(plan: PatrolPlan, sortie: int, points: list[Waypoint], model: DjiAircraft) -> str:
    flight = plan.sorties[sortie]
    marks = "".join(
        f"<Placemark><Point><coordinates>{p.longitude:.8f},{p.latitude:.8f}</coordinates></Point>"
        f"<wpml:index>{index}</wpml:index><wpml:executeHeight>{p.altitude_above_home_m:.2f}</wpml:executeHeight>"
        f"<wpml:waypointSpeed>{p.speed_m_s:g}</wpml:waypointSpeed>"
        + _heading("waypointHeadingParam")
        + f"<wpml:waypointTurnParam><wpml:waypointTurnMode>{_TURN}</wpml:waypointTurnMode>"
        "<wpml:waypointTurnDampingDist>0</wpml:waypointTurnDampingDist></wpml:waypointTurnParam>"
        "<wpml:useStraightLine>1</wpml:useStraightLine>"
        + (_gimbal_action(plan.camera.pitch_deg) if index == 0 else "")
        + "</Placemark>"
        for index, p in enumerate(points)
    )
    return _document(
        _config(plan, points, model) + "<Folder><wpml:templateId>0</wpml:templateId>"
        "<wpml:executeHeightMode>relativeToStartPoint</wpml:executeHeightMode><wpml:waylineId>0</wpml:waylineId>"
        f"<wpml:distance>{flight.length_m:.1f}</wpml:distance><wpml:duration>{flight.seconds:.1f}</wpml:duration>"
        f"<wpml:autoFlightSpeed>{plan.speed_m_s:g}</wpml:autoFlightSpeed>" + marks + "</Folder>"
    )


def _gimbal_action(pitch_deg: float) -> str:
    """Turns the gimbal at the first waypoint; it stays so."""
    return (
        "<wpml:actionGroup><wpml:actionGroupId>0</wpml:actionGroupId>"
        "<wpml:actionGroupStartIndex>0</wpml:actionGroupStartIndex>"
        "<wpml:actionGroupEndIndex>0</wpml:actionGroupEndIndex>"
        "<wpml:actionGroupMode>sequence</wpml:actionGroupMode><wpml:actionTrigger>"
        "<wpml:actionTriggerType>reachPoint</wpml:actionTriggerType></wpml:actionTrigger><wpml:action>"
        "<wpml:actionId>0</wpml:actionId><wpml:actionActuatorFunc>gimbalRotate</wpml:actionActuatorFunc>"
        "<wpml:actionActuatorFuncParam><wpml:gimbalRotateMode>absoluteAngle</wpml:gimbalRotateMode>"
        "<wpml:gimbalPitchRotateEnable>1</wpml:gimbalPitchRotateEnable>"
        f"<wpml:gimbalPitchRotateAngle>{pitch_deg:g}</wpml:gimbalPitchRotateAngle>"
        "<wpml:gimbalRollRotateEnable>0</wpml:gimbalRollRotateEnable>"
        "<wpml:gimbalRollRotateAngle>0</wpml:gimbalRollRotateAngle>"
        "<wpml:gimbalYawRotateEnable>0</wpml:gimbalYawRotateEnable>"
        "<wpml:gimbalYawRotateAngle>0</wpml:gimbalYawRotateAngle>"
        "<wpml:gimbalRotateTimeEnable>0</wpml:gimbalRotateTimeEnable>"
        "<wpml:gimbalRotateTime>0</wpml:gimbalRotateTime>"
        "<wpml:payloadPositionIndex>0</wpml:payloadPositionIndex></wpml:actionActuatorFuncParam></wpml:action>"
        "</wpml:actionGroup>"
    )


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(name)
            if entry.file_size > LARGEST_BYTES:
                raise PlanFileInvalid(
                    f"{path}: {name} is larger than {LARGEST_BYTES} bytes; split the wayline"
                )
            return archive.read(entry)
    except OSError as error:
        raise PlanFileInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise PlanFileInvalid(f"{path} is no DJI wayline: {name} is missing; export it again") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise PlanFileInvalid(f"{path} is no .kmz archive: {error}; export it again") from error


def _parse(data: bytes, where: str) -> ElementTree.Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise PlanFileInvalid(f"{where} declares entities, which no wayline needs: export it again")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise PlanFileInvalid(f"{where} is no XML: {error}; export it again") from error


def _all(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Elements of that name in whatever version of the name space."""
    return [element for element in root.iter() if str(element.tag).rpartition("}")[2] == tag]


def _text(root: ElementTree.Element, tag: str) -> str:
    return next(((element.text or "").strip() for element in _all(root, tag)), "")


def _number(mark: ElementTree.Element, tag: str, where: str) -> float:
    try:
        value = float(_text(mark, tag))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise PlanFileInvalid(f"{where} has no number as {tag}: export the wayline again")
    return value


def _coordinates(mark: ElementTree.Element, where: str) -> tuple[float, float]:
    try:
        longitude, latitude = (float(value) for value in _text(mark, "coordinates").split(",")[:2])
    except ValueError as error:
        raise PlanFileInvalid(f"{where} has no place: export the wayline again") from error
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise PlanFileInvalid(f"{where}: latitude {latitude}, longitude {longitude} is no place on Earth")
    return longitude, latitude
