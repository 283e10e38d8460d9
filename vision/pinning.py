"""Pinning a weight file, own or foreign: what kind of network it is, and its entry in the manifest beside it.

``skybeat weights pin FILE.onnx`` looks at the shape of the network's answer and at what the exporter wrote
into the file. What neither says has to be told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from pydantic import ValidationError

from vision.detector import Detector
from vision.errors import WeightsMissing, WeightsRefused
from vision.heads import class_channels, grid_places
from vision.networks import answer_to_blank, class_names, fixed_size, open_network, written
from vision.weights import Head, Weights, append_entry, sha256_of

USUAL_SIZE = (640, 640)
USUAL_THRESHOLD = 0.25
ANCHORS = 3
"""YOLOv5 has so many boxes at each place of its grids."""
PIXELS_FROM = 2.0
"""Places given as shares of the picture stay below this; places in pixels do not."""


def pin(
    file: Path,
    *,
    name: str | None = None,
    variant: str | None = None,
    classes: Sequence[str] | None = None,
    head: str | None = None,
    color: str | None = None,
    scale: float | None = None,
    thresholds: float = USUAL_THRESHOLD,
    license: str | None = None,
    replace: bool = False,
) -> Weights:
    """Adds a file to the ``manifest.json`` beside it, once the detector has looked through it.

    Args:
        name: in the manifest; the file's own without suffix. variant: fp32, fp16 or int8; by the file.
        classes: in the order of the head's channels; those that the exporter wrote into the file.
        head: one of ``Head``; by the shape of the answer.
        color, scale: order of the input's channels and what pixels are multiplied by: RGB and 1/255, for
            YOLOX BGR and 1.
        thresholds: lowest score of a full detection, of all classes.
        replace: what the manifest pins for this file so far.

    Raises:
        WeightsMissing: there is no such file.
        WeightsRefused: it is no network that this program can run, something has to be told, or the name is
            taken by another file.
    """
    if not file.is_file():
        raise WeightsMissing(f"{file}: there is no such file")
    if file.suffix != ".onnx":
        raise WeightsRefused(f"{file}: only .onnx files can be pinned; export the network to ONNX")
    session = open_network(file, 1, ["CPUExecutionProvider"])
    inside = written(session)
    task = inside.get("task", "detect")
    if task != "detect":
        raise WeightsRefused(f"{file}: was made to {task}, not to detect; export a detection network")
    known = tuple(classes or class_names(session))
    if not known:
        raise WeightsRefused(
            f"{file}: nothing in it says what its classes are; give them in their order: "
            "--classes person,car,..."
        )
    hw = fixed_size(session)
    answer = answer_to_blank(session, file, hw or USUAL_SIZE)
    found = head or guess_head(answer, len(known), hw or USUAL_SIZE)
    if found is None:
        raise WeightsRefused(_unknown_head(session, file, answer.shape, len(known)))
    if found not in get_args(Head):
        raise WeightsRefused(f"there is no head {found}; known are {', '.join(get_args(Head))}")
    raw_pixels = found == "yolox"
    entry: dict[str, Any] = {
        "name": name or file.stem,
        "variant": variant or _variant(file, session),
        "file": file.name,
        "sha256": sha256_of(file),
        "license": license or inside.get("license") or "not stated",
        "classes": list(known),
        "head": found,
        "layout": "NCHW",
        "color": color or ("BGR" if raw_pixels else "RGB"),
        "scale": scale if scale is not None else (1.0 if raw_pixels else 1 / 255),
        "stride": _stride(inside),
        "input_sizes": [list(hw or USUAL_SIZE)],
        "thresholds": dict.fromkeys(known, thresholds),
        "calibration": {"temperature": 1.0},
        "sources": [{"name": inside["description"]}] if inside.get("description") else [],
    }
    try:
        weights = Weights.model_validate(entry).model_copy(update={"path": file})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WeightsRefused(f"{file}: {problems}") from error
    h, w = hw or USUAL_SIZE
    Detector(weights, threads=1, input_size=(h, w)).detect(np.full((h, w, 3), 114, np.uint8))
    append_entry(file.parent / "manifest.json", entry, replace=replace)
    return weights


def guess_head(answer: NDArray[np.float32], classes: int, input_hw: tuple[int, int]) -> Head | None:
    """The head that answers with this shape, for so many classes; None where no known one does.

    >>> guess_head(np.zeros((1, 84, 8400), np.float32), 80, (640, 640))
    'yolo'
    >>> guess_head(np.zeros((1, 300, 84), np.float32), 80, (640, 640))
    'detr'
    """
    shape = answer.shape
    if len(shape) != 3 or shape[0] != 1:
        return None
    places = grid_places(input_hw)
    if class_channels("yolo", shape) == classes and shape[2] > shape[1]:
        return "yolo"
    if class_channels("yolov5", shape) == classes and shape[1] in (places, ANCHORS * places):
        return "yolox" if shape[1] == places else "yolov5"
    is_detr = class_channels("detr", shape) == classes
    if shape[2] == 6 and not (is_detr and float(np.abs(answer[0, :, :4]).max(initial=0)) < PIXELS_FROM):
        return "nms_free"
    return "detr" if is_detr and shape[1] != places else None


def _unknown_head(session: InferenceSession, file: Path, shape: tuple[int, ...], classes: int) -> str:
    outputs = ", ".join(part.name for part in session.get_outputs())
    return (
        f"{file}: answers with {outputs}, the first of shape {shape}: no head that is known for {classes} "
        "classes; known are YOLO [1, 4 + classes, N], YOLOv5 and YOLOX [1, N, 5 + classes], NMS-free "
        "[1, N, 6] and DETR [1, N, 4 + classes] in one output; check --classes, or export it so"
    )


def _variant(file: Path, session: InferenceSession) -> str:
    named = re.search(r"(fp32|fp16|int8)(?![a-z0-9])", file.stem.lower())
    if named:
        return named[1]
    return "fp16" if session.get_inputs()[0].type == "tensor(float16)" else "fp32"


def _stride(inside: dict[str, str]) -> int:
    text = inside.get("stride", "32")
    return max(32, int(text)) if text.isdigit() else 32
