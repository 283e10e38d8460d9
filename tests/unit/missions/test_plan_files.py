from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from missions import mission_items as mi
from missions.cameras import load_cameras
from missions.errors import FormatUnknown, PlanFileInvalid
from missions.mission_items import MissionItem
from missions.plan import Finding, PatrolPlan
from missions.plan_files import read_mission, read_plan, write_plan
from missions.planner import PlanRequest, plan_patrol
from missions.shapes import area_m2
from missions.site import Site


@pytest.fixture(scope="module")
def plan(brook: Site) -> PatrolPlan:
    return plan_patrol(PlanRequest(cells=["B01", "B03"]), brook, load_cameras())


@pytest.fixture(scope="module")
def two_sorties(brook: Site) -> PatrolPlan:
    return plan_patrol(PlanRequest(cells=["B01", "B03"], aircraft=2), brook, load_cameras())


def same(a: MissionItem, b: MissionItem, tolerance: float = 1e-9) -> bool:
    """Equal but for rounding; NaN equals NaN and the 0 that ArduPilot's format writes for it."""
    numbers = [
        (getattr(a, n), getattr(b, n)) for n in ("param1", "param2", "param3", "param4", "x", "y", "z")
    ]
    close = all((math.isnan(p) and (math.isnan(q) or q == 0)) or abs(p - q) <= tolerance for p, q in numbers)
    return close and (a.command, a.frame, a.autocontinue) == (b.command, b.frame, b.autocontinue)


def test_json_round_trip(plan: PatrolPlan, tmp_path: Path) -> None:
    assert write_plan(plan, tmp_path / "deep" / "p.json") == [tmp_path / "deep" / "p.json"]
    assert read_plan(tmp_path / "deep" / "p.json") == plan


def test_qgc_round_trip(plan: PatrolPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "p.plan")
    mission = read_mission(tmp_path / "p.plan")
    assert mission.home == plan.home
    for found, expected in (
        (mission.items, mi.mission_items(plan)), (mission.fence, mi.fence_items(plan)),
        (mission.rally, mi.rally_items(plan)),
    ):  # fmt: skip
        assert len(found) == len(expected) > 0
        assert all(same(a, b) for a, b in zip(expected, found, strict=True))


def test_qgc_layout(plan: PatrolPlan, tmp_path: Path) -> None:
    """Keys that QGroundControl demands, and null where it writes null."""
    write_plan(plan, tmp_path / "p.plan")
    document = json.loads((tmp_path / "p.plan").read_text("utf-8"))
    assert (document["fileType"], document["version"]) == ("Plan", 1)
    assert document["mission"]["version"] == document["geoFence"]["version"] == 2
    assert document["rallyPoints"]["version"] == 2
    items = document["mission"]["items"]
    assert [item["doJumpId"] for item in items] == list(range(1, len(items) + 1))
    assert items[0]["command"] == 22
    assert items[0]["params"][3] is None
    assert items[0]["Altitude"] == items[0]["params"][6]
    polygon = document["geoFence"]["polygons"][0]
    assert polygon["inclusion"] is True
    assert polygon["polygon"][0] != polygon["polygon"][-1]
    assert polygon["polygon"][0][0] == pytest.approx(28.6, abs=0.1)


@pytest.mark.shared_data
def test_qgc_layout_has_the_keys_of_a_real_plan(plan: PatrolPlan, shared: Path, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "p.plan")
    ours = json.loads((tmp_path / "p.plan").read_text("utf-8"))
    real = json.loads((shared / "plans" / "qgroundcontrol_sample.plan").read_text("utf-8"))
    assert ours.keys() == real.keys()
    assert ours["mission"].keys() == real["mission"].keys()
    by_command = {item["command"]: item for item in ours["mission"]["items"]}
    for item in real["mission"]["items"]:
        if item["command"] in by_command:
            assert by_command[item["command"]].keys() == item.keys()
            assert len(by_command[item["command"]]["params"]) == 7


