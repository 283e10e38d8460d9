"""Tables of sightings, their revisions as received, and the evidence that belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class Sighting(Base):
    """One sighting in its newest revision, placed on the ground. Covariances in m2, east and north.

    ``received_place``: latitude, longitude and the three parts of the covariance from its own looks alone,
    before any adjustment; what belongs together is told by it. ``first_place``: latitude and longitude of a
    crowd in the first revision that was placed, since crowds move.
    """

    __tablename__ = "sightings"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[float] = mapped_column(Float(53))
    source: Mapped[str] = mapped_column(String(16))
    flight_id: Mapped[UUID | None] = mapped_column(ForeignKey("flights.id"), index=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id"))
    track_id: Mapped[int | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    placed: Mapped[bool]
    note: Mapped[str] = mapped_column(Text, default="")
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    altitude_amsl_m: Mapped[float | None] = mapped_column(Float(53))
    covariance_ee_m2: Mapped[float | None] = mapped_column(Float(53))
    covariance_en_m2: Mapped[float | None] = mapped_column(Float(53))
    covariance_nn_m2: Mapped[float | None] = mapped_column(Float(53))
    received_place: Mapped[list[Any] | None]
    first_place: Mapped[list[Any] | None]
    cell: Mapped[str | None] = mapped_column(String(64))
    cell_probabilities: Mapped[dict[str, Any]]
    people_count: Mapped[int | None]
    zone: Mapped[str | None] = mapped_column(String(64))
    reasons: Mapped[list[Any]]
    views: Mapped[int]
    weights: Mapped[str] = mapped_column(String(128))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"), index=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class SightingRevision(Base):
    """A revision exactly as the agent sent it, so that every ticket can be worked out again."""

    __tablename__ = "sighting_revisions"

    sighting_id: Mapped[UUID] = mapped_column(ForeignKey("sightings.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    received_at: Mapped[datetime]
    message: Mapped[dict[str, Any]]
    opened_ticket: Mapped[bool]


class EvidenceLink(Base):
    """A piece of evidence that a sighting names; its bytes may still be on their way."""

    __tablename__ = "evidence_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    sighting_id: Mapped[UUID] = mapped_column(ForeignKey("sightings.id"))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    role: Mapped[str] = mapped_column(String(16))
    media_type: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    captured_at: Mapped[datetime]
    redacted: Mapped[bool]
    previous_sha256: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("sighting_id", "sha256"), Index(None, "sha256", "redacted"))


class FlightAdjustment(Base):
    """When all views of a flight were adjusted together, and whether that is due (again).

    ``revisions`` counts the sightings' revisions that have come of this flight; ``due_since`` is set with
    each and cleared by the adjustment that has seen all of them.
    """

    __tablename__ = "flight_adjustments"

    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), primary_key=True)
    revisions: Mapped[int] = mapped_column(default=0)
    due_since: Mapped[datetime | None] = mapped_column(index=True)
    adjusted_at: Mapped[datetime | None]
    things: Mapped[int] = mapped_column(default=0)
    views: Mapped[int] = mapped_column(default=0)
    scatter: Mapped[float | None] = mapped_column(Float(53))
