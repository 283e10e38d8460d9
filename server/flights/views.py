"""Flights as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from missions.plan import PatrolPlan
from server.context import Context
from server.db import after_commit
from server.fleet.models import Agent
from server.flights import repository
from server.flights.departures import first_delay_s
from server.flights.models import Flight, FlightRequest
from server.flights.repository import PENDING
from server.flights.schemas import FlightOut, PlanFigures, RequestOut


def flights_out(session: Session, flights: Sequence[Flight]) -> list[FlightOut]:
    """Flights with their requests, number of tickets and plan figures."""
    ids = [flight.id for flight in flights]
    requests = repository.requests_of(session, ids)
    tickets = repository.tickets_per_flight(session, ids)
    return [
        _flight_out(session, flight, requests.get(flight.id, []), tickets.get(flight.id, 0))
        for flight in flights
    ]


def flight_out(session: Session, flight: Flight) -> FlightOut:
    return flights_out(session, [flight])[0]


def publish(context: Context, session: Session, flight: Flight) -> None:
    """Tell the consoles of a flight once it is stored."""
    session.flush()
    news = flight_out(session, flight)
    after_commit(session, lambda: context.hub.publish("flight", news, replaces=f"flight {flight.id}"))


def _flight_out(
    session: Session, flight: Flight, requests: Sequence[FlightRequest], tickets: int
) -> FlightOut:
    agent = session.get_one(Agent, flight.agent_id)
    row = repository.plan(session, flight.plan_id) if flight.plan_id else None
    plan = PatrolPlan.model_validate(row.plan) if row else None
    takes_off_at = None
    if flight.departs_at is not None and plan is not None:
        takes_off_at = flight.departs_at + timedelta(seconds=first_delay_s(plan, flight.plan_aircraft))
    return FlightOut(
        id=flight.id, plan_id=flight.plan_id, agent=agent.name, aircraft=agent.aircraft or agent.name,
        name=flight.name, phase=flight.phase, created_at=flight.created_at, created_by=flight.created_by,
        launched_at=flight.launched_at, launched_by=flight.launched_by, finished_at=flight.finished_at,
        plan_aircraft=flight.plan_aircraft, departs_at=flight.departs_at, takes_off_at=takes_off_at,
        requests=[
            RequestOut(
                request_id=request.id, kind=request.kind, issued_at=request.issued_at,
                issued_by=request.issued_by, state=request.state,
                detail="" if request.state == PENDING else request.detail,
                answered_at=request.answered_at,
            )
            for request in requests
        ],
        tickets=tickets,
        plan=PlanFigures.of(plan) if plan else None,
    )  # fmt: skip
