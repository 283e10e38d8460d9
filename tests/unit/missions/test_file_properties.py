"""Files of any plan come back as they were written; files that were damaged are refused in a sentence."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from missions import mission_items as mi
from missions.errors import MissionsError
from missions.mission_items import MissionItem
from missions.plan import PatrolPlan, Waypoint, WaypointRole
from missions.plan_files import read_mission, read_plan, write_plan
from missions.site import load_no_fly
from missions.wayline_files import kml_polygons
from tests.vehicles import HOME, place, ring, small_plan, square

metres = st.floats(-900, 900).map(lambda value: round(value, 2))
ONE_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def waypoints(draw: st.DrawFn) -> Waypoint:
    latitude, longitude = place(draw(metres), draw(metres))
    height = round(draw(st.floats(5, 119)), 2)
    return Waypoint(
        role=draw(st.sampled_from(list(WaypointRole)[1:])), latitude=round(latitude, 8),
        longitude=round(longitude, 8), altitude_above_home_m=height, altitude_amsl_m=HOME[2] + height,
        altitude_agl_m=height, speed_m_s=round(draw(st.floats(1, 20)), 1), lane=draw(st.none() | st.just(3)),
    )  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> PatrolPlan:
    hole = ring((300, 300), (340, 300), (340, 340), (300, 340))
    base, ways = small_plan(), st.lists(waypoints(), min_size=1)
    first = base.sorties[0].waypoints[0]
    sorties = [base.sorties[0].model_copy(update={"waypoints": [first, *draw(ways)]})]
    return base.model_copy(
        update={
            "name": draw(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)),
            "sorties": sorties,
            "allowed": [[square(draw(st.integers(900, 2000))), *draw(st.sampled_from([[], [hole]]))]],
            "trigger_m": draw(st.none() | st.floats(1, 50).map(lambda value: round(value, 2))),
        }
    )


def same(a: list[MissionItem], b: list[MissionItem], *, blank: bool = False) -> bool:
    """Whether items are equal; ``blank``: the format keeps no "not a number"."""

    def fields(item: MissionItem) -> tuple[float, ...]:
        values = (item.command, item.frame, item.param1, item.param2, item.param3, item.param4)
        return tuple(0.0 if blank and math.isnan(v) else v for v in (*values, item.x, item.y, item.z))

    return len(a) == len(b) and all(
        fields(x) == pytest.approx(fields(y), abs=1e-6, nan_ok=True) for x, y in zip(a, b, strict=True)
    )


@ONE_FOLDER
@given(plan=plans())
def test_every_format_gives_back_what_was_written(plan: PatrolPlan, tmp_path: Path) -> None:
    (own,) = write_plan(plan, tmp_path / "p.json")
    assert read_plan(own) == plan
    (qgc,) = write_plan(plan, tmp_path / "p.plan")
    read = read_mission(qgc)
    assert same(read.items, mi.mission_items(plan))
    assert same(read.fence, mi.fence_items(plan))
    assert same(read.rally, mi.rally_items(plan))
    assert read.home == pytest.approx(plan.home)
    (wpl,) = write_plan(plan, tmp_path / "p.waypoints")
    assert same(read_mission(wpl).items, mi.mission_items(plan), blank=True)
    (dji,) = write_plan(plan, tmp_path / "p.kmz")
    ways = [item for item in mi.mission_items(plan) if item.command == mi.NAV_WAYPOINT]
    back = [item for item in read_mission(dji).items if item.command == mi.NAV_WAYPOINT]
    assert [(i.x, i.y, i.z) for i in back] == [pytest.approx((i.x, i.y, i.z), abs=1e-6) for i in ways]


def _zones(path: Path) -> Any:
    return load_no_fly(path)


READERS: dict[str, Callable[[Path], Any]] = {
    ".plan": read_mission, ".waypoints": read_mission, ".kmz": read_mission, ".json": read_plan,
    ".kml": kml_polygons, ".zones": _zones,
}  # fmt: skip
ZONES = {"formatVersion": "1.0.0", "UASZoneList": [{
    "identifier": "Z1", "name": "Airfield", "restriction": "PROHIBITED",
    "applicability": [{"permanent": "YES"}],
    "geometry": [{"uomDimensions": "M", "lowerLimit": 0, "lowerVerticalReference": "AGL",
                  "horizontalProjection": {"type": "Circle", "center": [117.9, 28.4], "radius": 90}}],
}]}  # fmt: skip


def whole(suffix: str, folder: Path) -> bytes:
    if suffix == ".zones":
        return json.dumps(ZONES).encode()
    return write_plan(small_plan(), folder / f"whole{suffix}")[0].read_bytes()


@pytest.mark.parametrize("suffix", list(READERS))
@ONE_FOLDER
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_a_sentence(
    suffix: str, data: st.DataObject, tmp_path: Path
) -> None:
    content = bytearray(whole(suffix, tmp_path))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "drop", "double"]))
        if kind == "change":
            content[at] = data.draw(st.sampled_from(b'09-.eE"{}[],:<>/\x00\xff\n nNaN'))
        elif kind == "cut" and at > 0:
            del content[at:]
        elif kind == "drop" and len(content) > 9:
            del content[at : at + 8]
        else:
            content[at:at] = content[at : at + 40]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(MissionsError):
        READERS[suffix](path)
