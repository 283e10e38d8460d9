from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from pyproj import Transformer

from missions.errors import TerrainInvalid, TerrainUnknown
from missions.geodesy import Array, LocalFrame
from missions.terrain import (
    FlatTerrain,
    TerrainTiles,
    elevation_at,
    ground_in,
    line_of_sight,
    load_terrain,
    sampled_ground,
)


def write_hgt(folder: Path, name: str = "N28E117.hgt") -> Path:
    """A plane that rises 1 m per sample to the east and 2 m to the south, with one void."""
    row, column = np.mgrid[0:1201, 0:1201]
    samples = (column + 2 * row).astype(">i2")
    samples[600, 600] = -32768
    path = folder / name
    samples.tofile(path)
    return path


def test_hgt_is_read_bilinearly_north_row_first(tmp_path: Path) -> None:
    terrain = load_terrain(write_hgt(tmp_path))
    assert terrain.elevation_m(29.0, 117.0).tolist() == [0.0]
    assert terrain.elevation_m(28.0, 118.0).tolist() == [3600.0]
    latitude, longitude = 29 - 100.25 / 1200, 117 + 50.5 / 1200
    assert terrain.elevation_m(latitude, longitude)[0] == pytest.approx(50.5 + 200.5, abs=1e-6)


def test_voids_and_outside_are_unknown(tmp_path: Path) -> None:
    terrain = load_terrain(write_hgt(tmp_path))
    void = (29 - 600.5 / 1200, 117 + 599.5 / 1200)
    outside = [(29.1, 117.5), (27.9, 117.5), (28.5, 116.9), (28.5, 118.1), (np.nan, 117.5)]
    places = np.array([void, *outside, (28.7, 117.2)])
    assert np.isnan(terrain.elevation_m(places[:, 0], places[:, 1])).tolist() == [True] * 6 + [False]
    with pytest.raises(TerrainUnknown, match=r"no elevation is known at 28\.49958"):
        elevation_at(terrain, *void)
    beside = (29 - 601.5 / 1200, 117 + 601.5 / 1200)
    assert elevation_at(terrain, *beside) == pytest.approx(601.5 + 1203.0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hill.hgt", b"", "no SRTM tile name"),
        ("N28E117.hgt", b"short", "5 bytes"),
        ("a.asc", b"ncols 2\nnrows 2\n1 2 3 4\n", "header lacks"),
        ("b.asc", b"ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2 3\n", "holds 3"),
        ("c.asc", b"ncols 2\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 x\n", "no ESRI ASCII grid"),
        ("d.asc", b"ncols 1\nnrows 1\nxllcorner 5e5\nyllcorner 3e6\ncellsize 30\n1\n", "not in degrees"),
        ("e.tif", b"not a picture", "cannot be read as a GeoTIFF"),
        ("f.laz", b"", "no known elevation file"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TerrainInvalid, match=message):
        load_terrain(tmp_path / name)


def test_missing_file_and_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TerrainInvalid, match="cannot be read"):
        load_terrain(tmp_path / "N28E117.hgt")
    with pytest.raises(TerrainInvalid, match="holds no tile"):
        load_terrain(tmp_path)


def test_folder_of_tiles_joins_them(tmp_path: Path) -> None:
    write_hgt(tmp_path, "N28E117.hgt")
    write_hgt(tmp_path, "N28E118.hgt")
    terrain = load_terrain(tmp_path)
    heights = terrain.elevation_m([28.9, 28.9], [117.25, 118.25])
    assert heights.tolist() == pytest.approx([300 + 240, 300 + 240])


