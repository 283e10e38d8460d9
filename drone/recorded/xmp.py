"""What a DJI still says of itself: XMP pairs and EXIF position -> pose."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

from drone.recorded.errors import StillsUnusable
from vision.camera import Pose

DJI = "{http://www.dji.com/drone-dji/1.0/}"
POSITION_SIGMA_M, RTK_SIGMA_M = 2.0, 0.1
HEIGHT_SIGMA_M = 3.0
ATTITUDE_SIGMA_DEG, HEADING_SIGMA_DEG = 1.0, 2.5
NEEDED = ("GimbalYawDegree", "GimbalPitchDegree", "RelativeAltitude")


def dji_pairs(packet: bytes) -> dict[str, str]:
    """DJI's pairs of an XMP packet, from attributes and elements alike, names without the prefix."""
    try:
        root = ElementTree.fromstring(packet.strip(b"\x00 \r\n\t"))
    except ElementTree.ParseError:
        return {}
    pairs: dict[str, str] = {}
    for element in root.iter():
        pairs |= {k.removeprefix(DJI): v for k, v in element.attrib.items() if k.startswith(DJI)}
        if element.tag.startswith(DJI) and element.text:
            pairs[element.tag.removeprefix(DJI)] = element.text
    return pairs


def pose_of(file: Path, captured_at: datetime, xmp: Mapping[str, str], gps: Mapping[str, Any]) -> Pose:
    """The pose with heights above take-off; the caller lifts it to sea level."""
    values = {name: number(xmp.get(name)) for name in (*NEEDED, "GimbalRollDegree")}
    absent = [name for name in NEEDED if values[name] is None]
    if absent:
        raise StillsUnusable(
            f"{file}: no {' and no '.join(absent)} in its XMP data: it was exported without them or is of "
            "another maker; give the originals"
        )
    latitude, longitude = _position(xmp, gps)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        raise StillsUnusable(
            f"{file}: no position in its XMP or GPS data, there was no satellite fix; leave it out"
        )
    rtk = xmp.get("RtkFlag", "").strip() == "50"
    return Pose(
        captured_at=captured_at, latitude=latitude, longitude=longitude,
        altitude_amsl_m=values["RelativeAltitude"] or 0.0,
        yaw_deg=values["GimbalYawDegree"] or 0.0, pitch_deg=values["GimbalPitchDegree"] or 0.0,
        roll_deg=values["GimbalRollDegree"] or 0.0,
        position_sigma_m=RTK_SIGMA_M if rtk else POSITION_SIGMA_M, altitude_sigma_m=HEIGHT_SIGMA_M,
        attitude_sigma_deg=ATTITUDE_SIGMA_DEG, heading_sigma_deg=HEADING_SIGMA_DEG,
    )  # fmt: skip


def _position(xmp: Mapping[str, str], gps: Mapping[str, Any]) -> tuple[float | None, float | None]:
    latitude = number(xmp.get("GpsLatitude"))
    longitude = number(xmp.get("GpsLongitude") or xmp.get("GpsLongtitude"))
    if latitude is not None and longitude is not None:
        return latitude, longitude
    return (
        _degrees(gps.get("GPSLatitude"), gps.get("GPSLatitudeRef")),
        _degrees(gps.get("GPSLongitude"), gps.get("GPSLongitudeRef")),
    )


def _degrees(parts: Any, reference: Any) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return None if not math.isfinite(value) else -value if str(reference).upper() in ("S", "W") else value


def number(text: str | None) -> float | None:
    """DJI writes +12.30; some firmware writes units or degrees behind it."""
    found = re.match(r"\s*([-+]?\d+(?:\.\d+)?)", text or "")
    return float(found[1]) if found else None
