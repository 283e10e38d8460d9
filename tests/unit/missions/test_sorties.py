from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.errors import WindTooStrong
from missions.sorties import AircraftModel, Cost, path_cost, share_out, split_lanes, vertical_cost

AIRCRAFT = AircraftModel(acceleration_m_s2=2.0)


def test_power_has_its_least_at_a_cruise_speed() -> None:
    """The paper's curve: hover costs more than about 10 m/s, and far more speed costs most."""
    powers = [AIRCRAFT.power_w(speed) for speed in range(0, 31)]
    assert 8 <= int(np.argmin(powers)) <= 13
    assert powers[0] > 1.25 * min(powers)
    assert powers[30] > 1.9 * powers[0]


def test_wind_costs_energy_and_at_last_speed() -> None:
    assert AIRCRAFT.windy_power_w(7, 8) >= AIRCRAFT.windy_power_w(7, 0)
    assert AIRCRAFT.ground_speed(7, 5) == 7
    assert AIRCRAFT.ground_speed(7, 12) == 4
    with pytest.raises(WindTooStrong, match="wait until it drops"):
        AIRCRAFT.ground_speed(7, 15)


def test_time_of_a_straight_leg_from_rest_to_rest() -> None:
    """100 m at 8 m/s and 2 m/s2: 4 s and 16 m up, the same down, 68 m between."""
    cost = path_cost(np.array([[0.0, 0, 0], [100.0, 0, 0]]), 8, 0, AIRCRAFT)
    assert cost.seconds == pytest.approx(4 + 4 + 68 / 8)
    assert cost.length_m == pytest.approx(100)
    assert cost.energy_wh == pytest.approx(cost.seconds * AIRCRAFT.power_w(8) / 3600)
    short = path_cost(np.array([[0.0, 0, 0], [8.0, 0, 0]]), 8, 0, AIRCRAFT)
    assert short.seconds == pytest.approx(4.0)


def test_corners_cost_time() -> None:
    straight = path_cost(np.array([[0.0, 0, 0], [50, 0, 0], [100, 0, 0]]), 8, 0, AIRCRAFT)
    bent = path_cost(np.array([[0.0, 0, 0], [50, 0, 0], [50, 50, 0]]), 8, 0, AIRCRAFT)
    back = path_cost(np.array([[0.0, 0, 0], [50, 0, 0], [0, 0, 0]]), 8, 0, AIRCRAFT)
    assert straight.seconds == pytest.approx(4 + 4 + 68 / 8)
    assert bent.seconds == back.seconds == pytest.approx(2 * (8 + 18 / 8))


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=1, max_size=8),
    speed=st.floats(2, 15),
)
def test_time_is_never_less_than_length_over_speed(steps: list[tuple[float, float]], speed: float) -> None:
    path = np.column_stack([np.vstack([[0.0, 0.0], np.cumsum(steps, axis=0)]), np.zeros(len(steps) + 1)])
    cost = path_cost(path, speed, 0, AIRCRAFT)
    assert cost.seconds >= cost.length_m / speed - 1e-6
    stops = sum((path_cost(path[i : i + 2], speed, 0, AIRCRAFT).seconds for i in range(len(steps))), 0.0)
    assert cost.seconds <= stops + 1e-6


def test_standing_still_costs_nothing_and_climbing_does() -> None:
    assert path_cost(np.zeros((3, 3)), 8, 0, AIRCRAFT) == Cost()
    level = path_cost(np.array([[0.0, 0, 0], [100, 0, 0]]), 8, 0, AIRCRAFT)
    climb = path_cost(np.array([[0.0, 0, 0], [100, 0, 30]]), 8, 0, AIRCRAFT)
    assert climb.energy_wh > level.energy_wh
    assert vertical_cost(50, 50, 0, AIRCRAFT).seconds == pytest.approx(20 + 21 + 8 / 0.6 + 6)


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
