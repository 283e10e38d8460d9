"""What travels over HTTP about sightings."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from missions.messages import EvidenceRole, Reason, SightingKind, SightingState


class EllipseOut(BaseModel):
    """90 % ellipse; bearing of the long axis clockwise from north."""

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


class EvidenceOut(BaseModel):
    sha256: str
    role: EvidenceRole
    media_type: str
    bytes: int
    captured_at: datetime
    redacted: bool
    previous_sha256: str | None
    stored: bool


class SightingOut(BaseModel):
    id: UUID
    revision: int
    kind: SightingKind
    state: SightingState
    confidence: float
    source: str
    flight_id: UUID | None
    track_id: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    lat: float | None
    lon: float | None
    altitude_amsl_m: float | None
    ce90_m: float | None
    ellipse: EllipseOut | None
    cell: str | None
    cell_probabilities: dict[str, float]
    placed: bool
    note: str
    people_count: int | None
    zone: str | None
    reasons: list[Reason]
    evidence: list[EvidenceOut]
    ticket_id: UUID | None
    views: int
    weights: str
    received_at: datetime


class SightingPage(BaseModel):
    items: list[SightingOut]
