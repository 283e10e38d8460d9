"""What travels over HTTP about bookings. Fineness in cm of ground for a pixel, heights in m."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from missions.messages import SightingKind
from server.access.schemas import Input
from server.flights.schemas import Phase
from server.tickets.schemas import TicketSummary

State = Literal["open", "planned", "flying", "partly", "fulfilled", "overdue", "cancelled"]


class BookingIn(Input):
    """What a department wants to see; a clerk's own department need not be named."""

    department: str | None = Field(default=None, min_length=1, max_length=64)
    cells: list[str] = Field(min_length=1, max_length=500)
    kinds: list[SightingKind] = Field(min_length=1, max_length=16, description="what is looked for")
    opens_at: AwareDatetime | None = Field(default=None, description="not before; now if missing")
    deadline_at: AwareDatetime = Field(description="seen at the latest then")
    fineness_cm: float = Field(default=8.0, ge=1, le=50, description="ground of a pixel at most")
    lowest_m: float = Field(default=30.0, gt=0, le=1000)
    highest_m: float = Field(default=120.0, gt=0, le=1000)
    steepest_deg: float = Field(default=-90.0, ge=-90, le=0, description="camera pitch, -90 straight down")
    flattest_deg: float = Field(default=-45.0, ge=-90, le=0)
    urgent: bool = Field(default=False, description="goes before all others")
    note: str = Field(default="", max_length=500)


class CancelIn(Input):
    reason: str = Field(min_length=1, max_length=500)


class BookedCellOut(BaseModel):
    """``share``: part of the cell's ground that was seen as asked for."""

    code: str
    name: str
    name_en: str
    share: float
    served: bool


class BookingFlightOut(BaseModel):
    """A plan that serves some of the cells; without a flight it was not launched yet."""

    plan_id: UUID
    cells: list[str]
    flight_id: UUID | None
    phase: Phase | None


class BookingOut(BaseModel):
    """``share``: mean of its cells. ``overdue``: the deadline has passed before it was fulfilled."""

    id: UUID
    code: str
    department: str
    cells: list[BookedCellOut]
    kinds: list[SightingKind]
    opens_at: datetime
    deadline_at: datetime
    fineness_cm: float
    lowest_m: float
    highest_m: float
    steepest_deg: float
    flattest_deg: float
    urgent: bool
    note: str
    state: State
    share: float
    overdue: bool
    created_at: datetime
    created_by: str
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    cancelled_by: str | None
    cancel_reason: str
    flights: list[BookingFlightOut]
    tickets: int


class BookingsOut(BaseModel):
    """``department``: the caller's own. ``may_preempt``: whether the caller may book urgently."""

    items: list[BookingOut]
    department: str | None
    departments: list[str]
    may_preempt: bool
    at: datetime


class ResultsOut(BaseModel):
    """Tickets of a booking's kinds in its cells."""

    items: list[TicketSummary]


class MergedFlightOut(BaseModel):
    """One flight for several bookings; minutes are estimates. ``plan_id``: it was planned already."""

    key: str
    cells: list[str]
    bookings: list[str]
    departments: list[str]
    kinds: list[SightingKind]
    altitude_agl_m: float
    pitch_deg: float
    minutes: float
    starts_at: datetime
    deadline_at: datetime
    urgent: bool
    plan_id: UUID | None


class MergeProblemOut(BaseModel):
    """Why bookings cannot be met, or not together: ``code`` for programs, ``text`` for people."""

    code: Literal["height", "setting", "missed", "displaced"]
    bookings: list[str]
    cell: str
    cell_name: str
    text: str


class ShareOut(BaseModel):
    department: str
    minutes: float
    share: float


class MergeOut(BaseModel):
    """How open bookings merge. ``minutes_alone``: one flight for each booking. ``displaced``: bookings that
    meet their deadline no more because urgent ones go first."""

    at: datetime
    camera: str
    aircraft: int
    bookings: int
    minutes: float
    minutes_alone: float
    flights: list[MergedFlightOut]
    shares: list[ShareOut]
    problems: list[MergeProblemOut]


class FlightOfBookingsIn(Input):
    """Which merged flight to plan; ``key``, ``camera`` and ``aircraft`` as the merge told them."""

    key: str = Field(min_length=1, max_length=16)
    camera: str | None = Field(default=None, min_length=1, max_length=64)
    aircraft: int = Field(default=1, ge=1, le=20)
    agent: str | None = Field(default=None, max_length=64)
