"""Importing cells in the administration room: findings first, repair only when asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, SITE, ServerProcess, SignIn

pytestmark = pytest.mark.browser
WEST, EAST = "361102001001", "361102001002"


def spoilt_cells() -> dict[str, Any]:
    """The town's cells: one reaches two metres over its neighbour, one code has spaces."""
    cells: dict[str, Any] = json.loads((SITE / "cells.geojson").read_text("utf-8"))
    for feature in cells["features"]:
        if feature["properties"]["code"] == WEST:
            ring = feature["geometry"]["coordinates"][0]
            east = max(x for x, _ in ring)
            feature["geometry"]["coordinates"][0] = [[x + 2e-5 if x > east - 1e-4 else x, y] for x, y in ring]
        elif feature["properties"]["code"] == EAST:
            feature["properties"]["code"] = f" {EAST}"
    return cells


def choose(page: Page, path: Path, cells: object) -> None:
    path.write_text(json.dumps(cells), "utf-8")
    page.set_input_files("input[type=file]", path)


def test_errors_keep_cells_out_until_they_are_repaired(
    own_server: ServerProcess, sign_in: SignIn, tmp_path: Path
) -> None:
    page = sign_in(own_server.url, "admin", "/admin")
    page.click("[data-tab=cells]")
    expect(page.locator("table tbody tr")).to_have_count(12)
    broken = spoilt_cells()
    broken["features"][5]["properties"]["code"] = ""
    choose(page, tmp_path / "broken.geojson", broken)
    expect(page.locator("dialog [data-test=cells-verdict]")).to_contain_text("修复不了")
    expect(page.locator("dialog tbody tr").first).to_contain_text("错误")
    expect(page.locator("dialog [data-kind=code_missing]")).to_contain_text("第 6 个要素")
    expect(page.locator("dialog [data-test=repair]")).to_be_disabled()
    page.click("dialog [data-test=cancel]")

    choose(page, tmp_path / "cells.geojson", spoilt_cells())
    row = page.locator("dialog [data-kind=overlap]")
    expect(row).to_contain_text(f"{WEST}、{EAST}")
    expect(row).to_contain_text("两格重叠")
    expect(page.locator("dialog [data-test=confirm]")).to_have_count(0)
    page.click("dialog [data-test=show-changes]")
    expect(page.locator("dialog [data-test=changes]")).to_contain_text("重叠部分归编码较小的一格")
    page.click("dialog [data-test=repair]")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("body")).to_contain_text("并导入 12 个网格")

    with httpx.Client(base_url=f"{own_server.url}/api/v1") as api:
        api.post("/session", json={"username": "admin", "password": PASSWORD}).raise_for_status()
        log = api.get("/audit").json()["items"]
        assert [one["data"]["changed"] >= 2 for one in log if one["action"] == "cells.imported"] == [True]
        codes = [one["properties"]["code"] for one in api.get("/cells").json()["features"]]
        assert EAST in codes


def test_clean_cells_are_imported_with_one_question(
    own_server: ServerProcess, sign_in: SignIn, tmp_path: Path
) -> None:
    page = sign_in(own_server.url, "admin", "/admin", language="en")
    page.click("[data-tab=cells]")
    expect(page.locator("table tbody tr")).to_have_count(12)
    choose(page, tmp_path / "none.geojson", [])
    expect(page.locator("body")).to_contain_text("Not a GeoJSON of cells")
    choose(page, tmp_path / "cells.geojson", json.loads((SITE / "cells.geojson").read_text("utf-8")))
    expect(page.locator("dialog [data-test=cells-verdict]")).to_contain_text("they can be imported")
    expect(page.locator("dialog [data-test=repair]")).to_have_count(0)
    page.click("dialog [data-test=confirm]")
    expect(page.locator("body")).to_contain_text("12 cells imported")
