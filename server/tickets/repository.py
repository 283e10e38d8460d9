"""Queries about tickets."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.db import Utc
from server.errors import Invalid
from server.tickets.models import Ticket, TicketSerial, TimelineEntry
from server.tickets.states import OPEN_STATES, SYSTEM, TicketState

ORDERS: dict[str, tuple[InstrumentedAttribute[Any], bool]] = {
    "newest": (Ticket.opened_at, True),
    "oldest": (Ticket.opened_at, False),
    "updated": (Ticket.updated_at, True),
    "due": (Ticket.opened_at, False),
    "-opened_at": (Ticket.opened_at, True),
    "opened_at": (Ticket.opened_at, False),
    "-updated_at": (Ticket.updated_at, True),
    "updated_at": (Ticket.updated_at, False),
    "-last_seen_at": (Ticket.last_seen_at, True),
    "last_seen_at": (Ticket.last_seen_at, False),
    "priority": (Ticket.priority_rank, False),
    "-priority": (Ticket.priority_rank, True),
    "-confidence": (Ticket.confidence, True),
    "confidence": (Ticket.confidence, False),
    "number": (Ticket.number, False),
    "-number": (Ticket.number, True),
}

JOINED = ("opened", "sighting_added", "sighting_moved_in", "merged_in")
"""Entries of the timeline by which the system brings sightings into a ticket."""


class Queue(StrEnum):
    """What waits for somebody. NEW: not yet acknowledged; MINE: sent to the caller's department; all open."""

    NEW = "new"
    MINE = "mine"
    OVERDUE = "overdue"


def queue_condition(queue: Queue, department: str | None, now: datetime) -> ColumnElement[bool]:
    """The open tickets of a queue; nobody's without a department."""
    waits = {
        Queue.NEW: Ticket.acknowledged_at.is_(None),
        Queue.MINE: Ticket.department == (department or ""),
        Queue.OVERDUE: Ticket.due_at < now,
    }
    return and_(Ticket.state.in_(OPEN_STATES), waits[queue])


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    """What a list shows; empty means everything."""

    states: Sequence[str] = ()
    kinds: Sequence[str] = ()
    cells: Sequence[str] = ()
    flight_id: UUID | None = None
    text: str = ""
    text_kinds: Sequence[str] = field(default=(), kw_only=True)
    """kinds whose label holds the text"""
    waiting: ColumnElement[bool] | None = None
    """the condition of a queue"""

    def conditions(self, *, with_state: bool) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.states and with_state:
            found.append(Ticket.state.in_(self.states))
        if self.kinds:
            found.append(Ticket.kind.in_(self.kinds))
        if self.cells:
            found.append(Ticket.cell.in_(self.cells))
        if self.flight_id is not None:
            found.append(Ticket.flight_id == self.flight_id)
        if self.waiting is not None:
            found.append(self.waiting)
        if self.text:
            columns = (Ticket.number, Ticket.cell, Ticket.cell_name, Ticket.why)
            found.append(
                or_(
                    *(column.icontains(self.text, autoescape=True) for column in columns),
                    Ticket.kind.in_(self.text_kinds),
                )
            )
        return found


