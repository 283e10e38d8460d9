"""How long the ledger of ground seen is kept.

It tells where aircraft looked and when, and nothing of people; all the same it is not kept for ever. What a
flight saw of a tile goes as a whole, ``SKYBEAT_SEEN_DAYS`` after its last look, never before the longest
service level in force has run out. The server does it by itself, ``skybeat seen prune`` on request; each
pruning that takes something away stands in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.access import audit
from server.context import Context
from server.seen import repository
from server.seen.service import reference_time

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was, or would be, taken away: ``tiles`` of ``flights`` last looked at before ``before``."""

    before: datetime
    tiles: int
    flights: int


def kept_days(context: Context, days: float | None = None) -> float:
    """Days that the ledger is kept: as asked or as set, and as long as any service level counts."""
    levels = context.service_levels
    longest_hours = max(level.hours for level in (levels.default, *levels.rules.values()))
    return max(context.settings.seen_days if days is None else days, longest_hours / 24)


def prune(
    context: Context, session: Session, actor: str = SYSTEM, days: float | None = None, *, dry: bool = False
) -> Pruned:
    """Take away what is older than it is kept.

    Args:
        days: instead of the setting; never less than the longest service level.
        dry: only count.
    """
    kept = kept_days(context, days)
    before = reference_time(context, session, None) - timedelta(days=kept)
    tiles, flights = repository.count_before(session, before)
    if tiles and not dry:
        repository.delete_before(session, before)
        audit.record(
            session, context.now(), actor, "seen.prune", before.isoformat(), tiles=tiles, flights=flights,
            days=kept,
        )  # fmt: skip
    return Pruned(before, tiles, flights)


def prune_due(context: Context) -> int:
    """The server's own pruning; returns how many tiles went."""
    with context.database.read() as session:
        if not prune(context, session, dry=True).tiles:
            return 0
    with context.database.write() as session:
        return prune(context, session).tiles
