from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.unit.vision.networks import constant_network, pin, yolo_output
from vision.ahead import read_ahead
from vision.detector import Detector
from vision.errors import BrokenVideo, ImageRefused
from vision.frames import Frame
from vision.weights import load_weights

AT = datetime(2026, 5, 1, tzinfo=UTC)


def frames(count: int, broken: bool = False) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(np.full((4, 4, 3), index, np.uint8), AT, index)
    if broken:
        raise BrokenVideo("stops", frames=count)


def test_every_frame_comes_in_its_order_and_an_error_after_the_good_ones() -> None:
    assert [frame.index for frame in read_ahead(frames(50))] == list(range(50))
    seen = []
    with pytest.raises(BrokenVideo, match="stops"):
        seen.extend(frame.index for frame in read_ahead(frames(3, broken=True)))
    assert list(read_ahead(frames(0))) == []


def test_the_next_frame_is_read_while_one_is_looked_at() -> None:
    asked, prepared = threading.Event(), threading.Event()

    def source() -> Iterator[Frame]:
        yield from frames(1)
        asked.set()
        yield from frames(1)

    reader = read_ahead(source(), lambda image: prepared.set() if asked.is_set() else None)
    next(reader)
    assert prepared.wait(10)
    reader.close()


def test_a_reader_that_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    reader = read_ahead(frames(1000))
    assert next(reader).index == 0
    assert next(reader).index == 1
    reader.close()
    assert threading.active_count() == before


def test_prepared_pictures_give_the_same_boxes(tmp_path: Path) -> None:
    network = constant_network(yolo_output((32, 32, 16, 32, 0.9, 0.1, 0.0)))
    detector = Detector(load_weights(pin(tmp_path, network)), input_size=(64, 64), threads=1)
    pictures = [np.full((50, 60, 3), shade, np.uint8) for shade in range(9)]
    made: list[int] = []
    inner = detector.blob
    detector.blob = lambda padded: made.append(1) or inner(padded)  # type: ignore[method-assign,func-returns-value]
    plain = [detector.detect(picture) for picture in pictures]
    assert len(made) == 9
    for picture in pictures[:2]:
        detector.prepare(picture)
    for picture, expected in zip(pictures, plain, strict=True):
        assert detector.detect(picture).boxes.tobytes() == expected.boxes.tobytes()
    assert len(made) == 18  # two were made ahead and none twice
    with pytest.raises(ImageRefused):
        detector.prepare(np.zeros((4, 4), np.uint8))
