"""The whole way in a real browser: sign in, plan, launch in the simulated town, and find the ticket."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import FIRE_NEAR_HOME, ServerProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]
FLIGHT_MS = 900_000


def test_from_plan_to_ticket(demo_server: ServerProcess, sign_in: SignIn) -> None:
    page = sign_in(demo_server.url, None, language="en")
    page.click("[data-user=demo]")
    expect(page.locator(".side .state")).to_have_text("Online", timeout=120_000)
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.check(f"[data-cell='{FIRE_NEAR_HOME.cell}']")
    page.click("[data-test=compute]")
    page.click("[data-test=prepare-launch]")
    page.click("dialog [data-test=confirm]")
    phase = page.locator("[data-test=phase]")
    expect(phase).to_have_attribute("data-phase", "flying", timeout=240_000)
    expect(page.locator("[data-test=video]")).to_be_visible(timeout=60_000)
    alert = page.locator("[data-test=alert]").first
    expect(alert).to_be_visible(timeout=FLIGHT_MS)
    alert.click()
    page.keyboard.press("a")
    expect(alert).not_to_have_class(re.compile("fresh"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/desk/"))
    expect(page.locator("[data-test=timeline]")).to_contain_text("Opened by the drone")
    expect(page.locator(".table tbody tr").first).to_be_visible()
