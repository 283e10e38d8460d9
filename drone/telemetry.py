"""The camera's pose at any instant, from telemetry that comes in samples."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from vision.camera import Pose


class PoseUnknown(LookupError):
    """No pose is known for this instant: telemetry does not reach there. Check the clock of the video."""


class PoseTrack:
    """Poses over time, interpolated between samples. Safe to fill from one thread and read from another.

    Args:
        max_gap_s: no pose is given inside a wider gap between samples, nor further outside the track.
        delay_s: capture times run this much ahead of the telemetry's clock; it is subtracted on look-up.
    """

    def __init__(self, poses: Iterable[Pose] = (), *, max_gap_s: float = 2.0, delay_s: float = 0.0) -> None:
        self._poses: list[Pose] = sorted(poses, key=lambda pose: pose.captured_at)
        self._times: list[datetime] = [pose.captured_at for pose in self._poses]
        self._changed = threading.Condition()
        self.max_gap_s = max_gap_s
        self.delay_s = delay_s

    def __len__(self) -> int:
        return len(self._poses)

    @property
    def start(self) -> datetime | None:
        return self._times[0] if self._times else None

    @property
    def end(self) -> datetime | None:
        return self._times[-1] if self._times else None

    def poses(self) -> list[Pose]:
        """A copy of the samples, oldest first."""
        with self._changed:
            return list(self._poses)

    def add(self, pose: Pose) -> None:
        """Insert a sample; one of the same instant replaces the older."""
        with self._changed:
            index = bisect_left(self._times, pose.captured_at)
            if index < len(self._times) and self._times[index] == pose.captured_at:
                self._poses[index] = pose
            else:
                self._times.insert(index, pose.captured_at)
                self._poses.insert(index, pose)
            self._changed.notify_all()

    def wait_until(self, instant: datetime, timeout_s: float) -> bool:
        """Wait (wall time) for a sample at or after ``instant``; False when none came in time."""
        target = instant - timedelta(seconds=self.delay_s)
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._times) and self._times[-1] >= target, timeout_s)

    def at(self, instant: datetime) -> Pose:
        """The pose at ``instant``; angles go the short way round.

        Raises:
            PoseUnknown: the instant lies outside the track or in a gap wider than ``max_gap_s``.
        """
        target = instant - timedelta(seconds=self.delay_s)
        with self._changed:
            index = bisect_left(self._times, target)
            before = self._poses[index - 1] if index > 0 else None
            after = self._poses[index] if index < len(self._poses) else None
        if after is not None and after.captured_at == target:
            return replace(after, captured_at=instant)
        if before is None or after is None:
            nearest = before or after
            gap = abs((target - nearest.captured_at).total_seconds()) if nearest else float("inf")
            if nearest is None or gap > self.max_gap_s / 2:
                raise PoseUnknown(f"no telemetry within {self.max_gap_s / 2:g} s of {instant.isoformat()}")
            return replace(nearest, captured_at=instant)
        span = (after.captured_at - before.captured_at).total_seconds()
        if span > self.max_gap_s:
            raise PoseUnknown(f"telemetry has a gap of {span:.1f} s at {instant.isoformat()}")
        return _blend(before, after, (target - before.captured_at).total_seconds() / span, instant)


def _blend(a: Pose, b: Pose, share: float, instant: datetime) -> Pose:
    def line(x: float, y: float) -> float:
        return x + share * (y - x)

    def angle(x: float, y: float) -> float:
        return float((x + share * ((y - x + 180.0) % 360.0 - 180.0) + 180.0) % 360.0 - 180.0)

    return replace(
        a,
        captured_at=instant,
        latitude=line(a.latitude, b.latitude),
        longitude=line(a.longitude, b.longitude),
        altitude_amsl_m=line(a.altitude_amsl_m, b.altitude_amsl_m),
        yaw_deg=angle(a.yaw_deg, b.yaw_deg),
        pitch_deg=line(a.pitch_deg, b.pitch_deg),
        roll_deg=angle(a.roll_deg, b.roll_deg),
        position_sigma_m=float(np.maximum(a.position_sigma_m, b.position_sigma_m)),
        altitude_sigma_m=float(np.maximum(a.altitude_sigma_m, b.altitude_sigma_m)),
        attitude_sigma_deg=float(np.maximum(a.attitude_sigma_deg, b.attitude_sigma_deg)),
        heading_sigma_deg=float(np.maximum(a.heading_sigma_deg, b.heading_sigma_deg)),
    )
