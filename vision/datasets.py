"""Labelled datasets in YOLO and in COCO format."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vision.coco import read_coco
from vision.errors import DatasetInvalid
from vision.frames import STILL_SUFFIXES
from vision.labelled import GROUND_FILE, IGNORE, Boxes, Labelled, read_ground, within

__all__ = ["GROUND_FILE", "IGNORE", "Boxes", "Labelled", "read_dataset"]

logger = logging.getLogger(__name__)

PARTS = ("val", "valid", "test", "train")
YAML = frozenset({".yaml", ".yml"})


def read_dataset(root: Path, class_names: Sequence[str] | None = None) -> list[Labelled]:
    """A labelled dataset in YOLO or in COCO format.

    YOLO: ``images/`` and ``labels/`` side by side, folders below them allowed; one of those can be given
    alone (``DATASET/images/val``), or the .yaml file of the dataset, whose part ``val`` is taken. An image
    without a label file has nothing in it, which is said aloud. Outlines of things become the boxes around
    them, boxes that reach over the border are cut there. Boxes in files of the same name below ``ignore/``,
    if there is such a folder, are neither to be found nor wrong to find. COCO: the .json file with
    ``images``, ``annotations`` and ``categories``, or a folder that holds one, alone or in ``annotations/``;
    a crowd is ignored for its class. A file ``ground.json`` (or ``metres_per_pixel`` of a COCO image) says
    how much ground a pixel spans.

    Args:
        root: folder, COCO file, or .yaml file.
        class_names: of the label indices (COCO: of the categories by rising id); several may be one name,
            ``-`` is ignored. None reads ``names`` from a .yaml file, or the names of the categories.

    Raises:
        DatasetInvalid: something is missing or wrong; the message names the file and line.
    """
    if not root.exists():
        raise DatasetInvalid(f"{root}: there is no such file or folder; check the path")
    annotations = _coco_file(root)
    if annotations is not None:
        return read_coco(annotations, class_names)
    return _read_yolo(root, class_names)


@dataclass(frozen=True, slots=True)
class _Folders:
    """Top of a YOLO dataset, and the images and labels to be read."""

    top: Path
    images: Path
    labels: Path


def _yolo_folders(root: Path) -> _Folders:
    """``DATASET``, ``DATASET/images/val`` or ``DATASET/data.yaml``; or images and labels in one folder."""
    if root.is_file():
        return _by_yaml(root)
    if (root / "images").is_dir() and (root / "labels").is_dir():
        return _Folders(root, root / "images", root / "labels")
    for top in (root.resolve(), *root.resolve().parents):
        if top.name == "images" and (top.parent / "labels").is_dir():
            part = root.resolve().relative_to(top)
            return _Folders(top.parent, top / part, top.parent / "labels" / part)
    if any(f.suffix.lower() in STILL_SUFFIXES and f.with_suffix(".txt").is_file() for f in root.iterdir()):
        return _Folders(root, root, root)
    parts = [part for part in PARTS if (root / part / "images").is_dir()]
    if parts:
        raise DatasetInvalid(f"{root}: has the parts {', '.join(parts)}; name one, e.g. {root / parts[0]}")
    for file in sorted(root.glob("*.y*ml")):
        if any(isinstance(_yaml(file).get(part), str | list) for part in PARTS):
            return _by_yaml(file)
    raise DatasetInvalid(
        f"{root}: a YOLO dataset has the folders images and labels; of a COCO dataset, name the .json file"
    )


def _by_yaml(file: Path) -> _Folders:
    """The part of the dataset that a .yaml file names for judging."""
    content = _yaml(file)
    part = next((part for part in PARTS if content.get(part)), None)
    if part is None:
        raise DatasetInvalid(f"{file}: names no images under val, test or train")
    named = content[part][0] if isinstance(content[part], list) and content[part] else content[part]
    if isinstance(content[part], list) and len(content[part]) > 1:
        raise DatasetInvalid(f"{file}: {part} is several folders; name the one that is meant instead")
    base = file.parent / str(content.get("path") or ".")
    # Some exporters write ../valid/images where valid/images is meant.
    places = [top / str(named) for top in (base, file.parent)] + [
        file.parent / str(named).removeprefix("../")
    ]
    images = next((place.resolve() for place in places if place.is_dir()), None)
    if images is None:
        raise DatasetInvalid(f"{file}: {part} is {named}, which is no folder here; name the folder instead")
    whole = images.parts
    if "images" not in whole:
        return _Folders(file.parent, images, images)
    at = len(whole) - 1 - whole[::-1].index("images")
    return _Folders(Path(*whole[:at]), images, Path(*whole[:at], "labels", *whole[at + 1 :]))


def _read_yolo(root: Path, class_names: Sequence[str] | None) -> list[Labelled]:
    folders = _yolo_folders(root)
    files = sorted(f for f in folders.images.rglob("*") if f.suffix.lower() in STILL_SUFFIXES)
    if not files:
        raise DatasetInvalid(f"{folders.images}: holds no image")
    twice = [stem for stem, times in Counter(f.with_suffix("") for f in files).items() if times > 1]
    if twice:
        raise DatasetInvalid(f"{twice[0]}: is there as two images that share one label file; remove one")
    if not folders.labels.is_dir():
        raise DatasetInvalid(f"{folders.labels}: a YOLO dataset has its labels there; the folder is missing")
    given = [root] if root.is_file() else []
    names = list(class_names) if class_names else _names_in([*given, folders.top, folders.top.parent])
    ground = read_ground(folders.top)
    result, bare = [], 0
    for file in files:
        text = (folders.labels / file.relative_to(folders.images)).with_suffix(".txt")
        found, boxes = _read_labels(text, names) if text.is_file() else ([], _no_boxes())
        bare += not text.is_file()
        # Where the images are: below images/, or beside everything else.
        top = folders.top / "images" if file.is_relative_to(folders.top / "images") else folders.images
        inside = file.relative_to(top)
        doubtful = (folders.top / "ignore" / inside).with_suffix(".txt")
        if doubtful.is_file():
            more = _read_ignored(doubtful)
            found, boxes = found + [IGNORE] * len(more), np.concatenate([boxes, more])
        result.append(Labelled(file, found, boxes, ground.get(inside.as_posix())))
    if bare == len(files):
        raise DatasetInvalid(f"{folders.labels}: holds no label file for any of the {bare} images")
    if bare:
        logger.warning(
            "%s of %s images in %s have no label file: nothing is taken to be in them",
            bare, len(files), folders.images,
        )  # fmt: skip
    return result


def _no_boxes() -> Boxes:
    return np.zeros((0, 4), np.float32)


def _read_ignored(file: Path) -> Boxes:
    """Boxes ``x y w h``, or ``class x y w h`` whose class does not matter."""
    rows = []
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            x, y, w, h = (float(part) for part in line.replace(",", " ").split()[-4:])
        except ValueError as error:
            raise DatasetInvalid(f"{file}:{number}: {line!r} is no 'x y width height'") from error
        rows.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    return np.array(rows, np.float32).reshape(-1, 4)


def _coco_file(root: Path) -> Path | None:
    """The annotations of a COCO dataset; None where the dataset is none."""
    if root.is_file():
        return None if root.suffix.lower() in YAML else root
    if (root / "labels").is_dir():
        return None
    found = sorted([*root.glob("*.json"), *root.glob("annotations/*.json")])
    files = [f for f in found if f.name != GROUND_FILE]
    if len(files) > 1:
        names = ", ".join(f.relative_to(root).as_posix() for f in files[:6])
        raise DatasetInvalid(f"{root}: holds several .json files; name the one that is meant: {names}")
    return files[0] if files else None


def _yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text("utf-8-sig"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetInvalid(f"{file}: cannot be read ({' '.join(str(error).split())})") from error
    return content if isinstance(content, dict) else {}


def _names_in(places: Sequence[Path]) -> list[str]:
    """Class names in the first .yaml file that has some, of files and folders."""
    for place in places:
        for file in [place] if place.is_file() else sorted(place.glob("*.y*ml")):
            names = _yaml(file).get("names")
            if isinstance(names, dict):
                if sorted(names) != list(range(len(names))):
                    raise DatasetInvalid(f"{file}: the numbers of names are not 0 to {len(names) - 1}")
                return [str(names[key]) for key in sorted(names)]
            if isinstance(names, list):
                return [str(name) for name in names]
    raise DatasetInvalid(
        f"{places[-2]}: nothing says what the label numbers mean; give --names person,car,..."
    )


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetInvalid(f"{file}: cannot be read as text ({error})") from error


def _read_labels(file: Path, names: Sequence[str]) -> tuple[list[str], Boxes]:
    """Names and boxes of a label file; a line that is there twice counts once."""
    found: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    seen: set[str] = set()
    for number, line in enumerate(_lines(file), 1):
        words = line.replace(",", " ").split()
        if not words or " ".join(words) in seen:
            continue
        seen.add(" ".join(words))
        name, box = _label(f"{file}:{number}", line, words, names)
        found.append(name)
        boxes.append(box)
    return found, np.array(boxes, np.float32).reshape(-1, 4)


def _label(
    place: str, line: str, words: Sequence[str], names: Sequence[str]
) -> tuple[str, tuple[float, float, float, float]]:
    """``class x y width height``, or ``class`` and the corners of an outline ``x y x y x y ...``."""
    try:
        index, *rest = (float(word) for word in words)
        outline = len(rest) >= 6 and len(rest) % 2 == 0
        if not (index.is_integer() and (outline or len(rest) == 4) and math.isfinite(sum(rest))):
            raise ValueError
    except (ValueError, OverflowError):
        raise DatasetInvalid(
            f"{place}: {line!r} is no 'class x y width height', nor a class and an outline"
        ) from None
    if not 0 <= index < len(names):
        raise DatasetInvalid(
            f"{place}: the class is {index:g}, the {len(names)} names ({', '.join(names[:12])}) count from 0"
        )
    if outline:
        inside = within((min(rest[::2]), min(rest[1::2]), max(rest[::2]), max(rest[1::2])))
    else:
        x, y, w, h = rest
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        # Things cut by the border are labelled whole by some: the middle tells whether numbers are shares.
        inside = within(box, 0.5) if min(x, y) >= 0 and max(x, y) <= 1 and max(w, h) <= 1 + 1e-3 else None
    if inside is None:
        raise DatasetInvalid(
            f"{place}: the box {line!r} does not lie in the image; numbers are shares of it, 0 to 1"
        )
    return names[int(index)], inside
