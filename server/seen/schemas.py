"""What travels over HTTP about the ground seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from missions.seen_coverage import Coverage
from server.access.schemas import Input


class LevelOut(BaseModel):
    """The service level that was judged by, and the instant its hours count back from."""

    hours: float
    fineness_cm: float
    share: float
    algorithm: str | None
    at: datetime


class CoverageOut(BaseModel):
    """Square metres of open ground, and how well the service level is met."""

    ground_m2: float
    ever_m2: float
    recent_m2: float
    served_m2: float
    share: float
    fulfilled: bool
    last_seen_at: datetime | None
    fineness_cm: float | None
    dwell_s: float | None

    @classmethod
    def of(cls, found: Coverage, wanted: float) -> CoverageOut:
        rounded = {
            name: round(getattr(found, name), 1)
            for name in ("ground_m2", "ever_m2", "recent_m2", "served_m2")
        }
        return cls(
            **rounded, share=round(found.share, 4), fulfilled=found.share >= wanted,
            last_seen_at=found.last_seen_at,
            fineness_cm=None if found.fineness_m is None else round(found.fineness_m * 100, 1),
            dwell_s=None if found.dwell_s is None else round(found.dwell_s, 1),
        )  # fmt: skip


class CellCoverageOut(CoverageOut):
    code: str
    name: str
    name_en: str


class CellsOut(BaseModel):
    """``bounds``: west, south, east, north in degrees of the picture of all cells."""

    level: LevelOut
    bounds: tuple[float, float, float, float]
    algorithms: list[str]
    cells: list[CellCoverageOut]


class GapsOut(BaseModel):
    """``gaps``: a GeoJSON FeatureCollection of polygons with ``area_m2``."""

    level: LevelOut
    coverage: CoverageOut
    gaps: dict[str, Any]


class PatrolCoverageOut(CoverageOut):
    """Of the ground that a flight was planned for, else of the cells it looked at."""

    flight_id: UUID
    name: str
    first_at: datetime
    last_at: datetime


class PatrolsOut(BaseModel):
    level: LevelOut
    patrols: list[PatrolCoverageOut]


class SeenReceipt(BaseModel):
    """``changed``: whether the report told anything new."""

    changed: bool


class ReflyIn(Input):
    """Which gaps to fly again and how; the service level says what is a gap."""

    cells: list[str] = Field(min_length=1, max_length=500)
    hours: float = Field(default=24.0, gt=0, le=24 * 3660)
    fineness_cm: float = Field(default=12.0, ge=1, le=50)
    algorithm: str | None = Field(default=None, max_length=64)
    at: AwareDatetime | None = None
    camera: str = Field(min_length=1, max_length=64)
    pitch_deg: float | None = Field(default=None, ge=-90, le=0)
    altitude_agl_m: float | None = Field(default=None, gt=0, le=1000)
    speed_m_s: float | None = Field(default=None, gt=0, le=30)
    overlap: float | None = Field(default=None, ge=0, le=0.9)
    agent: str | None = Field(default=None, max_length=64)
