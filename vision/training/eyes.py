"""The two pairs of eyes that are shipped: what they find, in what, and from which sources they learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vision.detections import CLASSES

COCO_START: Mapping[str, str] = {
    "name": "COCO initialisation of YOLO11n, recovered from int8 exports",
    "license": "AGPL-3.0",
}


@dataclass(frozen=True, slots=True)
class Eye:
    """One name in the manifest.

    classes: what it finds, a choice of ``CLASSES`` in their order. thresholds: the lowest score of a full
    detection. share: part of the initialisation in the average. input_sizes: (height, width) that fit its
    cameras.
    """

    name: str
    classes: Sequence[str]
    thresholds: Mapping[str, float]
    sources: Sequence[Mapping[str, str]]
    share: float
    input_sizes: Sequence[tuple[int, int]]


RGB = Eye(
    "patrol-rgb",
    CLASSES,
    {
        "person": 0.2, "bicycle": 0.25, "car": 0.35, "motorcycle": 0.25, "bus": 0.35, "truck": 0.35,
        "fire": 0.3, "smoke": 0.3,
    },
    (
        COCO_START,
        {"name": "Frames rendered by drone/sim, seeds 1000 and above", "license": "AGPL-3.0-or-later"},
        {"name": "fire-wrpgm v8, custom-thxhn on Roboflow Universe", "license": "CC BY 4.0"},
        {"name": "KIT AIS (jekhor/aerial-cars-dataset, MOS*, MunichStreet*)", "license": "CC BY 3.0"},
        {
            "name": "Yauhen Kharuzhy and Minsk OSM community (jekhor/aerial-cars-dataset, DJI*)",
            "license": "CC BY-SA",
        },
        {
            "name": "seymanurakti/fight-detection-surv-dataset, frames",
            "license": "MIT as its authors state",
        },
        {
            "name": "pierotofy/drone_dataset_brighton_beach, two stills as background",
            "license": "BSD-2-Clause",
        },
    ),
    0.2,
    ((736, 1280), (384, 640), (640, 640)),
)  # fmt: skip

THERMAL = Eye(
    "patrol-thermal",
    ("person", "bicycle", "car", "truck"),
    {"person": 0.25, "bicycle": 0.25, "car": 0.45, "truck": 0.35},
    (
        COCO_START,
        {"name": "HIT-UAV infrared thermal dataset, Suo Jiashun and others", "license": "CC BY 4.0"},
    ),
    0.0,
    ((512, 640), (384, 640), (640, 640)),
)

EYES: Mapping[str, Eye] = {"rgb": RGB, "thermal": THERMAL}
