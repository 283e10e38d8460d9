from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon, box

from missions.routes import SLACK_M, Routes


def test_round_a_square_hole() -> None:
    region = Polygon(box(0, 0, 100, 100).exterior.coords, [box(40, 20, 60, 80).exterior.coords])
    routes = Routes(region, np.array([[30.0, 50.0], [70.0, 50.0], [10.0, 5.0]]))
    expected = np.hypot(10, 30) * 2 + 20
    assert routes.distances()[0, 1] == pytest.approx(expected)
    way = routes.way(0, 1)
    assert way is not None
    assert way[0].tolist() == [30.0, 50.0]
    assert way[-1].tolist() == [70.0, 50.0]
    assert len(way) == 4
    assert routes.way(2, 0) is not None
    assert len(routes.way(2, 0)) == 2  # type: ignore[arg-type]


def test_round_an_inner_corner() -> None:
    region = Polygon([(0, 0), (100, 0), (100, 40), (40, 40), (40, 100), (0, 100)])
    routes = Routes(region, np.array([[90.0, 30.0], [30.0, 90.0]]))
    assert routes.distances()[0, 1] == pytest.approx(2 * np.hypot(50, 10))


def test_no_way_to_another_island() -> None:
    region = box(0, 0, 10, 10).union(box(20, 0, 30, 10))
    routes = Routes(region, np.array([[5.0, 5.0], [25.0, 5.0]]))
    assert routes.way(0, 1) is None
    assert np.isinf(routes.distances()[0, 1])


def test_points_on_the_border_and_twice_the_same() -> None:
    routes = Routes(box(0, 0, 10, 10), np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0]]))
    assert routes.distances()[0, 1] == pytest.approx(10)
    assert routes.distances()[1, 2] == pytest.approx(0, abs=1e-6)
    assert routes.way(1, 2) is not None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ways_stay_inside_and_obey_the_triangle(seed: int) -> None:
    random = np.random.default_rng(seed)
    region = box(0, 0, 300, 200)
    for _ in range(4):
        x, y, w, h = random.uniform([30, 20, 20, 20], [220, 130, 60, 60])
        region = region.difference(box(x, y, x + w, y + h))
    if region.geom_type != "Polygon":
        region = max(region.geoms, key=lambda part: part.area)
    points = [
        p for p in random.uniform([0, 0], [300, 200], (12, 2)) if region.contains(LineString([p, p + 0.01]))
    ]
    routes = Routes(region, np.array(points[:6]))
    distance = routes.distances()
    for a in range(len(distance)):
        for b in range(len(distance)):
            way = routes.way(a, b)
            assert way is not None
            length = np.hypot(*np.diff(way, axis=0).T).sum()
            assert length == pytest.approx(distance[a, b], abs=1e-4)
            assert distance[a, b] >= np.hypot(*(points[a] - points[b])) - 1e-6
            if a != b:
                assert LineString(way).difference(region.buffer(SLACK_M + 1e-6)).length < 1e-6
    best = np.minimum.reduce(distance[:, :, None] + distance[None], axis=1)
    assert (distance <= best + 1e-6).all()
    asked = np.array([[0, a] for a in range(1, len(distance))], np.int64).reshape(-1, 2)
    assert Routes(region, np.array(points[:6]), asked).distances()[0] == pytest.approx(distance[0])
