"""The review room: a flight looked at again along one line of time, and held against what is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from missions.messages import SightingKind
from tests.browser.conftest import PASSWORD, Desk, SignIn

pytestmark = pytest.mark.browser
FINAL = {"finished", "aborted", "failed"}


@pytest.fixture(scope="module")
def api(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{desk.url}/api/v1", timeout=60) as client:
        token = client.post("/session", json={"username": "demo", "password": PASSWORD}).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture(scope="module")
def flown(desk: Desk, api: httpx.Client) -> str:
    """A flight that saw a fire and a gathering and has come home; its id."""
    plan = {"name": "复盘巡查", "cells": ["361102001006"], "camera": "patrol-720p", "agent": "yunque-1"}
    stored = api.post("/plans", json=plan).raise_for_status().json()
    flight = (
        api.post("/flights", json={"plan_id": stored["id"], "agent": "yunque-1"}).raise_for_status().json()
    )
    path = f"/flights/{flight['id']}"
    api.post(f"{path}/launch").raise_for_status()
    wait_for(api, f"{path}/pictures", lambda answer: len(answer["items"]) >= 1, desk)
    desk.agent.see(SightingKind.FIRE, 60, 130, confidence=0.83, seconds_ago=0)
    wait_for(api, f"{path}/pictures", lambda answer: len(answer["items"]) >= 3, desk)
    desk.agent.see(SightingKind.GATHERING, 130, 190, people=14, seconds_ago=0)
    api.post(f"{path}/return").raise_for_status()
    wait_for(api, path, lambda answer: answer["phase"] in FINAL, desk)
    return str(flight["id"])


def wait_for(api: httpx.Client, path: str, done: Any, desk: Desk) -> None:
    for _ in range(600):
        if done(api.get(path).raise_for_status().json()):
            return
        desk.agent.silent.wait(0.1)
    raise AssertionError(f"{path} did not come to it within a minute")


def reviewed(desk: Desk, sign_in: SignIn, flight: str, user: str = "tester", language: str = "zh-CN") -> Page:
    page = sign_in(desk.url, user, f"/review/{flight}", language=language)
    expect(page.locator("[data-test=timeline]")).to_be_visible()
    return page


def test_one_line_of_time_moves_picture_telemetry_and_sightings(
    desk: Desk, flown: str, sign_in: SignIn
) -> None:
    page = reviewed(desk, sign_in, flown)
    picture = page.locator("[data-test=kept-picture]")
    expect(picture).to_be_visible()
    first = picture.get_attribute("data-name") or ""
    expect(page.locator("[data-test=review-phase]")).to_have_text("巡查中")
    page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("data-name", first)
    page.keyboard.press("Home")
    page.keyboard.press("j")
    expect(page.locator("[data-test=review-sighting].chosen")).to_contain_text("明火")
    expect(page.locator("[data-test=review-sighting].chosen img")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("[data-test=review-sighting].chosen")).to_contain_text("人员聚集")
    expect(page.locator("[data-test=seen-mark].chosen")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/desk/[0-9a-f-]{36}$"))


def test_it_plays_and_is_moved_by_hand(desk: Desk, flown: str, sign_in: SignIn) -> None:
    page = reviewed(desk, sign_in, flown, language="en")
    time = page.locator("[data-test=review-time]")
    before = time.inner_text()
    page.keyboard.press(" ")
    expect(page.locator("[data-test=play]")).to_have_attribute("aria-label", "Pause")
    expect(time).not_to_have_text(before)
    page.keyboard.press(" ")
    expect(page.locator("[data-test=play]")).to_have_attribute("aria-label", "Play")
    line = page.locator("[data-test=timeline]")
    box = line.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 90)
    late = int(line.get_attribute("aria-valuenow") or 0)
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 90)
    middle = int(line.get_attribute("aria-valuenow") or 0)
    assert 0 < middle < late <= int(line.get_attribute("aria-valuemax") or 0)


def test_tickets_are_held_against_a_file(
    desk: Desk, flown: str, sign_in: SignIn, api: httpx.Client, tmp_path: Path
) -> None:
    page = reviewed(desk, sign_in, flown)
    page.click("[data-tab=expected]")
    with page.expect_download() as download:
        page.click("[data-test=expected-save]")
    saved = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert sorted(one["kind"] for one in saved["tickets"]) == ["fire", "gathering"]
    file = tmp_path / "expected.json"
    file.write_text(json.dumps(saved), "utf-8")
    page.set_input_files("[data-test=expected-file]", file)
    expect(page.locator("[data-test=verdict]")).to_contain_text("符合预期")
    fire = next(one for one in saved["tickets"] if one["kind"] == "fire")
    fire["lat"] += 0.0001  # 11 m
    saved["tickets"].append({"kind": "smoke", "lat": fire["lat"], "lon": fire["lon"]})
    file.write_text(json.dumps(saved), "utf-8")
    page.set_input_files("[data-test=expected-file]", file)
    expect(page.locator("[data-test=verdict]")).to_contain_text("相符 1 · 偏位 1 · 遗漏 1 · 多出 0")
    expect(page.locator("[data-outcome=misplaced]")).to_contain_text("11.")
    file.write_text("no json", "utf-8")
    page.set_input_files("[data-test=expected-file]", file)
    expect(page.locator(".expected [role=alert]")).to_contain_text("不是 JSON")
    page.click("[data-tab=figures]")
    expect(page.locator("[data-test=review-figures]")).to_contain_text("尚未核实")


def test_a_flight_that_is_over_is_opened_from_the_flight_room(
    desk: Desk, flown: str, sign_in: SignIn
) -> None:
    page = sign_in(desk.url, "operator", "/fly")
    page.click("[data-test=to-review]")
    expect(page).to_have_url(re.compile(f"/review/{flown}$"))
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page).to_have_url(re.compile("/fly$"))
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.locator("[data-test=review-flight][aria-current=true]")).to_contain_text("复盘巡查")
