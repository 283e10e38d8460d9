"""``skybeat seen``: figures, a plan over the gaps, a report, and sentences where it cannot."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from server.cli import app
from server.seen.retention import prune_due
from tests.fixtures.desk import SITE, START, open_desk
from tests.unit.server.test_seen import SOUTH_WEST, WEST_HALF, send, tiles_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation whose western cells were seen in part."""
    directory = tmp_path_factory.mktemp("seen") / "data"
    with open_desk(directory) as desk:
        desk.hello()
        send(desk, tiles_of((WEST_HALF[0], WEST_HALF[1], 117.969, WEST_HALF[3])), uuid4())
    return directory


def run(folder: Path, *words: str):
    options = ["--data-directory", str(folder), "--site", str(SITE)]
    return CliRunner().invoke(app, ["seen", *words, *options], env={"SKYBEAT_DEMO": "true"})


def test_coverage_says_which_cells_fall_short(folder: Path) -> None:
    result = run(folder, "coverage", "--json")
    assert result.exit_code == 1
    cells = {cell["code"]: cell for cell in json.loads(result.stdout)["cells"]}
    assert 0.4 < cells[SOUTH_WEST]["share"] < 0.6
    assert not cells[SOUTH_WEST]["fulfilled"]
    assert SOUTH_WEST in run(folder, "coverage").stdout


def test_gaps_are_planned_and_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "gaps.json"
    result = run(folder, "refly", "--cell", SOUTH_WEST, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert SOUTH_WEST in json.loads(out.read_text("utf-8"))["cells"]


def test_the_report_is_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "cell.pdf"
    assert run(folder, "report", "--cell", SOUTH_WEST, "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["refly", "--cell", "nowhere", "--out", "x.json"], "no cell"),
        (["refly", "--cell", SOUTH_WEST, "--out", "x.doc"], "choose .json"),
        (["refly", "--cell", SOUTH_WEST, "--camera", "none", "--out", "x.json"], "no camera"),
        (["report", "--cell", "nowhere", "--out", "x.pdf"], "no cell"),
        (["report", "--cell", SOUTH_WEST, "--out", "/nowhere/x.pdf"], "cannot be written"),
        (["report", "--cell", SOUTH_WEST, "--out", "x.pdf", "--language", "fr"], "choose zh-CN or en"),
    ],
)
def test_what_cannot_be_done_ends_in_a_sentence(folder: Path, words, says, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(folder, *words)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_what_was_seen_long_ago_goes_and_stands_in_the_audit_log(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with open_desk(directory) as desk:
        desk.hello()
        for days in (0, 40, 500):
            seen = [t for t in tiles_of(WEST_HALF, START - timedelta(days=days)) if t.last_seen().any()]
            send(desk, seen, uuid4())
        tiles = len(seen)
        assert prune_due(desk.context) == tiles, "400 days are the default"
        assert prune_due(desk.context) == 0
        entry = desk.get("audit?limit=10", user="admin")["items"][1]
        assert (entry["actor"], entry["action"], entry["data"]["tiles"]) == ("system", "seen.prune", tiles)
        kept = desk.get("seen/cells")["cells"]
    for dry in (["--dry-run"], []):
        gone = json.loads(run(directory, "prune", "--days", "0.01", "--json", *dry).stdout)
        assert (gone["tiles"], gone["flights"], gone["dry_run"]) == (tiles, 1, bool(dry))
        assert gone["before"].startswith("2026-04-30"), "what a level of 24 hours needs is never taken"
    assert "took away 0 tiles" in run(directory, "prune").stdout
    with open_desk(directory) as desk:
        left = desk.get("seen/cells")["cells"]
    assert [one["share"] for one in left] == [one["share"] for one in kept]
