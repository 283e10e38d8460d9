"""The rules of the watch, read from ``configs/watch.yaml``: every number that decides is there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from missions.messages import SightingKind
from vision.errors import RulesInvalid

RULES = Path(__file__).resolve().parents[1] / "configs" / "watch.yaml"

Share = Field(ge=0, le=1)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrackerRules(_Part):
    """See the comments in ``configs/watch.yaml``; the same holds for the other parts."""

    gate_sigma: PositiveFloat
    lost_seconds: PositiveFloat
    lost_frames: PositiveInt
    confirm_hits: PositiveInt
    duplicate_iou: float = Share
    pixel_sigma: PositiveFloat
    pixel_sigma_share: float = Share
    pose_jitter: float = Field(ge=0)
    stabilise_tracks: PositiveInt
    stabilise_seconds: PositiveFloat
    top_speed: dict[str, PositiveFloat]
    start_speed: dict[str, PositiveFloat]
    acceleration: dict[str, PositiveFloat]
    person_height: PositiveFloat
    vehicle_height: dict[str, PositiveFloat]


class FlameRules(_Part):
    share: float = Share
    belief: float = Share


class HazardRules(_Part):
    flames: FlameRules
    least_height: float = Field(ge=0)
    least_size: dict[SightingKind, PositiveFloat]
    seen_fraction: float = Share
    spread: dict[SightingKind, PositiveFloat]
    fire_smoke_distance: PositiveFloat
    fire_hold: float = Field(ge=0)
    standing_speed: PositiveFloat
    standing_drift: PositiveFloat
    height_error: PositiveFloat
    zone_fraction: float = Share
    zone_margin: float = Field(ge=0)
    leaving_speed: PositiveFloat
    leaving_distance: PositiveFloat


class CrowdRules(_Part):
    link: PositiveFloat
    coast: float = Field(ge=0)
    gathering_people: int = Field(ge=2)
    gathering_speed: PositiveFloat
    explained_by: dict[str, PositiveInt]
    queue_straightness: float = Share
    window: PositiveFloat
    smoothing: PositiveFloat
    pair_distance: PositiveFloat
    pair_seconds: PositiveFloat
    pair_acceleration: PositiveFloat
    pair_speed: PositiveFloat
    pair_reversals: PositiveInt
    pair_drift: PositiveFloat
    core_acceleration: PositiveFloat
    core_speed: PositiveFloat
    core_people: PositiveInt
    core_reach: PositiveFloat
    masked: list[str]
    masked_factor: PositiveFloat
    pair_company: float = Field(gt=0, le=1)
    contrast: float = Field(ge=1)
    track_history: PositiveFloat


class SightingRules(_Part):
    looks: int = Field(ge=1, le=64)
    revise_seconds: PositiveFloat
    remember_seconds: PositiveFloat
    same_place: dict[SightingKind, PositiveFloat]


class EvidenceRules(_Part):
    before_seconds: float = Field(ge=0)
    after_seconds: float = Field(ge=0)
    clip_width: int = Field(ge=64)
    jpeg_quality: int = Field(ge=30, le=95)
    buffer_megabytes: PositiveInt


class WatchRules(_Part):
    """All of ``configs/watch.yaml``."""

    tracker: TrackerRules
    hazards: HazardRules
    crowds: CrowdRules
    sightings: SightingRules
    evidence: EvidenceRules


@cache
def load_rules(path: Path = RULES) -> WatchRules:
    """Read the rules.

    Raises:
        RulesInvalid: the file is missing or wrong; the message names every problem.
    """
    try:
        return WatchRules.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise RulesInvalid(f"{path}: cannot be read ({error})") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RulesInvalid(f"{path}: {problems}") from error
