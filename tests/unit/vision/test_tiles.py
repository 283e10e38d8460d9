from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.detections import Detections
from vision.tiles import TiledDetector, merge, tile_grid


@given(st.integers(1, 5000), st.integers(1, 4000), st.sampled_from([320, 640, 1280]), st.floats(0, 0.5))
def test_tiles_cover_and_overlap(width: int, height: int, size: int, overlap: float) -> None:
    tiles = tile_grid(width, height, size, overlap)
    columns = sorted({(left, right) for left, _, right, _ in tiles})
    rows = sorted({(top, bottom) for _, top, _, bottom in tiles})
    assert len(tiles) == len(columns) * len(rows)
    for spans, length in ((columns, width), (rows, height)):
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        assert all(end - start == min(size, length) for start, end in spans)
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= overlap * size - 1


@pytest.mark.parametrize(("size", "overlap"), [(0, 0.2), (640, 0.95), (640, -0.1)])
def test_impossible_grids(size: int, overlap: float) -> None:
    with pytest.raises(ValueError, match="cover nothing"):
        tile_grid(100, 100, size, overlap)


class Blobs:
    """Finds white rectangles, cut at the border of what it is shown."""

    names = ("person", "car")
    thresholds = {"person": 0.3, "car": 0.3}  # noqa: RUF012

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def detect(self, image: np.ndarray) -> Detections:
        import cv2

        self.shown.append(image.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 128).astype(np.uint8))
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]]
        n = count - 1
        return Detections(
            np.array(boxes, np.float32).reshape(n, 4),
            np.full(n, 0.8, np.float32),
            np.zeros(n, np.int64),
            self.names,
        )


def test_things_on_seams_are_found_once_and_whole() -> None:
    random = np.random.default_rng(5)
    image = np.zeros((2250, 4000, 3), np.uint8)
    planted = []
    for row in range(9):
        for column in range(16):
            x, y = column * 245 + int(random.integers(0, 150)), row * 245 + int(random.integers(0, 150))
            w, h = (int(v) for v in random.integers(15, 60, 2))
            image[y : y + h, x : x + w] = 255
            planted.append((x, y, x + w, y + h))
    detector = Blobs()
    tiled = TiledDetector(detector, size=640, whole=False)
    found = tiled.detect(image)
    assert sorted(tuple(int(v) for v in box) for box in found.boxes) == sorted(planted)
    assert all(max(shape) <= 640 for shape in detector.shown)
    assert tiled.thresholds == detector.thresholds


def test_a_thing_larger_than_a_tile_comes_from_the_whole_frame() -> None:
    image = np.zeros((1000, 2000, 3), np.uint8)
    image[100:900, 200:1800] = 255
    found = TiledDetector(Blobs(), size=640).detect(image)
    assert (200, 100, 1800, 900) in {tuple(int(v) for v in box) for box in found.boxes}


def test_a_small_frame_is_looked_at_once() -> None:
    detector = Blobs()
    TiledDetector(detector, size=640).detect(np.zeros((480, 640, 3), np.uint8))
    assert detector.shown == [(480, 640)]


def test_merging_nothing() -> None:
    assert len(merge([])) == 0
    assert len(merge([Detections.empty(("person",))])) == 0
