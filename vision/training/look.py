"""Runs an ONNX model over pictures, whole or in tiles: for teacher labels and for measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES
from vision.training.sources import Image

Array = NDArray[np.float32]
STRIDE = 32


def non_maximum(found: Array, iou: float, limit: int = 1000) -> Array:
    """The best of overlapping boxes of one class; rows are corners, score, class."""
    if not len(found):
        return found
    # Boxes of different classes are moved apart so that they never suppress each other.
    moved = found[:, :4] + found[:, 5:6] * 1e5
    rectangles = np.concatenate([moved[:, :2], moved[:, 2:] - moved[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(rectangles.tolist(), found[:, 4].tolist(), 0.0, iou)
    return found[np.asarray(kept, dtype=np.int64).reshape(-1)[:limit]]


def tile_origins(length: int, tile: int, overlap: float = 0.2) -> list[int]:
    """Where tiles start along one side, so that they cover it and overlap.

    >>> tile_origins(1280, 640)
    [0, 320, 640]
    >>> tile_origins(500, 640)
    [0]
    """
    if length <= tile:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - overlap)))) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


class Looker:
    """An ONNX model with a raw YOLO head [1, 4 + classes, N].

    Classes come as indices into ``CLASSES``, whatever order the file's own names have; a file without names
    must have our classes.
    """

    def __init__(self, path: Path, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        text = self._session.get_modelmeta().custom_metadata_map.get("names", "")
        names = [name.strip() for name in text.split(",")] if text and "{" not in text else list(CLASSES)
        self._numbers = np.array([CLASSES.index(name) for name in names], np.int64)

    def raw(self, image: Image) -> Array:
        """Rows of corners, score, class for every anchor; the picture's sides are multiples of 32."""
        blob = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32) / 255
        output = self._session.run(None, {"images": blob})[0][0].T
        classes = self._numbers[output[:, 4:].argmax(axis=1)]
        scores = output[:, 4:].max(axis=1)
        centre, half = output[:, :2], output[:, 2:4] / 2
        return np.concatenate(
            [centre - half, centre + half, scores[:, None], classes[:, None]], axis=1, dtype=np.float32
        )

    def whole(self, image: Image, size: int, confidence: float = 0.02, iou: float = 0.6) -> Array:
        """Detections of a picture whose long side is brought to ``size``; rows in the picture's pixels."""
        height, width = image.shape[:2]
        scale = size / max(height, width)
        found = self._scaled(image, scale, confidence)
        found[:, [0, 2]] = found[:, [0, 2]].clip(0, width)
        found[:, [1, 3]] = found[:, [1, 3]].clip(0, height)
        return non_maximum(found, iou)

    def tiled(
        self, image: Image, tile: int, confidence: float = 0.02, iou: float = 0.6, scale: float = 1.0
    ) -> Array:
        """Detections of a picture looked at in overlapping tiles, after scaling by ``scale``."""
        if scale != 1.0:
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), np.uint8)
        parts = []
        for top in tile_origins(image.shape[0], tile):
            for left in tile_origins(image.shape[1], tile):
                found = self._scaled(image[top : top + tile, left : left + tile], 1.0, confidence)
                found[:, :4] += np.array([left, top, left, top], np.float32)
                parts.append(found)
        found = non_maximum(np.concatenate(parts), iou)
        found[:, :4] /= scale
        return found

    def _scaled(self, image: Image, scale: float, confidence: float) -> Array:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = image if scale == 1.0 else cv2.resize(image, (width, height), interpolation=method)
        canvas = np.full((-(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE, 3), 114, np.uint8)
        canvas[:height, :width] = small
        found = self.raw(canvas)
        found = found[found[:, 4] >= confidence]
        found[:, :4] /= scale
        return found
