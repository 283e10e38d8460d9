"""Which tickets a sighting may belong to: open ones, settled ones, and crowds next to it.

A settled event that is seen again is opened again, within the time window of its kind. What was found to be
nothing or something else when it was closed is no settled event: seen again, it is a new one. Tickets of
crowds that grow together are not merged by themselves, nor told apart when one splits: their timelines name
each other, and a person merges them or leaves them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from missions.geodesy import LocalFrame
from missions.messages import SightingKind, SightingState
from server.context import Context
from server.sightings import repository
from server.sightings.geotag import frame_near
from server.sightings.matching import CROWDS, Decision, Event, is_single, match, reach_m
from server.sightings.models import Sighting
from server.tickets import repository as ticket_rows
from server.tickets import timeline, views
from server.tickets.following import file_by_rule, follow_sightings
from server.tickets.models import Ticket
from server.tickets.placing import received_of
from server.tickets.states import OPEN_STATES, SYSTEM, Action, TicketState, Verdict

SEARCH_M = 120.0
SEARCH_OBJECTS_M = 400.0  # wide enough for several single objects to tell how far GNSS has jumped
NOTHING_THERE = frozenset({Verdict.FALSE_ALARM, Verdict.WRONG_KIND})
SAME_TIME = timedelta(minutes=10)
SPLIT_REACHES = 3.0
"""A crowd that appears within so many reaches of one seen at the same time may have split off it."""


def open_event_of(
    context: Context, session: Session, sighting: Sighting
) -> tuple[Decision, dict[UUID, Ticket]]:
    """Match a placed sighting against the open tickets nearby."""
    return _match(context, session, sighting, _near(context, session, sighting, OPEN_STATES))


def settled_event_of(context: Context, session: Session, sighting: Sighting) -> Ticket | None:
    """The settled ticket that a placed sighting belongs to; None where there is none."""
    settled = []
    for ticket in _near(context, session, sighting, {TicketState.CLOSED}):
        closing = ticket_rows.last_entry(session, ticket.id, Action.CLOSE)
        if closing is None or closing.data.get("verdict") not in NOTHING_THERE:
            settled.append(ticket)
    decision, tickets = _match(context, session, sighting, settled)
    return tickets[decision.event_id] if decision.event_id is not None else None


def add_to_settled(context: Context, session: Session, ticket: Ticket, sighting: Sighting) -> Ticket:
    """Add a sighting to a settled ticket, and open it again if it was seen after it had been settled."""
    now = context.now()
    closing = ticket_rows.last_entry(session, ticket.id, Action.CLOSE)
    # A demonstration lives at another time than the clock on the wall, by which people close tickets.
    settled_at = ticket.last_seen_at if closing is None or context.settings.demo else closing.at
    again = sighting.last_seen_at > settled_at
    sighting.ticket_id = ticket.id
    if again:
        ticket.state = TicketState.REPORTED.value
        ticket.acknowledged_at = ticket.acknowledged_by = None
    follow_sightings(context, session, ticket)
    timeline.add(
        session, ticket, now, SYSTEM, "seen_again" if again else "sighting_late", count=ticket.sightings,
        sighting=str(sighting.id),
    )  # fmt: skip
    if again:
        file_by_rule(context, session, ticket, now)
    views.publish(context, session, ticket, "state" if again else "updated", alert=again)
    return ticket


def note_crowds(
    context: Context, session: Session, ticket: Ticket, sighting: Sighting, *, opened: bool = False
) -> None:
    """Let the timelines of crowds that grow together or split name each other, once for each pair."""
    if SightingKind(sighting.kind) not in CROWDS or not sighting.placed:
        return
    here = received_of(sighting, _frame(sighting))
    assert here is not None
    rules = context.kinds[here.kind]
    others = [
        t for t in _near(context, session, sighting, OPEN_STATES, within=SAME_TIME) if t.id != ticket.id
    ]
    for other, sightings in _with_sightings(session, others):
        event = _event(other, sightings, _frame(sighting))
        newest = max(event.sightings, key=lambda seen: (seen.last_seen_at, str(seen.id)), default=None)
        if newest is None:
            continue
        gap_m = float(np.linalg.norm(newest.position - here.position))
        reach = reach_m(here.covariance, newest.covariance, rules)
        if gap_m > reach * (SPLIT_REACHES if opened else 1.0):
            continue
        words = ("split_off", "split_from") if opened else ("grown_together",) * 2
        known = {(e.kind, e.data.get("other")) for e in ticket_rows.timeline(session, ticket.id)}
        if (words[0], other.number) not in known:
            now = context.now()
            timeline.add(session, ticket, now, SYSTEM, words[0], other=other.number, metres=gap_m)
            timeline.add(session, other, now, SYSTEM, words[1], other=ticket.number, metres=gap_m)
            views.publish(context, session, other, "updated")


def _frame(sighting: Sighting) -> LocalFrame:
    assert sighting.latitude is not None
    assert sighting.longitude is not None
    return frame_near(sighting.latitude, sighting.longitude)


def _near(
    context: Context, session: Session, sighting: Sighting, states: Collection[TicketState],
    within: timedelta | None = None,
) -> Sequence[Ticket]:  # fmt: skip
    """Tickets of its sort around a placed sighting, seen within the time window of its kind."""
    kind = SightingKind(sighting.kind)
    rules = context.kinds[kind]
    here = received_of(sighting, frame := _frame(sighting))
    assert here is not None
    reach = SEARCH_OBJECTS_M if is_single(rules) else SEARCH_M
    edge = frame.to_geodetic([here.position - reach, here.position + reach])
    window = within or timedelta(hours=rules.match.window_hours)
    return ticket_rows.near(
        session, sorted(CROWDS if kind in CROWDS else {kind}), (edge[0, 0], edge[1, 0]),
        (edge[0, 1], edge[1, 1]), sighting.first_seen_at - window, sighting.last_seen_at + window, states,
    )  # fmt: skip


def _match(
    context: Context, session: Session, sighting: Sighting, tickets: Sequence[Ticket]
) -> tuple[Decision, dict[UUID, Ticket]]:
    frame = _frame(sighting)
    held = _with_sightings(session, tickets)
    pinned = ticket_rows.pinned(session, {ticket.id: [s.id for s in sightings] for ticket, sightings in held})
    events = [_event(t, sightings, frame, pinned.get(t.id, frozenset())) for t, sightings in held]
    seen = received_of(sighting, frame)
    assert seen is not None
    rules = context.kinds[SightingKind(sighting.kind)]
    return match(seen, events, rules), {ticket.id: ticket for ticket in tickets}


def _with_sightings(session: Session, tickets: Sequence[Ticket]) -> list[tuple[Ticket, Sequence[Sighting]]]:
    found = repository.of_tickets(session, [ticket.id for ticket in tickets])
    return [(ticket, found.get(ticket.id, [])) for ticket in tickets]


def _event(
    ticket: Ticket, sightings: Sequence[Sighting], frame: LocalFrame, pinned: frozenset[UUID] = frozenset()
) -> Event:
    confirmed = [s for s in sightings if s.state == SightingState.CONFIRMED] or sightings
    return Event(
        id=ticket.id, kind=SightingKind(ticket.kind),
        sightings=[seen for s in confirmed if (seen := received_of(s, frame)) is not None], pinned=pinned,
    )  # fmt: skip
