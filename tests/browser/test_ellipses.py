"""How sure a place is stands on the ticket, in numbers and as an ellipse on its map."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from missions.messages import SightingKind
from tests.browser.conftest import PASSWORD, Desk, SignIn

pytestmark = pytest.mark.browser


def test_a_ticket_shows_its_ellipse(desk: Desk, sign_in: SignIn) -> None:
    ticket = desk.agent.see(SightingKind.FIRE, 210, -180)["ticket_id"]
    with httpx.Client(base_url=f"{desk.url}/api/v1", timeout=60) as client:
        token = client.post("/session", json={"username": "demo", "password": PASSWORD}).json()["token"]
        told = client.get(f"/tickets/{ticket}", headers={"Authorization": f"Bearer {token}"}).json()
    page = sign_in(desk.url, "desk", f"/desk/{ticket}")
    size = [f"{told['ellipse'][name]:.1f}" for name in ("semi_major_m", "semi_minor_m")]
    expect(page.locator("main")).to_contain_text(f"{size[0]} × {size[1]} m")
    expect(page.locator(".small-map .map[data-drawn=true]")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2000)
    shot = Image.open(io.BytesIO(page.locator(".small-map canvas").screenshot())).convert("RGB")
    pixels = np.asarray(shot).astype(int)
    red = (pixels[..., 0] - pixels[..., 1] > 40) & (pixels[..., 0] - pixels[..., 2] > 40)
    rows, columns = np.nonzero(red)
    spread = max(np.ptp(rows) / red.shape[0], np.ptp(columns) / red.shape[1])
    assert 0.1 < spread < 0.5, "the map reaches to five times the long axis on each side"
