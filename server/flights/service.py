"""Launching in two steps, and requests to agents."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from missions.messages import (
    FINAL_PHASES,
    AgentAnswer,
    AgentRequest,
    FlightPhase,
    RequestKind,
)
from missions.second_look import SECOND_LOOK, FleetRequest, LookTarget, SecondLookRequest
from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.db import after_commit
from server.errors import (
    AgentBusy,
    AgentOffline,
    FlightNotReady,
    NotFound,
    RequestAnswered,
)
from server.fleet import repository as agents
from server.flights import departures, repository, views
from server.flights.following import move_to
from server.flights.models import Flight, FlightRequest
from server.flights.planning import check_flyable
from server.flights.repository import PENDING
from server.flights.schemas import PLANNED

REPEAT_SECONDS = 2.0
ABANDONED_SECONDS = 60.0

ASKABLE: dict[RequestKind, frozenset[FlightPhase]] = {
    RequestKind.PAUSE: frozenset({FlightPhase.TAKEOFF, FlightPhase.FLYING}),
    RequestKind.RESUME: frozenset({FlightPhase.PAUSED}),
    RequestKind.RETURN: frozenset(FlightPhase) - FINAL_PHASES - {FlightPhase.RETURNING},
    RequestKind.LAND: frozenset(FlightPhase) - FINAL_PHASES - {FlightPhase.LANDING},
}
"""In which phases a request makes sense. Return and land are also taken before take-off: they call it off."""


def prepare(
    context: Context, session: Session, caller: Caller, plan_id: UUID, agent_name: str, plan_aircraft: int = 0
) -> Flight:
    """First step: a flight of a plan by an agent as one of the plan's aircraft, not yet launched."""
    plan = repository.plan(session, plan_id)
    if plan is None:
        raise NotFound("there is no such plan; make one first")
    agent = agents.agent_by_name(session, agent_name)
    if agent is None:
        raise NotFound(f"there is no agent {agent_name!r}; choose one of the list of aircraft")
    check_flyable(plan)
    departures.check_aircraft(plan, plan_aircraft)
    flight = Flight(
        plan_id=plan.id, agent_id=agent.id, name=plan.name, phase=PLANNED, created_at=context.now(),
        created_by=caller.username, plan_aircraft=plan_aircraft,
    )  # fmt: skip
    session.add(flight)
    session.flush()
    record(session, context.now(), caller.username, "flight.planned", str(flight.id), agent=agent_name)
    views.publish(context, session, flight)
    return flight


def launch(context: Context, session: Session, caller: Caller, flight_id: UUID) -> Flight:
    """Second step: ask the agent to fly.

    Raises:
        FlightNotReady: launched before, or its take-off time among the plan's aircraft has passed.
        PlanNotFlyable, AgentBusy, AgentOffline: see their sentences.
    """
    flight = _flight(session, flight_id)
    if flight.phase != PLANNED or flight.plan_id is None:
        raise FlightNotReady("this flight was launched already; make another one")
    plan = repository.plan(session, flight.plan_id)
    assert plan is not None
    check_flyable(plan)
    agent = agents.agent(session, flight.agent_id)
    assert agent is not None
    now = context.now()
    if not context.board.online(context.board.seen_at(agent.id) or agent.seen_at, now):
        raise AgentOffline
    while (busy := repository.active_flight_of(session, agent.id)) is not None:
        if not _is_abandoned(busy, now):
            raise AgentBusy(f"{agent.name} already flies {busy.name!r}; wait until it has landed")
        move_to(context, session, busy, FlightPhase.FAILED, None)
        busy.abandoned = True
        session.flush()
        record(session, now, "system", "flight.abandoned", str(busy.id))
    flight.departs_at = departures.launch_moment(context, session, flight, plan)
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


def look_again(
    context: Context, session: Session, caller: Caller, flight_id: UUID, target: LookTarget
) -> Flight:
    """Ask the agent to leave its lane and look at a place again.

    Raises:
        FlightNotReady: the flight is not on its lanes, or is asked to look at something already.
    """
    flight = _flight(session, flight_id)
    if flight.phase != FlightPhase.FLYING:
        raise FlightNotReady(f"a second look is not possible while the flight is {flight.phase}")
    if any(request.kind == SECOND_LOOK for request in repository.pending_of(session, flight.id)):
        raise FlightNotReady("a second look is asked for already; wait for its answer")
    _ask(context, session, caller, flight, SECOND_LOOK, target)
    return flight


def hand_out(context: Context, session: Session, agent_id: UUID) -> list[FleetRequest]:
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
        move_to(context, session, flight, FlightPhase.FAILED, None)
    record(
        session, context.now(), f"agent:{agent_name}", f"request.{state}", str(request.id), kind=request.kind,
        flight=str(flight.id), detail=answer.detail,
    )  # fmt: skip
    views.publish(context, session, flight)


def _is_abandoned(flight: Flight, now: datetime) -> bool:
    """Whether nothing was heard of a flight for long although its agent is there: it was restarted."""
    last = max(filter(None, (flight.heard_at, flight.launched_at, flight.created_at)))
    return (now - last).total_seconds() > ABANDONED_SECONDS


def _flight(session: Session, flight_id: UUID) -> Flight:
    flight = repository.flight(session, flight_id, for_change=True)
    if flight is None:
        raise NotFound("there is no such flight; reload the list")
    return flight


def _ask(
    context: Context, session: Session, caller: Caller, flight: Flight, kind: str,
    target: LookTarget | None = None,
) -> None:  # fmt: skip
    """Enter a request; until it is answered, its detail holds the target of a second look."""
    now = context.now()
    session.add(
        FlightRequest(
            id=uuid4(), flight_id=flight.id, agent_id=flight.agent_id, kind=str(kind), issued_at=now,
            issued_by=caller.username, state=PENDING, detail=target.model_dump_json() if target else "",
        )
    )  # fmt: skip
    name = "launch" if kind == RequestKind.FLY else str(kind)
    facts = target.model_dump(mode="json", exclude_none=True) if target else {}
    record(session, now, caller.username, f"flight.{name}", str(flight.id), **facts)
    agent_id = flight.agent_id
    after_commit(session, lambda: context.hub.ring(agent_id))
    views.publish(context, session, flight)


def _message(context: Context, session: Session, request: FlightRequest) -> FleetRequest:
    if request.kind == SECOND_LOOK:
        return SecondLookRequest(
            request_id=request.id, flight_id=request.flight_id, issued_at=request.issued_at,
            issued_by=request.issued_by, target=LookTarget.model_validate_json(request.detail),
        )  # fmt: skip
    message = AgentRequest(
        request_id=request.id, kind=RequestKind(request.kind), flight_id=request.flight_id,
        issued_at=request.issued_at, issued_by=request.issued_by,
    )  # fmt: skip
    if message.kind is not RequestKind.FLY:
        return message
    flight = _flight(session, request.flight_id)
    row = repository.plan(session, flight.plan_id) if flight.plan_id else None
    wait_s = (flight.departs_at - context.now()).total_seconds() if flight.departs_at else None
    return message.model_copy(
        update={
            "plan": row.plan if row else None, "zones": context.sites.zones,
            "plan_aircraft": flight.plan_aircraft, "launch_in_s": wait_s,
        }
    )  # fmt: skip
