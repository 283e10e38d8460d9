from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vision.networks import constant_network, pin, yolo_output
from vision.detector import Detector, Letterbox
from vision.errors import ImageRefused
from vision.frames import read_still
from vision.networks import available_providers
from vision.weights import load_weights

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def test_a_720p_frame_is_not_scaled() -> None:
    box = Letterbox.fit((720, 1280), (736, 1280), stride=32, dynamic=True, centred=True)
    assert (box.scale, box.left, box.top, box.input_hw) == (1.0, 0, 8, (736, 1280))
    padded = box.apply(blank(720, 1280))
    assert padded.shape == (736, 1280, 3)
    assert np.unique(padded[:8]).tolist() == [114]
    assert np.unique(padded[8:728]).tolist() == [90]


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_the_network_is_given_what_opencv_would_make_of_a_picture(tmp_path: Path, color: str) -> None:
    network = pin(tmp_path, constant_network(yolo_output((32, 32, 9, 9, 0, 0, 0))), color=color)
    detector = Detector(load_weights(network), threads=1)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    wanted = cv2.dnn.blobFromImage(image, detector.weights.scale, swapRB=color == "BGR")
    assert np.array_equal(detector.blob(image), wanted)


def test_small_images_are_not_enlarged_on_a_dynamic_input() -> None:
    box = Letterbox.fit((100, 70), (736, 1280), stride=32, dynamic=True, centred=True)
    assert (box.scale, box.input_hw) == (1.0, (128, 96))
    fixed = Letterbox.fit((100, 70), (416, 416), stride=32, dynamic=False, centred=False)
    assert fixed.scale == pytest.approx(4.16)
    assert (fixed.input_hw, fixed.left, fixed.top) == ((416, 416), 0, 0)


@given(
    st.integers(8, 3000), st.integers(8, 3000), st.sampled_from([(736, 1280), (640, 640), (384, 640)]),
    st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_letterbox_and_back(
    height: int, width: int, hw: tuple[int, int], dynamic: bool, centred: bool
) -> None:
    box = Letterbox.fit((height, width), hw, stride=32, dynamic=dynamic, centred=centred)
    assert box.input_hw[0] % 32 == 0
    assert box.input_hw[1] % 32 == 0
    assert box.input_hw[0] <= hw[0]
    assert box.input_hw[1] <= hw[1]
    corners = np.array([[0, 0, width, height], [width / 4, height / 4, width / 2, height / 2]], np.float32)
    inside = corners * box.scale + np.array([box.left, box.top] * 2)
    assert (inside >= -0.01).all()
    assert (inside[:, 2] <= box.input_hw[1] + 0.51).all()
    assert (inside[:, 3] <= box.input_hw[0] + 0.51).all()
    back = box.to_image(inside.astype(np.float32), (height, width))
    np.testing.assert_allclose(back, corners, atol=0.02 * max(1, 1 / box.scale))


def test_boxes_come_back_in_the_pixels_of_the_image(tmp_path: Path) -> None:
    output = yolo_output(
        (40, 36, 16, 8, 0.9, 0.0, 0.0), (10, 10, 8, 8, 0.1, 0.3, 0.1), (9, 9, 4, 4, 0.0, 0.0, 0.1)
    )
    detector = Detector(load_weights(pin(tmp_path, constant_network(output))), input_size=(64, 96), threads=1)
    found = detector.detect(blank(120, 190))  # scaled by 96/190, 61 rows padded to 64: 1 above
    scale = 96 / 190
    assert found.name(0) == "person"
    np.testing.assert_allclose(found.boxes[0], [32 / scale, 31 / scale, 48 / scale, 39 / scale], atol=0.1)
    assert [found.name(i) for i in range(len(found))] == ["person", "car"]  # 0.3 is weak, 0.1 is nothing


def test_weak_boxes_are_left_out_on_demand(tmp_path: Path) -> None:
    output = yolo_output((40, 36, 16, 8, 0.9, 0.0, 0.0), (10, 10, 8, 8, 0.1, 0.3, 0.1))
    weights = load_weights(pin(tmp_path, constant_network(output)))
    assert len(Detector(weights, input_size=(64, 64), weak_share=1.0).detect(blank(64, 64))) == 1
    assert Detector(weights).thresholds == {"person": 0.5, "car": 0.5, "fire": 0.5}


def test_doubles_are_suppressed_by_class(tmp_path: Path) -> None:
    output = yolo_output(
        (30, 30, 20, 20, 0.9, 0, 0), (31, 30, 20, 20, 0.8, 0, 0), (30, 30, 20, 20, 0, 0.7, 0)
    )
    detector = Detector(load_weights(pin(tmp_path, constant_network(output))), input_size=(64, 64))
    found = detector.detect(blank(64, 64))
    assert [found.name(i) for i in range(len(found))] == ["person", "car"]
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])


