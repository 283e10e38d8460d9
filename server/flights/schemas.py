"""What travels over HTTP about plans and flights."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from missions.expected import Expected
from missions.messages import FlightPhase, Latitude, Longitude, OverlayBox
from missions.plan import PatrolPlan
from server.access.schemas import Input

PLANNED = "planned"
Phase = FlightPhase | Literal["planned"]


class PlanRequestIn(Input):
    """What to patrol and how; at least one cell or an area."""

    name: str = Field(default="", max_length=128)
    cells: list[str] = Field(default_factory=list, max_length=500)
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon")
    camera: str = Field(min_length=1, max_length=64)
    pitch_deg: float | None = Field(default=None, ge=-90, le=0)
    altitude_agl_m: float | None = Field(default=None, gt=0, le=1000)
    speed_m_s: float | None = Field(default=None, gt=0, le=30)
    overlap: float | None = Field(default=None, ge=0, le=0.9)
    aircraft: int | None = Field(default=None, ge=1, le=20, description="how many share the ground")
    agent: str | None = Field(default=None, max_length=64)


class PlanOut(BaseModel):
    id: UUID
    created_at: datetime
    created_by: str
    agent: str | None
    plan: PatrolPlan


class PlanFigures(BaseModel):
    """The figures of a plan, without its geometry."""

    name: str
    cells: list[str]
    camera: str
    altitude_agl_m: float
    speed_m_s: float
    area_m2: float
    uncovered_fraction: float
    outside_m: float
    length_m: float
    lower_bound_m: float
    ratio: float
    seconds: float
    energy_wh: float
    reserve_fraction: float
    sorties: int
    waypoints: int
    aircraft: int
    flyable: bool

    @classmethod
    def of(cls, plan: PatrolPlan) -> PlanFigures:
        names = set(cls.model_fields) - {"camera", "sorties", "waypoints", "aircraft", "flyable"}
        return cls(
            **plan.model_dump(include=names), camera=plan.camera.name, sorties=len(plan.sorties),
            waypoints=sum(len(sortie.waypoints) for sortie in plan.sorties),
            aircraft=len(plan.aircraft), flyable=plan.flyable,
        )  # fmt: skip


class PlanList(BaseModel):
    items: list[PlanOut]


class FlightIn(Input):
    plan_id: UUID
    agent: str = Field(min_length=1, max_length=64)
    plan_aircraft: int = Field(default=0, ge=0, lt=20, description="which aircraft of the plan it is, from 0")


class SecondLookIn(Input):
    """What to look at again: a sighting, or a place."""

    sighting_id: UUID | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    altitude_amsl_m: float | None = Field(default=None, ge=-1000, le=20000)

    @model_validator(mode="after")
    def _one_of_both(self) -> SecondLookIn:
        place = self.latitude is not None and self.longitude is not None
        if place == (self.sighting_id is not None):
            raise ValueError("name a sighting_id, or latitude and longitude of a place")
        return self


class RequestOut(BaseModel):
    request_id: UUID
    kind: str
    issued_at: datetime
    issued_by: str
    state: Literal["pending", "accepted", "refused"]
    detail: str
    answered_at: datetime | None


class FlightOut(BaseModel):
    """``departs_at``: the common launch moment of a plan whose aircraft keep take-off times;
    ``takes_off_at``: when the first sortie of this one is due."""

    id: UUID
    plan_id: UUID | None
    agent: str
    aircraft: str
    name: str
    phase: Phase
    created_at: datetime
    created_by: str
    launched_at: datetime | None
    launched_by: str | None
    plan_aircraft: int
    departs_at: datetime | None
    takes_off_at: datetime | None
    finished_at: datetime | None
    requests: list[RequestOut]
    tickets: int
    plan: PlanFigures | None


class FlightList(BaseModel):
    items: list[FlightOut]


class FlownOut(BaseModel):
    """How the aircraft flew, one list for each figure, all of one length and in the order of time."""

    at: list[datetime]
    longitude: list[float]
    latitude: list[float]
    altitude_amsl_m: list[float]
    altitude_above_home_m: list[float | None]
    heading_deg: list[float | None]
    ground_speed_m_s: list[float | None]
    battery_fraction: list[float | None]
    link_quality: list[float | None]
    footprint: list[list[list[float]] | None]


class KeptPictureOut(BaseModel):
    """``name``: milliseconds since 1970; the picture lies at ``/flights/{id}/pictures/{name}.jpg``."""

    at: datetime
    name: int
    boxes: list[OverlayBox]


class KeptPictures(BaseModel):
    items: list[KeptPictureOut]


class ExpectedIn(Expected):
    """What a tester expects of a flight; the file of ``skybeat replay --expect``."""


class PairOut(BaseModel):
    """An expected ticket (by its place in what was sent) and the one that came for it."""

    kind: str
    lat: float
    lon: float
    cell: str | None
    ticket_id: UUID | None = None
    number: str | None = None
    metres: float | None = None
    wrong_place: bool = False
    wrong_cell: bool = False


class ComparisonOut(BaseModel):
    """``passed`` when nothing is missing, extra or misplaced."""

    passed: bool
    tolerance_m: float
    matched: list[PairOut]
    misplaced: list[PairOut]
    missing: list[PairOut]
    extra: list[PairOut]


class LogOut(BaseModel):
    sequence: int
    at: datetime
    level: str
    code: str
    text: str
    phase: str | None


class LogList(BaseModel):
    items: list[LogOut]