def test_wpl_round_trip(plan: PatrolPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "p.waypoints")
    text = (tmp_path / "p.waypoints").read_text("utf-8")
    lines = text.splitlines()
    assert lines[0] == "QGC WPL 110"
    assert lines[1].split("\t")[:4] == ["0", "1", "0", "16"]
    assert lines[2].split("\t")[:4] == ["1", "0", "3", "22"]
    assert "nan" not in text
    mission = read_mission(tmp_path / "p.waypoints")
    assert mission.home == pytest.approx(plan.home, abs=1e-6)
    expected = mi.mission_items(plan)
    assert len(mission.items) == len(expected)
    assert all(same(a, b, 1e-6) for a, b in zip(expected, mission.items, strict=True))


def test_wpl_is_read_by_pymavlink(plan: PatrolPlan, tmp_path: Path) -> None:
    """The loader of others sees home first and every item as we meant it."""
    from pymavlink.mavwp import MAVWPLoader

    write_plan(plan, tmp_path / "p.waypoints")
    loader = MAVWPLoader()
    items = mi.mission_items(plan)
    assert loader.load(str(tmp_path / "p.waypoints")) == len(items) + 1
    assert (loader.wp(0).x, loader.wp(0).y) == pytest.approx(plan.home[:2], abs=1e-7)
    for number, item in enumerate(items, 1):
        found = loader.wp(number)
        assert (found.command, found.frame) == (item.command, item.frame)
        assert (found.param1, found.param2, found.x, found.y, found.z) == pytest.approx(
            (item.param1, item.param2, item.x, item.y, item.z), abs=1e-6
        )


def test_several_sorties_become_several_files(two_sorties: PatrolPlan, tmp_path: Path) -> None:
    assert len(two_sorties.sorties) == 2
    for suffix in (".plan", ".waypoints"):
        written = write_plan(two_sorties, tmp_path / f"p{suffix}")
        assert [path.name for path in written] == [f"p-1{suffix}", f"p-2{suffix}"]
        for sortie, path in enumerate(written):
            assert len(read_mission(path).items) == len(mi.mission_items(two_sorties, sortie))
    assert [path.name for path in write_plan(two_sorties, tmp_path / "p.json")] == ["p.json"]


def test_geojson_shows_area_allowed_and_way(plan: PatrolPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "p.geojson")
    document = json.loads((tmp_path / "p.geojson").read_text("utf-8"))
    features = {feature["properties"]["kind"]: feature for feature in document["features"]}
    assert set(features) - {"left_out", "finding"} == {"area", "allowed", "no_fly", "home", "sortie"}
    assert document["proof"]["outside_m"] == 0
    assert document["proof"]["ratio"] == plan.ratio
    way = features["sortie"]["geometry"]["coordinates"]
    assert way[0] == [plan.home[1], plan.home[0], plan.sorties[0].waypoints[0].altitude_amsl_m]
    assert len(features["sortie"]["properties"]["roles"]) == len(way)


def test_geojson_shows_the_ground_left_out_and_findings_where_they_are(
    plan: PatrolPlan, tmp_path: Path
) -> None:
    high = Finding(
        code="ceiling", severity="error", text="too high", remedy="lower", latitude=1.5, longitude=2.5
    )
    whole = Finding(code="flat_ground", severity="info", text="flat")
    bare = plan.model_copy(update={"sorties": [], "findings": [high, whole]})
    write_plan(bare, tmp_path / "p.geojson")
    document = json.loads((tmp_path / "p.geojson").read_text("utf-8"))
    (place,) = [f for f in document["features"] if f["properties"]["kind"] == "finding"]
    assert place["geometry"]["coordinates"] == [2.5, 1.5]
    assert place["properties"]["remedy"] == "lower"
    (missing,) = [f for f in document["features"] if f["properties"]["kind"] == "left_out"]
    assert area_m2(shape(missing["geometry"])) == pytest.approx(plan.area_m2, rel=0.01)


