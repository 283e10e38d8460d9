"""Signing in, the language, and signing out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk, SignIn

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_told_in_words(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, None)
    page.fill("#username", "operator")
    page.fill("#password", "not the password")
    page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确")
    page.click("[data-test=language]")
    page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong")


def test_demo_accounts_sign_in_with_one_click_and_lead_to_the_room_asked_for(
    desk: Desk, sign_in: SignIn
) -> None:
    page = sign_in(desk.url, None, "/overview")
    page.click("[data-user=desk]")
    expect(page).to_have_url(re.compile("/overview$"))
    page.click("[data-test=account]")
    page.click("[data-test=sign-out]")
    expect(page.locator("#username")).to_be_visible()
    page.goto(desk.url + "/fly")
    expect(page.locator("#username")).to_be_visible()


@pytest.mark.parametrize(("user", "room"), [("desk", "/desk"), ("operator", "/fly"), ("demo", "/fly")])
def test_everybody_starts_in_the_own_room(desk: Desk, sign_in: SignIn, user: str, room: str) -> None:
    page = sign_in(desk.url, user)
    expect(page).to_have_url(re.compile(f"{room}$"))
    expect(page.locator("nav a", has_text="管理")).to_have_count(1 if user == "demo" else 0)


def test_the_language_is_switched_everywhere_and_remembered(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "demo", "/desk")
    expect(page.locator("nav a[href$=desk]")).to_have_text("处置")
    page.click("[data-test=language]")
    expect(page.locator("nav a[href$=desk]")).to_have_text("Desk")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("localStorage.getItem('skybeat.language')") == "en"


def test_rooms_are_reached_by_keys_and_have_their_themes(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "demo", "/fly")
    expect(page.locator("nav a.here")).to_have_text(re.compile("飞行"))
    for key, path, theme in (
        ("d", "desk", "light"),
        ("p", "plan", "dark"),
        ("o", "overview", "light"),
        ("f", "fly", "dark"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"/{path}$"))
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("立即返航")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
