"""Datasets as other people's tools write them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.vision.test_evaluate import NAMES, PERSON_A, SIZE, Script, coco, write_dataset
from vision.datasets import read_dataset
from vision.errors import DatasetInvalid
from vision.evaluate import evaluate

BOX = "0 0.5 0.5 0.2 0.2\n"


def test_an_outline_becomes_the_box_around_it(tmp_path: Path) -> None:
    text = "0 0.1 0.2 0.3 0.2 0.2 0.6\n1 0.5 0.5 0.6 0.5 0.6 0.7 0.5 0.7\n"
    (labelled,) = read_dataset(write_dataset(tmp_path / "d", {"a": text}))
    np.testing.assert_allclose(labelled.boxes, [[0.1, 0.2, 0.3, 0.6], [0.5, 0.5, 0.6, 0.7]], atol=1e-6)


def test_boxes_are_cut_at_the_border_and_doubled_lines_count_once(tmp_path: Path) -> None:
    text = "0 0.95 0.5 0.2 0.2\n0 0.95 0.5 0.2 0.2\n"
    (labelled,) = read_dataset(write_dataset(tmp_path / "d", {"a": text}))
    np.testing.assert_allclose(labelled.boxes, [[0.85, 0.4, 1.0, 0.6]], atol=1e-6)
    annotations = [{"image_id": 7, "category_id": 3, "bbox": [-10, 0, 30, 20]}]
    np.testing.assert_allclose(
        read_dataset(coco(tmp_path / "c", annotations=annotations))[0].boxes, [[0, 0, 0.1, 0.1]], atol=1e-6
    )


def test_an_image_without_a_label_file_is_empty_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_dataset(tmp_path / "d", {"a": BOX, "b": ""})
    (root / "labels" / "b.txt").unlink()
    with caplog.at_level(logging.WARNING):
        assert [len(one.names) for one in read_dataset(root)] == [1, 0]
    assert "1 of 2 images" in caplog.text


def test_two_images_do_not_share_a_label_file(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "d", {"a": BOX})
    (root / "images" / "a.jpg").write_bytes((root / "images" / "a.png").read_bytes())
    with pytest.raises(DatasetInvalid, match="two images that share one label file"):
        read_dataset(root)


@pytest.mark.parametrize("entry", ["valid/images", "../valid/images"])
def test_a_dataset_by_its_yaml_file_and_by_its_part(tmp_path: Path, entry: str) -> None:
    write_dataset(tmp_path / "valid", {"a": BOX}, names="")
    write_dataset(tmp_path / "train", {"b": BOX, "c": BOX}, names="")
    (tmp_path / "data.yaml").write_text(f"train: train/images\nval: {entry}\nnames: {list(NAMES)}\n")
    for root in (tmp_path / "data.yaml", tmp_path / "valid", tmp_path / "valid" / "images"):
        (labelled,) = read_dataset(root)
        assert labelled.names == ["person"]
    with pytest.raises(DatasetInvalid, match="parts valid, train; name one"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("names: [a]\n", "names no images under val"),
        ("val: elsewhere\n", "no folder here"),
        ("val: [a, b]\n", "several folders"),
        ("{", "cannot be read"),
    ],
)
def test_a_yaml_file_that_leads_nowhere(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DatasetInvalid, match=match):
        read_dataset(tmp_path / "data.yaml")


def test_images_and_labels_in_one_folder(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((SIZE, SIZE, 3), np.uint8))
    (tmp_path / "a.txt").write_text(BOX)
    assert read_dataset(tmp_path, ["person"])[0].names == ["person"]


def test_coco_images_in_a_folder_named_like_the_file(tmp_path: Path) -> None:
    root = coco(tmp_path / "c")
    (root / "train").mkdir()
    (root / "train" / "a.png").write_bytes(b"another one")
    (root / "images").rename(root / "val")
    assert read_dataset(root)[0].image == root / "val" / "a.png"


def test_coco_as_hit_uav_writes_it(tmp_path: Path) -> None:
    root = coco(tmp_path / "c")
    file = root / "annotations" / "val.json"
    content = json.loads(file.read_text())
    content["annotation"] = content.pop("annotations")
    for image in content["images"]:
        image["filename"] = image.pop("file_name")
    file.write_text(json.dumps(content))
    assert read_dataset(root)[0].names == ["person", "car", "-person"]


def test_labels_with_capitals_are_known_and_others_are_told(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    text = "0 0.25 0.25 0.1 0.2\n1 0.5 0.5 0.1 0.1\n2 0.7 0.7 0.1 0.1\n"
    root = write_dataset(tmp_path / "d", {"a": text}, "names: [Person, Tank, DontCare]\n")
    found = [("person", 0.9, PERSON_A), ("person", 0.8, (132.0, 132.0, 148.0, 148.0))]
    figures = evaluate(Script({0: found}), read_dataset(root))
    assert figures["classes"]["person"]["precision"] == 1
    assert figures["not_evaluated"] == {"Tank": 1}
    with pytest.raises(DatasetInvalid, match=r"labels are x, y, z; the weights know car.*--names"):
        evaluate(Script({}), read_dataset(root, ["x", "y", "z"]))


def test_a_crowd_of_one_class_hides_nothing_of_another(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    found = [("person", 0.9, (0, 0, 25, 25)), ("car", 0.9, (2, 2, 25, 25))]
    figures = evaluate(Script({0: found}), read_dataset(coco(tmp_path / "c")))  # type: ignore[arg-type]
    assert figures["classes"]["person"]["precision"] is None
    assert figures["classes"]["car"]["precision"] == 0


def test_an_image_of_another_shape_than_its_labels_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    images = [{"id": 7, "file_name": "a.png", "width": 200, "height": 400}]
    root = coco(tmp_path / "c", images=images)
    with pytest.raises(DatasetInvalid, match=r"a\.png: is 200 x 200 px upright.*200 x 400"):
        evaluate(Script({}), read_dataset(root))


def test_false_alarms_on_images_without_anything_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    root = write_dataset(tmp_path / "d", {"a": "", "b": "", "c": ""})
    script = Script({0: [("car", 0.9, PERSON_A), ("car", 0.8, (1, 1, 9, 9))], 1: [("car", 0.4, PERSON_A)]})
    assert evaluate(script, read_dataset(root))["empty"] == {"images": 3, "false_alarms": {"car": 1}}
