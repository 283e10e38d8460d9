"""Tickets hold what belongs together: sightings join, move, open new ones; what is left empty is merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from missions.messages import SightingKind
from server.context import Context
from server.sightings import repository
from server.sightings.belonging import add_to_settled, note_crowds, settled_event_of
from server.sightings.models import Sighting
from server.sightings.rearranging import MOST_AT_ONCE, Neighbourhood, Placing, changes, locked_plan
from server.tickets import repository as ticket_rows
from server.tickets import timeline, views
from server.tickets.following import follow_sightings, set_kind
from server.tickets.models import Ticket
from server.tickets.service import open_ticket
from server.tickets.states import SYSTEM, TicketState


def rearrange(
    context: Context, session: Session, seeds: Sequence[Sighting], most: int | None = MOST_AT_ONCE
) -> bool:
    """Bring the tickets around some sightings of one sort into line with what belongs together.

    Returns:
        Whether it was done; False where that is more than ``most`` sightings, and nothing was changed.
    """
    planned = locked_plan(context, session, seeds, most)
    if planned is None:
        return False
    if changes(*planned):
        _carry_out(context, session, *planned)
    return True


def join(context: Context, session: Session, ticket: Ticket, sighting: Sighting) -> None:
    """Add a newcomer to an open ticket."""
    kind = ticket.kind
    sighting.ticket_id = ticket.id
    follow_sightings(context, session, ticket)
    timeline.add(
        session, ticket, context.now(), SYSTEM, "sighting_added", count=ticket.sightings,
        sighting=str(sighting.id), flight=str(sighting.flight_id) if sighting.flight_id else None,
    )  # fmt: skip
    note_crowds(context, session, ticket, sighting)
    views.publish(context, session, ticket, "updated", alert=ticket.kind != kind)


def place_anew(context: Context, session: Session, sighting: Sighting) -> tuple[Ticket, bool]:
    """A ticket for a newcomer that belongs to no open one: the settled one it was, or a new one.

    Returns:
        The ticket, and whether it is new.
    """
    settled = settled_event_of(context, session, sighting)
    if settled is not None:
        return add_to_settled(context, session, settled, sighting), False
    ticket = open_ticket(context, session, sighting)
    note_crowds(context, session, ticket, sighting, opened=True)
    views.publish(context, session, ticket, "created", alert=True)
    return ticket, True


def move(context: Context, session: Session, sighting: Sighting, source: Ticket, target: Ticket) -> None:
    """Move a sighting from a ticket that keeps others to another one; both still have to follow."""
    sighting.ticket_id = target.id
    now, facts = context.now(), {"sighting": str(sighting.id)}
    timeline.add(session, source, now, SYSTEM, "sighting_moved_out", other=target.number, **facts)
    timeline.add(session, target, now, SYSTEM, "sighting_moved_in", other=source.number, **facts)


def open_for_moved(context: Context, session: Session, sighting: Sighting, source: Ticket) -> Ticket:
    """A new ticket for a sighting that was in another one, which still has to follow."""
    ticket = open_ticket(context, session, sighting)
    now, facts = context.now(), {"sighting": str(sighting.id)}
    timeline.add(session, source, now, SYSTEM, "sighting_moved_out", other=ticket.number, **facts)
    timeline.add(session, ticket, now, SYSTEM, "sighting_moved_in", other=source.number, **facts)
    views.publish(context, session, ticket, "created", alert=True)
    return ticket


def after_moves(context: Context, session: Session, tickets: Iterable[Ticket]) -> None:
    """Let tickets follow that have lost or gained sightings, but kept some."""
    for ticket in tickets:
        follow_sightings(context, session, ticket)
        _calm_down(context, session, ticket)
        views.publish(context, session, ticket, "updated")


def _carry_out(context: Context, session: Session, hood: Neighbourhood, placings: Sequence[Placing]) -> None:
    tickets, emptied = dict(hood.tickets), _emptied(hood, placings)
    followers: dict[UUID, Ticket] = {}
    given: dict[UUID, dict[UUID, list[Sighting]]] = {ticket_id: defaultdict(list) for ticket_id in emptied}
    newcomers: list[tuple[Ticket | None, list[Sighting]]] = []
    for placing in placings:
        target = tickets[placing.ticket_id] if placing.ticket_id is not None else None
        rows = [hood.rows[identity] for identity in placing.sightings]
        for row in rows:
            if row.ticket_id is None or (target is not None and row.ticket_id == target.id):
                continue
            source = tickets[row.ticket_id]
            if target is None:
                target = open_for_moved(context, session, row, source)
                tickets[target.id] = target
            elif source.id in emptied:
                given[source.id][target.id].append(row)
                row.ticket_id = target.id
            else:
                move(context, session, row, source, target)
            followers |= {source.id: source, target.id: target}
            _adjust_again(context, session, row)
        newcomers.append((target, [row for row in rows if row.ticket_id is None]))
    after_moves(context, session, [t for t in followers.values() if t.id not in emptied])
    for ticket_id, parts in given.items():
        _merge_empty(context, session, tickets[ticket_id], {tickets[i]: part for i, part in parts.items()})
    for target, rows in newcomers:
        for row in rows:
            if target is None:
                target, _ = place_anew(context, session, row)
            else:
                join(context, session, target, row)


def _emptied(hood: Neighbourhood, placings: Iterable[Placing]) -> set[UUID]:
    """The tickets that no sighting stays in or comes to."""
    placed = {identity for placing in placings for identity in placing.sightings}
    kept = {row.ticket_id for row in hood.rows.values() if row.id not in placed}
    return set(hood.tickets) - kept - {placing.ticket_id for placing in placings}


def _merge_empty(
    context: Context, session: Session, ticket: Ticket, parts: Mapping[Ticket, Sequence[Sighting]]
) -> None:
    """Close a ticket that turned out to be the event of others; a person can undo it."""
    now, before = context.now(), ticket.state
    into = max(parts, key=lambda other: (len(parts[other]), other.number))
    for other, rows in parts.items():
        moved = [str(row.id) for row in rows]
        timeline.add(
            session, other, now, SYSTEM, "merged_in", other=ticket.number, count=len(rows), sightings=moved
        )
    timeline.add(
        session, ticket, now, SYSTEM, "merge", into=str(into.id), other=into.number, before=before,
        count=len(parts[into]), sightings=[str(row.id) for row in parts[into]], kind_before=into.kind,
    )  # fmt: skip
    ticket.state, ticket.proposed_place, ticket.updated_at = TicketState.MERGED.value, None, now
    views.publish(context, session, ticket, "state")


def _calm_down(context: Context, session: Session, ticket: Ticket) -> None:
    """A dispute that is left with gatherings alone is a gathering, unless a person has acted on it."""
    held = repository.of_tickets(session, [ticket.id]).get(ticket.id, [])
    gathering = SightingKind.GATHERING
    if ticket.kind == SightingKind.DISPUTE and {row.kind for row in held} == {gathering.value}:
        if ticket_rows.touched(session, [ticket.id]):
            return
        set_kind(context, ticket, gathering)
        timeline.add(session, ticket, context.now(), SYSTEM, "kind_returned")


def _adjust_again(context: Context, session: Session, sighting: Sighting) -> None:
    """What is one thing has changed: its flight, if it was adjusted, is due once more."""
    row = repository.adjustment(session, sighting.flight_id) if sighting.flight_id is not None else None
    if row is not None and row.due_since is None:
        row.due_since = context.now()
