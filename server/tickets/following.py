"""Tickets keep in step with their sightings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from missions.kinds import Kind
from missions.messages import SightingKind, SightingState
from server.context import Context
from server.sightings import repository as sighting_rows
from server.sightings.matching import CROWDS
from server.sightings.models import Sighting
from server.tickets import timeline
from server.tickets.models import Ticket
from server.tickets.placing import follow_place
from server.tickets.states import SYSTEM, TicketState

PRIORITIES = ("urgent", "high", "normal", "low")
PICTURES = ("image/jpeg", "image/png", "image/webp")


def follow_sightings(context: Context, session: Session, ticket: Ticket, *, first: bool = False) -> None:
    """Work out the ticket's kind, place, times, confidence and reasons from its sightings."""
    session.flush()
    all_seen = sighting_rows.of_tickets(session, [ticket.id]).get(ticket.id, [])
    if not all_seen:
        return
    now = context.now()
    confirmed = [s for s in all_seen if s.state == SightingState.CONFIRMED] or all_seen
    ranked = _strongest_first(confirmed)
    strongest = ranked[0]
    _follow_kind(context, session, ticket, {SightingKind(s.kind) for s in all_seen}, now)
    ticket.sightings = len(all_seen)
    ticket.confidence = strongest.confidence
    ticket.first_seen_at = min(s.first_seen_at for s in all_seen)
    ticket.last_seen_at = max(s.last_seen_at for s in all_seen)
    ticket.why = why_in_one_line(strongest)
    ticket.thumbnail = _thumbnail(session, ranked)
    ticket.updated_at = now
    follow_place(context, session, ticket, [s for s in confirmed if s.placed], now, first=first)


def follow_thumbnail(session: Session, ticket: Ticket) -> bool:
    """Choose the thumbnail anew; whether it changed."""
    seen = sighting_rows.of_tickets(session, [ticket.id]).get(ticket.id, [])
    before, ticket.thumbnail = ticket.thumbnail, _thumbnail(session, _strongest_first(seen))
    return ticket.thumbnail != before


def _strongest_first(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Confirmed ones before retracted ones, then by confidence."""
    return sorted(
        sightings, key=lambda s: (s.state == SightingState.CONFIRMED, s.confidence, str(s.id)), reverse=True
    )


def why_in_one_line(sighting: Sighting) -> str:
    """The fulfilled reasons of a sighting, for people."""
    reasons = [r for r in sighting.reasons if r.get("fulfilled", True)] or sighting.reasons
    return "; ".join(reason.get("text") or _in_numbers(reason) for reason in reasons[:3])


def _in_numbers(reason: dict[str, Any]) -> str:
    unit = f" {reason['unit']}" if reason.get("unit") else ""
    return f"{reason['term']} {reason['value']:g}{unit} (threshold {reason['threshold']:g}{unit})"


def file_by_rule(context: Context, session: Session, ticket: Ticket, now: datetime) -> None:
    """A hazard of a kind that files itself waits for nobody."""
    kind = context.kinds[SightingKind(ticket.kind)]
    if kind.self_file and not kind.about_people:
        ticket.state = TicketState.FILED.value
        timeline.add(session, ticket, now, SYSTEM, "self_file")


def set_kind(context: Context, ticket: Ticket, kind: SightingKind) -> None:
    """Make a ticket one of this kind, with its priority; somebody has to look at it anew."""
    rules: Kind = context.kinds[kind]
    ticket.kind, ticket.priority = kind.value, rules.priority
    ticket.priority_rank = PRIORITIES.index(rules.priority)
    ticket.acknowledged_at = ticket.acknowledged_by = None


def _follow_kind(
    context: Context, session: Session, ticket: Ticket, kinds: set[SightingKind], now: datetime
) -> None:
    """A gathering in which a dispute was seen is a dispute; it stays one."""
    if ticket.kind == SightingKind.GATHERING and SightingKind.DISPUTE in kinds & CROWDS:
        set_kind(context, ticket, SightingKind.DISPUTE)
        timeline.add(session, ticket, now, SYSTEM, "kind_changed")


def _thumbnail(session: Session, sightings: Sequence[Sighting]) -> str | None:
    """The first redacted picture that has arrived, of the strongest sighting if it has one."""
    evidence = sighting_rows.evidence_of(session, {s.id for s in sightings})
    for sighting in sightings:
        for link, stored in evidence.get(sighting.id, []):
            if stored and link.redacted and link.media_type in PICTURES:
                return link.sha256
    return None
