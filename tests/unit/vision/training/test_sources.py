from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.errors import SourceRefused
from vision.training.sources import (
    ALL,
    Picture,
    SourceSpec,
    add_teacher,
    read_source,
    read_teacher,
    split_by_group,
    write_teacher,
)

SPEC = SourceSpec(
    "clips", {0: "fire", 1: None, 2: "car"}, frozenset({"fire"}), lambda stem: stem.split("_")[0]
)


def folder(tmp_path: Path, labels: dict[str, str]) -> tuple[Path, Path]:
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for stem, text in labels.items():
        cv2.imwrite(str(tmp_path / "images" / f"{stem}.png"), np.zeros((100, 200, 3), np.uint8))
        (tmp_path / "labels" / f"{stem}.txt").write_text(text)
    return tmp_path / "images", tmp_path / "labels"


def test_boxes_come_in_pixels_and_in_our_classes(tmp_path: Path) -> None:
    (picture,) = read_source(SPEC, *folder(tmp_path, {"a_1": "2 0.5 0.5 0.1 0.2\n1 0.1 0.1 0.1 0.1\n"}))
    assert picture.boxes.tolist() == [[90, 40, 110, 60]]
    assert [CLASSES[c] for c in picture.classes] == ["car"]
    np.testing.assert_allclose(picture.ignore, [[10, 5, 30, 15, ALL]], atol=1e-4)
    assert picture.labelled == {"fire"}


def test_a_picture_without_label_file_is_background(tmp_path: Path) -> None:
    images, labels = folder(tmp_path, {"a_1": ""})
    (labels / "a_1.txt").unlink()
    (picture,) = read_source(SPEC, images, labels)
    assert len(picture.boxes) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0.5 0.5", "line 1"),
        ("0 a b c d", "line 1"),
        ("0 nan 0 0 0", "line 1"),
        ("9 .5 .5 .1 .1", "class 9"),
    ],
)
def test_a_malformed_label_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    images, labels = folder(tmp_path, {"a_1": text})
    with pytest.raises(SourceRefused, match=says):
        read_source(SPEC, images, labels)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="missing"):
        read_source(SPEC, tmp_path / "nothing", tmp_path)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    images, labels = folder(tmp_path, {})
    (images / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(SourceRefused, match=r"broken\.jpg"):
        read_source(SPEC, images, labels)


def test_a_split_never_cuts_through_a_group(tmp_path: Path) -> None:
    pictures = read_source(SPEC, *folder(tmp_path, {f"{g}_{i}": "" for g in "abcdefgh" for i in range(3)}))
    training, held_out = split_by_group(pictures, 0.25)
    assert len(held_out) == 6
    assert len(training) == 18
    assert not {p.group for p in training} & {p.group for p in held_out}


def picture() -> Picture:
    return Picture(
        Path("x.png"),
        np.array([[0, 0, 10, 10]], np.float32),
        np.array([CLASSES.index("fire")]),
        np.zeros((0, 5), np.float32),
        frozenset({"fire", "car"}),
        "g",
        "clips",
    )


def test_the_teacher_fills_only_what_is_not_labelled() -> None:
    found = np.array(
        [
            [20, 0, 30, 20, 0.9, CLASSES.index("person")],
            [40, 0, 50, 20, 0.2, CLASSES.index("person")],
            [60, 0, 70, 20, 0.05, CLASSES.index("person")],
            [80, 0, 99, 20, 0.9, CLASSES.index("car")],
            [0, 0, 10, 11, 0.9, CLASSES.index("person")],
        ],
        np.float32,
    )
    taught = add_teacher(picture(), found, frozenset({"person"}))
    assert [CLASSES[c] for c in taught.classes] == ["fire", "person"]
    assert taught.ignore[:, 0].tolist() == [40, 80]
    assert "person" in taught.labelled


def test_an_unsure_teacher_leaves_the_rest_undecided() -> None:
    found = np.zeros((0, 6), np.float32)
    taught = add_teacher(picture(), found, frozenset({"person"}), complete=False)
    assert "person" not in taught.labelled


def test_teacher_labels_survive_the_disk(tmp_path: Path) -> None:
    rows = np.array([[1.5, 2, 3, 4, 0.5, 2]], np.float32)
    path = tmp_path / "deep" / "teacher.json"
    write_teacher(path, {"a.jpg": rows, "b.jpg": rows[:0]})
    found = read_teacher(path)
    np.testing.assert_allclose(found["a.jpg"], rows)
    assert found["b.jpg"].shape == (0, 6)


def test_a_picture_that_vanished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="not a picture"):
        replace(picture(), path=tmp_path / "gone.png").read()
