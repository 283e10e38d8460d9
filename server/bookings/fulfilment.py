"""Whether bookings were met: the ledger of ground seen against what was asked for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from missions.messages import SightingKind
from missions.seen_tiles import TileKey, square_m2
from server.access.audit import record
from server.bookings import repository
from server.bookings.models import BookingRow
from server.context import Context
from server.seen import service as seen
from server.seen.service import tiles_over

CROWDS = "crowds"
"""The algorithm that must have looked where a booking asks for kinds about people."""


def judge_due(context: Context) -> int:
    """Judge bookings whose ground may have been seen, and those past their deadline; returns how many."""
    now = context.now()
    with context.database.read() as session:
        newest = repository.newest_report(session)
        due = [
            row for row in repository.unsettled(session)
            if row.deadline_at <= now or (newest and (row.judged_at is None or newest >= row.judged_at))
        ]  # fmt: skip
        found = {row.id: shares_of(context, session, row, now) for row in due}
    for booking_id, shares in found.items():
        with context.database.write() as session:
            row = repository.booking(session, booking_id, for_change=True)
            if row is not None and row.settled_at is None and row.cancelled_at is None:
                _enter(context, session, row, shares, now)
    return len(found)


def shares_of(context: Context, session: Session, row: BookingRow, now: datetime) -> dict[str, float]:
    """For each cell the part of its ground that was seen in time, finely enough, by what was asked for.

    Cells that are served, or of which nothing new was told, keep what is known.
    """
    people = any(context.kinds[SightingKind(kind)].about_people for kind in row.kinds)
    until = min(row.deadline_at, now)
    launched = None
    if context.settings.demo:
        # A demonstration lives at another time than the server: its flights count by when they were launched.
        launched = repository.flights_between(session, row.opens_at, until)
    shares = dict(row.served)
    for code in row.cells:
        if not context.sites.knows(code) or shares.get(code, 0.0) >= context.settings.booking_share:
            continue
        ground = seen.cell_ground(context, code)
        looks = repository.looks_at(session, ground.polygon.bounds)
        if row.judged_at and not any(reported >= row.judged_at for *_, reported in looks):
            continue
        flights = [
            flight for flight, first, last, _ in looks
            if (flight in launched if launched is not None else last >= row.opens_at and first <= until)
        ]  # fmt: skip
        hits = {key: np.zeros(mask.shape, bool) for key, mask in ground.squares.items()}
        for flight_id in flights:
            _mark(session, row, ground.polygon.bounds, flight_id, until, people, launched is None, hits)
        total = sum(square_m2(key) * float(mask.sum()) for key, mask in ground.squares.items())
        met = sum(square_m2(key) * float((mask & hits[key]).sum()) for key, mask in ground.squares.items())
        shares[code] = round(met / total, 4) if total > 0 else 1.0
    return shares


def _mark(
    session: Session, row: BookingRow, bounds: tuple[float, float, float, float], flight_id: UUID,
    until: datetime, people: bool, by_time: bool, hits: dict[TileKey, NDArray[np.bool_]],
) -> None:  # fmt: skip
    """Mark the squares that one flight saw as the booking asks."""
    for key, tile in tiles_over(session, bounds, flight_id).items():
        if key in hits:
            last = tile.last_seen(row.finest_m, CROWDS if people else None)
            good = last > 0
            if by_time:
                good = (last >= row.opens_at.timestamp()) & (last <= until.timestamp())
            hits[key] |= good


def _enter(
    context: Context, session: Session, row: BookingRow, shares: dict[str, float], now: datetime
) -> None:
    """What was seen stays seen; the first time that all is seen, or the deadline passes, is recorded."""
    row.served = {code: max(share, row.served.get(code, 0.0)) for code, share in shares.items()}
    row.judged_at = now
    done = all(row.served.get(code, 0.0) >= context.settings.booking_share for code in row.cells)
    if done:
        row.fulfilled_at = row.settled_at = now
        record(session, now, "system", "booking.fulfilled", row.code, served=row.served)
    elif row.deadline_at <= now:
        row.settled_at = now
        record(session, now, "system", "booking.overdue", row.code, served=row.served)
