"""C01: plan a patrol of one cell, several cells or a drawn area; prove it, print its bound and its cost.

``skybeat plan`` is run as a user runs it; its files are then judged by code of this test alone, with no
geometry of the planner: every written segment, the turns, transits and the way home included, is sampled
metre by metre against the allowed area and the no-fly zones.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Geod

ROOT = Path(__file__).resolve().parents[2]
BROOK = ROOT / "tests" / "fixtures" / "grids" / "brook"
SHARED = ROOT.parent / "shared" / "data"
TOWN = ROOT / "configs" / "sites" / "yunxi"
GEOD = Geod(ellps="WGS84")
FIGURES = {
    "area_m2", "uncovered_fraction", "outside_m", "length_m", "lower_bound_m", "ratio", "seconds",
    "energy_wh", "reserve_fraction", "sorties",
}  # fmt: skip


def plan(*arguments: object, code: int = 0) -> tuple[dict[str, Any], str]:
    """Run the command in a process of its own; its JSON and what it said on stderr."""
    command = [sys.executable, "-c", "from missions.cli import app; app()", "plan", "--json"]
    done = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def inside(rings: list[list[list[float]]], x: float, y: float) -> bool:
    """Even-odd rule over all rings of one polygon."""
    crossings = 0
    for ring in rings:
        for (x1, y1), (x2, y2) in itertools.pairwise(ring):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                crossings += 1
    return crossings % 2 == 1


def judge(path: Path, summary: dict[str, Any]) -> dict[str, Any]:
    """Every metre of every sortie inside, out of the no-fly zones, from home to home; length as promised."""
    written: dict[str, Any] = json.loads(path.read_text("utf-8"))
    assert summary["outside_m"] == 0
    assert len(written["allowed"]) == 1, "one polygon, so that one fence holds the whole flight"
    for sortie in written["sorties"]:
        points = [(p["longitude"], p["latitude"], p["altitude_amsl_m"]) for p in sortie["waypoints"]]
        assert points[0][:2] == pytest.approx((written["home"][1], written["home"][0]), abs=1e-7)
        assert points[-1][:2] == pytest.approx((written["home"][1], written["home"][0]), abs=1e-7)
        length = 0.0
        for a, b in itertools.pairwise(points):
            flat = GEOD.inv(a[0], a[1], b[0], b[1])[2]
            length += float(np.hypot(flat, b[2] - a[2]))
            for share in np.linspace(0, 1, max(2, int(flat) + 1)):
                x, y = (a[i] + share * (b[i] - a[i]) for i in (0, 1))
                assert inside(written["allowed"][0], x, y), (x, y)
                assert not any(inside(zone, x, y) for zone in written["no_fly"]), (x, y)
        assert sortie["length_m"] == pytest.approx(length, rel=1e-3)
    assert summary["lower_bound_m"] <= summary["length_m"]
    assert set(summary) >= FIGURES
    for sortie in summary["sorties"]:
        assert sortie["seconds"] > sortie["length_m"] / written["speed_m_s"]
        assert sortie["energy_wh"] > 0
        assert sortie["reserve_fraction"] >= 0.24
    return written


def test_one_concave_cell_with_a_hole_beside_a_no_fly_zone(tmp_path: Path) -> None:
    out = tmp_path / "p.json"
    summary, _ = plan("--site", BROOK, "--cell", "B03", "--cell", "B01", "--out", out)
    judge(out, summary)
    assert summary["uncovered_fraction"] < 0.001
    width = json.loads(out.read_text("utf-8"))["swath_m"]
    bound = (summary["area_m2"] - np.pi * width**2 / 4) / width
    assert summary["lower_bound_m"] == pytest.approx(bound, abs=0.2)
    assert summary["ratio"] == pytest.approx(summary["length_m"] / bound, rel=1e-3)


def test_cells_far_apart_over_a_hill_with_wind_and_small_batteries(tmp_path: Path) -> None:
    out = tmp_path / "p.json"
    summary, _ = plan(
        "--site", BROOK, "--cell", "B02", "--cell", "B04", "--cell", "B05", "--wind", 6, "--battery", 40,
        "--out", out,
    )  # fmt: skip
    written = judge(out, summary)
    assert len(summary["sorties"]) > 1
    assert summary["uncovered_fraction"] < 0.002
    heights = [p["altitude_amsl_m"] for sortie in written["sorties"] for p in sortie["waypoints"]]
    assert max(heights) - min(heights) > 30, "the way climbs with the hill"


def test_a_drawn_area_by_two_aircraft(tmp_path: Path) -> None:
    cells = json.loads((BROOK / "cells.geojson").read_text("utf-8"))["features"]
    (tmp_path / "area.geojson").write_text(json.dumps(cells[3]), "utf-8")
    out = tmp_path / "p.json"
    summary, _ = plan("--site", BROOK, "--area", tmp_path / "area.geojson", "--aircraft", 2, "--out", out)
    judge(out, summary)
    assert {sortie["aircraft"] for sortie in summary["sorties"]} == {0, 1}


def test_the_ceiling_is_true_height_over_the_terrain(tmp_path: Path) -> None:
    summary, said = plan(
        "--site", BROOK, "--cell", "B05", "--altitude-agl", 125, "--out", tmp_path / "p.plan", code=1
    )
    assert [finding["code"] for finding in summary["findings"]] == ["ceiling"]
    assert "must not" in said or "forbid" in said
    assert not (tmp_path / "p.plan").exists()


@pytest.mark.skipif(not TOWN.is_dir(), reason="the demo town is not there yet")
def test_the_demo_town(tmp_path: Path) -> None:
    codes = [
        f["properties"]["code"] for f in json.loads((TOWN / "cells.geojson").read_text("utf-8"))["features"]
    ]
    out = tmp_path / "p.json"
    summary, _ = plan(*[x for code in codes for x in ("--cell", code)], "--out", out)
    judge(out, summary)
    assert summary["uncovered_fraction"] < 0.01


@pytest.mark.shared_data
def test_over_real_mountains(tmp_path: Path) -> None:
    """A square kilometre on the slopes of Mount Washington, on the SRTM tile of others."""
    tile = SHARED / "terrain" / "N44W072.hgt"
    if not tile.is_file():
        pytest.skip("the SRTM tile is not on this machine")
    west, south, east, north = -71.270, 44.240, -71.258, 44.249
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    cell = {
        "type": "Feature",
        "properties": {"code": "MW"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (tmp_path / "cells.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [cell]}), "utf-8"
    )
    out = tmp_path / "p.json"
    summary, _ = plan(
        "--grids", tmp_path / "cells.geojson", "--terrain", tile, "--cell", "MW", "--camera", "ultrawide-4k",
        "--altitude-agl", 90, "--battery", 200, "--out", out,
    )  # fmt: skip
    written = judge(out, summary)
    assert summary["uncovered_fraction"] < 0.02
    samples = np.fromfile(tile, ">i2").reshape(1201, 1201)
    for sortie in written["sorties"]:
        for point in sortie["waypoints"]:
            row, column = (45 - point["latitude"]) * 1200, (point["longitude"] + 72) * 1200
            near = samples[int(row) : int(row) + 2, int(column) : int(column) + 2]
            assert near.min() + 85 <= point["altitude_amsl_m"] <= near.max() + 95
