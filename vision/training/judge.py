"""Judges weights on every held-back collection: one table, by one command.

``python -m vision.training.judge weights/patrol-rgb-int8.onnx --data ../shared/data --town town-held-back``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES, Detections
from vision.tiles import CloserLook
from vision.training.collections import held_back_collections, thermal_collections, town_pictures
from vision.training.errors import TrainingError
from vision.training.look import Looker
from vision.training.measure import Score, measure
from vision.training.sources import EVERY_CLASS, Image, Picture

Array = NDArray[np.float32]
LABELS = Path(__file__).parent / "labels"


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of looking at one collection.

    how: "whole" (the long side brought to ``size``), "tiled" (``size`` is the tile, after scaling), or
    "closer" (whole, and once more, enlarged, where people are).
    """

    name: str
    collection: str
    how: str
    size: int
    groups: Sequence[str]
    scale: float = 1.0


STREET = ("person", "vehicle", "two-wheeler")
TRIALS = (
    Trial(
        "town, demo camera, unseen seeds, whole at 1280",
        "town",
        "whole",
        1280,
        (*STREET, "fire", "smoke"),
    ),
    Trial("town, a closer look", "town", "closer", 1280, ("person",)),
    Trial("town, enlarged 1.5 times", "town", "whole", 1920, ("person",)),
    Trial("town, enlarged 2 times", "town", "whole", 2560, ("person",)),
    Trial("street_rgb, 640 whole", "street_rgb", "whole", 640, STREET),
    Trial("street_rgb, 1280 whole", "street_rgb", "whole", 1280, STREET),
    Trial("street_rgb, 640 tiled", "street_rgb", "tiled", 640, STREET),
    Trial("street_rgb, 640 tiled, enlarged 1.5 times", "street_rgb", "tiled", 640, STREET, 1.5),
    Trial("people_4k, 640 tiled", "people_4k", "tiled", 640, ("person",)),
    Trial("fire_smoke val, 608", "fire_smoke", "whole", 608, ("fire", "smoke")),
    Trial("vehicles val, 640 tiled", "vehicles", "tiled", 640, ("vehicle",)),
    Trial("stills, 640 tiled at half size", "stills", "tiled", 640, ("vehicle",), 0.5),
)
THERMAL_GROUPS = ("person", "car", "bicycle", "other vehicle")
THERMAL_TRIALS = (
    Trial("thermal val, 640 whole", "thermal", "whole", 640, THERMAL_GROUPS),
    Trial("thermal val, 960 whole", "thermal", "whole", 960, THERMAL_GROUPS),
)
"""The first is at the camera's own resolution, the second enlarged."""


def still_pictures(root: Path) -> list[Picture]:
    """The aerial stills whose cars we marked by hand."""
    content = json.loads((LABELS / "brighton_beach.json").read_text(encoding="utf-8"))
    pictures = []
    for stem, objects in content.items():
        boxes = [(box, CLASSES.index(name)) for name, found in objects.items() for box in found]
        pictures.append(
            Picture(
                root / "stills" / "brighton_beach" / f"{stem}.JPG",
                np.array([b for b, _ in boxes], np.float32),
                np.array([c for _, c in boxes], np.int64),
                np.zeros((0, 5), np.float32),
                EVERY_CLASS,
                stem,
                "stills",
                nadir=True,
            )
        )
    return pictures


def judge(
    weights: Path,
    data: Path,
    town: Path | None = None,
    *,
    only: Sequence[str] = (),
    eye: str = "rgb",
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Score]]:
    """Scores by trial and group of classes.

    Args:
        weights: ONNX file with a raw YOLO head.
        data: folder of the collections.
        town: folder of rendered frames from seeds never trained on, if any.
        only: names of trials; all if empty.
        eye: "rgb" or "thermal".
        report: takes one line of progress at a time.
    """
    if eye == "thermal":
        collections = thermal_collections(data, "val")
    else:
        collections = held_back_collections(data) | {"stills": still_pictures(data)}
        if town is not None:
            collections["town"] = town_pictures(town)
    looker = Looker(weights)
    result = {}
    for trial in THERMAL_TRIALS if eye == "thermal" else TRIALS:
        if trial.collection not in collections or (only and trial.name not in only):
            continue
        scores = measure(collections[trial.collection], _way(looker, trial), trial.groups)
        result[trial.name] = scores
        report(trial.name + ": " + ", ".join(f"{g} {s.ap50:.3f}" for g, s in scores.items()))
    return result


def _way(looker: Looker, trial: Trial) -> Callable[[Image], Array]:
    if trial.how == "whole":
        return lambda image: looker.whole(image, trial.size)
    if trial.how == "closer":
        return lambda image: rows_of(CloserLook(AtOwnSize(looker)).detect(image))
    return lambda image: looker.tiled(image, trial.size, scale=trial.scale)


class AtOwnSize:
    """A looker as what finds boxes in pictures of any size."""

    names: Sequence[str] = CLASSES

    def __init__(self, looker: Looker) -> None:
        self._looker = looker

    def detect(self, image: Image) -> Detections:
        """Boxes in the pixels of the image, best score first."""
        rows = self._looker.whole(image, max(image.shape[:2]))
        return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))


def rows_of(found: Detections) -> Array:
    """Corners, score, class of detections."""
    return np.concatenate(
        [found.boxes, found.scores[:, None], found.classes[:, None]], axis=1, dtype=np.float32
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.judge", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--town", type=Path, help="rendered frames from seeds never trained on")
    parser.add_argument("--only", action="append", default=[], help="name of a trial; may be repeated")
    parser.add_argument("--eye", choices=("rgb", "thermal"), default="rgb", help="what kind of pictures")
    given = parser.parse_args(arguments)
    try:
        scores = judge(
            given.weights,
            given.data,
            given.town,
            only=given.only,
            eye=given.eye,
            report=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
        )
    except TrainingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps({n: {g: asdict(s) for g, s in v.items()} for n, v in scores.items()}))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
