"""Training pictures and their labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drone.sim.dataset import label_lines, render_dataset
from drone.sim.truth import FrameTruth, TruthBox
from vision.detections import CLASSES


def test_clear_boxes_are_labels_and_the_rest_is_ignored() -> None:
    boxes = [
        TruthBox(1, "person", (10.0, 20.0, 20.0, 40.0), 0, 0, 0.9),
        TruthBox(2, "car", (0.0, 0.0, 100.0, 50.0), 0, 0, 0.2),
        TruthBox(3, "smoke", (0.0, 0.0, 3.5, 3.2), 0, 0, 1.0),
    ]
    labels, ignored = label_lines(FrameTruth(0.0, boxes, {}), 200, 100)
    assert labels == ["0 0.075000 0.300000 0.050000 0.200000"]
    assert [line.split()[0] for line in ignored] == ["2", "7"]


@pytest.mark.slow
def test_a_small_dataset_is_written_and_repeats(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        done = render_dataset(tmp_path / folder, [1000], 2, [(320, 192)], looks_per_seed=1, workers=1)
        assert done == 2
    for name in ("01000-0000", "01000-0001"):
        picture = cv2.imread(str(tmp_path / "a" / "images" / f"{name}.jpg"))
        assert picture.shape == (192, 320, 3)
        assert (tmp_path / "a" / "images" / f"{name}.jpg").read_bytes() == (
            tmp_path / "b" / "images" / f"{name}.jpg"
        ).read_bytes()
        rows = np.array(
            [line.split() for line in (tmp_path / "a" / "labels" / f"{name}.txt").read_text().splitlines()],
            float,
        )
        if len(rows):
            assert (rows[:, 1:] >= 0).all()
            assert (rows[:, 1:] <= 1).all()
    assert (tmp_path / "a" / "classes.txt").read_text().split() == list(CLASSES)
