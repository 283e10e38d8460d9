from __future__ import annotations

import itertools

import numpy as np
import pytest

from missions.deconfliction import conflicts
from missions.energy import AircraftModel
from missions.fleet import SWAP_S
from missions.geodesy import LocalFrame
from missions.plan import Sortie, Waypoint, WaypointRole
from missions.timetable import CLOCK_SLACK_S, Home, stagger, trajectory_of

HOME: Home = (30.2, 120.1, 10.0)
FRAME = LocalFrame(30.2, 120.1)
AIRCRAFT = AircraftModel()


def sortie(aircraft: int, *places: tuple[float, float]) -> Sortie:
    """From home at 50 m over places in metres and back."""
    ways = [(0.0, 0.0), *places, (0.0, 0.0)]
    roles = [WaypointRole.TAKEOFF, *[WaypointRole.TRANSIT] * len(places), WaypointRole.RETURN]
    degrees = FRAME.to_geodetic([[east, north, 60.0] for east, north in ways])
    points = [
        Waypoint(
            role=role, latitude=float(lat), longitude=float(lon), altitude_above_home_m=50.0,
            altitude_amsl_m=60.0, altitude_agl_m=50.0, speed_m_s=8.0,
        )
        for (lat, lon, _), role in zip(degrees, roles, strict=True)
    ]  # fmt: skip
    return Sortie(
        aircraft=aircraft, waypoints=points, length_m=0, seconds=0, energy_wh=0, reserve_fraction=0.5
    )


def test_a_trajectory_begins_and_ends_on_the_ground_at_home() -> None:
    way = trajectory_of(sortie(0, (300, 0), (300, 200)), HOME, FRAME, AIRCRAFT)
    assert way.positions[0] == pytest.approx([0, 0, 10], abs=0.05)
    assert way.positions[-1] == pytest.approx([0, 0, 10], abs=0.05)
    assert way.times_s[0] == 0
    assert way.times_s[-1] > (300 + 200 + 360) / 8 + 50 / 2.5 + 40 / 1.5 + 20
    assert way.positions[:, 2].max() == pytest.approx(60, abs=0.1)


def test_one_aircraft_flies_its_sorties_after_each_other() -> None:
    (timed,) = stagger([([sortie(0, (300, 0)), sortie(0, (0, 300))], HOME)], AIRCRAFT)
    first = trajectory_of(timed[0], HOME, FRAME, AIRCRAFT)
    assert timed[0].start_s == 0
    assert timed[1].start_s == pytest.approx(first.times_s[-1] + SWAP_S, abs=0.1)


def test_aircraft_of_one_home_never_come_too_close() -> None:
    """Three ways that cross near home: later ones wait, and not until all others are down again."""
    plans = [sortie(0, (600, 0), (600, 200)), sortie(1, (-600, 0), (-600, 200)), sortie(2, (0, 700))]
    (timed,) = stagger([(plans, HOME)], AIRCRAFT)
    ways = [trajectory_of(s, HOME, FRAME, AIRCRAFT).delayed(s.start_s) for s in timed]
    for first, second in itertools.combinations(ways, 2):
        assert not conflicts(first, second, slack_s=CLOCK_SLACK_S - 0.1)
    assert min(s.start_s for s in timed) == 0
    assert sorted(s.start_s for s in timed)[1] < ways[0].times_s[-1]


def test_aircraft_of_homes_far_apart_take_off_together() -> None:
    far = FRAME.to_geodetic([[3000.0, 0.0]])[0]
    place: Home = (float(far[0]), float(far[1]), 10.0)
    moved = sortie(0, (300, 0))
    shifted = [
        point.model_copy(update={"longitude": point.longitude + place[1] - HOME[1]})
        for point in moved.waypoints
    ]
    other = moved.model_copy(update={"waypoints": shifted})
    timed = stagger([([moved], HOME), ([other], place)], AIRCRAFT)
    assert [s.start_s for sorties in timed for s in sorties] == [0, 0]
    assert np.isfinite(timed[1][0].start_s)
