"""Accuracy of a detector on a YOLO-format dataset: COCO average precision, precision, recall, calibration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from vision.detections import Detections
from vision.detector import FrameDetector
from vision.errors import DatasetInvalid, ToolMissing
from vision.frames import STILL_SUFFIXES, read_still
from vision.heads import overlap, suppress

Boxes = NDArray[np.float32]

IGNORE = "-"
"""A dataset class that is neither to be found nor wrong to find."""
MATCH_IOU = 0.5
JOINED_IOU = 0.7
CALIBRATION_BINS = 15
SIZES = ("all", "small", "medium", "large")
"""COCO's areas: below 32 x 32 px, below 96 x 96 px, above."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image and what is in it; ``boxes`` are shares of the image: left, top, right, bottom."""

    image: Path
    names: list[str]
    boxes: Boxes


def read_dataset(root: Path, class_names: Sequence[str] | None = None) -> list[Labelled]:
    """A YOLO-format dataset: ``images/`` and ``labels/`` side by side, folders below them allowed.

    Args:
        class_names: of the label indices; several may be one name, ``-`` is ignored. None reads ``names``
            from a .yaml file in the dataset.

    Raises:
        DatasetInvalid: something is missing or wrong; the message names the file and line.
    """
    images, labels = root / "images", root / "labels"
    if not images.is_dir() or not labels.is_dir():
        raise DatasetInvalid(f"{root}: a YOLO dataset has the folders images and labels")
    names = list(class_names) if class_names else _names_in(root)
    files = sorted(f for f in images.rglob("*") if f.suffix.lower() in STILL_SUFFIXES)
    if not files:
        raise DatasetInvalid(f"{images}: holds no image")
    result = []
    for file in files:
        text = (labels / file.relative_to(images)).with_suffix(".txt")
        if not text.is_file():
            raise DatasetInvalid(f"{text}: missing; an image without anything in it needs an empty file")
        found, boxes = _read_labels(text, names)
        result.append(Labelled(file, found, boxes))
    return result


def _names_in(root: Path) -> list[str]:
    for file in sorted(root.glob("*.y*ml")):
        try:
            names = (yaml.safe_load(file.read_text("utf-8")) or {}).get("names")
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise DatasetInvalid(f"{file}: cannot be read ({error})") from error
        if isinstance(names, dict):
            return [str(names[key]) for key in sorted(names)]
        if isinstance(names, list):
            return [str(name) for name in names]
    raise DatasetInvalid(f"{root}: nothing says what the label numbers mean; give --names person,car,...")


def _read_labels(file: Path, names: Sequence[str]) -> tuple[list[str], Boxes]:
    found: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            index, x, y, w, h = (float(part) for part in line.replace(",", " ").split()[:5])
            name = names[int(index)]
        except (ValueError, IndexError) as error:
            raise DatasetInvalid(f"{file}:{number}: {line!r} is no 'class x y width height'") from error
        if not (index >= 0 and 0 <= x <= 1 and 0 <= y <= 1 and 0 < w <= 1.001 and 0 < h <= 1.001):
            raise DatasetInvalid(f"{file}:{number}: the box {line!r} does not lie in the image")
        found.append(name)
        boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    return found, np.array(boxes, np.float32).reshape(-1, 4)


