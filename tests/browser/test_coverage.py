"""The coverage room: what was seen on the map and in the list, its report, and gaps flown again."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from missions.seen_tiles import SeenTile, centres_of, tiles_within
from missions.site import load_site
from tests.browser.conftest import SITE, Desk, SignIn

pytestmark = pytest.mark.browser
MARKET = "361102001006"


@pytest.fixture(scope="module")
def seen(desk: Desk) -> None:
    """The western half of the market's cell was seen an hour ago."""
    west, south, east, north = load_site(SITE).grid.cell(MARKET).polygon.bounds
    bounds = (west, south, (west + east) / 2, north)
    flight, seconds = uuid4(), int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    headers = {"Authorization": f"Bearer {desk.agent.token}"}
    for key in tiles_within(bounds):
        lat, lon = centres_of(key)
        inside = ((lat >= south) & (lat < north))[:, None] & ((lon >= west) & (lon < bounds[2]))[None]
        tile = SeenTile(key)
        tile.layer(("crowds+patrol-rgb", 3))[inside] = seconds
        body = {
            "flight_id": str(flight), "row": key[0], "column": key[1],
            "squares": base64.b64encode(tile.packed()).decode(),
        }  # fmt: skip
        httpx.post(f"{desk.url}/api/v1/agent/seen", json=body, headers=headers, timeout=60).raise_for_status()


def test_the_layer_is_drawn_and_the_list_says_how_much(desk: Desk, seen: None, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "desk", "/coverage", language="en")
    expect(page.locator(".map[data-drawn=true]")).to_be_visible()
    row = page.locator("[data-test=seen-cells] li", has=page.locator(f"[data-cell='{MARKET}']"))
    share = float(row.get_attribute("data-share") or 0)
    assert 0.35 < share < 0.65
    expect(row).to_contain_text("≤ 5 cm a pixel")
    expect(row.locator("[data-test=standard]")).to_have_text("8 h · 8 cm · 95%")
    other = page.locator("[data-test=seen-cells] li", has=page.locator("[data-cell='361102001001']"))
    expect(other.locator("[data-test=standard]")).to_have_text("24 h · 12 cm · 95%")
    for name in ("hours", "fineness", "algorithm"):
        expect(page.locator(f"[data-test={name}] option:checked")).to_have_text("Each cell’s own")
    expect(page.locator("[data-test=seen-legend]")).to_contain_text("In time")
    with page.expect_response(lambda answer: "picture.png?show=dwell" in answer.url) as answered:
        page.click("[data-test=show-dwell]")
    assert answered.value.ok
    page.select_option("[data-test=fineness]", "3")
    expect(row).to_have_attribute("data-share", "0")
    expect(row.locator("[data-test=standard]")).to_have_text("8 h · 3 cm · 95%")
    expect(page.locator("[data-test=refly]")).to_be_disabled()
    href = row.locator("[data-test=report]").get_attribute("href")
    report = page.request.get(desk.url + str(href))
    assert report.body().startswith(b"%PDF")


def test_a_patrol_tells_the_standards_of_its_cells(desk: Desk, seen: None, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "desk", "/coverage")
    page.click("[data-test=tab-patrols]")
    told = page.locator("[data-test=seen-patrols] li [data-test=standard]").first
    expect(told).to_have_text("2 种标准 · 合计 95%")
    hint = str(told.get_attribute("title"))
    assert "集市网格" in hint
    assert "8 小时 · 8 cm · 95%" in hint
    page.select_option("[data-test=hours]", "24")
    page.select_option("[data-test=fineness]", "12")
    expect(told).to_have_text("24 小时 · 12 cm · 95%")


def test_seen_ground_changes_the_colour_of_the_map(desk: Desk, seen: None, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/coverage")
    expect(page.locator(".map[data-drawn=true]")).to_be_visible()
    expect(page.locator("[data-test=seen-legend]")).to_contain_text("统计至")
    page.wait_for_load_state("networkidle")

    def greenness() -> float:
        shot = Image.open(io.BytesIO(page.locator(".maplibregl-canvas").screenshot())).convert("RGB")
        pixels = np.asarray(shot).astype(int)
        return float((pixels[..., 1] - pixels[..., 0] > 60).mean())

    page.wait_for_timeout(3000)
    shown = greenness()
    page.click("[data-test=layers]")
    page.locator(".layers label", has_text="已看清地面").locator("input").uncheck()
    page.wait_for_timeout(3000)
    assert shown > greenness() + 0.005


def test_gaps_become_a_route_in_one_step(desk: Desk, seen: None, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/coverage")
    page.check(f"[data-cell='{MARKET}']")
    page.click("[data-test=refly]")
    expect(page.locator("[data-test=plan-figures]")).to_be_visible()
    assert "/plan?plan=" in page.url
    expect(page.locator("#plan-name")).to_have_value("补飞 集市网格")
    plan_id = page.url.split("plan=")[1]
    plan = page.request.get(f"{desk.url}/api/v1/plans/{plan_id}").json()["plan"]
    assert MARKET in plan["cells"]
    cell = load_site(SITE).grid.cell(MARKET)
    assert 0.2 * cell.area_m2 < plan["area_m2"] < 0.75 * cell.area_m2
