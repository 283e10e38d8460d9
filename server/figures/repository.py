"""Sums over tickets, flights and sightings."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.flights.models import Flight
from server.sightings.models import Sighting
from server.tickets.models import Ticket
from server.tickets.states import TicketState


def tickets_by(session: Session, column: InstrumentedAttribute[Any]) -> dict[str, int]:
    """Number of tickets per value of a column; empty text where there is none."""
    rows = session.execute(select(column, func.count()).group_by(column))
    return {value or "": count for value, count in rows}


def settled_by_priority(session: Session) -> dict[str, tuple[int, int]]:
    """For each priority, how many tickets are closed, and how many were neither rejected nor merged."""
    closed = func.count().filter(Ticket.state == TicketState.CLOSED)
    real = Ticket.state.not_in((TicketState.REJECTED, TicketState.MERGED))
    rows = session.execute(
        select(Ticket.priority, closed, func.count()).where(real).group_by(Ticket.priority)
    )
    return {priority: (done, count) for priority, done, count in rows}


def tickets_by_day(session: Session, zone: ZoneInfo) -> dict[str, int]:
    """Number of tickets opened per local day."""
    days = Counter(at.astimezone(zone).date().isoformat() for at in session.scalars(select(Ticket.opened_at)))
    return dict(sorted(days.items()))


def sightings(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Sighting)) or 0


def flights(session: Session) -> int:
    """Flights that took off."""
    return session.scalar(select(func.count()).where(Flight.started_at.is_not(None))) or 0


def flight_hours(session: Session) -> float:
    """Hours between take-off and landing of all finished flights."""
    rows = session.execute(
        select(Flight.started_at, Flight.finished_at).where(
            Flight.started_at.is_not(None), Flight.finished_at.is_not(None)
        )
    )
    return sum((end - start).total_seconds() for start, end in rows if start and end) / 3600
