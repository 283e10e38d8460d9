"""The network that is trained: YOLO11n shape, COCO initialisation, the classes of the product."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vision.detections import CLASSES
from vision.training.errors import SourceRefused, TrainingExtraMissing

ABSENT_CLASS_BIAS = -7.0
"""Logit of a class that the initialisation does not know: a probability of 0.001, so it never fires, yet near
enough to be learned in a short run."""
KNOWN_TO_COCO = 80
"""Classes of the initialisation; the width of the class branches follows from it."""


@contextmanager
def training_extra() -> Iterator[None]:
    """Turns a missing PyTorch or Ultralytics into a sentence that says what to install."""
    try:
        yield
    except ImportError as error:
        raise TrainingExtraMissing from error


def class_rows(known: Mapping[int, str], wanted: Sequence[str] = CLASSES) -> list[int | None]:
    """For every class wanted, its row in the initialisation, or None where that does not know it.

    >>> class_rows({0: "person", 1: "kite", 2: "car"}, ("car", "fire"))
    [2, None]
    """
    rows = {name: index for index, name in known.items()}
    return [rows.get(name) for name in wanted]


def initial_model(checkpoint: Path, classes: Sequence[str] = CLASSES) -> Any:
    """The network of a checkpoint with its class rows picked by name.

    The class branches keep the width of the checkpoint (80 channels for COCO; a fresh network of eight
    classes would be narrower, and two of its three layers would start from nothing). Classes unknown to the
    checkpoint start with zero weights and a bias that keeps them silent.
    """
    with training_extra():
        from ultralytics import YOLO
    model = YOLO(str(checkpoint)).model.float()
    _new_head(model, model.names, classes)
    return trainable(model)


def _new_head(model: Any, known: Mapping[int, str], classes: Sequence[str]) -> None:
    """Gives a network these classes; those it knows keep their rows."""
    import torch

    head = model.model[-1]
    rows = class_rows(known, classes)
    for branch in head.cv3:
        old = branch[-1]
        new = torch.nn.Conv2d(old.in_channels, len(classes), kernel_size=1)
        with torch.no_grad():
            new.weight.zero_()
            new.bias.fill_(ABSENT_CLASS_BIAS)
            for target, row in enumerate(rows):
                if row is not None:
                    new.weight[target] = old.weight[row]
                    new.bias[target] = old.bias[row]
        branch[-1] = new
    head.nc = len(classes)
    head.no = len(classes) + 4 * head.reg_max
    model.nc = len(classes)
    model.names = dict(enumerate(classes))
    model.yaml["nc"] = len(classes)


def network_from_onnx(path: Path, classes: Sequence[str] = CLASSES) -> Any:
    """The trainable network of an fp32 file that ``export_onnx`` wrote; it gives the same answers.

    Exporting merges batch normalisation into the convolutions. Here it comes back as a normalisation that
    changes nothing: scale one, and the convolution's bias as its shift.

    Raises:
        SourceRefused: the file is missing, or holds another network.
    """
    with training_extra():
        import onnx
        import torch
        from ultralytics.nn.tasks import DetectionModel
    try:
        stored = onnx.load(str(path)).graph.initializer
    except (OSError, ValueError) as error:
        raise SourceRefused(f"{path} cannot be read as ONNX: name the fp32 file of pinned weights") from error
    values = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in stored}
    model = DetectionModel("yolo11n.yaml", nc=KNOWN_TO_COCO, verbose=False)
    _new_head(model, {}, classes)
    missing = []
    with torch.no_grad():
        for name, layer in model.named_modules():
            if type(layer).__name__ in ("Conv", "DWConv"):
                missing += _fill_block(name, layer, values)
            elif isinstance(layer, torch.nn.Conv2d) and not name.endswith(".conv"):
                missing += _fill(name, layer, values)
    if missing:
        raise SourceRefused(f"{path} holds another network ({missing[0]} does not fit): name our fp32 file")
    return trainable(model)


def pinned_model(path: Path, classes: Sequence[str] = CLASSES) -> Any:
    """The trainable network of an fp32 file that ``export_onnx`` wrote, with these classes.

    Classes that the file does not know start silent, as in ``initial_model``.

    Raises:
        SourceRefused: the file is missing, does not name its classes, or holds another network.
    """
    with training_extra():
        import onnx
    try:
        written = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
    except (OSError, ValueError) as error:
        raise SourceRefused(f"{path} cannot be read as ONNX: name the fp32 file of pinned weights") from error
    if "names" not in written:
        raise SourceRefused(f"{path} does not name its classes: name the fp32 file of pinned weights")
    known = written["names"].split(",")
    model = network_from_onnx(path, known)
    if tuple(known) != tuple(classes):
        _new_head(model, dict(enumerate(known)), classes)
    return trainable(model)


def _fill(name: str, layer: Any, values: Mapping[str, Any]) -> list[str]:
    """Weight and bias of a plain convolution; the names that do not fit."""
    bad = []
    for part, target in (("weight", layer.weight), ("bias", layer.bias)):
        value = values.get(f"{name}.{part}")
        if target is None:
            continue
        if value is None or value.shape != target.shape:
            bad.append(f"{name}.{part}")
        else:
            target.copy_(value)
    return bad


def _fill_block(name: str, block: Any, values: Mapping[str, Any]) -> list[str]:
    """A convolution with its normalisation, from a convolution with bias."""
    weight, bias = values.get(f"{name}.conv.weight"), values.get(f"{name}.conv.bias")
    if weight is None or bias is None or weight.shape != block.conv.weight.shape:
        return [name]
    block.conv.weight.copy_(weight)
    normal = block.bn
    normal.running_mean.zero_()
    normal.running_var.fill_(1.0)
    normal.weight.fill_((1.0 + normal.eps) ** 0.5)
    normal.bias.copy_(bias)
    return []


def with_classes(model: Any, classes: Sequence[str]) -> Any:
    """The network with only these of its classes, as a copy.

    Raises:
        ValueError: it does not know one of them.
    """
    rows = class_rows(model.names, classes)
    unknown = [name for name, row in zip(classes, rows, strict=True) if row is None]
    if unknown:
        raise ValueError(f"the network does not know {', '.join(unknown)}")
    with training_extra():
        import torch
    model = copy.deepcopy(model)
    head = model.model[-1]
    for branch in head.cv3:
        old = branch[-1]
        new = torch.nn.Conv2d(old.in_channels, len(classes), kernel_size=1)
        with torch.no_grad():
            new.weight.copy_(old.weight[rows])
            new.bias.copy_(old.bias[rows])
        branch[-1] = new
    head.nc = len(classes)
    head.no = len(classes) + 4 * head.reg_max
    model.nc = len(classes)
    model.names = dict(enumerate(classes))
    return model


def trainable(model: Any) -> Any:
    """The same network with everything free to learn but the fixed projection of the box distribution."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".dfl" not in name)
    return model


def load_model(checkpoint: Path) -> Any:
    """The network of a training checkpoint, the smoothed weights (EMA) where it holds both."""
    with training_extra():
        import torch
    # Our own training checkpoints are pickles of the network: load only files that you made yourself.
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    network: Any = content.get("ema") or content["model"]
    return network.float()
