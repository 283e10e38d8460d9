"""A folder of DJI stills -> frames with capture time, camera model and pose from their own XMP data.

Attitude is the gimbal's, earth-referenced. Heights are the take-off's plus ``RelativeAltitude``: the absolute
one is barometric and may be tens of metres off, so it only serves where nothing else says how high the
take-off lies. Pictures that were turned after capture are noticed by ``overlap.find_turn`` and turned back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import GPSTAGS, TAGS

from drone.recorded.errors import StillsUnusable
from drone.recorded.lenses import camera_of
from drone.recorded.overlap import MAX_CONSISTENT_M, Turn, find_turn
from drone.recorded.poses import PoseDefaults, RecordedPoses, takeoff_height, zone_of
from drone.recorded.xmp import dji_pairs, number, pose_of
from drone.telemetry import PoseTrack
from vision.camera import CameraModel, Pose
from vision.errors import CaptureTimeUnknown, NoFrames, SourceMissing
from vision.frames import Frame, Pixels, still_captured_at

SUFFIXES = frozenset({".jpg", ".jpeg", ".dng", ".tif", ".tiff"})
APART_S = 0.1


@dataclass(frozen=True, slots=True)
class Still:
    """One still: its file, its pose, and its metadata as read."""

    path: Path
    pose: Pose
    size: tuple[int, int]
    exif: Mapping[str, Any] = field(repr=False)
    xmp: Mapping[str, str] = field(repr=False)

    @property
    def captured_at(self) -> datetime:
        return self.pose.captured_at


class Stills:
    """Stills as a source of frames (``vision.frames.FrameSource``), with their camera and poses.

    Attributes:
        turn_deg: the pictures are given turned clockwise by this, to undo a turn made after capture.
        consistency_m: median distance between what two overlapping stills say of one place, None where
            nothing overlaps.
    """

    dropped = 0

    def __init__(self, stills: list[Still], camera: CameraModel, poses: RecordedPoses, turn: Turn) -> None:
        self.stills = stills
        self.camera = camera
        self.poses = poses
        self.turn_deg = turn.degrees
        self.consistency_m = turn.consistency_m

    @property
    def camera_size(self) -> tuple[int, int]:
        return self.camera.width_px, self.camera.height_px

    def __len__(self) -> int:
        return len(self.stills)

    def __iter__(self) -> Iterator[Frame]:
        for index, still in enumerate(self.stills):
            image = np.rot90(read_pixels(still.path), -self.turn_deg // 90)
            yield Frame(np.ascontiguousarray(image), still.captured_at, index)

    def close(self) -> None:
        """Nothing stays open between stills."""


def read_stills(
    folder: Path | str,
    defaults: PoseDefaults | None = None,
    *,
    camera: CameraModel | None = None,
    turn_deg: int | None = None,
) -> Stills:
    """Read a folder of stills with pose.

    Args:
        camera: instead of the one that the stills describe.
        turn_deg: clockwise turn that undoes what was done to the pictures (0, 90, 180, 270); None finds out.

    Raises:
        SourceMissing: no such folder. NoFrames: it holds no stills.
        StillsUnusable: a still has no pose, or they are of different cameras; names the file.
        TelemetryIncomplete: the height of the take-off is unknown.
    """
    given = defaults or PoseDefaults()
    warnings: list[str] = []
    files = _files(Path(folder))
    zone = zone_of(given, warnings)
    stills = _apart(sorted((_read(file, zone) for file in files), key=lambda s: (s.captured_at, s.path.name)))
    if given.start is not None:
        shift = given.start - stills[0].captured_at
        stills = [_moved(still, still.captured_at + shift) for still in stills]
    _check_alike(stills)
    ground, stills = _heights(stills, given, warnings)
    cameras = _cameras(stills[0], camera, warnings)
    if turn_deg is None:
        turn = find_turn(stills, stills[0].size, cameras, ground)
        _say_turn(turn, stills[0].exif, warnings)
    else:
        turn = Turn(turn_deg % 360, None, 0)
        if turn.degrees not in cameras:
            raise StillsUnusable(f"pictures cannot be turned by {turn_deg} degrees; give 0, 90, 180 or 270")
    model = cameras[turn.degrees]
    poses = RecordedPoses(
        track=PoseTrack([still.pose for still in stills], max_gap_s=2 * APART_S),
        start=stills[0].captured_at,
        ground_amsl_m=ground,
        source=f"{len(stills)} stills of {model.name}",
        warnings=tuple(warnings),
    )
    return Stills(stills, model, poses, turn)


def read_pixels(file: Path) -> Pixels:
    """A still as it is stored, RGB; no orientation tag is applied, since poses are of the stored picture.

    Raises:
        StillsUnusable: the picture is damaged.
    """
    try:
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise StillsUnusable(f"{file}: the picture is damaged or cut off; copy it again") from error


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceMissing(f"{folder}: there is no such folder; check the path")
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    if not files:
        raise NoFrames(f"{folder}: the folder holds no stills ({', '.join(sorted(SUFFIXES))})")
    return files


def _read(file: Path, zone: tzinfo) -> Still:
    try:
        with Image.open(file) as picture:
            size = picture.size
            block = picture.getexif()
            exif = {str(TAGS.get(k, k)): v for k, v in (dict(block) | block.get_ifd(0x8769)).items()}
            gps = {str(GPSTAGS.get(k, k)): v for k, v in block.get_ifd(0x8825).items()}
            packet = picture.info.get("xmp", b"")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise StillsUnusable(f"{file}: not a picture that can be read; remove or replace it") from error
    xmp = dji_pairs(packet if isinstance(packet, bytes) else str(packet).encode())
    try:
        captured_at = still_captured_at(file, zone)
    except CaptureTimeUnknown as error:
        raise StillsUnusable(str(error)) from error
    return Still(file, pose_of(file, captured_at, xmp, gps), size, exif, xmp)


def _apart(stills: list[Still]) -> list[Still]:
    """Stills of one second (EXIF knows no finer) follow each other by a tenth."""
    result: list[Still] = []
    for still in stills:
        earliest = result[-1].captured_at + timedelta(seconds=APART_S) if result else still.captured_at
        moment = max(still.captured_at, earliest).astimezone(UTC)
        result.append(_moved(still, moment))
    return result


def _moved(still: Still, moment: datetime) -> Still:
    return replace(still, pose=replace(still.pose, captured_at=moment))


def _check_alike(stills: list[Still]) -> None:
    first = stills[0]
    for still in stills:
        if (still.size, still.exif.get("Model")) != (first.size, first.exif.get("Model")):
            raise StillsUnusable(
                f"{still.path}: of another camera or size than {first.path.name}; give one camera's at a time"
            )


def _heights(stills: list[Still], given: PoseDefaults, warnings: list[str]) -> tuple[float, list[Still]]:
    implied = [
        absolute - still.pose.altitude_amsl_m
        for still in stills
        if (absolute := number(still.xmp.get("AbsoluteAltitude"))) is not None
    ]
    place = (stills[0].pose.latitude, stills[0].pose.longitude)
    if given.terrain is not None and given.takeoff_amsl_m is None:
        warnings.append("stills do not say where they took off: the ground below the first is taken for it")
    ground = takeoff_height(given, place, float(np.median(implied)) if implied else None, warnings)
    lifted = [
        replace(s, pose=replace(s.pose, altitude_amsl_m=s.pose.altitude_amsl_m + ground)) for s in stills
    ]
    return ground, lifted


def _cameras(still: Still, camera: CameraModel | None, warnings: list[str]) -> dict[int, CameraModel]:
    """The camera of the pictures after each turn."""
    width, height = still.size
    if camera is None:
        level = camera_of(width, height, still.exif, still.xmp, warnings)
        upended = camera_of(height, width, still.exif, still.xmp, [])
        return {0: level, 90: upended, 180: level, 270: upended}
    if abs(camera.width_px * height - camera.height_px * width) > 0.01 * width * camera.height_px:
        raise StillsUnusable(
            f"the camera {camera.name} takes {camera.width_px} x {camera.height_px} pixels, the stills are "
            f"{width} x {height}; give their own camera or none"
        )
    level = camera.scaled(width, height)
    return {0: level, 180: level}


def _say_turn(turn: Turn, exif: Mapping[str, Any], warnings: list[str]) -> None:
    if turn.degrees:
        by = str(exif.get("Software", "")).strip().strip("\x00")
        warnings.append(
            f"neighbouring stills only fit their poses when turned by {turn.degrees} degrees: they were "
            f"turned after capture{f' (last written by {by})' if by else ''}, and are turned back"
        )
    if turn.consistency_m is not None and turn.consistency_m > MAX_CONSISTENT_M:
        warnings.append(
            f"overlapping stills disagree by {turn.consistency_m:.1f} m: poses or heights are wrong"
        )
