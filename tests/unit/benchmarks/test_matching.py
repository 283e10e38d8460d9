"""The benchmark of matching counts what it says."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from benchmarks.matching import Tickets, fly, nearest, plant


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
