"""Opening a recording: which footage, which telemetry, which camera, and the ground below it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from drone.recorded.clocks import Clocks, settle_clocks
from drone.recorded.errors import CameraUnknown, TelemetryBroken, TelemetryDoesNotOverlap, TelemetryMissing
from drone.recorded.poses import PoseDefaults, RecordedPoses
from drone.recorded.srt_poses import srt_poses
from drone.recorded.stills import read_stills
from drone.recorded.tlog import tlog_poses
from missions.cameras import load_cameras
from missions.geodesy import LocalFrame
from missions.grids import Grid
from missions.terrain import FlatTerrain, Terrain, load_terrain
from missions.zones import Zones
from vision.camera import CameraModel
from vision.errors import CaptureTimeUnknown, SourceMissing
from vision.frames import Frame, VideoFile

MOST_ZONES_APART = timedelta(hours=15)
"""Clocks set to another time zone differ by less than this; more, and it is another day's flight."""
ASPECT_TOLERANCE = 0.01
SANDBOX_MARGIN_M = 500.0

READERS: dict[str, Callable[[Path, PoseDefaults], RecordedPoses]] = {
    ".srt": srt_poses,
    ".tlog": tlog_poses,
}
"""Readers of telemetry by file suffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What ``skybeat replay`` was asked for.

    Attributes:
        source: a video, or a folder of stills with pose.
        telemetry: of a video; None takes the file of the same name beside it.
        camera: name in ``configs/cameras.yaml``; stills bring their own.
        speed: None as fast as it goes.
        fps: frames of a video to look at per second; None for all.
        terrain: file of ground heights; None takes the ground as flat at the take-off's height.
        tile_px: side of the tiles that stills wider than ``tiles_from_px`` are looked at in; of a video so
            wide the parts take turns. None: the whole picture is looked at, made small.
        sandbox: the server lives for this replay only, so that ticket ids can be made repeatable.
        work_directory: where the outbox and the evidence are kept.
        turn_deg: see ``read_stills``.
    """

    source: Path
    work_directory: Path
    telemetry: Path | None = None
    camera: str | None = None
    zones: Path | None = None
    grids: Path | None = None
    terrain: Path | None = None
    expect: Path | None = None
    junit: Path | None = None
    speed: float | None = None
    fps: float | None = 5.0
    weights: str = "patrol-rgb"
    tile_px: int | None = 800
    tiles_from_px: int = 2000
    defaults: PoseDefaults = field(default_factory=PoseDefaults)
    turn_deg: int | None = None
    sandbox: bool = True
    seed: int = 0
    deliver_within_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Footage and poses ready for replay. ``files`` are those whose content makes up the recording."""

    frames: Iterable[Frame]
    frame_count: int | None
    poses: RecordedPoses
    camera: CameraModel
    terrain: Terrain
    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    clocks: Clocks | None = None


def open_recording(options: ReplayOptions) -> Recording:
    """Open footage and telemetry and settle camera and ground.

    Raises:
        RecordingError: see its kinds; each says what to give.
        vision.errors.SourceError: the footage cannot be opened.
        missions.errors.TerrainInvalid: the terrain file cannot be used.
    """
    terrain = load_terrain(options.terrain) if options.terrain is not None else options.defaults.terrain
    given = replace(options.defaults, terrain=terrain)
    if not options.source.exists():
        raise SourceMissing(f"{options.source}: there is no such file or folder; check the path")
    opened = _open_stills(options, given) if options.source.is_dir() else _open_video(options, given)
    if terrain is not None:
        _check_terrain(opened, terrain)
    return opened


def _open_stills(options: ReplayOptions, given: PoseDefaults) -> Recording:
    if options.telemetry is not None:
        raise TelemetryBroken("stills carry their poses themselves: leave out --telemetry, or give a video")
    camera = camera_named(options.camera) if options.camera else None
    stills = read_stills(options.source, given, camera=camera, turn_deg=options.turn_deg)
    return Recording(
        frames=stills,
        frame_count=len(stills),
        poses=stills.poses,
        camera=stills.camera,
        terrain=given.terrain or FlatTerrain(stills.poses.ground_amsl_m),
        files=tuple(still.path for still in stills.stills),
        warnings=stills.poses.warnings,
    )


def _open_video(options: ReplayOptions, given: PoseDefaults) -> Recording:
    telemetry = options.telemetry or _beside(options.source)
    if telemetry is None:
        raise TelemetryMissing(
            f"{options.source}: no telemetry lies beside the video; give it with --telemetry ({_suffixes()})"
        )
    reader = READERS.get(telemetry.suffix.lower())
    if reader is None:
        raise TelemetryBroken(f"{telemetry}: telemetry of this kind is not read; give one of {_suffixes()}")
    poses = reader(telemetry, given)
    video = VideoFile(options.source, start=given.start or poses.start, fps=options.fps)
    if given.start is None and poses.start is not None:
        _check_day(options.source, telemetry, poses.start)
    camera = _video_camera(options.camera, video.camera_size)
    camera = replace(camera, focal_sigma=max(camera.focal_sigma, poses.zoom_spread))
    assert video.start is not None
    clocks = settle_clocks(options.source, poses, camera, video.start)
    return Recording(
        frames=video,
        frame_count=None,
        poses=poses,
        camera=camera,
        terrain=given.terrain or FlatTerrain(poses.ground_amsl_m),
        files=(options.source, telemetry),
        warnings=(*poses.warnings, *clocks.warnings),
        clocks=clocks,
    )


def _beside(video: Path) -> Path | None:
    """Telemetry of the same name: DJI writes DJI_0001.MP4 and DJI_0001.SRT."""
    found = sorted(f for f in video.parent.glob(f"{video.stem}.*") if f.suffix.lower() in READERS)
    return found[0] if found else None


def _suffixes() -> str:
    return ", ".join(sorted(READERS))


def _check_day(video: Path, telemetry: Path, start: datetime) -> None:
    """The video's own creation time, where it has one, must be of the same flight up to a time zone."""
    try:
        recorded = VideoFile(video).start
    except CaptureTimeUnknown:
        return
    if recorded is not None and abs(recorded - start) > MOST_ZONES_APART:
        raise TelemetryDoesNotOverlap(
            f"{telemetry} begins at {start:%Y-%m-%d %H:%M:%S}, {video} was recorded at "
            f"{recorded:%Y-%m-%d %H:%M:%S}: they are of different flights; "
            "give the right file, or the video's --start"
        )


