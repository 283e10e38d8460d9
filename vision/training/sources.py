"""Labelled pictures from several collections, in the classes of the product.

A collection labels only some classes. What it does not label is neither object nor background: training
leaves those classes out of the loss for its pictures (``Picture.labelled``), and doubtful objects out of the
loss in their place (``Picture.ignore``).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES
from vision.training.errors import SourceRefused

Boxes = NDArray[np.float32]
Image = NDArray[np.uint8]

COCO_CLASSES: Mapping[int, str | None] = {
    0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck",
}  # fmt: skip
EVERY_CLASS = frozenset(CLASSES)
ALL = -1
"""Class of an ignored place that counts for every class."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled picture on disk.

    boxes: (N, 4) left, top, right, bottom in pixels. classes: (N,) indices into ``CLASSES``. ignore: (M, 5)
    the same and a class, or ``ALL``. labelled: the classes whose absence means background. group: pictures of
    one clip or flight; a split never cuts through a group. places: (K, 4) where to look besides the boxes.
    """

    path: Path
    boxes: Boxes
    classes: NDArray[np.int64]
    ignore: Boxes
    labelled: frozenset[str]
    group: str
    source: str
    nadir: bool = False
    places: Boxes = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def read(self) -> Image:
        """The pixels, RGB."""
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise SourceRefused(f"{self.path} is not a picture that can be read: remove it or fetch it again")
        return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How to read a collection in YOLO format.

    class_map: class number in its files -> our class, or None for "something that must be ignored".
    labelled: classes that it labels completely. ignore_labels: folder with boxes to be ignored, ``x y w h``
    or, with ``ignore_classes``, ``class x y w h`` (the class is not used: what is doubtful is so for all).
    """

    name: str
    class_map: Mapping[int, str | None]
    labelled: frozenset[str]
    group_of: Callable[[str], str] = field(default=lambda stem: stem)
    nadir_of: Callable[[str], bool] = field(default=lambda stem: False)
    ignore_labels: Path | None = None
    ignore_classes: bool = False


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, without decoding its pixels.

    Raises:
        SourceRefused: it is no picture.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(path) as picture:
            width, height = picture.size
    except OSError as error:
        raise SourceRefused(
            f"{path} is not a picture that can be read: remove it or fetch it again"
        ) from error
    return int(width), int(height)


def read_rows(path: Path, columns: int) -> NDArray[np.float64]:
    """The rows of a label file; a missing file means no rows.

    Raises:
        SourceRefused: a row is not ``columns`` numbers.
    """
    if not path.exists():
        return np.zeros((0, columns))
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            row = []
        if len(row) < columns or not np.isfinite(row).all():
            raise SourceRefused(
                f"{path}, line {number}: expected {columns} numbers, found {line.strip()[:60]!r}"
            )
        rows.append(row[:columns])
    return np.array(rows).reshape(-1, columns)


def corners(centred: NDArray[np.float64], width: int, height: int) -> Boxes:
    """Boxes ``x y w h`` (centre, as parts of the picture) as corners in pixels.

    >>> corners(np.array([[0.5, 0.5, 0.2, 0.4]]), 100, 50).tolist()
    [[40.0, 15.0, 60.0, 35.0]]
    """
    centre, half = centred[:, :2], centred[:, 2:4] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return np.asarray(boxes * [width, height, width, height], dtype=np.float32)


