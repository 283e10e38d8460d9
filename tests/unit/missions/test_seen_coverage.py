"""Coverage of a cell against a service level, its gaps, and the area to fly again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from shapely import box

from missions import shapes
from missions.geodesy import LocalFrame
from missions.seen_coverage import (
    ServiceLevel,
    coverage,
    coverage_of_parts,
    gaps,
    gaps_of_parts,
    ground_within,
    refly_area,
    split_ground,
)
from missions.seen_obstacles import Obstacles, Prism
from missions.seen_tiles import SeenTile, centres_of, tiles_within

FRAME = LocalFrame(28.45, 117.97)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEVEL = ServiceLevel(hours=24, fineness_m=0.12)


def degrees(west, south, east, north):
    return shapes.to_degrees(box(west, south, east, north), FRAME)


CELL = degrees(0, 0, 100, 80)


def seen(polygon, hours_ago=1.0, index=4, names="patrol-rgb") -> dict:
    """Tiles whose squares within a polygon in degrees were seen."""
    west, south, east, north = polygon.bounds
    tiles = {}
    for key in tiles_within(polygon.bounds):
        lat, lon = centres_of(key)
        inside = ((lat >= south) & (lat <= north))[:, None] & ((lon >= west) & (lon <= east))[None]
        tile = tiles[key] = SeenTile(key)
        seconds = int((NOW - timedelta(hours=hours_ago)).timestamp())
        tile.layer((names, index))[inside] = seconds
        tile.dwell_s[inside] = 2.0
    return tiles


def test_ground_is_what_no_building_stands_on():
    house = Prism(box(20, 20, 40, 40), 0.0, 10.0)
    roof = Prism(box(60, 20, 80, 40), 4.0, 4.3, hangs=True)
    ground = ground_within(CELL, Obstacles([house, roof]), FRAME)
    found = coverage(ground, {}, LEVEL, NOW)
    assert found.ground_m2 == pytest.approx(8000 - 400, rel=0.01)
    assert found.share == 0
    assert found.last_seen_at is None


def test_what_was_seen_in_time_and_finely_is_served():
    ground = ground_within(CELL, Obstacles(), FRAME)
    half = degrees(0, 0, 50, 80)
    found = coverage(ground, seen(half), LEVEL, NOW)
    assert found.share == pytest.approx(0.5, abs=0.01)
    assert found.last_seen_at == NOW - timedelta(hours=1)
    assert found.fineness_m == 0.08
    assert found.dwell_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("level", "recent", "served"),
    [
        (ServiceLevel(hours=0.5), 0.0, 0.0),
        (ServiceLevel(hours=2, fineness_m=0.05), 1.0, 0.0),
        (ServiceLevel(hours=2, fineness_m=0.08), 1.0, 1.0),
        (ServiceLevel(hours=2, algorithm="patrol-thermal"), 0.0, 0.0),
        (ServiceLevel(hours=2, algorithm="patrol-rgb"), 1.0, 1.0),
    ],
)
def test_hours_fineness_and_algorithm_decide(level, recent, served):
    ground = ground_within(CELL, Obstacles(), FRAME)
    found = coverage(ground, seen(CELL), level, NOW)
    assert found.recent_m2 / found.ground_m2 == pytest.approx(recent)
    assert found.served_m2 / found.ground_m2 == pytest.approx(served)
    assert found.ever_m2 > 0 or level.algorithm == "patrol-thermal"


def test_gaps_are_the_rest():
    ground = ground_within(CELL, Obstacles(), FRAME)
    missing = gaps(ground, seen(degrees(0, 0, 60, 80)), LEVEL, NOW)
    assert shapes.area_m2(missing) == pytest.approx(40 * 80, rel=0.03)
    assert shapes.to_plane(missing, FRAME).bounds == pytest.approx((60, 0, 100, 80), abs=1.0)
    assert gaps(ground, seen(CELL.buffer(1e-5)), LEVEL, NOW).is_empty


def test_single_squares_are_no_gaps():
    ground = ground_within(CELL, Obstacles(), FRAME)
    tiles = seen(CELL.buffer(1e-5))
    rng = np.random.default_rng(1)
    for tile in tiles.values():
        for times in tile.layers.values():
            times[rng.random(times.shape) < 0.02] = 0
    assert shapes.area_m2(gaps(ground, tiles, LEVEL, NOW)) < 0.005 * 8000


def test_gaps_near_each_other_are_flown_as_one():
    left, right = degrees(0, 0, 20, 20), degrees(24, 0, 44, 20)
    area = refly_area(left.union(right))
    assert len(shapes.parts_of(area)) == 1
    assert area.buffer(1e-7).contains(left)
    assert refly_area(degrees(0, 0, 3, 3)).is_empty


WEST, EAST = degrees(0, 0, 40, 80), degrees(40, 0, 80, 80)


def parts_of_cell():
    """A cell of 100 m by 80 m whose western 80 m belong to two cells, the rest to none."""
    cells = [(code, ground_within(part, Obstacles(), FRAME)) for code, part in (("W", WEST), ("E", EAST))]
    return split_ground(ground_within(CELL, Obstacles(), FRAME), cells)


def test_ground_is_split_by_cell_without_loss():
    parts = dict(parts_of_cell())
    assert list(parts) == ["W", "E", None]
    areas = [coverage(part, {}, LEVEL, NOW).ground_m2 for part in parts.values()]
    assert areas == pytest.approx([3200, 3200, 1600], rel=0.03)
    assert sum(areas) == pytest.approx(
        coverage(ground_within(CELL, Obstacles(), FRAME), {}, LEVEL, NOW).ground_m2
    )


def test_ground_that_two_cells_share_counts_once():
    ground = ground_within(CELL, Obstacles(), FRAME)
    parts = split_ground(ground, [("A", ground), ("B", ground)])
    assert [code for code, _ in parts] == ["A"]


def test_each_part_is_judged_by_its_own_level():
    strict = ServiceLevel(hours=24, fineness_m=0.05, share=1.0)
    levels = {"W": LEVEL, "E": strict, None: ServiceLevel(share=0.5)}
    judged = [(part, levels[code]) for code, part in parts_of_cell()]
    found = coverage_of_parts(judged, seen(CELL.buffer(1e-5)), NOW)
    assert found.share == pytest.approx(0.6, abs=0.01), "all was seen, at 8 cm: not enough in the east"
    assert found.recent_m2 == pytest.approx(found.ground_m2)
    assert found.wanted_share == pytest.approx(0.4 * 0.95 + 0.4 + 0.2 * 0.5, abs=0.01)
    assert not found.fulfilled
    missing = gaps_of_parts(judged, seen(CELL.buffer(1e-5)), NOW)
    assert shapes.to_plane(missing, FRAME).bounds == pytest.approx((40, 0, 80, 80), abs=1.0)


def test_parts_of_one_level_are_judged_as_the_whole():
    ground, tiles = ground_within(CELL, Obstacles(), FRAME), seen(degrees(0, 0, 60, 80))
    judged = [(part, LEVEL) for _, part in parts_of_cell()]
    whole, parts = coverage(ground, tiles, LEVEL, NOW), coverage_of_parts(judged, tiles, NOW)
    assert parts.served_m2 == pytest.approx(whole.served_m2)
    assert (parts.share, parts.dwell_s, parts.fineness_m) == pytest.approx((whole.share, 2.0, 0.08))
    assert gaps_of_parts(judged, tiles, NOW).equals(gaps(ground, tiles, LEVEL, NOW))


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_all_ground_seen_fulfils_any_share(share):
    judged = [(part, ServiceLevel(share=share)) for _, part in parts_of_cell()]
    assert coverage_of_parts(judged, seen(CELL.buffer(1e-5)), NOW).fulfilled
    assert not coverage_of_parts(judged, {}, NOW).fulfilled
