"""The benchmark of matching counts what it says."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from benchmarks.matching import Hazard, Tickets, differing_orders, fly, nearest, one_by_one, ours, plant
from missions.messages import SightingKind


def test_scores_tell_split_things_from_merged_ones() -> None:
    """Thing 0 in one ticket, thing 1 in two, things 2 and 3 in one together, thing 4 in none."""
    rng = np.random.default_rng(0)
    sightings, _ = fly(rng, plant(rng)[:3], 0.0)
    names = [s.id for s in sightings[:6]]
    tickets = Tickets(dict(zip(names, [0, 0, 1, 1, 2, 3], strict=True)))
    for ticket, members in enumerate(([0, 1], [2], [3], [4, 5])):
        tickets.held[UUID(int=ticket)] = [sightings[i] for i in members]
    score = tickets.score(5)
    assert (score["one_ticket"], score["wrong_merges"], score["tickets"]) == pytest.approx((0.2, 0.4, 4))


def test_both_flights_see_every_hazard_and_the_second_is_off_by_the_jump() -> None:
    rng = np.random.default_rng(1)
    hazards = plant(rng)
    sightings, truth = fly(rng, hazards, 50.0)
    offsets = [
        np.mean([s.position - hazards[truth[s.id]].place for s in sightings if s.flight_id == UUID(int=f)], 0)
        for f in (1, 2)
    ]
    assert len(hazards) == 200
    assert np.linalg.norm(offsets[1] - offsets[0]) == pytest.approx(50.0, abs=1.0)
    for flight in (1, 2):
        assert {truth[s.id] for s in sightings if s.flight_id == UUID(int=flight)} == set(range(200))
    assert nearest(sightings, truth, 0.0).score(200)["one_ticket"] == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_what_belongs_together_does_not_depend_on_the_order_of_arrival(seed: int) -> None:
    """Fires, a smoke and parked cars of two flights, off by up to 1.1 m, reported in any order."""
    kinds = [SightingKind.FIRE] * 2 + [SightingKind.SMOKE] + [SightingKind.ILLEGAL_PARKING] * 4
    places = [(0, 0), (70, 0), (5, 5), (0, 30), (20, 30), (20, 48), (60, 39)]
    hazards = [Hazard(kind, np.array(place, float)) for kind, place in zip(kinds, places, strict=True)]
    rng = np.random.default_rng(seed)
    sightings, truth = fly(rng, hazards, 0.0)
    shuffled = [
        replace(sightings[i], position=hazards[truth[sightings[i].id]].place + rng.uniform(-0.8, 0.8, 2))
        for i in rng.permutation(len(sightings))
    ]
    for way in (ours, one_by_one):
        tickets = [held for held in way(shuffled, truth).held.values() if held]
        assert {frozenset(truth[s.id] for s in held) for held in tickets} == {
            frozenset([i]) for i in range(7)
        }
        assert len(tickets) == 7


def test_no_order_of_arrival_gives_other_tickets_where_gnss_jumps() -> None:
    rng = np.random.default_rng(3)
    hazards = plant(rng)
    sightings, truth = fly(rng, hazards, 5.0)
    assert differing_orders(sightings, truth, 0) == 0
    assert ours(sightings, truth).score(len(hazards))["one_ticket"] >= 0.98
