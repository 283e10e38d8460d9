"""The flight room, with a stand-in aircraft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from missions.messages import SightingKind
from tests.browser.conftest import PASSWORD, Desk, SignIn

pytestmark = pytest.mark.browser
FINAL = {"finished", "aborted", "failed"}


@pytest.fixture
def api(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{desk.url}/api/v1", timeout=60) as client:
        token = client.post("/session", json={"username": "demo", "password": PASSWORD}).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
def flight(desk: Desk, api: httpx.Client) -> Iterator[dict[str, Any]]:
    """A flight over one cell, prepared and not launched; brought home afterwards."""
    request = {"name": "北片夜巡", "cells": ["361102001006"], "camera": "patrol-720p", "agent": "yunque-1"}
    plan = api.post("/plans", json=request).raise_for_status().json()
    made = api.post("/flights", json={"plan_id": plan["id"], "agent": "yunque-1"}).raise_for_status().json()
    yield made
    desk.agent.silent.clear()
    state = api.get(f"/flights/{made['id']}").json()
    if state["phase"] not in FINAL | {"planned"}:
        api.post(f"/flights/{made['id']}/return")
        for _ in range(100):
            if api.get(f"/flights/{made['id']}").json()["phase"] in FINAL:
                break
            desk.agent.silent.wait(0.1)


def launched(page: Page, api: httpx.Client, flight: dict[str, Any]) -> None:
    api.post(f"/flights/{flight['id']}/launch").raise_for_status()
    expect(page.locator("[data-test=phase]")).to_have_attribute("data-phase", "flying")


def test_a_flight_is_launched_watched_paused_and_called_back(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", f"/fly?flight={flight['id']}")
    page.click("[data-test=launch]")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("北片夜巡")
    expect(dialog).to_contain_text("飞手 Operator")
    page.keyboard.press("Escape")
    assert api.get(f"/flights/{flight['id']}").json()["phase"] == "planned"
    page.click("[data-test=launch]")
    page.click("dialog [data-test=confirm]")
    phase = page.locator("[data-test=phase]")
    expect(phase).to_have_attribute("data-phase", "flying")
    expect(phase).to_have_text("巡查中")
    expect(page.locator(".strip")).to_contain_text("50.0 m")
    expect(page.locator(".strip")).to_contain_text("7.0 m/s")
    video = page.locator("[data-test=video]")
    expect(video).to_be_visible()
    first = video.get_attribute("data-frames")
    expect(video).not_to_have_attribute("data-frames", first or "")
    assert page.evaluate(
        "() => { const c = document.querySelector('[data-test=video]');"
        "return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 20 }"
    )
    page.keyboard.press("p")
    page.click("dialog [data-test=confirm]")
    expect(phase).to_have_attribute("data-phase", "paused")
    page.keyboard.press("p")
    page.click("dialog [data-test=confirm]")
    expect(phase).to_have_attribute("data-phase", "flying")
    page.keyboard.press("Shift+R")
    expect(dialog).to_contain_text("直线飞回起飞点")
    page.keyboard.press("Enter")
    expect(phase).to_have_attribute("data-phase", re.compile("returning|landing|finished"))
    kinds = [request["kind"] for request in api.get(f"/flights/{flight['id']}").json()["requests"]]
    assert kinds == ["fly", "pause", "resume", "return"]
    expect(page.locator(".log")).to_contain_text("返航")


def test_an_alert_appears_with_its_reasons_and_is_acknowledged_with_one_key(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", f"/fly?flight={flight['id']}")
    launched(page, api, flight)
    before = page.locator("[data-test=alert]").count()
    page.locator("[data-test=layers]").focus()
    receipt = desk.agent.see(SightingKind.FIRE, 60, 130, confidence=0.83)
    alert = page.locator("[data-test=alert]").first
    expect(page.locator("[data-test=alert]")).to_have_count(before + 1)
    expect(alert).to_contain_text("明火")
    expect(alert).to_contain_text("83%")
    expect(alert).to_contain_text("持续可见 3.4 秒")
    expect(alert.locator(".picture img")).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.test") == "layers", "the alert took the focus"
    expect(page).to_have_title(re.compile(r"^\(\d+\)"))
    alert.click()
    page.keyboard.press("a")
    expect(alert).not_to_have_class(re.compile("fresh"))
    assert api.get(f"/tickets/{receipt['ticket_id']}").json()["acknowledged"]
    desk.agent.see(SightingKind.FIRE, 60.5, 130, confidence=0.85)
    expect(page.locator("[data-test=alert]")).to_have_count(before + 1)


def test_a_wrong_alert_is_rejected_with_a_reason(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", f"/fly?flight={flight['id']}", language="en")
    launched(page, api, flight)
    receipt = desk.agent.see(SightingKind.GATHERING, 130, 190, people=14)
    alert = page.locator("[data-test=alert]", has_text="Gathering").first
    alert.click()
    page.keyboard.press("x")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_contain_text("choose one of the reasons")
    page.click("dialog >> text=Ordinary activity")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog")).to_have_count(0)
    after = api.get(f"/tickets/{receipt['ticket_id']}").json()
    assert after["state"] == "rejected"
    assert after["timeline"][-1]["data"]["verdict"] == "ordinary"


def test_the_aircraft_is_asked_to_look_again_with_one_key(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", f"/fly?flight={flight['id']}")
    launched(page, api, flight)
    receipt = desk.agent.see(SightingKind.SMOKE, 150, 230, confidence=0.6)
    alert = page.locator("[data-test=alert]", has_text="烟雾").first
    alert.click()
    expect(page.locator("[data-test=second-look]")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator(".log")).to_contain_text("再看一眼：第 1 个位置，共 2 个")
    expect(page.locator(".log")).to_contain_text("再看一眼：确认")
    requests = api.get(f"/flights/{flight['id']}").json()["requests"]
    assert requests[-1]["kind"] == "second_look"
    assert requests[-1]["issued_by"] == "operator"
    entry = next(e for e in api.get("/audit?limit=30").json()["items"] if "second_look" in e["action"])
    assert entry["actor"] == "operator"
    assert receipt["ticket_id"]


def test_return_now_is_at_hand_in_every_room(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", "/overview")
    api.post(f"/flights/{flight['id']}/launch").raise_for_status()
    bar = page.locator("[data-test=flying-bar]")
    expect(bar).to_contain_text("巡查中")
    expect(bar.locator("[data-test=return-anywhere]")).to_be_enabled()
    page.keyboard.press("Shift+R")
    expect(page.locator("dialog[open]")).to_contain_text("直线飞回起飞点")
    page.keyboard.press("Escape")
    assert [one["kind"] for one in api.get(f"/flights/{flight['id']}").json()["requests"]] == ["fly"]
    page.keyboard.press("Shift+R")
    page.click("dialog [data-test=confirm]")
    expect(bar).to_contain_text(re.compile("返航|降落"))
    expect(bar).to_have_count(0)
    reader = sign_in(desk.url, "desk", "/overview")
    expect(reader.locator(".cards")).to_be_visible()
    expect(reader.locator("[data-test=flying-bar]")).to_have_count(0)


def test_silence_is_shown_and_nothing_freezes_quietly(
    desk: Desk, api: httpx.Client, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", f"/fly?flight={flight['id']}")
    launched(page, api, flight)
    expect(page.locator("[data-test=picture-age]")).to_be_visible()
    desk.agent.silent.set()
    expect(page.locator(".screen .lost")).to_contain_text("起失去链路")
    expect(page.locator(".screen")).to_have_class(re.compile("stale"))
    expect(page.locator(".strip .lost")).to_contain_text("遥测已停滞")
    expect(page.locator("[data-test=return]")).to_be_enabled()
    desk.agent.silent.clear()
    expect(page.locator(".strip .lost")).to_have_count(0)
    expect(page.locator(".screen .lost")).to_have_count(0)


def test_somebody_who_may_not_fly_sees_no_commands(
    desk: Desk, flight: dict[str, Any], sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "desk", f"/fly?flight={flight['id']}")
    expect(page.locator("[data-test=phase]")).to_have_text("待起飞")
    expect(page.locator("[data-test=launch]")).to_have_count(0)


def test_layers_are_switched_in_one_place_and_remembered(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in(desk.url, "operator", "/fly")
    page.click("[data-test=layers]")
    box = page.get_by_label("网格", exact=True)
    expect(box).to_be_checked()
    box.uncheck()
    # the layer of ground seen is off until somebody wants it
    assert page.evaluate("localStorage.getItem('skybeat.layers.fly')") == '["seen","cells"]'
    page.reload()
    page.click("[data-test=layers]")
    expect(page.get_by_label("网格", exact=True)).not_to_be_checked()
