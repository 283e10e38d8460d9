"""Average precision of weights on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES
from vision.training.sources import Image, Picture, overlap

Array = NDArray[np.float32]
GROUPS: Mapping[str, frozenset[str]] = {
    "person": frozenset({"person"}),
    "vehicle": frozenset({"car", "bus", "truck"}),
    "two-wheeler": frozenset({"bicycle", "motorcycle"}),
    "fire": frozenset({"fire"}),
    "smoke": frozenset({"smoke"}),
    "car": frozenset({"car"}),
    "bicycle": frozenset({"bicycle"}),
    "other vehicle": frozenset({"truck"}),
}


@dataclass(frozen=True, slots=True)
class Score:
    """Average precision of one group of classes.

    ap50: area under the precision-recall curve at IoU 0.5. precision, recall: at ``threshold``, the score
    with the best F1. labels: how many boxes there are to be found.
    """

    ap50: float
    precision: float
    recall: float
    threshold: float
    labels: int


def average_precision(hit: NDArray[np.bool_], labels: int) -> float:
    """Area under the interpolated precision-recall curve; ``hit`` is ordered by falling score.

    >>> average_precision(np.array([True, False, True]), 2)
    0.8333333333333333
    """
    if labels == 0 or not len(hit):
        return 0.0
    found = np.cumsum(hit)
    precision = found / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / labels)


def match(found: Array, labels: Array, ignore: Array, iou: float) -> tuple[list[float], list[bool]]:
    """Scores and hits of one picture; finds inside ignored places do not count either way."""
    order = np.argsort(-found[:, 4])
    taken = np.zeros(len(labels), dtype=bool)
    scores, hits = [], []
    table = overlap(found[:, :4], labels[:, :4])
    for row in order:
        best = -1
        if len(labels):
            candidates = np.where(taken, 0.0, table[row])
            best = int(candidates.argmax()) if candidates.max() >= iou else -1
        if best < 0 and len(ignore) and _inside(found[row], ignore):
            continue
        if best >= 0:
            taken[best] = True
        scores.append(float(found[row, 4]))
        hits.append(best >= 0)
    return scores, hits


def _inside(box: Array, ignore: Array) -> bool:
    low = np.maximum(box[:2], ignore[:, :2])
    high = np.minimum(box[2:4], ignore[:, 2:4])
    area = max(float((box[2] - box[0]) * (box[3] - box[1])), 1e-9)
    return bool((np.clip(high - low, 0, None).prod(axis=1) / area).max() > 0.5)


def measure(
    pictures: Sequence[Picture], look: Callable[[Image], Array], groups: Sequence[str], iou: float = 0.5
) -> dict[str, Score]:
    """Scores per group of classes over pictures; classes within a group are not told apart."""
    collected: dict[str, tuple[list[float], list[bool], int]] = {g: ([], [], 0) for g in groups}
    for picture in pictures:
        found = look(picture.read())
        for group in groups:
            members = [CLASSES.index(c) for c in GROUPS[group]]
            scores, hits, total = collected[group]
            labels = picture.boxes[np.isin(picture.classes, members)]
            mine = found[np.isin(found[:, 5], members)]
            new_scores, new_hits = match(mine, labels, picture.ignore[:, :4], iou)
            collected[group] = (scores + new_scores, hits + new_hits, total + len(labels))
    return {group: _score(*collected[group]) for group in groups}


def _score(scores: list[float], hits: list[bool], labels: int) -> Score:
    order = np.argsort(-np.array(scores), kind="stable")
    hit = np.array(hits, dtype=bool)[order]
    if not len(hit) or labels == 0:
        return Score(0.0, 0.0, 0.0, 0.0, labels)
    found = np.cumsum(hit)
    precision, recall = found / np.arange(1, len(hit) + 1), found / labels
    best = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    return Score(
        round(average_precision(hit, labels), 4),
        round(float(precision[best]), 4),
        round(float(recall[best]), 4),
        round(float(np.array(scores)[order][best]), 3),
        labels,
    )
