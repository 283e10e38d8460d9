"""Where a ticket is: it follows its sightings until somebody is sent there; from then on by proposal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from missions.geodesy import LocalFrame, distance_m
from missions.grids import Grid
from missions.messages import SightingKind, SightingState
from server.context import Context
from server.sightings.ellipses import circular_error_90
from server.sightings.geotag import frame_near
from server.sightings.matching import Seen, fused
from server.sightings.models import Sighting
from server.sightings.views import covariance_of, sighting_covariance
from server.tickets import repository, timeline
from server.tickets.models import Ticket
from server.tickets.states import OPEN_STATES, SYSTEM, TicketState

MEANINGFUL_M = 3.0
"""People are told of a ticket that moves by this much, and asked where somebody is on the way already."""


def seen_of(sighting: Sighting, frame: LocalFrame) -> Seen | None:
    """A sighting at its best known place; None while it is not placed."""
    covariance = sighting_covariance(sighting)
    if covariance is None or sighting.latitude is None or sighting.longitude is None:
        return None
    position = frame.to_enu(sighting.latitude, sighting.longitude)[0, :2]
    return _seen(sighting, position, covariance)


def _seen(
    sighting: Sighting, position: NDArray[np.float64], covariance: NDArray[np.float64],
    first_position: NDArray[np.float64] | None = None,
) -> Seen:  # fmt: skip
    return Seen(
        id=sighting.id, kind=SightingKind(sighting.kind), flight_id=sighting.flight_id,
        track_id=sighting.track_id, first_seen_at=sighting.first_seen_at, last_seen_at=sighting.last_seen_at,
        position=position, covariance=covariance, first_position=first_position,
        confirmed=sighting.state == SightingState.CONFIRMED,
    )  # fmt: skip


def received_place(sighting: Sighting) -> tuple[float, float, float, float, float] | None:
    """Latitude, longitude and covariance (east-east, east-north, north-north in m2) as they were received.

    None while it is not placed. Sightings from before this was kept have the place that they have now.
    """
    if not sighting.placed:
        return None
    if sighting.received_place is not None:
        latitude, longitude, *parts = sighting.received_place
        return latitude, longitude, parts[0], parts[1], parts[2]
    covariance = sighting_covariance(sighting)
    if covariance is None or sighting.latitude is None or sighting.longitude is None:
        return None
    return sighting.latitude, sighting.longitude, covariance[0, 0], covariance[0, 1], covariance[1, 1]


def is_adjusted(sighting: Sighting) -> bool:
    """Whether its place is from the adjustment of its flight, and no longer as it was received."""
    received = sighting.received_place
    return received is not None and (sighting.latitude, sighting.longitude) != tuple(received[:2])


def received_of(sighting: Sighting, frame: LocalFrame) -> Seen | None:
    """A sighting as matching sees it; None while it is not placed."""
    return received_of_all([sighting], frame).get(sighting.id)


def received_of_all(sightings: Iterable[Sighting], frame: LocalFrame) -> dict[UUID, Seen]:
    """The placed ones of many sightings as matching sees them, by id."""
    placed = [(s, place) for s in sightings if (place := received_place(s)) is not None]
    if not placed:
        return {}
    firsts = [s.first_place or place[:2] for s, place in placed]
    places = np.array([*(place[:2] for _, place in placed), *firsts])
    positions = frame.to_enu(places[:, 0], places[:, 1])[:, :2]
    return {
        sighting.id: _seen(
            sighting, positions[i], covariance_of(*place[2:]),
            positions[len(placed) + i] if sighting.first_place is not None else None,
        )
        for i, (sighting, place) in enumerate(placed)
    }  # fmt: skip


def follow_place(
    context: Context,
    session: Session,
    ticket: Ticket,
    placed: Sequence[Sighting],
    now: datetime,
    *,
    first: bool = False,
) -> None:
    """Fuse the places of the sightings.

    The place follows until the ticket is dispatched, the cell until a person has acted on it. After that a
    better place is proposed (``Ticket.proposed_place``), and a person adopts it or leaves it. Tickets that
    are closed or rejected stay where they are.
    """
    if not placed or placed[0].latitude is None or placed[0].longitude is None:
        return
    state = TicketState(ticket.state)
    if state not in OPEN_STATES and not first:
        return
    found = _fused_place(context, placed)
    cell = found["cell"] if not ticket.cell_fixed else ticket.cell
    if first:
        _set_place(ticket, found)
        _set_cell(context, ticket, cell)
    elif state is TicketState.DISPATCHED:
        gap_m = distance_m(ticket.latitude, ticket.longitude, found["lat"], found["lon"])
        differs = gap_m >= MEANINGFUL_M or cell != ticket.cell
        _propose(session, ticket, {**found, "cell": cell} if differs else None, now)
    else:
        _set_place(ticket, found)
        untouched = state is TicketState.REPORTED or not repository.touched(session, [ticket.id])
        if untouched and cell != ticket.cell:
            old = ticket.cell
            _set_cell(context, ticket, cell)
            timeline.add(session, ticket, now, SYSTEM, "cell_changed", old=old or "—", new=cell or "—")
        elif not untouched:
            _propose(session, ticket, {**found, "cell": cell} if cell != ticket.cell else None, now)


def adopt_place(context: Context, ticket: Ticket) -> dict[str, str]:
    """Move a ticket to its proposed place; returns what the timeline tells of it."""
    proposal = ticket.proposed_place
    assert proposal is not None
    gap_m = distance_m(ticket.latitude, ticket.longitude, proposal["lat"], proposal["lon"])
    old, ticket.proposed_place = ticket.cell, None
    _set_place(ticket, proposal)
    _set_cell(context, ticket, proposal["cell"])
    ticket.cell_fixed = True
    return {"metres": f"{gap_m:.0f}", "old": old or "—", "new": ticket.cell or "—"}


def cells_of(
    grid: Grid, latitude: float, longitude: float, covariance: NDArray[np.float64]
) -> dict[str, float]:
    """Probability of each cell, most probable first; "" stands for outside."""
    return {
        code: round(share, 4) for code, share in grid.probabilities(latitude, longitude, covariance).items()
    }


def most_probable(probabilities: dict[str, float]) -> str | None:
    """The most probable cell, None for outside all cells; among equals the smaller code."""
    return min(probabilities, key=lambda code: (-probabilities[code], not code, code), default=None) or None


def ticket_ce90_m(ticket: Ticket) -> float:
    """Radius that holds the ticket's true place with 90 %, metres."""
    return circular_error_90(
        covariance_of(ticket.covariance_ee_m2, ticket.covariance_en_m2, ticket.covariance_nn_m2)
    )


