"""Whether a video's clock agrees with its telemetry's: measured in the footage before it is replayed.

Of a long video the stretches are looked at in which the camera's motion changes most, in small pictures, a
few a second. What is told with certainty is applied to the poses; what is not is left as it is and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np

from drone.recorded.poses import RecordedPoses
from vision.camera import CameraModel
from vision.frames import Pixels, Sampler, open_video
from vision.motion_check import motion_alarms
from vision.picture_motion import PoseSignal, seen_motion
from vision.time_offset import OffsetReport, TimeOffset, combine_offsets, estimate_offset

WIDTH_PX, RATE_HZ = 320, 4.0
STRETCH_S, MOST_STRETCHES = 45.0, 4
LONGEST_STEP_S = 0.6
AGREE_S = 0.05
"""Smaller offsets are not applied: they are within what the clocks and the estimate are good for."""
UNTOLD_SIGMA_S = 0.1
"""One sigma where the footage does not tell the offset: of recordings that write both by one clock."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What was found, and the sentences that people are told."""

    report: OffsetReport
    applied: bool
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        offset = self.report.offset
        return {
            "seconds": offset.seconds, "sigma_s": offset.sigma_s, "applied": self.applied,
            "reason": offset.reason, "alarm": self.report.alarm,
        }  # fmt: skip


def settle_clocks(video: Path, poses: RecordedPoses, camera: CameraModel, start: datetime) -> Clocks:
    """Measure the offset, and apply it to ``poses.track`` where it is certain.

    Args:
        camera: of the video's own frames.
        start: instant of the first frame.
    """
    small = camera.scaled(WIDTH_PX, max(2, round(WIDTH_PX * camera.height_px / camera.width_px / 2) * 2))
    samples = poses.track.poses()
    if len(samples) < 2:
        nothing = TimeOffset(seconds=None, reason="not observable: the telemetry holds a single pose")
        return Clocks(OffsetReport(nothing, ()), False, ())
    signal = PoseSignal(samples, start, poses.ground_amsl_m)
    stretches, motions = [], []
    for begin in _liveliest(signal, small, _seconds_long(video)):
        seen = seen_motion(_pictures(video, begin, small), small, LONGEST_STEP_S)
        motions.append(seen)
        stretches.append((begin, estimate_offset(seen, samples, start, small, poses.ground_amsl_m)))
    report = combine_offsets(stretches)
    delay_s = report.offset.seconds or 0.0
    alarms = {
        f"alarm: {alarm}": None
        for seen in motions
        for alarm in motion_alarms(seen, samples, start, small, poses.ground_amsl_m, delay_s)
    }
    return _settle(report, poses, tuple(alarms))


def _settle(report: OffsetReport, poses: RecordedPoses, alarms: tuple[str, ...]) -> Clocks:
    """Apply what is certain; what is not makes every pose less so."""
    offset = report.offset
    poses.track.time_sigma_s = _sigma_s(report)
    if report.alarm:
        return Clocks(report, False, (f"alarm: {report.alarm}", *alarms))
    if offset.seconds is None or offset.sigma_s is None:
        return Clocks(report, False, alarms)
    if abs(offset.seconds) < max(AGREE_S, 2 * offset.sigma_s):
        return Clocks(report, False, alarms)
    poses.track.delay_s = offset.seconds
    ahead = "ahead of" if offset.seconds > 0 else "behind"
    return Clocks(
        report, True,
        (
            f"the video's clock is {abs(offset.seconds):.2f} s {ahead} the telemetry's "
            f"(one sigma {offset.sigma_s:.2f} s, told from the footage); that is taken into account",
            *alarms,
        ),
    )  # fmt: skip


def _sigma_s(report: OffsetReport) -> float:
    """One sigma of the offset that is taken: as measured, as far as stretches disagree, or by experience."""
    told = [offset.seconds for _, offset in report.stretches if offset.seconds is not None]
    if report.alarm and told:
        return max(float(np.abs(told).max()), UNTOLD_SIGMA_S)
    return report.offset.sigma_s if report.offset.sigma_s is not None else UNTOLD_SIGMA_S


def _liveliest(signal: PoseSignal, camera: CameraModel, seconds_long: float) -> list[float]:
    """Starts of the stretches in which the poses' motion changes most, in the order of time."""
    starts = np.arange(0.0, max(seconds_long - STRETCH_S / 2, 1.0), STRETCH_S)
    if len(starts) <= MOST_STRETCHES:
        return [float(begin) for begin in starts]
    lively = []
    for begin in starts:
        rates = signal.motion(np.arange(begin, begin + STRETCH_S, 0.5), 0.5, camera)
        known = rates[np.isfinite(rates).all(axis=1)]
        lively.append(float(known.std(axis=0).sum()) if len(known) > 10 else 0.0)
    chosen = np.argsort(lively, kind="stable")[-MOST_STRETCHES:]
    return [float(begin) for begin in sorted(starts[chosen])]


def _seconds_long(video: Path) -> float:
    with open_video(str(video)) as container:
        return float((container.duration or 0) / av.time_base)


def _pictures(video: Path, begin_s: float, camera: CameraModel) -> Iterator[tuple[float, Pixels]]:
    """Small grey pictures of one stretch with their seconds from the first frame."""
    sampler = Sampler(RATE_HZ)
    with open_video(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        origin = float(stream.start_time or 0) * float(stream.time_base or 0)
        try:
            if begin_s > 0:
                container.seek(int((origin + begin_s) * av.time_base))
            for frame in container.decode(stream):
                seconds = (frame.time or 0.0) - origin
                if seconds >= begin_s + STRETCH_S:
                    return
                if seconds < begin_s or not sampler.takes(seconds):
                    continue
                yield seconds, _small(frame, camera)
        except (av.error.FFmpegError, OSError):
            return  # replay itself says where the video breaks off


def _small(frame: av.VideoFrame, camera: CameraModel) -> Pixels:
    """Grey, upright and of the camera's size."""
    turns = round(float(getattr(frame, "rotation", 0)) / 90) % 4
    width, height = camera.width_px, camera.height_px
    if turns % 2:
        width, height = height, width
    image: Pixels = frame.reformat(width=width, height=height, format="gray").to_ndarray()
    return np.ascontiguousarray(np.rot90(image, turns))