def test_nms_free_head(tmp_path: Path) -> None:
    output = np.array([[[8, 8, 24, 40, 0.9, 0], [8, 8, 24, 40, 0.85, 0], [0, 0, 0, 0, 0, 0]]], np.float32)
    path = pin(tmp_path, constant_network(output, (64, 64)), head="nms_free")
    found = Detector(load_weights(path)).detect(blank(64, 64))
    assert found.boxes.tolist() == [[8, 8, 24, 40], [8, 8, 24, 40]]


def test_detr_head_gives_each_thing_once_without_suppression(tmp_path: Path) -> None:
    query = [0.25, 0.5, 0.25, 0.5]
    output = np.array([[[*query, 0.9, 0, 0], [*query, 0.8, 0, 0], [*query, 0.1, 0.1, 0]]], np.float32)
    path = pin(tmp_path, constant_network(output, (64, 128)), head="detr")
    found = Detector(load_weights(path)).detect(blank(64, 128))
    assert found.boxes.tolist() == [[16, 16, 48, 48], [16, 16, 48, 48]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (
            ["CPUExecutionProvider", "OpenVINOExecutionProvider"],
            ["OpenVINOExecutionProvider", "CPUExecutionProvider"],
        ),
        (
            ["CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"],
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_the_best_provider_that_is_offered_is_taken(
    monkeypatch: pytest.MonkeyPatch, offered: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr("vision.networks.ort.get_available_providers", lambda: offered)
    assert available_providers() == expected


def test_the_network_runs_on_the_provider_that_is_named(tmp_path: Path) -> None:
    path = pin(tmp_path, constant_network(yolo_output((30, 30, 20, 20, 0.9, 0, 0))))
    detector = Detector(load_weights(path), providers=["CPUExecutionProvider"])
    assert detector.session.get_providers() == ["CPUExecutionProvider"]


def test_calibration_moves_scores_and_not_what_is_found(tmp_path: Path) -> None:
    output = yolo_output((30, 30, 20, 20, 0.9, 0, 0))
    path = pin(tmp_path, constant_network(output), calibration={"temperature": 2.0})
    found = Detector(load_weights(path), input_size=(64, 64)).detect(blank(64, 64))
    assert found.scores.tolist() == pytest.approx([0.75])  # odds 9 become their square root, 3


def test_boxes_without_size_and_broken_numbers_are_dropped(tmp_path: Path) -> None:
    output = yolo_output(
        (-50, -50, 20, 20, 0.9, 0, 0), (30, 30, 0, 0, 0.9, 0, 0), (30, 30, np.nan, 9, 0.9, 0, 0)
    )
    detector = Detector(load_weights(pin(tmp_path, constant_network(output))), input_size=(64, 64))
    assert len(detector.detect(blank(64, 64))) == 0


def test_wrong_images_and_sizes(tmp_path: Path) -> None:
    weights = load_weights(pin(tmp_path, constant_network(yolo_output((30, 30, 20, 20, 0.9, 0, 0)))))
    with pytest.raises(ImageRefused):
        Detector(weights).detect(np.zeros((64, 64), np.uint8))
    with pytest.raises(ValueError, match="multiples of the stride"):
        Detector(weights, input_size=(720, 1280))


def test_same_picture_same_boxes() -> None:
    detector = Detector(load_weights(), threads=2)
    picture = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    first, second = detector.detect(picture), detector.detect(picture)
    assert first.boxes.tobytes() == second.boxes.tobytes()
    assert first.scores.tobytes() == second.scores.tobytes()


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is not here")
def test_a_foreign_yolox_network_sees_cars_on_a_street(tmp_path: Path) -> None:
    source = SHARED / "pretrained" / "yolox_nano_coco.onnx"
    coco = [
        "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck",
        *(f"coco-{i}" for i in range(8, 80)),
    ]  # fmt: skip
    (tmp_path / source.name).symlink_to(source)
    entry = {
        "name": "yolox-nano", "variant": "fp32", "file": source.name,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(), "license": "Apache-2.0", "classes": coco,
        "head": "yolox", "color": "BGR", "scale": 1.0, "input_sizes": [[416, 416]], "iou_threshold": 0.5,
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "weights": [entry], "default": {}})
    )
    detector = Detector(load_weights(tmp_path / source.name), weak_share=1.0)
    picture = read_still(SHARED / "street_rgb" / "images" / "0000295_02900_d_0000034.jpg")
    found = detector.detect(picture).of("car", "bus", "truck")
    assert len(found) >= 1
    assert (found.boxes[:, 2] - found.boxes[:, 0]).max() < 600
