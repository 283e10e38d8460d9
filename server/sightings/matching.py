"""Same event or a new one: which open ticket a sighting belongs to.

Two rules, by kind:

- Things that spread (fire, smoke, crowds) belong together when they lie within the kind's reach plus what
  both positions may be wrong. A gathering and a dispute in one place are one event.
- Single objects (a parked car; kinds with a reach below ``SINGLE_OBJECT_REACH_M``) are told apart by more:
  two tracks that one flight saw at the same time are two objects, whatever their distance, and one track is
  one object. Objects that a pass saw together are assigned to the known ones together (Hungarian method),
  because an error that all of them share would otherwise pair a car with its neighbour. So a later sighting
  may show that an earlier one was paired wrongly; then that one moves, unless a person has decided where it
  belongs. Where GNSS has jumped between two flights, everything that the later one saw is off by the same:
  how much is told by the shift under which most of its objects meet known ones (registration of point
  patterns by voting; Stockman 1987). It takes several that agree, so that one car is never moved onto
  another's place.

``match`` brings one sighting to what is known now. ``arranging.arrange`` works out from all sightings at once
what belongs together, whatever the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from missions.kinds import Kind
from missions.messages import SightingKind
from server.sightings.ellipses import circular_error_90, combine

Array = NDArray[np.float64]

CROWDS = frozenset({SightingKind.GATHERING, SightingKind.DISPUTE})
SINGLE_OBJECT_REACH_M = 3.0
LEAST_CAP_M, MOST_CAP_M = 2.5, 10.0
GATE = 9.21  # 99 % of a bivariate normal lies within this squared Mahalanobis distance
SAME_TRACK_REACH_M = 15.0
SIGHTINGS_FUSED = 12
IMPOSSIBLE = 1e6
AGREE_M = 1.2  # one sigma of how far single objects stray from their flight's common shift
LEAST_AGREEING = 3
MOST_VOTERS = 40  # it bounds the time under the desk's lock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A placed sighting; position (2,) and covariance (2, 2) in metres east and north of one common frame.

    ``confirmed``: the eye has not withdrawn it. ``first_position``: of what moves, where it was when it was
    first seen; ``position`` is where it was last.
    """

    id: UUID
    kind: SightingKind
    flight_id: UUID | None
    track_id: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    position: Array
    covariance: Array
    confirmed: bool = True
    first_position: Array | None = None

    def together_with(self, other: Seen) -> bool:
        """Whether one flight saw both at the same time as different tracks."""
        return (
            self.flight_id is not None
            and self.flight_id == other.flight_id
            and self.track_id is not None
            and other.track_id is not None
            and self.track_id != other.track_id
            and self.first_seen_at <= other.last_seen_at
            and other.first_seen_at <= self.last_seen_at
        )

    def at(self, time: datetime) -> Seen:
        """Where it was at a time, had it gone straight and evenly from its first place to its last."""
        if self.first_position is None:
            return self
        lasted = (self.last_seen_at - self.first_seen_at).total_seconds()
        share = (time - self.first_seen_at).total_seconds() / lasted if lasted > 0 else 0.0
        way = min(max(share, 0.0), 1.0) * (self.position - self.first_position)
        return replace(self, position=self.first_position + way, first_position=None)

    def same_track(self, other: Seen) -> bool:
        return (
            self.flight_id is not None
            and self.flight_id == other.flight_id
            and self.track_id is not None
            and self.track_id == other.track_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An open ticket with its sightings.

    ``pinned``: those that a person has seen in it; they stay. ``east``, ``north``: about where it is.
    """

    id: UUID
    kind: SightingKind
    sightings: Sequence[Seen]
    pinned: frozenset[UUID] = frozenset()
    east: float = field(init=False, default=0.0)
    north: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if self.sightings:
            for name, value in zip(("east", "north"), self.sightings[0].position.tolist(), strict=True):
                object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Move:
    """Earlier sightings of one object that belong to another event (None: to a new one, together)."""

    sightings: tuple[UUID, ...]
    event_id: UUID | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the sighting belongs (None: a new ticket), and which earlier ones belong elsewhere now."""

    event_id: UUID | None
    moves: tuple[Move, ...] = ()


def match(new: Seen, events: Iterable[Event], kind: Kind) -> Decision:
    """Find the event that a sighting belongs to.

    Args:
        new: the sighting.
        events: open tickets nearby; those of other kinds or out of the window are ignored.
        kind: the rules of the sighting's kind.
    """
    near = [
        event for event in events
        if same_sort(new.kind, event.kind) and event.sightings and _in_window(new, event.sightings, kind)
    ]  # fmt: skip
    if is_single(kind):
        new, near = _in_one_frame(new, near)
    return match_in_frame(new, near, kind)


def match_in_frame(new: Seen, events: Sequence[Event], kind: Kind) -> Decision:
    """The same for positions that no jump of GNSS separates any more."""
    near = [event for event in events if _in_window(new, event.sightings, kind)]
    if is_single(kind):
        return _match_object(new, near, kind)
    here = fused([new])
    costs = [
        (min(_cost(here, there, kind) for there in _whereabouts(event)), str(event.id), event.id)
        for event in near
    ]
    best = min(costs, default=(IMPOSSIBLE, "", None))
    return Decision(best[2] if best[0] < IMPOSSIBLE else None)


def _whereabouts(event: Event) -> list[tuple[Array, Array]]:
    """Where an event can be seen again: at its place, and wherever a person has said that it was."""
    return [fused(event.sightings), *(fused([s]) for s in event.sightings if s.id in event.pinned)]


def is_single(kind: Kind) -> bool:
    """Whether sightings of a kind show one object each, as cars do, and nothing that spreads."""
    return kind.match.reach_m < SINGLE_OBJECT_REACH_M


def same_sort(first: SightingKind, second: SightingKind) -> bool:
    """Whether sightings of both kinds can be one event."""
    return first == second or {first, second} <= CROWDS


def reach_m(first: Array, second: Array, kind: Kind) -> float:
    """How far apart two positions with these covariances may lie and still be one event, metres."""
    error = float(np.hypot(circular_error_90(first), circular_error_90(second)))
    return kind.match.reach_m + min(error, _cap_m(kind))


def _cap_m(kind: Kind) -> float:
    """What both positions may be wrong, at most."""
    return min(max(kind.match.reach_m, LEAST_CAP_M), MOST_CAP_M)


def fused(sightings: Sequence[Seen]) -> tuple[Array, Array]:
    """Position and covariance of sightings of one thing; of many, the surest are enough.

    Withdrawn ones count only where there are no others.
    """
    chosen = [s for s in sightings if s.confirmed] or list(sightings)
    surest = sorted(chosen, key=lambda s: (float(s.covariance[0, 0] + s.covariance[1, 1]), str(s.id)))
    return _fused(tuple(surest[:SIGHTINGS_FUSED]))


@lru_cache(maxsize=4096)
def _fused(surest: tuple[Seen, ...]) -> tuple[Array, Array]:
    position, covariance = surest[0].position, surest[0].covariance
    for sighting in surest[1:]:
        position, covariance = combine((position, covariance), (sighting.position, sighting.covariance))
    return position, covariance


def _in_window(new: Seen, sightings: Sequence[Seen], kind: Kind) -> bool:
    window = timedelta(hours=kind.match.window_hours)
    return any(
        new.first_seen_at - window <= seen.last_seen_at and seen.first_seen_at <= new.last_seen_at + window
        for seen in sightings
    )


def _cost(first: tuple[Array, Array], second: tuple[Array, Array], kind: Kind) -> float:
    """Squared Mahalanobis distance of two fused places, or ``IMPOSSIBLE`` out of reach."""
    (x, p), (y, q) = first, second
    distance = float(np.hypot(*(x - y)))
    if distance > kind.match.reach_m + _cap_m(kind) or distance > reach_m(p, q, kind):
        return IMPOSSIBLE
    slack = (kind.match.reach_m / 2) ** 2 * np.eye(2)
    return float((x - y) @ np.linalg.solve(p + q + slack, x - y))


def flight_shift(mine: Sequence[Seen], others: Sequence[Seen]) -> Array:
    """How far everything that one flight saw lies from what others saw, (2,) metres.

    Every pair of its objects and others' within their announced errors proposes a shift. The one that brings
    most objects together wins, less what it strays from zero in announced sigmas; no shift where fewer than
    ``LEAST_AGREEING`` objects agree. Of many objects, ``MOST_VOTERS`` spread evenly over ``mine`` vote.
    """
    if len(mine) < LEAST_AGREEING or len(others) < LEAST_AGREEING:
        return np.zeros(2)
    from scipy.spatial import cKDTree  # what follows takes half a second, which no start should wait for

    voters = [mine[i] for i in np.unique(np.linspace(0, len(mine) - 1, MOST_VOTERS).round().astype(int))]
    places = np.array([s.position for s in voters])
    known = np.array([s.position for s in others])
    gaps = places[:, None] - known[None]
    spread = np.mean([s.covariance for s in voters], axis=0) + np.mean([s.covariance for s in others], axis=0)
    strays = np.einsum("mki,ij,mkj->mk", gaps, np.linalg.inv(spread), gaps)
    close = strays <= GATE
    proposed = np.concatenate([np.zeros((1, 2)), gaps[close]])
    penalties = np.concatenate([[0.0], strays[close]]) / 2
    left, _ = cKDTree(known).query(places[None] - proposed[:, None])
    votes = np.exp(-(left**2) / (2 * AGREE_M**2)).sum(axis=1)
    best = int(np.argmax(votes - penalties))
    if votes[best] < LEAST_AGREEING * 0.6:
        return np.zeros(2)
    shift = proposed[best]
    near = ((gaps - shift) ** 2).sum(-1)
    pairs = near.argmin(1)
    chosen = np.flatnonzero(near.min(1) <= (2 * AGREE_M) ** 2)
    return np.asarray(np.median(gaps[chosen, pairs[chosen]], axis=0)) if len(chosen) else np.asarray(shift)


def _in_one_frame(new: Seen, events: Sequence[Event]) -> tuple[Seen, list[Event]]:
    """What the flight of ``new`` saw, moved to where others saw the same; the nearest tell."""
    seen = [s for event in events for s in event.sightings]
    mine = [new, *(s for s in seen if s.flight_id is not None and s.flight_id == new.flight_id)]
    others = [s for s in seen if s.flight_id is None or s.flight_id != new.flight_id]
    mine = sorted(mine, key=lambda s: (float(np.linalg.norm(s.position - new.position)), str(s.id)))
    shift = flight_shift(mine[:MOST_VOTERS], others)
    if new.flight_id is None or not shift.any():
        return new, list(events)

    def moved(seen: Seen) -> Seen:
        return seen if seen.flight_id != new.flight_id else replace(seen, position=seen.position - shift)

    return moved(new), [replace(event, sightings=[moved(s) for s in event.sightings]) for event in events]


def _match_object(new: Seen, events: Sequence[Event], kind: Kind) -> Decision:
    for event in events:
        if any(
            seen.same_track(new) and np.linalg.norm(seen.position - new.position) <= SAME_TRACK_REACH_M
            for seen in event.sightings
        ):
            return Decision(event.id)
    units: list[tuple[UUID | None, list[Seen]]] = [(None, [new])]
    known: list[tuple[UUID, list[Seen]]] = []
    for event in events:
        beside = [s for s in event.sightings if s.id not in event.pinned and s.together_with(new)]
        if beside:
            units.append((event.id, beside))
        rest = [seen for seen in event.sightings if seen not in beside]
        if rest:
            known.append((event.id, rest))
    return _assign(units, known, kind)


def _assign(
    units: list[tuple[UUID | None, list[Seen]]], known: list[tuple[UUID, list[Seen]]], kind: Kind
) -> Decision:
    """Assign what was seen together to what is known, at least total cost; a new object costs the gate."""
    costs = np.full((len(units), len(known) + len(units)), IMPOSSIBLE)
    occupied = {event_id for event_id, _ in known}
    places, homes = [fused(unit) for _, unit in units], [fused(sightings) for _, sightings in known]
    for row, (home, unit) in enumerate(units):
        costs[row, len(known) + row] = GATE
        if home is not None and home not in occupied:
            continue  # the ticket is theirs alone: nobody else is left to keep it
        for column, (_, sightings) in enumerate(known):
            if not any(a.together_with(b) for a in unit for b in sightings):
                cost = _cost(places[row], homes[column], kind)
                costs[row, column] = cost if cost <= GATE else IMPOSSIBLE
    from scipy.optimize import linear_sum_assignment  # half a second, which no start should wait for

    rows, columns = linear_sum_assignment(costs)
    targets: dict[int, UUID | None] = {
        int(r): known[c][0] if c < len(known) else None for r, c in zip(rows, columns, strict=True)
    }
    moves = tuple(
        Move(tuple(seen.id for seen in unit), targets[row])
        for row, (home, unit) in enumerate(units)
        if home in occupied and targets[row] != home
    )
    return Decision(targets[0], moves)
