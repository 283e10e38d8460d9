"""DJI subtitle telemetry (.SRT) of several generations: text -> samples.

Generations known, with what each says (see ``Generation``). Positions come as (longitude, latitude) except
from the Matrice 300, whose metres carry an ``M``. A sample that cannot be read is a warning with its line;
where more than a tenth cannot, the file is refused. ``drone.recorded.srt_poses`` makes camera poses of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from drone.recorded.errors import TelemetryBroken, TelemetryIncomplete

BROKEN_SHARE = 0.1
MOST_PROBLEMS = 3
_CUE = re.compile(r"^\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*\d+:\d\d:\d\d[,.]\d{1,3}")
_STAMP = re.compile(
    r"(\d{4})[.\-](\d{1,2})[.\-](\d{1,2})[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{3})(?:,(\d{3}))?)?"
)
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_GPS = re.compile(rf"GPS\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*(?:,\s*({_NUMBER})\s*(M?)\s*)?\)")
_HOME = re.compile(rf"HOME\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})")
_BAROMETER = re.compile(rf"(?:BAROMETER|Hb)\s*:\s*({_NUMBER})")
_FLAT_HEIGHT = re.compile(rf"\bH\s+({_NUMBER})\s*m")
_PAIR = re.compile(rf"([A-Za-z_]+)\s*:\s*({_NUMBER})(?=\s*[\],]|\s+[A-Za-z_]+\s*:)")
_NAMES = {
    "latitude": "latitude", "longitude": "longitude", "longtitude": "longitude",
    "rel_alt": "relative_m", "relative_altitude": "relative_m", "abs_alt": "absolute_m",
    "absolute_altitude": "absolute_m", "altitude": "bare_height_m",
    "gb_yaw": "gimbal_yaw_deg", "gimbal_yaw": "gimbal_yaw_deg",
    "gb_pitch": "gimbal_pitch_deg", "gimbal_pitch": "gimbal_pitch_deg",
    "gb_roll": "gimbal_roll_deg", "gimbal_roll": "gimbal_roll_deg",
    "drone_yaw": "heading_deg", "yaw": "heading_deg", "heading": "heading_deg",
    "focal_len": "focal_length", "dzoom_ratio": "digital_zoom",
}  # fmt: skip


class Generation(StrEnum):
    """How DJI wrote telemetry into subtitles over the years."""

    HOME = "HOME and GPS with barometer (Mavic Pro, Phantom 4, Inspire)"
    FLAT = "one line with F/, SS, ISO, GPS, D, H (Phantom 4 Pro, Mavic Mini)"
    MATRICE = "GPS with metres and barometer (Matrice 300)"
    BRACKETS = "bracketed pairs (Mavic 2, Mavic Air, Mavic 3 and later)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtSample:
    """What one cue says. Stamps are as written, without zone; heights in metres, angles in degrees.

    ``cue_s`` is the cue's start in the video. ``decimals`` is how many the position carries. Focal length and
    digital zoom come in units that differ by model: only their changes mean something.
    """

    line: int
    cue_s: float | None
    stamp: datetime | None
    latitude: float
    longitude: float
    decimals: int
    relative_m: float | None = None
    absolute_m: float | None = None
    bare_height_m: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_roll_deg: float | None = None
    heading_deg: float | None = None
    focal_length: float | None = None
    digital_zoom: float | None = None
    home: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Gap:
    """A cue without a usable position; ``broken`` when the file, not the satellites, is to blame."""

    sentence: str
    broken: bool


@dataclass(frozen=True, slots=True)
class SrtLog:
    """A subtitle file read: its samples in order of the file and what could not be read."""

    path: Path
    generation: Generation
    samples: list[SrtSample]
    warnings: list[str] = field(default_factory=list)


def read_srt(path: Path | str) -> SrtLog:
    """Read a DJI subtitle file.

    Raises:
        TelemetryBroken: no such file, not subtitles, empty, or too much of it unreadable; names the line.
        TelemetryIncomplete: subtitles without a single position.
    """
    file = Path(path)
    try:
        text = file.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise TelemetryBroken(
            f"{file}: cannot be read ({error.strerror or error}); check the path"
        ) from error
    if not text.strip():
        raise TelemetryBroken(f"{file}: the file is empty; copy it again from the aircraft")
    cues = _cues(text)
    if not cues:
        raise TelemetryBroken(
            f"{file}: line 1 holds no subtitle with telemetry; give the .SRT that DJI writes beside the video"
        )
    generation = _generation(text)
    if generation is None:
        raise TelemetryIncomplete(
            f"{file}: {len(cues)} subtitles and not one position (first at line {cues[0][0]}): the aircraft "
            "had no satellite fix or does not write it; give another telemetry file"
        )
    samples, gaps = _samples(cues)
    broken = [gap.sentence for gap in gaps if gap.broken]
    if len(broken) > max(1, BROKEN_SHARE * len(cues)):
        raise TelemetryBroken(
            f"{file}: {len(broken)} of {len(cues)} subtitles cannot be read, the first at {broken[0]}; "
            "copy the file again from the aircraft"
        )
    problems = [gap.sentence for gap in gaps]
    if not samples:
        raise TelemetryIncomplete(f"{file}: no usable position; {problems[0]}")
    warnings = [f"{file.name}: {problem}; left out" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        warnings.append(f"{file.name}: {len(problems) - MOST_PROBLEMS} more subtitles like that are left out")
    return SrtLog(file, generation, samples, warnings)


def _cues(text: str) -> list[tuple[int, list[str]]]:
    """Blocks that begin with a number alone on its line: (line of the number, the lines after it).

    Blank lines do not end a block: some writers put one between the time and the text.
    """
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    starts = [
        i
        for i, line in enumerate(lines)
        if line.isdigit() and i + 1 < len(lines) and (_CUE.match(lines[i + 1]) or _STAMP.match(lines[i + 1]))
    ]
    ends = [*starts[1:], len(lines)][: len(starts)]
    return [(a + 1, [ln for ln in lines[a + 1 : b] if ln]) for a, b in zip(starts, ends, strict=True)]


def _generation(text: str) -> Generation | None:
    if (gps := _GPS.search(text)) is not None:
        if gps[4] == "M":
            return Generation.MATRICE
        return Generation.HOME if _HOME.search(text) or _BAROMETER.search(text) else Generation.FLAT
    return Generation.BRACKETS if re.search(r"\[\s*latitude\s*:", text) else None


def _samples(cues: list[tuple[int, list[str]]]) -> tuple[list[SrtSample], list[_Gap]]:
    found = [_sample(line, block) for line, block in cues]
    return [s for s in found if isinstance(s, SrtSample)], [g for g in found if isinstance(g, _Gap)]


def _sample(line: int, block: list[str]) -> SrtSample | _Gap:
    """One cue, or a sentence that names its line and what is missing in it."""
    cue = _CUE.match(block[0])
    text = "\n".join(block)
    stamp = _stamp(text)
    home = _HOME.search(text)
    values: dict[str, float] = {}
    if (gps := _GPS.search(text)) is not None:
        flipped = gps[4] == "M"
        longitude, latitude = (gps[2], gps[1]) if flipped else (gps[1], gps[2])
        height = _BAROMETER.search(text) or _FLAT_HEIGHT.search(text)
        if height is not None:
            values["relative_m"] = float(height[1])
    else:
        pairs = {_NAMES[k.lower()]: v for k, v in _PAIR.findall(text) if k.lower() in _NAMES}
        latitude, longitude = pairs.pop("latitude", ""), pairs.pop("longitude", "")
        if not latitude or not longitude:
            if "N/A" in text:
                return _Gap(f"line {line}: the position is N/A, there was no satellite fix", False)
            return _Gap(
                f"line {line + len(block)}: the subtitle of line {line} has no complete position", True
            )
        values |= {name: float(value) for name, value in pairs.items()}
    lat, lon = float(latitude), float(longitude)
    if lat == 0.0 and lon == 0.0:
        return _Gap(f"line {line}: latitude 0, longitude 0 means that there was no satellite fix", False)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return _Gap(f"line {line}: latitude {lat}, longitude {lon} is no place on Earth", True)
    return SrtSample(
        line=line,
        cue_s=_seconds(cue) if cue else None,
        stamp=stamp,
        latitude=lat,
        longitude=lon,
        decimals=min(len(part.partition(".")[2]) for part in (latitude, longitude)),
        home=(float(home[2]), float(home[1])) if home else None,
        **values,
    )


def _seconds(cue: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = cue.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _stamp(text: str) -> datetime | None:
    found = _STAMP.search(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    micro = int(found[7] or 0) * 1000 + int(found[8] or 0)
    try:
        return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - zone comes later
    except ValueError:
        return None
