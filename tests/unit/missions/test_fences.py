"""Fences as autopilots can store them."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.fences import MOST_CORNERS, fence_of
from missions.geodesy import LocalFrame
from missions.mission_items import fence_items
from missions.shapes import from_rings, rings_of, to_degrees, to_plane
from tests.vehicles import HOME, place, ring, small_plan, square

FRAME = LocalFrame(*HOME)


def star(corners: int, outer_m: float, inner_m: float) -> shapely.Polygon:
    """About home, with as many points as corners / 2."""
    reaches = [(outer_m, inner_m)[k % 2] for k in range(corners)]
    turns = [2 * math.pi * k / corners for k in range(corners)]
    return shapely.Polygon([(r * math.cos(t), r * math.sin(t)) for r, t in zip(reaches, turns, strict=True)])


def allowing(area: object) -> object:
    return small_plan().model_copy(update={"allowed": rings_of(to_degrees(area, FRAME))})


def test_a_small_area_is_the_fence_as_it_stands() -> None:
    plan = small_plan()
    fence = fence_of(plan)
    assert (fence.rings, fence.wider_m) == (plan.allowed[0], 0.0)
    assert len(fence_items(plan)) == 4
    assert fence_of(plan.model_copy(update={"allowed": []})).rings == []


@settings(max_examples=40, deadline=None)
@given(
    corners=st.integers(8, 400).map(lambda n: 2 * (n // 2)), outer=st.floats(80, 400), dent=st.floats(0, 60)
)
def test_a_fence_holds_the_whole_allowed_area_and_has_few_corners(
    corners: int, outer: float, dent: float
) -> None:
    area = star(corners, outer, outer - dent)
    fence = fence_of(allowing(area))  # type: ignore[arg-type]
    within = to_plane(from_rings([fence.rings]), FRAME)
    assert within.buffer(0.01).covers(area)
    assert area.buffer(fence.wider_m + 1.0, join_style="mitre").covers(within)
    assert fence.corners <= MOST_CORNERS or (dent > 12 and fence.corners == corners)


def test_several_areas_become_the_one_that_holds_home() -> None:
    """PX4 wants an aircraft inside every inclusion area: of two that touch, one must be made."""
    west, east = square(100), ring((100, -50), (200, -50), (200, 50), (100, 50))
    apart = ring((500, -50), (600, -50), (600, 50), (500, 50))
    fence = fence_of(small_plan().model_copy(update={"allowed": [[apart], [west], [east]]}))
    area = from_rings([fence.rings])
    inside = [area.covers(shapely.Point(*place(x, 0)[::-1])) for x in (0, 150, 550)]
    assert inside == [True, True, False]


def test_holes_stay_exclusions() -> None:
    hole = ring((20, 20), (40, 20), (40, 40), (20, 40))
    plan = small_plan().model_copy(update={"allowed": [[square(100), hole]]})
    assert [item.command for item in fence_items(plan)] == [5001] * 4 + [5002] * 4


@pytest.mark.parametrize("holes", [12, 20])
def test_many_holes_are_still_stored_or_left_to_the_autopilot_to_refuse(holes: int) -> None:
    area = shapely.box(-400, -400, 400, 400)
    spots = [(-300 + 150 * (k % 5), -300 + 150 * (k // 5)) for k in range(holes)]
    blots = [shapely.Point(spot).buffer(45, quad_segs=4) for spot in spots if spot != (0, 0)]
    fence = fence_of(allowing(area.difference(shapely.union_all(blots))))  # type: ignore[arg-type]
    within = to_plane(from_rings([fence.rings]), FRAME)
    assert within.area >= area.area - sum(blot.area for blot in blots) - 1
    assert all(not within.covers(blot.centroid) for blot in blots)
