"""The ledger at the desk: reports in any order, coverage, gaps, the picture, flying gaps again."""

from __future__ import annotations

import base64
import io
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image

from missions.seen_tiles import SeenTile, centres_of, tiles_within
from tests.fixtures.desk import START, Desk

WEST_HALF = (117.9679581, 28.4481954, 117.97, 28.4518046)
SOUTH_WEST = "361102009001"
NORTH_EAST = "361102009004"
REPORT = {"flight_id": str(UUID(int=5)), "row": 1, "column": 1, "squares": "AAAA"}


def report(tile: SeenTile, flight_id: UUID, revision: int = 1) -> dict:
    return {
        "flight_id": str(flight_id), "row": tile.key[0], "column": tile.key[1], "revision": revision,
        "squares": base64.b64encode(tile.packed()).decode(),
    }  # fmt: skip


def tiles_of(
    bounds, at: datetime = START, index: int = 4, names: str = "crowds+patrol-rgb"
) -> list[SeenTile]:
    west, south, east, north = bounds
    tiles = []
    for key in tiles_within(bounds):
        lat, lon = centres_of(key)
        inside = ((lat >= south) & (lat < north))[:, None] & ((lon >= west) & (lon < east))[None]
        tile = SeenTile(key)
        tile.layer((names, index))[inside] = int(at.timestamp())
        tile.dwell_s[inside] = 3.0
        tiles.append(tile)
    return tiles


def send(desk: Desk, tiles: list[SeenTile], flight_id: UUID) -> list[bool]:
    changed = []
    for tile in tiles:
        answer = desk.call("POST", "agent/seen", user="agent", json=report(tile, flight_id))
        assert answer.status_code == 200, answer.text
        changed.append(answer.json()["changed"])
    return changed


def shares(desk: Desk, **query) -> dict[str, float]:
    path = "seen/cells?" + "&".join(f"{name}={value}" for name, value in query.items())
    return {cell["code"]: cell["share"] for cell in desk.get(path)["cells"]}


def test_reports_are_kept_merged_and_answered_from(desk: Desk) -> None:
    flight = uuid4()
    assert all(send(desk, tiles_of(WEST_HALF), flight))
    assert not any(send(desk, tiles_of(WEST_HALF), flight)), "the same again tells nothing new"
    found = desk.get("seen/cells")
    by_code = {cell["code"]: cell for cell in found["cells"]}
    assert by_code[SOUTH_WEST]["share"] == pytest.approx(1.0, abs=0.01)
    assert by_code[SOUTH_WEST]["fulfilled"]
    assert by_code[SOUTH_WEST]["fineness_cm"] == 8.0
    assert by_code[SOUTH_WEST]["dwell_s"] == pytest.approx(3.0)
    assert by_code[NORTH_EAST]["share"] == 0
    assert by_code[NORTH_EAST]["last_seen_at"] is None
    assert found["algorithms"] == ["crowds", "patrol-rgb"]
    assert any(item["id"] == str(flight) for item in desk.get("flights")["items"])


def test_an_older_report_after_a_newer_one_changes_nothing(desk: Desk) -> None:
    flight, later = uuid4(), START + timedelta(minutes=5)
    send(desk, tiles_of(WEST_HALF, later), flight)
    before = desk.get("seen/cells")
    assert not any(send(desk, [merged_before(tile) for tile in tiles_of(WEST_HALF, START)], flight))
    assert desk.get("seen/cells") == before


def merged_before(tile: SeenTile) -> SeenTile:
    tile.dwell_s[:] = 0.0
    return tile


def test_the_level_asks_for_hours_fineness_and_algorithm(desk: Desk) -> None:
    send(desk, tiles_of(WEST_HALF), uuid4())
    at = (START + timedelta(hours=6)).isoformat().replace("+", "%2B")
    assert shares(desk, at=at, hours=8)[SOUTH_WEST] > 0.99
    assert shares(desk, at=at, hours=5)[SOUTH_WEST] == 0
    assert shares(desk, fineness_cm=5)[SOUTH_WEST] == 0
    assert shares(desk, algorithm="crowds")[SOUTH_WEST] > 0.99
    assert shares(desk, algorithm="patrol-thermal")[SOUTH_WEST] == 0


def test_stays_of_several_flights_add_up(desk: Desk) -> None:
    for _ in range(2):
        send(desk, tiles_of(WEST_HALF), uuid4())
    cells = {cell["code"]: cell for cell in desk.get("seen/cells")["cells"]}
    assert cells[SOUTH_WEST]["dwell_s"] == pytest.approx(6.0)


