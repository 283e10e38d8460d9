"""Which tickets may be one event, and where a merged one has gone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from missions.geodesy import distance_m
from missions.messages import SightingKind
from server.sightings.matching import same_sort
from server.tickets import repository
from server.tickets.models import Ticket, TimelineEntry
from server.tickets.states import Action, TicketState

BURNING = frozenset({SightingKind.FIRE, SightingKind.SMOKE})
AROUND_DEG = 0.0015
"""Tickets up to about 150 m away are proposed for merging."""
MOST_PROPOSED = 8


def may_be_one(first: str, second: str) -> bool:
    """Whether tickets of both kinds can be one event: of one sort, or fire and its smoke.

    >>> may_be_one("fire", "smoke"), may_be_one("gathering", "dispute"), may_be_one("fire", "dispute")
    (True, True, False)
    """
    kinds = SightingKind(first), SightingKind(second)
    return same_sort(*kinds) or set(kinds) <= BURNING


def merged_into(session: Session, ticket: Ticket) -> Ticket | None:
    """The ticket that holds the sightings of a merged one now."""
    if ticket.state != TicketState.MERGED:
        return None
    return led_to(session, repository.last_entry(session, ticket.id, Action.MERGE))


def mergeable(session: Session, ticket: Ticket) -> Sequence[tuple[Ticket, float]]:
    """Open tickets around that may be the same event, with their distance in metres, nearest first."""
    found = [
        (other, distance_m(ticket.latitude, ticket.longitude, other.latitude, other.longitude))
        for other in repository.open_around(session, ticket.latitude, ticket.longitude, AROUND_DEG)
        if other.id != ticket.id and may_be_one(ticket.kind, other.kind)
    ]
    return sorted(found, key=lambda pair: (pair[1], pair[0].number))[:MOST_PROPOSED]


def led_to(session: Session, entry: TimelineEntry | None) -> Ticket | None:
    """Where a merge leads, followed through later merges."""
    other: Ticket | None = None
    while entry is not None:
        other = repository.ticket(session, UUID(entry.data["into"]))
        if other is None or other.state != TicketState.MERGED:
            break
        entry = repository.last_entry(session, other.id, Action.MERGE)
    return other
