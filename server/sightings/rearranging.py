"""Tickets follow what belongs together: a neighbourhood of sightings is arranged anew when one comes in.

A neighbourhood is closed: whoever is near enough in place and time to have a say is in it, with all of its
ticket. So the tickets that come out depend on the sightings alone, not on the order in which they arrived.
Places count as received: adjusted ones depend on what was thought to be one thing.

What a person has seen in a ticket when they acted on it stays there. A ticket that nobody has touched and
that is left without sightings is merged into the one that has them, by the system, which a person can undo.
Neighbourhoods of more than ``MOST_AT_ONCE`` sightings wait for the end of the flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from missions.geodesy import Array, LocalFrame
from missions.kinds import Kind
from missions.messages import SightingKind
from server.context import Context
from server.sightings import repository
from server.sightings.arranging import arrange, order_of
from server.sightings.geotag import frame_near
from server.sightings.matching import CROWDS, Event, Seen, is_single
from server.sightings.models import Sighting
from server.tickets import repository as ticket_rows
from server.tickets.models import Ticket
from server.tickets.placing import received_of_all, received_place

LINK_M, LINK_OBJECTS_M = 120.0, 400.0
"""Sightings so far apart have nothing to do with each other; of single objects, several are needed to tell
how far GNSS has jumped."""
MARGIN_M = 50.0
"""A ticket lies no farther than this from each of its sightings."""
MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Open tickets of one sort with their sightings, and newcomers that have none yet.

    members: placed sightings by id, as received, in metres of one frame.
    pinned: by ticket, the sightings that stay in it.
    """

    rows: Mapping[UUID, Sighting]
    members: Mapping[UUID, Seen]
    tickets: Mapping[UUID, Ticket]
    pinned: Mapping[UUID, frozenset[UUID]]


@dataclass(frozen=True, slots=True)
class Placing:
    """One event after arranging: its sightings in order, and the ticket to hold it (None: a new one)."""

    ticket_id: UUID | None
    sightings: tuple[UUID, ...]


def neighbourhood(
    context: Context, session: Session, seeds: Sequence[Sighting], most: int | None = MOST_AT_ONCE
) -> Neighbourhood | None:
    """Everything that is connected with the seeds; None where that is more than ``most`` sightings.

    Args:
        seeds: placed sightings of one sort, at least one.
    """
    kind = SightingKind(seeds[0].kind)
    kinds = sorted(CROWDS if kind in CROWDS else {kind})
    rules = context.kinds[kind]
    frame = _frame(min(seeds, key=lambda s: (s.last_seen_at, s.first_seen_at, str(s.id))))
    tickets = ticket_rows.open_of(session, {s.ticket_id for s in seeds if s.ticket_id is not None}, kinds)
    # A person may have merged smoke into its fire: such a sighting is no business of other smokes.
    rows = {seed.id: seed for seed in seeds if seed.ticket_id is None or seed.ticket_id in tickets}
    for held in repository.of_tickets(session, tickets).values():
        rows |= {sighting.id: sighting for sighting in held}
    waiting: dict[UUID, tuple[Ticket, list[Sighting], dict[UUID, Seen]]] = {}
    fresh = received_of_all(rows.values(), frame)
    members = dict(fresh)
    while fresh:
        box = _around(fresh.values(), frame, rules)
        found = [t for t in ticket_rows.near(session, kinds, *box) if t.id not in tickets | waiting]
        contents = repository.of_tickets(session, [ticket.id for ticket in found])
        seen = received_of_all((s for held in contents.values() for s in held), frame)
        for ticket in found:
            held = contents.get(ticket.id, [])
            waiting[ticket.id] = ticket, held, {s.id: seen[s.id] for s in held if s.id in seen}
        joining = _linked(
            fresh.values(), {t: placed.values() for t, (_, _, placed) in waiting.items()}, rules
        )
        fresh = {}
        for ticket_id in joining:
            tickets[ticket_id], held, placed = waiting.pop(ticket_id)
            rows |= {s.id: s for s in held}
            fresh |= {identity: one for identity, one in placed.items() if identity not in members}
        members |= fresh
        if most is not None and len(members) > most:
            return None
    held_by: dict[UUID, list[UUID]] = {ticket_id: [] for ticket_id in tickets}
    for sighting in rows.values():
        if sighting.ticket_id is not None:
            held_by[sighting.ticket_id].append(sighting.id)
    pinned = ticket_rows.pinned(session, held_by)
    return Neighbourhood(rows, _in_own_frame(rows, members), tickets, pinned)


def plan(context: Context, hood: Neighbourhood) -> list[Placing]:
    """Arrange a neighbourhood, and say which ticket is to hold each event.

    Tickets keep as many of their sightings as they can; among equals, the event with the first of them.
    """
    fixed = {
        ticket: kept for ticket, held in hood.pinned.items()
        if (kept := [hood.members[i] for i in sorted(held) if i in hood.members])
    }  # fmt: skip
    given = {seen.id for kept in fixed.values() for seen in kept}
    events = arrange([s for s in hood.members.values() if s.id not in given], fixed, context.kinds)
    homes = {event.id: event.id for event in events if event.id in fixed}
    homes |= _homes(hood, [e for e in events if e.id not in fixed], set(hood.tickets) - set(fixed))
    return [
        Placing(homes.get(e.id), tuple(seen.id for seen in sorted(e.sightings, key=order_of))) for e in events
    ]


