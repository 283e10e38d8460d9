"""The kinds of sighting and their rules, read from ``configs/kinds.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from missions.messages import SightingKind

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


class KindsInvalid(ValueError):
    """The file of kinds is wrong; the message names each problem."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Part):
    zh: str
    en: str


class Confirm(_Part):
    """How long and how often a thing must be seen, and how surely, before it is reported."""

    seconds: float = Field(ge=0)
    looks: int = Field(ge=1)
    min_score: float = Field(ge=0, le=1)


class Match(_Part):
    """How far apart (beyond both ellipses) and how long ago the same event may be seen again."""

    reach_m: float = Field(ge=0)
    window_hours: float = Field(gt=0)


class Kind(_Part):
    """One kind of sighting."""

    label: Label
    about_people: bool
    self_file: bool
    priority: Literal["urgent", "high", "normal", "low"]
    confirm: Confirm
    match: Match


@cache
def load_kinds(path: Path = CONFIGS / "kinds.yaml") -> dict[SightingKind, Kind]:
    """Read the kinds; every ``SightingKind`` must be there.

    Raises:
        KindsInvalid: the file is missing, unreadable, incomplete, or lets a kind about people file itself.
    """
    try:
        kinds = TypeAdapter(dict[SightingKind, Kind]).validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise KindsInvalid(f"{path}: {error}") from error
    missing = [kind.value for kind in SightingKind if kind not in kinds]
    if missing:
        raise KindsInvalid(f"{path}: no entry for {', '.join(missing)}")
    for kind, rules in kinds.items():
        if rules.about_people and rules.self_file:
            raise KindsInvalid(f"{path}: {kind} is about people and may not file itself")
    return kinds
