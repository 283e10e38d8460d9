from __future__ import annotations

import json
from typing import Any

import pytest
from shapely.geometry import Polygon

from missions.errors import ZonesInvalid
from missions.geodesy import LocalFrame
from missions.site import Site
from missions.zones import Zone, Zones

BOX = {"type": "Polygon", "coordinates": [[[117.0, 28.0], [117.1, 28.0], [117.1, 28.1], [117.0, 28.0]]]}


def zone(code: str = "Z", kind: str = "market", geometry: Any = BOX) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"code": code, "kind": kind}, "geometry": geometry}


def test_zones_that_hold_a_point(brook: Site) -> None:
    frame = LocalFrame(28.60, 117.90)
    corner, market, away = frame.to_geodetic([[30, 4], [30, 30], [-30, 30]])[:, :2].tolist()
    assert [z.code for z in brook.zones.containing(*corner)] == ["Z1", "Z2"]
    assert [z.code for z in brook.zones.containing(*corner, kind="no_parking")] == ["Z1"]
    assert [z.code for z in brook.zones.containing(*market)] == ["Z2"]
    assert brook.zones.containing(*away) == []
    assert brook.zones.containing(float("nan"), 117.0) == []
    assert Zones().containing(*market) == []


def test_round_trip(brook: Site) -> None:
    again = Zones.from_geojson(json.loads(json.dumps(brook.zones.to_geojson())))
    assert [(z.code, z.kind, z.name) for z in again.zones] == [
        (z.code, z.kind, z.name) for z in brook.zones.zones
    ]
    assert len(again) == 2


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (zone(code=""), "feature 0 has no code"),
        (zone(kind="pond"), "kind 'pond' is none of bus_stop"),
        (
            zone(geometry={"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
            "zone Z: it is a LineString",
        ),
    ],
)
def test_bad_zones_are_named(feature: dict[str, Any], message: str) -> None:
    with pytest.raises(ZonesInvalid, match=message):
        Zones.from_geojson({"type": "FeatureCollection", "features": [feature]})


def test_a_code_is_used_once() -> None:
    with pytest.raises(ZonesInvalid, match="code Z is used twice"):
        Zones.from_geojson({"type": "FeatureCollection", "features": [zone(), zone()]})


def test_grown_zones_reach_further_in_metres() -> None:
    frame = LocalFrame(60.0, 20.0)  # where a degree of longitude is half as long
    corners = frame.to_geodetic([[0, 0, 0], [10, 0, 0], [10, 4, 0], [0, 4, 0]])[:, 1::-1]
    ring = Polygon([(lon, lat) for lon, lat in corners])
    known = Zones([Zone("P", "no_parking", "P", ring), Zone("M", "market", "M", ring)])
    grown = known.grown("no_parking", 1.0)
    assert [zone.code for zone in grown.zones] == ["P"]
    for (east, north), inside in {
        (5, -0.9): True, (5, -1.1): False, (10.9, 2): True, (11.1, 2): False, (-0.9, 2): True,
    }.items():  # fmt: skip
        latitude, longitude, _ = frame.to_geodetic([[east, north, 0]])[0]
        assert bool(grown.containing(latitude, longitude)) is inside, (east, north)
