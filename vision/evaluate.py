"""Accuracy of a detector on a labelled dataset: COCO average precision, precision, recall, calibration."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.datasets import read_dataset
from vision.detections import Detections
from vision.detector import FrameDetector
from vision.errors import DatasetInvalid, ToolMissing
from vision.frames import Pixels, read_still
from vision.heads import overlap, suppress
from vision.labelled import IGNORE, IGNORED_NAMES, Boxes, Labelled, plain_name

__all__ = ["IGNORE", "Labelled", "calibration_error", "evaluate", "read_dataset"]

MATCH_IOU = 0.5
JOINED_IOU = 0.7
CALIBRATION_BINS = 15
SIZES = ("all", "tiny", "small", "medium", "large")
"""COCO's areas: small is below 32 x 32 px, medium below 96 x 96 px. People seen from above are nearly all
small, so that ``tiny``, the part of small below 16 x 16 px, is told apart."""
AREAS = ((0.0, 1e10), (0.0, 16.0**2), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
GROUND_STEPS_M = (0.0, 0.02, 0.04, 0.08, math.inf)
"""Bounds of the bands of ground sample distance, metres a pixel."""


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
        ``images, classes{NAME: {ap50, ap, ar, precision, recall, labelled, sizes}},
        sizes{tiny|small|medium|large: {ap50, ap, ar}}, ece, milliseconds_per_image``; the ``sizes`` of a
        class have ``labelled`` too. Where the ground is known, ``ground{BAND: {images, classes{...}}}`` has
        the figures by metres a pixel. ``not_evaluated{NAME: labels}`` tells labels that the detector has no
        class for, ``empty{images, false_alarms{NAME: images}}`` in how many images without anything
        something was found. Figures that nothing labelled supports are None.

    Raises:
        DatasetInvalid: no label has a class that the detector knows, or an image is not as large as its
            labels say.
        NotAVideo: an image cannot be read; the message names it.
        ToolMissing: faster-coco-eval is not installed.
    """
    joined = {member: name for name, members in (groups or {}).items() for member in members}
    known = {joined.get(name, name) for name in detector.names}
    spelled = _spelling(detector.names, joined)
    not_evaluated = _check_names(dataset, spelled, known)
    truth, found, spent = [], [], 0.0
    for done, labelled in enumerate(dataset, 1):
        image = read_still(labelled.image)
        _check_size(labelled, image)
        started = time.perf_counter()
        detections = detector.detect(image)
        spent += time.perf_counter() - started
        h, w = image.shape[:2]
        detections, names = _joined(detections, joined)
        truth.append(
            (
                [spelled.get(plain_name(n), n) for n in labelled.names],
                labelled.boxes * np.array([w, h, w, h], np.float32),
                (w, h),
            )
        )
        found.append((names, detections))
        progress(done)
    names = sorted({name for part, _, _ in truth for name in part if name in known})
    thresholds = {joined.get(n, n): t for n, t in getattr(detector, "thresholds", {}).items()}
    classes, rows = _by_class(truth, found, names, thresholds)
    sizes = {
        size: {
            figure: _mean([classes[name]["sizes"][size][figure] for name in names])
            for figure in ("ap50", "ap", "ar")
        }
        for size in SIZES[1:]
    }
    every = [row for name in names for row in rows.get(name, []) if row[0] >= thresholds.get(name, 0.25)]
    figures: dict[str, Any] = {
        "images": len(dataset),
        "classes": classes,
        "sizes": sizes,
        "ece": calibration_error([row[0] for row in every], [row[1] for row in every]),
        "milliseconds_per_image": round(1000 * spent / max(len(dataset), 1), 2),
    }
    more = {
        "ground": _by_ground([one.metres_per_pixel for one in dataset], truth, found, known, thresholds),
        "not_evaluated": not_evaluated,
        "empty": _on_empty(truth, found, thresholds),
    }
    return figures | {key: part for key, part in more.items() if part}


def _spelling(names: Sequence[str], joined: Mapping[str, str]) -> dict[str, str]:
    """What a label is called in the figures, by its plain name: Person is person, a car may be a vehicle."""
    spelled = {plain_name(name): joined.get(name, name) for name in [*names, *joined]}
    spelled |= {plain_name(name): name for name in joined.values()}
    spelled |= {IGNORE + plain: IGNORE + name for plain, name in spelled.items()}
    return spelled | dict.fromkeys([IGNORE, *IGNORED_NAMES], IGNORE)


