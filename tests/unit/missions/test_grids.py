from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from missions.errors import CellUnknown, GridsInvalid
from missions.geodesy import LocalFrame
from missions.grids import MANY_POINTS, Grid
from missions.site import Site

LATITUDE, LONGITUDE = 28.6, 117.9
FRAME = LocalFrame(LATITUDE, LONGITUDE)


def ring(points: list[tuple[float, float]]) -> list[list[float]]:
    """Metres about the origin -> a closed ring in degrees."""
    places = FRAME.to_geodetic(np.array([*points, points[0]], float))
    return [[float(lon), float(lat)] for lat, lon, _ in places]


def square(code: object, east: float, north: float, side: float, **more: Any) -> dict[str, Any]:
    corners = [(east, north), (east + side, north), (east + side, north + side), (east, north + side)]
    geometry = {"type": "Polygon", "coordinates": [ring(corners)]}
    return {
        "type": "Feature",
        "properties": {"code": code, "name": f"cell {code}", **more},
        "geometry": geometry,
    }


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


@pytest.fixture
def pair() -> Grid:
    """B to the west of A; they share the border at east 100."""
    return Grid.from_geojson(collection(square("B", 0, 0, 100), square("A", 100, 0, 100)))


def test_points_are_located_and_borders_go_to_the_smaller_code() -> None:
    cells = []
    for code, west in (("B", 117.0), ("A", 117.001)):
        corners = [[west, 28.0], [west + 0.001, 28.0], [west + 0.001, 28.001], [west, 28.001], [west, 28.0]]
        geometry = {"type": "Polygon", "coordinates": [corners]}
        cells.append({"type": "Feature", "properties": {"code": code}, "geometry": geometry})
    grid = Grid.from_geojson(collection(*cells))
    assert grid.locate(28.0005, 117.001) == "A"
    assert grid.locate(28.0, 117.0) == "B"
    assert grid.locate(28.0005, 117.003) is None
    found = grid.locate_many([28.0005, 28.0005, np.nan], [117.0005, 117.0015, 117.0])
    assert found == ["B", "A", None]


def test_holes_belong_to_no_cell(brook: Site) -> None:
    frame = LocalFrame(28.60, 117.90)
    lake, shore = frame.to_geodetic([[100, 300], [30, 300]])
    assert brook.grid.locate(lake[0], lake[1]) is None
    assert brook.grid.locate(shore[0], shore[1]) == "B03"


