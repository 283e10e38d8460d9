from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.errors import PlanImpossible
from missions.fleet import SWAP_S, FleetTask, busy_s, share_cells


def task(seed: int, cells: int, aircraft: int, sortie_s: float = 1500.0) -> FleetTask:
    random = np.random.default_rng(seed)
    places, homes = random.uniform(0, 1000, (cells, 2)), random.uniform(200, 800, (aircraft, 2))
    away = np.hypot(*np.moveaxis(homes[:, None] - places[None], -1, 0)) / 8
    between = np.hypot(*np.moveaxis(places[:, None] - places[None], -1, 0)) / 8
    return FleetTask(
        cover_s=random.uniform(60, 400, cells), between_s=between, out_s=away + 20, back_s=away + 50,
        sortie_s=sortie_s,
    )  # fmt: skip


def makespan(fleet: FleetTask) -> float:
    return max(busy_s(fleet, number, route) for number, route in enumerate(share_cells(fleet)))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), cells=st.integers(0, 14), aircraft=st.integers(1, 4))
def test_every_cell_is_flown_once_and_every_sortie_fits_a_battery(
    seed: int, cells: int, aircraft: int
) -> None:
    fleet = task(seed, cells, aircraft, sortie_s=900.0)
    routes = share_cells(fleet)
    assert len(routes) == aircraft
    flown = sorted(cell for route in routes for sortie in route for cell in sortie)
    assert flown == list(range(cells))
    for number, route in enumerate(routes):
        for sortie in route:
            inner = sum(fleet.between_s[a, b] for a, b in itertools.pairwise(sortie))
            seconds = fleet.out_s[number, sortie[0]] + inner + fleet.cover_s[sortie].sum()
            assert seconds + fleet.back_s[number, sortie[-1]] <= 900.0 + 1e-6
    if cells:
        assert makespan(fleet) >= fleet.lower_bound_s() - 1e-6


def best_makespan(fleet: FleetTask) -> float:
    """Of all ways to share and order few cells between two aircraft with one large battery each."""
    cells = range(len(fleet.cover_s))
    best = np.inf
    for owners in itertools.product((0, 1), repeat=len(fleet.cover_s)):
        longest = 0.0
        for number in (0, 1):
            mine = [cell for cell in cells if owners[cell] == number]
            orders = [list(order) for order in itertools.permutations(mine)] if mine else []
            longest = max(longest, min((busy_s(fleet, number, [order]) for order in orders), default=0.0))
        best = min(best, longest)
    return float(best)


@pytest.mark.parametrize("seed", range(6))
def test_few_cells_are_shared_nearly_as_well_as_can_be(seed: int) -> None:
    fleet = task(seed, 5, 2, sortie_s=100_000.0)
    assert best_makespan(fleet) - 1e-6 <= makespan(fleet) <= 1.1 * best_makespan(fleet)


def test_the_same_task_gives_the_same_answer() -> None:
    assert share_cells(task(5, 12, 3)) == share_cells(task(5, 12, 3))


def test_a_battery_swap_takes_time() -> None:
    fleet = task(1, 2, 1)
    one = busy_s(fleet, 0, [[0]]) + busy_s(fleet, 0, [[1]])
    assert busy_s(fleet, 0, [[0], [1]]) == pytest.approx(one + SWAP_S)


def test_a_cell_that_no_battery_holds_is_told() -> None:
    with pytest.raises(PlanImpossible, match="take off nearer, or cut the cell"):
        share_cells(task(1, 3, 2, sortie_s=50.0))


def test_tables_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="do not match"):
        FleetTask(
            cover_s=np.ones(3), between_s=np.ones((3, 2)), out_s=np.ones((1, 3)), back_s=np.ones((1, 3)),
            sortie_s=1.0,
        )  # fmt: skip
