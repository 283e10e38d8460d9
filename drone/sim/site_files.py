"""Writes a town as a site folder: GeoJSON layers, terrain, service levels, site.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from shapely import transform
from shapely.geometry import LineString, Point, Polygon, mapping
from shapely.ops import unary_union

from drone.sim.layout import SOUTH_EDGE, make_streets
from drone.sim.relief import river_north
from drone.sim.streets import RIVER_HALF_M

if TYPE_CHECKING:
    from drone.sim.fabric import Building
    from drone.sim.town import Town

DIGITS = 7
GREEN_MATERIALS = {"grass", "lawn"}
SQUARE_MATERIALS = {"plaza"}
PARAPET_M = 0.8
TREE_TOP, CROWN = 0.66, 0.94
"""Middle of a crown over the height of its tree, and its mean radius over its widest."""
BUSY_CELLS = ("School", "Market")
"""Where many people are: there more is promised."""
SERVICE_LEVELS = """\
# What is promised for the ground of each cell; configs/service_levels.yaml says how to read this.
default: {hours: 24, fineness_cm: 12, share: 0.95, algorithm: any}
cells:
"""
FIELD_MATERIALS = {"crop_green", "crop_dark", "crop_yellow", "soil"}


def write_site(town: Town, directory: Path) -> None:
    """Write every file of the site folder, the same bytes for the same town."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "cells.geojson", _cells(town))
    _write(directory / "zones.geojson", _zones(town))
    _write(directory / "no_fly.geojson", _no_fly(town))
    _write(directory / "basemap.geojson", _basemap(town))
    town.terrain.write_ascii_grid(directory / "terrain.asc")
    (directory / "service_levels.yaml").write_text(_service_levels(town), "utf-8")
    site = {
        "name": {"zh": "云溪镇", "en": "Yunxi"},
        "home": [round(v, DIGITS) for v in town.home],
        "terrain": "terrain.asc",
    }
    (directory / "site.json").write_text(json.dumps(site, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _write(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    path.write_text('{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n", "utf-8")


def _feature(town: Town, shape: Any, **properties: Any) -> dict[str, Any]:
    def to_degrees(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.round(town.frame.to_geodetic(points)[:, [1, 0]], DIGITS)

    geometry = json.loads(json.dumps(mapping(transform(shape, to_degrees))))
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _cells(town: Town) -> list[dict[str, Any]]:
    return [_feature(town, c.polygon, code=c.code, name=c.zh, name_en=c.en) for c in town.cells]


def _service_levels(town: Town) -> str:
    busy = [cell for cell in town.cells if cell.en in BUSY_CELLS]
    rules = [f'  "{cell.code}": {{hours: 8, fineness_cm: 8}}  # {cell.zh}\n' for cell in busy]
    return SERVICE_LEVELS + "".join(rules)


def _zones(town: Town) -> list[dict[str, Any]]:
    return [_feature(town, Polygon(z.ring), code=z.code, kind=z.kind, name=z.name) for z in town.fabric.zones]


def _no_fly(town: Town) -> list[dict[str, Any]]:
    tower = next(prop for prop in town.fabric.props if prop.kind == "tower")
    shape = Polygon(tower.place.rectangle(-3, 1, 20, 16))
    return [_feature(town, shape, code="NF-01", name="通信塔", buffer_m=8.0)]


def _basemap(town: Town) -> list[dict[str, Any]]:
    features = [_feature(town, Polygon([(-450, -350), (450, -350), (450, 350), (-450, 350)]), layer="ground")]
    for patch in town.fabric.patches:
        layer = (
            "green" if patch.material in GREEN_MATERIALS else "square" if patch.material in SQUARE_MATERIALS
            else "field" if patch.material in FIELD_MATERIALS else None
        )  # fmt: skip
        shape = Polygon(patch.ring).buffer(0)
        if layer and shape.area > 30.0:
            features.append(_feature(town, shape, layer=layer))
    east = np.arange(-450.0, 451.0, 15.0)
    water = LineString(np.column_stack([east, river_north(east)])).buffer(RIVER_HALF_M, cap_style="flat")
    features.append(_feature(town, water.simplify(0.3), layer="water", name="云溪"))
    across, along = make_streets()
    for street in across + along:
        line = LineString(street.line)
        if street.zh == "云溪大道":
            line = LineString([(street.line[0][0], SOUTH_EDGE - 50), *street.line])
        features.append(
            _feature(
                town,
                line.buffer(street.half_m, cap_style="flat", join_style="mitre"),
                layer="road",
                name=street.zh,
            )
        )
        features.append(
            _feature(town, line.interpolate(0.3, normalized=True), layer="label", name=street.zh, kind="road")
        )
    features += _buildings(town)
    features += _trees(town)
    features += [
        _feature(town, Polygon(z.ring), layer="square", name=z.name)
        for z in town.fabric.zones
        if z.kind in ("sports", "market")
    ]
    features += _labels(town)
    return features


def _buildings(town: Town) -> list[dict[str, Any]]:
    return [
        _feature(town, unary_union([Polygon(b.ring)]), layer="building", height_m=round(_top_m(b), 1))
        for b in town.fabric.buildings
    ]


def _top_m(building: Building) -> float:
    """The height that hides what is behind: with the parapet of a flat roof."""
    return building.top_m if building.roof in ("gable", "steel") else building.top_m + PARAPET_M


def _trees(town: Town) -> list[dict[str, Any]]:
    """As a register of trees has them: place, height, radius of the crown."""
    return [
        _feature(
            town, Point(t.east, t.north), layer="tree", radius_m=round(CROWN * t.radius, 1),
            height_m=round(TREE_TOP * t.height + 0.8 * t.radius, 1),
        )
        for t in town.fabric.trees
    ]  # fmt: skip


def _labels(town: Town) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature", "properties": {"layer": "label", "name": name, "kind": "place"},
            "geometry": {"type": "Point", "coordinates": [round(float(lon), DIGITS),
            round(float(lat), DIGITS)]},
        }
        for name, (lat, lon, _) in ((n, town.frame.to_geodetic([[e, k]])[0]) for n, e,
        k in town.fabric.labels)
    ]  # fmt: skip
