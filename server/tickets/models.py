"""Tables of tickets and their timelines."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class Ticket(Base):
    """One event to be settled. Its place is that of its sightings together."""

    __tablename__ = "tickets"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    priority_rank: Mapped[int]
    confidence: Mapped[float] = mapped_column(Float(53))
    cell: Mapped[str | None] = mapped_column(String(64))
    cell_name: Mapped[str] = mapped_column(String(128), default="")
    cell_fixed: Mapped[bool] = mapped_column(default=False)
    cell_probabilities: Mapped[dict[str, Any]]
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))
    covariance_ee_m2: Mapped[float] = mapped_column(Float(53))
    covariance_en_m2: Mapped[float] = mapped_column(Float(53))
    covariance_nn_m2: Mapped[float] = mapped_column(Float(53))
    channel: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    sightings: Mapped[int]
    flight_id: Mapped[UUID | None] = mapped_column(ForeignKey("flights.id"), index=True)
    thumbnail: Mapped[str | None] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(Text)
    department: Mapped[str | None] = mapped_column(String(128))
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(64))
    due_at: Mapped[datetime | None]
    proposed_place: Mapped[dict[str, Any] | None]

    __table_args__ = (
        Index(None, "state", "kind", "latitude"),
        Index(None, "cell", "state"),
        Index(None, "priority_rank", "opened_at", "id"),
        Index(None, "opened_at", "id"),
        Index(None, "updated_at", "id"),
    )


class TimelineEntry(Base):
    """Something that happened to a ticket; triggers refuse changing or deleting it."""

    __tablename__ = "ticket_timeline"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(32))
    text_zh: Mapped[str] = mapped_column(Text)
    text_en: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]


class TicketSerial(Base):
    """The last number given on a day."""

    __tablename__ = "ticket_serials"

    day: Mapped[str] = mapped_column(String(8), primary_key=True)
    last: Mapped[int]
