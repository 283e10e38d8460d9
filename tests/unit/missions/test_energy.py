from __future__ import annotations

import numpy as np
import pytest

from missions.energy import AircraftModel, Wind
from missions.errors import WindTooStrong

AIRCRAFT = AircraftModel()


def test_power_has_its_least_at_a_cruise_speed() -> None:
    """The paper's curve: hover costs more than about 10 m/s, and far more speed costs most."""
    powers = [AIRCRAFT.power_w(speed) for speed in range(0, 31)]
    assert 8 <= int(np.argmin(powers)) <= 13
    assert powers[0] > 1.25 * min(powers)
    assert powers[30] > 1.9 * powers[0]


def test_climbing_lifts_the_weight_and_descending_gives_some_back() -> None:
    """2.04 kg at 2.5 m/s and an efficiency of 0.6: 83.4 W more."""
    assert AIRCRAFT.power_w(0, 2.5) - AIRCRAFT.power_w(0) == pytest.approx(83.4, abs=0.1)
    assert AIRCRAFT.power_w(0) - AIRCRAFT.power_w(0, -2.5) == pytest.approx(0.3 * 83.4, abs=0.1)


def test_wind_from_a_known_direction_is_flown_through() -> None:
    """Against 8 m/s from the east a flight east at 7 m/s meets 15 m/s of air, a flight west 1 m/s."""
    wind = Wind(8.0, 90.0)
    assert wind.power_w(AIRCRAFT, 7, 0) == pytest.approx(AIRCRAFT.power_w(15))
    assert wind.power_w(AIRCRAFT, -7, 0) == pytest.approx(AIRCRAFT.power_w(1))
    assert wind.power_w(AIRCRAFT, 0, 6) == pytest.approx(AIRCRAFT.power_w(10))


@pytest.mark.parametrize("speed", [0.0, 3.0, 7.0, 12.0])
def test_wind_from_an_unknown_direction_is_the_worst_of_all(speed: float) -> None:
    worst = Wind(6.0).power_w(AIRCRAFT, speed, 0)
    known = [Wind(6.0, bearing).power_w(AIRCRAFT, speed, 0) for bearing in range(0, 360, 10)]
    assert worst >= max(known) - 1.5
    assert Wind().power_w(AIRCRAFT, speed, 0) == AIRCRAFT.power_w(speed)


def test_wind_costs_at_last_speed() -> None:
    assert AIRCRAFT.ground_speed(7, 5) == 7
    assert AIRCRAFT.ground_speed(7, 12) == 4
    with pytest.raises(WindTooStrong, match="wait until it drops"):
        AIRCRAFT.ground_speed(7, 15)


def test_an_old_battery_holds_less() -> None:
    assert AircraftModel(battery_wh=90, battery_health=0.8).capacity_wh == pytest.approx(72)