def test_unknown_code_names_some(pair: Grid) -> None:
    assert pair.cell("A").name == "cell A"
    with pytest.raises(CellUnknown, match=r"no cell 'C': choose one of A, B"):
        pair.cell("C")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no cell in it"),
        ([square("", 0, 0, 9)], "feature 0 has no code"),
        ([square(None, 0, 0, 9)], "feature 0 has no code"),
        ([square("A", 0, 0, 9), square("A", 50, 0, 9)], "code A is used twice"),
        ([{"properties": {"code": "A"}, "geometry": None}], "cell A: its geometry cannot be read"),
        ([{"properties": {"code": "A"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}], "is a Point"),
        (
            [{"properties": {"code": "A"}, "geometry": {
                "type": "Polygon", "coordinates": [ring([(0, 0), (9, 9), (9, 0), (0, 9)])]}}],
            "cell A: its polygon is invalid",
        ),
        (
            [{"properties": {"code": "A"}, "geometry": {
                "type": "Polygon", "coordinates": [[[28, 117], [29, 117], [29, 118], [28, 117]]]}}],
            "no longitude and latitude",
        ),
        ([square("A", 0, 0, 90), square("B", 80, 0, 90)], r"cells A and B overlap by 9\d\d m2"),
        ([square("A", 0, 0, 90), square("B", 10, 10, 9)], "cells A and B overlap by 81 m2"),
    ],
)  # fmt: skip
def test_bad_cells_are_named(features: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(GridsInvalid, match=message):
        Grid.from_geojson(collection(*features))


def test_every_problem_is_told_at_once() -> None:
    bad = collection(square("", 0, 0, 9), square("A", 50, 0, 9), square("A", 90, 0, 9))
    with pytest.raises(GridsInvalid, match=r"feature 0 has no code; code A is used twice"):
        Grid.from_geojson(bad)


def test_files_that_are_no_collection(tmp_path: Path) -> None:
    path = tmp_path / "cells.geojson"
    for text, message in [("{", "no JSON"), ("[]", "no GeoJSON"), ('{"features": [3]}', "feature 0")]:
        path.write_text(text, "utf-8")
        with pytest.raises(GridsInvalid, match=message):
            Grid.from_geojson(path)
    with pytest.raises(GridsInvalid, match="cannot be read"):
        Grid.from_geojson(tmp_path / "none.geojson")


def test_slivers_between_digitised_borders_are_allowed() -> None:
    grid = Grid.from_geojson(collection(square("A", 0, 0, 100), square("B", 99.995, 0, 100)))
    assert [cell.code for cell in grid.cells] == ["A", "B"]


def test_geojson_round_trip(brook: Site) -> None:
    document = json.loads(json.dumps(brook.grid.to_geojson()))
    again = Grid.from_geojson(document)
    assert [(c.code, c.name, c.name_en) for c in again.cells] == [
        (c.code, c.name, c.name_en) for c in brook.grid.cells
    ]
    assert all(a.polygon.equals(b.polygon) for a, b in zip(again.cells, brook.grid.cells, strict=True))


def test_area_is_geodesic(brook: Site) -> None:
    assert brook.grid.cell("B01").area_m2 == pytest.approx(200 * 180, rel=1e-5)
    assert brook.grid.cell("B03").area_m2 == pytest.approx(200 * 240 - 80 * 80, rel=1e-5)


def test_probabilities_of_a_border_point_are_even(pair: Grid) -> None:
    place = FRAME.to_geodetic([[100.0, 50.0]])[0]
    chances = pair.probabilities(place[0], place[1], [[25, 0], [0, 25]])
    assert chances == pytest.approx({"A": 0.5, "B": 0.5}, abs=0.002)


@settings(max_examples=40, deadline=None)
@given(
    east=st.floats(-40, 240), north=st.floats(-30, 130), sigma=st.floats(0.5, 60), stretch=st.floats(0.3, 3)
)
def test_probabilities_match_the_integral(east: float, north: float, sigma: float, stretch: float) -> None:
    """Against the exact value: products of normal distribution functions over axis-parallel squares."""
    grid = Grid.from_geojson(collection(square("B", 0, 0, 100), square("A", 100, 0, 100)))
    place = FRAME.to_geodetic([[east, north]])[0]
    chances = grid.probabilities(place[0], place[1], [[sigma**2, 0], [0, (sigma * stretch) ** 2]])
    across = norm.cdf([0, 100, 200], east, sigma)
    along = np.diff(norm.cdf([0, 100], north, sigma * stretch))[0]
    exact = {"B": np.diff(across)[0] * along, "A": np.diff(across)[1] * along}
    exact[""] = 1 - exact["A"] - exact["B"]
    assert sum(chances.values()) == pytest.approx(1)
    assert list(chances.values()) == sorted(chances.values(), reverse=True)
    for code, value in exact.items():
        assert chances.get(code, 0.0) == pytest.approx(value, abs=0.006)


def test_correlated_errors_count(pair: Grid) -> None:
    """An ellipse along the border leaves the point in its cell, one across does not."""
    place = FRAME.to_geodetic([[90.0, 50.0]])[0]
    along = pair.probabilities(place[0], place[1], [[1, 0], [0, 400]])
    across = pair.probabilities(place[0], place[1], [[400, 0], [0, 1]])
    assert along["B"] > 0.97
    assert across["A"] == pytest.approx(norm.sf(0.5), abs=0.01)
    tilted = pair.probabilities(place[0], place[1], [[50, 49], [49, 50]])
    assert tilted["A"] == pytest.approx(norm.sf(10 / np.sqrt(50)), abs=0.01)


def test_certain_points_and_repeats(pair: Grid) -> None:
    place = FRAME.to_geodetic([[50.0, 50.0]])[0]
    assert pair.probabilities(place[0], place[1], np.zeros((2, 2))) == {"B": 1.0}
    first = pair.probabilities(place[0], place[1], [[900, 100], [100, 900]])
    assert first == pair.probabilities(place[0], place[1], [[900, 100], [100, 900]])


@pytest.mark.parametrize("covariance", [[[1, 0]], [[1, 2], [2, 1]], [[np.nan, 0], [0, 1]], [[1, 5], [0, 30]]])
def test_impossible_covariances_are_refused(pair: Grid, covariance: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="covariance"):
        pair.probabilities(LATITUDE, LONGITUDE, covariance)
    with pytest.raises(ValueError, match="no place on Earth"):
        pair.probabilities(91.0, LONGITUDE, np.eye(2))


def test_many_points_at_once_are_located_as_one_by_one() -> None:
    """Cells of many shapes with gaps; points everywhere, many of them on corners, some nowhere."""
    rng = np.random.default_rng(4)
    corners = rng.uniform(-25, 25, (9, 9, 2)) + 100 * np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1)
    features = []
    for i, j in np.ndindex(8, 8):
        if (i + j) % 5:
            turn = [corners[i, j], corners[i, j + 1], corners[i + 1, j + 1], corners[i + 1, j]]
            geometry = {"type": "Polygon", "coordinates": [ring([(x, y) for x, y in turn])]}
            features.append({"type": "Feature", "properties": {"code": f"{i}{j}"}, "geometry": geometry})
    grid = Grid.from_geojson(collection(*features))
    anywhere = FRAME.to_geodetic(rng.uniform(-150, 950, (MANY_POINTS, 2)))[:, :2]
    on_borders = np.array([c.polygon.exterior.coords[k][::-1] for c in grid.cells for k in range(4)])
    places = np.concatenate([anywhere, on_borders, [[np.nan, 117.9], [28.6, np.inf]]])
    together = grid.locate_many(places[:, 0], places[:, 1])
    chosen = [*range(0, MANY_POINTS, 7), *range(MANY_POINTS, len(places))]
    half = grid.locate_many(places[chosen, 0], places[chosen, 1])
    assert len(half) < MANY_POINTS
    assert [together[i] for i in chosen] == half
    assert together[-2:] == [None, None]