def test_other_formats_are_refused(plan: PatrolPlan, tmp_path: Path) -> None:
    for name in ("p.shp", "p"):
        with pytest.raises(
            FormatUnknown, match=r"choose \.json, \.plan, \.waypoints, \.kmz, \.kml, \.geojson or \.png"
        ):
            write_plan(plan, tmp_path / name)
        with pytest.raises(FormatUnknown):
            read_mission(tmp_path / name)
    with pytest.raises(FormatUnknown, match=r"no Skybeat plan"):
        read_plan(tmp_path / "p.plan")


def test_what_cannot_be_written_is_told(plan: PatrolPlan, tmp_path: Path) -> None:
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(PlanFileInvalid, match="cannot be written"):
        write_plan(plan, tmp_path / "taken.json")
    empty = plan.model_copy(update={"sorties": []})
    with pytest.raises(PlanFileInvalid, match="no sortie"):
        write_plan(empty, tmp_path / "p.plan")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "Invalid JSON"), ("{}", "name: Field required"), ('{"schema_version": 2}', "schema_version")],
)
def test_broken_json_plans(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.json").write_text(text, "utf-8")
    with pytest.raises(PlanFileInvalid, match=message):
        read_plan(tmp_path / "p.json")


def test_missing_and_binary_files(tmp_path: Path) -> None:
    for name, reader in (("p.json", read_plan), ("p.plan", read_mission), ("p.waypoints", read_mission)):
        with pytest.raises(PlanFileInvalid, match="cannot be read"):
            reader(tmp_path / name)
        (tmp_path / name).write_bytes(b"\xff\xfe\x00\x80")
        with pytest.raises(PlanFileInvalid, match="no text file"):
            reader(tmp_path / name)


HEAD = "QGC WPL 110\n0\t1\t0\t16\t0\t0\t0\t0\t28.6\t117.9\t52\t1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin"),
        ("QGC WPL 120\n", "does not begin"),
        ("QGC WPL 110\n", "holds no item"),
        ("QGC WPL 110\n0\t1\t3\t22\t0\t0\t0\t0\t28.6\t117.9\t52\t1\n", "item 0 must be home"),
        (HEAD + "1\t0\t3\t16\t0\t0\t0\t0\t28.6\t117.9\n", "line 3 has 10 fields"),
        (HEAD + "1\t0\t3\tx\t0\t0\t0\t0\t28.6\t117.9\t9\t1\n", "no number"),
        (HEAD + "2\t0\t3\t16\t0\t0\t0\t0\t28.6\t117.9\t9\t1\n", "numbered 2, 1 was expected"),
        (HEAD + "1\t0\t3\t16\t0\t0\t0\t0\t95\t117.9\t9\t1\n", "no place on Earth"),
        (HEAD + "1\t0\t3\t16\t0\t0\t0\t0\t28\t117.9\tnan\t1\n", "height is no number"),
        (HEAD + "1\t0\t2\t178\tinf\t0\t0\t0\t0\t0\t0\t1\n", "infinite"),
        (HEAD + "1\t0\t0\t5001\t8\t0\t0\t0\t28.6\t117.9\t9\t1\n", "mixes"),
    ],
)
def test_broken_waypoints(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.waypoints").write_text(text, "utf-8")
    with pytest.raises(PlanFileInvalid, match=message):
        read_mission(tmp_path / "p.waypoints")


ITEM = {"type": "SimpleItem", "command": 16, "frame": 3, "params": [0, 0, 0, None, 28.6, 117.9, 50]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fileType": "Rally"}, "fileType must be Plan"),
        (
            {"mission": {"version": 2, "items": [ITEM | {"params": [0, 0]}]}},
            "item 1 is no SimpleItem with seven",
        ),
        (
            {"mission": {"version": 2, "items": [ITEM | {"params": [0, 0, 0, 0, 95, 1, 1]}]}},
            "no place on Earth",
        ),
        (
            {"mission": {"version": 2, "items": [ITEM | {"params": [0, 0, 0, 0, None, 1, 1]}]}},
            "no place on Earth",
        ),
        ({"mission": {"version": 2, "items": [ITEM | {"command": None}]}}, "is no number"),
        ({"mission": {"version": 2, "items": [ITEM | {"command": "16"}]}}, "is no number"),
        ({"mission": {"version": 2, "items": [7]}}, "item 1 is no object"),
        ({"mission": {"version": 2, "items": [], "plannedHomePosition": [28]}}, "plannedHomePosition"),
        ({"mission": {"version": 2, "items": [], "plannedHomePosition": [99, 0, 0]}}, "no place on Earth"),
        ({"geoFence": {"polygons": [{"polygon": [[1, 2]]}]}}, "fewer than three"),
        ({"geoFence": {"polygons": [{"polygon": [[1, 2], [3, 4], "x"]}]}}, "no latitude and longitude"),
        ({"rallyPoints": {"points": [[1]]}}, "no latitude and longitude"),
    ],
)
def test_broken_qgc_plans(tmp_path: Path, change: dict[str, object], message: str) -> None:
    base: dict[str, object] = {"fileType": "Plan", "version": 1, "mission": {"version": 2, "items": [ITEM]}}
    path = tmp_path / "p.plan"
    path.write_text(json.dumps(base), "utf-8")
    assert read_mission(path).items[0].command == 16
    path.write_text(json.dumps(base | change), "utf-8")
    with pytest.raises(PlanFileInvalid, match=message):
        read_mission(path)