@pytest.mark.parametrize("origin", ["xllcenter 117.0005\nyllcenter 28.0005", "xllcorner 117\nyllcorner 28"])
def test_asc_by_corner_or_centre(tmp_path: Path, origin: str) -> None:
    path = tmp_path / "t.asc"
    path.write_text(
        f"ncols 3\nnrows 2\n{origin}\ncellsize 0.001\nNODATA_value -9999\n1 2 3\n4 5 -9999\n", "utf-8"
    )
    terrain = load_terrain(path)
    assert terrain.elevation_m(28.0015, 117.0005).tolist() == pytest.approx([1.0])
    assert terrain.elevation_m(28.001, 117.001).tolist() == pytest.approx([3.0])
    assert terrain.elevation_m(28.0001, 117.0001).tolist() == pytest.approx([4.0])
    assert np.isnan(terrain.elevation_m([28.001, 28.0015, 27.9999], [117.0022, 117.0035, 117.001])).all()


def write_tiff(path: Path, *, model: int = 2) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550], tags.tagtype[33550] = (0.001, 0.001, 0.0), 12
    tags[33922], tags.tagtype[33922] = (0.0, 0.0, 0.0, 117.0, 28.004, 0.0), 12
    tags[34735], tags.tagtype[34735] = (1, 1, 0, 2, 1024, 0, 1, model, 1025, 0, 1, 1), 3
    tags[42113], tags.tagtype[42113] = "-9999", 2
    samples = np.arange(16, dtype=np.float32).reshape(4, 4)
    samples[3, 3] = -9999
    Image.fromarray(samples).save(path, tiffinfo=tags)


def test_geotiff_in_degrees(tmp_path: Path) -> None:
    write_tiff(tmp_path / "t.tif")
    terrain = load_terrain(tmp_path / "t.tif")
    assert terrain.elevation_m(28.0035, 117.0005).tolist() == pytest.approx([0.0])
    assert terrain.elevation_m(28.0025, 117.002).tolist() == pytest.approx([5.5])
    assert np.isnan(terrain.elevation_m(28.0005, 117.0035)).all()


UTM_50N, CGCS2000_GAUSS_KRUGER_117 = 32650, 4548


@pytest.mark.parametrize("code", [UTM_50N, CGCS2000_GAUSS_KRUGER_117])
@pytest.mark.parametrize("matrix", [False, True])
def test_geotiff_in_a_projection_of_metres(tmp_path: Path, code: int, matrix: bool) -> None:
    """Height is the northing less that of the corner, so the same place has the same height by pyproj."""
    to_metres = Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    west, north = (round(value) for value in to_metres.transform(117.97, 28.46))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if matrix:
        tags[34264], tags.tagtype[34264] = (10, 0, 0, west, 0, -10, 0, north, 0, 0, 0, 0, 0, 0, 0, 1), 12
    else:
        tags[33550], tags.tagtype[33550] = (10.0, 10.0, 0.0), 12
        tags[33922], tags.tagtype[33922] = (0.0, 0.0, 0.0, float(west), float(north), 0.0), 12
    tags[34735], tags.tagtype[34735] = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, code), 3
    samples = np.repeat(1000 - 5 - 10 * np.arange(100, dtype=np.float32), 100).reshape(100, 100)
    samples[99, 99] = -32768  # a void that no tag declares
    Image.fromarray(samples).save(tmp_path / "t.tif", tiffinfo=tags)
    terrain = load_terrain(tmp_path / "t.tif")
    places = to_metres.transform([west + 300, west + 951], [north - 200, north - 700], direction="INVERSE")
    assert terrain.elevation_m(places[1], places[0]).tolist() == pytest.approx([800, 300], abs=0.01)
    void = to_metres.transform(west + 995, north - 995, direction="INVERSE")
    beyond = to_metres.transform(west - 50, north - 500, direction="INVERSE")
    assert np.isnan(terrain.elevation_m([void[1], beyond[1]], [void[0], beyond[0]])).all()


def test_a_geotiff_in_an_unnumbered_projection_or_turned_is_refused(tmp_path: Path) -> None:
    write_tiff(tmp_path / "t.tif", model=1)
    with pytest.raises(TerrainInvalid, match="EPSG:4326"):
        load_terrain(tmp_path / "t.tif")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[34264], tags.tagtype[34264] = (7, 7, 0, 0, 7, -7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 12
    tags[34735], tags.tagtype[34735] = (1, 1, 0, 1, 1024, 0, 1, 2), 3
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "turned.tif", tiffinfo=tags)
    with pytest.raises(TerrainInvalid, match="north up"):
        load_terrain(tmp_path / "turned.tif")


