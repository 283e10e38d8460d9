from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from missions.errors import GridsInvalid
from missions.grid_checks import ERRORS, CellFinding, check
from missions.site import Site
from tests.unit.missions.cells import FRAME, box, cell, ring, town

ROOT = Path(__file__).resolve().parents[3]
A, B = box(0, 0, 100, 100), box(100, 0, 200, 100)


def found(*features: dict[str, Any], **more: Any) -> dict[str, CellFinding]:
    return {finding.kind: finding for finding in check(town(*features), **more).findings}


def polygon(code: str, *rings: list[list[float]]) -> dict[str, Any]:
    return {"properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": list(rings)}}


def test_the_shipped_cells_are_clean(brook: Site) -> None:
    for name in ("configs/sites/yunxi", "tests/fixtures/site_small", "tests/fixtures/brighton"):
        assert check(ROOT / name / "cells.geojson").findings == ()
    lake = check(brook.grid.to_geojson()).findings
    assert [(one.kind, one.severity, one.codes, one.area_m2) for one in lake] == [
        ("hole", "warning", ("B03",), pytest.approx(6400, rel=1e-4))
    ]


def test_codes_missing_twice_decimal_and_with_spaces() -> None:
    kinds = found(
        cell(None, A), cell("X", B), cell("X ", box(200, 0, 300, 100)), cell(7.0, box(300, 0, 400, 100))
    )
    assert set(kinds) == {"code_missing", "code_twice", "code_spaces", "code_decimal"}
    assert kinds["code_missing"].features == (0,)
    assert "feature 0 has no code" in kinds["code_missing"].text
    assert (kinds["code_twice"].codes, kinds["code_twice"].features) == (("X",), (1, 2))
    assert not kinds["code_twice"].repairable
    assert (kinds["code_spaces"].severity, kinds["code_spaces"].repairable) == ("warning", True)
    assert (kinds["code_decimal"].codes, kinds["code_decimal"].severity) == (("7",), "error")


@pytest.mark.parametrize(
    ("odd", "kind"),
    [("36110200101", "code_length"), ("36110200100X", "code_form"), ("361103001005", "code_county")],
)
def test_codes_unlike_the_others_are_warned_of(odd: str, kind: str) -> None:
    codes = [f"36110200100{n}" for n in range(5)]
    cells = [cell(code, box(100 * n, 0, 100 * n + 100, 100)) for n, code in enumerate([*codes, odd])]
    kinds = found(*cells)
    assert [(one.severity, one.codes) for one in kinds.values()] == [("warning", (odd,))]
    assert set(kinds) == {kind}
    assert found(*(cell(f"B{n}", box(100 * n, 0, 100 * n + 100, 100)) for n in range(5))) == {}