@settings(max_examples=30, deadline=None)
@given(data=st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["version", "items", "type", "params", "polygons", "points", "polygon"]),
        inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_junk_crashes_the_reader(data: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("junk") / "p.plan"
    document = {"fileType": "Plan", "version": 1, "mission": data, "geoFence": data, "rallyPoints": data}
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(PlanFileInvalid):
        read_mission(path)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qgroundcontrol_sample_without_mission.plan", "holds no mission"),
        ("qgroundcontrol_sample_wrong_mission_version.plan", "mission version 7"),
        ("qgroundcontrol_sample_wrong_overall_version.plan", "version 42"),
        ("qgroundcontrol_sample_with_survey_wrong_version.plan", "survey of version 9"),
        ("qgroundcontrol_sample_with_survey_missing_items.plan", "without its flight items"),
    ],
)
def test_malformed_plans_of_others(shared: Path, name: str, message: str) -> None:
    with pytest.raises(PlanFileInvalid, match=message):
        read_mission(shared / "plans" / name)


@pytest.mark.shared_data
def test_plans_of_others(shared: Path) -> None:
    plans = shared / "plans"
    sample = read_mission(plans / "qgroundcontrol_sample.plan")
    assert [item.command for item in sample.items] == [22, 16, 2000, 16, 16, 20]
    assert sample.home == pytest.approx((47.3977507, 8.5456075, 488.931), abs=1e-3)
    digicam = read_mission(plans / "qgroundcontrol_sample_with_digicam_control.plan")
    assert [item.command for item in digicam.items] == [203]
    scan = read_mission(plans / "qgroundcontrol_sample_with_structured_scan.plan")
    heights = {item.z for item in scan.items if item.command == 16}
    assert heights == {50.0, 75.0, 100.0}
    survey = read_mission(plans / "qgroundcontrol_sample_with_survey.plan")
    assert [item.command for item in survey.items].count(16) >= 8
    waypoints = read_mission(plans / "mission-wpl110.txt")
    assert [item.command for item in waypoints.items] == [22, 16, 16, 16, 16, 16]
    assert waypoints.home == (-35.363262, 149.165237, 584.0)
    assert [item.command for item in read_mission(plans / "fence-110.txt").fence] == [5001] * 8 + [5004] * 2
    assert len(read_mission(plans / "rally-110.txt").rally) == 2
