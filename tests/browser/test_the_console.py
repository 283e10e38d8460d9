"""The console as a whole: when the server goes away, what loads, overview and administration."""

from __future__ import annotations

import pytest
from playwright.sync_api import Response, expect

from tests.browser.conftest import Desk, ServerProcess, SignIn

pytestmark = pytest.mark.browser


def test_a_lost_server_is_told_and_found_again(own_server: ServerProcess, sign_in: SignIn) -> None:
    page = sign_in(own_server.url, "operator", "/fly", language="en")
    expect(page.locator(".connection")).to_have_text("Live")
    own_server.stop()
    expect(page.locator(".banner")).to_contain_text("Server not reachable since")
    expect(page.locator(".connection")).to_have_text("Reconnecting")
    own_server.start()
    expect(page.locator(".connection")).to_have_text("Live")
    expect(page.locator(".banner")).to_have_count(0)


def test_nothing_is_fetched_from_elsewhere_and_rooms_load_on_demand(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "demo", "/desk")
    seen: list[str] = []

    def note(response: Response) -> None:
        seen.append(response.url)

    page.on("response", note)
    page.reload()
    expect(page.locator(".queue")).to_be_visible()
    assert not [url for url in seen if not url.startswith((desk.url, "data:", "blob:"))]
    assert not [url for url in seen if "echarts" in url]
    page.click("nav a >> text=概览")
    expect(page.locator(".chart svg").first).to_be_visible()
    assert [url for url in seen if "echarts" in url]


def test_the_overview_counts_tickets(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "desk", "/overview", language="en")
    expect(page.locator(".cards")).to_contain_text("Open")
    expect(page.locator(".cells tbody tr")).to_have_count(12)
    expect(page.locator(".chart svg")).to_have_count(3)


def test_the_board_hangs_by_day_and_by_night(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "desk", "/overview")
    expect(page.locator("[data-test=levels] li")).to_have_count(4)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.click("[data-test=night]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.click("nav a >> text=处置")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_user_is_added_and_the_audit_chain_verified(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "admin", "/admin")
    page.click("[data-test=add-user]")
    page.fill("#new-name", "zhang.san")
    page.fill("#new-display", "张三")
    page.fill("#new-password", "a long enough one")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("table")).to_contain_text("张三")
    page.click("[data-test=add-user]")
    page.fill("#new-name", "zhang.san")
    page.fill("#new-password", "a long enough one")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_contain_text("名称已被使用")
    page.keyboard.press("Escape")
    page.click("[data-tab=audit]")
    page.click("[data-test=verify]")
    expect(page.locator("[data-test=audit-verdict]")).to_contain_text("审计链完整")
    expect(page.locator("table")).to_contain_text("添加用户")


def test_a_user_is_changed_and_disabled_after_a_question(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "admin", "/admin", language="en")
    row = page.locator("[data-username=tester]")
    row.locator("[data-test=change-user]").click()
    page.fill("#new-display", "Tester of the east")
    page.get_by_label("Operator", exact=True).check()
    page.click("dialog [data-test=confirm]")
    expect(row).to_contain_text("Tester of the east")
    expect(row).to_contain_text("Operator")
    row.locator("[data-test=block-user]").click()
    expect(page.locator("dialog[open]")).to_contain_text("cannot sign in again")
    page.click("dialog [data-test=confirm]")
    expect(row).to_contain_text("Disabled")
    row.locator("[data-test=block-user]").click()
    page.click("dialog [data-test=confirm]")
    expect(row).to_contain_text("Active")
    expect(page.locator("[data-username=admin] [data-test=block-user]")).to_have_count(0)


def test_an_edge_agent_is_added_and_its_token_shown_once(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "admin", "/admin")
    page.click("[data-tab=fleet]")
    page.click("[data-test=add-agent]")
    page.fill("#agent-name", "yunque-9")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("[data-test=token]")).to_contain_text("skb_a_")
    page.keyboard.press("Escape")
    expect(page.locator("[data-test=token]")).to_have_count(0)


def test_the_rooms_of_others_are_closed(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "desk", "/admin")
    expect(page.locator(".desk")).to_be_visible()
