"""Live pictures kept for looking at a flight again: one every few seconds, for some weeks.

They are redacted before they leave the aircraft. A picture is a row, for its boxes and its age, and a JPEG in
``pictures/<flight>/<milliseconds>.jpg`` of the data directory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from missions.messages import FrameMessage
from server.access import audit
from server.context import Context
from server.flights import repository
from server.flights.models import KeptPicture

AT_ONCE = 500
"""Pictures that one sweep takes away at most."""


def milliseconds(at: datetime) -> int:
    """Since 1970; names a picture within its flight."""
    return round(at.timestamp() * 1000)


def path_of(context: Context, flight_id: UUID, at_ms: int) -> Path:
    """Where the JPEG lies, whether or not it does."""
    return context.settings.data_directory / "pictures" / str(flight_id) / f"{at_ms}.jpg"


def keep(context: Context, header: FrameMessage, jpeg: bytes) -> bool:
    """Keep a picture of a flight if the last one is old enough; returns whether it was kept."""
    every = context.settings.picture_seconds
    if not every or header.flight_id is None:
        return False
    at = header.captured_at.astimezone(UTC)
    with context.database.read() as session:
        last = repository.last_picture_time(session, header.flight_id)
    if last is not None and at - last < timedelta(seconds=every):
        return False
    path = path_of(context, header.flight_id, milliseconds(at))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg)
    boxes = [box.model_dump(mode="json") for box in header.boxes]
    with context.database.write() as session:
        session.merge(KeptPicture(flight_id=header.flight_id, at=at, received_at=context.now(), boxes=boxes))
    return True


def prune_due(context: Context) -> int:
    """Take away what is older than it is kept; returns how many pictures went."""
    before = context.now() - timedelta(days=context.settings.picture_days)
    with context.database.read() as session:
        if not repository.pictures_before(session, before, 1):
            return 0
    with context.database.write() as session:
        old = repository.pictures_before(session, before, AT_ONCE)
        for picture in old:
            path = path_of(context, picture.flight_id, milliseconds(picture.at))
            path.unlink(missing_ok=True)
            session.delete(picture)
        audit.record(
            session, context.now(), "system", "pictures.prune", before.isoformat(), pictures=len(old)
        )
    return len(old)
