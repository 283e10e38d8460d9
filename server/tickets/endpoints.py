"""HTTP: tickets."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query

from missions.messages import SightingKind
from server.access.guard import Anyone, TicketWorker
from server.context import Ctx, Reading, Writing
from server.errors import Invalid, NotFound
from server.tickets import repository, service, views
from server.tickets.schemas import ActionRequest, OpenPlaces, TicketOut, TicketPage
from server.tickets.states import TicketState

router = APIRouter(tags=["tickets"])


def _words(value: str | None, allowed: type[TicketState] | type[SightingKind] | None = None) -> list[str]:
    """A comma-separated filter as a list, each word checked."""
    words = [word.strip() for word in (value or "").split(",") if word.strip()]
    if allowed is not None:
        unknown = [word for word in words if word not in list(allowed)]
        if unknown:
            raise Invalid(f"unknown {unknown[0]!r}; choose among {', '.join(allowed)}")
    return words


@router.get("/tickets")
def list_tickets(
    caller: Anyone,
    session: Reading,
    context: Ctx,
    state: str | None = Query(None, description="one state or several, separated by commas"),
    kind: str | None = Query(None, description="one kind or several, separated by commas"),
    cell: str | None = Query(None, description="one cell or several, separated by commas"),
    flight_id: UUID | None = None,
    queue: repository.Queue | None = None,
    q: str = Query("", max_length=100),
    order: str = "-opened_at",
    limit: int = Query(50, ge=1, le=500),
    cursor: str | None = Query(None, max_length=400),
) -> TicketPage:
    """A page of tickets; ``counts`` counts each state, ``queues`` each queue, under all the other filters."""
    text = q.strip()
    matching = [
        name.value
        for name, rules in context.kinds.items()
        if text.lower() in (rules.label.zh + " " + rules.label.en).lower()
    ]
    department, now = caller.department, context.now()
    waiting = None if queue is None else repository.queue_condition(queue, department, now)
    filters = repository.TicketFilter(
        states=_words(state, TicketState), kinds=_words(kind, SightingKind), cells=_words(cell),
        flight_id=flight_id, text=text, text_kinds=matching, waiting=waiting,
    )  # fmt: skip
    tickets, following = repository.page(session, filters, order, limit, cursor)
    counts = {name.value: 0 for name in TicketState} | repository.counts_by_state(session, filters)
    total = sum(count for name, count in counts.items() if not filters.states or name in filters.states)
    return TicketPage(
        items=[views.summary(context, ticket) for ticket in tickets], total=total, next_cursor=following,
        counts=counts, queues=repository.counts_by_queue(session, filters, department, now),
    )  # fmt: skip


@router.get("/tickets/places")
def list_places(
    _caller: Anyone, session: Reading, limit: int = Query(20_000, ge=1, le=100_000)
) -> OpenPlaces:
    """Where the open tickets are, for a map: all of them at once, and little of each."""
    rows = repository.open_places(session, limit)
    return OpenPlaces(**{name: [row[at] for row in rows] for at, name in enumerate(OpenPlaces.model_fields)})


@router.get("/tickets/{ticket_id}")
def get_ticket(ticket_id: UUID, caller: Anyone, session: Reading, context: Ctx) -> TicketOut:
    """One ticket with its sightings, evidence, timeline, and what the caller may do now."""
    ticket = repository.ticket(session, ticket_id)
    if ticket is None:
        raise NotFound("there is no such ticket; reload the list")
    return views.detail(context, session, ticket, caller.roles)


@router.post("/tickets/{ticket_id}/actions")
def act(
    ticket_id: UUID, body: ActionRequest, caller: TicketWorker, session: Writing, context: Ctx
) -> TicketOut:
    """File, dispatch, close, reject, reopen, comment on, acknowledge, move, merge or unmerge a ticket."""
    ticket = service.act(context, session, caller, ticket_id, body)
    return views.detail(context, session, ticket, caller.roles)