def camera_named(name: str) -> CameraModel:
    """A camera of ``configs/cameras.yaml``.

    Raises:
        CameraUnknown: there is none of that name; lists those there are.
    """
    cameras = load_cameras()
    if name not in cameras:
        raise CameraUnknown(f"no camera is named {name}; known are {', '.join(sorted(cameras))}")
    entry = cameras[name].message()
    return CameraModel(
        width_px=entry.width_px, height_px=entry.height_px, fx_px=entry.fx_px, fy_px=entry.fy_px,
        cx_px=entry.cx_px, cy_px=entry.cy_px, distortion=entry.distortion, name=entry.name,
        focal_sigma=entry.focal_sigma,
    )  # fmt: skip


def _video_camera(name: str | None, size: tuple[int, int]) -> CameraModel:
    if name is None:
        raise CameraUnknown(
            "a video does not say how wide its camera looks: give --camera, one of "
            f"{', '.join(sorted(load_cameras()))}, or add it to configs/cameras.yaml"
        )
    camera = camera_named(name)
    width, height = size
    if abs(camera.width_px / camera.height_px * height / width - 1) > ASPECT_TOLERANCE:
        raise CameraUnknown(
            f"the camera {name} takes pictures of {camera.width_px} x {camera.height_px}, the video is "
            f"{width} x {height}: it was cut or is of another camera; give the right one with --camera"
        )
    return camera.scaled(width, height)


def _check_terrain(opened: Recording, terrain: Terrain) -> None:
    poses = opened.poses.track.poses()
    heights = terrain.elevation_m([p.latitude for p in poses], [p.longitude for p in poses])
    above = np.array([p.altitude_amsl_m for p in poses]) - heights
    if not np.isfinite(above).any():
        raise TelemetryDoesNotOverlap("the terrain does not cover the footage: give terrain of that region")
    if np.nanmax(above) < 0:
        raise TelemetryDoesNotOverlap(
            f"the camera is below the ground throughout ({np.nanmin(above):.0f} m): the heights of telemetry "
            "and terrain count from different levels; give --takeoff-amsl"
        )


def write_sandbox_site(recording: Recording, options: ReplayOptions, folder: Path) -> Path:
    """Write a site folder for a server that lives for one replay: cells, zones and the ground of the footage.

    Without ``grids`` one cell, ``recording``, holds everything within ``SANDBOX_MARGIN_M`` of the track.
    """
    folder.mkdir(parents=True, exist_ok=True)
    poses = recording.poses.track.poses()
    middle = (float(np.median([p.latitude for p in poses])), float(np.median([p.longitude for p in poses])))
    site: dict[str, object] = {
        "name": {"zh": "录像回放", "en": "Replay"},
        "home": [*middle, recording.poses.ground_amsl_m],
        "terrain": None,
    }
    if options.terrain is not None:
        shutil.copyfile(options.terrain, folder / options.terrain.name)
        site["terrain"] = options.terrain.name
    if options.grids is not None:
        Grid.from_geojson(options.grids)
        shutil.copyfile(options.grids, folder / "cells.geojson")
    else:
        (folder / "cells.geojson").write_text(json.dumps(_one_cell(recording, middle)), "utf-8")
    if options.zones is not None:
        Zones.from_geojson(options.zones)  # a problem names the given file, not the copy
        shutil.copyfile(options.zones, folder / "zones.geojson")
    (folder / "site.json").write_text(json.dumps(site, ensure_ascii=False), "utf-8")
    return folder


def _one_cell(recording: Recording, middle: tuple[float, float]) -> dict[str, object]:
    frame = LocalFrame(*middle)
    poses = recording.poses.track.poses()
    places = frame.to_enu([p.latitude for p in poses], [p.longitude for p in poses])[:, :2]
    (west, south), (east, north) = places.min(0) - SANDBOX_MARGIN_M, places.max(0) + SANDBOX_MARGIN_M
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    ring = [[float(lon), float(lat)] for lat, lon, _ in frame.to_geodetic(corners)]
    cell = {
        "type": "Feature",
        "properties": {"code": "recording", "name": "Recording"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return {"type": "FeatureCollection", "features": [cell]}
