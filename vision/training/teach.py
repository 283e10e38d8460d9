"""Teacher labels: what weights at hand see in collections that do not label people or vehicles.

``python -m vision.training.teach weights/coco-fp32.onnx --data ../shared/data --out teacher``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from vision.training.collections import training_collections
from vision.training.errors import TrainingError
from vision.training.look import Array, Looker
from vision.training.sources import Picture, write_teacher

DOUBTFUL = 0.1
FAR_SCALE = 1.5
"""Enlargement of the pictures taken from far above, whose cars are small for a teacher."""


def teach(
    weights: Path, data: Path, out: Path, report: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Writes one file of detections for each collection that needs a teacher; returns the files.

    Args:
        weights: ONNX file with a raw YOLO head and our classes.
        data: folder of the collections.
        out: folder for the files.
        report: takes one line of progress at a time.
    """
    looker = Looker(weights)
    collections = training_collections(data, None)
    written = []
    for name in ("fire_smoke", "vehicles"):
        found = {}
        for number, picture in enumerate(collections[name], start=1):
            found[picture.path.name] = _look(looker, name, picture)
            if number % 100 == 0:
                report(f"{name}: {number} of {len(collections[name])}")
        written.append(out / f"{name}.json")
        write_teacher(written[-1], found)
    return written


def _look(looker: Looker, name: str, picture: Picture) -> Array:
    image = picture.read()
    if name == "fire_smoke":
        return looker.whole(image, 640, DOUBTFUL)
    scale = 1.0 if picture.path.stem.startswith("DJI") else FAR_SCALE
    return looker.tiled(image, 640, DOUBTFUL, scale=scale)


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.teach", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--out", type=Path, required=True, help="folder for the labels")
    given = parser.parse_args(arguments)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    try:
        for path in teach(given.weights, given.data, given.out, say):
            say(f"wrote {path}")
    except TrainingError as error:
        say(str(error))
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
