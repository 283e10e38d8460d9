from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.vision.networks import constant_network, pin, yolo_output
from vision.detections import CLASSES
from vision.detector import Detector
from vision.errors import WeightsMissing, WeightsRefused
from vision.weights import load_weights, read_manifest, verify_all

NETWORK = constant_network(yolo_output((32, 32, 10, 20, 0.9, 0.1, 0.0)))


def change(manifest: Path, **changes: object) -> None:
    content = json.loads(manifest.read_text())
    content["weights"][0].update(changes)
    manifest.write_text(json.dumps(content))


def test_pinned_file_by_path_and_by_name(tmp_path: Path) -> None:
    path = pin(tmp_path, NETWORK)
    weights = load_weights(path)
    assert weights.path == path
    assert weights.names == ("person", "car", "fire")
    assert weights.label == f"tiny-fp32 {weights.sha256[:12]}"
    assert load_weights("tiny-fp32", manifest=tmp_path / "manifest.json") == weights
    assert load_weights("tiny", manifest=tmp_path / "manifest.json") == weights
    assert weights.threshold("person") == 0.5


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    path = pin(tmp_path, NETWORK)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsRefused, match="the manifest pins"):
        load_weights(path)
    assert [why[:1] != "" for _, why in verify_all(tmp_path / "manifest.json")] == [True]


def test_a_file_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    pin(tmp_path, NETWORK)
    other = tmp_path / "other.onnx"
    other.write_bytes(NETWORK)
    with pytest.raises(WeightsRefused, match="not pinned"):
        load_weights(other)
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "tiny.onnx").write_bytes(NETWORK)
    with pytest.raises(WeightsRefused, match=r"no manifest\.json"):
        load_weights(alone / "tiny.onnx")


def test_missing_files_and_names(tmp_path: Path) -> None:
    path = pin(tmp_path, NETWORK)
    with pytest.raises(WeightsMissing, match="pinned are: tiny-fp32"):
        load_weights("nothing", manifest=tmp_path / "manifest.json")
    path.unlink()
    with pytest.raises(WeightsMissing, match="no such file"):
        load_weights(path)
    with pytest.raises(WeightsMissing, match="restore"):
        load_weights("tiny", manifest=tmp_path / "manifest.json")
    with pytest.raises(WeightsMissing, match="no manifest"):
        read_manifest(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"head": "ssd"}, "head"),
        ({"sha256": "abc"}, "sha256"),
        ({"classes": ["person", "person", "car"]}, "named twice"),
        ({"thresholds": {"tank": 0.5}}, "unknown classes: tank"),
        ({"file": "../elsewhere.onnx"}, "beside the manifest"),
        ({"colour": "RGB"}, "colour"),
        ({"scale": 0}, "scale"),
        ({"variant": "int8"}, "default tiny fp32 is not pinned"),
    ],
)
def test_wrong_manifests_are_refused(tmp_path: Path, changes: dict[str, object], match: str) -> None:
    pin(tmp_path, NETWORK)
    change(tmp_path / "manifest.json", **changes)
    with pytest.raises(WeightsRefused, match=match):
        read_manifest(tmp_path / "manifest.json")


def test_manifest_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(WeightsRefused):
        read_manifest(tmp_path / "manifest.json")


def test_other_number_of_classes_than_the_network(tmp_path: Path) -> None:
    path = pin(tmp_path, NETWORK, classes=["person", "car"], thresholds={})
    with pytest.raises(WeightsRefused, match="gives 3 classes, the manifest 2"):
        Detector(load_weights(path))


@pytest.mark.parametrize("names", ["person,car,smoke", "{0: 'person', 1: 'car', 2: 'smoke'}"])
def test_other_class_names_than_in_the_file(tmp_path: Path, names: str) -> None:
    path = pin(tmp_path, constant_network(yolo_output((32, 32, 10, 20, 0.9, 0.1, 0.0)), names=names))
    with pytest.raises(WeightsRefused, match="smoke"):
        Detector(load_weights(path))


def test_not_a_network(tmp_path: Path) -> None:
    path = pin(tmp_path, b"this is no ONNX file")
    with pytest.raises(WeightsRefused, match="cannot load"):
        Detector(load_weights(path))


def test_the_shipped_weights_are_whole_and_have_the_agreed_classes() -> None:
    problems = [why for _, why in verify_all()]
    assert problems
    assert set(problems) == {""}
    assert load_weights("patrol-rgb").names == CLASSES
