from __future__ import annotations

import math

import pytest

from missions import mission_items as mi
from missions.cameras import load_cameras
from missions.plan import PatrolPlan, WaypointRole
from missions.planner import PlanRequest, plan_patrol
from missions.site import Site


@pytest.fixture(scope="module")
def plan(brook: Site) -> PatrolPlan:
    return plan_patrol(PlanRequest(cells=["B01", "B05"], aircraft=2), brook, load_cameras())


def test_a_mission_without_home_item(plan: PatrolPlan) -> None:
    for number, sortie in enumerate(plan.sorties):
        items = mi.mission_items(plan, number)
        assert [item.command for item in items[:3]] == [
            mi.NAV_TAKEOFF,
            mi.DO_CHANGE_SPEED,
            mi.DO_MOUNT_CONTROL,
        ]
        assert items[-1].command == mi.NAV_RETURN_TO_LAUNCH
        assert items[1].param2 == plan.speed_m_s
        assert (items[2].param1, items[2].z) == (plan.camera.pitch_deg, mi.MOUNT_MODE_TARGETING)
        flown = [point for point in sortie.waypoints if point.role is not WaypointRole.TAKEOFF]
        places = [(item.x, item.y, item.z) for item in items if item.command == mi.NAV_WAYPOINT]
        assert places == [(p.latitude, p.longitude, p.altitude_above_home_m) for p in flown]
        assert all(item.frame == mi.FRAME_RELATIVE for item in items if item.command == mi.NAV_WAYPOINT)
        assert all(math.isnan(item.param4) for item in items if item.command == mi.NAV_WAYPOINT)


def test_the_last_waypoint_stands_above_home(plan: PatrolPlan) -> None:
    last = mi.mission_items(plan)[-2]
    assert (last.x, last.y) == pytest.approx(plan.home[:2], abs=1e-7)


def test_speed_changes_become_items(plan: PatrolPlan) -> None:
    waypoints = list(plan.sorties[0].waypoints)
    waypoints[2] = waypoints[2].model_copy(update={"speed_m_s": 3.0})
    sortie = plan.sorties[0].model_copy(update={"waypoints": waypoints})
    items = mi.mission_items(plan.model_copy(update={"sorties": [sortie]}))
    assert [item.param2 for item in items if item.command == mi.DO_CHANGE_SPEED] == [7.0, 3.0, 7.0]


def test_unknown_sortie(plan: PatrolPlan) -> None:
    with pytest.raises(IndexError, match="2 sorties"):
        mi.mission_items(plan, 2)


def test_fence_is_the_allowed_area(plan: PatrolPlan) -> None:
    items = mi.fence_items(plan)
    outer, holes = plan.allowed[0][0], plan.allowed[0][1:]
    inclusion = [item for item in items if item.command == mi.FENCE_INCLUSION_VERTEX]
    exclusion = [item for item in items if item.command == mi.FENCE_EXCLUSION_VERTEX]
    assert len(plan.allowed) == 1
    assert [(item.y, item.x) for item in inclusion] == outer[:-1]
    assert {item.param1 for item in inclusion} == {len(outer) - 1}
    assert [(item.y, item.x) for item in exclusion] == [corner for ring in holes for corner in ring[:-1]]
    assert len(holes) == 1


def test_rally_point_is_home_at_the_highest_waypoint(plan: PatrolPlan) -> None:
    (rally,) = mi.rally_items(plan)
    assert (rally.command, rally.x, rally.y) == (mi.RALLY_POINT, plan.home[0], plan.home[1])
    assert rally.z == math.ceil(max(p.altitude_above_home_m for s in plan.sorties for p in s.waypoints))


def test_photos_are_taken_on_lanes_only_and_every_trigger_is_ended(brook: Site) -> None:
    request = PlanRequest(cells=["B01"], photo_overlap=0.75, leave_out=0.01)
    photos = plan_patrol(request, brook, load_cameras())
    assert photos.trigger_m is not None
    assert 1.0 <= photos.trigger_m < photos.altitude_agl_m * 4
    on = False
    for item in mi.mission_items(photos):
        if item.command == mi.DO_SET_CAM_TRIGG_DIST:
            assert (item.param1 > 0) is not on, "it is switched, not repeated"
            on = item.param1 > 0
            assert item.param1 in (0.0, photos.trigger_m)
    assert not on
    video = photos.model_copy(update={"trigger_m": None})
    plain = mi.mission_items(video)
    without = [item for item in mi.mission_items(photos) if item.command != mi.DO_SET_CAM_TRIGG_DIST]
    assert [(item.command, item.x, item.y) for item in without] == [(i.command, i.x, i.y) for i in plain]
    assert not [item for item in plain if item.command == mi.DO_SET_CAM_TRIGG_DIST]
