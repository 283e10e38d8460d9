"""Calibration of scores: a temperature that brings scores nearer to the part of such finds that are right.

``python -m vision.training.calibrate weights/NAME.onnx --data ../shared/data --eye thermal`` fits it
on one half of the held-back groups (flights, seeds) and tells the error on the other half, before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from vision.detections import CLASSES
from vision.training.collections import thermal_collections, town_pictures
from vision.training.errors import SourceRefused, TrainingError
from vision.training.look import Looker
from vision.training.measure import match
from vision.training.sources import Picture, split_by_group

Array = NDArray[np.float64]
EDGE = 1e-6
LEAST_SCORE = 0.1
"""Finds below this are never shown, so they do not count."""


def warmed(scores: Array, temperature: float) -> Array:
    """Scores after division of their logits by a temperature.

    >>> warmed(np.array([0.5, 0.9]), 2.0).round(2).tolist()
    [0.5, 0.75]
    """
    inside = np.clip(scores, EDGE, 1 - EDGE)
    return np.asarray(1 / (1 + np.exp(-np.log(inside / (1 - inside)) / temperature)))


def fit_temperature(scores: Array, hits: NDArray[np.bool_]) -> float:
    """The temperature with the greatest likelihood of the hits, within 0.25 to 4.

    Raises:
        ValueError: fewer than twenty finds, or all right, or all wrong: nothing can be told from that.
    """
    if len(scores) < 20 or hits.all() or not hits.any():
        raise ValueError(f"{len(scores)} finds, {int(hits.sum())} right: judge on more pictures to calibrate")

    def cost(logarithm: float) -> float:
        shares = np.clip(warmed(scores, float(np.exp(logarithm))), EDGE, 1 - EDGE)
        return float(-np.where(hits, np.log(shares), np.log(1 - shares)).mean())

    found = minimize_scalar(cost, bounds=(np.log(0.25), np.log(4.0)), method="bounded")
    return round(float(np.exp(found.x)), 3)


def calibration_error(scores: Array, hits: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance between score and part of right finds over bins, weighted by finds.

    >>> calibration_error(np.array([0.75] * 4), np.array([True, True, True, False]))
    0.0
    """
    places = np.minimum((scores * bins).astype(int), bins - 1)
    total = 0.0
    for place in range(bins):
        inside = places == place
        if inside.any():
            total += inside.mean() * abs(float(scores[inside].mean()) - float(hits[inside].mean()))
    return float(total)


def finds(
    pictures: Sequence[Picture], look: Callable[[Any], NDArray[np.float32]]
) -> tuple[Array, NDArray[np.bool_]]:
    """Scores of all finds in pictures, and which of them are right, class by class at IoU 0.5."""
    scores: list[float] = []
    hits: list[bool] = []
    for picture in pictures:
        found = look(picture.read())
        found = found[found[:, 4] >= LEAST_SCORE]
        for index, name in enumerate(CLASSES):
            if name not in picture.labelled:
                continue
            labels = picture.boxes[picture.classes == index]
            new_scores, new_hits = match(found[found[:, 5] == index], labels, picture.ignore[:, :4], 0.5)
            scores += new_scores
            hits += new_hits
    return np.array(scores, float), np.array(hits, np.bool_)


def calibrate(weights: Path, pictures: Sequence[Picture], size: int) -> dict[str, float]:
    """Fits the temperature on half of the groups and measures the calibration error on the other half."""
    looker = Looker(weights)
    fitted, checked = split_by_group(pictures, 0.5)
    temperature = fit_temperature(*finds(fitted, lambda image: looker.whole(image, size)))
    scores, hits = finds(checked, lambda image: looker.whole(image, size))
    return {
        "temperature": temperature,
        "ece_before": round(calibration_error(scores, hits), 4),
        "ece_after": round(calibration_error(warmed(scores, temperature), hits), 4),
        "finds": len(scores),
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m vision.training.calibrate", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--town", type=Path, help="rendered frames from seeds never trained on")
    parser.add_argument("--eye", choices=("rgb", "thermal"), default="rgb", help="what kind of pictures")
    given = parser.parse_args(arguments)
    try:
        if given.eye == "thermal":
            figures = calibrate(given.weights, thermal_collections(given.data, "val")["thermal"], 640)
        elif given.town is None:
            raise SourceRefused("name frames of the town to calibrate on: --town FOLDER")
        else:
            figures = calibrate(given.weights, town_pictures(given.town), 1280)
    except (TrainingError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps(figures))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
