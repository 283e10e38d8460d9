"""The simulated camera as a live stream: H.264 in MPEG-TS over UDP, as a real aircraft sends it.

The presentation time stamp of a frame is the vehicle's time since boot (``time_boot_ms`` of its MAVLink
telemetry) at the instant the frame shows, on MPEG-TS's clock of 90 kHz; so a receiver can pair each frame
with the telemetry exactly. The frame leaves as soon as it is drawn and encoded, which takes 0.1 to 0.3 s on a
small machine; a frame that is not done when the next one is due lets that one fall out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
from numpy.typing import NDArray

from drone.errors import DroneError
from drone.sim.relief import ORIGIN_LATITUDE, ORIGIN_LONGITUDE
from drone.sim.renderer import Renderer
from drone.sim.town import Town
from drone.sim.world import end_with_parent
from missions.geodesy import distance_m
from vision.camera import CameraModel, Pose

log = logging.getLogger(__name__)

CLOCK_HZ = 90_000
PACKET_BYTES = 1316
"""Seven packets of 188 bytes: what fits into one datagram of an Ethernet."""
TOWN_REACH_M = 3000.0
BIT_RATE = 4_000_000

_studio: list[_Studio] = []
"""The camera of a rendering process."""


class VideoRefused(DroneError):
    """The video cannot be sent so."""


class StreamWriter:
    """Frames as H.264 in MPEG-TS, sent in datagrams; a key frame every second, so that anybody may join.

    Args:
        url: ``udp://HOST:PORT``.
        frames_per_second: for the encoder's planning; the time stamps come with the frames.
    """

    def __init__(self, url: str, width_px: int, height_px: int, frames_per_second: float) -> None:
        rate = Fraction(frames_per_second).limit_denominator(1000)
        self._container = av.open(
            f"{url}?pkt_size={PACKET_BYTES}", "w", format="mpegts", options={"mpegts_copyts": "1"}
        )
        self._stream: Any = self._container.add_stream(
            "libx264", rate=rate,
            options={"preset": "veryfast", "tune": "zerolatency", "g": str(max(1, round(rate)))},
        )  # fmt: skip
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.bit_rate = BIT_RATE
        self._stream.codec_context.time_base = Fraction(1, CLOCK_HZ)

    def write(self, picture: NDArray[np.uint8], time_s: float) -> None:
        """Send one RGB picture (height, width, 3) that shows the instant ``time_s``, later than the last."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = round(time_s * CLOCK_HZ), Fraction(1, CLOCK_HZ)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Send what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


@dataclass(slots=True)
class _Studio:
    renderer: Renderer
    writer: StreamWriter


def _open_studio(town_seed: int, camera: CameraModel, url: str, frames_per_second: float) -> None:
    end_with_parent()
    writer = StreamWriter(url, camera.width_px, camera.height_px, frames_per_second)
    _studio.append(_Studio(Renderer(Town.generate(town_seed), camera), writer))


def _shoot(time_s: float, pose: Pose) -> None:
    picture, _ = _studio[0].renderer.render(time_s, pose)
    _studio[0].writer.write(picture, time_s)


@dataclass(slots=True)
class SimulatedVideo:
    """What a simulated vehicle's camera sees of the demo town, sent live from a process of its own.

    Args:
        look: where the camera is now, on the vehicle's clock.
        booted_at: when the vehicle's clock began.
        town_seed: of the town's people, traffic and events; its timetable begins with the vehicle's boot.
        url: ``udp://HOST:PORT`` to send to.

    Attributes:
        sent: frames that were handed to the camera.
        skipped: frames that fell out because the one before was not done.
    """

    look: Callable[[], Pose]
    booted_at: datetime
    town_seed: int
    camera: CameraModel
    url: str
    frames_per_second: float = 10.0
    sent: int = field(init=False, default=0)
    skipped: int = field(init=False, default=0)
    _pool: ProcessPoolExecutor = field(init=False)
    _thread: threading.Thread = field(init=False)
    _stopping: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_open_studio,
            initargs=(self.town_seed, self.camera, self.url, self.frames_per_second),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="simulated video", daemon=True)

    def start(self) -> None:
        """Begin to send; the first frame takes the seconds that building the town takes."""
        self._thread.start()

    def close(self) -> None:
        """Stop sending."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        due = time.monotonic()
        frame: Future[None] | None = None
        try:
            while not self._stopping.wait(max(0.0, due - time.monotonic())):
                due = max(due + 1.0 / self.frames_per_second, time.monotonic())
                if frame is not None and not frame.done():
                    self.skipped += 1
                    continue
                if frame is not None:
                    frame.result()
                pose = self.look()
                frame = self._pool.submit(_shoot, (pose.captured_at - self.booted_at).total_seconds(), pose)
                self.sent += 1
        except (OSError, BrokenExecutor, av.error.FFmpegError) as error:
            log.error("no more video to %s: %s", self.url, error)


def next_address(url: str, step: int) -> str:
    """The address ``step`` ports further on.

    >>> next_address("udp://127.0.0.1:5600", 10)
    'udp://127.0.0.1:5610'

    Raises:
        VideoRefused: it is not ``udp://HOST:PORT``, or the port is too high.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "udp" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise VideoRefused(f"--video {url!r} is no address to send to; write udp://HOST:PORT")
    if port + step > 65535:
        raise VideoRefused(f"--video {url!r} leaves no port for all vehicles; take a lower one")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"udp://{host}:{port + step}"


def over_the_town(pose: Pose) -> None:
    """Raises VideoRefused where the vehicle stands too far from the demo town to see it."""
    if distance_m(pose.latitude, pose.longitude, ORIGIN_LATITUDE, ORIGIN_LONGITUDE) > TOWN_REACH_M:
        raise VideoRefused("the simulated camera sees the demo town only; leave out --site, or --video")
