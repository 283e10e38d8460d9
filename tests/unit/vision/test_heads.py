"""The vectorised decoders and suppression against slow, plain references."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.errors import WeightsRefused
from vision.heads import (
    decode_detr,
    decode_nms_free,
    decode_yolo,
    decode_yolov5,
    decode_yolox,
    overlap,
    suppress,
)

seeds = st.integers(0, 2**32 - 1)


def slow_yolo(output: np.ndarray, floors: np.ndarray) -> list[tuple]:
    rows = []
    for k in range(output.shape[2]):
        cx, cy, w, h = (float(v) for v in output[0, :4, k])
        scores = [float(v) for v in output[0, 4:, k]]
        best = scores.index(max(scores))
        if scores[best] >= floors[best]:
            rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, scores[best], best))
    return rows


def slow_yolox(output: np.ndarray, floors: np.ndarray, hw: tuple[int, int]) -> list[tuple]:
    rows, k = [], 0
    for stride in (8, 16, 32):
        for gy in range(hw[0] // stride):
            for gx in range(hw[1] // stride):
                row = [float(v) for v in output[0, k]]
                scores = [row[4] * s for s in row[5:]]
                best = scores.index(max(scores))
                if scores[best] >= floors[best]:
                    cx, cy = (row[0] + gx) * stride, (row[1] + gy) * stride
                    w, h = math.exp(row[2]) * stride, math.exp(row[3]) * stride
                    rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, scores[best], best))
                k += 1
    return rows


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0.0) * max(h, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / union) if union > 0 else 0.0


def slow_suppress(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(classes[j] != classes[i] or slow_iou(boxes[j], boxes[i]) <= threshold for j in kept):
            kept.append(i)
    return kept


def slow_nms_free(output: np.ndarray, floors: np.ndarray) -> list[tuple]:
    rows = []
    for left, top, right, bottom, score, number in output[0].tolist():
        kind = math.trunc(number)
        if 0 <= kind < len(floors) and score > 0 and score >= floors[kind]:
            rows.append((left, top, right, bottom, score, kind))
    return rows


def slow_detr(output: np.ndarray, floors: np.ndarray, hw: tuple[int, int]) -> list[tuple]:
    rows = []
    for cx, cy, w, h, *scores in output[0].tolist():
        best = scores.index(max(scores))
        if scores[best] >= floors[best]:
            x, y = cx * hw[1], cy * hw[0]
            rows.append(
                (
                    x - w * hw[1] / 2,
                    y - h * hw[0] / 2,
                    x + w * hw[1] / 2,
                    y + h * hw[0] / 2,
                    scores[best],
                    best,
                )
            )
    return rows


def agree(decoded: tuple, rows: list[tuple]) -> None:
    boxes, scores, classes = decoded
    assert len(rows) == len(boxes) == len(scores) == len(classes)
    if rows:
        expected = np.array(rows)
        np.testing.assert_allclose(boxes, expected[:, :4], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(scores, expected[:, 4], rtol=1e-5)
        assert classes.tolist() == expected[:, 5].astype(int).tolist()


@given(seeds, st.integers(1, 9), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_yolo_equals_the_slow_reference(seed: int, classes: int, count: int) -> None:
    random = np.random.default_rng(seed)
    output = random.random((1, 4 + classes, count + 1)).astype(np.float32)
    output[:, :4] *= 600
    floors = random.uniform(0.2, 1.0, classes).astype(np.float32)
    agree(decode_yolo(output, floors, (640, 640)), slow_yolo(output, floors))


@given(seeds, st.integers(1, 5), st.sampled_from([(32, 32), (64, 32), (64, 96)]))
@settings(max_examples=40, deadline=None)
def test_yolox_equals_the_slow_reference(seed: int, classes: int, hw: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    count = sum((hw[0] // s) * (hw[1] // s) for s in (8, 16, 32))
    output = random.uniform(0, 1, (1, count, 5 + classes)).astype(np.float32)
    output[..., 2:4] = random.uniform(-2, 2, (1, count, 2))
    floors = random.uniform(0.1, 0.9, classes).astype(np.float32)
    agree(decode_yolox(output, floors, hw), slow_yolox(output, floors, hw))


@given(seeds, st.integers(1, 5), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_nms_free_equals_the_slow_reference(seed: int, classes: int, count: int) -> None:
    random = np.random.default_rng(seed)
    output = random.uniform(0, 600, (1, count, 6)).astype(np.float32)
    output[..., 4] = random.choice([0, 0.2, 0.5, 0.9], (1, count))
    output[..., 5] = random.integers(-1, classes + 1, (1, count))
    floors = random.uniform(0, 0.9, classes).astype(np.float32)
    agree(decode_nms_free(output, floors, (640, 640)), slow_nms_free(output, floors))


@given(seeds, st.integers(1, 9), st.integers(0, 30), st.sampled_from([(64, 64), (384, 640)]))
@settings(max_examples=40, deadline=None)
def test_detr_equals_the_slow_reference(seed: int, classes: int, count: int, hw: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    output = random.random((1, count, 4 + classes)).astype(np.float32)
    floors = random.uniform(0.2, 1.0, classes).astype(np.float32)
    agree(decode_detr(output, floors, hw), slow_detr(output, floors, hw))


def test_yolox_with_the_wrong_number_of_rows_is_refused() -> None:
    with pytest.raises(WeightsRefused, match="head is wrong"):
        decode_yolox(np.zeros((1, 7, 8), np.float32), np.full(3, 0.3, np.float32), (64, 64))


def test_nms_free_drops_padding_and_unknown_classes() -> None:
    output = np.array(
        [
            [
                [1, 2, 3, 4, 0.9, 1],
                [1, 2, 3, 4, 0.2, 1],
                [1, 2, 3, 4, 0.9, 7],
                [0, 0, 0, 0, 0, 0],
                [5, 6, 7, 8, 0.5, 0],
            ]
        ],
        np.float32,
    )
    boxes, scores, classes = decode_nms_free(output, np.array([0.0, 0.3], np.float32), (64, 64))
    assert boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert classes.tolist() == [1, 0]
    assert scores.tolist() == pytest.approx([0.9, 0.5])


@given(seeds, st.integers(0, 60), st.floats(0.1, 0.9), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_suppression_equals_the_slow_reference(seed: int, count: int, threshold: float, classes: int) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 80, (count, 2))
    boxes = np.hstack([corner, corner + random.uniform(5, 40, (count, 2))]).astype(np.float32)
    scores = random.choice([0.3, 0.5, 0.7, 0.9], count).astype(np.float32)
    labels = random.integers(0, classes, count)
    assert suppress(boxes, scores, labels, threshold).tolist() == slow_suppress(
        boxes, scores, labels, threshold
    )


def test_suppression_of_many_boxes_equals_the_slow_reference() -> None:
    random = np.random.default_rng(7)
    corner = random.uniform(0, 400, (900, 2))
    boxes = np.hstack([corner, corner + random.uniform(5, 40, (900, 2))]).astype(np.float32)
    scores, labels = random.random(900, dtype=np.float32), random.integers(0, 2, 900)
    kept = suppress(boxes, scores, labels, 0.5)
    assert 256 < len(kept) < 900
    assert kept.tolist() == slow_suppress(boxes, scores, labels, 0.5)
    assert suppress(boxes, scores, labels, 0.5, limit=300).tolist() == kept[:300].tolist()


def test_suppression_of_boxes_inside_better_ones() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 10, 40, 40], [10, 10, 40, 40]], np.float32)
    scores, classes = np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 0, 1])
    assert suppress(boxes, scores, classes, 0.5).tolist() == [0, 1, 2]
    assert suppress(boxes, scores, classes, 0.5, smaller_threshold=0.8).tolist() == [0, 2]
    assert suppress(boxes, scores, classes, 0.5, limit=1).tolist() == [0]


def test_overlap_of_empty_boxes_is_nothing() -> None:
    iou, smaller = overlap(np.zeros(4, np.float32), np.zeros((2, 4), np.float32))
    assert iou.tolist() == [0, 0]
    assert smaller.tolist() == [0, 0]


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_yolov5_is_yolo_with_its_objectness_multiplied_in(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 1, (1, 30, 8)).astype(np.float32)
    floors = random.uniform(0.1, 0.6, 3).astype(np.float32)
    as_yolo = np.concatenate([rows[..., :4], rows[..., 4:5] * rows[..., 5:]], axis=2).transpose(0, 2, 1)
    both = decode_yolov5(rows, floors, (64, 64)), decode_yolo(as_yolo, floors, (64, 64))
    for mine, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
