"""Raw outputs of known detection heads -> boxes. All boxes here are in pixels of the network's input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vision.errors import WeightsRefused

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Decoded = tuple[Floats, Floats, Labels]
"""boxes (N, 4) left, top, right, bottom; scores (N,); classes (N,)."""

YOLOX_STRIDES = (8, 16, 32)


def decode_yolo(output: Floats, floors: Floats, input_hw: tuple[int, int]) -> Decoded:
    """Raw YOLOv8/11 head [1, 4 + classes, N]: centre, size, class probabilities.

    Args:
        floors: (classes,) the lowest score that is kept, by class.
    """
    scores_by_class = output[0, 4:]
    best = scores_by_class.max(axis=0)
    candidates = np.flatnonzero(best >= floors.min())
    picked = scores_by_class[:, candidates]
    classes = picked.argmax(axis=0)
    scores = best[candidates]
    kept = scores >= floors[classes]
    cx, cy, w, h = output[0, :4, candidates[kept]].T
    boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)
    return boxes, scores[kept], classes[kept].astype(np.int64)


def decode_nms_free(output: Floats, floors: Floats, input_hw: tuple[int, int]) -> Decoded:
    """End-to-end head [1, N, 6]: left, top, right, bottom, score, class. Padding rows have score 0."""
    rows = output[0]
    classes = rows[:, 5].astype(np.int64)
    known = (classes >= 0) & (classes < len(floors))
    kept = known & (rows[:, 4] >= floors[np.where(known, classes, 0)]) & (rows[:, 4] > 0)
    return rows[kept, :4], rows[kept, 4], classes[kept]


def decode_detr(output: Floats, floors: Floats, input_hw: tuple[int, int]) -> Decoded:
    """DETR-style head [1, N, 4 + classes] (Carion et al. 2020; RT-DETR): centre, size, class probabilities.

    Places are shares of the input. Each query answers for one thing: nothing is suppressed afterwards.
    """
    rows = output[0]
    classes = rows[:, 4:].argmax(axis=1)
    scores = rows[np.arange(len(rows)), 4 + classes]
    kept = scores >= floors[classes]
    sides = np.array([input_hw[1], input_hw[0]], np.float32)
    centre, half = rows[kept, :2] * sides, rows[kept, 2:4] * sides / 2
    return (
        np.concatenate([centre - half, centre + half], axis=1),
        scores[kept],
        classes[kept].astype(np.int64),
    )


def decode_yolox(output: Floats, floors: Floats, input_hw: tuple[int, int]) -> Decoded:
    """Raw YOLOX head [1, N, 5 + classes] (Ge et al. 2021): grid offsets, log sizes, objectness, classes."""
    grid, strides = _yolox_grid(input_hw)
    rows = output[0]
    if len(rows) != len(grid):
        raise WeightsRefused(
            f"the head gives {len(rows)} rows where YOLOX has {len(grid)} at {input_hw}; "
            "the manifest's head is wrong"
        )
    by_class = rows[:, 4:5] * rows[:, 5:]
    classes = by_class.argmax(axis=1)
    scores = by_class[np.arange(len(rows)), classes]
    kept = scores >= floors[classes]
    centre = (rows[kept, :2] + grid[kept]) * strides[kept]
    half = np.exp(rows[kept, 2:4]) * strides[kept] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes, scores[kept], classes[kept].astype(np.int64)


def decode_yolov5(output: Floats, floors: Floats, input_hw: tuple[int, int]) -> Decoded:
    """Raw YOLOv5/v7 head [1, N, 5 + classes]: centre, size in pixels, objectness, class probabilities."""
    rows = output[0]
    by_class = rows[:, 4:5] * rows[:, 5:]
    classes = by_class.argmax(axis=1)
    scores = by_class[np.arange(len(rows)), classes]
    kept = scores >= floors[classes]
    centre, half = rows[kept, :2], rows[kept, 2:4] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes, scores[kept], classes[kept].astype(np.int64)


def grid_places(input_hw: tuple[int, int]) -> int:
    """Places of the grids of strides 8, 16 and 32 that an input of this height and width has.

    >>> grid_places((640, 640))
    8400
    """
    return sum((input_hw[0] // stride) * (input_hw[1] // stride) for stride in YOLOX_STRIDES)


def _yolox_grid(input_hw: tuple[int, int]) -> tuple[Floats, Floats]:
    cells, strides = [], []
    for stride in YOLOX_STRIDES:
        h, w = input_hw[0] // stride, input_hw[1] // stride
        y, x = np.mgrid[:h, :w]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((h * w, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


HEADS: dict[str, Callable[[Floats, Floats, tuple[int, int]], Decoded]] = {
    "yolo": decode_yolo,
    "nms_free": decode_nms_free,
    "yolox": decode_yolox,
    "detr": decode_detr,
    "yolov5": decode_yolov5,
}
COMPARED_AT_ONCE = 256
"""Boxes that suppression compares with all others in one step: more would take memory, fewer time."""
WITHOUT_SUPPRESSION = frozenset({"nms_free", "detr"})
"""Heads that give each thing once."""


def class_channels(head: str, shape: tuple[int | str | None, ...]) -> int | None:
    """How many classes an output of that static shape has; None where the shape does not say."""
    if len(shape) != 3 or head == "nms_free":
        return None
    channel = shape[1] if head == "yolo" else shape[2]
    return channel - (5 if head in ("yolox", "yolov5") else 4) if isinstance(channel, int) else None


def overlap(box: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Boxes (..., 4) against others (N, 4): intersection over union, and over the smaller area, (..., N)."""
    left, top, right, bottom = (box[..., i, None] for i in range(4))
    wide = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    high = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
    area = (right - left) * (bottom - top)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    tiny = np.float32(1e-9)
    return shared / np.maximum(area + areas - shared, tiny), shared / np.maximum(
        np.minimum(area, areas), tiny
    )


def suppress(
    boxes: Floats,
    scores: Floats,
    classes: Labels,
    iou_threshold: float,
    *,
    smaller_threshold: float | None = None,
    limit: int = 1000,
) -> Labels:
    """Greedy class-wise non-maximum suppression; indices kept, best score first.

    Args:
        smaller_threshold: also drop a box of which this share lies inside a better one (for tiles, where the
            seam cuts things).

    Equal scores keep their order, so that the result is the same every time.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, classes = boxes[order], classes[order]
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for start in range(0, len(order), COMPARED_AT_ONCE):
        rows = start + np.flatnonzero(alive[start : start + COMPARED_AT_ONCE])
        iou, smaller = overlap(boxes[rows], boxes[start:])
        drop = iou > iou_threshold
        if smaller_threshold is not None:
            drop |= smaller > smaller_threshold
        stays = ~(drop & (classes[rows, None] == classes[start:]))
        for row, best in zip(stays, rows.tolist(), strict=True):
            if alive[best] and len(kept) < limit:
                kept.append(best)
                alive[best + 1 :] &= row[best + 1 - start :]
    return np.asarray(order[kept], np.int64)
