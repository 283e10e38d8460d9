"""Motion, navigation, battery: physical limits hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drone.sim.battery import Battery, PowerModel
from drone.sim.dynamics import Multirotor
from drone.sim.navigation import Leg, Rates, corner_speed, fly, reached

DT = 0.02
SPEED = st.floats(-30, 30)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SPEED, SPEED, SPEED, st.floats(0, 360)), min_size=1, max_size=6), SPEED, SPEED)
def test_limits_hold_whatever_is_wanted(
    wishes: list[tuple[float, float, float, float]], wind_east: float, wind_north: float
) -> None:
    rotor = Multirotor()
    wind = (wind_east / 3, wind_north / 3)
    for east, north, up, yaw in wishes:
        for _ in range(100):
            before = rotor.motion.acceleration
            rotor.step(DT, (east, north, up), yaw, wind)
            m, limits = rotor.motion, rotor.limits
            # the jerk limit is per axis, so the acceleration may overshoot its limit a little in turning
            assert math.hypot(*m.acceleration[:2]) <= limits.acceleration_m_s2 * 1.5
            assert abs(m.acceleration[2]) <= limits.vertical_acceleration_m_s2 + 1e-9
            change = max(abs(a - b) for a, b in zip(m.acceleration, before, strict=True))
            assert change <= limits.jerk_m_s3 * DT + 1e-9
            assert abs(m.yaw_rate_deg_s) <= limits.yaw_rate_deg_s + 1e-9
            airspeed = math.hypot(m.velocity[0] - wind[0], m.velocity[1] - wind[1])
            assert airspeed <= limits.airspeed_m_s + 6.0
            assert abs(m.pitch_deg) < 60
            assert abs(m.roll_deg) < 60


def test_it_leans_into_the_wind_and_stays() -> None:
    rotor = Multirotor()
    for _ in range(500):
        rotor.step(DT, (0.0, 0.0, 0.0), 0.0, (0.0, -8.0))
    assert rotor.motion.position == pytest.approx((0, 0, 0), abs=1e-6)
    assert rotor.motion.pitch_deg < -5, "nose down against a wind from the north"


def test_a_storm_carries_it_off() -> None:
    rotor = Multirotor()
    for _ in range(2000):
        rotor.step(DT, (0.0, 0.0, 0.0), None, (25.0, 0.0))
    assert rotor.motion.velocity[0] == pytest.approx(5.0, abs=0.2)


def test_yaw_takes_the_short_way() -> None:
    rotor = Multirotor()
    rotor.motion.yaw_deg = 350.0
    seen = []
    for _ in range(200):
        rotor.step(DT, (0.0, 0.0, 0.0), 20.0, (0.0, 0.0))
        seen.append(rotor.motion.yaw_deg)
    assert seen[-1] == pytest.approx(20.0, abs=0.5)
    assert all(yaw >= 349 or yaw <= 21 for yaw in seen)


def test_a_leg_is_flown_straight_in_spite_of_a_side_start() -> None:
    leg = Leg(start=(0, 0, 10), end=(100, 0, 20), speed_m_s=7.0)
    rotor = Multirotor()
    rotor.motion.position = (0.0, 6.0, 10.0)
    offsets = []
    for _ in range(4000):
        rotor.step(DT, fly(leg, rotor.motion.position, Rates()), None, (0.0, 0.0))
        if reached(leg, rotor.motion.position, 2.0):
            break
        if rotor.motion.position[0] > 40:
            offsets.append(abs(rotor.motion.position[1]))
            assert rotor.motion.position[2] == pytest.approx(10 + rotor.motion.position[0] / 10, abs=0.7)
    else:
        pytest.fail("the end was never reached")
    assert max(offsets) < 0.3


def test_it_brakes_before_the_end() -> None:
    leg = Leg(start=(0, 0, 10), end=(60, 0, 10), speed_m_s=10.0)
    rotor = Multirotor()
    rotor.motion.position = (0.0, 0.0, 10.0)
    farthest = 0.0
    for _ in range(2000):
        rotor.step(DT, fly(leg, rotor.motion.position, Rates()), None, (0.0, 0.0))
        farthest = max(farthest, rotor.motion.position[0])
    assert farthest < 60.5
    assert rotor.motion.position[0] == pytest.approx(60.0, abs=0.2)


@pytest.mark.parametrize(
    ("end", "share"), [((200, 0, 0), 1.0), ((100, 100, 0), 0.125), ((0, 0, 0), 0.0), ((100, 0, 0), 0.0)]
)
def test_corners_are_taken_slower_the_sharper_they_are(end: tuple[int, int, int], share: float) -> None:
    leg = Leg(start=(0, 0, 0), end=(100, 0, 0), speed_m_s=8.0)
    assert corner_speed(leg, end) == pytest.approx(8.0 * share)


def test_battery_drains_by_energy_and_sags_under_load() -> None:
    battery = Battery(capacity_wh=100.0)
    rest = battery.voltage_v
    for _ in range(600):
        battery.draw(500.0, 0.5)
    assert battery.fraction == pytest.approx(1 - 500 * 300 / 3600 / 100)
    assert battery.voltage_v < rest
    battery.draw(1e6, 60.0)
    assert battery.fraction == 0.0
    assert battery.voltage_v > 0
    battery.swap()
    assert battery.fraction == 1.0


def test_power_is_least_in_slow_forward_flight_and_grows_with_climb() -> None:
    power = PowerModel()
    assert power.hover_w == pytest.approx(193.5, abs=0.1)
    assert power.watts(10, 0) < 0.85 * power.watts(0, 0)
    assert power.watts(25, 0) > power.watts(0, 0)
    assert power.watts(0, 2) > power.watts(0, 0) > power.watts(0, -1)
