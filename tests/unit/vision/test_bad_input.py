"""What people hand in by mistake: each a clear error or a correct result, never a wrong one in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.unit.vision.networks import constant_network, pin, yolo_output
from vision.datasets import read_dataset
from vision.detector import Detector
from vision.errors import ImageRefused, NotAVideo, WeightsRefused
from vision.evaluate import evaluate
from vision.frames import VideoFile
from vision.tiles import CloserLook, TiledDetector
from vision.weights import load_weights

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
NETWORK = constant_network(yolo_output((32, 32, 10, 20, 0.9, 0.1, 0.0)))


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    return Detector(load_weights(pin(tmp_path, NETWORK)), input_size=(64, 64), threads=1)


@pytest.mark.parametrize(
    ("output", "changes", "match"),
    [
        (np.zeros((1, 1000)), {}, "three axes"),
        (np.zeros((1, 8, 16, 16)), {}, "three axes"),
        (np.zeros((1, 8400, 7)), {}, "gives 8396 classes, the manifest 3"),
        (np.zeros((1, 300, 7)), {"head": "nms_free"}, "six columns"),
        (np.zeros((1, 300, 6)), {"head": "detr"}, "gives 2 classes"),
        (np.zeros((1, 84, 6)), {"head": "yolox"}, "gives 1 classes"),
    ],
)
def test_a_head_that_is_not_what_the_manifest_says(
    tmp_path: Path, output: np.ndarray, changes: dict[str, str], match: str
) -> None:
    path = pin(tmp_path, constant_network(output, (64, 64)), **changes)
    with pytest.raises(WeightsRefused, match=match):
        Detector(load_weights(path))


def identity_of(kind: int) -> bytes:
    """A network that takes and gives one kind of number, [1, 3, 64, 64]."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["output0"])],
        "same",
        [helper.make_tensor_value_info("images", kind, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output0", kind, [1, 3, 64, 64])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_a_network_that_takes_bytes_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="float32"):
        Detector(load_weights(pin(tmp_path, identity_of(TensorProto.UINT8))))


def test_a_network_in_half_precision_is_asked_in_half_precision(tmp_path: Path) -> None:
    content = constant_network(yolo_output((32, 32, 10, 20, 0.9, 0.1, 0.0)), (64, 64))
    found = Detector(load_weights(pin(tmp_path, in_half(content)))).detect(np.zeros((64, 64, 3), np.uint8))
    assert found.boxes.tolist() == [[27, 22, 37, 42]]
    assert found.scores.tolist() == pytest.approx([0.9], abs=1e-3)
    assert found.scores.dtype == np.float32


def in_half(content: bytes) -> bytes:
    """The same network in float16 from end to end."""
    model = onnx.load_from_string(content)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
        )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return bytes(model.SerializeToString())


def test_a_dynamic_network_without_suppression_never_sees_too_few_places(tmp_path: Path) -> None:
    row = np.array([[[8, 8, 24, 40, 0.9, 0]]], np.float32)
    detector = Detector(load_weights(pin(tmp_path, constant_network(row), head="nms_free")))
    asked: list[tuple[int, ...]] = []
    inner = detector.blob
    detector.blob = lambda padded: asked.append(padded.shape) or inner(padded)  # type: ignore[method-assign,func-returns-value]
    detector.detect(np.zeros((40, 50, 3), np.uint8))
    assert asked == [(256, 256, 3)]


def test_a_network_that_fails_on_a_picture_is_refused_at_once(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], ["shape"], value_ints=[1, 7, -1]),
            helper.make_node("Reshape", ["images", "shape"], ["output0"]),
        ],
        "fails",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["a", "b", "c"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(WeightsRefused, match="cannot look at a picture of 64 x 64 px"):
        Detector(load_weights(pin(tmp_path, bytes(model.SerializeToString()))))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 1), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.uint16),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
)
def test_grey_deep_and_empty_pictures_are_refused_however_one_looks(
    detector: Detector, image: np.ndarray
) -> None:
    for eye in (detector, TiledDetector(detector, size=64), CloserLook(detector, window_px=32)):
        with pytest.raises(ImageRefused):
            eye.detect(image)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (63, 47), (65, 129)])
def test_pictures_of_odd_sizes_keep_boxes_inside(detector: Detector, size: tuple[int, int]) -> None:
    found = detector.detect(np.zeros((*size, 3), np.uint8))
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [size[1], size[0], size[1], size[0]]).all()


def test_a_picture_that_is_cut_off_stops_an_evaluation_by_name(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("faster_coco_eval")
    for folder in ("images", "labels"):
        (tmp_path / "d" / folder).mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "d" / "images" / "a.jpg"), picture)
    whole = (tmp_path / "d" / "images" / "a.jpg").read_bytes()
    (tmp_path / "d" / "images" / "a.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d" / "labels" / "a.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(NotAVideo, match=r"a\.jpg.*cut off"):
        evaluate(detector, read_dataset(tmp_path / "d", ["person"]))


def test_classes_that_the_weights_do_not_know_are_left_out_of_an_evaluation(
    tmp_path: Path, detector: Detector
) -> None:
    pytest.importorskip("faster_coco_eval")
    for folder in ("images", "labels"):
        (tmp_path / "d" / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "d" / "images" / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "d" / "labels" / "a.txt").write_text("0 .5 .5 .156 .3125\n1 .5 .5 .2 .2\n")
    figures = evaluate(detector, read_dataset(tmp_path / "d", ["person", "tank"]))
    assert set(figures["classes"]) == {"person"}
    assert figures["classes"]["person"]["ap50"] == 1


def test_frames_at_uneven_intervals_keep_their_own_times(tmp_path: Path) -> None:
    moments = [0, 40, 50, 200, 210, 900]
    with av.open(str(tmp_path / "uneven.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment in moments:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    times = [
        (f.captured_at - START).total_seconds() * 1000 for f in VideoFile(tmp_path / "uneven.mkv", START)
    ]
    assert times == pytest.approx(moments, abs=2)
