"""Tickets against what a tester expects: the file, and the optimal assignment.

The file: ``{"tolerance_m": 3, "tickets": [{"kind", "lat", "lon", "cell"?, "count"?}]}``. ``count`` expects so
many tickets at one place. Any ticket that nothing expects is extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from missions.geodesy import distance_m
from missions.messages import Latitude, Longitude, SightingKind

MISPLACED_FACTOR = 10.0
"""A ticket of the right kind within this many tolerances is misplaced; further away it is another one."""
_FAR = 1e9


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ExpectedTicket(_Part):
    """One expected ticket; ``count`` of them at the same place."""

    kind: SightingKind
    lat: Latitude
    lon: Longitude
    cell: str | None = None
    count: int = Field(default=1, ge=0)


class Expected(_Part):
    """What a recording must give."""

    tolerance_m: float = Field(default=3.0, gt=0)
    tickets: list[ExpectedTicket]


@dataclass(frozen=True, slots=True)
class Pair:
    """An expected ticket and the one that came for it; ``wrong`` says what is not as expected."""

    expected: ExpectedTicket
    ticket: Mapping[str, Any]
    distance_m: float
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome. ``passed`` when nothing is missing, extra or misplaced."""

    matched: list[Pair] = field(default_factory=list)
    misplaced: list[Pair] = field(default_factory=list)
    missing: list[ExpectedTicket] = field(default_factory=list)
    extra: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.misplaced or self.missing or self.extra)

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """The lists of the ``replay`` object of the command line."""
        return {
            "missing": [one.model_dump(mode="json", exclude={"count"}) for one in self.missing],
            "extra": [dict(ticket) for ticket in self.extra],
            "misplaced": [
                {
                    "expected": pair.expected.model_dump(mode="json", exclude={"count"}),
                    "ticket": dict(pair.ticket),
                    "distance_m": round(pair.distance_m, 2),
                    "why": pair.wrong,
                }
                for pair in self.misplaced
            ],
        }


def compare(expected: Expected, tickets: Sequence[Mapping[str, Any]]) -> Comparison:
    """Assign tickets to expectations of their kind at the least total distance.

    Args:
        tickets: with ``kind``, ``lat``, ``lon`` and ``cell``; more keys are kept.
    """
    wanted = [one for one in expected.tickets for _ in range(one.count)]
    reach_m = MISPLACED_FACTOR * expected.tolerance_m
    costs = np.full((len(wanted), len(tickets)), _FAR)
    for i, one in enumerate(wanted):
        for j, ticket in enumerate(tickets):
            away = _away_m(one, ticket)
            if one.kind == ticket["kind"] and away <= reach_m:
                # Within tolerance beats any two misplacements; the right cell decides between equals.
                costs[i, j] = (
                    away + (1e5 if away > expected.tolerance_m else 0.0) + 1e-3 * _other_cell(one, ticket)
                )
    from scipy.optimize import linear_sum_assignment  # half a second, which no start should wait for

    rows, columns = linear_sum_assignment(costs) if wanted and tickets else ((), ())
    result = Comparison()
    found: dict[int, int] = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if costs[i, j] < _FAR}
    for i, one in enumerate(wanted):
        if i not in found:
            result.missing.append(one)
            continue
        ticket = tickets[found[i]]
        pair = Pair(one, ticket, _away_m(one, ticket), _wrong(one, ticket, expected.tolerance_m))
        (result.misplaced if pair.wrong else result.matched).append(pair)
    result.extra.extend(t for j, t in enumerate(tickets) if j not in found.values())
    return result


def _away_m(one: ExpectedTicket, ticket: Mapping[str, Any]) -> float:
    return distance_m(one.lat, one.lon, float(ticket["lat"]), float(ticket["lon"]))


def _other_cell(one: ExpectedTicket, ticket: Mapping[str, Any]) -> bool:
    return one.cell is not None and ticket.get("cell") != one.cell


def _wrong(one: ExpectedTicket, ticket: Mapping[str, Any], tolerance_m: float) -> str:
    away = _away_m(one, ticket)
    problems = []
    if away > tolerance_m:
        problems.append(f"{away:.1f} m away, {tolerance_m:g} m allowed")
    if _other_cell(one, ticket):
        problems.append(f"in cell {ticket.get('cell') or 'none'} instead of {one.cell}")
    return "; ".join(problems)
