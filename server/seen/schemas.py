"""What travels over HTTP about the ground seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from missions.seen_coverage import Coverage, ServiceLevel
from missions.service_levels import LONGEST_HOURS, LevelChange
from server.access.schemas import Input


class PromiseOut(BaseModel):
    """A service level; ``algorithm`` None asks for any."""

    hours: float
    fineness_cm: float
    share: float
    algorithm: str | None

    @classmethod
    def of(cls, level: ServiceLevel) -> PromiseOut:
        return cls(**_level_values(level))


class LevelOut(PromiseOut):
    """A service level, and the instant its hours count back from."""

    at: datetime

    @classmethod
    def as_of(cls, level: ServiceLevel, at: datetime) -> LevelOut:
        return cls(**_level_values(level), at=at)


def _level_values(level: ServiceLevel) -> dict[str, Any]:
    return {
        "hours": level.hours, "fineness_cm": round(level.fineness_m * 100, 2), "share": level.share,
        "algorithm": level.algorithm,
    }  # fmt: skip


class CoverageOut(BaseModel):
    """Square metres of open ground, and how well its service level is met. ``wanted_share``: what is
    promised; of several cells the mean of theirs, weighed by ground."""

    ground_m2: float
    ever_m2: float
    recent_m2: float
    served_m2: float
    share: float
    wanted_share: float
    fulfilled: bool
    last_seen_at: datetime | None
    fineness_cm: float | None
    dwell_s: float | None

    @classmethod
    def of(cls, found: Coverage) -> CoverageOut:
        rounded = {
            name: round(getattr(found, name), 1)
            for name in ("ground_m2", "ever_m2", "recent_m2", "served_m2")
        }
        return cls(
            **rounded, share=round(found.share, 4), wanted_share=round(found.wanted_share, 4),
            fulfilled=found.fulfilled, last_seen_at=found.last_seen_at,
            fineness_cm=None if found.fineness_m is None else round(found.fineness_m * 100, 1),
            dwell_s=None if found.dwell_s is None else round(found.dwell_s, 1),
        )  # fmt: skip


class CellCoverageOut(CoverageOut):
    """``level``: what the cell is judged by."""

    code: str
    name: str
    name_en: str
    level: PromiseOut


class CellsOut(BaseModel):
    """``bounds``: west, south, east, north in degrees of the picture of all cells. ``level``: of cells
    that have no level of their own."""

    level: LevelOut
    bounds: tuple[float, float, float, float]
    algorithms: list[str]
    cells: list[CellCoverageOut]


class GapsOut(BaseModel):
    """``gaps``: a GeoJSON FeatureCollection of polygons with ``area_m2``."""

    level: LevelOut
    coverage: CoverageOut
    gaps: dict[str, Any]


class PatrolPartOut(BaseModel):
    """The ground of a patrol within one cell, or outside all cells (``code`` None), and its level."""

    code: str | None
    name: str
    name_en: str
    level: PromiseOut
    ground_m2: float
    served_m2: float
    share: float
    fulfilled: bool


class PatrolCoverageOut(CoverageOut):
    """Of the ground that a flight was planned for, else of the cells it looked at: its parts by cell
    added up. ``fulfilled``: as much ground is served as the levels of all parts promise together."""

    flight_id: UUID
    name: str
    first_at: datetime
    last_at: datetime
    parts: list[PatrolPartOut]


class PatrolsOut(BaseModel):
    """``level``: of ground outside the cells, and of cells that have no level of their own."""

    level: LevelOut
    patrols: list[PatrolCoverageOut]


class SeenReceipt(BaseModel):
    """``changed``: whether the report told anything new."""

    changed: bool


class ReflyIn(Input):
    """Which gaps to fly again and how. The service level says what is a gap: what is not given here comes
    from each cell's own; algorithm ``any`` asks for any."""

    cells: list[str] = Field(min_length=1, max_length=500)
    hours: float | None = Field(default=None, gt=0, le=LONGEST_HOURS)
    fineness_cm: float | None = Field(default=None, ge=1, le=50)
    algorithm: str | None = Field(default=None, max_length=64)
    at: AwareDatetime | None = None
    camera: str = Field(min_length=1, max_length=64)
    pitch_deg: float | None = Field(default=None, ge=-90, le=0)
    altitude_agl_m: float | None = Field(default=None, gt=0, le=1000)
    speed_m_s: float | None = Field(default=None, gt=0, le=30)
    overlap: float | None = Field(default=None, ge=0, le=0.9)
    agent: str | None = Field(default=None, max_length=64)

    @property
    def asked(self) -> LevelChange:
        """What is asked for instead of the levels of the cells."""
        return LevelChange.of(self.hours, self.fineness_cm, None, self.algorithm)