def ticket(session: Session, ticket_id: UUID, *, for_change: bool = False) -> Ticket | None:
    """A ticket; ``for_change`` locks its row until the transaction ends."""
    query = select(Ticket).where(Ticket.id == ticket_id)
    if for_change:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def page(
    session: Session, filters: TicketFilter, order: str, limit: int, cursor: str | None
) -> tuple[list[Ticket], str | None]:
    """One page and the cursor of the next one (None on the last page).

    Raises:
        Invalid: the order or the cursor is unknown.
    """
    if order not in ORDERS:
        raise Invalid(f"unknown order {order!r}; choose one of {', '.join(ORDERS)}")
    column, descending = ORDERS[order]
    query = select(Ticket).where(*filters.conditions(with_state=True))
    if cursor is not None:
        value, last_id = _decode(cursor, order)
        beyond = column < value if descending else column > value
        tie = Ticket.id < last_id if descending else Ticket.id > last_id
        query = query.where(or_(beyond, and_(column == value, tie)))
    keys = (column.desc(), Ticket.id.desc()) if descending else (column, Ticket.id)
    rows = list(session.scalars(query.order_by(*keys).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], _encode(order, getattr(last, column.key), last.id)


def counts_by_state(session: Session, filters: TicketFilter) -> dict[str, int]:
    """Tickets per state under all filters but that of the state."""
    query = select(Ticket.state, func.count()).where(*filters.conditions(with_state=False))
    return {state: count for state, count in session.execute(query.group_by(Ticket.state))}


def counts_by_queue(
    session: Session, filters: TicketFilter, department: str | None, now: datetime
) -> dict[str, int]:
    """Tickets per queue under all filters but those of state and queue."""
    others = replace(filters, waiting=None).conditions(with_state=False)
    columns = [
        func.count().filter(queue_condition(queue, department, now)).label(queue.value) for queue in Queue
    ]
    return dict(session.execute(select(*columns).select_from(Ticket).where(*others)).one()._mapping)


def open_places(session: Session, limit: int) -> list[tuple[Any, ...]]:
    """What a map shows of the open tickets, newest first; the columns of ``OpenPlaces``."""
    query = select(
        Ticket.id, Ticket.kind, Ticket.state, Ticket.cell, Ticket.latitude, Ticket.longitude,
        Ticket.acknowledged_at.is_not(None),
    )  # fmt: skip
    newest = query.where(Ticket.state.in_(OPEN_STATES)).order_by(Ticket.opened_at.desc(), Ticket.id)
    return [tuple(row) for row in session.execute(newest.limit(limit))]


def open_by_cell(session: Session) -> dict[str | None, int]:
    query = select(Ticket.cell, func.count()).where(Ticket.state.in_(OPEN_STATES)).group_by(Ticket.cell)
    return {cell: count for cell, count in session.execute(query)}


def near(
    session: Session,
    kinds: Sequence[str],
    latitudes: tuple[float, float],
    longitudes: tuple[float, float],
    since: datetime,
    until: datetime,
    states: Collection[TicketState] = OPEN_STATES,
) -> Sequence[Ticket]:
    """Tickets of these kinds, open ones if not said otherwise, within a box and seen within a time."""
    query = select(Ticket).where(
        Ticket.state.in_(states),
        Ticket.kind.in_(kinds),
        Ticket.latitude.between(*latitudes),
        Ticket.longitude.between(*longitudes),
        Ticket.last_seen_at >= since,
        Ticket.first_seen_at <= until,
    )
    return session.scalars(query.order_by(Ticket.opened_at, Ticket.id)).all()


def open_of(session: Session, ticket_ids: Collection[UUID], kinds: Sequence[str]) -> dict[UUID, Ticket]:
    """Those of the named tickets that are open and of one of these kinds."""
    query = select(Ticket).where(
        Ticket.id.in_(ticket_ids), Ticket.state.in_(OPEN_STATES), Ticket.kind.in_(kinds)
    )
    return {ticket.id: ticket for ticket in session.scalars(query.order_by(Ticket.id))}


def lock_all(session: Session, ticket_ids: Collection[UUID]) -> None:
    """Lock the rows of these tickets until the transaction ends, and read them again."""
    query = select(Ticket).where(Ticket.id.in_(ticket_ids)).order_by(Ticket.id).with_for_update()
    session.scalars(query.execution_options(populate_existing=True)).all()


def open_around(session: Session, latitude: float, longitude: float, reach_deg: float) -> Sequence[Ticket]:
    """Open tickets within a box."""
    query = select(Ticket).where(
        Ticket.state.in_(OPEN_STATES),
        Ticket.latitude.between(latitude - reach_deg, latitude + reach_deg),
        Ticket.longitude.between(longitude - reach_deg, longitude + reach_deg),
    )
    return session.scalars(query).all()


def timeline(session: Session, ticket_id: UUID) -> Sequence[TimelineEntry]:
    query = select(TimelineEntry).where(TimelineEntry.ticket_id == ticket_id)
    return session.scalars(query.order_by(TimelineEntry.id)).all()


def last_entry(session: Session, ticket_id: UUID, kind: str) -> TimelineEntry | None:
    """The newest entry of a kind."""
    query = select(TimelineEntry).where(TimelineEntry.ticket_id == ticket_id, TimelineEntry.kind == kind)
    return session.scalar(query.order_by(TimelineEntry.id.desc()).limit(1))


def touched(session: Session, ticket_ids: Collection[UUID]) -> dict[UUID, int]:
    """The newest timeline entry by a person, of those tickets that have one."""
    query = (
        select(TimelineEntry.ticket_id, func.max(TimelineEntry.id))
        .where(TimelineEntry.ticket_id.in_(ticket_ids), TimelineEntry.actor != SYSTEM)
        .group_by(TimelineEntry.ticket_id)
    )
    return {ticket_id: entry for ticket_id, entry in session.execute(query)}


def pinned(session: Session, held: Mapping[UUID, Collection[UUID]]) -> dict[UUID, frozenset[UUID]]:
    """By touched ticket, those of its sightings that were in it when a person last acted on it.

    What the system has added since then is nobody's decision, and can be moved.
    """
    acted = touched(session, held)
    query = select(TimelineEntry).where(
        TimelineEntry.ticket_id.in_(acted), TimelineEntry.kind.in_(JOINED), TimelineEntry.actor == SYSTEM
    )
    since: dict[UUID, set[str]] = {ticket_id: set() for ticket_id in acted}
    for entry in session.scalars(query):
        if entry.id > acted[entry.ticket_id]:
            since[entry.ticket_id] |= {str(entry.data.get("sighting")), *entry.data.get("sightings", ())}
    return {
        ticket_id: frozenset(sighting for sighting in held[ticket_id] if str(sighting) not in added)
        for ticket_id, added in since.items()
    }


def next_serial(session: Session, day: str) -> int:
    """The next number of that day, counted within the transaction."""
    row = session.get(TicketSerial, day, with_for_update=True, populate_existing=True)
    if row is None:
        row = TicketSerial(day=day, last=0)
        session.add(row)
    row.last += 1
    session.flush()
    return row.last


def _encode(order: str, value: object, ticket_id: UUID) -> str:
    text = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([order, text, ticket_id.hex]).encode()).decode()


def _decode(cursor: str, order: str) -> tuple[Any, UUID]:
    try:
        made_for, value, ticket_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if made_for != order:
            raise ValueError("the order changed")
        if isinstance(ORDERS[order][0].type, Utc):
            value = datetime.fromisoformat(value)
        return value, UUID(ticket_id)
    except (ValueError, TypeError, binascii.Error, AttributeError) as error:
        raise Invalid("this cursor does not belong to this list; start again without one") from error
