"""Bookings and merges as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from missions.bookings import Conflict, Flight
from missions.messages import SightingKind
from server.bookings import repository
from server.bookings.merging import Merge, altitude_of, cells_of, key_of
from server.bookings.models import BookingPlan, BookingRow
from server.bookings.schemas import (
    BookedCellOut,
    BookingFlightOut,
    BookingOut,
    MergedFlightOut,
    MergeOut,
    MergeProblemOut,
    ShareOut,
    State,
)
from server.context import Context
from server.flights import models as flights
from server.flights.repository import AT_REST


def bookings_out(context: Context, session: Session, rows: Sequence[BookingRow]) -> list[BookingOut]:
    """Bookings with their flights and numbers of tickets."""
    links = repository.plans_of(session, [row.id for row in rows])
    plans = {link.plan_id for found in links.values() for link in found}
    flown = repository.flights_of_plans(session, plans)
    result = []
    for row in rows:
        own = links.get(row.id, [])
        legs = [_flight_out(link, flown.get(link.plan_id, [])) for link in own]
        ids = [flight.id for link in own for flight in flown.get(link.plan_id, [])]
        count = len(repository.tickets(session, row, ids))
        result.append(_booking_out(context, row, legs, count))
    return result


def _booking_out(context: Context, row: BookingRow, legs: list[BookingFlightOut], tickets: int) -> BookingOut:
    least = context.settings.booking_share
    cells = [
        BookedCellOut(
            code=code, name=context.sites.cell_name(code), name_en=context.sites.cell_name_en(code),
            share=row.served.get(code, 0.0), served=row.served.get(code, 0.0) >= least,
        )
        for code in row.cells
    ]  # fmt: skip
    names = (
        "id", "code", "department", "kinds", "opens_at", "deadline_at", "lowest_m", "highest_m",
        "steepest_deg", "flattest_deg", "urgent", "note", "created_at", "created_by", "fulfilled_at",
        "cancelled_at", "cancelled_by", "cancel_reason",
    )  # fmt: skip
    share = sum(cell.share for cell in cells) / len(cells)
    state = state_of(row, legs, context.now(), share)
    return BookingOut(
        **{name: getattr(row, name) for name in names}, cells=cells,
        fineness_cm=round(row.finest_m * 100, 2), state=state, share=round(share, 4),
        overdue=state in ("partly", "overdue") and row.deadline_at <= context.now(), flights=legs,
        tickets=tickets,
    )  # fmt: skip


def state_of(row: BookingRow, legs: Sequence[BookingFlightOut], now: datetime, share: float) -> State:
    """Where a booking stands."""
    if row.cancelled_at is not None:
        return "cancelled"
    if row.fulfilled_at is not None:
        return "fulfilled"
    if row.deadline_at <= now:
        return "partly" if share > 0 else "overdue"
    if any(leg.phase is not None and leg.phase not in AT_REST for leg in legs):
        return "flying"
    if share > 0:
        return "partly"
    return "planned" if any(leg.phase in (None, "planned") for leg in legs) else "open"


def _flight_out(link: BookingPlan, flown: Sequence[flights.Flight]) -> BookingFlightOut:
    newest = flown[0] if flown else None
    return BookingFlightOut(
        plan_id=link.plan_id, cells=link.cells, flight_id=newest.id if newest else None,
        phase=newest.phase if newest else None,
    )  # fmt: skip


def merge_out(context: Context, session: Session, found: Merge) -> MergeOut:
    plan = found.plan
    total = sum(plan.shares.values())
    problems = [
        _problem(context, one, "setting" if len(one.bookings) > 1 else "height") for one in plan.conflicts
    ]
    lost = set(found.displaced)
    problems += [_problem(context, one, "displaced" if one in lost else "missed") for one in plan.missed]
    return MergeOut(
        at=found.at, camera=found.camera.name, aircraft=found.aircraft, bookings=len(found.bookings),
        minutes=round(plan.minutes, 1), minutes_alone=round(plan.minutes_alone, 1),
        flights=[_merged_out(session, found, flight) for flight in plan.flights],
        shares=[
            ShareOut(department=name, minutes=round(minutes, 1), share=round(minutes / total, 4))
            for name, minutes in sorted(plan.shares.items(), key=lambda item: (-item[1], item[0]))
        ],
        problems=problems,
    )  # fmt: skip


def _problem(context: Context, one: Conflict, code: str) -> MergeProblemOut:
    return MergeProblemOut.model_validate(
        {
            "code": code, "bookings": list(one.bookings), "cell": one.cell,
            "cell_name": context.sites.cell_name(one.cell), "text": one.text,
        }
    )  # fmt: skip


def _merged_out(session: Session, found: Merge, flight: Flight) -> MergedFlightOut:
    served = {booking.code: booking for each in flight.passes for booking in each.bookings}
    key = key_of(flight, found.camera.name)
    return MergedFlightOut(
        key=key, cells=cells_of(flight), bookings=sorted(served),
        departments=sorted({booking.department for booking in served.values()}),
        kinds=sorted({SightingKind(kind) for booking in served.values() for kind in booking.algorithms}),
        altitude_agl_m=altitude_of(flight), pitch_deg=flight.passes[0].pitch_deg,
        minutes=round(flight.minutes, 1), starts_at=flight.starts or found.at, deadline_at=flight.deadline,
        urgent=flight.priority > 0, plan_id=repository.plan_of_key(session, key),
    )  # fmt: skip
