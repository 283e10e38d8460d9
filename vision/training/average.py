"""Averaging of trained weights with the initialisation: keeps what the initialisation knew."""

from __future__ import annotations

import copy
from typing import Any

from vision.training.model import training_extra


def average(trained: Any, initial: Any, share: float, keep_head: bool = False) -> Any:
    """A fused network: ``(1 - share)`` of the trained weights plus ``share`` of the initialisation.

    Batch normalisation is folded into the convolutions first: its statistics cannot be averaged. Class rows
    that are silent in the initialisation (zero weights) are taken from the trained network alone.

    Args:
        trained: network after training.
        initial: network it started from, of the same shape.
        share: part of the initialisation, 0 to 1; 0.3 to 0.5 is usual.
        keep_head: leave the class branches as trained.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}: give a part between 0 and 1")
    with training_extra():
        import torch
    result = copy.deepcopy(trained).eval().fuse()
    start = copy.deepcopy(initial).eval().fuse().state_dict()
    state = result.state_dict()
    for key, value in state.items():
        if not value.is_floating_point() or (keep_head and ".cv3." in key):
            continue
        other = start[key]
        mixed = (1 - share) * value + share * other
        if other.shape[0] == len(result.names) and ".cv3." in key and key.endswith(".2.weight"):
            silent = other.flatten(1).abs().sum(1) == 0
            mixed[silent] = value[silent]
        if key.endswith(".2.bias") and ".cv3." in key:
            weights = start[key.replace("bias", "weight")]
            silent = weights.flatten(1).abs().sum(1) == 0
            mixed[silent] = value[silent]
        state[key] = mixed
    with torch.no_grad():
        result.load_state_dict(state)
    return result
