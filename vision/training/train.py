"""Training runs: resumable, with a log; on a processor (bfloat16) or on a GPU.

``python -m vision.training.train --data ../shared/data --out runs/first`` is the same as ``skybeat train``.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vision.training.collections import thermal_collections, training_collections
from vision.training.dataset import SHARES, Batch, Mixture
from vision.training.errors import SourceRefused, TrainingError
from vision.training.loss import partial_loss
from vision.training.model import initial_model, load_model, pinned_model, trainable, training_extra

Report = Callable[[str], None]
LOSS_GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run does.

    steps: batches of ``batch`` canvases of ``size`` pixels. learning_rate: highest; it rises over ``warm_up``
    steps and falls along a cosine to a fiftieth. smoothing: decay of the smoothed weights (EMA). frozen: how
    many layers from the input on keep their weights; they are the costly ones. minutes: the run ends after
    this much training where that comes before ``steps``, and the learning rate falls accordingly; 0 for no
    limit. On a machine that is shared, a run so ends when it must, and well.
    """

    steps: int = 1500
    batch: int = 16
    size: int = 640
    learning_rate: float = 4e-4
    weight_decay: float = 5e-4
    warm_up: int = 50
    smoothing: float = 0.995
    frozen: int = 0
    seed: int = 0
    save_every: int = 50
    minutes: float = 0.0


NEW_LAYER_FACTOR = 5.0
DEFAULTS = RunSettings()


def progress(settings: RunSettings, step: int, seconds: float = 0.0) -> float:
    """The part of a run that is over after so many steps and seconds, 0 to 1; warming up does not count.

    >>> progress(RunSettings(steps=110, warm_up=10), 60)
    0.5
    >>> progress(RunSettings(steps=110, warm_up=10, minutes=1.0), 60, 45.0)
    0.75
    """
    by_steps = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    by_time = seconds / (60 * settings.minutes) if settings.minutes > 0 else 0.0
    return float(np.clip(max(by_steps, by_time), 0.0, 1.0))


def learning_rate(settings: RunSettings, step: int, seconds: float = 0.0) -> float:
    """The learning rate of a step, after so many seconds of training.

    >>> round(learning_rate(RunSettings(steps=100, warm_up=10, learning_rate=1.0), 9), 3)
    1.0
    >>> round(learning_rate(RunSettings(steps=100, warm_up=10, learning_rate=1.0), 100), 3)
    0.02
    """
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / settings.warm_up
    passed = progress(settings, step, seconds)
    return settings.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * passed)) / 2)


def to_device(batch: Batch, device: str) -> dict[str, Any]:
    """A batch as the network and the loss read it."""
    import torch

    images = torch.from_numpy(batch.images).to(device).float().div_(255)
    return {
        "img": images.contiguous(memory_format=torch.channels_last),
        "bboxes": torch.from_numpy(batch.boxes).to(device),
        "cls": torch.from_numpy(batch.classes).to(device),
        "batch_idx": torch.from_numpy(batch.owner).to(device),
        "counted": torch.from_numpy(batch.counted).to(device),
    }


def measure_batch_norm(model: Any, images: Iterable[Any]) -> None:
    """Sets batch-normalisation statistics to those of these images; the network's answers do not change.

    Without it, the first steps of training compute something else than the initialisation.
    """
    import torch

    layers = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    sums: dict[int, list[Any]] = {id(layer): [0.0, 0.0, 0] for layer in layers}

    def note(layer: Any, inputs: tuple[Any, ...]) -> None:
        values = inputs[0].double()
        total = sums[id(layer)]
        total[0] = total[0] + values.sum((0, 2, 3))
        total[1] = total[1] + (values * values).sum((0, 2, 3))
        total[2] += values.numel() // values.shape[1]

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    model.eval()
    with torch.inference_mode():
        for batch in images:
            model(batch)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for layer in layers:
            total, squares, count = sums[id(layer)]
            mean = total / count
            variance = (squares / count - mean * mean).clamp(min=1e-6)
            old = (layer.running_var.double() + layer.eps).sqrt()
            slope = layer.weight.double() / old
            layer.bias.copy_(layer.bias.double() + slope * (mean - layer.running_mean.double()))
            layer.weight.copy_(slope * (variance + layer.eps).sqrt())
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)


def parameter_groups(model: Any, settings: RunSettings) -> list[dict[str, Any]]:
    """Parameters with and without weight decay; the last layer of the class branches learns faster.

    Classes new to the initialisation start from zero there.
    """
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            last = ".cv3." in name and name.rsplit(".", 2)[1] == "2"
            groups.setdefault((parameter.ndim > 1, last), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": settings.weight_decay if decayed else 0.0,
            "factor": NEW_LAYER_FACTOR if last else 1.0,
        }
        for (decayed, last), parameters in groups.items()
    ]


