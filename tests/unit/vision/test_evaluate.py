from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import Detections
from vision.errors import DatasetInvalid
from vision.evaluate import calibration_error, evaluate, read_dataset

NAMES = ("person", "car", "truck")
SIZE = 200


def write_dataset(root: Path, labels: dict[str, str], names: str = "names: [person, car, truck]\n") -> Path:
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    for number, (name, text) in enumerate(labels.items()):
        cv2.imwrite(str(root / "images" / f"{name}.png"), np.full((SIZE, SIZE, 3), number, np.uint8))
        (root / "labels" / f"{name}.txt").write_text(text)
    if names:
        (root / "data.yaml").write_text(names)
    return root


class Script:
    """Answers by the grey of the picture: its number in the dataset."""

    names = NAMES
    thresholds = dict.fromkeys(NAMES, 0.5)

    def __init__(
        self, answers: dict[int, list[tuple[str, float, tuple[float, float, float, float]]]]
    ) -> None:
        self.answers = answers

    def detect(self, image: np.ndarray) -> Detections:
        rows = self.answers.get(int(image[0, 0, 0]), [])
        return Detections(
            np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[1] for row in rows], np.float32),
            np.array([NAMES.index(row[0]) for row in rows], np.int64),
            NAMES,
        )


LABELS = {"a": "0 0.25 0.25 0.1 0.2\n1 0.7 0.7 0.4 0.4\n", "b": "", "c": "0 0.5 0.5 0.5 0.5\n"}
PERSON_A, CAR_A, PERSON_C = (40.0, 30.0, 60.0, 70.0), (100.0, 100.0, 180.0, 180.0), (50.0, 50.0, 150.0, 150.0)


