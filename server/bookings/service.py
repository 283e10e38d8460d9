"""Making and cancelling bookings: who may book what, and for whom."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from missions.bookings import Booking, check
from missions.errors import BookingInvalid
from server.access.audit import record
from server.access.roles import FLIERS, Role
from server.access.service import Caller
from server.bookings import repository
from server.bookings.models import BookingRow
from server.bookings.schemas import BookingIn
from server.context import Context
from server.errors import BookingClosed, Invalid, NotAllowed, NotFound
from server.tickets.repository import next_serial


def scope(caller: Caller) -> str | None:
    """The department whose bookings a person sees; None for all."""
    return None if caller.has(*FLIERS, Role.TESTER) else caller.department or ""


def may_preempt(context: Context, caller: Caller) -> bool:
    return caller.has(*FLIERS) or caller.department in context.settings.preempting_departments


def make(context: Context, session: Session, caller: Caller, body: BookingIn) -> BookingRow:
    """Enter a booking.

    Raises:
        Invalid: it makes no sense; the sentence says what to change.
        NotAllowed: for another department, or urgent without the right to it.
    """
    now = context.now()
    department = _department(caller, body.department)
    if body.urgent and not may_preempt(context, caller):
        allowed = ", ".join(context.settings.preempting_departments)
        raise NotAllowed(f"only {allowed or 'operators'} may book urgently; ask an operator to do it")
    opens = body.opens_at or now
    if body.deadline_at <= now:
        raise Invalid("deadline_at: the deadline has passed; give a later one")
    day = now.astimezone(context.settings.zone).strftime("%Y%m%d")
    row = BookingRow(
        code=f"B{day[2:]}-{next_serial(session, f'B{day[2:]}'):03d}", department=department,
        cells=list(dict.fromkeys(body.cells)), kinds=sorted({kind.value for kind in body.kinds}),
        opens_at=opens, deadline_at=body.deadline_at, finest_m=round(body.fineness_cm / 100, 4),
        lowest_m=body.lowest_m, highest_m=body.highest_m, steepest_deg=body.steepest_deg,
        flattest_deg=body.flattest_deg, urgent=body.urgent, note=body.note, created_at=now,
        created_by=caller.username, served={},
    )  # fmt: skip
    try:
        check(as_booking(row), {cell.code for cell in context.sites.grid.cells})
    except BookingInvalid as error:
        raise Invalid(str(error).replace(f"booking {row.code}", "the booking", 1)) from error
    session.add(row)
    session.flush()
    facts = {"department": department, "cells": row.cells, "deadline": row.deadline_at.isoformat()}
    record(session, now, caller.username, "booking.made", row.code, urgent=row.urgent, **facts)
    return row


def cancel(context: Context, session: Session, caller: Caller, booking_id: UUID, reason: str) -> BookingRow:
    """Withdraw a booking; flights under way go on.

    Raises:
        BookingClosed: it is fulfilled, over or cancelled already.
    """
    row = found(session, caller, booking_id, for_change=True)
    if not caller.has(*FLIERS) and row.department != caller.department:
        raise NotAllowed("only the department that booked, or an operator, may cancel")
    if row.cancelled_at is not None or row.settled_at is not None:
        raise BookingClosed
    row.cancelled_at, row.cancelled_by, row.cancel_reason = context.now(), caller.username, reason
    record(session, context.now(), caller.username, "booking.cancelled", row.code, reason=reason)
    return row


def found(session: Session, caller: Caller, booking_id: UUID, *, for_change: bool = False) -> BookingRow:
    """A booking that the caller may see.

    Raises:
        NotFound: there is none.
    """
    row = repository.booking(session, booking_id, for_change=for_change)
    own = scope(caller)
    if row is None or (own is not None and row.department != own):
        raise NotFound("there is no such booking; reload the list")
    return row


def as_booking(
    row: BookingRow, *, cells: tuple[str, ...] | None = None, opens: datetime | None = None,
    finest_m: float | None = None,
) -> Booking:  # fmt: skip
    """A row as ``missions.bookings`` merges it; what is given stands in for the row's own."""
    return Booking(
        code=row.code, department=row.department, cells=tuple(row.cells) if cells is None else cells,
        opens=opens or row.opens_at, deadline=row.deadline_at, finest_m=finest_m or row.finest_m,
        algorithms=frozenset(row.kinds), lowest_m=row.lowest_m, highest_m=row.highest_m,
        pitch_deg=(row.steepest_deg, row.flattest_deg), priority=int(row.urgent),
    )  # fmt: skip


def _department(caller: Caller, wanted: str | None) -> str:
    if caller.has(*FLIERS):
        department = wanted or caller.department
        if department is None:
            raise Invalid("department: name the department that the booking is for")
        return department
    if caller.department is None:
        raise NotAllowed("your account belongs to no department; ask an administrator to enter one")
    if wanted not in (None, caller.department):
        raise NotAllowed(f"you book for {caller.department}; ask an operator to book for {wanted}")
    return caller.department
