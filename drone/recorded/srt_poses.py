"""Subtitle samples -> camera poses on the video's clock, with every assumption said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drone.recorded.errors import TelemetryIncomplete
from drone.recorded.heading import course_headings
from drone.recorded.poses import GPS_SIGMA_M, PoseDefaults, RecordedPoses, takeoff_height, zone_of
from drone.recorded.srt import SrtLog, SrtSample, read_srt
from drone.telemetry import PoseTrack
from missions.geodesy import LocalFrame
from missions.heights import datum_alarm
from vision.camera import Pose

Array = NDArray[np.float64]

RELATIVE_NOISE_M = 0.3
GIVEN_YAW_SIGMA_DEG = 5.0
GIVEN_PITCH_SIGMA_DEG = 2.0
GIMBAL_YAW_SIGMA_DEG = 3.0
GIMBAL_SIGMA_DEG = 1.0
HEIGHT_SIGMA_M = 3.0
NEAR_GROUND_M = 5.0
METRES_A_DEGREE = 111_320.0
STAMPS_DRIFT_S = 2.0
ZOOM_STEADY = 1.02


def srt_poses(source: SrtLog | Path | str, defaults: PoseDefaults | None = None) -> RecordedPoses:
    """Camera poses of a DJI subtitle file.

    Frames are timed by the cues, which are the video's own clock; the stamps only say when it began. The
    camera's pitch and heading come from the gimbal's words where there are any, else from ``defaults``; a
    missing heading is estimated from the track with a large sigma and a warning; a missing pitch is an error.

    Raises:
        TelemetryBroken, TelemetryIncomplete: see ``read_srt``; or heights, pitch, heading or the start time
            are neither written nor given.
    """
    log = source if isinstance(source, SrtLog) else read_srt(source)
    given = defaults or PoseDefaults()
    warnings = list(log.warnings)
    start, seconds = _times(log, given, warnings)
    ordered = np.unique(seconds, return_index=True)[1]
    samples, seconds = [log.samples[i] for i in ordered], seconds[ordered]
    ground, heights = _heights(log, samples, given, warnings)
    pitch, pitch_sigma = _pitch(log, samples, given)
    quantum_m = METRES_A_DEGREE * 10.0 ** -min(s.decimals for s in samples) / np.sqrt(12)
    look = _yaw(log, samples, seconds, given, float(np.hypot(quantum_m, RELATIVE_NOISE_M)), warnings)
    sigma_m = float(np.hypot(GPS_SIGMA_M, quantum_m))
    if quantum_m > GPS_SIGMA_M:
        warnings.append(
            f"positions are written to {3.5 * quantum_m:.0f} m only; places are no better than that"
        )
    poses = [
        Pose(
            captured_at=start + timedelta(seconds=float(seconds[i])),
            latitude=sample.latitude, longitude=sample.longitude, altitude_amsl_m=float(heights[i]),
            yaw_deg=float(look.yaw[i]), pitch_deg=float(pitch[i]), roll_deg=sample.gimbal_roll_deg or 0.0,
            position_sigma_m=sigma_m, altitude_sigma_m=HEIGHT_SIGMA_M,
            attitude_sigma_deg=pitch_sigma, heading_sigma_deg=float(look.sigma[i]),
        )
        for i, sample in enumerate(samples)
        if np.isfinite(look.yaw[i])
    ]  # fmt: skip
    zoom_spread = _zoom_spread(samples, warnings)
    spacing = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    return RecordedPoses(
        track=PoseTrack(poses, max_gap_s=max(2.0, 2.5 * spacing)),
        start=start,
        ground_amsl_m=ground,
        source=f"DJI subtitles, {log.generation.value}, {len(poses)} poses",
        warnings=tuple(warnings),
        zoom_spread=zoom_spread,
    )


def _zoom_spread(samples: Sequence[SrtSample], warnings: list[str]) -> float:
    """How far the focal length strays within the recording, as a share of it; an alarm where it does."""
    spread = 0.0
    for name, words in (("focal_length", "focal length"), ("digital_zoom", "digital zoom")):
        told = [value for sample in samples if (value := getattr(sample, name)) is not None and value > 0]
        if told and max(told) > ZOOM_STEADY * min(told):
            spread = max(spread, 1.0 - min(told) / max(told))
            warnings.append(
                f"alarm: the {words} changes from {min(told):g} to {max(told):g} during the recording, the "
                "camera that was given holds for one of them; places elsewhere are not to be relied on"
            )
    return min(spread, 0.5)


def _times(log: SrtLog, given: PoseDefaults, warnings: list[str]) -> tuple[datetime, Array]:
    """Instant of the first frame, and each sample's seconds from it."""
    samples = log.samples
    stamps = [s.stamp for s in samples]
    first = next((i for i, stamp in enumerate(stamps) if stamp is not None), None)
    cues = [s.cue_s for s in samples if s.cue_s is not None]
    by_cue = len(cues) == len(samples)
    if first is None and given.start is None:
        raise TelemetryIncomplete(
            f"{log.path}: the subtitles do not say when they were recorded: give --start, e.g. "
            "2026-05-01T12:00:00Z"
        )
    if not by_cue and any(stamp is None for stamp in stamps):
        bad = next(s.line for s in samples if s.stamp is None)
        raise TelemetryIncomplete(
            f"{log.path}: the subtitle of line {bad} has neither a cue time nor a stamp"
        )
    start = given.start
    if start is None:
        assert first is not None
        stamp = stamps[first]
        assert stamp is not None
        offset_s = (samples[first].cue_s or 0.0) if by_cue else 0.0
        start = stamp.replace(tzinfo=zone_of(given, warnings)) - timedelta(seconds=offset_s)
    if by_cue:
        _check_drift(log, warnings)
        return start.astimezone(UTC), np.array(cues)
    origin = stamps[0]
    assert origin is not None
    warnings.append("the subtitles have no cue times: the video is taken to begin with the first stamp")
    seconds = [(stamp - origin).total_seconds() for stamp in stamps if stamp is not None]
    return start.astimezone(UTC), np.array(seconds)


