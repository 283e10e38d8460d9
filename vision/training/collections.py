"""The collections that the shipped weights were trained and checked on, below one data folder.

Where each comes from and under which licence stands in the model card. Collections marked for tests are
read by ``held_back_collections`` alone.
"""

from __future__ import annotations

from pathlib import Path

from vision.detections import CLASSES
from vision.training.sources import (
    COCO_CLASSES,
    EVERY_CLASS,
    Picture,
    SourceSpec,
    add_teacher,
    read_source,
    read_teacher,
)

COCO_PART = frozenset(name for name in COCO_CLASSES.values() if name)
VEHICLE_CLASSES = frozenset({"car", "bus", "truck"})
BACKGROUND_STILLS = ("DJI_0025", "DJI_0029")
"""The aerial stills without vehicles and people; the others are kept for tests."""

FIRE_SMOKE = SourceSpec(
    "fire_smoke", {0: "fire", 1: "smoke"}, frozenset({"fire", "smoke"}), lambda stem: stem.split(".rf.")[0]
)
VEHICLES = SourceSpec(
    "vehicles",
    # 3 is a minibus, which COCO calls a car or a truck; 4 is a cyclist, person and bicycle in one box.
    {0: "car", 1: "truck", 2: "bus", 3: "car", 4: None},
    VEHICLE_CLASSES | {"fire", "smoke"},
    lambda stem: stem.split("-")[0][:8],
    lambda stem: not stem.startswith("Munich"),
)
STREET = SourceSpec(
    "street_rgb",
    {0: "person", 1: "person", 2: "bicycle", 3: "car", 4: "car", 5: "truck", 6: None, 7: None, 8: "bus",
     9: "motorcycle"},
    EVERY_CLASS,
)  # fmt: skip
THERMAL = SourceSpec(
    "thermal",
    # 3 is any other vehicle; our name for it is truck.
    {0: "person", 1: "car", 2: "bicycle", 3: "truck"},
    frozenset({"person", "car", "bicycle", "truck"}),
    # day or night, height, angle: one flight
    lambda stem: "_".join(stem.split("_")[:3]),
    lambda stem: stem.split("_")[2:3] == ["90"],
)
PEOPLE_4K = SourceSpec("people_4k", {0: "person"}, frozenset({"person"}))


def cctv_spec(root: Path) -> SourceSpec:
    """People seen from elevated street cameras, labelled by a teacher."""
    return SourceSpec(
        "people_cctv",
        COCO_CLASSES,
        COCO_PART | {"fire", "smoke"},
        lambda stem: stem.rsplit("_", 1)[0],
        ignore_labels=root / "people_cctv" / "ignore",
    )


def town_pictures(folder: Path) -> list[Picture]:
    """Frames of the demo town, rendered by ``python -m drone.sim.dataset``."""
    spec = SourceSpec(
        "town",
        dict(enumerate(CLASSES)),
        EVERY_CLASS,
        lambda stem: stem.split("-")[0],
        ignore_labels=folder / "ignore",
        ignore_classes=True,
    )
    return read_source(spec, folder / "images", folder / "labels")


def training_collections(
    root: Path, teacher: Path | None, town: Path | None = None
) -> dict[str, list[Picture]]:
    """Pictures to train on by collection; with a folder of teacher labels, classes left out are filled in."""
    result = {
        "fire_smoke": _part(root, FIRE_SMOKE, "train"),
        "vehicles": _part(root, VEHICLES, "train"),
        "people_cctv": read_source(
            cctv_spec(root), root / "people_cctv" / "images", root / "people_cctv" / "labels"
        ),
        "stills": _backgrounds(root),
    }
    if teacher is not None:
        result["fire_smoke"] = _taught(result["fire_smoke"], teacher / "fire_smoke.json", COCO_PART)
        # From high above, the teacher misses most people: what it does not find is not background.
        result["vehicles"] = _taught(
            result["vehicles"], teacher / "vehicles.json", COCO_PART - VEHICLE_CLASSES, complete=False
        )
    if town is not None:
        result["town"] = town_pictures(town)
    return result


def thermal_collections(root: Path, part: str = "train") -> dict[str, list[Picture]]:
    """Thermal pictures; the parts "train" and "val" have no flight in common."""
    return {"thermal": _part(root, THERMAL, part)}


def held_back_collections(root: Path) -> dict[str, list[Picture]]:
    """Pictures to judge on; never trained on."""
    return {
        "street_rgb": read_source(STREET, root / "street_rgb" / "images", root / "street_rgb" / "labels"),
        "people_4k": read_source(PEOPLE_4K, root / "people_4k" / "images", root / "people_4k" / "labels"),
        "fire_smoke": _part(root, FIRE_SMOKE, "val"),
        "vehicles": _part(root, VEHICLES, "val"),
    }


def _part(root: Path, spec: SourceSpec, part: str) -> list[Picture]:
    folder = root / spec.name
    return read_source(spec, folder / "images" / part, folder / "labels" / part)


def _backgrounds(root: Path) -> list[Picture]:
    spec = SourceSpec("stills", {}, EVERY_CLASS, nadir_of=lambda stem: True)
    folder = root / "stills" / "brighton_beach"
    return [p for p in read_source(spec, folder, folder) if p.path.stem in BACKGROUND_STILLS]


def _taught(
    pictures: list[Picture], path: Path, fill: frozenset[str], complete: bool = True
) -> list[Picture]:
    found = read_teacher(path)
    return [
        add_teacher(p, found[p.path.name], fill, complete=complete) if p.path.name in found else p
        for p in pictures
    ]
