from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.calibrate import calibration_error, finds, fit_temperature, main, warmed
from vision.training.sources import Picture


def test_a_temperature_is_found_again() -> None:
    random = np.random.default_rng(0)
    right = random.uniform(0.02, 0.98, 20_000)
    hits = random.random(20_000) < right
    too_sure = warmed(right, 1 / 1.8)
    found = fit_temperature(too_sure, hits)
    assert found == pytest.approx(1.8, rel=0.05)
    assert calibration_error(warmed(too_sure, found), hits) < 0.02
    assert calibration_error(too_sure, hits) > 0.05


def test_too_little_says_so() -> None:
    with pytest.raises(ValueError, match="more pictures"):
        fit_temperature(np.full(5, 0.5), np.array([True, False, True, False, True]))
    with pytest.raises(ValueError, match="more pictures"):
        fit_temperature(np.full(50, 0.5), np.ones(50, dtype=bool))


def test_finds_are_right_class_by_class(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    person, car = CLASSES.index("person"), CLASSES.index("car")
    picture = Picture(
        tmp_path / "a.png", np.array([[10, 10, 20, 30]], np.float32), np.array([person]),
        np.zeros((0, 5), np.float32), frozenset({"person", "car"}), "a", "town",
    )  # fmt: skip
    rows = np.array(
        [
            [10, 10, 20, 30, 0.8, person],
            [10, 10, 20, 30, 0.7, car],
            [40, 40, 50, 50, 0.05, person],
            [40, 40, 50, 50, 0.9, CLASSES.index("fire")],
        ],
        np.float32,
    )
    scores, hits = finds([picture], lambda image: rows)
    assert scores.tolist() == pytest.approx([0.8, 0.7])
    assert hits.tolist() == [True, False]


def test_frames_to_calibrate_on_must_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["w.onnx", "--data", str(tmp_path)]) == 2
    assert "--town" in capsys.readouterr().err