def _check_drift(log: SrtLog, warnings: list[str]) -> None:
    """Say so where stamps and cues run apart: the recording was paused, cut or joined."""
    ahead = [
        (s.stamp.timestamp() - s.cue_s, s.line)
        for s in log.samples
        if s.stamp is not None and s.cue_s is not None
    ]
    for value, line in ahead:
        if abs(value - ahead[0][0]) > STAMPS_DRIFT_S:
            warnings.append(
                f"{log.path.name}: line {line}: the stamps leave the cue times here and end "
                f"{ahead[-1][0] - ahead[0][0]:+.0f} s apart; the cue times are kept, they follow the video"
            )
            return


def _heights(
    log: SrtLog, samples: list[SrtSample], given: PoseDefaults, warnings: list[str]
) -> tuple[float, Array]:
    """Ground height at take-off and the heights above sea level of all samples."""
    relative = [s.relative_m for s in samples]
    absolute = [s.absolute_m for s in samples]
    bare = [s.bare_height_m for s in samples]
    if given.height_m is not None and all(h is None for h in (*relative, *absolute, *bare)):
        warnings.append(
            f"the subtitles have no heights: {given.height_m:g} m above take-off is taken for all"
        )
        relative = [given.height_m] * len(samples)
    if any(r is None for r in relative) and all(b is not None for b in bare):
        if given.height_datum is None:
            raise TelemetryIncomplete(
                f"{log.path}: 'altitude' does not say what it counts from: give --height-datum takeoff or sea"
            )
        relative, absolute = (bare, absolute) if given.height_datum == "takeoff" else (relative, bare)
    if all(r is not None for r in relative):
        above = np.array(relative, float)
        both = np.array(
            [a - r for a, r in zip(absolute, relative, strict=True) if a is not None and r is not None]
        )
        alarm = datum_alarm(both, np.zeros(len(both)), None, (samples[0].latitude, samples[0].longitude))
        if alarm:
            warnings.append(f"alarm: {alarm}")
        home = samples[0].home
        if home is None and given.terrain is not None and given.takeoff_amsl_m is None:
            home = (samples[0].latitude, samples[0].longitude)
            if above[0] > NEAR_GROUND_M:
                warnings.append(
                    "the telemetry does not say where it took off: the ground below its first sample "
                    "is taken as the take-off's height"
                )
        ground = takeoff_height(given, home, float(np.median(both)) if len(both) else None, warnings)
        return ground, ground + above
    if all(a is not None for a in absolute):
        place = (samples[0].latitude, samples[0].longitude)
        return takeoff_height(given, place, None, warnings), np.array(absolute, float)
    line = next(
        s.line for s, r, a in zip(samples, relative, absolute, strict=True) if r is None and a is None
    )
    raise TelemetryIncomplete(
        f"{log.path}: the subtitle of line {line} has no height (this aircraft does not write it): "
        "give --height, metres above take-off, where it was constant"
    )


def _pitch(log: SrtLog, samples: list[SrtSample], given: PoseDefaults) -> tuple[Array, float]:
    written = [s.gimbal_pitch_deg for s in samples]
    if given.pitch_deg is not None:
        return np.full(len(samples), given.pitch_deg), GIVEN_PITCH_SIGMA_DEG
    if all(value is not None for value in written):
        return np.array(written, float), GIMBAL_SIGMA_DEG
    raise TelemetryIncomplete(
        f"{log.path}: the subtitles do not say how far down the camera looked: give --pitch, e.g. -90 for "
        "straight down"
    )


@dataclass(frozen=True, slots=True)
class _Look:
    yaw: Array
    sigma: Array


def _yaw(
    log: SrtLog,
    samples: list[SrtSample],
    seconds: Array,
    given: PoseDefaults,
    sigma_m: float,
    warnings: list[str],
) -> _Look:
    n = len(samples)
    if given.yaw_deg is not None:
        return _Look(np.full(n, given.yaw_deg), np.full(n, GIVEN_YAW_SIGMA_DEG))
    gimbal = [s.gimbal_yaw_deg for s in samples]
    if all(value is not None for value in gimbal):
        return _Look(np.array(gimbal, float), np.full(n, GIMBAL_YAW_SIGMA_DEG))
    frame = LocalFrame(samples[0].latitude, samples[0].longitude)
    places = frame.to_enu([s.latitude for s in samples], [s.longitude for s in samples])
    yaw, sigma = course_headings(seconds, places[:, 0], places[:, 1], sigma_m)
    known = np.isfinite(yaw)
    if not known.any():
        raise TelemetryIncomplete(
            f"{log.path}: the subtitles do not say where the camera looked and the aircraft hardly moves: "
            "give --yaw, degrees clockwise from true north"
        )
    warnings.append(
        "the subtitles do not say where the camera looked: the track on the ground is its heading, "
        f"right to {np.median(sigma[known]):.0f} degrees or so; give --yaw if the camera looked aside"
    )
    if not known.all():
        warnings.append(f"{int((~known).sum())} of {n} samples have no heading and are left out")
    return _Look(yaw, sigma)
