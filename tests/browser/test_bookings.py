"""The bookings room: a clerk books by keyboard and list, an operator merges and plans."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk, SignIn

pytestmark = pytest.mark.browser
CELL = "361102001010"


def test_from_a_booking_to_a_route(desk: Desk, sign_in: SignIn) -> None:
    clerk = sign_in(desk.url, "desk", "/bookings", language="en")
    expect(clerk.locator(".place-state").first).to_contain_text("No bookings")
    clerk.keyboard.press("n")
    clerk.click("[data-test=book]")
    expect(clerk.get_by_role("alert")).to_have_text("Select at least one cell")
    clerk.check(f"[data-cell='{CELL}']")
    clerk.check("[data-kind=fire]")
    clerk.click("[data-test=book]")
    expect(clerk.locator("[data-test=booking-detail] [data-state=open]")).to_be_visible()
    expect(clerk.locator("[data-test=bookings] li")).to_contain_text("综治中心")
    expect(clerk.locator("[data-test=booking-detail]")).to_contain_text("No tickets of these kinds")

    operator = sign_in(desk.url, "operator", "/bookings")
    expect(operator.locator("[data-test=merge-figures]")).to_contain_text("节省")
    operator.click("[data-test=plan-merged]")
    expect(operator.locator("[data-test=plan-figures]")).to_be_visible()
    expect(operator.locator("#plan-name")).to_have_value("一飞多用 综治中心")
    expect(operator.locator("[data-test=prepare-launch]")).to_be_enabled()
