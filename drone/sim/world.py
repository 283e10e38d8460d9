"""The simulated town, aircraft and camera on one clock.

The world advances in steps of ``STEP_S``. While somebody watches the camera it stops at the instant of each
frame until that frame is taken, so that a slow detector slows the world down and never loses a frame. Without
a watcher it runs at the asked speed.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context, parent_process

import numpy as np
from numpy.typing import NDArray

from drone.sim.autopilot import SimulatedAutopilot
from drone.sim.renderer import FrameTruth, Renderer
from drone.sim.town import Town
from vision.camera import CameraModel, Pose
from vision.frames import Frame

STEP_S = 0.02
HURRIED_SPEED = 10.0
BREEZE_M_S = (2.0, 1.0)
WARM_UP_S = 60.0
"""Simulated seconds after boot that are hurried through when no speed is set: the autopilot's self-tests."""


Picture = NDArray[np.uint8]
_studio: list[Renderer] = []
"""The renderer of a rendering process."""


@dataclass(frozen=True, slots=True)
class _Coming:
    """A frame that is being rendered."""

    captured_at: datetime
    picture: Future[tuple[Picture, FrameTruth]]


def _open_studio(town_seed: int, camera: CameraModel) -> None:
    end_with_parent()
    _studio.append(Renderer(Town.generate(town_seed), camera))


