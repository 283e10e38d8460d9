from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import av
import numpy as np
import pytest

from missions.clock import ManualClock
from vision.errors import SourceMissing, StreamLost
from vision.live import LiveStream

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)


class Picture:
    rotation = 0
    format = SimpleNamespace(name="yuv420p")

    def __init__(self, time: float | None, shade: int) -> None:
        self.time = time
        self.shade = shade

    def to_ndarray(self, format: str) -> np.ndarray:
        return np.full((6, 8, 3), self.shade, np.uint8)


class Wire:
    """A container whose pictures are handed out when the test says so."""

    def __init__(
        self, pictures: list[Picture], gate: threading.Semaphore, end: Exception | None = None
    ) -> None:
        self.pictures, self.gate, self.end = pictures, gate, end
        self.streams = type("S", (), {"video": [None]})()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None: ...

    def decode(self, _: object) -> Iterator[Picture]:
        for picture in self.pictures:
            self.gate.acquire()
            yield picture
        self.gate.acquire()
        if self.end:
            raise self.end


def test_newest_frame_wins_and_drops_are_counted() -> None:
    gate = threading.Semaphore(5)
    wire = Wire([Picture(i / 10, i) for i in range(6)], gate)
    stream = LiveStream("rtsp://camera", clock=ManualClock(START), opener=lambda _: wire)
    frames = iter(stream)
    while stream.dropped < 4:  # the thread has no work left after five pictures
        threading.Event().wait(0.002)
    newest = next(frames)
    assert newest.index == 4
    assert newest.captured_at == START + timedelta(seconds=0.4)
    assert stream.dropped == 4
    assert stream.camera_size == (8, 6)
    gate.release()
    assert next(frames).index == 5
    stream._stop.set()
    gate.release()
    stream.close()
    assert list(frames) == []


def test_opened_again_after_a_break_and_time_anchored_anew() -> None:
    gate = threading.Semaphore(1)
    clock = ManualClock(START)
    wires = [
        Wire([Picture(100.0, 1)], gate, av.error.ConnectionResetError(104, "reset")),
        Wire([Picture(0.0, 2), Picture(None, 3)], gate),
    ]
    stream = LiveStream("rtsp://camera", clock=clock, opener=lambda _: wires.pop(0))
    frames = iter(stream)
    assert next(frames).captured_at == START
    clock.advance(7.0)
    gate.release()
    gate.release()
    second = next(frames)
    assert second.captured_at == START + timedelta(seconds=7)
    assert second.index == 1
    assert stream.reconnects == 1
    gate.release()
    assert next(frames).captured_at == START + timedelta(seconds=7)
    stream._stop.set()
    gate.release()
    stream.close()


def test_stream_that_never_comes_back_ends_with_an_error() -> None:
    gate = threading.Semaphore(9)
    answers: list[object] = [Wire([Picture(0.0, 1)], gate)]

    def opener(_: str) -> object:
        if answers:
            return answers.pop()
        raise SourceMissing("camera: gone")

    stream = LiveStream("rtsp://camera", clock=ManualClock(START), opener=opener, reconnect_s=0.05)
    frames = iter(stream)
    next(frames)
    with pytest.raises(StreamLost, match="gone"):
        list(frames)
    stream.close()


def test_unreachable_stream_says_so_at_once() -> None:
    def opener(_: str) -> object:
        raise SourceMissing("rtsp://camera: cannot be opened (refused)")

    with pytest.raises(StreamLost, match="refused") as said:
        LiveStream("rtsp://camera", opener=opener)
    assert str(said.value).count("rtsp://camera") == 1


def test_a_time_out_is_said_in_words_and_not_in_ffmpegs() -> None:
    def opener(_: str) -> object:
        raise SourceMissing("udp://camera: cannot be opened (Immediate exit requested)")

    with pytest.raises(StreamLost, match="nothing arrived in time"):
        LiveStream("udp://camera", opener=opener)


def test_nobody_answers() -> None:
    gate = threading.Semaphore(0)
    wire = Wire([], gate)

    class Slow(Wire):
        def decode(self, _: object) -> Iterator[Picture]:
            self.gate.acquire(timeout=0.2)
            yield from ()

    with pytest.raises(StreamLost, match="no frame came"):
        LiveStream("rtsp://camera", opener=lambda _: Slow([], gate), first_frame_s=0.05)
    assert wire.pictures == []


def test_a_picture_that_cannot_be_read_ends_the_stream_with_a_sentence() -> None:
    class Broken(Picture):
        def to_ndarray(self, format: str) -> np.ndarray:
            raise ValueError(f"no conversion to {format}")

    wire = Wire([Broken(0.0, 1)], threading.Semaphore(9))
    with pytest.raises(
        StreamLost, match=r"rtsp://camera: its pictures cannot be read \(no conversion to rgb24\)"
    ):
        LiveStream("rtsp://camera", clock=ManualClock(START), opener=lambda _: wire)
