"""Labelled datasets in YOLO and in COCO format."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from vision.errors import DatasetInvalid
from vision.frames import STILL_SUFFIXES

Boxes = NDArray[np.float32]

IGNORE = "-"
"""A dataset class that is neither to be found nor wrong to find."""
GROUND_FILE = "ground.json"
"""File of a dataset that says how many metres of ground a pixel of each image spans: ``{"a.jpg": 0.05}``."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image and what is in it.

    boxes: shares of the image: left, top, right, bottom. metres_per_pixel: of the ground, None where unknown.
    """

    image: Path
    names: list[str]
    boxes: Boxes
    metres_per_pixel: float | None = None


def read_dataset(root: Path, class_names: Sequence[str] | None = None) -> list[Labelled]:
    """A labelled dataset in YOLO or in COCO format.

    YOLO: ``images/`` and ``labels/`` side by side, folders below them allowed; one of those can be given
    alone (``DATASET/images/val``). Boxes in files of the same name below ``ignore/``, if there is such a
    folder, are neither to be found nor wrong to find. COCO: the .json file with ``images``, ``annotations``
    and ``categories``, or a folder that holds one, alone or in ``annotations/``; crowds are ignored. A file
    ``ground.json`` (or ``metres_per_pixel`` of a COCO image) says how much ground a pixel spans.

    Args:
        root: folder, or COCO file.
        class_names: of the label indices (COCO: of the categories by rising id); several may be one name,
            ``-`` is ignored. None reads ``names`` from a .yaml file, or the names of the categories.

    Raises:
        DatasetInvalid: something is missing or wrong; the message names the file and line.
    """
    annotations = _coco_file(root)
    if annotations is not None:
        return _read_coco(annotations, class_names)
    return _read_yolo(root, class_names)


def _yolo_folders(root: Path) -> tuple[Path, Path, Path]:
    """Top of the dataset, its images and its labels; ``DATASET/images/val`` means that part of it."""
    if not (root / "images").is_dir():
        for top in root.resolve().parents:
            if top.name == "images" and (top.parent / "labels").is_dir():
                part = root.resolve().relative_to(top)
                return top.parent, top / part, top.parent / "labels" / part
    return root, root / "images", root / "labels"


def _read_yolo(root: Path, class_names: Sequence[str] | None) -> list[Labelled]:
    root, images, labels = _yolo_folders(root)
    if not images.is_dir() or not labels.is_dir():
        raise DatasetInvalid(f"{root}: a YOLO dataset has the folders images and labels")
    names = list(class_names) if class_names else _names_in(root)
    files = sorted(f for f in images.rglob("*") if f.suffix.lower() in STILL_SUFFIXES)
    if not files:
        raise DatasetInvalid(f"{images}: holds no image")
    ground = _read_ground(root)
    result = []
    for file in files:
        inside = file.relative_to(images)
        text = (labels / inside).with_suffix(".txt")
        if not text.is_file():
            raise DatasetInvalid(f"{text}: missing; an image without anything in it needs an empty file")
        found, boxes = _read_labels(text, names)
        doubtful = (root / "ignore" / file.relative_to(root / "images")).with_suffix(".txt")
        if doubtful.is_file():
            more = _read_ignored(doubtful)
            found, boxes = found + [IGNORE] * len(more), np.concatenate([boxes, more])
        metres = ground.get(file.relative_to(root / "images").as_posix())
        result.append(Labelled(file, found, boxes, metres))
    return result


def _read_ignored(file: Path) -> Boxes:
    """Boxes ``x y w h``, or ``class x y w h`` whose class does not matter."""
    rows = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            x, y, w, h = (float(part) for part in line.replace(",", " ").split()[-4:])
        except ValueError as error:
            raise DatasetInvalid(f"{file}:{number}: {line!r} is no 'x y width height'") from error
        rows.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    return np.array(rows, np.float32).reshape(-1, 4)


def _read_ground(root: Path) -> dict[str, float]:
    file = root / GROUND_FILE
    if not file.is_file():
        return {}
    content = _json(file)
    if not isinstance(content, dict) or not all(_is_length(value) for value in content.values()):
        raise DatasetInvalid(f'{file}: must give each image its metres a pixel, like {{"a.jpg": 0.05}}')
    return {str(name): float(value) for name, value in content.items()}


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetInvalid(f"{file}: cannot be read as JSON ({error})") from error


def _coco_file(root: Path) -> Path | None:
    """The annotations of a COCO dataset; None where the dataset is none."""
    if root.is_file():
        return root
    if (root / "labels").is_dir():
        return None
    found = sorted([*root.glob("*.json"), *root.glob("annotations/*.json")])
    files = [f for f in found if f.name != GROUND_FILE]
    if len(files) > 1:
        raise DatasetInvalid(f"{root}: holds several .json files; name the one that is meant")
    return files[0] if files else None


def _read_coco(file: Path, class_names: Sequence[str] | None) -> list[Labelled]:
    content = _json(file)
    try:
        images, annotations, categories = (content[k] for k in ("images", "annotations", "categories"))
        by_id = {int(c["id"]): str(c["name"]) for c in categories}
        shapes = {
            int(i["id"]): (
                str(i["file_name"]),
                float(i["width"]),
                float(i["height"]),
                i.get("metres_per_pixel"),
            )
            for i in images
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetInvalid(
            f"{file}: is no COCO dataset with images (id, file_name, width, height), annotations and "
            f"categories (id, name): {error!r}"
        ) from error
    if not shapes:
        raise DatasetInvalid(f"{file}: holds no image")
    for name, width, height, _ in shapes.values():
        if not (width >= 1 and height >= 1):
            raise DatasetInvalid(f"{file}: the image {name} is {width:g} x {height:g} px")
    if class_names:
        if len(class_names) < len(by_id):
            raise DatasetInvalid(f"{file}: has {len(by_id)} categories, {len(class_names)} names were given")
        by_id = dict(zip(sorted(by_id), class_names, strict=False))
    found: dict[int, tuple[list[str], list[list[float]]]] = {number: ([], []) for number in shapes}
    for place, annotation in enumerate(annotations, 1):
        number, name, box = _coco_box(file, place, annotation, shapes, by_id)
        found[number][0].append(name)
        found[number][1].append(box)
    ground = _read_ground(file.parent)
    result = []
    for number, (name, _, _, metres) in shapes.items():
        if metres is not None and not _is_length(metres):
            raise DatasetInvalid(f"{file}: metres_per_pixel of {name} is {metres!r}, no length")
        boxes = np.array(found[number][1], np.float32).reshape(-1, 4)
        known = ground.get(name) if metres is None else float(metres)
        result.append(Labelled(_coco_image(file, name), found[number][0], boxes, known))
    return result


def _coco_box(
    file: Path, place: int, annotation: Any, shapes: Mapping[int, tuple[str, float, float, Any]],
    by_id: Mapping[int, str],
) -> tuple[int, str, list[float]]:  # fmt: skip
    """Image, class and box (as shares of the image) of one annotation."""
    try:
        number, name = int(annotation["image_id"]), by_id[int(annotation["category_id"])]
        _, width, height, _ = shapes[number]
        x, y, w, h = (float(part) for part in annotation["bbox"])
        crowd = bool(annotation.get("iscrowd", 0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetInvalid(
            f"{file}: annotation {place} has no known image_id and category_id and bbox [x, y, w, h]: "
            f"{error!r}"
        ) from error
    inside = min(x, y) >= -1 and x + w <= width + 1 and y + h <= height + 1
    if not (inside and w > 0 and h > 0):
        box = annotation["bbox"]
        raise DatasetInvalid(f"{file}: annotation {place}: the box {box} does not lie in its image")
    shares = [x / width, y / height, (x + w) / width, (y + h) / height]
    return number, IGNORE if crowd else name, [min(max(share, 0.0), 1.0) for share in shares]


def _coco_image(file: Path, name: str) -> Path:
    tops = (file.parent, file.parent / "images", file.parent.parent, file.parent.parent / "images")
    for top in tops:
        if (top / name).is_file():
            return top / name
    raise DatasetInvalid(f"{file}: the image {name} is neither beside it nor in images/")


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