class Run:
    """One training run in a folder: ``last.pt``, ``log.jsonl``, ``settings.json``.

    Args:
        folder: where the run is kept; an unfinished run there is taken up again.
        model: the network to start from.
        mixture: canvases.
        settings: what to do.
        device: "cpu" or "cuda".
        report: takes one line of progress at a time.
    """

    def __init__(
        self,
        folder: Path,
        model: Any,
        mixture: Mixture,
        settings: RunSettings,
        *,
        device: str = "cpu",
        report: Report = lambda line: None,
    ) -> None:
        with training_extra():
            import torch
            from ultralytics.cfg import get_cfg
        self._torch = torch
        self._folder, self._mixture, self._settings = folder, mixture, settings
        self._device, self._report = device, report
        torch.manual_seed(settings.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self._model = model.to(device).to(memory_format=torch.channels_last)
        self._model.args = get_cfg(overrides=LOSS_GAINS)
        for layer in self._model.model[: settings.frozen]:
            layer.requires_grad_(False)
        groups = parameter_groups(self._model, settings)
        self._optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.999))
        self._loss = partial_loss(self._model)
        self._step = 0
        self._seconds = 0.0
        self._smooth: Any = None

    def train(self) -> Path:
        """Trains to the last step; returns the checkpoint, whose ``ema`` is the network to use."""
        self._take_up()
        if self._smooth is None:
            first = list(self._mixture.batches(8, 0, 6))
            measure_batch_norm(self._model, (to_device(b, self._device)["img"] for b in first))
            self._smooth = copy.deepcopy(self._model).eval()
        self._model.train()
        for layer in self._model.model[: self._settings.frozen]:
            layer.eval()
        settings, sums, began = self._settings, np.zeros(3), self._seconds
        if progress(settings, self._step, self._seconds) >= 1.0:
            return self._folder / "last.pt"
        since, last = self._step, time.monotonic()
        for batch in self._mixture.batches(settings.batch, self._step, settings.steps):
            sums += self._one(to_device(batch, self._device))
            self._step += 1
            now = time.monotonic()
            self._seconds, last = self._seconds + now - last, now
            over = self._step >= settings.steps or progress(settings, self._step, self._seconds) >= 1.0
            if self._step % settings.save_every == 0 or over:
                count = self._step - since
                self._note(sums / count, (self._seconds - began) / count)
                self._save()
                sums, since, began = np.zeros(3), self._step, self._seconds
            if over:
                break
        return self._folder / "last.pt"

    def _one(self, batch: dict[str, Any]) -> Any:
        torch = self._torch
        for group in self._optimiser.param_groups:
            group["lr"] = group["factor"] * learning_rate(self._settings, self._step, self._seconds)
        with torch.autocast(self._device, torch.bfloat16):
            answer = self._model(batch["img"])
        loss, parts = self._loss(_full_precision(answer), batch)
        self._optimiser.zero_grad(set_to_none=True)
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 10.0)
        self._optimiser.step()
        decay = self._settings.smoothing * (1 - math.exp(-(self._step + 1) / 100))
        with torch.no_grad():
            for smooth, now in zip(
                self._smooth.state_dict().values(), self._model.state_dict().values(), strict=True
            ):
                if smooth.is_floating_point():
                    smooth.lerp_(now, 1 - decay)
        return np.array([float(value) for value in parts.values()][:3])

    def _note(self, parts: Any, seconds: float) -> None:
        row = {
            "step": self._step,
            "box": round(float(parts[0]), 4),
            "class": round(float(parts[1]), 4),
            "distribution": round(float(parts[2]), 4),
            "learning_rate": round(learning_rate(self._settings, self._step, self._seconds), 7),
            "seconds_a_step": round(seconds, 3),
        }
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        self._report(json.dumps(row))

    def _save(self) -> None:
        target = self._folder / "last.pt"
        content = {
            "model": self._model,
            "ema": self._smooth,
            "optimiser": self._optimiser.state_dict(),
            "step": self._step,
            "seconds": self._seconds,
            "settings": asdict(self._settings),
        }
        # Written beside and moved into place: a run that is stopped while saving still has its last state.
        partial = target.with_suffix(".part")
        self._torch.save(content, partial)
        partial.replace(target)

    def _take_up(self) -> None:
        path = self._folder / "last.pt"
        if not path.exists():
            (self._folder / "settings.json").write_text(json.dumps(asdict(self._settings), indent=2) + "\n")
            return
        # Our own checkpoint, a pickle of the network.
        content = self._torch.load(path, map_location=self._device, weights_only=False)
        # How long a run may take can change from one sitting to the next.
        if {**content["settings"], "minutes": 0.0} != {**asdict(self._settings), "minutes": 0.0}:
            raise TrainingError(
                f"{self._folder} holds a run with other settings: give the same settings, or another folder"
            )
        self._model.load_state_dict(content["model"].state_dict())
        self._smooth = content["ema"]
        self._optimiser.load_state_dict(content["optimiser"])
        self._step = content["step"]
        self._seconds = content.get("seconds", 0.0)
        self._report(f"taken up at step {self._step}")


