"""Where to look more closely: tiles of large frames, enlarged parts, resolution by the ground seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import Detections
from vision.detector import FrameDetector
from vision.frames import Pixels, check_image
from vision.heads import suppress

Tile = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

MERGE_IOU = 0.5
MERGE_SMALLER = 0.7
SEAM_PX = 2.0
"""A box that ends so near the border of a part is taken to be cut by it."""


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
        size: side of a tile as the network sees it, pixels. whole: look at the whole frame too, for what is
            larger than a tile. enlarge: how much a part of the frame is enlarged to make a tile; the cost
            grows with its square.

    Raises:
        ValueError: these make no tiles.
    """

    def __init__(
        self, detector: FrameDetector, *, size: int = 640, overlap: float = 0.2, whole: bool = True,
        enlarge: float = 1.0,
    ) -> None:  # fmt: skip
        if not 1.0 <= enlarge <= 8.0:
            raise ValueError(f"tiles enlarged {enlarge} times are of no use; give 1 to 8")
        self._detector = detector
        self._size, self._overlap, self._whole = size, overlap, whole
        self._part = max(1, round(size / enlarge))
        tile_grid(self._part, self._part, self._part, overlap)
        self.names: Sequence[str] = detector.names
        self.thresholds: Mapping[str, float] = getattr(detector, "thresholds", {})

    def detect(self, image: Pixels) -> Detections:
        """Boxes in the pixels of the whole image, best score first."""
        h, w = check_image(image).shape[:2]
        tiles = tile_grid(w, h, self._part, self._overlap)
        parts = [self._in_tile(image, tile) for tile in tiles]
        if self._whole and len(tiles) > 1:
            parts.append((self._detector.detect(image), np.zeros(0, np.bool_)))
        return merge([part for part, _ in parts], [cut for _, cut in parts], self.names)

    def _in_tile(
        self, image: Pixels, tile: Tile
    ) -> tuple[Detections, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        h, w = image.shape[:2]
        moved = find_in_part(self._detector, image, tile, self._size / self._part)
        return moved, cut_by(moved.boxes, tile, w, h)


def cut_by(boxes: NDArray[np.float32], tile: Tile, width: int, height: int) -> NDArray[np.bool_]:
    """Which boxes (N, 4) end at a border of the tile that is not the border of the image."""
    left, top, right, bottom = tile
    return np.asarray(
        ((boxes[:, 0] < left + SEAM_PX) & (left > 0))
        | ((boxes[:, 1] < top + SEAM_PX) & (top > 0))
        | ((boxes[:, 2] > right - SEAM_PX) & (right < width))
        | ((boxes[:, 3] > bottom - SEAM_PX) & (bottom < height))
    )


class CloserLook:
    """Looks at the whole frame, then once more, enlarged, at the places where small people are.

    Seen from a patrol's height a person spans about ten pixels, and two who stand together are told apart far
    better in an enlarged picture. Enlarging the whole frame costs the square of the factor; this costs
    ``looks * (window_px * enlarge)^2`` pixels more, and only where there is somebody.

    Inside a window, what the closer look says about ``names_again`` replaces what the whole frame said; of
    other classes it says nothing.

    Args:
        detector: finds boxes; weak ones help to choose the places.
        enlarge: factor. window_px: side of a window in pixels of the frame. looks: most windows in a frame.
        small_px: people lower than this are worth another look.
        names_again: classes that the closer look decides. Things that are larger or fewer than people are
            found as well in the whole frame, two-wheelers better.

    Raises:
        ValueError: the windows show nothing closer.
    """

    def __init__(
        self,
        detector: FrameDetector,
        *,
        enlarge: float = 2.5,
        window_px: int = 256,
        looks: int = 1,
        small_px: float = 40.0,
        names_again: Sequence[str] = ("person",),
    ) -> None:
        if enlarge <= 1 or window_px < 32 or looks < 1:
            raise ValueError(
                f"{looks} windows of {window_px} px enlarged {enlarge} times show nothing closer"
            )
        self._detector = detector
        self._enlarge, self._window, self._looks, self._small = enlarge, window_px, looks, small_px
        self.names: Sequence[str] = detector.names
        self.thresholds: Mapping[str, float] = getattr(detector, "thresholds", {})
        self._person = [i for i, name in enumerate(self.names) if name == "person"]
        self._again = [i for i, name in enumerate(self.names) if name in names_again]

    def detect(self, image: Pixels) -> Detections:
        """Boxes in the pixels of the image, best score first."""
        h, w = check_image(image).shape[:2]
        found = self._detector.detect(image)
        again = np.isin(found.classes, self._again)
        replaced = np.zeros(len(found), np.bool_)
        parts = []
        for window in self._windows(found, w, h):
            close = find_in_part(self._detector, image, window, self._enlarge)
            close = close.select(np.isin(close.classes, self._again))
            parts.append(close.select(~cut_by(close.boxes, window, w, h)))
            replaced |= again & ~cut_by(found.boxes, window, w, h) & _inside(found.boxes, window)
        if not parts:
            return found
        parts.append(found.select(~replaced))
        boxes = np.concatenate([part.boxes for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        classes = np.concatenate([part.classes for part in parts])
        kept = suppress(boxes, scores, classes, MERGE_IOU)
        return Detections(boxes[kept], scores[kept], classes[kept], self.names)

    def _windows(self, found: Detections, width: int, height: int) -> list[Tile]:
        """The windows that hold most small people, those who stand close to others counting more."""
        small = np.isin(found.classes, self._person) & (found.boxes[:, 3] - found.boxes[:, 1] < self._small)
        boxes, worth = found.boxes[small], found.scores[small].astype(float)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        reach = 1.5 * (boxes[:, 3] - boxes[:, 1])
        gaps = np.linalg.norm(middles[:, None] - middles[None], axis=2)
        worth *= 1 + np.minimum((gaps < reach[:, None]).sum(axis=1) - 1, 3)
        side_x, side_y = min(self._window, width), min(self._window, height)
        windows: list[Tile] = []
        left_over = np.ones(len(boxes), np.bool_)
        while len(windows) < self._looks and left_over.any():
            corners = np.clip(
                np.round(middles[left_over] - [side_x / 2, side_y / 2]),
                0,
                [width - side_x, height - side_y],
            ).astype(int)
            tiles = [(int(x), int(y), int(x) + side_x, int(y) + side_y) for x, y in corners]
            held = np.stack([left_over & _inside(boxes, tile) for tile in tiles])
            best = int((held * worth).sum(axis=1).argmax())
            if not held[best].any():
                break
            windows.append(tiles[best])
            left_over &= ~held[best]
        return windows


def find_in_part(detector: FrameDetector, image: Pixels, tile: Tile, scale: float) -> Detections:
    """What a detector finds in a part of an image that is scaled for it, in the image's pixels."""
    left, top, right, bottom = tile
    part = image[top:bottom, left:right]
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    if size != (right - left, bottom - top):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)
    found = detector.detect(np.ascontiguousarray(part))
    factors = np.array([(right - left) / size[0], (bottom - top) / size[1]] * 2, np.float32)
    boxes = found.boxes * factors + np.array([left, top, left, top], np.float32)
    return Detections(boxes, found.scores, found.classes, found.names)


def _inside(boxes: NDArray[np.float32], tile: Tile) -> NDArray[np.bool_]:
    """Which boxes (N, 4) lie wholly in a tile."""
    return np.asarray((boxes[:, :2] >= tile[:2]).all(axis=1) & (boxes[:, 2:] <= tile[2:]).all(axis=1))


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
