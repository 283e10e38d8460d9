"""Foreign networks: recognised by their answer and what their exporter wrote, or refused with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.vision.networks import CLASSES, constant_network, yolo_output
from vision.cli import app
from vision.detector import Detector
from vision.errors import WeightsMissing, WeightsRefused
from vision.networks import class_names, open_network
from vision.pinning import guess_head, pin
from vision.weights import load_weights

NOTHING = (0.0,) * 7
PERSON = yolo_output((32, 32, 16, 32, 0.9, 0.1, 0.0), *[NOTHING] * 83)
NAMES = str(dict(enumerate(CLASSES)))


def foreign(folder: Path, output: np.ndarray, hw: tuple[int, int] | None = (64, 64), **inside: str) -> Path:
    path = folder / "other.onnx"
    path.write_bytes(constant_network(output, hw, **inside))
    return path


@pytest.mark.parametrize(
    ("shape", "classes", "hw", "head"),
    [
        ((1, 84, 8400), 80, (640, 640), "yolo"),
        ((1, 14, 8400), 10, (640, 640), "yolo"),
        ((1, 300, 6), 80, (640, 640), "nms_free"),
        ((1, 300, 14), 10, (640, 640), "detr"),
        ((1, 3549, 85), 80, (416, 416), "yolox"),
        ((1, 25200, 85), 80, (640, 640), "yolov5"),
        ((1, 116, 8400), 80, (640, 640), None),  # segmentation
        ((1, 8400, 84), 80, (640, 640), None),  # the axes of YOLO the other way round
        ((1, 84, 80, 80), 80, (640, 640), None),
        ((1, 80), 80, (640, 640), None),
    ],
)
def test_heads_are_told_by_the_shape_of_the_answer(
    shape: tuple[int, ...], classes: int, hw: tuple[int, int], head: str | None
) -> None:
    assert guess_head(np.zeros(shape, np.float32), classes, hw) == head


def test_of_two_classes_the_places_tell_detr_from_a_list_of_boxes() -> None:
    answer = np.full((1, 300, 6), 0.5, np.float32)
    assert guess_head(answer, 2, (640, 640)) == "detr"
    answer[0, :, :4] = 320
    assert guess_head(answer, 2, (640, 640)) == "nms_free"


def test_a_foreign_network_is_pinned_by_what_is_written_inside(tmp_path: Path) -> None:
    path = foreign(tmp_path, PERSON, names=NAMES, task="detect", stride="32", license="AGPL-3.0")
    with pytest.raises(WeightsRefused, match=r"skybeat weights pin .*other\.onnx"):
        load_weights(path)
    weights = pin(path)
    assert (weights.name, weights.head, weights.classes) == ("other", "yolo", tuple(CLASSES))
    assert (weights.license, weights.input_sizes) == ("AGPL-3.0", [(64, 64)])
    found = Detector(load_weights(path)).detect(np.zeros((64, 64, 3), np.uint8))
    assert [found.name(i) for i in range(len(found))] == ["person"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsRefused, match="restore the file"):
        load_weights(path)


@pytest.mark.parametrize(
    ("output", "inside", "choices", "match"),
    [
        (PERSON, {}, {}, "--classes person,car"),
        (PERSON, {"names": "{0: '0', 1: '1', 2: '2'}"}, {}, "--classes person,car"),
        (PERSON, {"names": NAMES, "task": "segment"}, {}, "made to segment"),
        (np.zeros((1, 40, 8400)), {"names": NAMES}, {}, r"output0, the first of shape \(1, 40, 8400\)"),
        (PERSON, {"names": NAMES}, {"head": "ssd"}, "no head ssd"),
        (PERSON, {"names": NAMES}, {"head": "detr"}, "the head detr gives 80 classes, the manifest 3"),
        (PERSON, {"names": NAMES}, {"classes": ["a", "b"]}, "no head that is known for 2 classes"),
        (PERSON, {"names": NAMES}, {"classes": ["a", "b", "c"]}, "names its classes person, car, fire"),
        (PERSON, {}, {"classes": ["a", "a", "b"]}, "named twice"),
        (PERSON, {"names": NAMES}, {"color": "grey"}, "color"),
    ],
)
def test_what_cannot_be_pinned_says_what_to_do(
    tmp_path: Path, output: np.ndarray, inside: dict[str, str], choices: dict[str, str], match: str
) -> None:
    path = foreign(tmp_path, output, **inside)
    with pytest.raises(WeightsRefused, match=match):
        pin(path, **choices)  # type: ignore[arg-type]
    assert not (tmp_path / "manifest.json").exists()


def test_a_pin_is_not_replaced_by_accident(tmp_path: Path) -> None:
    path = foreign(tmp_path, PERSON, names=NAMES)
    pin(path)
    with pytest.raises(WeightsRefused, match="--replace"):
        pin(path, thresholds=0.5)
    assert pin(path, thresholds=0.5, replace=True).threshold("car") == 0.5
    second = path.with_name("second.onnx")
    second.write_bytes(path.read_bytes())
    with pytest.raises(WeightsRefused, match="another file as other fp32"):
        pin(second, name="other")
    pin(second)
    assert {load_weights(path).name, load_weights(second).name} == {"other", "second"}
    with pytest.raises(WeightsMissing):
        pin(tmp_path / "none.onnx")


def test_names_as_exporters_write_them(tmp_path: Path) -> None:
    for text, names in (
        ("{0: 'a, b', 1: \"it's\"}", ("a, b", "it's")),
        ("['x', 'y']", ("x", "y")),
        ("person, car", ("person", "car")),
        ("{broken", ()),
    ):
        path = foreign(tmp_path, PERSON, names=text)
        assert class_names(open_network(path, 1, ["CPUExecutionProvider"])) == names


def test_pin_by_command(tmp_path: Path) -> None:
    path = foreign(tmp_path, PERSON)
    runner = CliRunner()
    refused = runner.invoke(app, ["weights", "pin", str(path)])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--classes" in refused.stderr
    done = runner.invoke(app, ["weights", "pin", str(path), "--classes", "person,car,fire"])
    assert done.exit_code == 0, done.stderr
    assert "head yolo" in done.stdout
    assert load_weights(path).classes == ("person", "car", "fire")