def test_a_perfect_detector(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    script = Script({0: [("person", 0.9, PERSON_A), ("car", 0.8, CAR_A)], 2: [("person", 0.95, PERSON_C)]})
    done: list[int] = []
    figures = evaluate(script, read_dataset(write_dataset(tmp_path / "d", LABELS)), progress=done.append)
    assert done == [1, 2, 3]
    assert figures["images"] == 3
    assert set(figures) == {"images", "classes", "sizes", "ece", "milliseconds_per_image", "empty"}
    assert figures["empty"] == {"images": 1, "false_alarms": {}}
    assert set(figures["classes"]) == {"person", "car"}
    for row in figures["classes"].values():
        assert (row["ap50"], row["ap"], row["ar"], row["precision"], row["recall"]) == (1, 1, 1, 1, 1)
    assert figures["classes"]["person"]["labelled"] == 2
    assert figures["sizes"]["small"]["ap50"] == 1
    assert figures["sizes"]["large"]["ap50"] == 1
    assert figures["ece"] == pytest.approx(1 - (0.9 + 0.8 + 0.95) / 3, abs=1e-3)


def test_misses_false_finds_and_loose_boxes(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    loose = (40.0, 30.0, 60.0, 60.0)  # IoU 0.75 with the person
    script = Script(
        {0: [("person", 0.9, loose), ("car", 0.3, CAR_A)], 1: [("person", 0.8, (5.0, 5.0, 60.0, 60.0))]}
    )
    figures = evaluate(script, read_dataset(write_dataset(tmp_path / "d", LABELS)))
    person, car = figures["classes"]["person"], figures["classes"]["car"]
    assert person["precision"] == 0.5
    assert person["recall"] == 0.5
    assert person["ap50"] == pytest.approx(0.5, abs=0.01)
    assert 0.2 < person["ap"] < 0.4
    assert car["ap50"] == 1
    assert car["recall"] == 0  # found below its threshold only
    assert car["precision"] is None


def test_joined_classes_count_one_thing_once(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    script = Script({0: [("truck", 0.9, CAR_A), ("car", 0.8, CAR_A)]})
    dataset = read_dataset(write_dataset(tmp_path / "d", {"a": "1 0.7 0.7 0.4 0.4\n"}))
    figures = evaluate(script, dataset, groups={"vehicle": ["car", "truck"]})
    assert figures["classes"]["vehicle"]["precision"] == 1
    assert figures["classes"]["vehicle"]["ap50"] == 1


def test_ignored_regions_are_neither_right_nor_wrong(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    script = Script({0: [("person", 0.9, PERSON_A), ("person", 0.95, (110.0, 110.0, 130.0, 150.0))]})
    dataset = read_dataset(write_dataset(tmp_path / "d", {"a": LABELS["a"]}), ["person", "-"])
    figures = evaluate(script, dataset)
    assert figures["classes"]["person"]["precision"] == 1
    assert figures["classes"]["person"]["ap50"] == 1
    assert "-" not in figures["classes"]


def test_a_detector_that_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    figures = evaluate(Script({}), read_dataset(write_dataset(tmp_path / "d", LABELS)))
    assert figures["classes"]["person"]["ap50"] == 0
    assert figures["classes"]["person"]["recall"] == 0
    assert figures["ece"] is None


def test_names_by_index_and_by_argument(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "d", {"a": "1 0.5 0.5 0.1 0.1\n"}, "names: {0: tree, 1: person}\n")
    assert read_dataset(root)[0].names == ["person"]
    assert read_dataset(root, ["x", "car"])[0].names == ["car"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0.5 0.5 0.1\n", "no 'class x y width height'"),
        ("7 0.5 0.5 0.1 0.1\n", r"class is 7, the 3 names \(person, car, truck\) count from 0"),
        ("0.5 0.5 0.5 0.1 0.1\n", "no 'class"),
        ("inf 0.5 0.5 0.1 0.1\n", "no 'class"),
        ("0 nan 0.5 0.1 0.1\n", "no 'class"),
        ("0 0.5 0.5 0.1 0.1 0.9\n", "no 'class"),
        ("684,8,273,116,0,0,0,0\n", "no 'class"),
        ("0 320 240 20 30\n", "shares of it"),
        ("person 0.5 0.5 0.1 0.1\n", "no 'class"),
        ("0 1.5 0.5 0.1 0.1\n", "does not lie in the image"),
        ("-1 0.5 0.5 0.1 0.1\n", "count from 0"),
        ("0 0.5 0.5 0 0.1\n", "does not lie"),
    ],
)
def test_wrong_labels_are_named_with_their_line(tmp_path: Path, text: str, match: str) -> None:
    root = write_dataset(tmp_path / "d", {"a": "0 0.5 0.5 0.1 0.1\n" + text})
    with pytest.raises(DatasetInvalid, match=match) as caught:
        read_dataset(root)
    assert "a.txt:2" in str(caught.value)


def test_datasets_with_parts_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="folders images and labels"):
        read_dataset(tmp_path)
    root = write_dataset(tmp_path / "d", LABELS, names="")
    with pytest.raises(DatasetInvalid, match="--names"):
        read_dataset(root)
    for file in (root / "labels").iterdir():
        file.unlink()
    with pytest.raises(DatasetInvalid, match="no label file for any of the 3 images"):
        read_dataset(root, NAMES)
    (root / "labels").rmdir()
    with pytest.raises(DatasetInvalid, match="folders images and labels"):
        read_dataset(root, NAMES)
    with pytest.raises(DatasetInvalid, match="no such file or folder"):
        read_dataset(tmp_path / "none")
    with pytest.raises(DatasetInvalid, match="no image"):
        read_dataset(write_dataset(tmp_path / "e", {}))


def test_calibration_error() -> None:
    assert calibration_error([], []) is None
    assert calibration_error([0.9, 0.9], [True, False]) == pytest.approx(0.4)
    assert calibration_error([0.95, 0.15], [True, False]) == pytest.approx(0.1)


def test_every_class_has_its_figures_by_size(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    labels = {"a": "0 0.25 0.25 0.1 0.2\n0 0.7 0.7 0.05 0.05\n"}
    script = Script({0: [("person", 0.9, PERSON_A)]})
    sizes = evaluate(script, read_dataset(write_dataset(tmp_path / "d", labels)))["classes"]["person"][
        "sizes"
    ]
    assert {size: row["labelled"] for size, row in sizes.items()} == {
        "tiny": 1, "small": 2, "medium": 0, "large": 0,
    }  # fmt: skip
    assert sizes["tiny"]["ap50"] == 0
    assert sizes["small"]["ap50"] == pytest.approx(0.5, abs=0.01)
    assert sizes["large"]["ap50"] is None


def test_figures_by_the_ground_that_a_pixel_spans(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    root = write_dataset(tmp_path / "d", LABELS)
    (root / "ground.json").write_text('{"a.png": 0.03, "c.png": 0.5}')
    figures = evaluate(Script({0: [("person", 0.9, PERSON_A)]}), read_dataset(root))
    assert list(figures["ground"]) == ["from 2 cm to 4 cm", "from 8 cm"]
    near, far = figures["ground"].values()
    assert (near["images"], near["classes"]["person"]["ap50"], near["classes"]["person"]["recall"]) == (
        1,
        1,
        1,
    )
    assert set(near["classes"]) == {"person", "car"}
    assert far["classes"]["person"]["recall"] == 0


@pytest.mark.parametrize("text", ["[]", '{"a.png": 0}', '{"a.png": "far"}', '{"a.png": NaN}', "{"])
def test_ground_that_means_nothing_is_refused(tmp_path: Path, text: str) -> None:
    root = write_dataset(tmp_path / "d", LABELS)
    (root / "ground.json").write_text(text)
    with pytest.raises(DatasetInvalid, match=r"ground\.json"):
        read_dataset(root)


def test_doubtful_things_beside_the_labels_are_ignored(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "d", {"a": LABELS["a"]})
    (root / "ignore").mkdir()
    (root / "ignore" / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n0.1 0.1 0.2 0.2\n")
    (labelled,) = read_dataset(root)
    assert labelled.names == ["person", "car", "-", "-"]
    np.testing.assert_allclose(labelled.boxes[2:], [[0.4, 0.4, 0.6, 0.6], [0, 0, 0.2, 0.2]], atol=1e-6)
    (root / "ignore" / "a.txt").write_text("0.5 0.5\n")
    with pytest.raises(DatasetInvalid, match=r"a\.txt:1"):
        read_dataset(root)


def test_one_part_of_a_dataset(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "d", LABELS)
    for folder, suffix in (("images", "png"), ("labels", "txt")):
        (root / folder / "val").mkdir()
        (root / folder / f"a.{suffix}").rename(root / folder / "val" / f"a.{suffix}")
    (root / "ground.json").write_text('{"val/a.png": 0.03}')
    (labelled,) = read_dataset(root / "images" / "val")
    assert (labelled.names, labelled.metres_per_pixel) == (["person", "car"], 0.03)
    assert len(read_dataset(root)) == 3
    with pytest.raises(DatasetInvalid, match="no such file or folder"):
        read_dataset(root / "images" / "test")


def coco(root: Path, **changes: object) -> Path:
    content: dict[str, object] = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 200, "height": 200, "metres_per_pixel": 0.1},
            {"id": 9, "file_name": "b.png", "width": 200, "height": 200},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [40, 30, 20, 40]},
            {"id": 2, "image_id": 7, "category_id": 5, "bbox": [100, 100, 80, 80]},
            {"id": 3, "image_id": 7, "category_id": 3, "bbox": [0, 0, 30, 30], "iscrowd": 1},
        ],
        "categories": [{"id": 5, "name": "car"}, {"id": 3, "name": "person"}],
    } | changes
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate("ab"):
        cv2.imwrite(str(root / "images" / f"{name}.png"), np.full((SIZE, SIZE, 3), number, np.uint8))
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "val.json").write_text(json.dumps(content))
    return root