def test_outlines_that_cannot_be_used() -> None:
    kinds = found(
        {"properties": {"code": "A"}, "geometry": None},
        {"properties": {"code": "B"}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
        polygon("C", [[5e5, 3e6], [5e5 + 9, 3e6], [5e5 + 9, 3e6 + 9], [5e5, 3e6]]),
        polygon("D", [[117, 28], ["x", 28], [117, 29], [117, 28]]),
    )  # fmt: skip
    assert set(kinds) == {"geometry_missing", "no_degrees"}
    assert kinds["no_degrees"].codes == ("C",)
    missing = [one for one in check(town(cell("A", A), {"properties": {"code": "B"}})).findings]
    assert [(one.kind, one.codes, one.latitude) for one in missing] == [("geometry_missing", ("B",), None)]


def test_exchanged_latitude_and_longitude_are_seen() -> None:
    beyond = polygon("A", [[lat, lon] for lon, lat in ring(A)])
    finding = found(beyond)["swapped"]
    assert (finding.severity, finding.repairable) == ("error", True)
    assert finding.latitude == pytest.approx(28.6, abs=0.01)
    here = [polygon(f"C{n}", [[5.0 + 0.001 * n + x, 45.0 + y] for x, y in square]) for n in range(4)
            for square in [[(0, 0), (0.001, 0), (0.001, 0.001), (0, 0.001), (0, 0)]]]  # fmt: skip
    inside_range = polygon("C9", [[45.002, 5.001], [45.002, 5.002], [45.003, 5.002], [45.002, 5.001]])
    assert found(*here, inside_range)["swapped"].codes == ("C9",)


def test_crossings_open_rings_and_repeated_points() -> None:
    bow = found(cell("A", [(0, 0), (100, 100), (100, 0), (0, 100)]))["self_crossing"]
    place = FRAME.to_enu([bow.latitude], [bow.longitude])[0]
    assert place[:2] == pytest.approx([50, 50], abs=0.1)
    assert found(polygon("A", ring(A)[:-1]))["ring_open"].severity == "error"
    corners = ring(A)
    twice = found(polygon("A", [corners[0], corners[1], corners[1], *corners[2:]]))
    assert {kind: one.severity for kind, one in twice.items()} == {"points_repeated": "warning"}


def test_overlaps_are_errors_above_the_refused_limit_and_warnings_below() -> None:
    large = found(cell("B", A), cell("A", box(99, 0, 200, 100)))["overlap"]
    assert (large.severity, large.codes, large.area_m2) == ("error", ("A", "B"), pytest.approx(100, abs=0.1))
    place = FRAME.to_enu([large.latitude], [large.longitude])[0]
    assert 99 < place[0] < 100
    assert 0 < place[1] < 100
    small = found(cell("A", A), cell("B", box(99.995, 0, 200, 100)))["overlap_small"]
    assert (small.severity, small.area_m2) == ("warning", pytest.approx(0.5, abs=0.01))
    inside = found(cell("A", A), cell("B", box(10, 10, 60, 60)))
    assert (inside["covered"].severity, inside["covered"].repairable) == ("error", False)


def test_slits_are_errors_and_lakes_only_warnings() -> None:
    open_slit = found(cell("A", A), cell("B", box(101, 0, 200, 100)))["slit"]
    assert (open_slit.severity, open_slit.codes) == ("error", ("A", "B"))
    assert (open_slit.area_m2, open_slit.width_m) == (
        pytest.approx(100, rel=0.01),
        pytest.approx(1, rel=0.02),
    )
    thin = found(cell("A", A), cell("B", box(100.03, 0, 200, 100)))
    assert {kind: one.severity for kind, one in thin.items()} == {"slit_small": "warning"}
    assert found(cell("A", A), cell("B", box(103, 0, 200, 100))) == {}, "a street is no slit"
    assert "slit" in found(cell("A", A), cell("B", box(103, 0, 200, 100)), slit_m=5)
    lake = found(cell("A", A, holes=(box(30, 30, 60, 60),)))
    assert {kind: one.severity for kind, one in lake.items()} == {"hole": "warning"}
    pinhole = found(cell("A", A, holes=(box(30, 30, 31.5, 60),)))["slit"]
    assert pinhole.codes == ("A",)


def test_the_outer_border_is_no_slit() -> None:
    """Notches of one cell, and sharp corners between two, are how the town looks."""
    notched = [(0, 0), (100, 0), (100, 100), (51, 100), (50.5, 40), (50, 100), (0, 100)]
    wedge = [(100, 0), (200, 0), (200, 100), (120, 100)]
    assert found(cell("A", notched), cell("B", wedge)) == {}


def test_slivers_and_parts() -> None:
    parts = check(town(cell("A", A, box(150, 0, 150.5, 60), box(300, 0, 400, 90)))).findings
    assert [(one.kind, one.severity) for one in parts] == [("parts", "warning"), ("sliver_part", "warning")]
    assert parts[1].area_m2 == pytest.approx(30, abs=0.1)
    assert parts[1].width_m == pytest.approx(0.5, abs=0.01)
    whole = found(cell("A", A), cell("B", box(200, 0, 202, 4)))["sliver_cell"]
    assert (whole.codes, whole.repairable) == (("B",), False)


def test_errors_come_first_and_every_finding_tells_what_to_do() -> None:
    findings = check(
        town(cell("A ", A), cell("B", box(99, 0, 200, 100)), cell("", box(400, 0, 500, 9)))
    ).findings
    assert [one.severity for one in findings] == ["error", "error", "warning"]
    assert {one.kind for one in findings if one.severity == "error"} <= ERRORS
    for one in findings:
        assert one.text
        assert one.remedy
        assert json.loads(json.dumps(one.to_dict()))["kind"] == one.kind


def test_what_is_no_collection_is_refused(tmp_path: Path) -> None:
    assert [one.kind for one in check(town()).findings] == ["no_cells"]
    path = tmp_path / "cells.geojson"
    path.write_text("[]", "utf-8")
    with pytest.raises(GridsInvalid, match="export it again as GeoJSON"):
        check(path)
    with pytest.raises(ValueError, match="between 0 and 1000 m"):
        check(town(cell("A", A)), slit_m=0)
