"""int8 weights: static quantisation (QDQ) of the convolutions, calibrated on frames of the target views."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FULL_PRECISION = ("/model.23/", "/attn/")
"""Parts whose nodes other than convolutions stay in full precision: head and attention. Quantised, they drive
every score to zero."""

EXACT_CONVOLUTIONS = re.compile(r"^/model\.0/|/model\.23/dfl/|/model\.23/cv[23]\.\d+/cv[23]\.\d+\.2/")
"""Convolutions that stay in full precision, since they cost little and lose much: the first, which sees the
picture; the last of each branch; and the one that makes a distance of a distribution, whose steps in eight
bits are half a pixel wide in the finest level."""


class CalibrationFrames:
    """Feeds the images that ONNX Runtime measures the ranges of activations with."""

    def __init__(self, images: Iterable[Array]) -> None:
        self._images: Iterator[Array] = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        """The next input, (1, 3, H, W) in 0..1, or None after the last."""
        image = next(self._images, None)
        return None if image is None else {"images": image}


def kept_nodes(model: Any) -> list[str]:
    """Names of the nodes that stay in full precision."""
    return [
        node.name
        for node in model.graph.node
        if (node.op_type != "Conv" and any(part in node.name for part in FULL_PRECISION))
        or EXACT_CONVOLUTIONS.search(node.name)
    ]


def quantise(source: Path, target: Path, images: Iterable[Array]) -> Path:
    """Writes an int8 copy of an fp32 ONNX model.

    Args:
        source: fp32 model.
        target: file to write.
        images: calibration inputs (1, 3, H, W), RGB in 0..1; 40 to 100 of the views that will be looked at.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            CalibrationFrames(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=kept_nodes(onnx.load(str(prepared))),
        )
    return target