def end_with_parent() -> None:
    """Tie a pool's worker to its parent: it ends when that one is killed, and leaves Ctrl+C to it."""
    # The terminal's Ctrl+C goes to every process; only the one that owns the world acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker waits for work for ever: it does not notice by itself that its parent was killed.
    threading.Thread(target=_wait_for_parent, name="parent", daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _warm_up() -> None:
    """Done once the renderer stands."""


def _render(town_time_s: float, pose: Pose) -> tuple[Picture, FrameTruth]:
    return _studio[0].render(town_time_s, pose)


@dataclass(slots=True)
class EventExposure:
    """How long and how large the camera has had one planted event in view."""

    frames: int = 0
    seconds: float = 0.0
    largest_span_px: float = 0.0
    first_seen_s: float = 0.0


@dataclass(slots=True)
class Exposure:
    """What the camera has had in view, kept by the world itself as the truth to judge against."""

    frames: int = 0
    events: dict[str, EventExposure] = field(default_factory=dict)

    def add(self, truth: FrameTruth, frame_s: float, min_span_px: float) -> None:
        """Count one frame; an event smaller than ``min_span_px`` does not count as seen."""
        self.frames += 1
        for event_id, view in truth.events.items():
            if view.visible and view.span_px >= min_span_px:
                seen = self.events.setdefault(event_id, EventExposure(first_seen_s=truth.time_s))
                seen.frames += 1
                seen.seconds += frame_s
                seen.largest_span_px = max(seen.largest_span_px, view.span_px)


class World:
    """A town with one aircraft over it.

    Args:
        camera: what the aircraft carries; frames are rendered with it.
        frames_per_second: how often the camera is looked at, in simulated time.
        speed: simulated seconds per second; None for as fast as the watcher takes frames.
        start: simulated time of the autopilot's boot, aware UTC.
        min_span_px: an event must span this many pixels to count as seen.
    """

    def __init__(
        self,
        town: Town,
        camera: CameraModel,
        *,
        start: datetime,
        frames_per_second: float = 5.0,
        speed: float | None = 1.0,
        seed: int = 0,
        min_span_px: float = 6.0,
    ) -> None:
        self.town = town
        self.camera = camera
        self.frame_s = 1.0 / frames_per_second
        self.speed = speed
        self.exposure = Exposure()
        self.autopilot = SimulatedAutopilot(
            town.home, terrain=town.terrain, start=start, seed=seed, wind=BREEZE_M_S
        )
        self.clock = WorldClock(self)
        self._start = start
        self._min_span_px = min_span_px
        self._steps_per_frame = max(1, round(self.frame_s / STEP_S))
        self._rendering: queue.Queue[_Coming] = queue.Queue(maxsize=1)
        self._watched = threading.Event()
        self._stopping = threading.Event()
        self.advanced = threading.Condition()
        self._town_epoch_s: float | None = None
        # Rendering has a process of its own: it draws the next frame while the eye works on this one.
        self._studio = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_open_studio, initargs=(town.seed, camera)
        )
        self._studio.submit(_warm_up)
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)

    @property
    def time_s(self) -> float:
        """Simulated seconds since the autopilot's boot."""
        return self.autopilot.time_s

    def start(self) -> None:
        """Let time run."""
        self._thread.start()

    def close(self) -> None:
        """Stop time and the aircraft's links."""
        self._stopping.set()
        self._watched.clear()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        self.autopilot.close()
        self._studio.shutdown(cancel_futures=True)

    def _run(self) -> None:
        steps = 0
        due = time.monotonic()
        while not self._stopping.is_set():
            self.autopilot.step(STEP_S)
            steps += 1
            with self.advanced:
                self.advanced.notify_all()
            if steps % self._steps_per_frame == 0 and self._watched.is_set():
                self._offer_frame()
            speed = self._current_speed()
            if speed is None:
                due = time.monotonic()
                continue
            due += STEP_S / speed
            late = time.monotonic() - due
            if late < 0:
                time.sleep(-late)
            elif late > 0.5:
                due = time.monotonic()

    def _current_speed(self) -> float | None:
        if self.speed is not None or self._watched.is_set():
            return self.speed
        return HURRIED_SPEED if self.time_s < WARM_UP_S or self.autopilot.flight.armed else 1.0

    def _offer_frame(self) -> None:
        town_time_s = self.time_s - (self._town_epoch_s or 0.0)
        picture = self._studio.submit(_render, town_time_s, self.autopilot.true_camera_pose())
        coming = _Coming(self.autopilot.now(), picture)
        while self._watched.is_set() and not self._stopping.is_set():
            try:
                self._rendering.put(coming, timeout=0.2)
                return
            except queue.Full:
                continue

    def frames(self) -> SimulatedCamera:
        """Start watching; the town's timetable begins with the first watcher."""
        return SimulatedCamera(self)

    def begin_watching(self) -> None:
        """Make the world wait for each of its frames to be taken."""
        if self._town_epoch_s is None:
            self._town_epoch_s = self.time_s
        while not self._rendering.empty():
            self._rendering.get_nowait()
        self._watched.set()

    def end_watching(self) -> None:
        """Let the world run on without waiting for anybody."""
        self._watched.clear()

    def next_frame(self, index: int) -> Frame | None:
        """The next frame; None when watching has ended."""
        while self._watched.is_set() and not self._stopping.is_set():
            try:
                coming = self._rendering.get(timeout=0.2)
            except queue.Empty:
                continue
            image, truth = coming.picture.result()
            self.exposure.add(truth, self.frame_s, self._min_span_px)
            return Frame(image=image, captured_at=coming.captured_at, index=index)
        return None


class SimulatedCamera:
    """The camera under the simulated aircraft, as a source of frames."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._index = 0

    @property
    def camera_size(self) -> tuple[int, int]:
        return self._world.camera.width_px, self._world.camera.height_px

    @property
    def dropped(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Frame]:
        self._world.begin_watching()
        while (frame := self._world.next_frame(self._index)) is not None:
            self._index += 1
            yield frame

    def close(self) -> None:
        self._world.end_watching()


class WorldClock:
    """The world's time as a ``missions.clock.Clock``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.autopilot.now()

    def monotonic(self) -> float:
        return self._world.time_s

    def sleep(self, seconds: float) -> None:
        """Wait until the world has advanced by ``seconds`` of its own time."""
        until = self._world.time_s + seconds
        with self._world.advanced:
            while self._world.time_s < until and self._world.advanced.wait(timeout=5.0):
                pass


def start_of_patrol(seed: int) -> datetime:
    """A fixed simulated morning, so that a seed always has the same date and light."""
    return datetime.fromisoformat("2026-05-01T01:00:00+00:00") + timedelta(days=seed % 28)