def _full_precision(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {key: _full_precision(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return type(answer)(_full_precision(value) for value in answer)
    return answer.float() if hasattr(answer, "float") else answer


def cli_train(
    data: Path,
    out: Path,
    *,
    start: Path | None = None,
    town: Path | None = None,
    teacher: Path | None = None,
    settings: RunSettings | None = None,
    shares: Mapping[str, float] = SHARES,
    threads: int | None = None,
    eye: str = "rgb",
    report: Report = lambda line: None,
) -> Path:
    """Trains on the collections below a folder; the function behind ``skybeat train``.

    Args:
        data: folder of the collections (see the model card for what it holds).
        out: folder of the run; an unfinished run there is taken up again.
        start: checkpoint or fp32 file of ours to start from; the COCO initialisation in ``data`` if None.
        town: folder with rendered frames, if any.
        teacher: folder with teacher labels, if any.
        settings: what to do.
        shares: part of the canvases from each collection.
        threads: processor threads; all if None.
        eye: "rgb" or "thermal".
        report: takes one line of progress at a time.

    Raises:
        TrainingError: something is missing or does not fit; the message says what to do.
    """
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    with training_extra():
        import torch
    settings = settings or RunSettings()
    path = start or data / "pretrained" / "coco_init_yolo11n.pt"
    if not path.exists():
        raise SourceRefused(f"{path} is missing: name the weights to start from")
    torch.set_num_threads(threads or os.cpu_count() or 1)
    thermal = eye == "thermal"
    pictures = thermal_collections(data) if thermal else training_collections(data, teacher, town)
    report(", ".join(f"{name} {len(found)}" for name, found in pictures.items()))
    model = load_or_start(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mixture = Mixture(pictures, settings.size, settings.seed, shares)
    return Run(out, model, mixture, settings, device=device, report=report).train()


def load_or_start(path: Path) -> Any:
    """The network of our own checkpoint or fp32 file, or of a COCO checkpoint with its classes picked."""
    import torch

    if path.suffix == ".onnx":
        return pinned_model(path)

    content = torch.load(path, map_location="cpu", weights_only=False)
    if "settings" not in content:
        return initial_model(path)
    return trainable(load_model(path))


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.train", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the collections")
    parser.add_argument("--from-verdicts", type=Path, help="fine-tune on a set of `skybeat verdicts export`")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--eye", choices=("rgb", "thermal"), default="rgb", help="what kind of pictures")
    parser.add_argument(
        "--start", type=Path, help="checkpoint, or fp32 file of pinned weights, to start from"
    )
    parser.add_argument("--town", type=Path, help="folder with rendered frames")
    parser.add_argument("--teacher", type=Path, help="folder with teacher labels")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--frozen", type=int, help="layers that keep their weights")
    parser.add_argument("--minutes", type=float, help="end after so long; 0: never")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, help="processor threads; all by default")
    given = parser.parse_args(arguments)
    names = ("steps", "batch", "size", "learning_rate", "frozen", "seed", "minutes")
    changes = {name: value for name in names if (value := getattr(given, name)) is not None}
    try:
        path = _learn(given, changes)
    except TrainingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(path)  # noqa: T201
    return 0


def _learn(given: argparse.Namespace, changes: Mapping[str, Any]) -> Path:
    """Train on collections, or fine-tune on verdicts; ``changes`` of the settings of either."""

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    common: dict[str, Any] = {"town": given.town, "teacher": given.teacher, "threads": given.threads}
    if given.from_verdicts is not None:
        from vision.training.fine_tune import FINE_TUNING, fine_tune

        if given.eye != "rgb" or given.start is not None:
            raise TrainingError(
                "--from-verdicts starts from the pinned patrol-rgb: leave --eye and --start away"
            )
        settings = replace(FINE_TUNING, **changes)
        return fine_tune(
            given.from_verdicts, given.out, data=given.data, settings=settings, report=report, **common
        )
    if given.data is None:
        raise TrainingError("say what to learn from: --data FOLDER of collections, or --from-verdicts SET")
    settings = replace(DEFAULTS, **changes)
    return cli_train(
        given.data, given.out, start=given.start, settings=settings, eye=given.eye, report=report, **common
    )


if __name__ == "__main__":
    raise SystemExit(main())
