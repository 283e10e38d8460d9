from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.collections import thermal_collections
from vision.training.eyes import EYES
from vision.training.look import Looker
from vision.training.manifest import entry
from vision.weights import Weights


@pytest.fixture
def thermal(tmp_path: Path) -> Path:
    for part, stem in (("train", "0_100_50_0_1"), ("val", "1_60_90_0_7")):
        for folder in ("images", "labels"):
            (tmp_path / "thermal" / folder / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "thermal" / "images" / part / f"{stem}.jpg"), np.zeros((64, 80), np.uint8))
        rows = "0 .5 .5 .1 .2\n1 .5 .5 .2 .2\n2 .2 .2 .1 .1\n3 .8 .8 .2 .2\n"
        (tmp_path / "thermal" / "labels" / part / f"{stem}.txt").write_text(rows)
    return tmp_path


def test_thermal_pictures_label_four_classes_and_keep_flights_apart(thermal: Path) -> None:
    (train,) = thermal_collections(thermal)["thermal"]
    (val,) = thermal_collections(thermal, "val")["thermal"]
    assert [CLASSES[k] for k in train.classes] == ["person", "car", "bicycle", "truck"]
    assert "fire" not in train.labelled
    assert (train.group, val.group) == ("thermal/0_100_50", "thermal/1_60_90")
    assert (train.nadir, val.nadir) == (False, True)
    assert train.read().shape == (64, 80, 3)


@pytest.mark.parametrize("kind", sorted(EYES))
def test_what_is_shipped_makes_a_manifest_entry(tmp_path: Path, kind: str) -> None:
    eye = EYES[kind]
    path = tmp_path / f"{eye.name}-int8.onnx"
    path.write_bytes(b"weights")
    made = entry(
        path, name=eye.name, variant="int8", thresholds=eye.thresholds, sources=eye.sources, accuracy={},
        classes=eye.classes, input_sizes=eye.input_sizes,
    )  # fmt: skip
    weights = Weights.model_validate(made)
    assert all(h % weights.stride == w % weights.stride == 0 for h, w in weights.input_sizes)
    assert set(weights.thresholds) == set(weights.classes)


def test_looking_with_fewer_classes_answers_in_the_numbers_of_all(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    answer = np.array([[[16, 16, 8, 8, 0.1, 0.9]]], np.float32).transpose(0, 2, 1)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["answer", "nothing"], ["output0"]),
        ],
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(answer.shape))],
        [
            numpy_helper.from_array(answer, "answer"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"names": "person,truck"})
    onnx.save(model, str(tmp_path / "two.onnx"))
    found = Looker(tmp_path / "two.onnx").whole(np.zeros((32, 32, 3), np.uint8), 32)
    assert [CLASSES[int(k)] for k in found[:, 5]] == ["truck"]