def _homes(hood: Neighbourhood, events: Sequence[Event], ticket_ids: set[UUID]) -> dict[UUID, UUID]:
    """Which ticket is to hold which event, of those that have sightings in common."""
    tickets = sorted((hood.tickets[i] for i in ticket_ids), key=lambda t: (t.opened_at, t.number))
    columns = {ticket.id: column for column, ticket in enumerate(tickets)}
    common = np.zeros((len(events), len(tickets)))
    firsts: dict[UUID, tuple[datetime, int]] = {}
    for number, event in enumerate(events):
        for row in (hood.rows[seen.id] for seen in event.sightings):
            if row.ticket_id in columns:
                common[number, columns[row.ticket_id]] += 1
                came = row.received_at, number
                firsts[row.ticket_id] = min(firsts.get(row.ticket_id, came), came)
    if not common.any():
        return {}
    for ticket_id, (_, number) in firsts.items():
        common[number, columns[ticket_id]] += 0.1 / len(tickets)
    from scipy.optimize import linear_sum_assignment  # half a second, which no start should wait for

    pairs = zip(*linear_sum_assignment(common, maximize=True), strict=True)
    return {events[int(r)].id: tickets[int(c)].id for r, c in pairs if common[r, c] > 0}


def changes(hood: Neighbourhood, placings: Iterable[Placing]) -> bool:
    """Whether any sighting would come into another ticket than it is in."""
    return any(
        placing.ticket_id is None or hood.rows[sighting].ticket_id != placing.ticket_id
        for placing in placings for sighting in placing.sightings
    )  # fmt: skip


def locked_plan(
    context: Context, session: Session, seeds: Sequence[Sighting], most: int | None = MOST_AT_ONCE
) -> tuple[Neighbourhood, list[Placing]] | None:
    """Arrange, and once more with the tickets locked where something moves: a person may have acted.

    None where there are too many sightings.
    """
    hood = neighbourhood(context, session, seeds, most)
    if hood is None:
        return None
    placings = plan(context, hood)
    if _moves(hood, placings):
        ticket_rows.lock_all(session, hood.tickets)
        hood = neighbourhood(context, session, seeds, most)
        placings = plan(context, hood) if hood is not None else []
    return (hood, placings) if hood is not None else None


def _moves(hood: Neighbourhood, placings: Iterable[Placing]) -> bool:
    """Whether any sighting would leave its ticket."""
    return any(
        hood.rows[sighting].ticket_id not in (None, placing.ticket_id)
        for placing in placings for sighting in placing.sightings
    )  # fmt: skip


def sorts_of(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """Placed sightings by sort: those of crowds together, those of each other kind by itself."""
    sorts: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.placed:
            kind = SightingKind(sighting.kind)
            sorts.setdefault("crowd" if kind in CROWDS else kind.value, []).append(sighting)
    return list(sorts.values())


def _in_own_frame(rows: Mapping[UUID, Sighting], members: Mapping[UUID, Seen]) -> dict[UUID, Seen]:
    """The members in a frame that depends on them alone, not on the one that was asked about."""
    if not members:
        return {}
    first = rows[min(members.values(), key=order_of).id]
    return received_of_all((rows[i] for i in members), _frame(first))


def _frame(sighting: Sighting) -> LocalFrame:
    latitude, longitude, *_ = received_place(sighting) or (0.0, 0.0)
    return frame_near(latitude, longitude)


def _around(
    members: Iterable[Seen], frame: LocalFrame, rules: Kind
) -> tuple[tuple[float, float], tuple[float, float], datetime, datetime]:
    """The box and the time in which tickets can be connected with these."""
    members = list(members)
    places = np.array([seen.position for seen in members])
    reach = _link_m(rules) + MARGIN_M
    edge = frame.to_geodetic([places.min(axis=0) - reach, places.max(axis=0) + reach])
    window = timedelta(hours=rules.match.window_hours)
    return (
        (edge[0, 0], edge[1, 0]), (edge[0, 1], edge[1, 1]),
        min(s.first_seen_at for s in members) - window, max(s.last_seen_at for s in members) + window,
    )  # fmt: skip


def _link_m(rules: Kind) -> float:
    return LINK_OBJECTS_M if is_single(rules) else LINK_M


def _linked(members: Iterable[Seen], groups: Mapping[UUID, Iterable[Seen]], rules: Kind) -> list[UUID]:
    """The groups of which any is near a member in place and time."""
    others = list(members)
    some = [(group, seen) for group, held in groups.items() for seen in held]
    if not some:
        return []
    seen = [one for _, one in some]
    gaps = np.linalg.norm(_places(seen)[:, None] - _places(others)[None], axis=2)
    begun, ended = _seconds(seen)
    other_begun, other_ended = _seconds(others)
    window = rules.match.window_hours * 3600.0
    apart = np.maximum(begun[:, None] - other_ended[None], other_begun[None] - ended[:, None])
    linked = ((gaps <= _link_m(rules)) & (apart <= window)).any(axis=1)
    return list(dict.fromkeys(group for (group, _), near in zip(some, linked, strict=True) if near))


def _places(members: Sequence[Seen]) -> Array:
    return np.array([seen.position for seen in members])


def _seconds(members: Sequence[Seen]) -> tuple[Array, Array]:
    return (
        np.array([seen.first_seen_at.timestamp() for seen in members]),
        np.array([seen.last_seen_at.timestamp() for seen in members]),
    )