def read_source(spec: SourceSpec, images: Path, labels: Path) -> list[Picture]:
    """All pictures of a folder with YOLO labels.

    Raises:
        SourceRefused: the folder is missing or a label is malformed.
    """
    if not images.is_dir():
        raise SourceRefused(f"{images} is missing: name the folder of the collection {spec.name!r}")
    pictures = []
    for path in sorted(images.iterdir()):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
            continue
        width, height = image_size(path)
        rows = read_rows(labels / f"{path.stem}.txt", 5)
        unknown = sorted({int(c) for c in rows[:, 0]} - set(spec.class_map))
        if unknown:
            raise SourceRefused(
                f"{labels / path.stem}.txt: class {unknown[0]} is not in the map of {spec.name!r}"
            )
        names = [spec.class_map[int(c)] for c in rows[:, 0]]
        boxes = corners(rows[:, 1:], width, height)
        known = np.array([n is not None for n in names], dtype=bool)
        ignore = with_class(boxes[~known], ALL)
        if spec.ignore_labels is not None:
            columns = 5 if spec.ignore_classes else 4
            doubtful = read_rows(spec.ignore_labels / f"{path.stem}.txt", columns)[:, columns - 4 :]
            ignore = np.concatenate([ignore, with_class(corners(doubtful, width, height), ALL)])
        pictures.append(
            Picture(
                path=path,
                boxes=boxes[known],
                classes=np.array([CLASSES.index(n) for n in names if n is not None], dtype=np.int64),
                ignore=ignore,
                labelled=spec.labelled,
                group=f"{spec.name}/{spec.group_of(path.stem)}",
                source=spec.name,
                nadir=spec.nadir_of(path.stem),
            )
        )
    return pictures


def with_class(boxes: Boxes, index: int) -> Boxes:
    """Boxes with a column for the class."""
    return np.concatenate([boxes, np.full((len(boxes), 1), index, np.float32)], axis=1).astype(np.float32)


def split_by_group(
    pictures: Sequence[Picture], held_out: float, seed: int = 0
) -> tuple[list[Picture], list[Picture]]:
    """Training and held-out pictures; a group is never in both."""
    groups = sorted({p.group for p in pictures})
    random.Random(seed).shuffle(groups)
    kept_back = set(groups[: round(len(groups) * held_out)])
    return [p for p in pictures if p.group not in kept_back], [p for p in pictures if p.group in kept_back]


def overlap(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every pair, (N, M).

    >>> overlap(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32)).round(2).tolist()
    [[0.33000001311302185]]
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - inside
    return np.asarray(inside / np.maximum(union, 1e-9), dtype=np.float32)


def add_teacher(
    picture: Picture,
    found: NDArray[np.float32],
    fill: frozenset[str],
    *,
    complete: bool = True,
    sure: float = 0.4,
    doubtful: float = 0.12,
) -> Picture:
    """Labels of a teacher for classes that the collection does not label.

    Args:
        picture: as read.
        found: (N, 6) corners, score, class of the teacher's detections.
        fill: classes to take from the teacher. Sure ones become labels, doubtful ones are ignored. For other
            classes that the picture labels, a sure find that no label covers is ignored: labels are not
            complete.
        complete: the teacher misses hardly anything here: the rest of the picture is background for ``fill``.
        sure: least score of a label.
        doubtful: least score of what is ignored.
    """
    boxes, classes, ignore = [picture.boxes], [picture.classes], [picture.ignore]
    for row in found[found[:, 4] >= doubtful]:
        box, score, index = row[None, :4], float(row[4]), int(row[5])
        covered = len(picture.boxes) > 0 and float(overlap(box, picture.boxes).max()) > 0.3
        if covered:
            continue
        if CLASSES[index] in fill and score >= sure:
            boxes.append(box)
            classes.append(np.array([index]))
        elif CLASSES[index] in fill or score >= sure:
            ignore.append(with_class(box, ALL))
    return replace(
        picture,
        boxes=np.concatenate(boxes).astype(np.float32),
        classes=np.concatenate(classes).astype(np.int64),
        ignore=np.concatenate(ignore).astype(np.float32),
        labelled=picture.labelled | fill if complete else picture.labelled,
    )


def read_teacher(path: Path) -> dict[str, NDArray[np.float32]]:
    """A teacher's detections by file name, as ``write_teacher`` stored them."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: np.array(rows, np.float32).reshape(-1, 6) for name, rows in content.items()}


def write_teacher(path: Path, found: Mapping[str, NDArray[np.float32]]) -> None:
    """Stores a teacher's detections: file name -> rows of corners, score, class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: np.round(rows.astype(float), 3).tolist() for name, rows in sorted(found.items())}
    path.write_text(json.dumps(content), encoding="utf-8")
