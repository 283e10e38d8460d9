from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.energy import AircraftModel, Cost, Wind
from missions.motion import fly_legs, path_cost, vertical_cost

AIRCRAFT, CALM = AircraftModel(), Wind()


def path(*corners: tuple[float, float, float]) -> np.ndarray:
    return np.array(corners, float)


def test_time_of_a_straight_leg_from_rest_to_rest() -> None:
    """100 m at 8 m/s: 3.2 s up and the controller's 0.4 s, braking at 1.75 m/s2 to the corner's radius."""
    cost = path_cost(path((0, 0, 0), (100, 0, 0)), 8, CALM, AIRCRAFT)
    assert cost.length_m == pytest.approx(100)
    assert 98 / 8 + 2 < cost.seconds < 98 / 8 + 4
    assert cost.energy_wh == pytest.approx(cost.seconds * AIRCRAFT.power_w(8) / 3600, rel=0.1)


def test_corners_cost_time_and_the_sharper_the_more() -> None:
    straight, bent, back = (
        path_cost(path((0, 0, 0), (50, 0, 0), end), 8, CALM, AIRCRAFT).seconds
        for end in ((100, 0, 0), (50, 50, 0), (0, 0, 0))
    )
    one = path_cost(path((0, 0, 0), (100, 0, 0)), 8, CALM, AIRCRAFT).seconds
    assert straight == pytest.approx(one, abs=0.05)
    assert one + 1.5 < bent < back < one + 6


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=1, max_size=8),
    speed=st.floats(2, 15),
)
def test_no_way_is_flown_faster_than_its_speed(steps: list[tuple[float, float]], speed: float) -> None:
    """But for what corners are cut by."""
    way = np.column_stack([np.vstack([[0.0, 0.0], np.cumsum(steps, axis=0)]), np.zeros(len(steps) + 1)])
    cost = path_cost(way, speed, CALM, AIRCRAFT)
    cut = 2 * AIRCRAFT.corner_radius_m * len(steps)
    assert np.isfinite(cost.seconds)
    assert np.isfinite(cost.energy_wh)
    assert cost.seconds >= (cost.length_m - cut) / speed - 1e-6
    assert all(leg.cruise_s >= 0 and leg.slower_s >= 0 for leg in fly_legs(way, speed, AIRCRAFT))


def test_slopes_are_flown_no_faster_than_the_climb_allows() -> None:
    """60 m up over 60 m at 2.5 m/s take 24 s at least, 60 m down at 1.5 m/s 40 s."""
    up = path_cost(path((0, 0, 0), (60, 0, 60)), 8, CALM, AIRCRAFT)
    down = path_cost(path((0, 0, 60), (60, 0, 0)), 8, CALM, AIRCRAFT)
    assert 23 < up.seconds < 27
    assert 38 < down.seconds < 42
    assert up.energy_wh / up.seconds > down.energy_wh / down.seconds


def test_standing_still_costs_nothing() -> None:
    assert path_cost(np.zeros((3, 3)), 8, CALM, AIRCRAFT) == Cost()
    assert vertical_cost(0, 0, CALM, AIRCRAFT) == Cost()


def test_taking_off_and_landing() -> None:
    """50 m up at 2.5 m/s; 40 m down at 1.5 m/s and 10 m at 0.5 m/s."""
    assert vertical_cost(50, 0, CALM, AIRCRAFT).seconds == pytest.approx(20 + AIRCRAFT.start_s)
    assert vertical_cost(0, 50, CALM, AIRCRAFT).seconds == pytest.approx(40 / 1.5 + 20 + AIRCRAFT.landing_s)
