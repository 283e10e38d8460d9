"""The network that is trained: YOLO11n shape, COCO initialisation, the classes of the product."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vision.detections import CLASSES
from vision.training.errors import TrainingExtraMissing

ABSENT_CLASS_BIAS = -7.0
"""Logit of a class that the initialisation does not know: a probability of 0.001, so it never fires, yet near
enough to be learned in a short run."""


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
        import torch
        from ultralytics import YOLO
    model = YOLO(str(checkpoint)).model.float()
    head = model.model[-1]
    rows = class_rows(model.names, classes)
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
    return trainable(model)


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
