"""``skybeat seen``: figures, a plan over the gaps, a report, and sentences where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from server.cli import app
from tests.fixtures.desk import SITE, open_desk
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