def evaluate(
    detector: FrameDetector,
    dataset: Sequence[Labelled],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Run the detector over the dataset.

    Args:
        groups: names of joined classes -> the classes joined, e.g. ``{"vehicle": ["car", "bus", "truck"]}``.
        progress: called with the number of images done.

    Returns:
        ``images, classes{NAME: {ap50, ap, ar, precision, recall, labelled}}, sizes{small|medium|large:
        {...}}, ece, milliseconds_per_image``. Figures that nothing labelled supports are None.

    Raises:
        ToolMissing: faster-coco-eval is not installed.
    """
    joined = {member: name for name, members in (groups or {}).items() for member in members}
    truth, found, spent = [], [], 0.0
    for done, labelled in enumerate(dataset, 1):
        image = read_still(labelled.image)
        started = time.perf_counter()
        detections = detector.detect(image)
        spent += time.perf_counter() - started
        h, w = image.shape[:2]
        detections, names = _joined(detections, joined)
        truth.append(
            (
                [joined.get(n, n) for n in labelled.names],
                labelled.boxes * np.array([w, h, w, h], np.float32),
                (w, h),
            )
        )
        found.append((names, detections))
        progress(done)
    known = {joined.get(name, name) for name in detector.names}
    names = sorted({name for part, _, _ in truth for name in part if name in known})
    thresholds = {joined.get(n, n): t for n, t in getattr(detector, "thresholds", {}).items()}
    rows = _matches(truth, found, set(names))
    precision = _average_precision(truth, found, names)
    classes = {
        name: precision[name]["all"]
        | _at_threshold(rows.get(name, []), truth, name, thresholds.get(name, 0.25))
        for name in names
    }
    sizes = {
        size: {
            figure: _mean([precision[name][size][figure] for name in names])
            for figure in ("ap50", "ap", "ar")
        }
        for size in SIZES[1:]
    }
    every = [row for name in names for row in rows.get(name, []) if row[0] >= thresholds.get(name, 0.25)]
    return {
        "images": len(dataset),
        "classes": classes,
        "sizes": sizes,
        "ece": calibration_error([row[0] for row in every], [row[1] for row in every]),
        "milliseconds_per_image": round(1000 * spent / max(len(dataset), 1), 2),
    }


def _joined(detections: Detections, joined: Mapping[str, str]) -> tuple[Detections, list[str]]:
    """Class names after joining; one thing found as two joined classes counts once."""
    names = [joined.get(detections.name(i), detections.name(i)) for i in range(len(detections))]
    if not joined or not names:
        return detections, names
    numbers = np.array([sorted(set(names)).index(name) for name in names], np.int64)
    kept = suppress(detections.boxes, detections.scores, numbers, JOINED_IOU)
    return detections.select(kept), [names[i] for i in kept]


Truth = tuple[list[str], Boxes, tuple[int, int]]
Found = tuple[list[str], Detections]


def _matches(
    truth: Sequence[Truth], found: Sequence[Found], names: set[str]
) -> dict[str, list[tuple[float, bool]]]:
    """(score, right) of each detection by class, matched greedily at IoU 0.5; ignored regions left out."""
    rows: dict[str, list[tuple[float, bool]]] = {name: [] for name in names}
    for (labels, boxes, _), (found_names, detections) in zip(truth, found, strict=True):
        ignored = boxes[[i for i, label in enumerate(labels) if label == IGNORE]]
        for name in names:
            open_boxes = boxes[[i for i, label in enumerate(labels) if label == name]]
            mine = [i for i, n in enumerate(found_names) if n == name]
            for index in sorted(mine, key=lambda i: -float(detections.scores[i])):
                box, score = detections.boxes[index], float(detections.scores[index])
                ious = overlap(box, open_boxes)[0] if len(open_boxes) else np.zeros(0, np.float32)
                if len(ious) and ious.max() >= MATCH_IOU:
                    open_boxes = np.delete(open_boxes, int(ious.argmax()), axis=0)
                    rows[name].append((score, True))
                elif not len(ignored) or overlap(box, ignored)[1].max() < MATCH_IOU:
                    rows[name].append((score, False))
    return rows


def _at_threshold(
    rows: Sequence[tuple[float, bool]], truth: Sequence[Truth], name: str, threshold: float
) -> dict[str, float | int | None]:
    labelled = sum(label == name for labels, _, _ in truth for label in labels)
    kept = [right for score, right in rows if score >= threshold]
    return {
        "precision": round(sum(kept) / len(kept), 4) if kept else None,
        "recall": round(sum(kept) / labelled, 4) if labelled else None,
        "labelled": labelled,
    }


def calibration_error(
    scores: Sequence[float], right: Sequence[bool], bins: int = CALIBRATION_BINS
) -> float | None:
    """Expected calibration error (Naeini et al. 2015): mean gap of score and hit rate over equal score bins.

    >>> calibration_error([0.8] * 10, [True] * 8 + [False] * 2)
    0.0
    """
    if not scores:
        return None
    values, hits = np.array(scores), np.array(right, float)
    which = np.minimum((values * bins).astype(int), bins - 1)
    error = 0.0
    for index in np.unique(which):
        part = which == index
        error += part.mean() * abs(values[part].mean() - hits[part].mean())
    return round(float(error), 4)


def _average_precision(
    truth: Sequence[Truth], found: Sequence[Found], names: Sequence[str]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """COCO figures by class and size."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise ToolMissing("evaluation needs faster-coco-eval: pip install 'skybeat[train]'") from error
    empty = {size: {"ap50": None, "ap": None, "ar": None} for size in SIZES}
    results = _coco_results(found, names)
    if not names:
        return {}
    quiet: Callable[..., None] = lambda *_: None  # noqa: E731
    reference = COCO(_coco_truth(truth, names), print_function=quiet)
    if not results:
        return {name: _zeroed(empty) for name in names}
    judge = COCOeval_faster(reference, reference.loadRes(results), "bbox", print_function=quiet)
    judge.params.maxDets = [1, 100, 1000]
    judge.evaluate()
    judge.accumulate()
    precision, recall = judge.eval["precision"], judge.eval["recall"]
    return {
        name: {
            size: {
                "ap50": _figure(precision[0, :, k, a, -1]),
                "ap": _figure(precision[:, :, k, a, -1]),
                "ar": _figure(recall[:, k, a, -1]),
            }
            for a, size in enumerate(SIZES)
        }
        for k, name in enumerate(names)
    }


def _coco_truth(truth: Sequence[Truth], names: Sequence[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (labels, boxes, (w, h)) in enumerate(truth, 1):
        images.append({"id": number, "width": w, "height": h, "file_name": str(number)})
        for label, box in zip(labels, boxes.tolist(), strict=True):
            # An ignored region is a crowd of every class: finding something there is neither right nor wrong.
            for k, name in enumerate(names, 1):
                if label in (name, IGNORE):
                    wide, high = box[2] - box[0], box[3] - box[1]
                    annotations.append(
                        {
                            "id": len(annotations) + 1, "image_id": number, "category_id": k,
                            "bbox": [box[0], box[1], wide, high], "area": wide * high,
                            "iscrowd": int(label == IGNORE),
                        }
                    )  # fmt: skip
    categories = [{"id": k, "name": name} for k, name in enumerate(names, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _coco_results(found: Sequence[Found], names: Sequence[str]) -> list[dict[str, Any]]:
    ids = {name: k for k, name in enumerate(names, 1)}
    return [
        {
            "image_id": number, "category_id": ids[name], "score": float(detections.scores[i]),
            "bbox": [
                float(detections.boxes[i, 0]), float(detections.boxes[i, 1]),
                float(detections.boxes[i, 2] - detections.boxes[i, 0]),
                float(detections.boxes[i, 3] - detections.boxes[i, 1]),
            ],
        }
        for number, (found_names, detections) in enumerate(found, 1)
        for i, name in enumerate(found_names)
        if name in ids
    ]  # fmt: skip


def _zeroed(empty: dict[str, dict[str, None]]) -> dict[str, dict[str, float | None]]:
    return {size: dict.fromkeys(figures, 0.0) for size, figures in empty.items()}


def _figure(values: NDArray[np.float64]) -> float | None:
    real = values[values > -1]
    return round(float(real.mean()), 4) if real.size else None


def _mean(values: Sequence[float | None]) -> float | None:
    real = [value for value in values if value is not None]
    return round(float(np.mean(real)), 4) if real else None
