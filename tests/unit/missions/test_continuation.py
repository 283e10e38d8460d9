from __future__ import annotations

import numpy as np
import pytest
import shapely

from missions import shapes
from missions.cameras import load_cameras
from missions.continuation import continue_patrol, lanes_left
from missions.errors import PlanImpossible
from missions.geodesy import LocalFrame
from missions.mission_items import DO_CHANGE_SPEED, DO_MOUNT_CONTROL, mission_items
from missions.plan import PatrolPlan, WaypointRole
from missions.planner import PlanRequest, plan_patrol
from missions.site import Site

CAMERAS = load_cameras()


@pytest.fixture(scope="module")
def whole(brook: Site) -> PatrolPlan:
    return plan_patrol(PlanRequest(cells=["B02"], battery_wh=21), brook, CAMERAS)


def starts(plan: PatrolPlan, sortie: int) -> list[int]:
    points = plan.sorties[sortie].waypoints
    return [index for index, point in enumerate(points) if point.role is WaypointRole.LANE_START]


def test_it_goes_on_one_lane_earlier_with_camera_and_speed_set_again(brook: Site, whole: PatrolPlan) -> None:
    stopped = starts(whole, 0)[1] + 1
    rest = continue_patrol(whole, PlanRequest(battery_wh=21), brook, CAMERAS, 0, stopped)
    points = whole.sorties[0].waypoints
    again = rest.sorties[0].waypoints[starts(rest, 0)[0]]
    overlap = points[starts(whole, 0)[0]]
    assert (again.latitude, again.longitude) == pytest.approx((overlap.latitude, overlap.longitude), abs=1e-7)
    frame = LocalFrame(*whole.home)
    assert len(lanes_left(rest, frame, 0, 0, 0)) == len(lanes_left(whole, frame, 0, 0, 0))
    for sortie in range(len(rest.sorties)):
        commands = [item.command for item in mission_items(rest, sortie)]
        assert {DO_CHANGE_SPEED, DO_MOUNT_CONTROL} <= set(commands[:3])
    assert rest.camera == whole.camera
    assert rest.home == whole.home


def test_the_rest_stays_inside_and_sees_what_was_left(brook: Site, whole: PatrolPlan) -> None:
    stopped = starts(whole, 1)[0] + 1
    rest = continue_patrol(whole, PlanRequest(battery_wh=21), brook, CAMERAS, 1, stopped)
    assert rest.outside_m == 0
    assert rest.flyable
    assert rest.uncovered_fraction < 0.001
    assert rest.area_m2 < whole.area_m2
    inside = shapes.from_rings(whole.area).buffer(1e-7)
    assert shapely.difference(shapes.from_rings(rest.area), inside).area == pytest.approx(0, abs=1e-14)


def test_no_lane_is_lost_wherever_it_stops(whole: PatrolPlan) -> None:
    """Lanes flown before and lanes left are all lanes, and at least one is in both."""
    frame = LocalFrame(*whole.home)
    every = lanes_left(whole, frame, 0, 0, 0)
    flown = 0
    for sortie, flight in enumerate(whole.sorties):
        for index, point in enumerate(flight.waypoints):
            left = lanes_left(whole, frame, sortie, index, 1)
            if flown < len(every):
                assert len(left) == len(every) - max(0, flown - 1)
                assert left == pytest.approx(every[max(0, flown - 1) :])
            flown += point.role is WaypointRole.LANE_END
    assert np.shape(lanes_left(whole, frame, len(whole.sorties), 0, 1)) == (0, 2, 2)


@pytest.mark.parametrize(
    ("sortie", "waypoint", "message"),
    [(9, 0, "there is no number 9"), (0, 999, "there is no number 999"), (-1, 0, "no number -1")],
)
def test_impossible_places(brook: Site, whole: PatrolPlan, sortie: int, waypoint: int, message: str) -> None:
    with pytest.raises(PlanImpossible, match=message):
        continue_patrol(whole, PlanRequest(), brook, CAMERAS, sortie, waypoint)


def test_a_plan_flown_to_its_end_has_no_rest(brook: Site, whole: PatrolPlan) -> None:
    last = len(whole.sorties) - 1
    end = len(whole.sorties[last].waypoints) - 1
    with pytest.raises(PlanImpossible, match="nothing is left"):
        continue_patrol(whole, PlanRequest(), brook, CAMERAS, last, end)
