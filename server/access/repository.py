"""Queries about people and the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.access.models import AuditEntry, SignIn, User


def user_by_name(session: Session, username: str) -> User | None:
    return session.scalar(select(User).where(func.lower(User.username) == username.lower()))


def user(session: Session, user_id: UUID) -> User | None:
    return session.get(User, user_id)


def users(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(User.username)).all()


def user_of_token(session: Session, token_hash: str, now: datetime) -> User | None:
    """The person whose valid session has this token."""
    return session.scalar(
        select(User).join(SignIn).where(
            SignIn.token_hash == token_hash, SignIn.expires_at > now, User.disabled.is_(False)
        )
    )  # fmt: skip


def end_session(session: Session, token_hash: str) -> None:
    session.execute(delete(SignIn).where(SignIn.token_hash == token_hash))


def end_sessions_of(session: Session, user_id: UUID) -> None:
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def end_expired(session: Session, now: datetime) -> None:
    session.execute(delete(SignIn).where(SignIn.expires_at <= now))


def audit_page(session: Session, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Newest first, from just before the sequence number given."""
    query = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.sequence < before)
    return session.scalars(query).all()
