"""A live stream: always the newest frame, the others dropped and counted, opened again when it breaks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import av

from missions.clock import Clock, SystemClock
from vision.errors import SourceError, StreamLost
from vision.frames import Frame, Sampler, _Closing, open_video, upright

logger = logging.getLogger(__name__)

RESYNC_S = 1.5
"""A stream whose own time has drifted this far from the clock is anchored anew."""


class LiveStream(_Closing):
    """Newest frame of a stream (RTSP, RTMP, MPEG-TS over UDP or TCP, HLS).

    A thread decodes; the reader gets the newest frame and whatever came in between is dropped and counted.
    A frame's capture time is the arrival of the stream's first frame plus the stream's own time since,
    anchored anew when the two drift apart, so that jitter of the network does not reach it.

    Args:
        fps: frames a second to give at most; None for all that the reader can take.
        reconnect_s: how long to keep trying after the stream broke before ``StreamLost`` is raised.
        latency_s: known delay of the camera and the link; subtracted from capture times.
        opener: how to open the address (for tests).

    Attributes:
        dropped: frames that arrived and were never given. reconnects: how often the stream was opened again.
    """

    def __init__(
        self,
        url: str,
        *,
        fps: float | None = None,
        clock: Clock | None = None,
        reconnect_s: float = 30.0,
        first_frame_s: float = 20.0,
        latency_s: float = 0.0,
        opener: Callable[[str], Any] | None = None,
    ) -> None:
        self.url = url
        self.dropped = 0
        self.reconnects = 0
        self._fps = fps
        self._clock = clock or SystemClock()
        self._reconnect_s = reconnect_s
        self._latency = timedelta(seconds=latency_s)
        self._opener = opener or _open
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._size: tuple[int, int] | None = None
        self._failure: SourceError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {url}", daemon=True)
        self._thread.start()
        self._wait_for_first(first_frame_s)

    @property
    def camera_size(self) -> tuple[int, int]:
        assert self._size is not None
        return self._size

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._newest is not None or self._failure is not None or self._stop.is_set()
                )
                frame, self._newest = self._newest, None
                failure = self._failure
            if frame is not None:
                yield frame
            elif failure is not None:
                raise failure
            else:
                return

    def close(self) -> None:
        """Stop the thread; a reader in another thread is let go."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10.0)

    def _wait_for_first(self, timeout_s: float) -> None:
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._size is not None or self._failure is not None, timeout_s
            )
            failure = self._failure
        if arrived and failure is None:
            return
        self.close()
        raise failure or StreamLost(f"{self.url}: no frame came within {timeout_s:g} s; check the camera")

    def _run(self) -> None:
        index = 0
        broken_since: float | None = None
        while not self._stop.is_set():
            try:
                with self._opener(self.url) as container:
                    for frame in self._decode(container, index):
                        index, broken_since = frame.index + 1, None
                        if self._stop.is_set():
                            return
                reason = "the stream ended"
            except SourceError as error:
                reason = str(error).removeprefix(f"{self.url}: ")
            except (av.error.FFmpegError, OSError) as error:
                reason = str(error.strerror or error)
            except Exception as error:  # a thread that dies in silence would leave its reader waiting
                logger.exception("reading %s failed", self.url)
                self._fail(StreamLost(f"{self.url}: its pictures cannot be read ({error}); check the camera"))
                return
            # FFmpeg's words for its time-out
            reason = reason.replace("Immediate exit requested", "nothing arrived in time")
            broken_since = broken_since if broken_since is not None else time.monotonic()
            if self._size is None or time.monotonic() - broken_since > self._reconnect_s:
                self._fail(StreamLost(f"{self.url}: {reason}; check the camera and the network"))
                return
            logger.warning("stream %s broke off (%s), opening it again", self.url, reason)
            self.reconnects += 1
            self._stop.wait(min(2.0, 0.1 + 0.3 * (time.monotonic() - broken_since)))

    def _decode(self, container: Any, index: int) -> Iterator[Frame]:
        sampler = Sampler(self._fps)
        anchor: datetime | None = None
        origin = 0.0
        first: float | None = None
        for picture in container.decode(container.streams.video[0]):
            now = self._clock.now() - self._latency
            seconds = float(picture.time) if picture.time is not None else None
            captured_at = now
            if seconds is not None:
                if anchor is not None:
                    captured_at = anchor + timedelta(seconds=seconds - origin)
                if anchor is None or abs((captured_at - now).total_seconds()) > RESYNC_S:
                    anchor, origin, captured_at = now, seconds, now
            first = first if first is not None else (seconds or 0.0)
            if sampler.takes((seconds or 0.0) - first):
                frame = Frame(upright(picture), captured_at.astimezone(UTC), index)
                self._offer(frame)
                yield frame
            index += 1

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._newest is not None:
                self.dropped += 1
            self._newest = frame
            self._size = (frame.image.shape[1], frame.image.shape[0])
            self._changed.notify_all()

    def _fail(self, failure: SourceError) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()


def _open(url: str) -> Any:
    options = {"fflags": "nobuffer", "flags": "low_delay"}
    if url.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    return open_video(url, options=options, timeout=10.0)
