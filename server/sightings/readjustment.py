"""All views of a flight are adjusted together: in the air, when it is over, and when a late one comes.

What is due stands in ``FlightAdjustment`` and is swept, so that a restart loses nothing. An adjustment always
begins with the looks as they were received, never with an earlier adjustment, so doing it again changes
nothing. The geometry is done before the database is locked; when another sighting comes in meanwhile, the
result is dropped and the flight stays due.

Crowds are left out: people walk, and what moves says nothing about the errors of a pose.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from missions.geodesy import Array, distance_m
from missions.messages import Look, SightingKind, SightingMessage
from server.context import Context
from server.db import lock
from server.sightings import repository
from server.sightings.adjustment import adjust, moments_of
from server.sightings.ellipses import circular_error_90
from server.sightings.geotag import Limits, look_at_ground
from server.sightings.holding import rearrange
from server.sightings.matching import CROWDS, is_single
from server.sightings.models import FlightAdjustment, Sighting
from server.sightings.rearranging import changes, neighbourhood, plan, sorts_of
from server.sightings.views import covariance_of
from server.tickets import repository as ticket_rows
from server.tickets import timeline, views
from server.tickets.following import follow_sightings
from server.tickets.models import Ticket
from server.tickets.placing import (
    MEANINGFUL_M,
    cells_of,
    is_adjusted,
    most_probable,
    received_place,
    ticket_ce90_m,
)
from server.tickets.states import SYSTEM

logger = logging.getLogger(__name__)

SILENT = timedelta(minutes=5)
"""A flight that nothing was heard of for so long is taken as over."""
EVERY = timedelta(seconds=15)
"""So often in the air, while there is news."""
MOST_THINGS = 250
"""Adjusted together; longer flights are cut into pieces, in the order in which things were first seen."""


@dataclass(frozen=True, slots=True)
class SeenThing:
    """What one thing looked like from a flight: its sightings and all their looks, in the order of time."""

    sightings: tuple[UUID, ...]
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class AdjustedThing:
    """Where a thing is after the adjustment; covariance (2, 2) in m2, east and north."""

    sightings: tuple[UUID, ...]
    latitude: float
    longitude: float
    covariance_m2: Array


def note_revision(context: Context, session: Session, flight_id: UUID) -> None:
    """A sighting of this flight has come in: its views are to be adjusted (again) when it is over."""
    row = repository.adjustment(session, flight_id)
    if row is None:
        row = FlightAdjustment(flight_id=flight_id, revisions=0, things=0, views=0)
        session.add(row)
    row.revisions += 1
    row.due_since = context.now()
    session.flush()


def adjust_due(context: Context) -> int:
    """Adjust every flight that has news, in the air from time to time; returns how many."""
    now = context.now()
    with context.database.read() as session:
        due = repository.due_adjustments(session, now - SILENT, now - EVERY)
    return sum(adjust_flight(context, flight_id) for flight_id in due)


def adjust_flight(context: Context, flight_id: UUID) -> bool:
    """Adjust one flight; False when another sighting came in meanwhile and it has to be done again."""
    _rearrange(context, flight_id)
    with context.database.read() as session:
        row = repository.adjustment(session, flight_id)
        if row is None:
            return False
        revisions = row.revisions
        things = _things(context, session, flight_id)
    limits = Limits(max_ce90_m=context.settings.max_ce90_m, terrain_sigma_m=context.settings.terrain_sigma_m)
    adjusted: list[AdjustedThing] = []
    scatters: list[float] = []
    for first in range(0, len(things), MOST_THINGS):
        found, scatter = _adjust(context, things[first : first + MOST_THINGS], limits)
        adjusted += found
        scatters.append(scatter)
    with context.database.write() as session:
        lock(session, "sightings")
        row = repository.adjustment(session, flight_id)
        if row is None or row.revisions != revisions:
            return False
        now = context.now()
        _store(context, session, [*adjusted, *_left_out(session, things, adjusted)], now)
        row.due_since, row.adjusted_at = None, now
        row.things, row.views = len(things), sum(len(thing.looks) for thing in things)
        row.scatter = max(scatters, default=None)
    return True


def _rearrange(context: Context, flight_id: UUID) -> None:
    """What was too much to arrange while flying is arranged now, if that changes anything."""
    with context.database.read() as session:
        sorts = sorts_of(sighting for sighting, _ in repository.newest_messages(session, flight_id))
        changing = [
            [sighting.id for sighting in seeds] for seeds in sorts
            if (hood := neighbourhood(context, session, seeds, most=None)) is not None
            and changes(hood, plan(context, hood))
        ]  # fmt: skip
    for seeds in changing:
        with context.database.write() as session:
            lock(session, "sightings")
            rows = [repository.sighting(session, identity) for identity in seeds]
            rearrange(context, session, [row for row in rows if row is not None and row.placed], most=None)


def _things(context: Context, session: Session, flight_id: UUID) -> list[SeenThing]:
    """The standing things of a flight; sightings of one track, or of one single object, are one thing."""
    groups: dict[tuple[str, object], list[tuple[Sighting, SightingMessage]]] = {}
    for sighting, message in repository.newest_messages(session, flight_id):
        kind = SightingKind(sighting.kind)
        if kind in CROWDS or not sighting.placed:
            continue
        if is_single(context.kinds[kind]) and sighting.ticket_id is not None:
            key: tuple[str, object] = ("ticket", sighting.ticket_id)
        elif sighting.track_id is not None:
            key = ("track", sighting.track_id)
        else:
            key = ("sighting", sighting.id)
        groups.setdefault(key, []).append((sighting, message))
    return [
        SeenThing(
            tuple(sighting.id for sighting, _ in members),
            tuple(look for _, message in members for look in message.looks),
        )
        for members in groups.values()
    ]


def _adjust(
    context: Context, things: Sequence[SeenThing], limits: Limits
) -> tuple[list[AdjustedThing], float]:
    """Places of the things, and how much more than announced their looks scatter."""
    looks = [look for thing in things for look in thing.looks]
    if not looks:
        return [], 1.0
    numbers = np.repeat(np.arange(len(things)), [len(thing.looks) for thing in things])
    ground = look_at_ground(looks, context.sites.site.terrain, limits)
    good = np.flatnonzero([not problem for problem in ground.problems])
    known, which = np.unique(numbers[good], return_inverse=True)
    if len(known) < 2:
        return [], 1.0  # alone, a thing tells nothing about the poses that its own fusion does not know
    chosen = [looks[i] for i in good]
    try:
        found = adjust(
            ground.points[good, :2], ground.jacobian[good], which.astype(np.int64), moments_of(chosen)
        )
    except np.linalg.LinAlgError:
        logger.warning("a flight's views cannot be adjusted together; its sightings stay as they are")
        return [], 1.0
    places = ground.frame.to_geodetic(found.positions)
    return [
        AdjustedThing(things[number].sightings, float(place[0]), float(place[1]), covariance)
        for number, place, covariance in zip(known, places, found.covariances, strict=True)
        if circular_error_90(covariance) <= limits.max_ce90_m
    ], found.scatter


def _left_out(
    session: Session, things: Sequence[SeenThing], adjusted: Sequence[AdjustedThing]
) -> list[AdjustedThing]:
    """What could not be adjusted (any more), at its place as received."""
    done = {identity for thing in adjusted for identity in thing.sightings}
    found = []
    for identity in (identity for thing in things for identity in thing.sightings if identity not in done):
        sighting = repository.sighting(session, identity)
        place = received_place(sighting) if sighting is not None else None
        if sighting is not None and place is not None and is_adjusted(sighting):
            found.append(AdjustedThing((identity,), place[0], place[1], covariance_of(*place[2:])))
    return found


def _store(context: Context, session: Session, adjusted: Sequence[AdjustedThing], now: datetime) -> None:
    """Write the places into the sightings, and let their tickets follow."""
    touched: dict[UUID, None] = {}
    for thing in adjusted:
        for sighting_id in thing.sightings:
            sighting = repository.sighting(session, sighting_id)
            if sighting is None:
                continue
            _place_sighting(context, sighting, thing)
            if sighting.ticket_id is not None:
                touched[sighting.ticket_id] = None
    session.flush()
    for ticket_id in touched:
        ticket = ticket_rows.ticket(session, ticket_id, for_change=True)
        if ticket is not None:
            _follow(context, session, ticket, now)


def _place_sighting(context: Context, sighting: Sighting, thing: AdjustedThing) -> None:
    covariance: NDArray[np.float64] = thing.covariance_m2
    sighting.latitude, sighting.longitude = thing.latitude, thing.longitude
    sighting.covariance_ee_m2, sighting.covariance_en_m2 = float(covariance[0, 0]), float(covariance[0, 1])
    sighting.covariance_nn_m2 = float(covariance[1, 1])
    sighting.cell_probabilities = cells_of(context.sites.grid, thing.latitude, thing.longitude, covariance)
    sighting.cell = most_probable(sighting.cell_probabilities)


def _follow(context: Context, session: Session, ticket: Ticket, now: datetime) -> None:
    """Let a ticket follow, and tell of it where it moved by enough to matter."""
    before, before_m, cell = (ticket.latitude, ticket.longitude), ticket_ce90_m(ticket), ticket.cell
    follow_sightings(context, session, ticket)
    moved_m = distance_m(*before, ticket.latitude, ticket.longitude)
    if moved_m >= MEANINGFUL_M or cell != ticket.cell:
        timeline.add(
            session, ticket, now, SYSTEM, "place_adjusted", metres=round(moved_m, 1),
            before_m=round(before_m, 1), ce90_m=round(ticket_ce90_m(ticket), 1),
        )  # fmt: skip
    views.publish(context, session, ticket, "updated")
