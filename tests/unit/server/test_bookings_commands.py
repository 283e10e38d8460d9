"""``skybeat bookings``: a booking is made, merged and planned; sentences where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.cli import app
from tests.fixtures.desk import SITE, settings_for

CELL = "361102009001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bookings") / "data"
    settings_for(directory)
    return directory


def run(folder: Path, *words: str) -> Any:
    options = ["--data-directory", str(folder), "--site", str(SITE)]
    return CliRunner().invoke(app, ["bookings", *words, *options])


def booked(folder: Path, *more: str) -> Any:
    given = ["--department", "消防", "--cell", CELL, "--kind", "fire", "--deadline", "4h"]
    return run(folder, "book", *given, *more)


def test_from_a_booking_to_a_plan(folder: Path) -> None:
    assert "消防, 1 cell until" in booked(folder).output
    (listed,) = json.loads(run(folder, "list", "--json").stdout)["bookings"]
    assert (listed["state"], listed["created_by"].split(":")[0]) == ("open", "command line")
    merged = run(folder, "merge", "--json", "--camera", "wide-4k")
    assert merged.exit_code == 0
    (flight,) = json.loads(merged.stdout)["flights"]
    assert flight["bookings"] == [listed["code"]]
    assert flight["key"] in run(folder, "merge", "--camera", "wide-4k").output
    planned = run(folder, "plan", flight["key"], "--camera", "wide-4k")
    assert planned.exit_code == 0, planned.output
    assert "一飞多用 消防" in planned.output
    assert "planned" in run(folder, "list").output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--deadline", "soon"), "write 4h, 2026-05-01T14:00"),
        (("--kind", "ufo"), "kinds"),
        (("--cell", "nowhere"), "choose from the file of cells"),
        (("--lowest", "200"), "has no height"),
    ],
)
def test_what_cannot_be_booked_is_said_in_a_sentence(folder: Path, more: tuple[str, ...], says: str) -> None:
    result = booked(folder, *more)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_merge_that_changed_is_said(folder: Path) -> None:
    result = run(folder, "plan", "0" * 8)
    assert result.exit_code == 2
    assert "merge again" in result.output
