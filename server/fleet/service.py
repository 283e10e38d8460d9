"""Agents: making tokens, hearing from them, showing their aircraft."""

from __future__ import annotations

from sqlalchemy.orm import Session

from missions.messages import AgentHello
from server.access.audit import record
from server.access.guard import AgentCaller
from server.access.passwords import AGENT_PREFIX, new_token, token_hash
from server.context import Context
from server.db import after_commit
from server.errors import AgentMismatch, NameTaken
from server.fleet import repository
from server.fleet.models import Agent
from server.fleet.schemas import AircraftOut
from server.flights.repository import active_flight_of

DEMO_AGENT = "demo"


def add_agent(context: Context, session: Session, name: str, actor: str, token: str | None = None) -> str:
    """Enter an agent and return its token, which is stored only as a hash.

    Raises:
        NameTaken: there is an agent of that name.
    """
    if repository.agent_by_name(session, name) is not None:
        raise NameTaken(f"there is an agent {name} already; choose another name")
    token = token or new_token(AGENT_PREFIX)
    session.add(Agent(name=name, token_hash=token_hash(token), created_at=context.now()))
    session.flush()
    record(session, context.now(), actor, "agent.added", name)
    return token


def add_demo_agent(context: Context) -> None:
    """Enter the agent whose token the environment gives, or give it the new token after a restart."""
    if context.settings.agent_token is None:
        return
    token = context.settings.agent_token.get_secret_value()
    with context.database.write() as session:
        agent = repository.demo_agent(session)
        if agent is None:
            add_agent(context, session, DEMO_AGENT, "system", token)
            agent = repository.agent_by_name(session, DEMO_AGENT)
            assert agent is not None
            agent.demo = True
        agent.token_hash = token_hash(token)


def check_name(context: Context, session: Session, caller: AgentCaller, name: str) -> str:
    """An agent speaks for itself only. The demo's own agent is called what it calls itself.

    Raises:
        AgentMismatch: the message names another agent.
    """
    if name == caller.name:
        return name
    agent = repository.agent(session, caller.id)
    taken = repository.agent_by_name(session, name) is not None
    if not context.settings.demo or agent is None or not agent.demo or taken or not 0 < len(name) <= 64:
        raise AgentMismatch(f"this token belongs to agent {caller.name!r}, the message names {name!r}")
    agent.name = name
    session.flush()
    return name


def hello(context: Context, session: Session, caller: AgentCaller, message: AgentHello) -> None:
    """Note what an agent says of its aircraft."""
    check_name(context, session, caller, message.agent)
    agent = session.get_one(Agent, caller.id)
    agent.aircraft, agent.vehicle = message.aircraft[:128], message.vehicle[:128]
    agent.camera = message.camera.model_dump(mode="json")
    agent.home = list(message.home) if message.home else None
    agent.seen_at = context.now()
    context.board.heard(agent.id, context.now())
    publish(context, session, agent)


def heard(context: Context, caller: AgentCaller) -> None:
    """A sign of life; tells the consoles when the agent was away."""
    if context.board.heard(caller.id, context.now()):
        with context.database.read() as session:
            agent = repository.agent(session, caller.id)
            if agent is not None:
                context.hub.publish("agent", aircraft_out(context, session, agent))


def aircraft_out(context: Context, session: Session, agent: Agent) -> AircraftOut:
    """An aircraft with its newest telemetry."""
    seen = context.board.seen_at(agent.id)
    seen_at = max(filter(None, (seen, agent.seen_at)), default=None)
    flight = active_flight_of(session, agent.id)
    return AircraftOut(
        agent=agent.name, name=agent.aircraft or agent.name, vehicle=agent.vehicle, camera=agent.camera,
        home=agent.home, online=context.board.online(seen_at, context.now()), seen_at=seen_at,
        flight_id=flight.id if flight else None, telemetry=context.board.telemetry(agent.id),
    )  # fmt: skip


def publish(context: Context, session: Session, agent: Agent) -> None:
    """Tell the consoles of an agent once it is stored."""
    news = aircraft_out(context, session, agent)
    after_commit(session, lambda: context.hub.publish("agent", news, replaces=f"agent {agent.id}"))
