"""Taking evidence from agents, and showing it: redacted to all, originals to few, for a reason, on record."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.db import lock
from server.errors import EvidenceMismatch, Invalid, LinkExpired, NotFound, OriginalNeedsReason, TooLarge
from server.evidence.models import EvidenceFile
from server.evidence.store import NAME, Incoming
from server.sightings import repository as sightings
from server.sightings.models import EvidenceLink
from server.tickets import repository as tickets
from server.tickets import views
from server.tickets.following import follow_thumbnail

MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "video/mp4", "video/mp2t"})


class EvidenceReceipt(BaseModel):
    """What the server says of a delivered file."""

    sha256: str
    bytes: int
    state: Literal["stored", "known"]


async def take_file(context: Context, agent_id: UUID, sha256: str, request: Request) -> EvidenceReceipt:
    """Store the body of a request. Delivering a file again changes nothing.

    Raises:
        Invalid: no SHA-256 in the address, or no known media type.
        EvidenceMismatch: the bytes have another hash.
        TooLarge: more bytes than allowed.
    """
    if not NAME.fullmatch(sha256):
        raise Invalid("the address must end in a SHA-256 of 64 lower-case hexadecimal digits")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise Invalid(f"unknown media type {media_type!r}; send one of {', '.join(sorted(MEDIA_TYPES))}")
    limit = context.settings.max_evidence_bytes
    with context.evidence.receive() as incoming:
        async for chunk in request.stream():
            if incoming.bytes + len(chunk) > limit:
                raise TooLarge(f"a piece of evidence may have {limit} bytes; cut the clip shorter")
            await run_in_threadpool(incoming.write, chunk)
        return await run_in_threadpool(_keep, context, agent_id, sha256, media_type, incoming)


def _keep(
    context: Context, agent_id: UUID, sha256: str, media_type: str, incoming: Incoming
) -> EvidenceReceipt:
    if incoming.finish() != sha256:
        raise EvidenceMismatch
    if incoming.bytes == 0:
        raise Invalid("the file is empty; send its bytes")
    with context.database.read() as session:
        known = session.get(EvidenceFile, sha256)
    if known is not None and context.evidence.path(sha256).is_file():
        return EvidenceReceipt(sha256=sha256, bytes=known.bytes, state="known")
    context.evidence.keep(incoming, sha256)
    with context.database.write() as session:
        lock(session, "sightings")
        if session.get(EvidenceFile, sha256) is None:
            session.add(
                EvidenceFile(
                    sha256=sha256, bytes=incoming.bytes, media_type=media_type, stored_at=context.now(),
                    agent_id=agent_id,
                )
            )  # fmt: skip
            session.flush()
            _show_on_tickets(context, session, sightings.links(session, sha256))
    return EvidenceReceipt(sha256=sha256, bytes=incoming.bytes, state="stored")


def _show_on_tickets(context: Context, session: Session, links: Sequence[EvidenceLink]) -> None:
    """A picture that arrives may be the thumbnail that a ticket waits for."""
    for link in links:
        sighting = sightings.sighting(session, link.sighting_id)
        if sighting is None or sighting.ticket_id is None:
            continue
        ticket = tickets.ticket(session, sighting.ticket_id, for_change=True)
        if ticket is not None and follow_thumbnail(session, ticket):
            views.publish(context, session, ticket, "updated")


def redacted_file(session: Session, sha256: str) -> EvidenceFile:
    """A file that everybody may see.

    Raises:
        NotFound: it has not arrived, or belongs to nothing.
        OriginalNeedsReason: at least one sighting says that people can be recognised in it.
    """
    file = _file(session, sha256)
    if not all(link.redacted for link in sightings.links(session, sha256)):
        raise OriginalNeedsReason
    return file


def original_link(context: Context, session: Session, caller: Caller, sha256: str, reason: str) -> str:
    """A link to an original, for this person, for a short time; who asked and why goes into the audit log."""
    _file(session, sha256)
    now = context.now()
    expires = int(now.timestamp() + context.settings.original_link_seconds)
    subjects = sorted({str(link.sighting_id) for link in sightings.links(session, sha256)})
    record(session, now, caller.username, "evidence.original", sha256, reason=reason, sightings=subjects)
    signature = _sign(context.secret, sha256, caller.id, expires)
    return f"/api/v1/evidence/{sha256}/original?expires={expires}&signature={signature}"


def original_file(
    context: Context, session: Session, caller: Caller, sha256: str, expires: int, signature: str
) -> EvidenceFile:
    """The original behind a link.

    Raises:
        LinkExpired: the link is too old, was made for somebody else, or was tampered with.
    """
    right = _sign(context.secret, sha256, caller.id, expires)
    if not hmac.compare_digest(right, signature) or _past(context.now(), expires):
        raise LinkExpired
    return _file(session, sha256)


def _past(now: datetime, expires: int) -> bool:
    return now.timestamp() > expires


def _sign(secret: bytes, sha256: str, user_id: UUID, expires: int) -> str:
    return hmac.new(secret, f"{sha256} {user_id} {expires}".encode(), hashlib.sha256).hexdigest()


def _file(session: Session, sha256: str) -> EvidenceFile:
    file = session.get(EvidenceFile, sha256) if NAME.fullmatch(sha256) else None
    if file is None or not sightings.links(session, sha256):
        raise NotFound("this piece of evidence has not arrived yet")
    return file
