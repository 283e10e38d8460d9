"""``weights/manifest.json``: what each weight file is, its hash, thresholds, sources and accuracy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vision.detections import CLASSES

SCHEMA_VERSION = 1
LICENSE = "AGPL-3.0-or-later"
INPUT_SIZES = [[736, 1280], [384, 640], [640, 640]]


def entry(
    file: Path,
    *,
    name: str,
    variant: str,
    thresholds: Mapping[str, float],
    sources: Sequence[Mapping[str, str]],
    accuracy: Mapping[str, Any],
    temperature: float = 1.0,
    iou_threshold: float = 0.6,
    classes: Sequence[str] = CLASSES,
    input_sizes: Sequence[Sequence[int]] = INPUT_SIZES,
) -> dict[str, Any]:
    """One entry of the manifest; the hash is that of the file as it is now."""
    missing = [c for c in classes if c not in thresholds]
    if missing:
        raise ValueError(f"thresholds of {', '.join(missing)} are missing: give one for every class")
    return {
        "name": name,
        "variant": variant,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "license": LICENSE,
        "classes": list(classes),
        "head": "yolo",
        "layout": "NCHW",
        "color": "RGB",
        "scale": 1 / 255,
        "stride": 32,
        "input_sizes": [list(size) for size in input_sizes],
        "thresholds": dict(thresholds),
        "calibration": {"temperature": temperature},
        "iou_threshold": iou_threshold,
        "sources": [dict(s) for s in sources],
        "accuracy": dict(accuracy),
    }


def write_entries(path: Path, entries: Sequence[Mapping[str, Any]], default: Mapping[str, str]) -> None:
    """Adds entries to a manifest; an entry of the same name and variant is replaced."""
    content: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "weights": [], "default": {}}
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
    new = {(e["name"], e["variant"]) for e in entries}
    kept = [e for e in content["weights"] if (e["name"], e["variant"]) not in new]
    content["weights"] = kept + [dict(e) for e in entries]
    content["default"].update(default)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
