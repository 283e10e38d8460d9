"""Queries about bookings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from missions.seen_tiles import tiles_within
from server.bookings.models import BookingPlan, BookingRow
from server.flights.models import Flight
from server.seen.models import SeenRow
from server.tickets.models import Ticket


def bookings(
    session: Session, department: str | None, limit: int, *, live_at: datetime | None = None
) -> Sequence[BookingRow]:
    """Of one department or of all (None), newest first; ``live_at``: neither cancelled, settled nor late."""
    query = select(BookingRow).order_by(BookingRow.created_at.desc(), BookingRow.code.desc()).limit(limit)
    if department is not None:
        query = query.where(BookingRow.department == department)
    if live_at is not None:
        query = query.where(*_unsettled(), BookingRow.deadline_at > live_at)
    return session.scalars(query).all()


def unsettled(session: Session) -> Sequence[BookingRow]:
    """All that may still be fulfilled or have not been judged after their deadline."""
    return session.scalars(select(BookingRow).where(*_unsettled()).order_by(BookingRow.code)).all()


def _unsettled() -> tuple[ColumnElement[bool], ...]:
    return BookingRow.settled_at.is_(None), BookingRow.cancelled_at.is_(None)


def booking(session: Session, booking_id: UUID, *, for_change: bool = False) -> BookingRow | None:
    query = select(BookingRow).where(BookingRow.id == booking_id)
    if for_change:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def departments(session: Session) -> list[str]:
    """Names of all departments that ever booked."""
    return list(session.scalars(select(BookingRow.department).distinct().order_by(BookingRow.department)))


def plans_of(session: Session, booking_ids: Iterable[UUID]) -> dict[UUID, list[BookingPlan]]:
    query = select(BookingPlan).where(BookingPlan.booking_id.in_(list(booking_ids)))
    found: dict[UUID, list[BookingPlan]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.booking_id].append(row)
    return found


def flights_of_plans(session: Session, plan_ids: Iterable[UUID]) -> dict[UUID, list[Flight]]:
    """Flights of plans, newest first."""
    query = select(Flight).where(Flight.plan_id.in_(list(plan_ids))).order_by(Flight.created_at.desc())
    found: dict[UUID, list[Flight]] = defaultdict(list)
    for flight in session.scalars(query):
        if flight.plan_id is not None:
            found[flight.plan_id].append(flight)
    return found


def plan_of_key(session: Session, merge_key: str) -> UUID | None:
    """A stored plan of a merged flight."""
    query = select(BookingPlan.plan_id).where(BookingPlan.merge_key == merge_key).limit(1)
    return session.scalar(query)


def flights_between(session: Session, since: datetime, until: datetime) -> set[UUID]:
    """Flights that began between two instants of the server's clock."""
    begun = func.coalesce(Flight.launched_at, Flight.created_at)
    return set(session.scalars(select(Flight.id).where(begun >= since, begun <= until)))


def newest_report(session: Session) -> datetime | None:
    """When the ledger last changed."""
    return session.scalar(select(func.max(SeenRow.received_at)))


def looks_at(
    session: Session, bounds: tuple[float, float, float, float]
) -> list[tuple[UUID, datetime, datetime, datetime]]:
    """Flights that saw ground within west, south, east, north: first and last look, last report."""
    keys = tiles_within(bounds)
    (south, west), (north, east) = keys[0], keys[-1]
    query = (
        select(
            SeenRow.flight_id, func.min(SeenRow.first_at), func.max(SeenRow.last_at),
            func.max(SeenRow.received_at),
        )
        .where(SeenRow.row.between(south, north), SeenRow.column.between(west, east))
        .group_by(SeenRow.flight_id)
    )  # fmt: skip
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


def tickets(session: Session, row: BookingRow, flight_ids: Iterable[UUID]) -> Sequence[Ticket]:
    """Tickets of a booking's kinds in its cells: of its own flights, or seen in its time; newest first."""
    query = select(Ticket).where(
        Ticket.kind.in_(row.kinds), Ticket.cell.in_(row.cells),
        or_(
            Ticket.flight_id.in_(list(flight_ids)), Ticket.last_seen_at.between(row.opens_at, row.deadline_at)
        ),
    )  # fmt: skip
    return session.scalars(query.order_by(Ticket.opened_at.desc(), Ticket.id).limit(500)).all()
