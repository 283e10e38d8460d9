"""Recorded footage through the same pipeline as a flight: frames and poses -> watch -> spool -> server.

The same recording, weights and configuration give the same messages at any speed: ids derive from the content
of the files (``recording_namespace``), times from the recording, and delivery follows the frames' order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid5

from drone.recorded.errors import TelemetryDoesNotOverlap
from drone.spool import Spool
from drone.telemetry import PoseTrack, PoseUnknown
from missions.clock import Clock, SystemClock
from missions.messages import SightingMessage
from vision.camera import Pose
from vision.errors import BrokenVideo
from vision.frames import Frame

RECORDINGS = UUID("8a6f0a52-58a4-5bb0-9a5e-3f2c7d1b9e40")
"""Namespace of recordings' ids."""


class Watching(Protocol):
    """What replay needs of ``vision.watch.Watch``."""

    def process(self, frame: Frame) -> WatchedFrame: ...

    def finish(self) -> list[SightingMessage]: ...


class WatchedFrame(Protocol):
    @property
    def sightings(self) -> list[SightingMessage]: ...


@dataclass(slots=True)
class ReplayResult:
    """What a replay did.

    Attributes:
        messages: every sighting message put into the spool, in order.
        seconds: length of the footage seen. broken: why the video stopped before its end, else "".
    """

    frames: int = 0
    frames_without_pose: int = 0
    messages: list[SightingMessage] = field(default_factory=list)
    first_at: datetime | None = None
    last_at: datetime | None = None
    broken: str = ""

    @property
    def sightings(self) -> int:
        """Distinct sightings, revisions not counted."""
        return len({message.sighting_id for message in self.messages})

    @property
    def seconds(self) -> float:
        if self.first_at is None or self.last_at is None:
            return 0.0
        return (self.last_at - self.first_at).total_seconds()


def recording_namespace(files: Iterable[Path], *settings: str) -> UUID:
    """The id of a recording: of the content of its files and of what shapes the result, never of their names.

    Args:
        files: footage, telemetry, zones, in this order.
        settings: weights, camera and the like.
    """
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    for setting in settings:
        digest.update(hashlib.sha256(setting.encode()).digest())
    return uuid5(RECORDINGS, digest.hexdigest())


def pose_lookup(track: PoseTrack) -> Callable[[datetime], Pose | None]:
    """The track as ``Watch`` asks it: None where no pose is known."""

    def pose_at(instant: datetime) -> Pose | None:
        try:
            return track.at(instant)
        except PoseUnknown:
            return None

    return pose_at


def replay(
    source: Iterable[Frame],
    poses: PoseTrack,
    watch: Watching,
    spool: Spool,
    *,
    speed: float | None = None,
    clock: Clock | None = None,
    on_frame: Callable[[Frame, int], None] | None = None,
    on_sightings: Callable[[list[SightingMessage]], None] | None = None,
) -> ReplayResult:
    """Show the footage to the watch and put what it reports into the spool.

    A video that breaks off is seen to its last good frame; ``ReplayResult.broken`` says so.

    Args:
        speed: 1 as recorded, 8 eight times as fast, None as fast as it goes. It changes the pace only.
        clock: that the pace is kept by.
        on_frame: called before each frame with its number, for progress.
        on_sightings: called when messages are in the spool, e.g. to deliver them.

    Raises:
        TelemetryDoesNotOverlap: no frame at all has a pose.
        ValueError: the speed is not above 0.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"a speed of {speed} is impossible; give a number above 0, or max")
    pacer = _Pacer(speed, clock or SystemClock())
    pose_at = pose_lookup(poses)
    result = ReplayResult()

    def keep(messages: list[SightingMessage]) -> None:
        for message in messages:
            spool.put_sighting(message)
        result.messages.extend(messages)
        if messages and on_sightings is not None:
            on_sightings(messages)

    try:
        for frame in source:
            pacer.wait(frame.captured_at)
            if on_frame is not None:
                on_frame(frame, result.frames)
            result.first_at = result.first_at or frame.captured_at
            result.last_at = frame.captured_at
            result.frames += 1
            result.frames_without_pose += pose_at(frame.captured_at) is None
            keep(watch.process(frame).sightings)
    except BrokenVideo as error:
        result.broken = str(error)
    keep(watch.finish())
    _check_overlap(result, poses)
    return result


class _Pacer:
    def __init__(self, speed: float | None, clock: Clock) -> None:
        self._speed, self._clock = speed, clock
        self._origin: tuple[datetime, float] | None = None

    def wait(self, captured_at: datetime) -> None:
        if self._speed is None:
            return
        if self._origin is None:
            self._origin = (captured_at, self._clock.monotonic())
        due = self._origin[1] + (captured_at - self._origin[0]).total_seconds() / self._speed
        self._clock.sleep(max(0.0, due - self._clock.monotonic()))


def _check_overlap(result: ReplayResult, poses: PoseTrack) -> None:
    if result.frames == 0 or result.frames_without_pose < result.frames:
        return
    if poses.start is None or poses.end is None:
        raise TelemetryDoesNotOverlap("the telemetry holds not a single pose")
    raise TelemetryDoesNotOverlap(
        f"no frame has a pose: the footage is of {result.first_at:%Y-%m-%d %H:%M:%S} to "
        f"{result.last_at:%H:%M:%S}, the telemetry of {poses.start:%Y-%m-%d %H:%M:%S} to "
        f"{poses.end:%H:%M:%S} UTC; give the right file, --start or --time-zone"
    )
