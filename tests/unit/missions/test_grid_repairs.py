from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions import shapes
from missions.grid_checks import REPAIRABLE, check
from missions.grid_repairs import CellRepair, repair
from missions.grids import Grid
from tests.unit.missions.cells import FRAME, Points, box, cell, town

A, B = box(0, 0, 100, 100), box(100, 0, 200, 100)
SIDE = 100.0


def areas(cells: dict[str, Any]) -> dict[str, float]:
    return {one.code: one.area_m2 for one in Grid.from_geojson(cells).cells}


def changes(made: CellRepair) -> list[tuple[str, tuple[str, ...], float]]:
    return [(one.kind, one.codes, round(one.area_m2, 1)) for one in made.changes]


def test_cells_that_are_right_stay_to_the_last_digit() -> None:
    cells = town(cell("A", A, note="kept"), cell("B", B))
    made = repair(cells)
    assert made.changes == ()
    assert made.cells == cells
    spoilt = town(*cells["features"], cell("C ", box(300, 0, 400, 9)))
    assert repair(spoilt).cells["features"][:2] == cells["features"]


def test_shared_ground_goes_to_the_smaller_code() -> None:
    made = repair(town(cell("B", A), cell("A", box(99, 0, 200, 100))))
    assert changes(made) == [("overlap", ("A", "B"), 100.0)]
    assert areas(made.cells) == {"A": pytest.approx(10100, abs=0.2), "B": pytest.approx(9900, abs=0.2)}


def test_a_cell_within_another_is_left_to_a_person_or_cut_out() -> None:
    left = repair(town(cell("A", A), cell("B", box(10, 10, 60, 60))))
    assert left.changes == ()
    assert [one.kind for one in left.check.errors] == ["covered"]
    cut = repair(town(cell("B", A), cell("A", box(10, 10, 60, 60))))
    assert changes(cut) == [("overlap", ("A", "B"), 2500.0)]
    assert cut.check.findings == ()


def test_a_slit_goes_to_the_longest_border_piece_by_piece() -> None:
    """Long slits are cut where neighbours change, so that no cell gets a tail along the borders of others."""
    made = repair(town(
        cell("N", box(0, 101, 300, 200)), cell("S1", box(0, 0, 120, 100)), cell("S2", box(120, 0, 300, 100)),
        cell("S3", box(300, 0, 400, 200)),
    ))  # fmt: skip
    assert made.check.findings == ()
    assert sum(one.area_m2 for one in made.changes) == pytest.approx(300, abs=1)
    grid = Grid.from_geojson(made.cells)
    for east, owner in ((60, "N"), (200, "N")):
        place = FRAME.to_geodetic([[east, 100.5]])[0]
        assert grid.locate(place[0], place[1]) == owner
    two_rows = [cell(f"S{n}", box(100 * n, 0, 100 * n + 100, 100)) for n in range(3)]
    two_rows += [cell(f"N{n}", box(100 * n - 30, 101, 100 * n + 70, 200)) for n in range(4)]
    made = repair(town(*two_rows))
    assert made.check.findings == ()
    for code, area in areas(made.cells).items():
        assert area < 10_000 + 110, f"{code} gets no tail along the borders of others"


def test_slivers_are_dropped_and_their_ground_given_to_who_lies_around() -> None:
    made = repair(town(cell("A", A, box(250, 0, 250.5, 90)), cell("B", B)))
    assert changes(made) == [("sliver_part", ("A",), 45.0)]
    between = repair(
        town(
            cell("A", A),
            cell("B", box(101, 0, 200, 100)),
            cell("C", box(300, 0, 400, 90), box(100, 0, 101, 100)),
        )
    )
    assert between.check.findings == ()
    assert {one.kind for one in between.changes} == {"sliver_part", "slit"}


def test_codes_and_outlines_are_mended() -> None:
    bow = cell(" A", [(0, 0), (100, 100), (100, 0), (0, 100)])
    swapped = cell(361102001001.0, B)
    swapped["geometry"]["coordinates"] = [[[y, x] for x, y in swapped["geometry"]["coordinates"][0]]]
    loose = cell("C", box(200, 0, 300, 100))
    loose["geometry"]["coordinates"][0].pop()
    made = repair(town(bow, swapped, loose))
    assert {one.kind for one in made.changes} >= {
        "code_spaces",
        "code_decimal",
        "self_crossing",
        "swapped",
        "ring_open",
    }
    assert made.check.errors == ()
    assert sorted(areas(made.cells)) == ["361102001001", "A", "C"]
    assert json.loads(json.dumps([one.to_dict() for one in made.changes]))


def test_what_nobody_can_know_is_left() -> None:
    nothing = {"type": "Feature", "properties": {"code": "X"}, "geometry": None}
    made = repair(town(cell("A", A), cell("A", B), cell(None, box(300, 0, 400, 90)), nothing))
    assert {one.kind for one in made.check.errors} == {"code_twice", "code_missing", "geometry_missing"}
    assert made.changes == ()


def spoilt_town(seed: int, sloppiness_m: float) -> dict[str, Any]:
    """Four by four cells whose copies of the common corners are some metres off, and some with splinters."""
    rng = np.random.default_rng(seed)
    corners = SIDE * np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1) + rng.uniform(-15, 15, (5, 5, 2))
    features = []
    for i, j in np.ndindex(4, 4):
        turn = [corners[i, j], corners[i, j + 1], corners[i + 1, j + 1], corners[i + 1, j]]
        points: Points = []
        for here, there in zip(turn, [*turn[1:], turn[0]], strict=True):
            for share in (0.0, 0.37):
                x, y = here + share * (there - here) + rng.uniform(-sloppiness_m, sloppiness_m, 2)
                points.append((float(x), float(y)))
        splinter = [box(600 + 10 * j, 10 * i, 600.3 + 10 * j, 10 * i + 8)] if rng.random() < 0.2 else []
        features.append(cell(f"{i}{j}", points, *splinter))
    return town(*features)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), sloppiness_m=st.floats(0.0, 0.9))
def test_repaired_cells_fit_and_only_what_is_told_has_changed(seed: int, sloppiness_m: float) -> None:
    spoilt = spoilt_town(seed, sloppiness_m)
    made = repair(spoilt)
    assert not [one for one in made.check.findings if one.kind in REPAIRABLE and one.repairable]
    assert check(made.cells) == made.check
    assert repair(made.cells).changes == ()
    told: dict[str, float] = {}
    for change in made.changes:
        for code in change.codes:
            told[code] = told.get(code, 0.0) + change.area_m2
    after = areas(made.cells)
    for feature in spoilt["features"]:
        code, polygon = feature["properties"]["code"], shapes.polygon_of(feature["geometry"])[0]
        assert abs(after[code] - shapes.area_m2(polygon)) <= told.get(code, 0.0) + 0.01
    grid = Grid.from_geojson(made.cells)
    middles = FRAME.to_geodetic([[SIDE * (j + 0.5), SIDE * (i + 0.5)] for i, j in np.ndindex(4, 4)])
    assert grid.locate_many(middles[:, 0], middles[:, 1]) == [f"{i}{j}" for i, j in np.ndindex(4, 4)]
