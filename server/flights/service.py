"""Planning, launching in two steps, requests to agents, and following a flight by what the agent reports."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy.orm import Session

from missions.cameras import load_cameras
from missions.errors import PlanImpossible
from missions.messages import (
    FINAL_PHASES,
    AgentAnswer,
    AgentRequest,
    FlightLogMessage,
    FlightPhase,
    RequestKind,
    TelemetryMessage,
)
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, plan_patrol
from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.db import after_commit
from server.errors import (
    AgentBusy,
    AgentMismatch,
    AgentOffline,
    FlightNotReady,
    Invalid,
    NotFound,
    PlanNotFlyable,
    PlanRefused,
    RequestAnswered,
)
from server.fleet import repository as agents
from server.flights import repository, views
from server.flights.models import Flight, FlightRequest, LogEntry, Plan, TrackPoint
from server.flights.repository import PENDING
from server.flights.schemas import PLANNED, PlanRequestIn

TRACK_SECONDS = 1.0
REPEAT_SECONDS = 2.0
_PLANNERS = threading.BoundedSemaphore(2)

ASKABLE: dict[RequestKind, frozenset[FlightPhase]] = {
    RequestKind.PAUSE: frozenset({FlightPhase.TAKEOFF, FlightPhase.FLYING}),
    RequestKind.RESUME: frozenset({FlightPhase.PAUSED}),
    RequestKind.RETURN: frozenset(FlightPhase) - FINAL_PHASES - {FlightPhase.RETURNING},
    RequestKind.LAND: frozenset(FlightPhase) - FINAL_PHASES - {FlightPhase.LANDING},
}
"""In which phases a request makes sense. Return and land are also taken before take-off: they call it off."""


def make_plan(context: Context, request: PlanRequestIn) -> PatrolPlan:
    """Plan a patrol; takes seconds, so call it outside the event loop and without a session.

    Raises:
        Invalid: the request makes no sense.
        PlanRefused: no patrol can be planned from it.
    """
    cameras = load_cameras(context.settings.cameras_file)
    wanted = request.model_dump(exclude={"agent"}, exclude_none=True)
    try:
        with _PLANNERS:
            return plan_patrol(PlanRequest.model_validate(wanted), context.sites.site, cameras)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{where}: {first['msg']}; correct it") from error
    except PlanImpossible as error:
        finding = {"code": type(error).__name__, "severity": "error", "text": str(error)}
        raise PlanRefused(str(error), findings=[finding]) from error


def save_plan(
    context: Context, session: Session, caller: Caller, request: PlanRequestIn, plan: PatrolPlan
) -> Plan:
    row = Plan(
        name=plan.name[:128], created_at=context.now(), created_by=caller.username, agent=request.agent,
        plan=plan.model_dump(mode="json"),
    )  # fmt: skip
    session.add(row)
    session.flush()
    record(session, context.now(), caller.username, "plan.made", str(row.id), name=row.name)
    return row


def prepare(context: Context, session: Session, caller: Caller, plan_id: UUID, agent_name: str) -> Flight:
    """First step: a flight of a plan by an agent, not yet launched."""
    plan = repository.plan(session, plan_id)
    if plan is None:
        raise NotFound("there is no such plan; make one first")
    agent = agents.agent_by_name(session, agent_name)
    if agent is None:
        raise NotFound(f"there is no agent {agent_name!r}; choose one of the list of aircraft")
    _check_flyable(plan)
    flight = Flight(
        plan_id=plan.id, agent_id=agent.id, name=plan.name, phase=PLANNED, created_at=context.now(),
        created_by=caller.username,
    )  # fmt: skip
    session.add(flight)
    session.flush()
    record(session, context.now(), caller.username, "flight.planned", str(flight.id), agent=agent_name)
    views.publish(context, session, flight)
    return flight


def launch(context: Context, session: Session, caller: Caller, flight_id: UUID) -> Flight:
    """Second step: ask the agent to fly.

    Raises:
        FlightNotReady: launched before.
        PlanNotFlyable, AgentBusy, AgentOffline: see their sentences.
    """
    flight = _flight(session, flight_id)
    if flight.phase != PLANNED or flight.plan_id is None:
        raise FlightNotReady("this flight was launched already; make another one")
    plan = repository.plan(session, flight.plan_id)
    assert plan is not None
    _check_flyable(plan)
    agent = agents.agent(session, flight.agent_id)
    assert agent is not None
    now = context.now()
    if not context.board.online(context.board.seen_at(agent.id) or agent.seen_at, now):
        raise AgentOffline
    busy = repository.active_flight_of(session, agent.id)
    if busy is not None:
        raise AgentBusy(f"{agent.name} already flies {busy.name!r}; wait until it has landed")
    flight.phase, flight.launched_at, flight.launched_by = FlightPhase.REQUESTED.value, now, caller.username
    _ask(context, session, caller, flight, RequestKind.FLY)
    return flight


def ask(context: Context, session: Session, caller: Caller, flight_id: UUID, kind: RequestKind) -> Flight:
    """Ask the agent to pause, resume, return or land. Asking again while it has not answered changes nothing.

    Raises:
        FlightNotReady: the flight's phase does not allow it.
    """
    flight = _flight(session, flight_id)
    if flight.phase == PLANNED or FlightPhase(flight.phase) not in ASKABLE[kind]:
        raise FlightNotReady(f"{kind.value} is not possible while the flight is {flight.phase}")
    if not any(request.kind == kind for request in repository.pending_of(session, flight.id)):
        _ask(context, session, caller, flight, kind)
    return flight


def hand_out(context: Context, session: Session, agent_id: UUID) -> list[AgentRequest]:
    """Unanswered requests of an agent that are new to it, or were handed out a while ago."""
    now = context.now()
    due = [
        request
        for request in repository.pending_requests(session, agent_id)
        if request.handed_out_at is None
        or not 0 <= (now - request.handed_out_at).total_seconds() < REPEAT_SECONDS
    ]
    for request in due:
        request.handed_out_at = now
    return [_message(context, session, request) for request in due]


def take_answer(
    context: Context, session: Session, agent_id: UUID, agent_name: str, answer: AgentAnswer
) -> None:
    """Note what became of a request; the same answer again changes nothing.

    Raises:
        NotFound: this agent was never asked that.
        RequestAnswered: it was answered otherwise before.
    """
    request = repository.request(session, answer.request_id)
    if request is None or request.agent_id != agent_id:
        raise NotFound("there is no such request for this agent")
    state = "accepted" if answer.accepted else "refused"
    if request.state != PENDING:
        if request.state != state:
            raise RequestAnswered
        return
    request.state, request.detail, request.answered_at = state, answer.detail, answer.answered_at
    flight = _flight(session, request.flight_id)
    if request.kind == RequestKind.FLY and state == "refused":
        _move_to(context, session, flight, FlightPhase.FAILED, None)
    record(
        session, context.now(), f"agent:{agent_name}", f"request.{state}", str(request.id), kind=request.kind,
        flight=str(flight.id), detail=answer.detail,
    )  # fmt: skip
    views.publish(context, session, flight)


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
        views.publish(context, session, flight)
    elif flight.agent_id != agent_id:
        raise AgentMismatch("this flight belongs to another agent")
    return flight


def take_telemetry(
    context: Context, session: Session, agent_id: UUID, agent_name: str, message: TelemetryMessage
) -> None:
    """Keep the track, and follow the phase. Only called when there is something to store."""
    assert message.flight_id is not None
    flight = reported_flight(context, session, message.flight_id, agent_id, agent_name)
    if message.phase is not None:
        _move_to(context, session, flight, message.phase, message.at)
    last = repository.last_track_time(session, flight.id)
    if last is None or message.at - last >= timedelta(seconds=TRACK_SECONDS):
        session.add(
            TrackPoint(
                flight_id=flight.id, at=message.at, latitude=message.latitude, longitude=message.longitude,
                altitude_amsl_m=message.altitude_amsl_m,
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
            _move_to(context, session, flight, entry.phase, entry.at)
    session.flush()


def _move_to(
    context: Context, session: Session, flight: Flight, phase: FlightPhase, at: datetime | None
) -> None:
    """Follow a phase. Final phases stay, and news older than what is known changes nothing.

    Times are the agent's own: a simulated or replayed flight lives at another time than this server.
    """
    if flight.phase == phase or flight.phase in FINAL_PHASES:
        return
    if at is not None and flight.phase_at is not None and at < flight.phase_at:
        return
    flight.phase, flight.phase_at = phase.value, at or flight.phase_at
    now = context.now()
    if phase in (FlightPhase.TAKEOFF, FlightPhase.FLYING) and flight.started_at is None:
        flight.started_at = now
    if phase in FINAL_PHASES:
        flight.finished_at = now
        for request in repository.pending_of(session, flight.id):
            request.state, request.answered_at = "refused", now
            request.detail = f"the flight is {phase.value}"
    views.publish(context, session, flight)


def _flight(session: Session, flight_id: UUID) -> Flight:
    flight = repository.flight(session, flight_id, for_change=True)
    if flight is None:
        raise NotFound("there is no such flight; reload the list")
    return flight


def _check_flyable(plan: Plan) -> None:
    findings: Sequence[dict[str, object]] = plan.plan.get("findings", [])
    errors = [finding for finding in findings if finding.get("severity") == "error"]
    if errors:
        raise PlanNotFlyable(findings=errors)


def _ask(context: Context, session: Session, caller: Caller, flight: Flight, kind: RequestKind) -> None:
    now = context.now()
    session.add(
        FlightRequest(
            id=uuid4(), flight_id=flight.id, agent_id=flight.agent_id, kind=kind.value, issued_at=now,
            issued_by=caller.username, state=PENDING, detail="",
        )
    )  # fmt: skip
    name = "launch" if kind is RequestKind.FLY else kind.value
    record(session, now, caller.username, f"flight.{name}", str(flight.id))
    agent_id = flight.agent_id
    after_commit(session, lambda: context.hub.ring(agent_id))
    views.publish(context, session, flight)


def _message(context: Context, session: Session, request: FlightRequest) -> AgentRequest:
    plan = None
    if request.kind == RequestKind.FLY:
        flight = _flight(session, request.flight_id)
        row = repository.plan(session, flight.plan_id) if flight.plan_id else None
        plan = row.plan if row else None
    return AgentRequest(
        request_id=request.id, kind=RequestKind(request.kind), flight_id=request.flight_id,
        issued_at=request.issued_at, issued_by=request.issued_by, plan=plan,
        zones=context.sites.zones if request.kind == RequestKind.FLY else None,
    )  # fmt: skip
