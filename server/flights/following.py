"""Following a flight by what its agent reports: phases, track and log."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from missions.messages import FINAL_PHASES, FlightLogMessage, FlightPhase, TelemetryMessage
from server.access.audit import record
from server.context import Context
from server.db import after_commit
from server.errors import AgentMismatch
from server.flights import repository, views
from server.flights.models import Flight, LogEntry, TrackPoint

TRACK_SECONDS = 1.0


def reported_flight(
    context: Context, session: Session, flight_id: UUID, agent_id: UUID, agent_name: str
) -> Flight:
    """The flight an agent speaks of; one that began elsewhere (command line, replay) is entered here.

    Raises:
        AgentMismatch: it is another agent's flight.
    """
    flight = repository.flight(session, flight_id)
    if flight is None:
        now = context.now()
        local = now.astimezone(context.settings.zone)
        flight = Flight(
            id=flight_id, agent_id=agent_id, name=f"{agent_name} {local:%m-%d %H:%M}",
            phase=FlightPhase.FLYING.value, created_at=now, created_by=f"agent:{agent_name}", started_at=now,
        )  # fmt: skip
        session.add(flight)
        session.flush()
        record(session, now, f"agent:{agent_name}", "flight.reported", str(flight.id), agent=agent_name)
        views.publish(context, session, flight)
    elif flight.agent_id != agent_id:
        raise AgentMismatch("this flight belongs to another agent")
    flight.heard_at = context.now()
    return flight


def take_telemetry(
    context: Context, session: Session, agent_id: UUID, agent_name: str, message: TelemetryMessage
) -> None:
    """Keep the track, and follow the phase. Only called when there is something to store."""
    assert message.flight_id is not None
    flight = reported_flight(context, session, message.flight_id, agent_id, agent_name)
    if message.phase is not None:
        move_to(context, session, flight, message.phase, message.at)
    last = repository.last_track_time(session, flight.id)
    if last is None or message.at - last >= timedelta(seconds=TRACK_SECONDS):
        session.add(
            TrackPoint(
                flight_id=flight.id, at=message.at, latitude=message.latitude, longitude=message.longitude,
                altitude_amsl_m=message.altitude_amsl_m, altitude_above_home_m=message.altitude_above_home_m,
                heading_deg=message.heading_deg, ground_speed_m_s=message.ground_speed_m_s,
                battery_fraction=message.battery_fraction, link_quality=message.link_quality,
                footprint=[list(corner) for corner in message.footprint] or None,
            )
        )  # fmt: skip
        session.flush()


def take_log(
    context: Context, session: Session, agent_id: UUID, agent_name: str, message: FlightLogMessage
) -> None:
    """Append log entries that are not known yet, and follow the phase they tell of."""
    flight = reported_flight(context, session, message.flight_id, agent_id, agent_name)
    session.flush()
    last = message.sequence + len(message.entries) - 1
    known = repository.log_sequences(session, flight.id, message.sequence, last)
    for sequence, entry in enumerate(message.entries, message.sequence):
        if sequence in known:
            continue
        phase = entry.phase.value if entry.phase else None
        row = LogEntry(
            flight_id=flight.id, sequence=sequence, at=entry.at, level=entry.level, code=entry.code[:64],
            text=entry.text, phase=phase,
        )  # fmt: skip
        session.add(row)
        news = {"flight_id": flight.id, "sequence": sequence, **entry.model_dump()}
        after_commit(session, partial(context.hub.publish, "log", news))
        if entry.phase is not None:
            move_to(context, session, flight, entry.phase, entry.at)
    session.flush()


def move_to(
    context: Context, session: Session, flight: Flight, phase: FlightPhase, at: datetime | None
) -> None:
    """Follow a phase. Final phases stay, and news older than what is known changes nothing.

    Times are the agent's own: a simulated or replayed flight lives at another time than this server.
    """
    if flight.phase == phase or (flight.phase in FINAL_PHASES and not flight.abandoned):
        return
    if at is not None and flight.phase_at is not None and at < flight.phase_at:
        return
    flight.phase, flight.phase_at, flight.abandoned = phase.value, at or flight.phase_at, False
    flight.finished_at = None
    now = context.now()
    if phase in (FlightPhase.TAKEOFF, FlightPhase.FLYING) and flight.started_at is None:
        flight.started_at = now
    if phase in FINAL_PHASES:
        flight.finished_at = now
        for request in repository.pending_of(session, flight.id):
            request.state, request.answered_at = "refused", now
            request.detail = f"the flight is {phase.value}"
            record(
                session, now, "system", "request.refused", str(request.id), kind=request.kind,
                flight=str(flight.id), detail=f"never answered: {request.detail}",
            )  # fmt: skip
    views.publish(context, session, flight)
