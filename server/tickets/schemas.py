"""What travels over HTTP about tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from missions.kinds import Label
from missions.messages import Reason, SightingKind
from server.access.schemas import Input
from server.sightings.schemas import EllipseOut, EvidenceOut, SightingOut
from server.tickets.states import Action, TicketState


class TicketSummary(BaseModel):
    id: UUID
    number: str
    kind: SightingKind
    title: Label
    state: TicketState
    priority: str
    confidence: float
    cell: str | None
    cell_name: str
    lat: float
    lon: float
    ce90_m: float
    ellipse: EllipseOut
    channel: str
    opened_at: datetime
    updated_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    sightings: int
    flight_id: UUID | None
    thumbnail: str | None
    why: str
    acknowledged: bool
    due_at: datetime | None
    department: str | None = None


class TicketNews(TicketSummary):
    """A summary in the live stream."""

    event: str


class Candidate(BaseModel):
    cell: str
    name: str
    probability: float


class ProposedPlace(BaseModel):
    """A better place than the ticket's own, which a person may adopt; ``cell`` is null outside all cells."""

    lat: float
    lon: float
    ce90_m: float
    cell: str | None
    metres: float


class TimelineOut(BaseModel):
    at: datetime
    actor: str
    kind: str
    text: Label
    data: dict[str, Any]


class TicketOut(BaseModel):
    """A ticket with everything that belongs to it; ``sightings`` holds the sightings themselves."""

    id: UUID
    number: str
    kind: SightingKind
    title: Label
    state: TicketState
    priority: str
    confidence: float
    cell: str | None
    cell_name: str
    lat: float
    lon: float
    ce90_m: float
    ellipse: EllipseOut
    channel: str
    opened_at: datetime
    updated_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    flight_id: UUID | None
    thumbnail: str | None
    why: str
    acknowledged: bool
    due_at: datetime | None
    department: str | None
    reasons: list[Reason]
    sightings: list[SightingOut]
    evidence: list[EvidenceOut]
    candidates: list[Candidate]
    timeline: list[TimelineOut]
    actions: list[Action]
    proposed_place: ProposedPlace | None = None


class TicketPage(BaseModel):
    items: list[TicketSummary]
    total: int
    next_cursor: str | None
    counts: dict[str, int]


class ActionRequest(Input):
    action: Action
    note: str = Field(default="", max_length=4000)
    to: str | None = Field(
        default=None, min_length=1, max_length=128, description="department, with dispatch"
    )
    cell: str | None = Field(default=None, min_length=1, max_length=64, description="cell, with move")
