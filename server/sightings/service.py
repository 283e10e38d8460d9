"""A sighting comes in: placed, matched with what is known, and turned into a ticket where it is new."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from missions.messages import SightingMessage, SightingReceipt, SightingState
from server.context import Context
from server.db import after_commit, lock
from server.errors import AgentMismatch
from server.flights.following import reported_flight
from server.sightings import repository
from server.sightings.belonging import note_crowds, open_event_of
from server.sightings.geotag import Limits, NotPlaced, Placement, frame_near, place, seen_towards
from server.sightings.holding import after_moves, join, move, open_for_moved, place_anew, rearrange
from server.sightings.matching import CROWDS, GATE, Decision
from server.sightings.models import EvidenceLink, Sighting, SightingRevision
from server.sightings.readjustment import note_revision
from server.sightings.views import sighting_covariance, sightings_out
from server.tickets import repository as ticket_rows
from server.tickets import timeline, views
from server.tickets.following import follow_sightings
from server.tickets.models import Ticket
from server.tickets.placing import cells_of, is_adjusted, most_probable
from server.tickets.states import SYSTEM


def receive(
    context: Context, session: Session, agent_id: UUID, agent_name: str, message: SightingMessage
) -> SightingReceipt:
    """Take a sighting. Taking the same ``(sighting_id, revision)`` again changes nothing.

    The geometry is done before the database is locked.

    Raises:
        AgentMismatch: another agent reported this sighting first.
    """
    limits = Limits(max_ce90_m=context.settings.max_ce90_m, terrain_sigma_m=context.settings.terrain_sigma_m)
    placement = _within_cells(context, place(message.looks, context.sites.site.terrain, limits), message)
    lock(session, "sightings")
    sighting = repository.sighting(session, message.sighting_id)
    if sighting is not None and sighting.agent_id != agent_id:
        raise AgentMismatch("another agent reported this sighting; give each sighting an id of its own")
    if sighting is not None and sighting.revision >= message.revision:
        context.metrics.sightings.labels(message.kind, "repeated").inc()
        return _known_receipt(session, sighting, message)
    if message.flight_id is not None:
        reported_flight(context, session, message.flight_id, agent_id, agent_name)
    before = sighting.state if sighting is not None else None
    sighting = _store(context, session, agent_id, message, placement, sighting)
    ticket, opened = _link(context, session, sighting, before)
    session.add(
        SightingRevision(
            sighting_id=sighting.id, revision=message.revision, received_at=context.now(),
            message=message.model_dump(mode="json"), opened_ticket=opened,
        )
    )  # fmt: skip
    session.flush()
    if message.flight_id is not None:
        note_revision(context, session, message.flight_id)
    outcome = "opened" if opened else "joined" if ticket else "kept"
    context.metrics.sightings.labels(message.kind, outcome).inc()
    news = sightings_out(session, [sighting])[0]
    after_commit(session, lambda: context.hub.publish("sighting", news))
    return _receipt(session, sighting, message.revision, opened)


def _within_cells(
    context: Context, placement: Placement | NotPlaced, message: SightingMessage
) -> Placement | NotPlaced:
    """The placement, unless its ellipse is wider than two cells of the size of its own."""
    if isinstance(placement, NotPlaced):
        return placement
    grid = context.sites.grid
    code = grid.locate(placement.latitude, placement.longitude)
    side_m = grid.cell(code).area_m2 ** 0.5 if code is not None else float("inf")
    if placement.ellipse.semi_major_m <= side_m:
        return placement
    return NotPlaced(
        f"its ellipse is {2 * placement.ellipse.semi_major_m:.0f} m long, wider than two cells of "
        f"{side_m:.0f} m; {seen_towards(message.looks)}"
    )


def _store(
    context: Context,
    session: Session,
    agent_id: UUID,
    message: SightingMessage,
    placement: Placement | NotPlaced,
    sighting: Sighting | None,
) -> Sighting:
    """Write the newest revision into the sighting's row."""
    now = context.now()
    if sighting is None:
        sighting = Sighting(id=message.sighting_id, agent_id=agent_id, received_at=now)
        session.add(sighting)
    sighting.revision, sighting.updated_at = message.revision, now
    sighting.kind, sighting.state = message.kind.value, message.state.value
    sighting.confidence, sighting.source = message.confidence, message.source
    sighting.flight_id, sighting.track_id = message.flight_id, message.track_id
    sighting.first_seen_at, sighting.last_seen_at = message.first_seen_at, message.last_seen_at
    sighting.people_count, sighting.zone = message.people_count, message.zone
    sighting.reasons = [reason.model_dump(mode="json") for reason in message.reasons]
    sighting.weights, sighting.views = message.weights[:128], len(message.looks)
    _store_place(context, sighting, placement)
    session.flush()
    known = {link.sha256 for link, _ in repository.evidence_of(session, [sighting.id]).get(sighting.id, [])}
    for item in message.evidence:
        if item.sha256 not in known:
            known.add(item.sha256)
            session.add(
                EvidenceLink(sighting_id=sighting.id, **{**item.model_dump(), "role": item.role.value})
            )
    session.flush()
    return sighting


