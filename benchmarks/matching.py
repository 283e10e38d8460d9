"""One thing, one ticket: two flights over the same hazards, with GNSS that jumps between them.

``python -m benchmarks.matching [--runs 5] [--jump 5] [--seed 0] [--json]``

200 hazards: 60 fires and 60 smokes at least 60 m from the next of their kind, and 80 parked cars, half of
them alone and half in rows of four, side by side (2.7 m) or nose to tail (5.5 m). Two flights of 150 frames
pass them leg by leg. A tenth of the tracks break in two. Every sighting is off by its flight's GNSS (in the
second flight ``--jump`` metres in a random direction from the first), by its leg (0.6 m on each axis) and for
itself (0.4 m); it announces 1.9 m on each axis. All sightings go through
``server.sightings.arranging.arrange``, as at the desk; ``one_by_one`` brings them to the tickets as they come
(``matching.match``), in the order in which the tracks end, as the desk does where too many are near to
arrange them all while flying. *Orders that differ* counts, of ``ORDERS`` random orders of arrival, those that
do not give the same tickets.

*One ticket*: share of hazards all of whose sightings are in one ticket with nothing else in it. *Wrong
merges*: share of hazards in a ticket with another hazard. The baseline joins a sighting to the nearest ticket
of its kind within a fixed radius, whatever its errors; it is given for three radii.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from missions.geodesy import Array
from missions.kinds import load_kinds
from missions.messages import SightingKind
from server.sightings.arranging import arrange
from server.sightings.matching import Event, Seen, fused, match

FIRES, SMOKES, CARS = 60, 60, 80
SIDE_M, APART_M, LEG_M = 900.0, 60.0, 60.0
FRAMES, FRAME_S, SEEN_FRAMES = 150, 1.0, 9
BROKEN, LEG_SIGMA_M, OWN_SIGMA_M, ANNOUNCED_M = 0.1, 0.6, 0.4, 1.9
RADII_M = (3.0, 6.0, 12.0)
ORDERS = 5
START = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
PAUSE = timedelta(minutes=40)


@dataclass(frozen=True, slots=True)
class Hazard:
    kind: SightingKind
    place: Array


@dataclass(slots=True)
class Tickets:
    """Sightings by ticket, and which hazard each sighting really shows."""

    truth: dict[UUID, int]
    held: dict[UUID, list[Seen]] = field(default_factory=lambda: defaultdict(list))

    def score(self, count: int) -> dict[str, float]:
        homes: dict[int, set[UUID]] = defaultdict(set)
        mixed: set[int] = set()
        for ticket, sightings in self.held.items():
            shown = {self.truth[seen.id] for seen in sightings}
            for hazard in shown:
                homes[hazard].add(ticket)
            if len(shown) > 1:
                mixed |= shown
        single = sum(len(homes[h]) == 1 and h not in mixed for h in range(count))
        tickets = sum(bool(sightings) for sightings in self.held.values())
        return {"one_ticket": single / count, "wrong_merges": len(mixed) / count, "tickets": tickets}


def plant(rng: np.random.Generator) -> list[Hazard]:
    """The hazards; cars stand at least 15 m from other groups of cars."""
    hazards = []
    for kind, count in ((SightingKind.FIRE, FIRES), (SightingKind.SMOKE, SMOKES)):
        hazards += [Hazard(kind, place) for place in _scattered(rng, count, APART_M)]
    for number, place in enumerate(_scattered(rng, CARS // 2 + CARS // 8, 25.0)):
        row = 1 if number < CARS // 2 else 4
        angle = rng.uniform(0, np.pi)
        step = (2.7 if number % 2 else 5.5) * np.array([np.sin(angle), np.cos(angle)])
        hazards += [Hazard(SightingKind.ILLEGAL_PARKING, place + i * step) for i in range(row)]
    return hazards


def _scattered(rng: np.random.Generator, count: int, apart_m: float) -> list[Array]:
    places: list[Array] = []
    while len(places) < count:
        place = rng.uniform(0, SIDE_M, 2)
        if all(np.linalg.norm(place - other) >= apart_m for other in places):
            places.append(place)
    return places


def fly(rng: np.random.Generator, hazards: list[Hazard], jump_m: float) -> tuple[list[Seen], dict[UUID, int]]:
    """The sightings of both flights in the order in which they are reported, and what each shows."""
    sightings, truth = [], {}
    gnss = rng.standard_normal(2)
    for number in range(2):
        flight = UUID(int=number + 1)
        begin = START + number * PAUSE
        leg_errors = rng.standard_normal((int(SIDE_M / LEG_M) + 2, 2)) * LEG_SIGMA_M
        for index, hazard in enumerate(hazards):
            leg = int(np.clip(hazard.place[0] // LEG_M, 0, len(leg_errors) - 1))
            along = hazard.place[1] if leg % 2 == 0 else SIDE_M - hazard.place[1]
            frame = (leg + np.clip(along / SIDE_M, 0, 1)) / (SIDE_M / LEG_M) * FRAMES
            parts = 2 if rng.random() < BROKEN else 1
            for part in range(parts):
                first = begin + timedelta(seconds=FRAME_S * (frame + part * SEEN_FRAMES / 2))
                identity = UUID(int=int(rng.integers(1, 2**62)))
                error = gnss + leg_errors[leg] + rng.standard_normal(2) * OWN_SIGMA_M
                truth[identity] = index
                sightings.append(Seen(
                    id=identity, kind=hazard.kind, flight_id=flight, track_id=2 * index + part,
                    first_seen_at=first,
                    last_seen_at=first + timedelta(seconds=FRAME_S * (SEEN_FRAMES / parts - 0.5)),
                    position=hazard.place + error, covariance=ANNOUNCED_M**2 * np.eye(2),
                ))  # fmt: skip
        angle = rng.uniform(0, 2 * np.pi)
        gnss = gnss + jump_m * np.array([np.sin(angle), np.cos(angle)])
    return sorted(sightings, key=lambda seen: (seen.last_seen_at, str(seen.id))), truth


def ours(sightings: list[Seen], truth: dict[UUID, int]) -> Tickets:
    """What the desk does: everything of a kind is arranged."""
    kinds, tickets = load_kinds(), Tickets(truth)
    known = {seen.id: seen for seen in sightings}
    for kind in sorted({seen.kind for seen in sightings}):
        for event in arrange([seen for seen in sightings if seen.kind == kind], {}, kinds):
            tickets.held[event.id] = [known[seen.id] for seen in event.sightings]
    return tickets


def one_by_one(sightings: list[Seen], truth: dict[UUID, int]) -> Tickets:
    """Each sighting is brought to what is known when it comes."""
    kinds, tickets = load_kinds(), Tickets(truth)
    for new in sightings:
        events = [
            Event(id=ticket, kind=held[0].kind, sightings=tuple(held))
            for ticket, held in tickets.held.items()
            if held and held[0].kind == new.kind and np.abs(held[0].position - new.position).max() < 400
        ]
        decision = match(new, events, kinds[new.kind])
        for move in decision.moves:
            target = move.event_id or UUID(int=2**100 + len(tickets.held))
            for held in tickets.held.values():
                moved = [seen for seen in held if seen.id in move.sightings]
                if moved:
                    held[:] = [seen for seen in held if seen.id not in move.sightings]
                    tickets.held[target] += moved
                    break
        home = decision.event_id or UUID(int=2**100 + len(tickets.held))
        tickets.held[home].append(new)
    return tickets


def nearest(sightings: list[Seen], truth: dict[UUID, int], radius_m: float) -> Tickets:
    """The nearest ticket within a radius, or a new one."""
    tickets = Tickets(truth)
    for new in sightings:
        gaps = [
            (float(np.linalg.norm(fused(held[:1])[0] - new.position)), str(ticket), ticket)
            for ticket, held in tickets.held.items()
            if held[0].kind == new.kind
        ]
        gap, _, ticket = min(gaps, default=(np.inf, "", UUID(int=0)))
        tickets.held[ticket if gap <= radius_m else UUID(int=2**100 + len(tickets.held))].append(new)
    return tickets


def differing_orders(sightings: list[Seen], truth: dict[UUID, int], seed: int) -> int:
    """How many random orders of arrival give other tickets."""
    rng = np.random.default_rng(seed)

    def parts(order: list[Seen]) -> set[frozenset[UUID]]:
        return {frozenset(seen.id for seen in held) for held in ours(order, truth).held.values()}

    expected = parts(sightings)
    return sum(
        parts([sightings[i] for i in rng.permutation(len(sightings))]) != expected for _ in range(ORDERS)
    )


def measure(runs: int, jump_m: float, seed: int) -> dict[str, Any]:
    """Means over several runs, by way; and of ours by kind of hazard."""
    scores: dict[str, list[dict[str, float]]] = defaultdict(list)
    differing = 0
    for run in range(runs):
        rng = np.random.default_rng(seed + run)
        hazards = plant(rng)
        sightings, truth = fly(rng, hazards, jump_m)
        scores["ours"].append(ours(sightings, truth).score(len(hazards)))
        scores["one_by_one"].append(one_by_one(sightings, truth).score(len(hazards)))
        differing += differing_orders(sightings, truth, seed + run)
        for radius in RADII_M:
            scores[f"nearest_{radius:g}_m"].append(nearest(sightings, truth, radius).score(len(hazards)))
        for name, kinds in (("spreading", {"fire", "smoke"}), ("cars", {"illegal_parking"})):
            part = [index for index, hazard in enumerate(hazards) if hazard.kind.value in kinds]
            places = {index: place for place, index in enumerate(part)}
            chosen = [seen for seen in sightings if seen.kind.value in kinds]
            renamed = {seen.id: places[truth[seen.id]] for seen in chosen}
            scores[f"ours_{name}"].append(ours(chosen, renamed).score(len(part)))
    mean = {
        way: {key: round(float(np.mean([score[key] for score in found])), 4) for key in found[0]}
        for way, found in scores.items()
    }
    return {
        "hazards": FIRES + SMOKES + CARS, "runs": runs, "jump_m": jump_m, "orders": runs * ORDERS,
        "orders_that_differ": differing, **mean,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jump", type=float, default=5.0, help="metres between the flights' GNSS offsets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = measure(chosen.runs, chosen.jump, chosen.seed)
    if chosen.json:
        print(json.dumps(figures))
        return
    print(f"{figures['hazards']} hazards, {figures['runs']} runs, GNSS jump {figures['jump_m']:g} m")
    print(f"{figures['orders_that_differ']} of {figures['orders']} orders of arrival give other tickets")
    print(f"{'':18}{'one ticket':>12}{'wrong merges':>14}{'tickets':>10}")
    for way, score in figures.items():
        if isinstance(score, dict):
            one, wrong, tickets = score.values()
            print(f"{way:18}{one:12.1%}{wrong:14.1%}{tickets:10.1f}")


if __name__ == "__main__":
    main()
