from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.augment import Sample
from vision.training.dataset import Mixture, anchor_centres, chances, collate, draw, weight_of_boxes
from vision.training.sources import ALL, EVERY_CLASS, Picture

PERSON, SCOOTER = CLASSES.index("person"), CLASSES.index("motorcycle")
CAR, FIRE = CLASSES.index("car"), CLASSES.index("fire")


@pytest.fixture
def collections(tmp_path: Path) -> dict[str, list[Picture]]:
    random = np.random.default_rng(0)
    result = {}
    for source in ("town", "people_cctv", "vehicles", "fire_smoke", "stills", "thermal"):
        path = tmp_path / f"{source}.png"
        cv2.imwrite(str(path), random.integers(0, 255, (180, 320, 3), dtype=np.uint8))
        boxes = np.array([[100, 60, 140, 110], [200, 20, 230, 50]], np.float32)
        classes = np.array([FIRE if source == "fire_smoke" else CAR] * 2)
        ignore = np.array([[10, 10, 40, 40, ALL]], np.float32)
        result[source] = [
            Picture(path, boxes, classes, ignore, EVERY_CLASS, source, source, source == "stills")
        ]
    return result


def test_canvases_depend_on_seed_and_number_alone(collections: dict[str, list[Picture]]) -> None:
    first, second = (Mixture(collections, 160, seed=4) for _ in range(2))
    second.canvas(3)
    for number in range(12):
        a, b = first.canvas(number), second.canvas(number)
        assert (a.image == b.image).all()
        assert a.boxes.tolist() == b.boxes.tolist()
    assert (Mixture(collections, 160, seed=5).canvas(0).image != first.canvas(0).image).any()


@pytest.mark.parametrize("name", ["town", "people_cctv", "vehicles", "fire_smoke", "stills", "thermal"])
def test_every_collection_gives_canvases_with_boxes_inside(
    name: str, collections: dict[str, list[Picture]]
) -> None:
    mixture = Mixture(collections, 160, shares={name: 1.0})
    labels = 0
    for number in range(15):
        sample = mixture.canvas(number)
        assert sample.image.shape == (160, 160, 3)
        assert (sample.boxes >= 0).all()
        assert (sample.boxes <= 160).all()
        assert len(sample.boxes) == len(sample.classes)
        labels += len(sample.boxes)
    assert labels > 0


def test_shares_of_absent_collections_go_to_the_others(collections: dict[str, list[Picture]]) -> None:
    mixture = Mixture({"stills": collections["stills"], "town": []}, 160)
    assert mixture.canvas(0).image.shape == (160, 160, 3)


def test_no_collection_is_said_so() -> None:
    with pytest.raises(ValueError, match="name at least one"):
        Mixture({}, 160)


def test_batches_start_anywhere_and_are_the_same(collections: dict[str, list[Picture]]) -> None:
    mixture = Mixture(collections, 160)
    every = list(mixture.batches(2, 0, 3))
    (last,) = mixture.batches(2, 2, 3)
    assert len(every) == 3
    assert (every[2].images == last.images).all()


def test_an_error_while_composing_reaches_the_training(collections: dict[str, list[Picture]]) -> None:
    collections["stills"][0].path.unlink()
    mixture = Mixture({"stills": collections["stills"]}, 160)
    with pytest.raises(Exception, match="not a picture"):
        list(mixture.batches(2, 0, 1))


def test_people_who_touch_or_ride_are_looked_at_most() -> None:
    rows = [
        (PERSON, [10, 10, 20, 30]),
        (PERSON, [15, 10, 25, 30]),  # hides part of the first
        (PERSON, [60, 10, 70, 30]),
        (PERSON, [90, 10, 100, 24]),
        (SCOOTER, [88, 10, 104, 30]),  # ridden by the fourth
        (CAR, [60, 12, 110, 60]),
    ]
    boxes, classes = np.array([box for _, box in rows], np.float32), np.array([kind for kind, _ in rows])
    none = np.zeros((0, 5), np.float32)
    full = Picture(Path("a.jpg"), boxes, classes, none, EVERY_CLASS, "a", "town")
    cars = Picture(Path("b.jpg"), boxes[5:], classes[5:], none, EVERY_CLASS, "b", "town")
    empty = Picture(Path("c.jpg"), boxes[:0], classes[:0], none, EVERY_CLASS, "c", "town")
    assert weight_of_boxes(full).tolist() == [3, 3, 1, 3, 0.3, 0.3]
    assert weight_of_boxes(empty).tolist() == []
    drawn = chances([full, cars, empty])
    assert drawn.sum() == pytest.approx(1)
    assert drawn[0] > 4 * drawn[1] > 4 * drawn[2] > 0


def test_anchors_stand_in_the_order_of_the_network() -> None:
    centres = anchor_centres(64)
    assert len(centres) == 64 + 16 + 4
    assert centres[0].tolist() == [4, 4]
    assert centres[1].tolist() == [12, 4]
    assert centres[64].tolist() == [8, 8]


def test_what_is_not_labelled_or_ignored_does_not_count() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    sample = Sample(
        image,
        np.array([[16, 16, 48, 32]], np.float32),
        np.array([CAR]),
        np.array([[0, 0, 9, 9, ALL], [32, 32, 64, 64, FIRE]], np.float32),
        frozenset(CLASSES) - {"smoke"},
    )
    batch = collate([sample, sample])
    assert batch.boxes[0].tolist() == [0.5, 0.375, 0.5, 0.25]
    assert batch.owner.tolist() == [0, 1]
    assert batch.classes[:, 0].tolist() == [CAR, CAR]
    assert not batch.counted[0, :, CLASSES.index("smoke")].any()
    assert not batch.counted[0, 0].any()
    assert batch.counted[0, 1, CAR]
    corner = 63
    assert not batch.counted[0, corner, FIRE]
    assert batch.counted[0, corner, CAR]


def test_labels_can_be_drawn() -> None:
    sample = Sample(
        np.zeros((64, 64, 3), np.uint8),
        np.array([[16, 16, 48, 32]], np.float32),
        np.array([CAR]),
        np.array([[0, 0, 9, 9, ALL]], np.float32),
        EVERY_CLASS,
    )
    assert draw(sample).any()
    assert not sample.image.any()
