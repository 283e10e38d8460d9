"""Which pictures people judged, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from missions.messages import EvidenceRole, SightingKind
from server.sightings import repository as sighting_rows
from server.sightings.models import EvidenceLink, SightingRevision
from server.tickets.models import Ticket, TimelineEntry
from server.tickets.states import Action, Verdict

Box = tuple[float, float, float, float]

DETECTED = {SightingKind.FIRE: "fire", SightingKind.SMOKE: "smoke"}
"""Kinds that are a class of the detector. The others are found by rules over people and vehicles: a verdict
about them says nothing about a box."""
SAME_INSTANT_S = 0.02
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class JudgedBox:
    """A box (pixels) that a person judged: ``name`` is what is there, None where ``denied`` is not there."""

    box: Box
    name: str | None
    denied: str | None = None


@dataclass(slots=True)
class JudgedPicture:
    """An untouched picture with what people said about places in it."""

    sha256: str
    captured_at: datetime
    ticket: str
    boxes: list[JudgedBox] = field(default_factory=list)
    marks: list[tuple[str, Box]] = field(default_factory=list)
    """class and box, as fractions of the picture, of what the eye had missed"""


@dataclass(frozen=True, slots=True)
class JudgedTicket:
    """A ticket with a person's verdict. ``pictures`` are those it can teach the detector with."""

    number: str
    kind: str
    verdict: Verdict | None
    found: str | None
    actor: str
    at: datetime
    note: str
    reasons: list[Any]
    pictures: list[JudgedPicture]
    without_box: int
    """untouched pictures of which no look tells where in them the thing was"""


def judged_tickets(session: Session) -> list[JudgedTicket]:
    """All tickets that people judged or marked something on, in the order of their numbers."""
    result = []
    for ticket in session.scalars(select(Ticket).order_by(Ticket.number)):
        entries = session.scalars(
            select(TimelineEntry).where(TimelineEntry.ticket_id == ticket.id).order_by(TimelineEntry.id)
        ).all()
        verdict = last_verdict(entries)
        marks = [mark for e in entries if e.kind == Action.MARK for mark in e.data.get("marks", [])]
        if verdict is not None or marks:
            result.append(_judged(session, ticket, verdict, marks))
    return result


def last_verdict(entries: Sequence[TimelineEntry]) -> TimelineEntry | None:
    """The entry with the verdict that holds: the last one since the ticket was opened again, if ever."""
    held: TimelineEntry | None = None
    for entry in entries:
        if entry.kind == Action.REOPEN:
            held = None
        elif entry.data.get("verdict"):
            held = entry
    return held


def _judged(
    session: Session, ticket: Ticket, entry: TimelineEntry | None, marks: Sequence[dict[str, Any]]
) -> JudgedTicket:
    verdict = Verdict(entry.data["verdict"]) if entry is not None else None
    found = entry.data.get("found") if entry is not None else None
    pictures: dict[str, JudgedPicture] = {}
    without_box = 0
    seen = sighting_rows.of_tickets(session, [ticket.id]).get(ticket.id, [])
    evidence = sighting_rows.evidence_of(session, [s.id for s in seen])
    for sighting in seen:
        links = [link for link, stored in evidence[sighting.id] if stored]
        originals = [
            link for link in links
            if link.role == EvidenceRole.ORIGINAL and link.media_type in PICTURE_TYPES
        ]  # fmt: skip
        boxes = _boxes(session, sighting.id)
        for original in originals:
            picture = pictures.setdefault(
                original.sha256, JudgedPicture(original.sha256, original.captured_at, ticket.number)
            )
            picture.marks += _marks_on(original, links, marks)
            judged = _judgement(SightingKind(sighting.kind), verdict, found)
            if judged is None:
                continue
            box = _at(boxes, original.captured_at)
            if box is None:
                without_box += 1
            else:
                picture.boxes.append(JudgedBox(box, *judged))
    taught = [picture for picture in pictures.values() if picture.boxes or picture.marks]
    return JudgedTicket(
        ticket.number, ticket.kind, verdict, found, entry.actor if entry else "",
        entry.at if entry else ticket.updated_at, str(entry.data.get("note", "")) if entry else "",
        seen[-1].reasons if seen else [], taught, without_box,
    )  # fmt: skip


def _judgement(
    kind: SightingKind, verdict: Verdict | None, found: str | None
) -> tuple[str | None, str | None] | None:
    """What is at the box and what is not; None where the verdict says nothing about the box."""
    name = DETECTED.get(kind)
    if name is None or verdict is None:
        return None
    if verdict is Verdict.FALSE_ALARM:
        return None, name
    if verdict is Verdict.WRONG_KIND:
        return found, name
    # A duplicate, an ordinary fire (a stove, a ritual) and one in another cell are all fires.
    return name, None


def _boxes(session: Session, sighting_id: UUID) -> list[tuple[datetime, Box]]:
    """Where the thing was in each frame that any revision tells of."""
    rows = session.scalars(select(SightingRevision).where(SightingRevision.sighting_id == sighting_id))
    return [
        (datetime.fromisoformat(look["pose"]["captured_at"]), tuple(look["box"]))
        for row in rows
        for look in row.message["looks"]
    ]


def _at(boxes: Sequence[tuple[datetime, Box]], instant: datetime) -> Box | None:
    near = min(boxes, key=lambda one: abs((one[0] - instant).total_seconds()), default=None)
    if near is None or abs((near[0] - instant).total_seconds()) > SAME_INSTANT_S:
        return None
    return near[1]


def _marks_on(
    original: EvidenceLink, links: Sequence[EvidenceLink], marks: Sequence[dict[str, Any]]
) -> list[tuple[str, Box]]:
    """Marks drawn on this picture, or on the redacted one of the same instant."""
    same = {
        link.sha256
        for link in links
        if link.media_type in PICTURE_TYPES
        and abs((link.captured_at - original.captured_at).total_seconds()) <= SAME_INSTANT_S
    }
    return [(mark["name"], tuple(mark["box"])) for mark in marks if mark["sha256"] in same]
