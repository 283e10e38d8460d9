"""People merge tickets of one event, and undo it.

The sightings of the merged ticket go over to the other one; which they were stands in its timeline, which
nobody can change. Undoing brings those back that have stayed where the merge has led, with the state from
before. What was seen since then stays with the ticket that it was matched with.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from missions.messages import SightingKind
from server.access.service import Caller
from server.context import Context
from server.errors import ActionNotAllowed, Invalid
from server.sightings import repository as sighting_rows
from server.tickets import repository, timeline, views
from server.tickets.following import follow_sightings, set_kind
from server.tickets.models import Ticket
from server.tickets.relations import led_to, may_be_one
from server.tickets.states import OPEN_STATES, SYSTEM, Action, TicketState

ADVANCE = (TicketState.REPORTED, TicketState.FILED, TicketState.DISPATCHED)


def merge(
    context: Context, session: Session, caller: Caller, ticket: Ticket, into: UUID | None
) -> dict[str, Any]:
    """Give the sightings of a ticket to another one; returns what the timeline tells of it.

    Raises:
        Invalid: the other ticket is not named, the same, settled, of another sort, or less far advanced.
    """
    other = repository.ticket(session, into, for_change=True) if into is not None else None
    if other is None or other.id == ticket.id or other.state not in OPEN_STATES:
        raise Invalid("merge needs another open ticket in 'into'; reload the list")
    if not may_be_one(ticket.kind, other.kind):
        raise Invalid(f"a ticket of {ticket.kind} and one of {other.kind} cannot be one event")
    if ADVANCE.index(TicketState(ticket.state)) > ADVANCE.index(TicketState(other.state)):
        raise Invalid(
            f"ticket {ticket.number} is further on than {other.number}; merge that one into this one"
        )
    moved = sighting_rows.of_tickets(session, [ticket.id]).get(ticket.id, [])
    told = {
        "into": str(other.id), "other": other.number, "count": len(moved),
        "sightings": [str(sighting.id) for sighting in moved], "before": ticket.state,
        "kind_before": other.kind,
    }  # fmt: skip
    for sighting in moved:
        sighting.ticket_id = other.id
    ticket.proposed_place = None
    follow_sightings(context, session, other)
    _touched(context, caller, other)
    timeline.add(
        session, other, context.now(), caller.username, "merged_in", other=ticket.number, count=len(moved)
    )
    views.publish(context, session, other, "updated")
    return told


def undo_merge(context: Context, session: Session, caller: Caller, ticket: Ticket) -> dict[str, Any]:
    """Bring the sightings of a merged ticket back; returns what the timeline tells of it, and its state.

    Raises:
        ActionNotAllowed: none of its sightings is there any more.
    """
    entry = repository.last_entry(session, ticket.id, Action.MERGE)
    other = led_to(session, entry)
    if entry is None or other is None:
        raise ActionNotAllowed("it cannot be told any more into which ticket this one was merged")
    taken = set(entry.data["sightings"])
    there = sighting_rows.of_tickets(session, [other.id]).get(other.id, [])
    back = [sighting for sighting in there if str(sighting.id) in taken]
    if not back:
        raise ActionNotAllowed(f"none of its sightings is in ticket {other.number} any more")
    if len(back) == len(there):
        raise ActionNotAllowed(
            f"ticket {other.number} would be left without sightings; undo its merges first"
        )
    for sighting in back:
        sighting.ticket_id = ticket.id
    ticket.state = entry.data["before"]
    follow_sightings(context, session, ticket)
    follow_sightings(context, session, other)
    kinds = {sighting.kind for sighting in there if sighting not in back}
    now = context.now()
    if entry.data["kind_before"] == SightingKind.GATHERING and kinds == {SightingKind.GATHERING.value}:
        set_kind(context, other, SightingKind.GATHERING)
        timeline.add(session, other, now, SYSTEM, "kind_restored")
    for touched in (ticket, other):
        _touched(context, caller, touched)
    timeline.add(session, other, now, caller.username, "unmerged_out", other=ticket.number, count=len(back))
    views.publish(context, session, other, "updated")
    return {"other": other.number, "count": len(back), "state": entry.data["before"]}


def _touched(context: Context, caller: Caller, ticket: Ticket) -> None:
    """A person has decided what belongs to it: from now on no sighting is moved away by itself."""
    if ticket.acknowledged_at is None:
        ticket.acknowledged_at, ticket.acknowledged_by = context.now(), caller.username
