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
from vision.training.judge import judge
from vision.training.manifest import entry, write_entries
from vision.training.measure import Score
from vision.training.model import initial_model, load_model
from vision.training.quantise import quantise

Array = NDArray[np.float32]
NAME = "patrol-rgb"
SOURCES: tuple[Mapping[str, str], ...] = (
    {"name": "COCO initialisation of YOLO11n, recovered from int8 exports", "license": "AGPL-3.0"},
    {"name": "Frames rendered by drone/sim, seeds 1000 and above", "license": "AGPL-3.0-or-later"},
    {"name": "fire-wrpgm v8, custom-thxhn on Roboflow Universe", "license": "CC BY 4.0"},
    {"name": "KIT AIS (jekhor/aerial-cars-dataset, MOS*, MunichStreet*)", "license": "CC BY 3.0"},
    {
        "name": "Yauhen Kharuzhy and Minsk OSM community (jekhor/aerial-cars-dataset, DJI*)",
        "license": "CC BY-SA",
    },
    {"name": "seymanurakti/fight-detection-surv-dataset, frames", "license": "MIT as its authors state"},
    {"name": "pierotofy/drone_dataset_brighton_beach, two stills as background", "license": "BSD-2-Clause"},
)
THRESHOLDS: Mapping[str, float] = {
    "person": 0.3,
    "bicycle": 0.3,
    "car": 0.3,
    "motorcycle": 0.3,
    "bus": 0.35,
    "truck": 0.35,
    "fire": 0.35,
    "smoke": 0.35,
}


def calibration_images(folders: Sequence[Path], count: int = 64, size: int = 640) -> Iterator[Array]:
    """Square parts of pictures in full resolution, as inputs of the network."""
    found = sorted(p for f in folders for p in f.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise SourceRefused("no pictures to calibrate on: name a folder that holds some")
    generator = random.Random(0)
    for path in generator.sample(found, min(count, len(found))):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise SourceRefused(f"{path} is not a picture that can be read: remove it or fetch it again")
        canvas = np.full((size, size, 3), 114, np.uint8)
        top = generator.randint(0, max(0, image.shape[0] - size))
        left = generator.randint(0, max(0, image.shape[1] - size))
        part = image[top : top + size, left : left + size]
        canvas[: part.shape[0], : part.shape[1]] = part
        yield np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def build(
    checkpoint: Path, initial: Path, target: Path, share: float, frames: Sequence[Path]
) -> tuple[Path, Path]:
    """Writes the fp32 and the int8 file of a checkpoint into a folder."""
    network: Any = load_model(checkpoint)
    start = initial_model(initial)
    fp32 = export_onnx(average(network, start, share), target / f"{NAME}-fp32.onnx")
    int8 = quantise(fp32, target / f"{NAME}-int8.onnx", calibration_images(frames))
    return fp32, int8


def accuracy(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, dict[str, float]]]:
    """Scores as the manifest has them."""
    return {name: {g: asdict(s) for g, s in groups.items()} for name, groups in scores.items()}


def release(
    files: Sequence[Path],
    data: Path,
    town: Path | None,
    thresholds: Mapping[str, float] = THRESHOLDS,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Judges weight files and writes their entries into the manifest beside them."""
    entries = []
    for file in files:
        scores = judge(file, data, town, report=lambda line, f=file: report(f"{f.name}: {line}"))  # type: ignore[misc]
        entries.append(
            entry(
                file,
                name=NAME,
                variant=file.stem.rsplit("-", 1)[1],
                thresholds=thresholds,
                sources=SOURCES,
                accuracy=accuracy(scores),
            )
        )
    write_entries(files[0].parent / "manifest.json", entries, {NAME: "int8"})


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.release", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--held-back", type=Path, help="rendered frames to judge on")
    parser.add_argument(
        "--frames", type=Path, action="append", required=True, help="pictures to calibrate on"
    )
    parser.add_argument("--share", type=float, default=0.3, help="part of the initialisation")
    parser.add_argument("--target", type=Path, default=Path("weights"))
    given = parser.parse_args(arguments)
    initial = given.data / "pretrained" / "coco_init_yolo11n.pt"

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    try:
        files = build(given.checkpoint, initial, given.target, given.share, given.frames)
        release(files, given.data, given.held_back, report=say)
    except TrainingError as error:
        say(str(error))
        return 2
    print(json.dumps({"files": [f.name for f in files]}))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
