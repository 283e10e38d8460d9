"""Queries about plans, flights, requests, tracks and logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from missions.messages import FINAL_PHASES
from server.flights.models import Flight, FlightRequest, KeptPicture, LogEntry, Plan, TrackPoint
from server.flights.schemas import PLANNED
from server.sightings.models import Sighting
from server.tickets.models import Ticket
from server.tickets.states import TicketState

PENDING = "pending"
NOT_STANDING = (TicketState.REJECTED, TicketState.MERGED)
AT_REST = [PLANNED, *sorted(FINAL_PHASES)]


def plan(session: Session, plan_id: UUID) -> Plan | None:
    return session.get(Plan, plan_id)


def plans(session: Session, limit: int) -> Sequence[Plan]:
    """Newest first."""
    return session.scalars(select(Plan).order_by(Plan.created_at.desc(), Plan.id).limit(limit)).all()


def flight(session: Session, flight_id: UUID, *, for_change: bool = False) -> Flight | None:
    query = select(Flight).where(Flight.id == flight_id)
    if for_change:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def flights(session: Session, *, active: bool | None, limit: int) -> Sequence[Flight]:
    """Newest first; ``active`` selects those in the air or on their way there."""
    query = select(Flight).order_by(Flight.created_at.desc(), Flight.id).limit(limit)
    if active is not None:
        query = query.where(Flight.phase.not_in(AT_REST) if active else Flight.phase.in_(AT_REST))
    return session.scalars(query).all()


def active_flight_of(session: Session, agent_id: UUID) -> Flight | None:
    """The newest flight of the agent that is neither planned only nor over."""
    query = select(Flight).where(Flight.agent_id == agent_id, Flight.phase.not_in(AT_REST))
    return session.scalar(query.order_by(Flight.created_at.desc()).limit(1))


def under_way_of_plan(session: Session, plan_id: UUID) -> Sequence[Flight]:
    """Flights of a plan that are neither planned only nor over."""
    query = select(Flight).where(Flight.plan_id == plan_id, Flight.phase.not_in(AT_REST))
    return session.scalars(query.order_by(Flight.launched_at, Flight.id)).all()


def requests_of(session: Session, flight_ids: Iterable[UUID]) -> dict[UUID, list[FlightRequest]]:
    query = select(FlightRequest).where(FlightRequest.flight_id.in_(list(flight_ids)))
    result: dict[UUID, list[FlightRequest]] = defaultdict(list)
    for request in session.scalars(query.order_by(FlightRequest.issued_at, FlightRequest.id)):
        result[request.flight_id].append(request)
    return result


def request(session: Session, request_id: UUID) -> FlightRequest | None:
    return session.scalar(
        select(FlightRequest)
        .where(FlightRequest.id == request_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def pending_requests(session: Session, agent_id: UUID) -> Sequence[FlightRequest]:
    query = select(FlightRequest).where(FlightRequest.agent_id == agent_id, FlightRequest.state == PENDING)
    return session.scalars(query.order_by(FlightRequest.issued_at, FlightRequest.id)).all()


def pending_of(session: Session, flight_id: UUID) -> Sequence[FlightRequest]:
    query = select(FlightRequest).where(FlightRequest.flight_id == flight_id, FlightRequest.state == PENDING)
    return session.scalars(query).all()


def tickets_per_flight(session: Session, flight_ids: Iterable[UUID]) -> dict[UUID, int]:
    query = (
        select(Ticket.flight_id, func.count())
        .where(Ticket.flight_id.in_(list(flight_ids)))
        .group_by(Ticket.flight_id)
    )
    return {flight_id: count for flight_id, count in session.execute(query) if flight_id is not None}


def standing_tickets(session: Session, flight_id: UUID) -> Sequence[Ticket]:
    """Tickets with a sighting of this flight that nobody has rejected or merged, in the order of seeing."""
    of_flight = select(Sighting.ticket_id).where(Sighting.flight_id == flight_id)
    query = select(Ticket).where(
        or_(Ticket.id.in_(of_flight), Ticket.flight_id == flight_id), Ticket.state.not_in(NOT_STANDING)
    )
    return session.scalars(query.order_by(Ticket.first_seen_at, Ticket.id)).all()


def last_track_time(session: Session, flight_id: UUID) -> datetime | None:
    return session.scalar(select(func.max(TrackPoint.at)).where(TrackPoint.flight_id == flight_id))


def track(session: Session, flight_id: UUID) -> Sequence[TrackPoint]:
    query = select(TrackPoint).where(TrackPoint.flight_id == flight_id).order_by(TrackPoint.at)
    return session.scalars(query).all()


def last_picture_time(session: Session, flight_id: UUID) -> datetime | None:
    return session.scalar(select(func.max(KeptPicture.at)).where(KeptPicture.flight_id == flight_id))


def pictures(session: Session, flight_id: UUID) -> Sequence[KeptPicture]:
    query = select(KeptPicture).where(KeptPicture.flight_id == flight_id).order_by(KeptPicture.at)
    return session.scalars(query).all()


def pictures_before(session: Session, received_before: datetime, limit: int) -> Sequence[KeptPicture]:
    """Kept pictures that arrived before an instant, oldest first."""
    query = select(KeptPicture).where(KeptPicture.received_at < received_before)
    return session.scalars(query.order_by(KeptPicture.received_at).limit(limit)).all()


def log(session: Session, flight_id: UUID, after: int, limit: int) -> Sequence[LogEntry]:
    query = select(LogEntry).where(LogEntry.flight_id == flight_id, LogEntry.sequence > after)
    return session.scalars(query.order_by(LogEntry.sequence).limit(limit)).all()


def log_sequences(session: Session, flight_id: UUID, first: int, last: int) -> set[int]:
    """Which entries are known already."""
    query = select(LogEntry.sequence).where(
        LogEntry.flight_id == flight_id, LogEntry.sequence.between(first, last)
    )
    return set(session.scalars(query))
