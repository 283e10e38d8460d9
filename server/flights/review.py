"""Looking at a flight again: how it flew, and its tickets against what a tester expects."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from missions.expected import Expected, ExpectedTicket, Pair, compare
from server.flights import repository
from server.flights.schemas import ComparisonOut, FlownOut, PairOut

FIGURES = tuple(FlownOut.model_fields)


def flown(session: Session, flight_id: UUID) -> FlownOut:
    """The kept telemetry of a flight."""
    points = repository.track(session, flight_id)
    return FlownOut(**{name: [getattr(point, name) for point in points] for name in FIGURES})


def comparison(session: Session, flight_id: UUID, expected: Expected) -> ComparisonOut:
    """The tickets of a flight that nobody rejected or merged, against what is expected of it."""
    tickets = [
        {
            "id": ticket.id, "number": ticket.number, "kind": ticket.kind, "cell": ticket.cell,
            "lat": ticket.latitude, "lon": ticket.longitude,
        }
        for ticket in repository.standing_tickets(session, flight_id)
    ]  # fmt: skip
    found = compare(expected, tickets)
    tolerance_m = expected.tolerance_m
    return ComparisonOut(
        passed=found.passed,
        tolerance_m=tolerance_m,
        matched=[_paired(pair, tolerance_m) for pair in found.matched],
        misplaced=[_paired(pair, tolerance_m) for pair in found.misplaced],
        missing=[_missing(one) for one in found.missing],
        extra=[_extra(ticket) for ticket in found.extra],
    )


def _missing(one: ExpectedTicket) -> PairOut:
    return PairOut(kind=one.kind, lat=one.lat, lon=one.lon, cell=one.cell)


def _paired(pair: Pair, tolerance_m: float) -> PairOut:
    one, ticket = pair.expected, pair.ticket
    return PairOut(
        kind=one.kind, lat=one.lat, lon=one.lon, cell=one.cell, ticket_id=ticket["id"],
        number=ticket["number"], metres=round(pair.distance_m, 2),
        wrong_place=pair.distance_m > tolerance_m,
        wrong_cell=one.cell is not None and ticket["cell"] != one.cell,
    )  # fmt: skip


def _extra(ticket: Any) -> PairOut:
    return PairOut(
        kind=ticket["kind"], lat=ticket["lat"], lon=ticket["lon"], cell=ticket["cell"],
        ticket_id=ticket["id"], number=ticket["number"],
    )  # fmt: skip
