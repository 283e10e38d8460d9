"""Queries about the ledger of ground seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from missions.seen_tiles import TileKey
from server.seen.models import SeenRow


def row_of(session: Session, key: TileKey, flight_id: UUID) -> SeenRow | None:
    """One flight's tile, locked for change."""
    query = select(SeenRow).where(
        SeenRow.row == key[0], SeenRow.column == key[1], SeenRow.flight_id == flight_id
    )
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def rows_within(
    session: Session, low: TileKey, high: TileKey, *, flight_id: UUID | None = None
) -> Sequence[SeenRow]:
    """All tiles from ``low`` to ``high``, both included; of one flight if asked."""
    query = select(SeenRow).where(
        SeenRow.row.between(low[0], high[0]), SeenRow.column.between(low[1], high[1])
    )
    if flight_id is not None:
        query = query.where(SeenRow.flight_id == flight_id)
    return session.scalars(query.order_by(SeenRow.row, SeenRow.column, SeenRow.flight_id)).all()


def newest(session: Session) -> datetime | None:
    """The last time anything was seen."""
    return session.scalar(select(func.max(SeenRow.last_at)))


def last_look(session: Session, flight_id: UUID) -> datetime | None:
    """The last time a flight saw anything."""
    return session.scalar(select(func.max(SeenRow.last_at)).where(SeenRow.flight_id == flight_id))


def flights(session: Session, limit: int) -> Sequence[tuple[UUID, datetime, datetime]]:
    """Flights that saw ground, with their first and last time, newest first."""
    last = func.max(SeenRow.last_at)
    query = select(SeenRow.flight_id, func.min(SeenRow.first_at), last).group_by(SeenRow.flight_id)
    rows = session.execute(query.order_by(last.desc()).limit(limit))
    return [(flight_id, first, newest) for flight_id, first, newest in rows]


def signatures(
    session: Session, low: TileKey, high: TileKey, flight_id: UUID | None
) -> Sequence[tuple[int, int, UUID, datetime]]:
    """Row, column, flight and time of the last change of tiles, without their squares."""
    query = select(SeenRow.row, SeenRow.column, SeenRow.flight_id, SeenRow.received_at).where(
        SeenRow.row.between(low[0], high[0]), SeenRow.column.between(low[1], high[1])
    )
    if flight_id is not None:
        query = query.where(SeenRow.flight_id == flight_id)
    query = query.order_by(SeenRow.row, SeenRow.column, SeenRow.flight_id)
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


def count_before(session: Session, before: datetime) -> tuple[int, int]:
    """How many tiles were last looked at before, and of how many flights."""
    query = select(func.count(), func.count(SeenRow.flight_id.distinct())).where(SeenRow.last_at < before)
    tiles, flights = session.execute(query).one()
    return tiles, flights


def delete_before(session: Session, before: datetime) -> None:
    """Delete tiles last looked at before."""
    session.execute(delete(SeenRow).where(SeenRow.last_at < before))
