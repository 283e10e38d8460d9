"""The camera's pose at any instant, from telemetry that comes in samples."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from missions.geodesy import metres_per_degree
from vision.camera import Pose


class PoseUnknown(LookupError):
    """No pose is known for this instant: telemetry does not reach there. Check the clock of the video."""


class PoseTrack:
    """Poses over time, interpolated between samples. Safe to fill from one thread and read from another.

    Args:
        max_gap_s: no pose is given inside a wider gap between samples, nor further outside the track.
        delay_s: capture times run this much ahead of the telemetry's clock; it is subtracted on look-up.
        time_sigma_s: one standard deviation of that. Poses are the less certain by it the faster the camera
            moves and turns.
    """

    def __init__(
        self, poses: Iterable[Pose] = (), *, max_gap_s: float = 2.0, delay_s: float = 0.0,
        time_sigma_s: float = 0.0,
    ) -> None:  # fmt: skip
        self._poses: list[Pose] = sorted(poses, key=lambda pose: pose.captured_at)
        self._times: list[datetime] = [pose.captured_at for pose in self._poses]
        self._changed = threading.Condition()
        self.max_gap_s = max_gap_s
        self.delay_s = delay_s
        self.time_sigma_s = time_sigma_s

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
            beyond = self._poses[index + 1] if index + 1 < len(self._poses) else None
        if after is not None and after.captured_at == target:
            found = replace(after, captured_at=instant)
            return self._as_sure(found, before or after, after if before or beyond is None else beyond)
        if before is None or after is None:
            nearest = before or after
            gap = abs((target - nearest.captured_at).total_seconds()) if nearest else float("inf")
            if nearest is None or gap > self.max_gap_s / 2:
                raise PoseUnknown(f"no telemetry within {self.max_gap_s / 2:g} s of {instant.isoformat()}")
            return replace(nearest, captured_at=instant)
        span = (after.captured_at - before.captured_at).total_seconds()
        if span > self.max_gap_s:
            raise PoseUnknown(f"telemetry has a gap of {span:.1f} s at {instant.isoformat()}")
        share = (target - before.captured_at).total_seconds() / span
        return self._as_sure(_blend(before, after, share, instant), before, after)

    def _as_sure(self, pose: Pose, first: Pose, second: Pose) -> Pose:
        """The pose with what the clock's error adds, by the motion from one sample to another."""
        span = (second.captured_at - first.captured_at).total_seconds()
        if self.time_sigma_s <= 0 or not 0 < span <= self.max_gap_s:
            return pose
        share = self.time_sigma_s / span
        north_m, east_m = metres_per_degree(first.latitude)
        moved_m = np.hypot(
            (second.latitude - first.latitude) * north_m, (second.longitude - first.longitude) * east_m
        )
        turned, tilted, rolled = (
            (getattr(second, name) - getattr(first, name) + 180.0) % 360.0 - 180.0
            for name in ("yaw_deg", "pitch_deg", "roll_deg")
        )
        climbed = second.altitude_amsl_m - first.altitude_amsl_m
        return replace(
            pose,
            position_sigma_m=float(np.hypot(pose.position_sigma_m, share * moved_m)),
            altitude_sigma_m=float(np.hypot(pose.altitude_sigma_m, share * climbed)),
            attitude_sigma_deg=float(
                np.hypot(pose.attitude_sigma_deg, share * max(abs(tilted), abs(rolled)))
            ),
            heading_sigma_deg=float(np.hypot(pose.heading_sigma_deg, share * turned)),
        )


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