def test_a_coco_dataset_says_the_same_as_a_yolo_dataset(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    root = coco(tmp_path / "c")
    first, second = read_dataset(root)
    assert (first.names, second.names) == (["person", "car", "-person"], [])
    assert (first.metres_per_pixel, second.metres_per_pixel) == (0.1, None)
    np.testing.assert_allclose(first.boxes[0], [0.2, 0.15, 0.3, 0.35], atol=1e-6)
    assert read_dataset(root / "annotations" / "val.json")[0].image == first.image
    assert read_dataset(root, ["-", "truck"])[0].names == ["-", "truck", "-"]
    script = Script({0: [("person", 0.9, PERSON_A), ("car", 0.8, CAR_A), ("person", 0.9, (0, 0, 25, 25))]})
    figures = evaluate(script, read_dataset(root))
    assert figures["classes"]["person"]["precision"] == 1
    assert figures["classes"]["car"]["ap50"] == 1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"images": []}, "holds no image"),
        ({"images": [{"id": 7, "file_name": "a.png", "width": 0, "height": 200}]}, "is 0 x 200 px"),
        ({"images": [{"id": 7, "width": 200, "height": 200}]}, "no COCO dataset"),
        ({"categories": None}, "no COCO dataset"),
        (
            {"annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9]}]},
            "annotation 1 has no known",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": 8, "bbox": [0, 0, 9, 9]}]},
            "annotation 1 has no known",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": 3, "bbox": [0, 0, 9]}]},
            "annotation 1 has no known",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": 3, "bbox": [0, 0, 0, 9]}]},
            "has no area",
        ),
        ({"annotations": [{"image_id": 7, "category_id": 3, "bbox": [150, 0, 99, 9]}]}, "does not lie"),
        (
            {"images": [{"id": 7, "file_name": f"{n}.png", "width": 9, "height": 9} for n in "ab"]},
            "image id 7 is given twice",
        ),
        (
            {"images": [{"id": n, "file_name": "a.png", "width": 9, "height": 9} for n in (1, 2)]},
            "a.png is listed twice",
        ),
        (
            {"images": [{"id": 7, "file_name": "z.png", "width": 200, "height": 200}], "annotations": []},
            "image z.png is neither",
        ),
    ],
)
def test_wrong_coco_datasets_are_refused(tmp_path: Path, changes: dict[str, object], match: str) -> None:
    with pytest.raises(DatasetInvalid, match=match) as caught:
        read_dataset(coco(tmp_path / "c", **changes))
    assert "val.json" in str(caught.value)


def test_one_of_several_coco_files_must_be_named(tmp_path: Path) -> None:
    root = coco(tmp_path / "c")
    (root / "train.json").write_text("{}")
    with pytest.raises(DatasetInvalid, match="several"):
        read_dataset(root)
    (root / "train.json").write_text("no json")
    with pytest.raises(DatasetInvalid, match="cannot be read as JSON"):
        read_dataset(root / "train.json")
    with pytest.raises(DatasetInvalid, match="2 categories, 1 names"):
        read_dataset(root / "annotations" / "val.json", ["person"])
