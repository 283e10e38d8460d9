"""Tables of plans, flights, requests to agents, flown tracks, kept pictures and flight logs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, Json


class Plan(Base):
    """A patrol plan as it was made; never changed afterwards."""

    __tablename__ = "plans"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(index=True)
    created_by: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(64))
    plan: Mapped[dict[str, Any]]


class Flight(Base):
    """A flight: planned here, or begun elsewhere and reported by an agent (then without a plan).

    ``abandoned``: called failed by the server because nothing was heard of it; news of it revive it.
    ``plan_aircraft``: which aircraft of the plan it is, from 0. ``departs_at``: the plan's common launch
    moment, where several aircraft keep take-off times.
    """

    __tablename__ = "flights"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    plan_id: Mapped[UUID | None] = mapped_column(ForeignKey("plans.id"))
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    phase: Mapped[str] = mapped_column(String(16), index=True)
    phase_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    created_by: Mapped[str] = mapped_column(String(128))
    launched_at: Mapped[datetime | None]
    launched_by: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    abandoned: Mapped[bool] = mapped_column(default=False)
    plan_aircraft: Mapped[int] = mapped_column(default=0)
    departs_at: Mapped[datetime | None]


class FlightRequest(Base):
    """A request to the agent; open until answered."""

    __tablename__ = "flight_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), index=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id"))
    kind: Mapped[str] = mapped_column(String(16))
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None]
    handed_out_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "agent_id", "state"),)


class TrackPoint(Base):
    """Where the aircraft was and how it flew, about once a second; older rows know the place only."""

    __tablename__ = "track_points"

    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))
    altitude_amsl_m: Mapped[float] = mapped_column(Float(53))
    altitude_above_home_m: Mapped[float | None] = mapped_column(Float(53))
    heading_deg: Mapped[float | None] = mapped_column(Float(53))
    ground_speed_m_s: Mapped[float | None] = mapped_column(Float(53))
    battery_fraction: Mapped[float | None] = mapped_column(Float(53))
    link_quality: Mapped[float | None] = mapped_column(Float(53))
    footprint: Mapped[list[list[float]] | None] = mapped_column(Json)


class KeptPicture(Base):
    """A live picture (redacted by the agent) that was kept; the JPEG lies in the data directory."""

    __tablename__ = "flight_pictures"

    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    boxes: Mapped[list[dict[str, Any]]] = mapped_column(Json)


class LogEntry(Base):
    """One event of a flight's log; ``sequence`` counts within the flight."""

    __tablename__ = "flight_log"

    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    level: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    phase: Mapped[str | None] = mapped_column(String(16))
