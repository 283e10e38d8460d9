"""The desk: queue, ticket page, actions, evidence."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import httpx
import pytest
import shapely
from playwright.sync_api import Page, expect

from missions.messages import SightingKind
from tests.browser.conftest import PASSWORD, Desk, SignIn

pytestmark = pytest.mark.browser


@pytest.fixture
def api(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{desk.url}/api/v1", timeout=60) as client:
        token = client.post("/session", json={"username": "demo", "password": PASSWORD}).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def opened(desk: Desk, sign_in: SignIn, ticket: str, user: str = "desk", language: str = "zh-CN") -> Page:
    return sign_in(desk.url, user, f"/desk/{ticket}", language=language)


def test_a_ticket_goes_its_way_with_keys(desk: Desk, api: httpx.Client, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.DISPUTE, -120, 160, confidence=0.77, people=6)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    expect(page.locator("h1")).to_contain_text("疑似纠纷")
    expect(page.locator(".table")).to_contain_text("两人持续加速度")
    expect(page.locator(".table")).to_contain_text("3.1 m/s²")
    expect(page.locator("[data-test=evidence]")).to_be_visible()
    page.keyboard.press("f")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("header .state")).to_have_text("已立案")
    page.keyboard.press("d")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_have_text("请填写部门")
    page.click("dialog >> text=辖区派出所")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_have_text("请填写说明")
    page.fill("dialog [data-test=note]", "请到现场")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("header .state")).to_have_text("已派单")
    page.keyboard.press("c")
    page.fill("dialog [data-test=note]", "已劝离")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("header .state")).to_have_text("已办结")
    expect(page.locator("[data-test=timeline]")).to_contain_text("派单至 辖区派出所：请到现场")
    assert api.get(f"/tickets/{ticket}").json()["state"] == "closed"
    expect(page.locator("[data-action=reopen]")).to_be_visible()


def test_coordinates_are_copied(desk: Desk, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.ILLEGAL_PARKING, -160, 200)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy").nth(1).click()
    text = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"28°\d\d′\d\d\.\d″N 117°\d\d′\d\d\.\d″E", text), text


def test_the_original_needs_a_reason_and_is_written_down(
    desk: Desk, api: httpx.Client, sign_in: SignIn
) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -60, 240)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    page.click("[data-test=show-original]")
    expect(page.locator("dialog [data-test=confirm]")).to_be_disabled()
    page.fill("dialog [data-test=reason]", "核对现场车辆")
    page.click("dialog [data-test=confirm]")
    picture = page.locator("[data-test=original]")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 960
    entry = api.get("/audit", params={"limit": 20}).json()["items"]
    assert any(e["action"] == "evidence.original" and e["actor"] == "desk" for e in entry)


def test_an_operator_is_not_offered_what_only_the_desk_may_do(desk: Desk, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -90, 290)["ticket_id"]
    page = opened(desk, sign_in, ticket, "operator", "en")
    expect(page.locator("[data-action=comment]")).to_be_visible()
    expect(page.locator("[data-action=file]")).to_have_count(0)
    expect(page.locator("[data-test=show-original]")).to_have_count(0)


def test_what_somebody_else_did_first_is_told(desk: Desk, api: httpx.Client, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -130, 330)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    page.click("[data-action=reject]")
    page.click("dialog [data-verdict=false_alarm]")
    api.post(f"/tickets/{ticket}/actions", json={"action": "reject", "note": "first"}).raise_for_status()
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_contain_text("可能已被他人处理")


def test_what_was_taken_for_smoke_is_named(desk: Desk, api: httpx.Client, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -170, 260)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    page.click("[data-action=reject]")
    page.click("dialog [data-verdict=wrong_kind]")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("dialog [role=alert]")).to_have_text("请选择其实是什么")
    page.select_option("dialog [data-test=found]", "truck")
    page.fill("dialog [data-test=note]", "白色货车")
    page.click("dialog [data-test=confirm]")
    expect(page.locator("header .state")).to_have_text("已排除")
    entry = api.get(f"/tickets/{ticket}").json()["timeline"][-1]
    assert entry["data"] == {"note": "白色货车", "verdict": "wrong_kind", "found": "truck"}


def test_what_was_missed_is_boxed_on_the_picture(desk: Desk, api: httpx.Client, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -210, 280)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    picture = page.locator("[data-test=evidence]")
    expect(picture).to_be_visible()
    picture.evaluate("image => image.decode()")
    page.click("[data-test=mark-missed]")
    page.select_option("[data-test=mark-class]", "fire")
    layer = page.locator("[data-test=mark-layer]")
    stage = layer.bounding_box()
    assert stage is not None
    ratio = picture.evaluate("image => image.naturalWidth / image.naturalHeight")
    width = min(stage["width"], stage["height"] * ratio)
    left = stage["x"] + (stage["width"] - width) / 2
    top = stage["y"] + (stage["height"] - width / ratio) / 2
    page.mouse.move(left + 0.25 * width, top + 0.2 * width / ratio)
    page.mouse.down()
    page.mouse.move(left + 0.5 * width, top + 0.6 * width / ratio, steps=4)
    page.mouse.up()
    page.click("[data-test=mark-save]")
    expect(layer).to_have_count(0)
    expect(page.locator("[data-test=timeline]")).to_contain_text("标注漏检目标 1 处")
    (mark,) = api.get(f"/tickets/{ticket}").json()["timeline"][-1]["data"]["marks"]
    assert mark["name"] == "fire"
    assert mark["box"] == pytest.approx([0.25, 0.2, 0.5, 0.6], abs=0.01)


def test_a_second_browser_sees_a_dispatch_within_two_seconds(
    desk: Desk, api: httpx.Client, sign_in: SignIn
) -> None:
    ticket = desk.agent.see(SightingKind.ILLEGAL_PARKING, -200, 330)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    expect(page.locator("header .state")).to_have_text("待核实")
    api.post(f"/tickets/{ticket}/actions", json={"action": "file"}).raise_for_status()
    expect(page.locator("header .state")).to_have_text("已立案", timeout=5000)


def test_a_long_queue_is_paged_filtered_and_walked(desk: Desk, sign_in: SignIn) -> None:
    for i in range(90):
        desk.agent.see(SightingKind.ILLEGAL_PARKING, 300 + 14 * (i % 10), 60 + 14 * (i // 10))
    page = sign_in(desk.url, "desk", "/desk")
    rows = page.locator("[data-test=ticket-row]")
    expect(rows.first).to_be_visible()
    page.select_option("[data-test=kind]", "illegal_parking")
    count = page.locator(".queue footer")
    expect(count).to_contain_text(re.compile(r"共 (9\d|1\d\d) 条"))
    assert rows.count() < 40, "rows out of sight should not exist"
    expect(rows.first).to_contain_text("违停")
    rows.first.click()
    expect(rows.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    expect(rows.first).to_have_attribute("aria-selected", "true")
    box = page.locator(".list")
    for _ in range(12):
        box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
        page.wait_for_timeout(250)
    total = int(re.search(r"\d+", count.inner_text()).group())  # type: ignore[union-attr]
    height = box.evaluate("box => box.firstElementChild.offsetHeight")
    assert height == 76 * total
    page.fill("[data-test=search]", "no such ticket")
    expect(page.locator(".queue .place-state")).to_contain_text("队列是空的")
    page.get_by_role("button", name="清除筛选").click()
    expect(rows.first).to_be_visible()
    page.locator(".queue").click(position={"x": 5, "y": 5})
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/desk/[0-9a-f-]{36}$"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/desk$"))


def test_wrong_is_said_with_two_keys_and_confirmed_with_a_third(
    desk: Desk, api: httpx.Client, sign_in: SignIn
) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -250, 200)["ticket_id"]
    page = opened(desk, sign_in, ticket)
    expect(page.locator("[data-action=reject]")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("dialog [data-verdict=false_alarm]")).to_be_focused()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("header .state")).to_have_text("已排除")
    assert api.get(f"/tickets/{ticket}").json()["timeline"][-1]["data"]["verdict"] == "false_alarm"


def test_what_waits_is_counted_and_picked_with_a_key(desk: Desk, api: httpx.Client, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.SMOKE, -290, 240)["ticket_id"]
    page = sign_in(desk.url, "desk", "/desk")
    mine, rows = page.locator("[data-waiting=mine]"), page.locator("[data-test=ticket-row]")
    expect(rows.first).to_be_visible()
    expect(mine).to_contain_text("0")
    api.post(f"/tickets/{ticket}/actions", json={"action": "file"}).raise_for_status()
    sent = {"action": "dispatch", "to": "综治中心", "note": "请核查"}
    api.post(f"/tickets/{ticket}/actions", json=sent).raise_for_status()
    expect(mine).to_contain_text("1")
    page.keyboard.press("2")
    expect(mine).to_have_attribute("aria-pressed", "true")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("已派单")
    expect(page.locator("header .state")).to_have_text("已派单")
    page.keyboard.press("c")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("header .state")).to_have_text("已办结")
    expect(mine).to_contain_text("0")


def on_a_border(desk: Desk, api: httpx.Client) -> tuple[float, float]:
    """A place (east, north of home) in the middle of a border that two cells share."""
    rings = [
        desk.agent.frame.to_enu([p[1] for p in ring], [p[0] for p in ring])[:, :2]
        for feature in api.get("/cells").json()["features"]
        for ring in feature["geometry"]["coordinates"][:1]
    ]
    cells = [shapely.Polygon(ring) for ring in rings]
    for a, b in itertools.combinations(cells, 2):
        shared = a.intersection(b)
        if shared.length > 40:
            middle = shared.interpolate(0.5, normalized=True)
            return float(middle.x), float(middle.y)
    raise AssertionError("no two cells share a border")


def test_an_uncertain_cell_is_named_and_changed_with_one_click(
    desk: Desk, api: httpx.Client, sign_in: SignIn
) -> None:
    ticket = desk.agent.see(SightingKind.ILLEGAL_PARKING, *on_a_border(desk, api))["ticket_id"]
    before = api.get(f"/tickets/{ticket}").json()
    others = [one["cell"] for one in before["candidates"] if one["cell"] not in ("", before["cell"])]
    assert others, "the border lies under the ellipse"
    page = opened(desk, sign_in, ticket)
    expect(page.locator("[data-test=ambiguous]")).to_contain_text("网格不确定")
    expect(page.locator(f"[data-candidate='{before['cell']}'] button")).to_have_count(0)
    page.click(f"[data-candidate='{others[0]}'] button")
    expect(page.locator(f"[data-candidate='{others[0]}'] button")).to_have_count(0)
    assert api.get(f"/tickets/{ticket}").json()["cell"] == others[0]
    expect(page.locator("[data-test=timeline]")).to_contain_text(others[0])
    english = opened(desk, sign_in, ticket, language="en")
    expect(english.locator("[data-test=ambiguous]")).to_contain_text("The cell is not certain")


def test_two_tickets_of_one_event_are_merged_with_one_click_and_told_apart_again(
    desk: Desk, api: httpx.Client, sign_in: SignIn
) -> None:
    first = desk.agent.see(SightingKind.SMOKE, -60.0, -100.0)["ticket_id"]
    second = desk.agent.see(SightingKind.SMOKE, -10.0, -100.0)["ticket_id"]
    other = api.get(f"/tickets/{second}").json()["number"]
    page = opened(desk, sign_in, first)
    page.click(f"[data-mergeable='{other}'] .button:not(.quiet)")
    expect(page.locator("[data-test=merged-into]")).to_contain_text(other)
    assert len(api.get(f"/tickets/{second}").json()["sightings"]) == 2
    page.keyboard.press("u")
    expect(page.locator("[data-test=merged-into]")).to_have_count(0)
    assert api.get(f"/tickets/{first}").json()["state"] == "reported"
    assert len(api.get(f"/tickets/{second}").json()["sightings"]) == 1