def test_a_folder_of_geotiffs_is_joined_with_tiles(tmp_path: Path) -> None:
    write_tiff(tmp_path / "t.tif")
    write_hgt(tmp_path, "N29E117.hgt")
    terrain = load_terrain(tmp_path)
    assert terrain.elevation_m([29.9, 28.0025], [117.25, 117.002]).tolist() == pytest.approx([540.0, 5.5])


def test_ground_in_is_relative_to_the_frame(tmp_path: Path) -> None:
    terrain = load_terrain(write_hgt(tmp_path))
    frame = LocalFrame(28.75, 117.25, 100.0)
    ground = ground_in(frame, TerrainTiles([terrain]))
    heights = ground(np.array([0.0, 0.0]), np.array([0.0, 1000.0]))
    assert heights[0] == pytest.approx(300 + 600 - 100, abs=1e-3)
    assert heights[1] == pytest.approx(800 - 2 * 1200 * 1000 / 110_850, abs=0.1)


def test_sampled_ground_is_close_to_the_ground() -> None:
    def ground(east: Array, north: Array) -> Array:
        return 10 * np.sin(np.asarray(east) / 80) + 0.05 * np.asarray(north)

    sampled = sampled_ground(ground, (-200, -100, 300, 250))
    places = np.random.default_rng(0).uniform([-200, -100], [300, 250], (500, 2)).T
    assert sampled(*places) == pytest.approx(ground(*places), abs=0.03)
    assert sampled(np.array([0.0]), np.array([9e9]))[0] == pytest.approx(0.05 * 250, abs=0.01)


def test_line_of_sight_over_a_ridge(tmp_path: Path) -> None:
    rows = "\n".join(" ".join("50" if column == 10 else "0" for column in range(21)) for _ in range(3))
    path = tmp_path / "ridge.asc"
    path.write_text(f"ncols 21\nnrows 3\nxllcenter 117\nyllcenter 28\ncellsize 0.001\n{rows}\n", "utf-8")
    terrain = load_terrain(path)
    assert not line_of_sight(terrain, (28.001, 117.001, 30), (28.001, 117.019, 30)).clear
    high = line_of_sight(terrain, (28.001, 117.001, 80), (28.001, 117.019, 80))
    assert high.clear
    assert high.clearance_m == pytest.approx(30, abs=0.6)
    with pytest.raises(TerrainUnknown):
        line_of_sight(terrain, (28.001, 117.001, 80), (28.001, 117.2, 80))


def test_flat_terrain_keeps_unknown_places_unknown() -> None:
    heights = FlatTerrain(68.0).elevation_m([28.0, np.nan], [117.0, 117.0])
    assert heights[0] == 68.0
    assert np.isnan(heights[1])


@pytest.mark.shared_data
def test_real_srtm_tile(shared: Path) -> None:
    """Mount Washington (1917 m) stands in this tile; samples equal the file's own bytes."""
    path = shared / "terrain" / "N44W072.hgt"
    if not path.is_file():
        pytest.skip("the SRTM tile is not on this machine")
    terrain = load_terrain(path)
    assert elevation_at(terrain, 44.2706, -71.3033) == pytest.approx(1910, abs=25)
    raw = path.read_bytes()
    for row, column in [(0, 0), (1200, 1200), (345, 678)]:
        expected = struct.unpack_from(">h", raw, 2 * (row * 1201 + column))[0]
        assert elevation_at(terrain, 45 - row / 1200, -72 + column / 1200) == pytest.approx(
            expected, abs=1e-3
        )
    summit, valley = (44.2706, -71.3033, 1930.0), (44.257, -71.253, 620.0)
    assert line_of_sight(terrain, summit, (44.2706, -71.29, 2500.0)).clear
    assert not line_of_sight(terrain, valley, (44.28, -71.36, 700.0)).clear
