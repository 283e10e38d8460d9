"""Export to ONNX: any height and width that is a multiple of 32, raw head [1, 4 + classes, N]."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from vision.training.errors import ExportRefused
from vision.training.model import training_extra

OPSET = 17
METADATA = {"color": "RGB", "scale": "1/255", "layout": "NCHW", "head": "yolo"}


def export_onnx(model: Any, path: Path) -> Path:
    """Writes a network as fp32 ONNX and checks it against PyTorch at two shapes.

    Raises:
        ExportRefused: ONNX Runtime answers differently from PyTorch.
    """
    with training_extra():
        import torch
    network = copy.deepcopy(model).float().eval().fuse()
    head = network.model[-1]
    head.export, head.format, head.dynamic = True, "onnx", True
    for module in network.modules():
        if type(module).__name__ == "C2f" or type(module).__name__ == "C3k2":
            module.forward = module.forward_split
    example = torch.zeros(1, 3, 384, 640)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode():
        network(example)
        torch.onnx.export(
            network,
            (example,),
            str(path),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0"],
            dynamic_axes={"images": {2: "height", 3: "width"}, "output0": {2: "anchors"}},
            do_constant_folding=True,
            dynamo=False,
        )
    _stamp(path, dict(model.names))
    _compare(network, path)
    return path


def _stamp(path: Path, names: dict[int, str]) -> None:
    import onnx

    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, {**METADATA, "names": ",".join(names[i] for i in sorted(names))})
    onnx.save(model, str(path))


def _compare(network: Any, path: Path) -> None:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for height, width in ((384, 640), (736, 1280)):
        image = generator.random((1, 3, height, width), dtype=np.float32)
        with torch.inference_mode():
            answer = network(torch.from_numpy(image))
        expected = (answer[0] if isinstance(answer, tuple | list) else answer).numpy()
        got = session.run(None, {"images": image})[0]
        if got.shape != expected.shape or not np.allclose(got, expected, rtol=1e-2, atol=0.5):
            worst = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
            raise ExportRefused(
                f"At {height}x{width} ONNX Runtime answers {got.shape}, off by {worst:.3g}, where PyTorch "
                f"answers {expected.shape}: export again with the versions of the `train` extra."
            )
