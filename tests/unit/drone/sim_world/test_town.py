"""The town of a seed: cells, zones, events, and the site folder."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Point, Polygon
from shapely.ops import unary_union

from drone.sim.events import SightingKind
from drone.sim.scenarios.programme import plan_programme, triples
from drone.sim.town import Town
from drone.sim.traffic import FIRST_VEHICLE_ID
from missions.site import load_site

SHIPPED = Path(__file__).resolve().parents[4] / "configs" / "sites" / "yunxi"


def zones_of(town: Town, kind: str) -> list[Polygon]:
    return [Polygon(zone.ring) for zone in town.fabric.zones if zone.kind == kind]


def test_twelve_cells_cover_the_town_without_overlap(town: Town) -> None:
    polygons = [cell.polygon for cell in town.cells]
    assert [cell.code for cell in town.cells] == [f"361102001{n:03d}" for n in range(1, 13)]
    assert all(polygon.is_valid and polygon.geom_type == "Polygon" for polygon in polygons)
    assert sum(p.area for p in polygons) == pytest.approx(unary_union(polygons).area, rel=1e-6)
    assert any(p.area < 0.97 * p.convex_hull.area for p in polygons), "one cell is concave"


def test_every_kind_of_zone_is_there(town: Town) -> None:
    kinds = {zone.kind for zone in town.fabric.zones}
    assert kinds == {"no_parking", "parking", "market", "square", "school_gate", "sports", "bus_stop"}
    codes = [zone.code for zone in town.fabric.zones]
    assert len(codes) == len(set(codes))


def test_events_lie_in_their_cells_and_start_in_time(town: Town) -> None:
    for event in town.planted:
        assert town.cell_of(event.east, event.north) == event.cell
        east, north, _ = town.frame.to_enu(event.latitude, event.longitude)[0]
        assert np.hypot(east - event.east, north - event.north) < 0.01
        assert event.end_s > 3600
    assert {event.kind for event in town.planted} == set(SightingKind)
    assert sum(event.start_s <= 30 for event in town.planted) >= 0.6 * len(town.planted)


@pytest.mark.parametrize("seed", range(12))
def test_three_neighbouring_cells_hold_four_to_eight_events(town: Town, seed: int) -> None:
    pairs = plan_programme(town.cells, np.random.default_rng(seed))
    load = Counter(code for _, code in pairs)
    for triple in triples():
        count = sum(load[town.cells[4 * row + column].code] for row, column in triple)
        assert 4 <= count <= 8


def test_planted_events_follow_the_programme(town: Town) -> None:
    load = Counter(event.cell for event in town.planted)
    for triple in triples():
        assert 4 <= sum(load[town.cells[4 * r + c].code] for r, c in triple) <= 8


def test_only_offenders_stand_in_no_parking_zones(town: Town) -> None:
    forbidden = unary_union(zones_of(town, "no_parking"))
    state = town.fleet.at(1000.0)
    offenders = {e.vehicle_id for e in town.planted if e.vehicle_id is not None}
    for index in np.flatnonzero(state.present & (state.speed < 0.01)):
        later = town.fleet.at(1012.0)
        moved = np.hypot(later.east[index] - state.east[index], later.north[index] - state.north[index])
        if moved < 0.1:
            inside = forbidden.contains(Point(state.east[index], state.north[index]))
            assert inside == (FIRST_VEHICLE_ID + index in offenders)


def test_crowd_events_keep_away_from_places_where_crowds_belong(town: Town) -> None:
    usual = unary_union(
        [
            p
            for kind in ("market", "square", "school_gate", "sports", "bus_stop")
            for p in zones_of(town, kind)
        ]
    )
    for event in town.planted:
        if event.kind in (SightingKind.GATHERING, SightingKind.DISPUTE):
            assert usual.distance(Point(event.east, event.north)) > 10


def test_nothing_burns_inside_a_building(town: Town) -> None:
    houses = unary_union([Polygon(building.ring) for building in town.fabric.buildings])
    for event in town.planted:
        assert houses.distance(Point(event.east, event.north)) > 1.5


def test_another_seed_gives_another_town_with_the_same_cells(town: Town) -> None:
    other = Town.generate(1)
    assert [(e.east, e.north) for e in other.planted] != [(e.east, e.north) for e in town.planted]
    assert other.cells == town.cells
    assert len(other.fabric.buildings) != len(town.fabric.buildings)


def test_without_events_nothing_is_planted() -> None:
    quiet = Town.generate(5, events=False)
    assert quiet.planted == []
    assert quiet.blazes == []
    assert not any(quiet.crowd.events)


def test_exported_site_is_read_back_as_the_same_ground(town: Town, tmp_path: Path) -> None:
    town.export(tmp_path)
    site = load_site(tmp_path)
    rng = np.random.default_rng(3)
    east, north = rng.uniform(-500, 500, 400), rng.uniform(-450, 450, 400)
    lat, lon, _ = town.frame.to_geodetic(np.column_stack([east, north])).T
    assert site.terrain is not None
    assert np.abs(site.terrain.elevation_m(lat, lon) - town.terrain.height_m(east, north)).max() < 0.05
    assert np.ptp(town.terrain.heights) > 2.0
    for event in town.planted:
        assert site.grid.locate(event.latitude, event.longitude) == event.cell
    layers = {
        f["properties"]["layer"]
        for f in json.loads((tmp_path / "basemap.geojson").read_text("utf-8"))["features"]
    }
    assert layers == {"ground", "water", "road", "building", "tree", "green", "square", "field", "label"}


def test_shipped_site_is_that_of_seed_zero(town: Town, tmp_path: Path) -> None:
    town.export(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        assert (SHIPPED / path.name).read_bytes() == path.read_bytes(), (
            f"run: python -m drone.sim.town --export {SHIPPED.name}"
        )


def test_home_is_in_the_open_inside_a_cell(town: Town) -> None:
    east, north, up = town.frame.to_enu(*town.home)[0]
    assert town.cell_of(east, north) == "361102001010"
    assert up == pytest.approx(float(town.terrain.height_m(east, north)), abs=0.02)
    houses = unary_union([Polygon(building.ring) for building in town.fabric.buildings])
    assert houses.distance(Point(east, north)) > 8
