from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from missions.cli import app
from missions.plan_files import read_mission, read_plan
from tests.unit.missions.cells import box, cell, town


def plan(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)], env={"COLUMNS": "200"})


def test_json_has_the_promised_keys(brook_path: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"p{suffix}" for suffix in (".json", ".plan", ".waypoints", ".geojson")]
    result = plan(
        "--site", brook_path, "--cell", "B02", "--json", *[x for out in outs for x in ("--out", out)]
    )
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert set(summary) >= {
        "area_m2", "uncovered_fraction", "outside_m", "length_m", "lower_bound_m", "ratio", "seconds",
        "energy_wh", "reserve_fraction", "sorties",
    }  # fmt: skip
    assert summary["outside_m"] == 0
    assert summary["files"] == [str(out) for out in [*outs, tmp_path / "p.png"]]
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (1600, 1100)
    written = read_plan(outs[0])
    assert written.length_m == summary["length_m"]
    assert len(read_mission(outs[1]).items) == len(read_mission(outs[2]).items)


def test_the_table_names_the_figures(brook_path: Path) -> None:
    result = plan("--site", brook_path, "--cell", "B01", "--cell", "B02", "--aircraft", 2, "--wind", 3)
    assert result.exit_code == 0, result.stderr
    for word in ("lower bound", "ratio", "not seen", "outside allowed area", "energy", "reserve", "B01, B02"):
        assert word in result.stdout
    assert "no-fly zones and are left out" in result.stdout
    assert "2 aircraft fly at the same height; they stay apart" in result.stdout


def test_cells_alone_suffice(brook_path: Path, tmp_path: Path) -> None:
    result = plan(
        "--grids", brook_path / "cells.geojson", "--cell", "B04", "--camera", "ultrawide-4k",
        "--altitude-agl", 80, "--home", "28.601,117.905,55", "--out", tmp_path / "p.json", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    written = read_plan(tmp_path / "p.json")
    assert written.altitude_agl_m == 80
    assert written.home == (28.601, 117.905, 55.0)
    assert written.sorties[0].waypoints[1].altitude_above_home_m == 80


def test_parts_replace_those_of_the_site(brook_path: Path, tmp_path: Path) -> None:
    empty = tmp_path / "none.geojson"
    empty.write_text('{"type": "FeatureCollection", "features": []}', "utf-8")
    area = tmp_path / "area.geojson"
    cells = json.loads((brook_path / "cells.geojson").read_text("utf-8"))
    area.write_text(json.dumps(cells["features"][0]["geometry"]), "utf-8")
    result = plan(
        "--site", brook_path, "--no-fly", empty, "--terrain", brook_path / "terrain.asc", "--area", area,
        "--grids", brook_path / "cells.geojson", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["cells"] == ["B01"]
    assert summary["area_m2"] == pytest.approx(36_000, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name at least one cell"),
        (("--cell", "X"), "there is no cell 'X'"),
        (
            ("--cell", "B01", "--out", "p.shp"),
            "cannot be written; choose .json, .plan, .waypoints, .kmz, .kml, .geojson or .png",
        ),
        (("--cell", "B01", "--camera", "x"), "there is no camera 'x'"),
        (("--cell", "B01", "--home", "here"), "write latitude,longitude"),
        (("--cell", "B01", "--home", "95,0"), "home"),
        (("--cell", "B01", "--overlap", "2"), "overlap"),
        (("--cell", "B01", "--area", "none.geojson"), "none.geojson cannot be read"),
        (("--cell", "B01", "--terrain", "none.hgt"), "none.hgt"),
        (("--cell", "B01", "--no-fly", "none.geojson"), "none.geojson cannot be read"),
        (("--cell", "B01", "--grids", "none.geojson"), "none.geojson cannot be read"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    brook_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = plan("--site", brook_path, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_no_such_site() -> None:
    result = plan("--site", "nowhere", "--cell", "B01")
    assert result.exit_code == 2
    assert "nowhere is no site" in result.stderr


def test_broken_area_and_watch_zones(brook_path: Path, tmp_path: Path) -> None:
    for text, sentence in (("{", "no JSON"), ("[]", "no GeoJSON object"), ("{}", "cannot be used")):
        (tmp_path / "a.geojson").write_text(text, "utf-8")
        result = plan("--site", brook_path, "--area", tmp_path / "a.geojson")
        assert result.exit_code == 2
        assert sentence in result.stderr
    result = plan("--site", brook_path, "--cell", "B01", "--zones", brook_path / "zones.geojson")
    assert result.exit_code == 2
    assert "watch zones" in result.stderr


def test_a_plan_that_must_not_be_flown_gets_no_file_for_an_autopilot(
    brook_path: Path, tmp_path: Path
) -> None:
    result = plan(
        "--site", brook_path, "--cell", "B02", "--altitude-agl", 150,
        "--out", tmp_path / "p.plan", "--out", tmp_path / "p.json",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "the limit is 120 m" in result.stdout
    assert "not written" in result.stderr
    assert not (tmp_path / "p.plan").exists()
    assert not read_plan(tmp_path / "p.json").flyable


def test_cells_are_checked_and_mended_on_request(tmp_path: Path) -> None:
    spoilt = town(cell("A ", box(0, 0, 100, 100)), cell("B", box(99, 0, 200, 100)))
    source, out = tmp_path / "cells.geojson", tmp_path / "mended.geojson"
    source.write_text(json.dumps(spoilt), "utf-8")
    found = CliRunner().invoke(app, ["cells", "check", str(source), "--json"])
    assert found.exit_code == 1
    assert "1 error left to mend" in found.stderr
    told = json.loads(found.stdout)
    assert [(one["kind"], one["codes"]) for one in told["findings"]] == [
        ("overlap", ["A", "B"]),
        ("code_spaces", ["A"]),
    ]
    mended = CliRunner().invoke(app, ["cells", "check", str(source), "--repair", str(out)])
    assert (mended.exit_code, mended.stderr) == (0, "")
    assert "ground shared by cell A and cell B left to cell A, 100.0 m2" in mended.stdout
    assert "they can be imported" in mended.stdout
    assert CliRunner().invoke(app, ["cells", "check", str(out)]).exit_code == 0
    assert json.loads(source.read_text("utf-8")) == spoilt


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.geojson"], "cannot be read"),
        (["cells.geojson", "--repair", "cells.geojson"], "give --repair another file"),
        (["cells.geojson", "--repair", "no/such/folder.geojson"], "cannot be written"),
    ],
)
def test_cells_that_cannot_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cells.geojson").write_text(json.dumps(town(cell("A", box(0, 0, 9, 9)))), "utf-8")
    refused = CliRunner().invoke(app, ["cells", "check", *arguments])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("skybeat cells check: ")
    assert sentence in refused.stderr
