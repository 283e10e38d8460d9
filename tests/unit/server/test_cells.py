"""Importing cells: refused with the findings, tried without importing, mended on request."""

from __future__ import annotations

from typing import Any

import pytest

from server.grids import service
from tests.fixtures.desk import Desk, open_desk

SOUTH_WEST, SOUTH_EAST = "361102009001", "361102009002"


@pytest.fixture
def cells(desk: Desk) -> dict[str, Any]:
    """The cells in force, as a person would import them again."""
    features = desk.get("cells")["features"]
    for feature in features:
        feature["properties"] = {name: feature["properties"][name] for name in ("code", "name", "name_en")}
    return {"type": "FeatureCollection", "features": features}


def widened(cells: dict[str, Any], code: str, by_deg: float) -> dict[str, Any]:
    """One cell reaching farther east than its border."""
    features = []
    for feature in cells["features"]:
        ring = feature["geometry"]["coordinates"][0]
        east = max(x for x, _ in ring)
        if feature["properties"]["code"] == code:
            ring = [[x + by_deg if x > east - 1e-5 else x, y] for x, y in ring]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": feature["properties"], "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def put(desk: Desk, cells: object, query: str = "") -> Any:
    return desk.call("PUT", f"cells{query}", user="admin", json=cells)


def test_right_cells_are_imported(desk: Desk, cells: dict[str, Any]) -> None:
    answer = put(desk, cells)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["features"]) == len(cells["features"])
    assert answer.json()["changes"] == []
    entry = desk.get("audit", user="admin")["items"][0]
    assert (entry["action"], entry["data"]) == ("cells.imported", {"warnings": 0})


def test_cells_with_errors_are_refused_with_the_findings(desk: Desk, cells: dict[str, Any]) -> None:
    before = desk.get("cells")
    answer = put(desk, widened(cells, SOUTH_WEST, 2e-5))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["errors"], problem["findings_left_out"]) == ("cells_invalid", 1, 0)
    finding = problem["findings"][0]
    assert (finding["kind"], finding["severity"]) == ("overlap", "error")
    assert finding["codes"] == [SOUTH_WEST, SOUTH_EAST]
    assert finding["area_m2"] > 100
    assert finding["text"] in problem["detail"]
    assert desk.get("cells") == before


def test_a_check_imports_nothing_and_tells_what_mending_would_do(desk: Desk, cells: dict[str, Any]) -> None:
    before = desk.get("cells")
    spoilt = widened(cells, SOUTH_WEST, 2e-5)
    plain = desk.call("POST", "cells/check", user="admin", json=spoilt).json()
    assert (plain["cells"], plain["errors"], plain["repair"]) == (4, 1, None)
    tried = desk.call("POST", "cells/check?repair=true", user="admin", json=spoilt).json()["repair"]
    assert (tried["errors"], [one["kind"] for one in tried["changes"]]) == (0, ["overlap"])
    assert desk.get("cells") == before


def test_mended_cells_are_imported_with_what_was_changed(desk: Desk, cells: dict[str, Any]) -> None:
    answer = put(desk, widened(cells, SOUTH_WEST, 2e-5), "?repair=true")
    assert answer.status_code == 200, answer.text
    changes = answer.json()["changes"]
    assert [(one["kind"], one["codes"]) for one in changes] == [("overlap", [SOUTH_WEST, SOUTH_EAST])]
    areas = {one["properties"]["code"]: one["properties"]["area_m2"] for one in desk.get("cells")["features"]}
    old = {one["properties"]["code"]: one for one in cells["features"]}
    assert set(areas) == set(old)
    entry = desk.get("audit", user="admin")["items"][0]
    assert entry["data"]["changed"] == 1
    assert SOUTH_WEST in entry["data"]["changes"][0]
    assert f"({changes[0]['area_m2']:.1f} m2)" in entry["data"]["changes"][0]


def test_what_cannot_be_mended_is_refused_all_the_same(desk: Desk, cells: dict[str, Any]) -> None:
    cells["features"][1]["properties"]["code"] = SOUTH_WEST
    answer = put(desk, cells, "?repair=true")
    assert answer.status_code == 422
    assert [one["kind"] for one in answer.json()["findings"]] == ["code_twice"]


@pytest.mark.parametrize("body", [{}, {"type": "FeatureCollection", "features": 3}])
@pytest.mark.parametrize("path", ["PUT cells", "PUT cells?repair=true", "POST cells/check?repair=true"])
def test_what_is_no_collection_is_one_sentence(desk: Desk, path: str, body: dict[str, Any]) -> None:
    method, address = path.split(" ")
    answer = desk.call(method, address, user="admin", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "export it again as GeoJSON" in answer.json()["detail"]


def test_many_findings_are_counted_but_not_all_told(
    desk: Desk, cells: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_TOLD", 1)
    for feature in cells["features"]:
        feature["properties"]["code"] = ""
    problem = put(desk, cells).json()
    assert (problem["errors"], len(problem["findings"]), problem["findings_left_out"]) == (4, 1, 3)


def test_cells_have_a_limit_of_their_own(tmp_path: Any, cells: dict[str, Any]) -> None:
    with open_desk(tmp_path / "small", max_body_bytes=500, max_cells_bytes=10_000) as small:
        assert put(small, cells).status_code == 200
    with open_desk(tmp_path / "tiny", max_cells_bytes=500) as tiny:
        assert put(tiny, cells).status_code == 413
