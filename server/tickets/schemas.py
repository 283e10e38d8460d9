"""What travels over HTTP about tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from missions.kinds import Label
from missions.messages import Reason, SightingKind
from server.access.schemas import Input
from server.sightings.schemas import EllipseOut, EvidenceOut, SightingOut
from server.tickets.states import Action, TicketState, Verdict
from vision.detections import CLASSES

LEAST_MARK = 0.004
"""Five pixels of a picture 1280 wide."""
Fraction = Annotated[float, Field(ge=0, le=1)]


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


class TicketLink(BaseModel):
    """Another ticket; ``metres`` is how far away its place is."""

    id: UUID
    number: str
    kind: SightingKind
    state: TicketState
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
    mergeable: list[TicketLink] = Field(
        default_factory=list, description="open tickets nearby that may be the same event, nearest first"
    )
    merged_into: TicketLink | None = None


class TicketPage(BaseModel):
    items: list[TicketSummary]
    total: int
    next_cursor: str | None
    counts: dict[str, int]
    queues: dict[str, int] = Field(default_factory=dict, description="new, mine, overdue")


class OpenPlaces(BaseModel):
    """The open tickets as a map needs them: one list for each column, all of one length, newest first."""

    id: list[UUID]
    kind: list[SightingKind]
    state: list[TicketState]
    cell: list[str | None]
    lat: list[float]
    lon: list[float]
    acknowledged: list[bool]


class Mark(Input):
    """Something that was missed: a box in a picture of the ticket, as fractions of it."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the picture that it was drawn on")
    name: str = Field(description="class of the detector, e.g. fire")
    box: tuple[Fraction, Fraction, Fraction, Fraction] = Field(description="left, top, right, bottom")

    @model_validator(mode="after")
    def _has_a_size(self) -> Mark:
        if self.name not in CLASSES:
            raise ValueError(f"the detector knows no {self.name!r}; choose among {', '.join(CLASSES)}")
        left, top, right, bottom = self.box
        if right - left < LEAST_MARK or bottom - top < LEAST_MARK:
            raise ValueError("the box is too small; draw it around the whole thing")
        return self


class ActionRequest(Input):
    action: Action
    note: str = Field(default="", max_length=4000)
    to: str | None = Field(
        default=None, min_length=1, max_length=128, description="department, with dispatch"
    )
    cell: str | None = Field(default=None, min_length=1, max_length=64, description="cell, with move")
    into: UUID | None = Field(default=None, description="ticket that takes the sightings, with merge")
    verdict: Verdict | None = Field(default=None, description="what it was found to be; teaches the eye")
    found: str | None = Field(default=None, description="detector class that is there, with wrong_kind")
    marks: list[Mark] = Field(default_factory=list, max_length=50, description="with mark")
