from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES, Detections
from vision.training.errors import SourceRefused
from vision.training.judge import AtOwnSize, rows_of
from vision.training.release import calibration_images, main


def folder(path: Path, shade: int, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        cv2.imwrite(str(path / f"{number}.png"), np.full((40, 50, 3), shade, np.uint8))
    return path


def test_most_calibration_pictures_show_what_the_eye_will_see(tmp_path: Path) -> None:
    folders = [folder(tmp_path / str(shade), shade, 12) for shade in (50, 100, 200)]
    images = list(calibration_images(folders, 16, 64))
    shades = [round(float(image[0, 0, 0, 0]) * 255) for image in images]
    assert shades == [50] * 10 + [100] * 3 + [200] * 3
    assert {image.shape for image in images} == {(1, 3, 64, 64)}
    assert images[0][0, 0, 63, 63] == pytest.approx(114 / 255)
    assert len(list(calibration_images(folders[:1], 8, 64))) == 8


def test_folders_without_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="empty holds no pictures"):
        list(calibration_images([folder(tmp_path / "empty", 0, 0)]))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    with pytest.raises(SourceRefused, match=r"a\.png is not a picture"):
        list(calibration_images([tmp_path / "broken"]))


def test_an_unknown_eye_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["last.pt", "--data", str(tmp_path), "--frames", str(tmp_path), "--eye", "radar"])


def test_a_looker_finds_boxes_at_the_size_of_each_picture() -> None:
    class Looker:
        def whole(self, image: np.ndarray, size: int) -> np.ndarray:
            return np.array([[1, 2, 3, 4, 0.5, CLASSES.index("fire")]], np.float32) * (size == 90)

    found = AtOwnSize(Looker()).detect(np.zeros((60, 90, 3), np.uint8))  # type: ignore[arg-type]
    assert isinstance(found, Detections)
    assert found.name(0) == "fire"
    assert rows_of(found).tolist() == [[1, 2, 3, 4, 0.5, CLASSES.index("fire")]]
