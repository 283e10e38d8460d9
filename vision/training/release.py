"""From a training checkpoint to shipped weights: average, export, quantise, judge, manifest.

``python -m vision.training.release runs/first/last.pt --data ../shared/data --frames town/images``
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.training.average import average
from vision.training.errors import SourceRefused, TrainingError
from vision.training.export import export_onnx
from vision.training.eyes import EYES, RGB, Eye
from vision.training.judge import judge
from vision.training.manifest import entry, write_entries
from vision.training.measure import Score
from vision.training.model import initial_model, load_model, with_classes
from vision.training.quantise import quantise

Array = NDArray[np.float32]


def calibration_images(folders: Sequence[Path], count: int = 64, size: int = 640) -> Iterator[Array]:
    """Square parts of pictures in full resolution, as inputs of the network.

    Five in eight come from the first folder, which should hold what the eye will see; the others share the
    rest. Calibrated on a plain mixture, the int8 network lost two points of people in the town; like this,
    none.
    """
    shares = [count] if len(folders) == 1 else [count * 5 // 8]
    shares += [(count - shares[0]) // max(1, len(folders) - 1)] * (len(folders) - 1)
    for folder, share in zip(folders, shares, strict=True):
        found = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
        if not found:
            raise SourceRefused(f"{folder} holds no pictures to calibrate on: name a folder that does")
        generator = random.Random(0)
        for path in generator.sample(found, min(share, len(found))):
            yield _square_part(path, size, generator)


def _square_part(path: Path, size: int, generator: random.Random) -> Array:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise SourceRefused(f"{path} is not a picture that can be read: remove it or fetch it again")
    canvas = np.full((size, size, 3), 114, np.uint8)
    top = generator.randint(0, max(0, image.shape[0] - size))
    left = generator.randint(0, max(0, image.shape[1] - size))
    part = image[top : top + size, left : left + size]
    canvas[: part.shape[0], : part.shape[1]] = part
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def build(
    checkpoint: Path, initial: Path, target: Path, share: float, frames: Sequence[Path], eye: Eye = RGB
) -> tuple[Path, Path]:
    """Writes the fp32 and the int8 file of a checkpoint into a folder."""
    network: Any = load_model(checkpoint)
    network = average(network, initial_model(initial), share) if share else network.eval().fuse()
    if tuple(eye.classes) != tuple(network.names.values()):
        network = with_classes(network, eye.classes)
    fp32 = export_onnx(network, target / f"{eye.name}-fp32.onnx")
    int8 = quantise(fp32, target / f"{eye.name}-int8.onnx", calibration_images(frames))
    return fp32, int8


def accuracy(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, dict[str, float]]]:
    """Scores as the manifest has them."""
    return {name: {g: asdict(s) for g, s in groups.items()} for name, groups in scores.items()}


def release(
    files: Sequence[Path],
    data: Path,
    town: Path | None,
    kind: str = "rgb",
    report: Callable[[str], None] = lambda line: None,
    temperature: float = 1.0,
) -> None:
    """Judges weight files and writes their entries into the manifest beside them."""
    eye = EYES[kind]
    entries = []
    for file in files:
        scores = judge(file, data, town, eye=kind, report=lambda line, f=file: report(f"{f.name}: {line}"))  # type: ignore[misc]
        entries.append(
            entry(
                file,
                name=eye.name,
                variant=file.stem.rsplit("-", 1)[1],
                thresholds=eye.thresholds,
                sources=eye.sources,
                accuracy=accuracy(scores),
                temperature=temperature,
                classes=eye.classes,
                input_sizes=eye.input_sizes,
            )
        )
    write_entries(files[0].parent / "manifest.json", entries, {eye.name: "int8"})


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.release", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--held-back", type=Path, help="rendered frames to judge on")
    parser.add_argument(
        "--frames", type=Path, action="append", required=True, help="pictures to calibrate on"
    )
    parser.add_argument("--eye", choices=tuple(EYES), default="rgb", help="what kind of pictures")
    parser.add_argument("--share", type=float, help="part of the initialisation in the average")
    parser.add_argument("--temperature", type=float, default=1.0, help="calibration of the scores")
    parser.add_argument("--target", type=Path, default=Path("weights"))
    given = parser.parse_args(arguments)
    eye = EYES[given.eye]
    share = eye.share if given.share is None else given.share
    initial = given.data / "pretrained" / "coco_init_yolo11n.pt"

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    try:
        files = build(given.checkpoint, initial, given.target, share, given.frames, eye)
        release(files, given.data, given.held_back, given.eye, say, given.temperature)
    except TrainingError as error:
        say(str(error))
        return 2
    print(json.dumps({"files": [f.name for f in files]}))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
