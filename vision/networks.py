"""Opening ONNX files: what goes in and comes out, and what the exporter wrote into them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vision.errors import WeightsRefused

PROVIDERS = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
)
"""What ONNX Runtime runs on, best first; the builds that users install have some of these."""
FLOATS: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Numbers that a network may take and give; inside the program all are float32."""


def available_providers() -> list[str]:
    """The execution providers of this build of ONNX Runtime that are of use here, best first."""
    offered = ort.get_available_providers()
    return [name for name in PROVIDERS if name in offered]


def open_network(path: Path, threads: int, providers: Sequence[str]) -> ort.InferenceSession:
    """A session of a network that takes one picture at a time.

    Raises:
        WeightsRefused: it cannot be loaded, or takes or gives something else.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores too
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's own errors share no public base class
        raise WeightsRefused(f"{path}: ONNX Runtime cannot load it ({one_line(error)})") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        taken = ", ".join(f"{part.name} {part.shape}" for part in inputs)
        raise WeightsRefused(
            f"{path}: the network must take one image of shape (1, 3, H, W), this one takes {taken}; export "
            "it without pre- and post-processing"
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise WeightsRefused(f"{path}: takes {shape[0]} pictures at a time; export it with a batch of 1")
    if inputs[0].type not in FLOATS or outputs[0].type not in FLOATS:
        raise WeightsRefused(
            f"{path}: takes {inputs[0].type} and gives {outputs[0].type}; export it with float32 or float16 "
            "at both ends"
        )
    return session


def input_type(session: ort.InferenceSession) -> type[np.floating[Any]]:
    """The numbers that the network takes: float32 or float16."""
    return FLOATS[session.get_inputs()[0].type]


def fixed_size(session: ort.InferenceSession) -> tuple[int, int] | None:
    """Height and width of the input; None where the network takes pictures of any size."""
    h, w = session.get_inputs()[0].shape[2:]
    return (h, w) if isinstance(h, int) and isinstance(w, int) else None


def answer_to_blank(session: ort.InferenceSession, path: Path, hw: tuple[int, int]) -> NDArray[np.float32]:
    """What the network says of an empty picture of this height and width: its first output.

    Raises:
        WeightsRefused: it fails.
    """
    blank = np.zeros((1, 3, *hw), input_type(session))
    return run(session, path, blank)


def run(session: ort.InferenceSession, path: Path, blob: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The first output for an input (1, 3, H, W), as float32.

    Raises:
        WeightsRefused: the network fails on it.
    """
    try:
        answer = session.run(None, {session.get_inputs()[0].name: blob})[0]
    except Exception as error:  # ONNX Runtime's own errors share no public base class
        h, w = blob.shape[2:]
        raise WeightsRefused(
            f"{path}: cannot look at a picture of {w} x {h} px ({one_line(error)}); export it again for the "
            "sizes it is to see"
        ) from error
    return np.asarray(answer, np.float32)


def class_names(session: ort.InferenceSession) -> tuple[str, ...]:
    """Class names that the exporter wrote into the file, in the order of their numbers; empty if none.

    Ultralytics writes a Python dictionary ``{0: 'person', ...}``, this project ``person,car``.
    """
    text = written(session).get("names", "").strip()
    if not text:
        return ()
    if text[0] not in "{[":
        return tuple(part.strip() for part in text.split(","))
    try:
        content = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ()
    if isinstance(content, dict):
        content = [content[key] for key in sorted(content, key=lambda key: int(key))]
    names = tuple(str(name) for name in content)
    return () if all(name.isdigit() for name in names) else names  # 0, 1, 2, ... names nothing


def written(session: ort.InferenceSession) -> dict[str, str]:
    """All that the exporter wrote into the file, by key."""
    return dict(session.get_modelmeta().custom_metadata_map)


def one_line(error: Exception) -> str:
    """An error of ONNX Runtime without its line breaks, cut to a length that can be read."""
    text = " ".join(str(error).split())
    return text if len(text) <= 240 else text[:239] + "…"