def _fused_place(context: Context, placed: Sequence[Sighting]) -> dict[str, Any]:
    """The place of all sightings together, as it is kept in ``Ticket.proposed_place``."""
    assert placed[0].latitude is not None
    assert placed[0].longitude is not None
    frame = frame_near(placed[0].latitude, placed[0].longitude)
    position, covariance = fused([seen for s in placed if (seen := seen_of(s, frame)) is not None])
    latitude, longitude, _ = (float(value) for value in frame.to_geodetic([position])[0])
    probabilities = cells_of(context.sites.grid, latitude, longitude, covariance)
    return {
        "lat": latitude, "lon": longitude, "ce90_m": circular_error_90(covariance),
        "covariance_m2": [float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])],
        "cell_probabilities": probabilities, "cell": most_probable(probabilities),
    }  # fmt: skip


def _set_place(ticket: Ticket, found: dict[str, Any]) -> None:
    ticket.latitude, ticket.longitude = found["lat"], found["lon"]
    ticket.covariance_ee_m2, ticket.covariance_en_m2, ticket.covariance_nn_m2 = found["covariance_m2"]
    ticket.cell_probabilities = found["cell_probabilities"]


def _set_cell(context: Context, ticket: Ticket, cell: str | None) -> None:
    ticket.cell, ticket.cell_name = cell, context.sites.cell_name(cell)


def _propose(session: Session, ticket: Ticket, found: dict[str, Any] | None, now: datetime) -> None:
    """Keep the newest proposal; the timeline tells of it once, and again when it is another one."""
    before, ticket.proposed_place = ticket.proposed_place, found
    if found is None:
        return
    if (
        before is not None
        and before["cell"] == found["cell"]
        and distance_m(before["lat"], before["lon"], found["lat"], found["lon"]) < MEANINGFUL_M
    ):
        return
    metres = distance_m(ticket.latitude, ticket.longitude, found["lat"], found["lon"])
    timeline.add(
        session, ticket, now, SYSTEM, "place_proposed", metres=round(metres, 1),
        ce90_m=round(found["ce90_m"], 1), lat=found["lat"], lon=found["lon"], cell=found["cell"] or "—",
    )  # fmt: skip
