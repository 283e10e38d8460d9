from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from missions.errors import FileInvalid, GridsInvalid, SiteInvalid
from missions.site import load_no_fly, load_site, no_fly_geojson
from missions.terrain import FlatTerrain


def test_a_whole_site(brook_path: Path) -> None:
    site = load_site(brook_path)
    assert site.name == {"zh": "小溪", "en": "Brook"}
    assert [cell.code for cell in site.grid.cells] == ["B01", "B02", "B03", "B04", "B05"]
    assert [(zone.code, zone.buffer_m) for zone in site.no_fly] == [("N1", 20.0)]
    assert site.home is not None
    assert site.terrain.elevation_m(site.home[0], site.home[1])[0] == pytest.approx(51.4, abs=0.2)
    assert site.basemap["features"] == []


def test_cells_alone_are_a_site(brook_path: Path, tmp_path: Path) -> None:
    shutil.copy(brook_path / "cells.geojson", tmp_path)
    site = load_site(tmp_path)
    assert site.home is None
    assert site.no_fly == []
    assert len(site.zones) == 0
    assert isinstance(site.terrain, FlatTerrain)
    assert site.name["en"] == tmp_path.name


def test_without_terrain_the_ground_is_level_with_home(brook_path: Path, tmp_path: Path) -> None:
    shutil.copy(brook_path / "cells.geojson", tmp_path)
    (tmp_path / "site.json").write_text('{"home": [28.6, 117.9, 77.5]}', "utf-8")
    assert load_site(tmp_path).terrain == FlatTerrain(77.5)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("site.json", '{"home": [117.9, 28.6]}', "home"),
        ("site.json", '{"home": [117.9, 28.6, 3]}', r"home\.0: Input should be less than or equal to 90"),
        ("site.json", "[]", "one JSON object"),
        ("site.json", "{", "cannot be read as JSON"),
        ("site.json", '{"terrain": "none.asc"}', "none.asc cannot be read"),
        ("cells.geojson", "{}", "no GeoJSON"),
        ("zones.geojson", "{}", "no GeoJSON"),
        ("no_fly.geojson", '{"features": [{}]}', "no-fly zone no-fly-1: its geometry cannot be read"),
        ("basemap.geojson", "no", "cannot be read as JSON"),
    ],
)
def test_broken_parts_are_named(brook_path: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    site = tmp_path / "site"
    shutil.copytree(brook_path, site)
    site.chmod(0o755)
    (site / name).unlink(missing_ok=True)
    (site / name).write_text(text, "utf-8")
    with pytest.raises(FileInvalid, match=message):
        load_site(site)


def test_a_folder_without_cells_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(SiteInvalid, match=r"has no cells\.geojson"):
        load_site(tmp_path)
    (tmp_path / "cells.geojson").write_text('{"type": "FeatureCollection", "features": []}', "utf-8")
    with pytest.raises(GridsInvalid):
        load_site(tmp_path)


def test_no_fly_round_trip_and_buffers(brook_path: Path) -> None:
    zones = load_site(brook_path).no_fly
    document = json.loads(json.dumps(no_fly_geojson(zones)))
    assert load_no_fly(document) == zones
    for wrong in (-1, "20", True, 1e9):
        document["features"][0]["properties"]["buffer_m"] = wrong
        with pytest.raises(SiteInvalid, match="buffer_m"):
            load_no_fly(document)
    del document["features"][0]["properties"]["buffer_m"]
    assert load_no_fly(document)[0].buffer_m == 30.0
