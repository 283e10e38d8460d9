"""The detector: letterbox, ONNX Runtime, decoding, suppression."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from vision.detections import Detections
from vision.errors import WeightsRefused
from vision.frames import Pixels, check_image
from vision.heads import HEADS, WITHOUT_SUPPRESSION, Decoded, Floats, class_channels, suppress
from vision.networks import (
    answer_to_blank,
    available_providers,
    class_names,
    fixed_size,
    input_type,
    open_network,
    run,
)
from vision.weights import Weights

PADDING = 114
WEAK_SHARE = 0.4
"""Boxes down to this share of their class's threshold are kept for the tracker's second stage."""
CANDIDATES = 3000
PREPARED = 4
LEAST_QUERIES_PX = 256
"""Heads that pick their 300 best answers by themselves fail on inputs with fewer places than that."""


class FrameDetector(Protocol):
    """Anything that finds boxes in an image: the real network, tiles of it, or a script in a test."""

    @property
    def names(self) -> Sequence[str]: ...

    def detect(self, image: Pixels) -> Detections:
        """Boxes in the pixels of ``image``, uint8 (H, W, 3) RGB."""
        ...


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image sits in the network's input: ``input = image * scale + (left, top)``."""

    scale: float
    left: int
    top: int
    input_hw: tuple[int, int]

    @classmethod
    def fit(
        cls,
        image_hw: tuple[int, int],
        input_hw: tuple[int, int],
        *,
        stride: int,
        dynamic: bool,
        centred: bool,
        least: int = 1,
    ) -> Letterbox:
        """Keep the aspect, never enlarge on a dynamic input, pad to the stride or to a fixed input's size.

        Args:
            least: a dynamic input is padded to so many pixels each way.
        """
        h, w = image_hw
        scale = min(input_hw[0] / h, input_hw[1] / w)
        if dynamic:
            scale = min(scale, 1.0)
            rows, cols = max(1, round(h * scale)), max(1, round(w * scale))
            input_hw = (-(-max(rows, least) // stride) * stride, -(-max(cols, least) // stride) * stride)
        rows, cols = max(1, round(h * scale)), max(1, round(w * scale))
        top = (input_hw[0] - rows) // 2 if centred else 0
        left = (input_hw[1] - cols) // 2 if centred else 0
        return cls(scale, left, top, input_hw)

    def apply(self, image: Pixels) -> Pixels:
        """The padded image, uint8 (input height, input width, 3)."""
        h, w = image.shape[:2]
        rows, cols = max(1, round(h * self.scale)), max(1, round(w * self.scale))
        if (rows, cols) != (h, w):
            how = cv2.INTER_AREA if self.scale < 0.5 else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, (cols, rows), interpolation=how), np.uint8)
        if (rows, cols) == self.input_hw:
            return image
        canvas = np.full((*self.input_hw, 3), PADDING, np.uint8)
        canvas[self.top : self.top + rows, self.left : self.left + cols] = image
        return canvas

    def to_image(self, boxes: Floats, image_hw: tuple[int, int]) -> Floats:
        """Boxes of the input -> pixels of the image, cut at its border."""
        moved = (boxes - np.array([self.left, self.top] * 2, np.float32)) / np.float32(self.scale)
        h, w = image_hw
        return np.asarray(np.clip(moved, 0, np.array([w, h, w, h], np.float32)), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An image and the network's input made of it."""

    image: Pixels
    box: Letterbox
    blob: NDArray[np.floating[Any]]


class Detector:
    """A pinned network on ONNX Runtime.

    Args:
        input_size: height, width of the largest input; a larger image is scaled down to fit. Ignored where
            the network has a fixed input.
        threads: of ONNX Runtime; None takes one for each core.
        weak_share: boxes scoring at least this share of their class's threshold are returned too, for the
            tracker; 1.0 gives only full detections.
        providers: what ONNX Runtime runs on; None takes the best that it offers here (see ``PROVIDERS``).

    Attributes:
        thresholds: the lowest score of a full detection, by class.

    Raises:
        WeightsRefused: the file is no network that this program knows, or has other classes than pinned.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        input_size: tuple[int, int] = (736, 1280),
        threads: int | None = None,
        weak_share: float = WEAK_SHARE,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.weights = weights
        self.names: Sequence[str] = weights.names
        self.thresholds = {name: weights.threshold(name) for name in weights.names}
        floors = [
            _uncalibrated(t * weak_share, weights.calibration.temperature) for t in self.thresholds.values()
        ]
        self._floors = np.array(floors, np.float32)
        chosen = list(providers) if providers is not None else available_providers()
        self.session = _open_session(weights, threads or os.cpu_count() or 1, chosen)
        fixed = fixed_size(self.session)
        self._dynamic = fixed is None
        self.input_size = fixed or input_size
        if fixed is None and any(side <= 0 or side % weights.stride for side in input_size):
            raise ValueError(f"input size {input_size} must be multiples of the stride {weights.stride}")
        self._least = LEAST_QUERIES_PX if weights.head in WITHOUT_SUPPRESSION else 1
        self._type = input_type(self.session)
        self._prepared: deque[_Prepared] = deque(maxlen=PREPARED)
        self._lock = Lock()
        self._decode = HEADS[weights.head]

    def detect(self, image: Pixels) -> Detections:
        """Boxes in the pixels of the image, best score first.

        Raises:
            ImageRefused: the image is not uint8 (H, W, 3).
        """
        box, blob = self._taken(image) or self._input(image)
        h, w = image.shape[:2]
        output = run(self.session, self.weights.path, blob)
        boxes, scores, classes = self._strongest(self._decode(output, self._floors, box.input_hw))
        boxes = box.to_image(boxes, (h, w))
        real = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1) & np.isfinite(scores)
        boxes, scores, classes = boxes[real], scores[real], classes[real]
        if self.weights.head in WITHOUT_SUPPRESSION:
            kept = np.argsort(-scores, kind="stable")
        else:
            kept = suppress(boxes, scores, classes, self.weights.iou_threshold)
        return Detections(boxes[kept], self._calibrated(scores[kept]), classes[kept], self.names)

    def prepare(self, image: Pixels) -> None:
        """Make the network's input of an image that is looked at soon; in another thread, while one is.

        The last ``PREPARED`` are kept. The image must not be changed before it is looked at.

        Raises:
            ImageRefused: the image is not uint8 (H, W, 3).
        """
        item = _Prepared(image, *self._input(image))
        with self._lock:
            self._prepared.append(item)

    def _input(self, image: Pixels) -> tuple[Letterbox, NDArray[np.floating[Any]]]:
        h, w = check_image(image).shape[:2]
        box = Letterbox.fit(
            (h, w), self.input_size, stride=self.weights.stride, dynamic=self._dynamic,
            centred=self.weights.head != "yolox", least=self._least,
        )  # fmt: skip
        return box, self.blob(box.apply(image)).astype(self._type, copy=False)

    def _taken(self, image: Pixels) -> tuple[Letterbox, NDArray[np.floating[Any]]] | None:
        """What was prepared of this very image, once."""
        with self._lock:
            item = next((one for one in self._prepared if one.image is image), None)
            if item is None:
                return None
            self._prepared.remove(item)
        return item.box, item.blob

    def blob(self, padded: Pixels) -> NDArray[np.float32]:
        """The network's input of a padded image: float32 (1, 3, H, W)."""
        # The same values as cv2.dnn.blobFromImage gives, in a quarter of its time.
        planes = cv2.split(padded)
        if self.weights.color == "BGR":
            planes = planes[::-1]
        blob = np.empty((1, 3, *padded.shape[:2]), np.float32)
        for target, plane in zip(blob[0], planes, strict=True):
            np.multiply(plane, np.float32(self.weights.scale), out=target)
        return blob

    def _strongest(self, decoded: Decoded) -> Decoded:
        boxes, scores, classes = decoded
        if len(scores) > CANDIDATES:
            top = np.sort(np.argpartition(-scores, CANDIDATES)[:CANDIDATES])
            boxes, scores, classes = boxes[top], scores[top], classes[top]
        return boxes, scores, classes

    def _calibrated(self, scores: Floats) -> Floats:
        temperature = self.weights.calibration.temperature
        if temperature == 1.0:
            return np.clip(scores, 0, 1)
        odds = np.clip(scores, 1e-6, 1 - 1e-6)
        return (1 / (1 + ((1 - odds) / odds) ** (1 / temperature))).astype(np.float32)


def _uncalibrated(score: float, temperature: float) -> float:
    odds = min(max(score, 1e-6), 1 - 1e-6)
    return float(1 / (1 + ((1 - odds) / odds) ** temperature))


def _open_session(weights: Weights, threads: int, providers: Sequence[str]) -> InferenceSession:
    """A session of the network, once it answers as the manifest says."""
    session = open_network(weights.path, threads, providers)
    channels = class_channels(weights.head, tuple(session.get_outputs()[0].shape))
    if channels is None or channels == len(weights.classes):
        channels = _probe_classes(session, weights)
    if channels is not None and channels != len(weights.classes):
        raise WeightsRefused(
            f"{weights.path}: the head {weights.head} gives {channels} classes, "
            f"the manifest {len(weights.classes)}"
        )
    inside = class_names(session)
    if inside and inside != tuple(weights.classes):
        raise WeightsRefused(
            f"{weights.path}: the file names its classes {', '.join(inside)}; "
            f"the manifest {', '.join(weights.classes)}"
        )
    return session


def _probe_classes(session: InferenceSession, weights: Weights) -> int | None:
    """Classes of the answer to a small empty image: what the file declares may be symbolic, or wrong."""
    side = LEAST_QUERIES_PX if weights.head in WITHOUT_SUPPRESSION else 2 * weights.stride
    shape = answer_to_blank(session, weights.path, fixed_size(session) or (side, side)).shape
    if len(shape) != 3:
        raise WeightsRefused(
            f"{weights.path}: the network answers with shape {tuple(shape)}; "
            f"a {weights.head} head has three axes"
        )
    if weights.head == "nms_free":
        if shape[-1] != 6:
            raise WeightsRefused(f"{weights.path}: an NMS-free head gives six columns, this one {shape[-1]}")
        return None
    return class_channels(weights.head, tuple(shape))
