"""A site: the folder that holds a town's cells, zones, no-fly zones, terrain and base map."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from missions import shapes, zone_files
from missions.errors import SiteInvalid
from missions.grids import Grid
from missions.messages import Latitude, Longitude
from missions.shapes import Shape
from missions.terrain import FlatTerrain, Terrain, load_terrain
from missions.zones import Zones

DEFAULT_BUFFER_M = 30.0
EMPTY: dict[str, Any] = {"type": "FeatureCollection", "features": []}


@dataclass(frozen=True, slots=True)
class NoFlyZone:
    """Ground that may not be overflown, nor anything within ``buffer_m`` of it; ``polygon`` in degrees."""

    code: str
    name: str
    polygon: Shape
    buffer_m: float = DEFAULT_BUFFER_M


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is known of a place. ``home`` is latitude, longitude and altitude above sea level in metres."""

    grid: Grid
    name: dict[str, str] = field(default_factory=dict)
    zones: Zones = field(default_factory=Zones)
    no_fly: list[NoFlyZone] = field(default_factory=list)
    terrain: Terrain = field(default_factory=FlatTerrain)
    basemap: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))
    home: tuple[float, float, float] | None = None
    path: Path | None = None


class _Name(BaseModel):
    zh: str
    en: str


class _SiteFile(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    name: _Name | None = None
    home: tuple[Latitude, Longitude, float] | None = None
    terrain: str | None = None


def load_site(path: Path | str) -> Site:
    """Read a site folder; every file but ``cells.geojson`` may be missing.

    Without a terrain file the ground is flat at the height of home.

    Raises:
        SiteInvalid: the folder, its cells or its ``site.json`` cannot be used.
        FileInvalid: another of its files cannot be used.
    """
    folder = Path(path)
    cells = folder / "cells.geojson"
    if not cells.is_file():
        raise SiteInvalid(f"{folder} is no site: it has no cells.geojson")
    settings = _read_settings(folder / "site.json")
    home = settings.home
    terrain: Terrain = FlatTerrain(home[2] if home else 0.0)
    if settings.terrain:
        terrain = load_terrain(folder / settings.terrain)
    zones, no_fly, basemap = (folder / f"{part}.geojson" for part in ("zones", "no_fly", "basemap"))
    return Site(
        grid=Grid.from_geojson(cells),
        name=settings.name.model_dump() if settings.name else {"zh": folder.name, "en": folder.name},
        zones=Zones.from_geojson(zones) if zones.is_file() else Zones(),
        no_fly=load_no_fly(no_fly) if no_fly.is_file() else [],
        terrain=terrain,
        basemap=_read_json(basemap) if basemap.is_file() else dict(EMPTY),
        home=home,
        path=folder,
    )


def load_no_fly(source: Path | str | dict[str, Any]) -> list[NoFlyZone]:
    """No-fly zones: ED-269, ED-318, or a FeatureCollection with ``code``, ``name`` and optionally
    ``buffer_m`` (default 30).

    Raises:
        SiteInvalid: names every problem.
    """
    where = "the no-fly zones" if isinstance(source, dict) else str(source)
    document: Any = source if isinstance(source, dict) else _json_or_none(Path(source))
    if zone_files.is_zone_file(document):
        source = zone_files.as_geojson(document, where)
    zones: list[NoFlyZone] = []
    problems: list[str] = []
    for index, (properties, geometry) in enumerate(shapes.read_features(source, SiteInvalid)):
        code = shapes.text_of(properties.get("code")) or f"no-fly-{index + 1}"
        polygon, problem = shapes.polygon_of(geometry)
        buffer_m = properties.get("buffer_m", DEFAULT_BUFFER_M)
        if polygon is None:
            problems.append(f"no-fly zone {code}: {problem}")
        elif (
            isinstance(buffer_m, bool) or not isinstance(buffer_m, int | float) or not 0 <= buffer_m <= 10_000
        ):
            problems.append(
                f"no-fly zone {code}: buffer_m {buffer_m!r} is no distance from 0 to 10000 metres"
            )
        else:
            zones.append(
                NoFlyZone(code, shapes.text_of(properties.get("name")) or code, polygon, float(buffer_m))
            )
    if problems:
        raise SiteInvalid(f"{where} cannot be used: {'; '.join(problems)}")
    return sorted(zones, key=lambda zone: zone.code)


def _json_or_none(path: Path) -> Any:
    """The document, or None where the reader of features will say what is wrong."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def no_fly_geojson(zones: list[NoFlyZone]) -> dict[str, Any]:
    """A FeatureCollection that ``load_no_fly`` reads back."""
    return shapes.collection(
        ({"code": z.code, "name": z.name, "buffer_m": z.buffer_m}, z.polygon) for z in zones
    )


def _read_settings(path: Path) -> _SiteFile:
    if not path.is_file():
        return _SiteFile()
    try:
        return _SiteFile.model_validate(_read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SiteInvalid(f"{path}: {where}: {first['msg']}; correct it") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SiteInvalid(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise SiteInvalid(f"{path} must hold one JSON object")
    return document
