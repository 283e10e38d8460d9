from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.detections import Detections
from vision.tiles import CloserLook, TiledDetector, merge, tile_grid


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


def test_enlarged_tiles_find_the_same_things_where_they_are() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    planted = [(100, 80, 130, 140), (420, 200, 434, 240), (640, 300, 660, 330), (1240, 690, 1280, 720)]
    for left, top, right, bottom in planted:
        image[top:bottom, left:right] = 255
    detector = Blobs()
    found = TiledDetector(detector, size=640, whole=False, enlarge=1.5).detect(image)
    boxes = sorted(found.boxes.tolist())
    assert np.abs(np.array(boxes) - np.array(sorted(planted))).max() < 1.5
    assert all(max(shape) <= 641 for shape in detector.shown)
    assert len(detector.shown) == 4 * 2
    with pytest.raises(ValueError, match="give 1 to 8"):
        TiledDetector(detector, enlarge=0.5)


def test_a_small_frame_is_looked_at_once() -> None:
    detector = Blobs()
    TiledDetector(detector, size=640).detect(np.zeros((480, 640, 3), np.uint8))
    assert detector.shown == [(480, 640)]


def test_merging_nothing() -> None:
    assert len(merge([])) == 0
    assert len(merge([Detections.empty(("person",))])) == 0


class Eyes:
    """Finds people where they were planted, blurred by two pixels of what it is shown, and all cars."""

    names = ("person", "car")
    thresholds = {"person": 0.3, "car": 0.3}  # noqa: RUF012

    def __init__(
        self, people: list[tuple[int, int]], cars: list[tuple[int, int, int, int]] | None = None
    ) -> None:
        self.people, self.cars = people, cars or []
        self.shown: list[tuple[int, int]] = []

    def picture(self) -> np.ndarray:
        image = np.zeros((720, 1280, 3), np.uint8)
        for number, (x, y) in enumerate(self.people, 1):
            image[y : y + 20, x : x + 10] = (0, number, 255)
        for left, top, right, bottom in self.cars:
            image[top:bottom, left:right] = (255, 0, 0)
        return image

    def detect(self, image: np.ndarray) -> Detections:
        self.shown.append(image.shape[:2])
        whole = image.shape[:2] == (720, 1280)
        rows: list[tuple[list[float], float, int]] = []
        for number in range(1, len(self.people) + 1):
            ys, xs = np.nonzero((image[:, :, 1] == number) & (image[:, :, 2] == 255))
            if len(xs):
                shift = 2.0 if whole else 0.0
                box = [xs.min() + shift, ys.min() + shift, xs.max() + 1 + shift, ys.max() + 1 + shift]
                rows.append((box, 0.4 if whole else 0.8, 0))
        ys, xs = np.nonzero(image[:, :, 0] == 255)
        if len(xs):
            rows.append(([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], 0.7, 1))
        return Detections(
            np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[1] for row in rows], np.float32),
            np.array([row[2] for row in rows], np.int64),
            self.names,
        )


def test_a_closer_look_replaces_what_the_whole_frame_said_of_people() -> None:
    eyes = Eyes([(400, 300), (440, 300), (1100, 100)], [(380, 350, 460, 390)])
    found = CloserLook(eyes, enlarge=2.0, window_px=320).detect(eyes.picture())
    assert eyes.shown == [(720, 1280), (640, 640)]
    assert sorted((int(found.boxes[i, 0]), found.name(i)) for i in range(len(found))) == [
        (380, "car"), (400, "person"), (440, "person"), (1102, "person"),
    ]  # fmt: skip
    near = found.of("person").boxes[:2]
    np.testing.assert_allclose(
        near[np.argsort(near[:, 0])], [[400, 300, 410, 320], [440, 300, 450, 320]], atol=0.6
    )


def test_the_closer_look_goes_where_people_stand_together() -> None:
    apart = [(60 + 130 * i, 100) for i in range(3)]
    together = [(1000, 500), (1014, 502), (1026, 498)]
    eyes = Eyes(apart + together)
    found = CloserLook(eyes, enlarge=2.0, window_px=320).detect(eyes.picture())
    sure = found.boxes[found.scores > 0.5]
    assert sorted(round(float(box[0])) for box in sure) == [1000, 1014, 1026]
    again = Eyes(apart + together)
    assert CloserLook(again, enlarge=2.0, window_px=320, looks=2).detect(again.picture()).scores.min() > 0.5
    assert len(again.shown) == 3


def test_who_stands_on_the_seam_of_a_closer_look_is_neither_lost_nor_doubled() -> None:
    # The window of 320 px stands around the pair at 200; one more person stands right on its border at 359.
    eyes = Eyes([(195, 300), (207, 300), (355, 300)])
    found = CloserLook(eyes, enlarge=2.0, window_px=320).detect(eyes.picture())
    assert len(found) == 3


def test_nobody_means_no_closer_look() -> None:
    eyes = Eyes([], [(100, 100, 300, 200)])
    closer = CloserLook(eyes)
    assert len(closer.detect(eyes.picture())) == 1
    assert len(eyes.shown) == 1
    assert (closer.names, closer.thresholds) == (eyes.names, eyes.thresholds)


def test_a_window_larger_than_the_picture_is_the_picture() -> None:
    eyes = Eyes([(20, 20)])
    found = CloserLook(eyes, enlarge=2.0).detect(eyes.picture()[:60, :80])
    assert [shape for shape in eyes.shown] == [(60, 80), (120, 160)]
    np.testing.assert_allclose(found.boxes, [[20, 20, 30, 40]], atol=0.6)


@pytest.mark.parametrize("wrong", [{"enlarge": 1.0}, {"window_px": 0}, {"looks": 0}])
def test_windows_that_show_nothing_closer(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nothing closer"):
        CloserLook(Eyes([]), **wrong)
