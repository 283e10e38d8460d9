from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.look import non_maximum, tile_origins
from vision.training.measure import average_precision, match, measure
from vision.training.sources import ALL, EVERY_CLASS, Picture

CAR, TRUCK, PERSON = (CLASSES.index(n) for n in ("car", "truck", "person"))
NOTHING = np.zeros((0, 5), np.float32)


def rows(*values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 6)


def picture(tmp_path: Path, ignore: np.ndarray = NOTHING) -> Picture:
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.zeros((100, 100, 3), np.uint8))
    boxes = np.array([[0, 0, 20, 20], [40, 40, 60, 60]], np.float32)
    return Picture(path, boxes, np.array([CAR, TRUCK]), ignore, EVERY_CLASS, "g", "s")


def test_a_perfect_answer_scores_one(tmp_path: Path) -> None:
    found = rows((0, 0, 20, 20, 0.9, CAR), (40, 40, 60, 60, 0.8, CAR))
    score = measure([picture(tmp_path)], lambda image: found, ["vehicle", "person"])["vehicle"]
    assert (score.ap50, score.precision, score.recall, score.labels) == (1.0, 1.0, 1.0, 2)
    assert score.threshold == pytest.approx(0.8)


def test_a_false_find_above_costs_and_the_same_below_does_not(tmp_path: Path) -> None:
    right = [(0, 0, 20, 20, 0.5, CAR), (40, 40, 60, 60, 0.5, CAR)]
    above = measure([picture(tmp_path)], lambda i: rows(*right, (70, 70, 90, 90, 0.9, CAR)), ["vehicle"])
    below = measure([picture(tmp_path)], lambda i: rows(*right, (70, 70, 90, 90, 0.1, CAR)), ["vehicle"])
    assert above["vehicle"].ap50 == pytest.approx(2 / 3, abs=1e-3)
    assert below["vehicle"].ap50 == 1.0


def test_finding_the_same_object_twice_is_one_hit() -> None:
    found = rows((0, 0, 20, 20, 0.9, CAR), (0, 0, 20, 19, 0.8, CAR))
    assert match(found, np.array([[0, 0, 20, 20]], np.float32), NOTHING, 0.5)[1] == [True, False]


def test_finds_in_ignored_places_do_not_count(tmp_path: Path) -> None:
    found = rows((0, 0, 20, 20, 0.5, CAR), (40, 40, 60, 60, 0.5, CAR), (70, 70, 90, 90, 0.9, CAR))
    ignore = np.array([[65, 65, 95, 95, ALL]], np.float32)
    assert measure([picture(tmp_path, ignore)], lambda i: found, ["vehicle"])["vehicle"].ap50 == 1.0


def test_nothing_found_scores_zero(tmp_path: Path) -> None:
    score = measure([picture(tmp_path)], lambda i: rows(), ["vehicle"])["vehicle"]
    assert (score.ap50, score.recall, score.labels) == (0.0, 0.0, 2)


def test_precision_is_interpolated() -> None:
    assert average_precision(np.array([False, True]), 1) == 0.5


def test_overlapping_boxes_of_other_classes_survive() -> None:
    found = rows((0, 0, 20, 20, 0.9, CAR), (0, 0, 20, 21, 0.8, CAR), (0, 0, 20, 20, 0.7, PERSON))
    assert sorted(non_maximum(found, 0.6)[:, 4].round(1).tolist()) == pytest.approx([0.7, 0.9])


@pytest.mark.parametrize("length", [100, 640, 641, 1280, 3840])
def test_tiles_cover_a_side_and_overlap(length: int) -> None:
    origins = tile_origins(length, 640)
    assert origins[0] == 0
    assert origins[-1] + 640 >= length
    assert all(b - a <= 512 for a, b in itertools.pairwise(origins))
