"""Opening tickets, keeping them in step with their sightings, and what people do to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from missions.messages import SightingKind
from server.access import audit
from server.access.service import Caller
from server.context import Context
from server.errors import ActionNotAllowed, Invalid, NotFound
from server.sightings import repository as sighting_rows
from server.sightings.models import Sighting
from server.tickets import repository, timeline, views
from server.tickets.following import PICTURES, PRIORITIES, file_by_rule, follow_sightings
from server.tickets.merging import merge, undo_merge
from server.tickets.models import Ticket
from server.tickets.placing import adopt_place
from server.tickets.schemas import ActionRequest
from server.tickets.states import NEEDS_NOTE, SYSTEM, VERDICTS, Action, TicketState, Verdict, transition
from vision.detections import CLASSES


def open_ticket(context: Context, session: Session, sighting: Sighting) -> Ticket:
    """A new ticket in state reported for a placed sighting; kinds that file themselves are filed at once."""
    now = context.now()
    kind = context.kinds[SightingKind(sighting.kind)]
    day = now.astimezone(context.settings.zone).strftime("%Y%m%d")
    serial = repository.next_serial(session, day)
    ticket = Ticket(
        number=f"{context.settings.ticket_prefix}-{day}-{serial:04d}", kind=sighting.kind,
        state=TicketState.REPORTED.value, priority=kind.priority,
        priority_rank=PRIORITIES.index(kind.priority), channel="drone", opened_at=now, updated_at=now,
        first_seen_at=sighting.first_seen_at, last_seen_at=sighting.last_seen_at, confidence=0.0,
        latitude=0.0, longitude=0.0, covariance_ee_m2=0.0, covariance_en_m2=0.0, covariance_nn_m2=0.0,
        cell_probabilities={}, sightings=0, flight_id=sighting.flight_id, why="",
    )  # fmt: skip
    session.add(ticket)
    session.flush()
    sighting.ticket_id = ticket.id
    follow_sightings(context, session, ticket, first=True)
    timeline.add(
        session, ticket, now, SYSTEM, "opened", confidence=sighting.confidence, sighting=str(sighting.id),
        why=ticket.why, weights=sighting.weights,
    )  # fmt: skip
    file_by_rule(context, session, ticket, now)
    context.metrics.tickets.labels(sighting.kind).inc()
    return ticket


def act(
    context: Context, session: Session, caller: Caller, ticket_id: UUID, request: ActionRequest
) -> Ticket:
    """Do what a person asks, if the table of states allows it now.

    Raises:
        NotFound: no such ticket.
        ActionNotAllowed: not in this state, or not with these roles.
        Invalid: the note, the department or the cell is missing or unknown.
    """
    ticket = repository.ticket(session, ticket_id, for_change=True)
    if ticket is None:
        raise NotFound("there is no such ticket; reload the list")
    action, note = request.action, request.note.strip()
    step = transition(action, TicketState(ticket.state), caller.roles)
    done = action is Action.ACKNOWLEDGE and ticket.acknowledged_at is not None
    nothing = action is Action.ADOPT_PLACE and ticket.proposed_place is None
    if step is None or done or nothing:
        raise ActionNotAllowed(
            f"{action.value} is not possible for you while ticket {ticket.number} is {ticket.state}; "
            "reload it"
        )
    if action in NEEDS_NOTE and not note:
        raise Invalid(f"{action.value} needs a note; say why or what was done")
    now = context.now()
    data: dict[str, Any] = _verdict(request) | _apply(context, session, ticket, request, caller, now)
    ticket.state = data.pop("state", step.target.value)
    ticket.updated_at = now
    if ticket.acknowledged_at is None and action is not Action.REOPEN:
        # Who acts on a ticket has seen it.
        ticket.acknowledged_at, ticket.acknowledged_by = now, caller.username
    timeline.add(
        session, ticket, now, caller.username, action.value, **data, **({"note": note} if note else {})
    )
    audit.record(session, now, caller.username, f"ticket.{action.value}", ticket.number, note=note, **data)
    views.publish(context, session, ticket, "state" if step.source is not step.target else "updated")
    return ticket


def _verdict(request: ActionRequest) -> dict[str, str]:
    """What the request says it was, checked against the action; filing and dispatching confirm.

    Raises:
        Invalid: the verdict does not belong to the action, or a wrong kind names no class.
    """
    allowed = VERDICTS.get(request.action, frozenset())
    verdict = request.verdict
    if verdict is None and allowed == {Verdict.CONFIRMED}:
        verdict = Verdict.CONFIRMED
    if verdict is not None and verdict not in allowed:
        possible = ", ".join(sorted(allowed)) or "none"
        raise Invalid(
            f"{request.action.value} cannot carry the verdict {verdict.value}; possible: {possible}"
        )
    if (request.found is not None) != (verdict is Verdict.WRONG_KIND) or (
        request.found is not None and request.found not in CLASSES
    ):
        raise Invalid(f"wrong_kind, and it alone, needs 'found': one of {', '.join(CLASSES)}")
    found = {"found": request.found} if request.found is not None else {}
    return {"verdict": verdict.value, **found} if verdict is not None else {}


def _marks(session: Session, ticket: Ticket, request: ActionRequest) -> dict[str, Any]:
    """The marks of a request, each on a picture of the ticket.

    Raises:
        Invalid: there is none, or one lies on another ticket's picture.
    """
    seen = sighting_rows.of_tickets(session, [ticket.id]).get(ticket.id, [])
    evidence = sighting_rows.evidence_of(session, [s.id for s in seen])
    pictures = {
        link.sha256 for links in evidence.values() for link, _ in links if link.media_type in PICTURES
    }
    if not request.marks or any(mark.sha256 not in pictures for mark in request.marks):
        raise Invalid("mark needs boxes in 'marks', each on a picture of this ticket; reload it")
    return {"count": len(request.marks), "marks": [mark.model_dump(mode="json") for mark in request.marks]}


def _apply(
    context: Context, session: Session, ticket: Ticket, request: ActionRequest, caller: Caller, now: datetime
) -> dict[str, Any]:
    """The part of an action that is more than a new state; returns what the timeline tells of it.

    ``state`` in it is where the action leads, other than by the table of states.
    """
    match request.action:
        case Action.ACKNOWLEDGE:
            ticket.acknowledged_at, ticket.acknowledged_by = now, caller.username
        case Action.DISPATCH:
            ticket.department = request.to
            return {"to": request.to or "—"}
        case Action.MOVE:
            if request.cell is None or not context.sites.knows(request.cell):
                raise Invalid("move needs the code of a cell of this site in 'cell'")
            old, ticket.cell = ticket.cell, request.cell
            ticket.cell_name, ticket.cell_fixed = context.sites.cell_name(request.cell), True
            ticket.proposed_place = None
            return {"old": old or "—", "new": request.cell}
        case Action.ADOPT_PLACE:
            return adopt_place(context, ticket)
        case Action.REOPEN:
            ticket.acknowledged_at = ticket.acknowledged_by = None
        case Action.MARK:
            return _marks(session, ticket, request)
        case Action.MERGE:
            return merge(context, session, caller, ticket, request.into)
        case Action.UNMERGE:
            return undo_merge(context, session, caller, ticket)
        case _:
            pass
    return {}
