"""Each cell is judged by its own service level: figures, gaps, patrols, picture, PDF, re-fly, commands."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pymupdf
import pytest
from PIL import Image
from typer.testing import CliRunner

from server.cli import app, find_problems
from tests.fixtures.desk import SITE, START, Desk, open_desk
from tests.unit.server.test_seen import NORTH_EAST, SOUTH_WEST, WEST_HALF, send, tiles_of

NORTH_WEST = "361102009003"
LEVELS = f"""
default: {{hours: 24, fineness_cm: 12, share: 0.95}}
cells:
  "3611020090": {{hours: 12}}
  "{SOUTH_WEST}": {{hours: 8, fineness_cm: 5, share: 0.8, algorithm: patrol-rgb}}
"""


def site_with(folder: Path, levels: str) -> Path:
    """The small site with service levels of its own."""
    site = folder / "site"
    shutil.copytree(SITE, site)
    (site / "service_levels.yaml").write_text(levels, "utf-8")
    return site


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return site_with(tmp_path, LEVELS)


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data", site=home) as opened:
        opened.hello()
        yield opened


@pytest.fixture
def flight(desk: Desk) -> UUID:
    """The western cells were seen at 8 cm: enough for the north, not for the south."""
    found = uuid4()
    send(desk, tiles_of(WEST_HALF), found)
    return found


def cells(desk: Desk, query: str = "") -> dict[str, dict]:
    return {cell["code"]: cell for cell in desk.get(f"seen/cells{query}")["cells"]}


def test_each_cell_is_judged_by_its_own_level(desk: Desk, flight: UUID) -> None:
    found = cells(desk)
    assert found[SOUTH_WEST]["level"] == {
        "hours": 8, "fineness_cm": 5, "share": 0.8, "algorithm": "patrol-rgb",
    }  # fmt: skip
    assert found[NORTH_WEST]["level"] == {
        "hours": 12, "fineness_cm": 12, "share": 0.95, "algorithm": None,
    }  # fmt: skip
    assert (found[SOUTH_WEST]["share"], found[SOUTH_WEST]["fulfilled"]) == (0, False)
    assert found[SOUTH_WEST]["recent_m2"] > 0
    assert found[SOUTH_WEST]["wanted_share"] == 0.8
    assert found[NORTH_WEST]["fulfilled"]
    assert desk.get("seen/cells")["level"]["hours"] == 24


def test_a_cells_own_share_decides(desk: Desk) -> None:
    west, south, _, north = WEST_HALF
    send(desk, tiles_of((west, south, 117.9697, north), index=3), uuid4())
    found = cells(desk)
    assert 0.8 < found[SOUTH_WEST]["share"] < 0.9
    assert found[SOUTH_WEST]["fulfilled"]
    assert 0.8 < found[NORTH_WEST]["share"] < 0.9
    assert not found[NORTH_WEST]["fulfilled"]


def test_what_is_asked_for_goes_before_the_cells_own(desk: Desk, flight: UUID) -> None:
    asked = cells(desk, "?fineness_cm=12")
    assert asked[SOUTH_WEST]["fulfilled"]
    assert asked[SOUTH_WEST]["level"]["fineness_cm"] == 12
    assert asked[SOUTH_WEST]["level"]["hours"] == 8, "the rest is the cell's own"
    assert cells(desk, "?algorithm=any")[SOUTH_WEST]["level"]["algorithm"] is None
    assert cells(desk, "?algorithm=")[SOUTH_WEST]["level"]["algorithm"] == "patrol-rgb"


def test_hours_run_out_cell_by_cell(desk: Desk, flight: UUID) -> None:
    at = (START + timedelta(hours=10)).isoformat().replace("+", "%2B")
    found = cells(desk, f"?fineness_cm=12&at={at}")
    assert found[SOUTH_WEST]["share"] == 0
    assert found[NORTH_WEST]["share"] > 0.99


def test_gaps_and_their_plan_follow_the_cells_own_level(desk: Desk, flight: UUID) -> None:
    own = desk.get(f"seen/cells/{SOUTH_WEST}/gaps")
    assert own["level"]["fineness_cm"] == 5
    area = sum(feature["properties"]["area_m2"] for feature in own["gaps"]["features"])
    assert area == pytest.approx(own["coverage"]["ground_m2"], rel=0.02)
    assert desk.get(f"seen/cells/{SOUTH_WEST}/gaps?fineness_cm=8")["gaps"]["features"] == []
    body = {"cells": [SOUTH_WEST, NORTH_WEST], "camera": "patrol-720p"}
    answer = desk.call("POST", "seen/refly", user="operator", json=body)
    assert answer.status_code == 201, answer.text
    assert 25 < answer.json()["plan"]["altitude_agl_m"] < 35, "so low that 5 cm a pixel are reached"
    finest = desk.call("POST", "seen/refly", user="operator", json=body | {"fineness_cm": 1})
    assert (finest.status_code, finest.json()["code"]) == (409, "plan_impossible")
    told = desk.call("POST", "seen/refly", user="operator", json=body | {"altitude_agl_m": 44.0})
    assert told.json()["plan"]["altitude_agl_m"] == 44.0
    north = max(point[1] for ring in answer.json()["plan"]["area"] for point in ring[0])
    assert north < 28.4501, "in the northern cell nothing is missing"
    answer = desk.call("POST", "seen/refly", user="operator", json=body | {"fineness_cm": 8})
    assert answer.json()["code"] == "nothing_to_refly"


def test_a_patrol_is_judged_part_by_part(desk: Desk, flight: UUID) -> None:
    patrol = desk.get("seen/patrols")["patrols"][0]
    parts = {part["code"]: part for part in patrol["parts"]}
    assert set(parts) == {SOUTH_WEST, NORTH_WEST}
    assert (parts[SOUTH_WEST]["share"], parts[SOUTH_WEST]["fulfilled"]) == (0, False)
    assert parts[NORTH_WEST]["fulfilled"]
    assert parts[NORTH_WEST]["name_en"] == "North-west"
    assert patrol["ground_m2"] == pytest.approx(sum(part["ground_m2"] for part in parts.values()), abs=0.3)
    wanted = sum(part["ground_m2"] * part["level"]["share"] for part in parts.values()) / patrol["ground_m2"]
    assert patrol["wanted_share"] == pytest.approx(wanted, abs=1e-3)
    assert patrol["share"] == pytest.approx(parts[NORTH_WEST]["ground_m2"] / patrol["ground_m2"], abs=1e-3)
    assert not patrol["fulfilled"]
    assert desk.get("seen/patrols?fineness_cm=8")["patrols"][0]["fulfilled"]


def test_the_picture_shows_each_cell_by_its_level(desk: Desk, flight: UUID) -> None:
    def shown(query: str) -> np.ndarray:
        answer = desk.call("GET", f"seen/picture.png?show=age{query}")
        return np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3] > 0

    own, asked = shown(""), shown("&fineness_cm=12")
    height, width = own.shape
    north, south = np.s_[5 : height // 2 - 5, width // 4], np.s_[height // 2 + 5 : -5, width // 4]
    assert own[north].sum() > 50
    assert not own[south].any(), "seen, but not finely enough for this cell"
    assert asked[south].all()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (f"cell={SOUTH_WEST}&language=en", ["8 hours, at 5 cm", "80% of", "by patrol-rgb", "not met"]),
        (f"cell={SOUTH_WEST}&language=en&fineness_cm=8", ["8 hours, at 8 cm", "100.0%", "Level met"]),
        ("language=en", ["8 h · 5 cm · 80%", "12 h · 12 cm · 95%", "in all", "Level not met"]),
        ("language=zh-CN", ["按各网格的服务标准", "8 小时 · 5 cm · 80%，由 patrol-rgb 看过；12 小时"]),
        (
            "language=en&hours=8&fineness_cm=8&share=0.9&algorithm=any",
            ["8 hours, at 8 cm", "90% of", "Level met"],
        ),
    ],
)  # fmt: skip
def test_the_report_tells_the_level(desk: Desk, flight: UUID, query: str, words: list[str]) -> None:
    what = "" if "cell=" in query else f"&flight_id={flight}"
    answer = desk.call("GET", f"seen/report.pdf?{query}{what}")
    assert answer.status_code == 200, answer.text
    page = pymupdf.open(stream=answer.content, filetype="pdf")[0]
    text = page.get_text().replace("\xa0", " ")
    for word in words:
        assert word in text
    assert max(block[2] for block in page.get_text("blocks")) < 548, "nothing runs over the edge"


def test_the_command_shows_the_level_of_each_cell(
    tmp_path: Path, home: Path, desk: Desk, flight: UUID
) -> None:
    def run(*words: str):
        options = ["--data-directory", str(tmp_path / "data"), "--site", str(home)]
        environment = {"SKYBEAT_DEMO": "true", "COLUMNS": "160"}
        return CliRunner().invoke(app, ["seen", "coverage", *words, *options], env=environment)

    table = run().stdout
    assert "8 h · 5 cm · 80 % · patrol-rgb" in table
    assert "12 h · 12 cm · 95 %" in table
    rows = {row["code"]: row for row in json.loads(run("--json").stdout)["cells"]}
    assert rows[SOUTH_WEST]["level"]["hours"] == 8
    assert not rows[SOUTH_WEST]["fulfilled"]
    rows = {row["code"]: row for row in json.loads(run("--json", "--fineness-cm", "8").stdout)["cells"]}
    assert rows[SOUTH_WEST]["fulfilled"]
    assert not rows[NORTH_EAST]["fulfilled"]


def test_a_wrong_file_stops_the_start_and_is_found_by_the_check(tmp_path: Path) -> None:
    wrong = site_with(tmp_path, LEVELS.replace("0.8", "80"))
    problems = find_problems(data_directory=tmp_path, site=wrong)
    assert any(
        "service_levels.yaml" in problem and f"cells.{SOUTH_WEST}.share" in problem for problem in problems
    )
    options = ["--data-directory", str(tmp_path / "data"), "--site", str(wrong)]
    result = CliRunner().invoke(app, ["seen", "coverage", *options])
    assert result.exit_code == 2
    assert f"cells.{SOUTH_WEST}.share" in result.output


def test_a_rule_that_fits_no_cell_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = site_with(tmp_path, LEVELS + '  "3699": {hours: 2}\n')
    with caplog.at_level(logging.WARNING, "server.app"), open_desk(tmp_path / "data", site=site):
        pass
    assert "begins with 3699" in caplog.text
