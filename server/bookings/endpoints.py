"""HTTP: bookings of departments, their merging into flights, and what became of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from missions.plan import PatrolPlan
from server.access.guard import Anyone, Flier, TicketWorker
from server.bookings import merging, repository, service, views
from server.bookings.schemas import (
    BookingIn,
    BookingOut,
    BookingsOut,
    CancelIn,
    FlightOfBookingsIn,
    MergeOut,
    ResultsOut,
)
from server.context import Ctx, Reading, Writing
from server.flights.schemas import PlanOut
from server.tickets.views import summary

router = APIRouter(tags=["bookings"])


@router.post("/bookings", status_code=201)
def book(body: BookingIn, caller: TicketWorker, session: Writing, context: Ctx) -> BookingOut:
    """Book ground to be seen: a clerk for their own department, an operator for any."""
    return views.bookings_out(context, session, [service.make(context, session, caller, body)])[0]


@router.get("/bookings")
def list_bookings(
    caller: Anyone, session: Reading, context: Ctx, limit: int = Query(200, ge=1, le=500)
) -> BookingsOut:
    """Bookings, newest first: a clerk's own department's, all for operators and testers."""
    own = service.scope(caller)
    rows = repository.bookings(session, own, limit)
    return BookingsOut(
        items=views.bookings_out(context, session, rows), department=caller.department,
        departments=[own] if own else repository.departments(session) if own is None else [],
        may_preempt=service.may_preempt(context, caller), at=context.now(),
    )  # fmt: skip


@router.get("/bookings/merge")
def merge_bookings(
    _caller: Flier, session: Reading, context: Ctx,
    camera: Annotated[str | None, Query(max_length=64)] = None,
    aircraft: Annotated[int, Query(ge=1, le=20, description="how many fly at the same time")] = 1,
) -> MergeOut:  # fmt: skip
    """How the open bookings merge into flights. Nothing is changed."""
    return views.merge_out(context, session, merging.merge_open(context, session, camera, aircraft))


@router.post("/bookings/plans", status_code=201)
def plan_bookings(body: FlightOfBookingsIn, caller: Flier, context: Ctx) -> PlanOut:
    """Plan one merged flight. It is then launched like any other plan, in two steps."""
    row = merging.plan_flight(context, caller, body)
    return PlanOut(
        id=row.id, created_at=row.created_at, created_by=row.created_by, agent=row.agent,
        plan=PatrolPlan.model_validate(row.plan),
    )  # fmt: skip


@router.get("/bookings/{booking_id}")
def get_booking(booking_id: UUID, caller: Anyone, session: Reading, context: Ctx) -> BookingOut:
    """One booking."""
    return views.bookings_out(context, session, [service.found(session, caller, booking_id)])[0]


@router.get("/bookings/{booking_id}/results")
def get_results(booking_id: UUID, caller: Anyone, session: Reading, context: Ctx) -> ResultsOut:
    """The department's results: tickets of the booking's kinds in its cells."""
    row = service.found(session, caller, booking_id)
    links = repository.plans_of(session, [row.id]).get(row.id, [])
    flown = repository.flights_of_plans(session, {link.plan_id for link in links})
    ids = [flight.id for found in flown.values() for flight in found]
    return ResultsOut(items=[summary(context, ticket) for ticket in repository.tickets(session, row, ids)])


@router.post("/bookings/{booking_id}/cancel")
def cancel_booking(
    booking_id: UUID, body: CancelIn, caller: TicketWorker, session: Writing, context: Ctx
) -> BookingOut:
    """Withdraw a booking, with a reason."""
    row = service.cancel(context, session, caller, booking_id, body.reason)
    return views.bookings_out(context, session, [row])[0]
