"""Labelled datasets in COCO format, as many tools write it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vision.errors import DatasetInvalid
from vision.labelled import IGNORE, Labelled, is_length, read_ground, read_json, within


@dataclass(frozen=True, slots=True)
class _Listed:
    """An image as the file lists it; width and height in pixels."""

    name: str
    width: float
    height: float
    metres_per_pixel: Any


def read_coco(file: Path, class_names: Sequence[str] | None) -> list[Labelled]:
    """The images of a COCO file and their boxes; see ``vision.datasets.read_dataset``."""
    content = read_json(file)
    try:
        annotations = content["annotations"] if "annotations" in content else content["annotation"]
        by_id = _unique(file, "category", [(int(c["id"]), str(c["name"])) for c in content["categories"]])
        listed = _unique(file, "image", [(int(i["id"]), _listed(i)) for i in content["images"]])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetInvalid(
            f"{file}: is no COCO dataset with images (id, file_name, width, height), annotations and "
            f"categories (id, name): {error!r}"
        ) from error
    if not listed:
        raise DatasetInvalid(f"{file}: holds no image")
    _check_listed(file, listed)
    if class_names:
        if len(class_names) != len(by_id):
            listed_names = ", ".join(by_id[number] for number in sorted(by_id))
            raise DatasetInvalid(
                f"{file}: has {len(by_id)} categories, {len(class_names)} names were given; give one for "
                f"each in the order of their ids ({listed_names}), - for one to leave out"
            )
        by_id = dict(zip(sorted(by_id), class_names, strict=True))
    found: dict[int, tuple[list[str], list[list[float]]]] = {number: ([], []) for number in listed}
    for place, annotation in enumerate(annotations, 1):
        number, name, box = _box(file, place, annotation, listed, by_id)
        found[number][0].append(name)
        found[number][1].append(box)
    ground, finder = read_ground(file.parent), _Finder(file)
    result = []
    for number, image in listed.items():
        metres = image.metres_per_pixel
        known = ground.get(image.name) if metres is None else float(metres)
        boxes = np.array(found[number][1], np.float32).reshape(-1, 4)
        size = (round(image.width), round(image.height))
        result.append(Labelled(finder.find(image.name), found[number][0], boxes, known, size))
    return result


def _listed(image: Any) -> _Listed:
    name = image["file_name"] if "file_name" in image else image["filename"]
    return _Listed(str(name), float(image["width"]), float(image["height"]), image.get("metres_per_pixel"))


def _unique(file: Path, what: str, rows: Sequence[tuple[int, Any]]) -> dict[int, Any]:
    twice = [number for number, times in Counter(number for number, _ in rows).items() if times > 1]
    if twice:
        raise DatasetInvalid(f"{file}: the {what} id {twice[0]} is given twice; give each its own")
    return dict(rows)


def _check_listed(file: Path, listed: Mapping[int, _Listed]) -> None:
    for image in listed.values():
        if not (image.width >= 1 and image.height >= 1):
            raise DatasetInvalid(f"{file}: the image {image.name} is {image.width:g} x {image.height:g} px")
        if image.metres_per_pixel is not None and not is_length(image.metres_per_pixel):
            raise DatasetInvalid(
                f"{file}: metres_per_pixel of {image.name} is {image.metres_per_pixel!r}, no length"
            )
    twice = [name for name, times in Counter(i.name for i in listed.values()).items() if times > 1]
    if twice:
        raise DatasetInvalid(f"{file}: the image {twice[0]} is listed twice; remove one of them")


def _box(
    file: Path, place: int, annotation: Any, listed: Mapping[int, _Listed], by_id: Mapping[int, str]
) -> tuple[int, str, list[float]]:
    """Image, class and box (as shares of the image) of one annotation; the class of a crowd begins with -."""
    try:
        number, name = int(annotation["image_id"]), by_id[int(annotation["category_id"])]
        image = listed[number]
        x, y, w, h = (float(part) for part in annotation["bbox"])
        crowd = bool(annotation.get("iscrowd", 0))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetInvalid(
            f"{file}: annotation {place} has no known image_id and category_id and bbox [x, y, w, h]: "
            f"{error!r}"
        ) from error
    box = annotation["bbox"]
    if not (w > 0 and h > 0 and math.isfinite(x + y + w + h)):
        raise DatasetInvalid(f"{file}: annotation {place}: the box {box} has no area; remove it")
    shares = (x / image.width, y / image.height, (x + w) / image.width, (y + h) / image.height)
    inside = within(shares)
    if inside is None:
        raise DatasetInvalid(
            f"{file}: annotation {place}: the box {box} does not lie in its image of {image.width:g} x "
            f"{image.height:g} px"
        )
    return number, f"{IGNORE}{name}" if crowd and name != IGNORE else name, list(inside)


class _Finder:
    """Where the images of a COCO file are: beside it, in images/, or in a folder of the dataset."""

    def __init__(self, file: Path) -> None:
        self._file = file
        tops = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
        self._tops = [place for top in tops for place in (top, top / "images")] + [
            folder for top in tops for folder in self._folders(top)
        ]

    def _folders(self, top: Path) -> list[Path]:
        """Folders of a dataset, those first that the file's name ends with: val2017 of instances_val2017."""
        inner = [
            f for place in (top, top / "images") if place.is_dir() for f in place.iterdir() if f.is_dir()
        ]
        folders = sorted(inner) + sorted(f / "images" for f in inner if (f / "images").is_dir())
        stem = self._file.stem
        return sorted(folders, key=lambda f: not (stem.endswith(f.name) or stem.endswith(f.parent.name)))

    def find(self, name: str) -> Path:
        """The image of that name.

        Raises:
            DatasetInvalid: it is nowhere.
        """
        for top in self._tops:
            if (top / name).is_file():
                return top / name
        raise DatasetInvalid(
            f"{self._file}: the image {name} is neither beside it nor in a folder of the dataset; put the "
            "images into images/"
        )
