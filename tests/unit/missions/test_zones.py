from __future__ import annotations

import json
from typing import Any

import pytest

from missions.errors import ZonesInvalid
from missions.geodesy import LocalFrame
from missions.site import Site
from missions.zones import Zones

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
