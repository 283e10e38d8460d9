"""HTTP: figures."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from server.access.guard import Anyone
from server.context import Ctx, Reading
from server.figures import repository
from server.tickets.models import Ticket

router = APIRouter(tags=["figures"])


class FiguresOut(BaseModel):
    tickets_by_state: dict[str, int]
    tickets_by_kind: dict[str, int]
    tickets_by_cell: dict[str, int]
    tickets_by_day: dict[str, int]
    settled_by_priority: dict[str, tuple[int, int]]
    flights: int
    sightings: int
    flight_hours: float


@router.get("/figures")
def get_figures(_caller: Anyone, session: Reading, context: Ctx) -> FiguresOut:
    """Sums for the board."""
    return FiguresOut(
        tickets_by_state=repository.tickets_by(session, Ticket.state),
        tickets_by_kind=repository.tickets_by(session, Ticket.kind),
        tickets_by_cell=repository.tickets_by(session, Ticket.cell),
        tickets_by_day=repository.tickets_by_day(session, context.settings.zone),
        settled_by_priority=repository.settled_by_priority(session),
        flights=repository.flights(session),
        sightings=repository.sightings(session),
        flight_hours=round(repository.flight_hours(session), 3),
    )
