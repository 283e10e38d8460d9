"""Tiny ONNX networks with known answers, pinned by a manifest of their own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = ["person", "car", "fire"]


def constant_network(output: np.ndarray, hw: tuple[int, int] | None = None, **metadata: str) -> bytes:
    """Gives ``output`` whatever the picture, plus 0 times its first pixel so that the picture is an input."""
    shape: list[int | str] = [1, 3, *(hw or ("height", "width"))]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["answer", "nothing"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes, "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(output.shape))],
        [
            numpy_helper.from_array(output.astype(np.float32), "answer"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(model.SerializeToString())


def pin(directory: Path, content: bytes, **changes: Any) -> Path:
    """Write the network and a manifest that pins it; gives the network's path."""
    path = directory / "tiny.onnx"
    path.write_bytes(content)
    entry = {
        "name": "tiny", "variant": "fp32", "file": "tiny.onnx", "sha256": hashlib.sha256(content).hexdigest(),
        "license": "AGPL-3.0-or-later", "classes": CLASSES, "head": "yolo", "layout": "NCHW", "color": "RGB",
        "scale": 1 / 255, "stride": 32, "input_sizes": [[64, 64]],
        "thresholds": {"person": 0.5, "car": 0.5, "fire": 0.5}, "calibration": {"temperature": 1.0},
        "iou_threshold": 0.6, "sources": [], "accuracy": {},
    } | changes  # fmt: skip
    manifest = {"schema_version": 1, "weights": [entry], "default": {"tiny": entry["variant"]}}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return path


def yolo_output(*rows: tuple[float, float, float, float, float, float, float]) -> np.ndarray:
    """Rows of centre x, centre y, width, height and three class scores -> raw head [1, 7, N]."""
    return np.array(rows, np.float32).T[None]
