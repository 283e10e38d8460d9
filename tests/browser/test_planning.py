"""The planning room."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, SignIn

pytestmark = pytest.mark.browser


def figures(page: Page) -> dict[str, str]:
    return page.eval_on_selector_all(
        "[data-test=plan-figures] dl dt, [data-test=plan-figures] .big dt",
        "terms => Object.fromEntries(terms.map(t => [t.textContent, t.nextElementSibling.textContent]))",
    )  # type: ignore[no-any-return]


def test_a_patrol_of_two_cells_is_planned_with_its_proof(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/plan", language="en")
    page.click("[data-test=compute]")
    expect(page.get_by_role("alert")).to_have_text("Select at least one cell")
    page.check("[data-cell='361102001006']")
    page.check("[data-cell='361102001007']")
    page.click("[data-test=compute]")
    expect(page.locator("[data-test=plan-figures]")).to_be_visible()
    shown = figures(page)
    assert re.fullmatch(r"\d+ m", shown["Length"])
    assert re.fullmatch(r"\d+ m", shown["Lower bound"])
    assert shown["Flown outside"] == "0.0 m"
    assert float(shown["Not covered"].rstrip("%")) < 2
    assert int(shown["Length"].split()[0]) >= int(shown["Lower bound"].split()[0])
    page.uncheck("[data-cell='361102001007']")
    expect(page.locator("[data-test=plan-figures]")).to_contain_text("Settings have changed")
    expect(page.locator("[data-test=prepare-launch]")).to_be_disabled()


def test_an_area_is_drawn_on_the_map_and_planned(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/plan")
    expect(page.locator(".map[data-drawn=true]")).to_be_visible()
    page.click("[data-test=mode-area]")
    expect(page.locator(".drawing")).to_be_visible()
    box = page.locator(".maplibregl-canvas").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for dx, dy in ((-80, -60), (80, -60), (80, 60), (-80, 60)):
        page.mouse.click(middle[0] + dx, middle[1] + dy, delay=40)
        page.wait_for_timeout(400)
    page.keyboard.press("Enter")
    expect(page.locator(".drawing")).to_have_count(0)
    expect(page.locator("form")).to_contain_text("已画区域：4 个顶点")
    page.click("[data-test=compute]")
    expect(page.locator("[data-test=plan-figures]")).to_contain_text("画区域")


def test_drawing_is_cancelled_with_escape(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/plan")
    expect(page.locator(".map[data-drawn=true]")).to_be_visible()
    page.click("[data-test=mode-area]")
    expect(page.locator(".drawing")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".drawing")).to_have_count(0)
    expect(page.locator("form")).to_contain_text("尚未画区域")


def test_a_cell_is_picked_on_the_map(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/plan")
    expect(page.locator(".map[data-drawn=true]")).to_be_visible()
    box = page.locator(".maplibregl-canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.42)
    expect(page.locator("form .cells input:checked")).to_have_count(1)


def test_the_launch_takes_two_steps_and_leads_to_the_flight_room(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/plan")
    page.check("[data-cell='361102001010']")
    page.click("[data-test=compute]")
    expect(page.locator("[data-test=prepare-launch]")).to_be_enabled()
    page.click("[data-test=prepare-launch]")
    expect(page.locator("dialog[open]")).to_contain_text("确认起飞")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/fly\\?flight="))
    expect(page.locator("[data-test=phase]")).to_have_text("待起飞")
    expect(page.locator("[data-test=launch]")).to_be_enabled()
