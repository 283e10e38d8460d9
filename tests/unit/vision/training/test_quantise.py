from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from vision.training.quantise import CalibrationFrames, kept_nodes, quantise

onnx = pytest.importorskip("onnx")


def two_layers(path: Path) -> Path:
    """Two convolutions, the second in the head, and a multiplication in the head."""
    helper, random = onnx.helper, np.random.default_rng(0)
    weights = [
        onnx.numpy_helper.from_array(random.normal(size=(8, c, 3, 3)).astype(np.float32), f"w{i}")
        for i, c in enumerate((3, 8))
    ]
    factor = onnx.numpy_helper.from_array(np.float32([1e-3]), "factor")
    nodes = [
        helper.make_node("Conv", ["images", "w0"], ["a"], name="/model.1/conv/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w1"], ["b"], name="/model.23/cv2/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["b", "factor"], ["output0"], name="/model.23/Mul"),
    ]
    shape = [1, 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, [1, 8, "height", "width"])],
        [*weights, factor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def test_head_and_attention_keep_full_precision_but_for_convolutions(tmp_path: Path) -> None:
    model = onnx.load(str(two_layers(tmp_path / "m.onnx")))
    assert kept_nodes(model) == ["/model.23/Mul"]


def test_what_loses_most_in_eight_bits_keeps_full_precision() -> None:
    helper = onnx.helper
    names = [
        "/model.0/conv/Conv", "/model.1/conv/Conv", "/model.10/m/m.0/ffn/Conv", "/model.23/dfl/conv/Conv",
        "/model.23/cv2.0/cv2.0.1/conv/Conv", "/model.23/cv2.0/cv2.0.2/Conv", "/model.23/cv3.2/cv3.2.2/Conv",
    ]  # fmt: skip
    nodes = [helper.make_node("Conv", ["x", "w"], [f"y{i}"], name=name) for i, name in enumerate(names)]
    model = helper.make_model(helper.make_graph(nodes, "g", [], []))
    assert kept_nodes(model) == [names[0], names[3], names[5], names[6]]


@pytest.mark.filterwarnings("ignore")
def test_int8_answers_nearly_the_same_and_is_smaller(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    images = [random.random((1, 3, 32, 32), dtype=np.float32) for _ in range(4)]
    source = two_layers(tmp_path / "m.onnx")
    target = quantise(source, tmp_path / "q.onnx", images)
    operations = [n.op_type for n in onnx.load(str(target)).graph.node]
    assert "DequantizeLinear" in operations
    wide = random.random((1, 3, 64, 96), dtype=np.float32)
    answers = [
        onnxruntime.InferenceSession(str(p), providers=["CPUExecutionProvider"]).run(None, {"images": wide})[
            0
        ]
        for p in (source, target)
    ]
    assert answers[0].shape == answers[1].shape
    error = np.abs(answers[0] - answers[1]).mean() / np.abs(answers[0]).mean()
    assert error < 0.08


def test_calibration_ends() -> None:
    frames = CalibrationFrames([np.zeros((1, 3, 32, 32), np.float32)])
    first = frames.get_next()
    assert first is not None
    assert set(first) == {"images"}
    assert frames.get_next() is None