def _store_place(context: Context, sighting: Sighting, placement: Placement | NotPlaced) -> None:
    if isinstance(placement, NotPlaced):
        sighting.placed, sighting.note = False, f"not placed: {placement.reason}"
        sighting.received_place = None
        sighting.latitude = sighting.longitude = sighting.altitude_amsl_m = None
        sighting.covariance_ee_m2 = sighting.covariance_en_m2 = sighting.covariance_nn_m2 = None
        sighting.cell, sighting.cell_probabilities = None, {}
        return
    covariance = placement.covariance_m2
    keeps = _agrees_with_adjusted(sighting, placement)
    sighting.placed, sighting.note = True, placement.note
    sighting.altitude_amsl_m = placement.altitude_amsl_m
    sighting.received_place = [
        placement.latitude, placement.longitude,
        *(float(covariance[i, j]) for i, j in ((0, 0), (0, 1), (1, 1))),
    ]  # fmt: skip
    if sighting.first_place is None and sighting.kind in CROWDS:
        sighting.first_place = [placement.latitude, placement.longitude]
    if keeps:  # the next adjustment takes the new looks in; until then its place does not go to and fro
        return
    sighting.latitude, sighting.longitude = placement.latitude, placement.longitude
    sighting.covariance_ee_m2, sighting.covariance_en_m2 = float(covariance[0, 0]), float(covariance[0, 1])
    sighting.covariance_nn_m2 = float(covariance[1, 1])
    sighting.cell_probabilities = cells_of(
        context.sites.grid, placement.latitude, placement.longitude, covariance
    )
    sighting.cell = most_probable(sighting.cell_probabilities)


def _agrees_with_adjusted(sighting: Sighting, placement: Placement) -> bool:
    """Whether a sighting has a place from its flight's adjustment that newer looks do not contradict."""
    known = sighting_covariance(sighting)
    if known is None or sighting.latitude is None or sighting.longitude is None or not is_adjusted(sighting):
        return False
    frame = frame_near(placement.latitude, placement.longitude)
    places = frame.to_enu([placement.latitude, sighting.latitude], [placement.longitude, sighting.longitude])
    gap = places[1, :2] - places[0, :2]
    return bool(gap @ np.linalg.solve(known + placement.covariance_m2, gap) <= GATE)


def _link(
    context: Context, session: Session, sighting: Sighting, before: str | None
) -> tuple[Ticket | None, bool]:
    """Bring the sighting and its ticket together; returns the ticket and whether it is new."""
    if sighting.ticket_id is not None:
        ticket = ticket_rows.ticket(session, sighting.ticket_id, for_change=True)
        assert ticket is not None
        _update(context, session, ticket, sighting, before)
        if sighting.kind not in CROWDS:  # that they grow together is told, and a person decides
            rearrange(context, session, [sighting])
        return ticket_rows.ticket(session, sighting.ticket_id), False
    if sighting.state == SightingState.RETRACTED:
        sighting.note = "; ".join(filter(None, [sighting.note, "withdrawn before a ticket was opened"]))
        return None, False
    if not sighting.placed:
        return None, False
    if rearrange(context, session, [sighting]):
        return _joined(context, session, sighting)
    decision, tickets = open_event_of(context, session, sighting)  # too many to arrange all at once
    _apply_moves(context, session, decision, tickets)
    if decision.event_id is None:
        return place_anew(context, session, sighting)
    join(context, session, tickets[decision.event_id], sighting)
    return tickets[decision.event_id], False


def _joined(context: Context, session: Session, sighting: Sighting) -> tuple[Ticket | None, bool]:
    """The ticket that a newcomer is in now, and whether it is new."""
    assert sighting.ticket_id is not None
    ticket = ticket_rows.ticket(session, sighting.ticket_id)
    assert ticket is not None
    entry = ticket_rows.last_entry(session, ticket.id, "opened")
    return ticket, entry is not None and entry.data.get("sighting") == str(sighting.id)


def _update(
    context: Context, session: Session, ticket: Ticket, sighting: Sighting, before: str | None
) -> None:
    """A newer revision of a sighting that the ticket has already."""
    kind = ticket.kind
    follow_sightings(context, session, ticket)
    if before != sighting.state:
        what = "sighting_retracted" if sighting.state == SightingState.RETRACTED else "sighting_confirmed"
        timeline.add(session, ticket, context.now(), SYSTEM, what, sighting=str(sighting.id))
    note_crowds(context, session, ticket, sighting)
    views.publish(context, session, ticket, "updated", alert=ticket.kind != kind)


def _apply_moves(context: Context, session: Session, decision: Decision, tickets: dict[UUID, Ticket]) -> None:
    """Move sightings that turned out to belong elsewhere; their old tickets keep at least one."""
    followers: dict[UUID, Ticket] = {}
    for step in decision.moves:
        target = tickets[step.event_id] if step.event_id is not None else None
        for sighting_id in step.sightings:
            sighting = repository.sighting(session, sighting_id)
            if sighting is None or sighting.ticket_id is None:
                continue
            source = tickets[sighting.ticket_id]
            if target is None:
                target = open_for_moved(context, session, sighting, source)
            else:
                move(context, session, sighting, source, target)
            followers |= {source.id: source, target.id: target}
    after_moves(context, session, followers.values())


def _known_receipt(session: Session, sighting: Sighting, message: SightingMessage) -> SightingReceipt:
    """The same answer as the first time; an outdated revision that never came is not needed any more."""
    revision = repository.revision(session, message.sighting_id, message.revision)
    receipt = _receipt(session, sighting, message.revision, revision is not None and revision.opened_ticket)
    if revision is None:
        note = f"revision {sighting.revision} is known already; this older one was not needed"
        return receipt.model_copy(update={"note": note})
    return receipt


def _receipt(session: Session, sighting: Sighting, revision: int, opened: bool) -> SightingReceipt:
    evidence = repository.evidence_of(session, [sighting.id]).get(sighting.id, [])
    return SightingReceipt(
        sighting_id=sighting.id, revision=revision,
        ticket_id=str(sighting.ticket_id) if sighting.ticket_id else None, new_ticket=opened,
        missing_evidence=[link.sha256 for link, stored in evidence if not stored], note=sighting.note,
    )  # fmt: skip
