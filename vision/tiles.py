"""Large frames in overlapping tiles, so that small things keep their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vision.detections import Detections
from vision.detector import FrameDetector
from vision.frames import Pixels, check_image
from vision.heads import suppress

Tile = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

MERGE_IOU = 0.5
MERGE_SMALLER = 0.7


def tile_grid(width: int, height: int, size: int, overlap: float = 0.2) -> list[Tile]:
    """Tiles of ``size`` that cover an image, evenly spread, row by row.

    Neighbours share at least ``overlap`` of their side. An image smaller than a tile gives one tile.

    >>> tile_grid(1000, 640, 640, 0.2)
    [(0, 0, 640, 640), (360, 0, 1000, 640)]

    Raises:
        ValueError: size or overlap makes no grid.
    """
    if size <= 0 or not 0 <= overlap < 0.9:
        raise ValueError(f"tiles of {size} px with an overlap of {overlap} cover nothing")

    def starts(length: int) -> list[int]:
        if length <= size:
            return [0]
        count = int(np.ceil((length - size) / (size * (1 - overlap)) - 1e-9)) + 1
        return [round(i * (length - size) / (count - 1)) for i in range(count)]

    return [
        (x, y, min(x + size, width), min(y + size, height)) for y in starts(height) for x in starts(width)
    ]


class TiledDetector:
    """Runs a detector over tiles and the whole frame and merges what it finds.

    Boxes that end at an inner seam give way to the whole thing in the neighbouring tile: they are weakened
    before merging, and a box that mostly lies inside a better one of its class is dropped.

    Args:
        size: side of a tile in pixels. whole: look at the whole frame too, for what is larger than a tile.
    """

    def __init__(
        self, detector: FrameDetector, *, size: int = 640, overlap: float = 0.2, whole: bool = True
    ) -> None:
        self._detector = detector
        self._size, self._overlap, self._whole = size, overlap, whole
        tile_grid(size, size, size, overlap)
        self.names: Sequence[str] = detector.names
        self.thresholds: Mapping[str, float] = getattr(detector, "thresholds", {})

    def detect(self, image: Pixels) -> Detections:
        """Boxes in the pixels of the whole image, best score first."""
        h, w = check_image(image).shape[:2]
        tiles = tile_grid(w, h, self._size, self._overlap)
        parts = [self._in_tile(image, tile) for tile in tiles]
        if self._whole and len(tiles) > 1:
            parts.append((self._detector.detect(image), np.zeros(0, np.bool_)))
        return merge([part for part, _ in parts], [cut for _, cut in parts], self.names)

    def _in_tile(
        self, image: Pixels, tile: Tile
    ) -> tuple[Detections, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        left, top, right, bottom = tile
        h, w = image.shape[:2]
        found = self._detector.detect(np.ascontiguousarray(image[top:bottom, left:right]))
        moved = Detections(
            found.boxes + np.array([left, top, left, top], np.float32),
            found.scores,
            found.classes,
            found.names,
        )
        near = 2.0
        cut = (
            ((moved.boxes[:, 0] < left + near) & (left > 0))
            | ((moved.boxes[:, 1] < top + near) & (top > 0))
            | ((moved.boxes[:, 2] > right - near) & (right < w))
            | ((moved.boxes[:, 3] > bottom - near) & (bottom < h))
        )
        return moved, cut


def merge(
    parts: Sequence[Detections],
    cut: Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]] = (),
    names: Sequence[str] | None = None,
) -> Detections:
    """Detections of several views of one frame, in its pixels, as one.

    Args:
        cut: for each part, which boxes end at a seam; an empty array means none.
    """
    names = names if names is not None else (parts[0].names if parts else ())
    if not parts:
        return Detections.empty(names)
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    classes = np.concatenate([part.classes for part in parts])
    seams = [
        cut[i] if i < len(cut) and len(cut[i]) == len(part) else np.zeros(len(part), np.bool_)
        for i, part in enumerate(parts)
    ]
    ranks = np.where(np.concatenate(seams), scores * 0.5, scores).astype(np.float32)
    kept = suppress(boxes, ranks, classes, MERGE_IOU, smaller_threshold=MERGE_SMALLER)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Detections(boxes[kept], scores[kept], classes[kept], names)
