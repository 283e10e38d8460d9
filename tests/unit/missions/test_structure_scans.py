"""Structure scans that QGroundControl saved."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from missions.errors import PlanFileInvalid
from missions.geodesy import LocalFrame
from missions.structure_scans import structure_scan
from tests.vehicles import place

FRAME_CORNERS = [(0.0, 0.0), (40.0, 0.0), (40.0, 20.0), (0.0, 20.0)]


def scan(**changes: Any) -> dict[str, Any]:
    return {
        "type": "ComplexItem", "complexItemType": "StructureScan", "version": 3, "EntranceAltitude": 70,
        "GimbalPitch": -10, "Layers": 3, "ScanBottomAlt": 20, "StartFromTop": False, "StructureHeight": 60,
        "polygon": [list(place(*corner)) for corner in FRAME_CORNERS],
        "CameraCalc": {
            "DistanceToSurface": 15, "AdjustedFootprintFrontal": 12, "AdjustedFootprintSide": 8, "version": 1
        },
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(("from_top", "layers"), [(False, [20.0, 32.0, 44.0]), (True, [60.0, 48.0, 36.0])])
def test_a_ring_for_each_layer_at_the_distance_wished(from_top: bool, layers: list[float]) -> None:
    items = structure_scan(scan(StartFromTop=from_top), "item 1")
    ways = [item for item in items if item.command == 16]
    assert [ways[0].z, ways[-1].z] == [70.0, 70.0]
    assert list(dict.fromkeys(item.z for item in ways[1:-1])) == layers
    frame = LocalFrame(*place(0, 0))
    house = shapely.Polygon(FRAME_CORNERS)
    ring = frame.to_enu([item.x for item in ways], [item.y for item in ways])[:, :2]
    first = shapely.LineString(ring[1:6])
    assert first.is_ring
    assert first.distance(house) == pytest.approx(15.0, abs=0.05)
    assert not shapely.is_ccw(shapely.LinearRing(first.coords)), "the structure lies to the right"
    gimbal = next(item for item in items if item.command == 196)
    assert (gimbal.x, gimbal.z) == (-10.0, 90.0)
    triggers = [item.param1 for item in items if item.command == 206]
    assert triggers == [8.0, 0.0] * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 9}, "version 9, which cannot be read"),
        ({"polygon": [[1, 2], [3, 4]]}, "no outline of three or more places"),
        ({"polygon": [[1, 2], [3, 4], ["x", 4]]}, "no outline of three or more places"),
        ({"polygon": [[91, 2], [3, 4], [5, 4]]}, "no outline of three or more places"),
        ({"Layers": 0}, "0 as Layers"),
        ({"Layers": 10**9}, "1 to 100 can be flown"),
        ({"CameraCalc": None}, "None as DistanceToSurface"),
        ({"GimbalPitch": "down"}, "'down' as GimbalPitch"),
        ({"StartFromTop": True, "StructureHeight": 20}, "below the height of home"),
    ],
)
def test_scans_that_make_no_sense_are_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanFileInvalid, match=message):
        structure_scan(scan(**changes), "item 1")
