"""What every kind of recorded telemetry comes to: camera poses on one clock, and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

import numpy as np

from drone.recorded.errors import TelemetryIncomplete
from drone.telemetry import PoseTrack
from missions.heights import datum_alarm
from missions.terrain import Terrain

GPS_SIGMA_M = 1.5
"""Horizontal error of a satellite fix under open sky, one standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseDefaults:
    """What the user knows and the recording may not say.

    Attributes:
        pitch_deg: of the camera, 0 level and -90 straight down.
        yaw_deg: of the camera, clockwise from true north, where it never turned.
        start: capture time of the first video frame.
        zone: time zone of stamps that carry none; UTC is assumed, with a warning, where it is missing.
        takeoff_amsl_m: height of the take-off point above sea level.
        height_m: constant height above take-off, for telemetry that has none.
        height_datum: what a bare ``altitude`` counts from.
        terrain: ground heights; the height of the take-off point is looked up in it.
    """

    pitch_deg: float | None = None
    yaw_deg: float | None = None
    start: datetime | None = None
    zone: tzinfo | None = None
    takeoff_amsl_m: float | None = None
    height_m: float | None = None
    height_datum: Literal["takeoff", "sea"] | None = None
    terrain: Terrain | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.start.tzinfo is None:
            raise TelemetryIncomplete(
                f"the start time {self.start} has no time zone; write e.g. 2026-05-01T12:00:00Z"
            )
        if self.pitch_deg is not None and not -90.0 <= self.pitch_deg <= 90.0:
            raise TelemetryIncomplete(
                f"a camera pitch of {self.pitch_deg} degrees is impossible; 0 is level and -90 straight down"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPoses:
    """Poses of one recording.

    Attributes:
        start: instant of the video's first frame on the clock of ``track``; None where the telemetry does not
            know of a video.
        ground_amsl_m: height of the take-off point above sea level, the ground where no terrain is given.
        source: what was read, for people.
        warnings: every assumption that was made, one sentence each.
        zoom_spread: how far the focal length strays during the recording, as a share of it.
    """

    track: PoseTrack
    start: datetime | None
    ground_amsl_m: float
    source: str
    warnings: tuple[str, ...] = ()
    zoom_spread: float = 0.0


def zone_of(defaults: PoseDefaults, warnings: list[str]) -> tzinfo:
    """The zone of unmarked stamps; UTC with a warning where the user gave none."""
    if defaults.zone is None:
        warnings.append(
            "the time stamps carry no time zone; UTC is assumed, give --time-zone if they are local"
        )
        return UTC
    return defaults.zone


def terrain_at(terrain: Terrain, latitude: float, longitude: float) -> float | None:
    """Ground height there, or None where the terrain does not know it."""
    height = float(np.asarray(terrain.elevation_m(latitude, longitude)).ravel()[0])
    return height if np.isfinite(height) else None


def takeoff_height(
    defaults: PoseDefaults,
    home: tuple[float, float] | None,
    implied_amsl_m: float | None,
    warnings: list[str],
) -> float:
    """Height of the take-off point above sea level, from the best that is known.

    In this order: what the user says, the terrain at ``home``, what the recording implies (its absolute minus
    its relative height; barometric, and seen to be wrong by tens of metres).

    Raises:
        TelemetryIncomplete: nothing is known.
    """
    if defaults.takeoff_amsl_m is not None:
        return defaults.takeoff_amsl_m
    if defaults.terrain is not None and home is not None:
        ground = terrain_at(defaults.terrain, *home)
        if ground is not None:
            alarm = datum_alarm([implied_amsl_m], [0.0], ground, home) if implied_amsl_m is not None else ""
            if alarm:
                warnings.append(
                    f"the recording puts its take-off at {implied_amsl_m:.0f} m above sea level, the terrain "
                    f"at {ground:.0f} m; the terrain is believed, heights are counted from it; alarm: {alarm}"
                )
            return ground
    if implied_amsl_m is not None:
        warnings.append(
            f"no terrain covers this place: the ground is taken as flat at the take-off height of "
            f"{implied_amsl_m:.1f} m above sea level (absolute minus relative height)"
        )
        return implied_amsl_m
    raise TelemetryIncomplete(
        "the telemetry gives heights above take-off only: give the take-off's height with --takeoff-amsl, "
        "or terrain that covers it with --terrain"
    )
