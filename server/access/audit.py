"""The audit log: append-only, each line sealed with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.models import AuditEntry, AuditHead
from server.db import lock

FIRST_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of a verification; ``problem`` is empty when the log is whole."""

    ok: bool
    entries: int
    head: str
    problem: str = ""
    sequence: int | None = None


def record(
    session: Session, at: datetime, actor: str, action: str, subject: str = "", **data: Any
) -> AuditEntry:
    """Append a line within the session's transaction.

    Args:
        session: a writing session.
        at: when it happened.
        actor: user name, ``agent:NAME`` or ``system``.
        action: stable name, e.g. ``flight.launch``.
        subject: what it was done to.
        data: further facts; never passwords or tokens.
    """
    lock(session, "audit")
    head = session.get(AuditHead, 1, populate_existing=True)
    if head is None:
        head = AuditHead(id=1, sequence=0, hash=FIRST_HASH)
        session.add(head)
    entry = AuditEntry(
        sequence=head.sequence + 1, at=at, actor=actor, action=action, subject=subject,
        data=json.loads(json.dumps(data, default=str)), previous_hash=head.hash, hash="",
    )  # fmt: skip
    entry.hash = seal(entry)
    head.sequence, head.hash = entry.sequence, entry.hash
    session.add(entry)
    session.flush()
    return entry


def seal(entry: AuditEntry) -> str:
    """SHA-256 over the line's content and the previous line's hash."""
    content = json.dumps(
        [
            entry.sequence, entry.at.timestamp(), entry.actor, entry.action, entry.subject, entry.data,
            entry.previous_hash,
        ],
        sort_keys=True, ensure_ascii=False, separators=(",", ":"),
    )  # fmt: skip
    return hashlib.sha256(content.encode()).hexdigest()


def verify(session: Session) -> AuditCheck:
    """Check the whole chain: content, order, gaps and the end."""
    previous, count = FIRST_HASH, 0
    for entry in session.scalars(
        select(AuditEntry).order_by(AuditEntry.sequence).execution_options(yield_per=500)
    ):
        count += 1
        if entry.sequence != count:
            return AuditCheck(False, count, previous, f"line {count} is missing", count)
        if entry.previous_hash != previous:
            return AuditCheck(False, count, previous, f"line {count} does not follow line {count - 1}", count)
        if entry.hash != seal(entry):
            return AuditCheck(False, count, previous, f"line {count} was changed", count)
        previous = entry.hash
    head = session.get(AuditHead, 1)
    if (head.sequence, head.hash) != (count, previous) if head else count:
        return AuditCheck(False, count, previous, f"lines after {count} are missing", count + 1)
    return AuditCheck(True, count, previous)
