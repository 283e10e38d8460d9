"""The weight manifest: what is pinned is used, anything else is refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vision.errors import WeightsMissing, WeightsRefused

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
MANIFEST = WEIGHTS / "manifest.json"

Head = Literal["yolo", "nms_free", "yolox", "detr", "yolov5"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Calibration(_Part):
    """Scores become ``sigmoid(logit(score) / temperature)`` (Guo et al. 2017, "On Calibration")."""

    temperature: float = Field(default=1.0, gt=0)


class Weights(_Part):
    """One pinned weight file. ``path`` is where it was found."""

    path: Path = Path()
    name: str
    variant: str
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str
    classes: tuple[str, ...] = Field(min_length=1)
    head: Head
    layout: Literal["NCHW"] = "NCHW"
    color: Literal["RGB", "BGR"] = "RGB"
    scale: float = Field(default=1 / 255, gt=0)
    stride: int = Field(default=32, gt=0)
    input_sizes: list[tuple[int, int]] = Field(min_length=1, description="height, width")
    thresholds: dict[str, float] = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    iou_threshold: float = Field(default=0.6, gt=0, le=1)
    sources: list[dict[str, Any]] = Field(default_factory=list)
    accuracy: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _classes_agree(self) -> Weights:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        unknown = sorted(set(self.thresholds) - set(self.classes))
        if unknown:
            raise ValueError(f"thresholds name unknown classes: {', '.join(unknown)}")
        if Path(self.file).name != self.file:
            raise ValueError(f"file {self.file!r} must lie beside the manifest")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in the order of the head's channels."""
        return self.classes

    @property
    def label(self) -> str:
        """Name, variant and the first 12 digits of the sha256, as sightings carry it."""
        return f"{self.name}-{self.variant} {self.sha256[:12]}"

    def threshold(self, name: str) -> float:
        """The lowest score at which a box of this class counts."""
        return self.thresholds.get(name, 0.25)


class _Manifest(_Part):
    schema_version: Literal[1]
    weights: list[Weights]
    default: dict[str, str] = Field(default_factory=dict)


def read_manifest(manifest: Path = MANIFEST) -> list[Weights]:
    """All pinned weights, the default variant of each name first. The files are not yet checked.

    Raises:
        WeightsMissing: there is no manifest.
        WeightsRefused: the manifest is wrong, names an unknown head, or pins a variant twice.
    """
    try:
        text = manifest.read_text("utf-8")
    except OSError as error:
        raise WeightsMissing(f"{manifest}: there is no manifest of weights here") from error
    try:
        content = _Manifest.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WeightsRefused(f"{manifest}: {problems}") from error
    keys = [(entry.name, entry.variant) for entry in content.weights]
    if len(set(keys)) != len(keys):
        raise WeightsRefused(f"{manifest}: a name and variant is pinned twice")
    for name, variant in content.default.items():
        if (name, variant) not in keys:
            raise WeightsRefused(f"{manifest}: the default {name} {variant} is not pinned")
    entries = [entry.model_copy(update={"path": manifest.parent / entry.file}) for entry in content.weights]
    return sorted(entries, key=lambda entry: content.default.get(entry.name) != entry.variant)


def load_weights(name_or_path: str | Path = "patrol-rgb", *, manifest: Path | None = None) -> Weights:
    """Weights by name (``patrol-rgb``: the default variant; ``patrol-rgb-fp32``) or by path to the file.

    A file must be pinned by the ``manifest.json`` beside it. The whole file is read and compared.

    Raises:
        WeightsMissing: no such name or file.
        WeightsRefused: the file differs from its pin, is not pinned, or the manifest is wrong.
    """
    path = Path(name_or_path)
    if path.suffix == ".onnx":
        if not path.is_file():
            raise WeightsMissing(f"{path}: there is no such file")
        beside = manifest or path.parent / "manifest.json"
        if not beside.is_file():
            raise WeightsRefused(
                f"{path}: not pinned, there is no manifest.json beside it; pin it: skybeat weights pin {path}"
            )
        found = [entry for entry in read_manifest(beside) if entry.file == path.name]
        if not found:
            raise WeightsRefused(f"{path}: not pinned in {beside}; pin it: skybeat weights pin {path}")
    else:
        entries = read_manifest(manifest or MANIFEST)
        found = [e for e in entries if str(name_or_path) in (e.name, f"{e.name}-{e.variant}", e.file)]
        if not found:
            known = ", ".join(f"{entry.name}-{entry.variant}" for entry in entries) or "none"
            raise WeightsMissing(f"no weights named {name_or_path}; pinned are: {known}")
    verify(found[0])
    return found[0]


def append_entry(manifest: Path, entry: Mapping[str, Any], *, replace: bool = False) -> None:
    """Pins one more file in a manifest, which is made where there is none.

    Args:
        replace: take the place of what is pinned for this file; that is how a changed file is accepted.

    Raises:
        WeightsRefused: the manifest is wrong, pins this file already, or another one under this name and
            variant.
    """
    content: dict[str, Any] = {"schema_version": 1, "weights": [], "default": {}}
    if manifest.is_file():
        pinned = read_manifest(manifest)
        if not replace and any(e.file == entry["file"] for e in pinned):
            raise WeightsRefused(
                f"{manifest}: pins {entry['file']} already; --replace forgets that pin and makes a new one"
            )
        taken = {(e.name, e.variant) for e in pinned if e.file != entry["file"]}
        if (entry["name"], entry["variant"]) in taken:
            raise WeightsRefused(
                f"{manifest}: pins another file as {entry['name']} {entry['variant']}; choose another --name"
            )
        content = json.loads(manifest.read_text("utf-8"))
    kept = [row for row in content["weights"] if row["file"] != entry["file"]]
    content["weights"] = [*kept, dict(entry)]
    names = {(row["name"], row["variant"]) for row in content["weights"]}
    defaults = content.get("default", {})
    content["default"] = {name: variant for name, variant in defaults.items() if (name, variant) in names}
    content["default"].setdefault(entry["name"], entry["variant"])
    partial = manifest.with_suffix(".part")
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
    os.replace(partial, manifest)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(weights: Weights) -> None:
    """Compare the file with its pin.

    Raises:
        WeightsMissing: the file is not there.
        WeightsRefused: it differs.
    """
    if not weights.path.is_file():
        raise WeightsMissing(f"{weights.path}: pinned in the manifest but missing; restore the file")
    actual = sha256_of(weights.path)
    if actual != weights.sha256:
        raise WeightsRefused(
            f"{weights.path}: sha256 is {actual[:12]}..., the manifest pins {weights.sha256[:12]}...; "
            "restore the file, or pin the new one"
        )


def verify_all(manifest: Path = MANIFEST) -> Iterator[tuple[Weights, str]]:
    """Each pinned file with "" or what is wrong with it."""
    for entry in read_manifest(manifest):
        try:
            verify(entry)
        except (WeightsMissing, WeightsRefused) as error:
            yield entry, str(error)
        else:
            yield entry, ""
