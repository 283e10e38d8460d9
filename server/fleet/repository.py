"""Queries about agents."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.fleet.models import Agent


def agent_by_token_hash(session: Session, token_hash: str) -> Agent | None:
    return session.scalar(select(Agent).where(Agent.token_hash == token_hash))


def agent_by_name(session: Session, name: str) -> Agent | None:
    return session.scalar(select(Agent).where(Agent.name == name))


def demo_agent(session: Session) -> Agent | None:
    return session.scalar(select(Agent).where(Agent.demo))


def agent(session: Session, agent_id: UUID) -> Agent | None:
    return session.get(Agent, agent_id)


def agents(session: Session) -> Sequence[Agent]:
    return session.scalars(select(Agent).order_by(Agent.name)).all()
