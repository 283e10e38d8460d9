from __future__ import annotations

import itertools

import numpy as np
import pytest
from shapely.geometry import box

from missions.energy import AircraftModel, Wind
from missions.geodesy import Array
from missions.paths import Flight, SortiePath, build_sorties, follow_terrain
from missions.plan import WaypointRole as Role

HOME = np.array([-100.0, 0.0])
REGION = box(-150, -50, 1050, 250)
LANES = np.array([[[0.0, y], [1000.0, y]] if i % 2 == 0 else [[1000.0, y], [0.0, y]]
                  for i, y in enumerate((0.0, 50.0, 100.0, 150.0))])  # fmt: skip


def flight(battery_wh: float = 90.0) -> Flight:
    return Flight(
        aircraft=AircraftModel(battery_wh=battery_wh), speed_m_s=7, wind=Wind(), altitude_agl_m=50,
        reserve_fraction=0.25,
    )  # fmt: skip


def test_one_sortie_from_home_to_home() -> None:
    (path,) = build_sorties(LANES, REGION, HOME, flight(), 1)
    assert path.roles[0] is Role.TAKEOFF
    assert path.roles[-1] is Role.RETURN
    assert path.positions[0].tolist() == path.positions[-1].tolist() == HOME.tolist()
    assert [lane for lane, role in zip(path.lanes, path.roles, strict=True) if role is Role.LANE_START] == [
        0, 1, 2, 3,
    ]  # fmt: skip
    assert [p.tolist() for p in path.positions[1:3]] == LANES[0].tolist()


def test_small_batteries_continue_in_further_sorties() -> None:
    """A battery for about one lane and a half: every sortie fits, all lanes are flown, in order."""
    paths = build_sorties(LANES, REGION, HOME, flight(32.0), 1)
    assert len(paths) > 1
    flown = []
    for path in paths:
        cost = flight().along(path.positions) + flight().up_and_down(50, 50)
        assert cost.energy_wh <= 32.0 * 0.75 + 0.01
        starts = [i for i, role in enumerate(path.roles) if role is Role.LANE_START]
        flown += [path.positions[i : i + 2] for i in starts]
    assert np.array(flown) == pytest.approx(LANES)


def test_lanes_too_long_for_a_battery_are_cut() -> None:
    paths = build_sorties(LANES[:1], REGION, HOME, flight(21.0), 1)
    pieces = [
        path.positions[i : i + 2]
        for path in paths
        for i, role in enumerate(path.roles)
        if role is Role.LANE_START
    ]
    assert len(pieces) > 1
    assert pieces[0][0].tolist() == LANES[0][0].tolist()
    assert pieces[-1][1].tolist() == LANES[0][1].tolist()
    assert all(a[1].tolist() == b[0].tolist() for a, b in itertools.pairwise(pieces))


def test_several_aircraft() -> None:
    assert len(build_sorties(LANES, REGION, HOME, flight(), 2)) == 2


def ridge(east: Array, north: Array) -> Array:
    return 60 * np.exp(-((np.asarray(east) - 500) ** 2) / (2 * 80**2))


def test_heights_follow_the_ground_within_the_tolerance() -> None:
    path = SortiePath(
        np.array([[-100.0, 0.0], [0.0, 0.0], [1000.0, 0.0], [-100.0, 0.0]]),
        [Role.TAKEOFF, Role.LANE_START, Role.LANE_END, Role.RETURN], [None, 0, 0, None],
    )  # fmt: skip
    result = follow_terrain(path, ridge, 50.0, 3.0)
    along = np.vstack([
        a + np.linspace(0, 1, 50)[:, None] * (b - a) for a, b in itertools.pairwise(result.positions)
    ])  # fmt: skip
    off = along[:, 2] - ridge(along[:, 0], along[:, 1]) - 50
    assert np.abs(off).max() < 3.3
    assert len(result.positions) < 40
    inserted = [(r, n) for r, n in zip(result.roles, result.lanes, strict=True) if r is Role.TRANSIT]
    assert inserted
    assert set(inserted) == {(Role.TRANSIT, 0)}
    assert result.roles.count(Role.RETURN) > 1
    assert [r for r in result.roles if r in (Role.LANE_START, Role.LANE_END)] == [
        Role.LANE_START,
        Role.LANE_END,
    ]


def test_flat_ground_needs_no_further_positions() -> None:
    path = SortiePath(np.array([[0.0, 0.0], [900.0, 0.0]]), [Role.TAKEOFF, Role.RETURN], [None, None])
    result = follow_terrain(path, lambda e, n: np.full(len(e), 68.0), 50.0, 3.0)
    assert result.positions.tolist() == [[0.0, 0.0, 118.0], [900.0, 0.0, 118.0]]
