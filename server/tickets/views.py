"""Tickets as the API shows them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from missions.geodesy import distance_m
from missions.kinds import Label
from missions.messages import SightingKind, SightingState
from server.access.roles import Role
from server.context import Context
from server.db import after_commit
from server.sightings import repository as sightings
from server.sightings.ellipses import circular_error_90
from server.sightings.views import covariance_of, ellipse_out, sightings_out
from server.tickets import relations, repository
from server.tickets.models import Ticket
from server.tickets.schemas import (
    Candidate,
    ProposedPlace,
    TicketLink,
    TicketNews,
    TicketOut,
    TicketSummary,
    TimelineOut,
)
from server.tickets.states import Action, TicketState, allowed_actions

OUTSIDE = Label(zh="网格外", en="outside the cells")


def summary(context: Context, ticket: Ticket) -> TicketSummary:
    return TicketSummary(sightings=ticket.sightings, **_common(context, ticket))


def detail(context: Context, session: Session, ticket: Ticket, roles: frozenset[Role]) -> TicketOut:
    """A ticket with its sightings, evidence, timeline, and what somebody with these roles may do now."""
    seen = sightings_out(session, sightings.of_tickets(session, [ticket.id]).get(ticket.id, []))
    strongest = max(
        seen, key=lambda s: (s.state is SightingState.CONFIRMED, s.confidence, str(s.id)), default=None
    )
    evidence = {item.sha256: item for sighting in seen for item in sighting.evidence}
    actions = allowed_actions(
        TicketState(ticket.state), roles, acknowledged=ticket.acknowledged_at is not None,
        place_proposed=ticket.proposed_place is not None,
    )  # fmt: skip
    home = relations.merged_into(session, ticket)
    nearby = relations.mergeable(session, ticket) if Action.MERGE in actions else []
    return TicketOut(
        **_common(context, ticket),
        reasons=strongest.reasons if strongest else [],
        sightings=seen,
        evidence=list(evidence.values()),
        candidates=[
            Candidate(
                cell=code, name=context.sites.cell_name(code) or OUTSIDE.zh, probability=round(share, 4)
            )
            for code, share in sorted(ticket.cell_probabilities.items(), key=lambda item: -item[1])
        ],
        timeline=[
            TimelineOut(
                at=entry.at, actor=entry.actor, kind=entry.kind,
                text=Label(zh=entry.text_zh, en=entry.text_en), data=entry.data,
            )
            for entry in repository.timeline(session, ticket.id)
        ],
        actions=actions if nearby else [action for action in actions if action is not Action.MERGE],
        proposed_place=_proposed(ticket),
        mergeable=[_link(other, metres) for other, metres in nearby],
        merged_into=None if home is None else _link(
            home, distance_m(ticket.latitude, ticket.longitude, home.latitude, home.longitude)
        ),
    )  # fmt: skip


def _link(ticket: Ticket, metres: float) -> TicketLink:
    return TicketLink(
        id=ticket.id, number=ticket.number, kind=ticket.kind, state=ticket.state, metres=round(metres, 1)
    )


def publish(context: Context, session: Session, ticket: Ticket, event: str, *, alert: bool = False) -> None:
    """Tell the consoles of a ticket once it is stored; ``alert`` also rings."""
    news = summary(context, ticket)
    after_commit(session, lambda: context.hub.publish("ticket", TicketNews(event=event, **news.model_dump())))
    if alert:
        data = {"ticket": news, "why": ticket.why, "thumbnail": ticket.thumbnail}
        after_commit(session, lambda: context.hub.publish("alert", data))


def _proposed(ticket: Ticket) -> ProposedPlace | None:
    found = ticket.proposed_place
    if found is None:
        return None
    metres = distance_m(ticket.latitude, ticket.longitude, found["lat"], found["lon"])
    return ProposedPlace(
        lat=found["lat"], lon=found["lon"], ce90_m=round(found["ce90_m"], 2), cell=found["cell"],
        metres=round(metres, 1),
    )  # fmt: skip


def _common(context: Context, ticket: Ticket) -> dict[str, Any]:
    covariance = covariance_of(ticket.covariance_ee_m2, ticket.covariance_en_m2, ticket.covariance_nn_m2)
    label = context.kinds[SightingKind(ticket.kind)].label
    english = context.sites.cell_name_en(ticket.cell)
    place = Label(zh=ticket.cell_name or english, en=english) if ticket.cell else OUTSIDE
    return {
        "id": ticket.id, "number": ticket.number, "kind": ticket.kind,
        "title": Label(zh=f"{label.zh} · {place.zh}", en=f"{label.en} · {place.en}"),
        "state": ticket.state, "priority": ticket.priority, "confidence": ticket.confidence,
        "cell": ticket.cell, "cell_name": ticket.cell_name, "lat": ticket.latitude, "lon": ticket.longitude,
        "ce90_m": round(circular_error_90(covariance), 2), "ellipse": ellipse_out(covariance),
        "channel": ticket.channel, "opened_at": ticket.opened_at, "updated_at": ticket.updated_at,
        "first_seen_at": ticket.first_seen_at, "last_seen_at": ticket.last_seen_at,
        "flight_id": ticket.flight_id, "thumbnail": ticket.thumbnail, "why": ticket.why,
        "acknowledged": ticket.acknowledged_at is not None, "due_at": ticket.due_at,
        "department": ticket.department,
    }  # fmt: skip