def _check_names(dataset: Sequence[Labelled], spelled: Mapping[str, str], known: set[str]) -> dict[str, int]:
    """Labels that the detector has no class for, by name, and their number."""
    counts = Counter(name for labelled in dataset for name in labelled.names)
    unknown = {
        name: count
        for name, count in sorted(counts.items())
        if not spelled.get(plain_name(name), name).startswith(IGNORE)
        and spelled.get(plain_name(name)) not in known
    }
    if unknown and all(name in unknown or spelled[plain_name(name)].startswith(IGNORE) for name in counts):
        raise DatasetInvalid(
            f"no label has a class that these weights know: the labels are {', '.join(unknown)}; the weights "
            f"know {', '.join(sorted(known))}; say with --names which is which"
        )
    return unknown


def _check_size(labelled: Labelled, image: Pixels) -> None:
    """The image must have the shape that its labels were made for; it may have been made smaller."""
    h, w = image.shape[:2]
    width, height = labelled.size or (w, h)
    if abs(w * height - h * width) > 2 * max(w, h, width, height):
        raise DatasetInvalid(
            f"{labelled.image}: is {w} x {h} px upright, its labels were made for {width} x {height}; turn "
            "the image, or export the labels again"
        )


def _on_empty(
    truth: Sequence[Truth], found: Sequence[Found], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Images without anything in them, and in how many of them a class was found at its threshold."""
    alarms: Counter[str] = Counter()
    empty = [mine for (labels, _, _), mine in zip(truth, found, strict=True) if not labels]
    for names, detections in empty:
        alarms.update(
            {n for n, s in zip(names, detections.scores, strict=True) if s >= thresholds.get(n, 0.25)}
        )
    return {"images": len(empty), "false_alarms": dict(sorted(alarms.items()))} if empty else {}


def _by_class(
    truth: Sequence[Truth], found: Sequence[Found], names: Sequence[str], thresholds: Mapping[str, float]
) -> tuple[dict[str, dict[str, Any]], dict[str, list[tuple[float, bool]]]]:
    """The figures of each class, and the scores of its finds with whether they are right."""
    rows = _matches(truth, found, set(names))
    precision = _average_precision(truth, found, names)
    classes = {}
    for name in names:
        counts = _labelled_by_size(truth, name)
        classes[name] = (
            precision[name]["all"]
            | _at_threshold(rows.get(name, []), truth, name, thresholds.get(name, 0.25))
            | {"sizes": {size: precision[name][size] | {"labelled": counts[size]} for size in SIZES[1:]}}
        )
    return classes, rows


def _labelled_by_size(truth: Sequence[Truth], name: str) -> dict[str, int]:
    areas = [
        float((box[2] - box[0]) * (box[3] - box[1]))
        for labels, boxes, _ in truth
        for label, box in zip(labels, boxes, strict=True)
        if label == name
    ]
    return {
        size: sum(low <= area < high for area in areas)
        for size, (low, high) in zip(SIZES, AREAS, strict=True)
    }


def _by_ground(
    metres: Sequence[float | None],
    truth: Sequence[Truth],
    found: Sequence[Found],
    known: set[str],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Figures by bands of ground sample distance; images whose ground is not known belong to none."""
    result: dict[str, Any] = {}
    for low, high in pairwise(GROUND_STEPS_M):
        places = [i for i, value in enumerate(metres) if value is not None and low <= value < high]
        if not places:
            continue
        part = [truth[i] for i in places]
        names = sorted({name for labels, _, _ in part for name in labels if name in known})
        classes, _ = _by_class(part, [found[i] for i in places], names, thresholds)
        label = f"below {100 * high:g} cm" if low == 0 else f"from {100 * low:g} cm"
        if low and math.isfinite(high):
            label += f" to {100 * high:g} cm"
        result[label] = {"images": len(places), "classes": classes}
    return result


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
        for name in names:
            ignored = boxes[[i for i, label in enumerate(labels) if label in (IGNORE, IGNORE + name)]]
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
        raise ToolMissing("evaluation needs faster-coco-eval: pip install faster-coco-eval") from error
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
    judge.params.areaRng = [list(area) for area in AREAS]
    judge.params.areaRngLbl = list(SIZES)
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
            # A crowd of one class is that for this class alone.
            for k, name in enumerate(names, 1):
                if label in (name, IGNORE, IGNORE + name):
                    wide, high = box[2] - box[0], box[3] - box[1]
                    annotations.append(
                        {
                            "id": len(annotations) + 1, "image_id": number, "category_id": k,
                            "bbox": [box[0], box[1], wide, high], "area": wide * high,
                            "iscrowd": int(label != name),
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
