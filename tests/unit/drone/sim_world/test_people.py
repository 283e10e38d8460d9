"""People and vehicles on their timetables."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Polygon

from drone.sim.events import PlantedEvent, SightingKind
from drone.sim.fabric import BUILT, WATER
from drone.sim.figures import FACES, VERTICES, Joints, pose_bodies
from drone.sim.geometry import Place
from drone.sim.people import Bodies
from drone.sim.schedule import Timetable, arriving, driven_loop, walked
from drone.sim.town import Town
from drone.sim.vehicles import models


def bodies_at(town: Town, time_s: float) -> Bodies:
    bicycles = np.array([models()[k].category == "bicycle" for k in town.fleet.kinds])
    return town.crowd.at(time_s, town.fleet.at(time_s), bicycles)


def tracks(town: Town, event: PlantedEvent, times: np.ndarray) -> np.ndarray:
    """Positions (T, N, 2) of an event's people."""
    rows = []
    for time_s in times:
        bodies = bodies_at(town, float(time_s))
        mine = np.array([town.crowd.events[i] == event.id for i in bodies.who])
        rows.append(np.column_stack([bodies.east[mine], bodies.north[mine]]))
    return np.array(rows)


def of_kind(town: Town, kind: SightingKind) -> list[PlantedEvent]:
    return [event for event in town.planted if event.kind == kind]


def test_a_timetable_is_a_pure_function_of_time() -> None:
    route = walked([[0, 0], [10, 0], [10, 10]], 2.0, waits=[3.0, 0.0, 0.0], facing=[1.0])
    table = Timetable([route, route], [0.0, 1.5])
    state = table.at(4.0)
    assert (state.east[0], state.north[0], state.speed[0]) == pytest.approx((2.0, 0.0, 2.0))
    assert table.at(1.0).speed[0] == 0.0
    assert table.at(2.5).east[0] == table.at(1.0).east[1]
    assert table.at(4.0 + 7 * route.period).east[0] == pytest.approx(2.0)


def test_late_ones_come_once_and_leave() -> None:
    table = Timetable([arriving([[0, 0], [5, 0]], 1.0, 2.0, leave_s=30.0)], [-100.0])
    assert [bool(table.at(t).present[0]) for t in (99.0, 101.0, 129.0, 131.0)] == [False, True, True, False]
    assert table.at(120.0).east[0] == 5.0


def test_a_driven_loop_turns_smoothly() -> None:
    ring = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    table = Timetable([driven_loop(ring, [5.0] * 4, [0.0, 2.0, 0.0, 0.0])], [0.0])
    headings = np.unwrap([table.at(t).heading[0] for t in np.arange(0, table._period[0], 0.05)])
    assert np.abs(np.diff(headings)).max() < 0.1
    assert table.at(3.0).speed[0] == 0.0


def test_more_than_five_hundred_people_are_about(town: Town) -> None:
    assert len(bodies_at(town, 600.0).who) > 500


def test_hardly_anybody_walks_through_walls_or_water(town: Town) -> None:
    for time_s in (50.0, 1234.0):
        bodies = bodies_at(town, time_s)
        assert np.isin(town.fabric.use_at(bodies.east, bodies.north), (BUILT, WATER)).mean() < 0.02


def test_gatherings_are_ten_or_more_standing_close_for_half_a_minute(town: Town) -> None:
    for event in of_kind(town, SightingKind.GATHERING):
        path = tracks(town, event, event.start_s + np.arange(40.0, 75.0, 1.0))
        assert path.shape[1] == event.people >= 10
        assert np.hypot(*(path - [event.east, event.north]).reshape(-1, 2).T).max() < 6.0
        assert np.hypot(*np.diff(path, axis=0).reshape(-1, 2).T).max() < 0.3
        gaps = np.hypot(*(path[0][:, None] - path[0][None]).transpose(2, 0, 1)) + 9 * np.eye(event.people)
        assert gaps.min(1).max() < 2.0


def test_disputes_show_in_the_accelerations_of_a_close_pair(town: Town) -> None:
    for event in of_kind(town, SightingKind.DISPUTE):
        times = event.start_s + 40.0 + np.arange(0.0, 12.0, 0.2)
        path = tracks(town, event, times)
        acceleration = np.hypot(*(np.diff(path, 2, axis=0) / 0.04).transpose(2, 0, 1)).mean(0)
        pushers = np.argsort(-acceleration)[:2]
        assert acceleration[pushers].min() > 1.5
        gap = np.hypot(*(path[:, :, None] - path[:, None]).transpose(3, 0, 1, 2))
        close = (gap[:, pushers[0]] + 9 * np.eye(path.shape[1])[pushers[0]]).min(1)
        assert close.max() < 1.3
        assert event.people == path.shape[1]
    assert {event.people > 4 for event in of_kind(town, SightingKind.DISPUTE)} == {True, False}


def test_four_wheeled_traffic_never_collides(town: Town) -> None:
    heavy = np.array([models()[k].category in ("car", "bus", "truck") for k in town.fleet.kinds])
    for time_s in (17.0, 411.0, 2222.0):
        state = town.fleet.at(time_s)
        index = np.flatnonzero(state.present & heavy)
        boxes = [
            Polygon(
                Place(state.east[k], state.north[k], state.heading[k]).rectangle(
                    0, 0, *models()[town.fleet.kinds[k]].size[:2]
                )
            )
            for k in index
        ]
        moving = state.speed[index] > 0.1
        for a in np.flatnonzero(moving):
            near = np.flatnonzero(
                np.hypot(state.east[index] - state.east[index[a]], state.north[index] - state.north[index[a]])
                < 12
            )
            assert all(boxes[a].intersection(boxes[b]).area < 0.5 for b in near if b != a)


def test_a_posed_body_is_as_tall_as_its_stature_and_stands_on_the_ground() -> None:
    points, normals = pose_bodies(
        Joints.rest(2), np.array([1.5, 1.8]), np.zeros((2, 4), bool), np.array([0.0, 2.0])
    )
    assert points.shape == (2, VERTICES, 3)
    assert FACES.max() == VERTICES - 1
    height = points[..., 2].max(1) - points[..., 2].min(1)
    assert height == pytest.approx([1.5, 1.8], rel=0.04)
    assert np.abs(points[..., 2].min(1)).max() < 0.06
    assert np.hypot(*np.ptp(points, axis=1)[:, :2].T).max() < 0.9
    assert np.isfinite(normals).all()
