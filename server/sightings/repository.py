"""Queries about sightings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from missions.messages import FINAL_PHASES, SightingMessage, SightingState
from server.evidence.models import EvidenceFile
from server.flights.models import Flight
from server.sightings.models import EvidenceLink, FlightAdjustment, Sighting, SightingRevision


def sighting(session: Session, sighting_id: UUID) -> Sighting | None:
    return session.get(Sighting, sighting_id)


def revision(session: Session, sighting_id: UUID, number: int) -> SightingRevision | None:
    return session.get(SightingRevision, (sighting_id, number))


def sightings(
    session: Session, *, flight_id: UUID | None = None, ticket_id: UUID | None = None, limit: int = 200
) -> Sequence[Sighting]:
    """Newest first."""
    query = select(Sighting).order_by(Sighting.received_at.desc(), Sighting.id).limit(limit)
    if flight_id is not None:
        query = query.where(Sighting.flight_id == flight_id)
    if ticket_id is not None:
        query = query.where(Sighting.ticket_id == ticket_id)
    return session.scalars(query).all()


def of_tickets(session: Session, ticket_ids: Iterable[UUID]) -> dict[UUID, list[Sighting]]:
    """The sightings of each ticket, in the order of time."""
    query = select(Sighting).where(Sighting.ticket_id.in_(list(ticket_ids)))
    result: dict[UUID, list[Sighting]] = defaultdict(list)
    for found in session.scalars(query.order_by(Sighting.first_seen_at, Sighting.id)):
        if found.ticket_id is not None:
            result[found.ticket_id].append(found)
    return result


def evidence_of(
    session: Session, sighting_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[EvidenceLink, bool]]]:
    """Each sighting's evidence in the order named, and whether its bytes have arrived."""
    query = (
        select(EvidenceLink, EvidenceFile.sha256)
        .outerjoin(EvidenceFile, EvidenceFile.sha256 == EvidenceLink.sha256)
        .where(EvidenceLink.sighting_id.in_(list(sighting_ids)))
        .order_by(EvidenceLink.id)
    )
    result: dict[UUID, list[tuple[EvidenceLink, bool]]] = defaultdict(list)
    for link, stored in session.execute(query):
        result[link.sighting_id].append((link, stored is not None))
    return result


def links(session: Session, sha256: str) -> Sequence[EvidenceLink]:
    """Every sighting's claim about a file."""
    return session.scalars(select(EvidenceLink).where(EvidenceLink.sha256 == sha256)).all()


def adjustment(session: Session, flight_id: UUID) -> FlightAdjustment | None:
    """The row of a flight's adjustment, as it stands in the database now."""
    return session.get(FlightAdjustment, flight_id, populate_existing=True)


def due_adjustments(session: Session, silent_since: datetime, flying_before: datetime) -> Sequence[UUID]:
    """Flights with views to adjust: over, silent since then, or in the air and not adjusted since then."""
    due = or_(
        Flight.phase.in_([phase.value for phase in FINAL_PHASES]),
        Flight.heard_at < silent_since,
        func.coalesce(FlightAdjustment.adjusted_at, Flight.created_at) < flying_before,
    )
    query = (
        select(FlightAdjustment.flight_id)
        .join(Flight, Flight.id == FlightAdjustment.flight_id)
        .where(FlightAdjustment.due_since.is_not(None), due)
        .order_by(FlightAdjustment.due_since, FlightAdjustment.flight_id)
    )
    return session.scalars(query).all()


def newest_messages(session: Session, flight_id: UUID) -> list[tuple[Sighting, SightingMessage]]:
    """Confirmed sightings of a flight with their newest messages, in the order in which they were seen."""
    query = (
        select(Sighting, SightingRevision.message)
        .join(
            SightingRevision,
            and_(SightingRevision.sighting_id == Sighting.id, SightingRevision.revision == Sighting.revision),
        )
        .where(Sighting.flight_id == flight_id, Sighting.state == SightingState.CONFIRMED.value)
        .order_by(Sighting.first_seen_at, Sighting.id)
    )
    return [
        (sighting, SightingMessage.model_validate(message)) for sighting, message in session.execute(query)
    ]
