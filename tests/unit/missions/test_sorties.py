from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from missions.energy import Cost
from missions.sorties import share_out, split_lanes


def even(count: int, lane: Cost, link: Cost, home: Cost) -> tuple[list[Cost], ...]:
    return [lane] * count, [link] * (count - 1), [home] * count, [home] * count


def test_one_battery_one_sortie() -> None:
    lanes, links, out, back = even(4, Cost(100, 10, 1), Cost(10, 2, 0.1), Cost(50, 5, 0.5))
    assert split_lanes(lanes, links, out, back, 10.0) == [(0, 4)]


def test_continuation_sorties_fit_the_battery_and_are_even() -> None:
    lanes, links, out, back = even(6, Cost(100, 10, 1), Cost(10, 2, 0.1), Cost(50, 5, 0.5))
    cuts = split_lanes(lanes, links, out, back, 4.4)
    assert cuts == [(0, 3), (3, 6)]
    assert split_lanes(lanes, links, out, back, 2.5) == [(i, i + 1) for i in range(6)]


def test_several_aircraft_get_sorties_of_their_own() -> None:
    lanes, links, out, back = even(6, Cost(100, 10, 1), Cost(10, 2, 0.1), Cost(50, 5, 0.5))
    assert split_lanes(lanes, links, out, back, 99.0, least=3) == [(0, 2), (2, 4), (4, 6)]
    assert len(split_lanes(lanes, links, out, back, 99.0, least=9)) == 6
    assert split_lanes([], [], [], [], 99.0, least=2) == []


def test_a_lane_too_long_for_any_battery_stays_alone() -> None:
    lanes = [Cost(0, 1, 1), Cost(0, 9, 9), Cost(0, 1, 1)]
    zero = [Cost()] * 3
    assert split_lanes(lanes, zero[:2], zero, zero, 2.0) == [(0, 1), (1, 2), (2, 3)]


@settings(max_examples=40, deadline=None)
@given(energies=st.lists(st.floats(0.1, 3), min_size=1, max_size=7), home=st.floats(0.1, 1))
def test_the_fewest_sorties_of_all_ways_to_cut(energies: list[float], home: float) -> None:
    limit = 6.0
    lanes = [Cost(0, e * 60, e) for e in energies]
    zero, way = [Cost()] * (len(lanes) - 1), [Cost(0, home * 60, home)] * len(lanes)
    cuts = split_lanes(lanes, zero, way, way, limit)
    assert [a for a, _ in cuts] == [0, *[b for _, b in cuts[:-1]]]
    assert cuts[-1][1] == len(lanes)

    def fits(bounds: tuple[int, ...]) -> bool:
        edges = [0, *bounds, len(lanes)]
        return all(b - a == 1 or sum(energies[a:b]) + 2 * home <= limit for a, b in itertools.pairwise(edges))

    assert fits(tuple(b for _, b in cuts[:-1]))
    fewest = next(
        k + 1
        for k in range(len(lanes))
        if any(fits(c) for c in itertools.combinations(range(1, len(lanes)), k))
    )
    assert len(cuts) == fewest


def test_sorties_are_shared_evenly() -> None:
    assert share_out([100, 90, 20, 10], 2) == [0, 1, 1, 0]
    assert share_out([5, 5, 5], 1) == [0, 0, 0]
