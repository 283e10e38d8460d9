"""One fine-tuning on people's verdicts: train, export, compare."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vision.training.collections import training_collections
from vision.training.dataset import Mixture
from vision.training.export import export_onnx
from vision.training.model import load_model, network_from_onnx, training_extra
from vision.training.train import Run, RunSettings
from vision.training.verdicts import compare, read_verdicts, split
from vision.weights import load_weights

FINE_TUNING = RunSettings(steps=200, batch=8, size=512, learning_rate=1e-4, warm_up=20, frozen=10)
"""Short and careful: the layers that make features stay, and so does most of what is known."""


def fine_tune(
    verdicts: Path,
    out: Path,
    *,
    data: Path | None = None,
    town: Path | None = None,
    teacher: Path | None = None,
    settings: RunSettings = FINE_TUNING,
    threads: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Fine-tunes the pinned weights on judged pictures; returns ``out/comparison.json``.

    ``out/candidate-fp32.onnx`` is the candidate. Nothing of the product uses it until somebody releases it.

    Args:
        verdicts: folder of ``skybeat verdicts export``.
        out: folder of the run; an unfinished run there is taken up again.
        data: folder of the collections, to mix in so that nothing is forgotten, and to compare on.
        town, teacher: rendered frames and teacher labels, as for ``cli_train``.

    Raises:
        TrainingError: something is missing, or there are too few verdicts.
    """
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    with training_extra():
        import torch
    torch.set_num_threads(threads or os.cpu_count() or 1)
    shipped = load_weights("patrol-rgb-fp32")
    pictures, judged = read_verdicts(verdicts)
    learned, held_out = split(pictures)
    collections: dict[str, Any] = {"verdicts": learned}
    if data is not None:
        collections |= training_collections(data, teacher, town)
    report(", ".join(f"{name} {len(found)}" for name, found in collections.items()))
    model = network_from_onnx(shipped.path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mixture = Mixture(collections, settings.size, settings.seed)
    checkpoint = Run(out, model, mixture, settings, device=device, report=report).train()
    candidate = export_onnx(load_model(checkpoint).eval(), out / "candidate-fp32.onnx")
    result = compare(shipped, candidate, held_out, judged, data, report=report)
    result |= {"learned_from": len(learned), "compared_on": len(held_out)}
    target = out / "comparison.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return target