def test_gaps_and_patrols(desk: Desk) -> None:
    flight = uuid4()
    send(desk, tiles_of((WEST_HALF[0], WEST_HALF[1], 117.969, WEST_HALF[3])), flight)
    found = desk.get(f"seen/cells/{SOUTH_WEST}/gaps")
    assert found["coverage"]["share"] == pytest.approx(0.51, abs=0.02)
    areas = [feature["properties"]["area_m2"] for feature in found["gaps"]["features"]]
    cell = found["coverage"]["ground_m2"]
    assert sum(areas) == pytest.approx(0.49 * cell, rel=0.05)
    patrols = desk.get("seen/patrols")["patrols"]
    assert [patrol["flight_id"] for patrol in patrols] == [str(flight)]
    assert 0.2 < patrols[0]["share"] < 0.6
    assert datetime.fromisoformat(patrols[0]["last_at"]) == START


@pytest.mark.parametrize("show", ["age", "fineness", "dwell"])
def test_the_picture_shows_what_was_seen_and_nothing_else(desk: Desk, show: str) -> None:
    send(desk, tiles_of(WEST_HALF), uuid4())
    answer = desk.call("GET", f"seen/picture.png?show={show}")
    assert answer.headers["content-type"] == "image/png"
    alpha = np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3]
    height, width = alpha.shape
    assert (alpha[5:-5, 5 : width // 2 - 5] > 0).all()
    assert (alpha[:, width // 2 + 5 :] == 0).all()
    assert height > 300


def test_gaps_become_a_plan_in_one_step(desk: Desk) -> None:
    send(desk, tiles_of((WEST_HALF[0], WEST_HALF[1], 117.969, WEST_HALF[3])), uuid4())
    body = {"cells": [SOUTH_WEST], "camera": "patrol-720p", "hours": 24}
    answer = desk.call("POST", "seen/refly", user="operator", json=body)
    assert answer.status_code == 201, answer.text
    plan = answer.json()["plan"]
    assert plan["name"].startswith("补飞")
    assert 18_000 < plan["area_m2"] < 23_000, "about the unseen half of the cell"
    assert plan["uncovered_fraction"] < 0.05
    west = min(point[0] for ring in plan["area"] for point in ring[0])
    assert west > 117.9688, "what was seen is not flown again"
    assert plan["cells"] == [SOUTH_WEST], "its neighbours were not asked for"
    assert desk.get(f"plans/{answer.json()['id']}")["plan"]["name"] == plan["name"]


def test_where_nothing_is_missing_there_is_nothing_to_fly(desk: Desk) -> None:
    send(desk, tiles_of((117.9670, 28.4470, 117.9730, 28.4530)), uuid4())
    body = {"cells": [SOUTH_WEST], "camera": "patrol-720p"}
    answer = desk.call("POST", "seen/refly", user="operator", json=body)
    assert answer.status_code == 409
    assert answer.json()["code"] == "nothing_to_refly"


@pytest.mark.parametrize(
    ("method", "path", "user", "body", "status"),
    [
        ("GET", "seen/cells?hours=0", "desk", None, 422),
        ("GET", "seen/cells?fineness_cm=nan", "desk", None, 422),
        ("GET", "seen/cells?at=2026-05-01T00:00:00", "desk", None, 422),
        ("GET", "seen/cells/nowhere/gaps", "desk", None, 404),
        ("GET", "seen/picture.png?show=taste", "desk", None, 422),
        ("POST", "seen/refly", "operator", {"cells": [], "camera": "patrol-720p"}, 422),
        ("POST", "seen/refly", "operator", {"cells": ["nowhere"], "camera": "patrol-720p"}, 404),
        ("POST", "seen/refly", "operator", {"cells": [SOUTH_WEST], "camera": "none"}, 409),
        ("POST", "seen/refly", "operator", {"cells": [SOUTH_WEST], "camera": "x", "bogus": 1}, 422),
        ("POST", "seen/refly", "desk", {"cells": [SOUTH_WEST], "camera": "patrol-720p"}, 403),
        ("POST", "agent/seen", "agent", REPORT, 422),
        ("POST", "agent/seen", "agent", REPORT | {"squares": "A"}, 422),
        ("POST", "agent/seen", "agent", REPORT | {"flight_id": "x"}, 422),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_with_a_sentence(desk: Desk, method, path, user, body, status) -> None:
    answer = desk.call(method, path, user=user, **({"json": body} if body is not None else {}))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert len(answer.json()["detail"]) > 15


def test_a_report_must_be_of_the_tile_it_names_and_of_the_agents_own_flight(desk: Desk) -> None:
    tile = tiles_of(WEST_HALF)[0]
    wrong = report(tile, uuid4()) | {"row": tile.key[0] + 1}
    assert desk.call("POST", "agent/seen", user="agent", json=wrong).status_code == 422
    assert desk.get("seen/cells")["algorithms"] == []
