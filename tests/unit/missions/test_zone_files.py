"""No-fly zones as authorities publish them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from missions.errors import SiteInvalid
from missions.geodesy import distance_m
from missions.site import load_no_fly

RING = [[117.95, 28.44], [117.96, 28.44], [117.96, 28.45], [117.95, 28.44]]


def ed269(restriction: str = "PROHIBITED", **volume: Any) -> dict[str, Any]:
    part = {
        "uomDimensions": "M", "lowerLimit": 0, "lowerVerticalReference": "AGL", "upperLimit": 120,
        "upperVerticalReference": "AGL", "horizontalProjection": {"type": "Polygon", "coordinates": [RING]},
        **volume,
    }  # fmt: skip
    zone = {"identifier": "Z1", "country": "CHN", "name": "Airfield", "type": "COMMON",
            "restriction": restriction, "geometry": [part]}  # fmt: skip
    return {"title": "zones", "features": [zone]}


def ed318(geometry: dict[str, Any], kind: str = "PROHIBITED") -> dict[str, Any]:
    properties = {"identifier": "Z2", "type": kind, "name": [{"text": "Hospital", "lang": "en-GB"}]}
    return {"type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": properties, "geometry": geometry}]}  # fmt: skip


def test_a_polygon_of_ed_269(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_text(json.dumps(ed269()), "utf-8")
    (zone,) = load_no_fly(path)
    assert (zone.code, zone.name, zone.buffer_m) == ("Z1", "Airfield", 30.0)
    assert zone.polygon.bounds == (117.95, 28.44, 117.96, 28.45)


def test_a_circle_becomes_a_polygon_that_holds_it() -> None:
    projection = {"type": "Circle", "center": [117.95, 28.44], "radius": 500}
    (zone,) = load_no_fly(ed269(horizontalProjection=projection))
    corners = [distance_m(28.44, 117.95, y, x) for x, y in zone.polygon.exterior.coords]
    assert min(corners) >= 500
    assert max(corners) < 510


def test_what_is_free_or_begins_above_the_limit_is_left_out() -> None:
    assert load_no_fly(ed269("NO_RESTRICTION")) == []
    assert load_no_fly(ed269(lowerLimit=500, uomDimensions="FT")) == []
    assert len(load_no_fly(ed269(lowerLimit=300, uomDimensions="FT"))) == 1
    assert len(load_no_fly(ed269(lowerLimit=500, lowerVerticalReference="AMSL"))) == 1


def test_polygons_circles_and_collections_of_ed_318() -> None:
    polygon = {"type": "Polygon", "coordinates": [RING], "layer": {"lower": 0, "lowerReference": "AGL"}}
    circle = {"type": "Point", "coordinates": [117.9, 28.4], "extent": {"subType": "Circle", "radius": 200}}
    assert load_no_fly(ed318(polygon))[0].name == "Hospital"
    zones = load_no_fly(ed318({"type": "GeometryCollection", "geometries": [polygon, circle]}))
    assert [zone.code for zone in zones] == ["Z2", "Z2-2"]
    assert load_no_fly(ed318(polygon, "NO_RESTRICTION")) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (ed269(horizontalProjection=None), "without an area"),
        (
            ed269(horizontalProjection={"type": "Circle", "center": [1], "radius": 5}),
            "without centre or radius",
        ),
        (ed269(horizontalProjection={"type": "Circle", "center": [1, 95], "radius": 5}), "none on Earth"),
        (ed269(horizontalProjection={"type": "Polygon", "coordinates": [[1]]}), "cannot be read"),
        (ed318({"type": "GeometryCollection", "geometries": []}), "no area that can be read"),
        ({"features": [{"restriction": "PROHIBITED", "geometry": [{}]}]}, "no identifier"),
    ],
)
def test_broken_zones_are_refused_in_a_sentence(document: dict[str, Any], message: str) -> None:
    with pytest.raises(SiteInvalid, match=message):
        load_no_fly(document)


@pytest.mark.parametrize(
    ("limits", "held"),
    [
        ({"lowerLimit": 200, "uomDimensions": "M"}, False),
        ({"lowerLimit": 200, "uomDimensions": "FT"}, True),
        ({"lowerLimit": 200, "uomDimensions": "FL"}, True),
        ({"lowerLimit": 200, "uomDimensions": "furlong"}, True),
        ({"lowerLimit": float("nan")}, True),
        ({"lowerLimit": 200, "lowerVerticalReference": "WGS84"}, True),
        ({"lowerLimit": 200, "lowerVerticalReference": "SFC"}, False),
    ],
)
def test_a_zone_whose_lower_limit_is_not_understood_holds_from_the_ground(
    limits: dict[str, Any], held: bool
) -> None:
    assert bool(load_no_fly(ed269(**limits))) is held


def test_layers_of_one_zone_count_one_by_one() -> None:
    document = ed269(lowerLimit=0)
    low = document["features"][0]["geometry"][0]
    document["features"][0]["geometry"] = [{**low, "lowerLimit": 300}, low, {**low, "lowerLimit": 60}]
    assert [zone.code for zone in load_no_fly(document)] == ["Z1", "Z1-2"]


def test_zones_that_apply_at_times_hold_always_and_say_so() -> None:
    document = ed269()
    document["features"][0]["applicability"] = [
        {"permanent": "NO", "startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2020-01-02T00:00:00Z"}
    ]
    (zone,) = load_no_fly(document)
    assert zone.name == "Airfield (applies 2020-01-01T00:00:00Z to 2020-01-02T00:00:00Z)"
    modern = ed318({"type": "Polygon", "coordinates": [RING]})
    modern["features"][0]["properties"]["limitedApplicability"] = [{"endDateTime": "2030-01-01T00:00:00Z"}]
    assert load_no_fly(modern)[0].name == "Hospital (applies now to 2030-01-01T00:00:00Z)"


def test_the_older_wrapper_of_ed_269() -> None:
    zones = ed269()["features"]
    document = {"formatVersion": "1.0.0", "createdAt": "2026-10-01T00:00:00Z", "UASZoneList": zones}
    assert [zone.code for zone in load_no_fly(document)] == ["Z1"]
    assert load_no_fly({"UASZoneList": []}) == []
    with pytest.raises(SiteInvalid, match="zone 1 is no object"):
        load_no_fly({"UASZoneList": ["x"]})


def test_the_wrapper_is_known_by_any_of_its_zones() -> None:
    document = ed269()
    odd = {"identifier": "Z0", "restriction": "PROHIBITED", "geometry": document["features"][0]["geometry"]}
    unknown = {**document["features"][0], "identifier": "Z9", "restriction": "SOMETHING_NEW"}
    document["features"] = [unknown, odd]
    assert {zone.code for zone in load_no_fly(document)} == {"Z0", "Z9"}, "what is not known holds"


@pytest.mark.parametrize(
    "projection",
    [
        [
            {"type": "Polygon", "coordinates": [RING]},
            {"type": "Circle", "center": [117.9, 28.4], "radius": 90},
        ],
        RING,
        RING[:-1],
    ],
)
def test_several_projections_and_bare_corners(projection: list[Any]) -> None:
    zones = load_no_fly(ed269(horizontalProjection=projection))
    assert zones[0].polygon.bounds == (117.95, 28.44, 117.96, 28.45)
    assert len(zones) == (2 if isinstance(projection[0], dict) else 1)


def test_national_files_put_the_fields_of_ed_269_into_geojson() -> None:
    def feature(**limits: Any) -> dict[str, Any]:
        properties = {"identifier": "EER1", "type": "COMMON", "restriction": "REQ_AUTHORISATION", **limits}
        shape = {"type": "Polygon", "coordinates": [RING]}
        return {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": properties, "geometry": shape}],
        }

    assert [zone.code for zone in load_no_fly(feature())] == ["EER1"]
    high = {"lowerLimit": 200, "lowerVerticalReference": "AGL", "uomDimensions": "M"}
    assert load_no_fly(feature(**high)) == []
    assert len(load_no_fly(ed318({"type": "Polygon", "coordinates": [RING]}, "USPACE"))) == 1
