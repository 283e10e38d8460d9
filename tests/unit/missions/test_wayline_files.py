"""DJI waylines and KML: written, read back, and refused when they are broken."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from missions import mission_items as mi
from missions.errors import PlanFileInvalid
from missions.mission_reading import read_mission
from missions.plan_files import write_plan
from missions.wayline_files import TEMPLATE, WAYLINES, kml_polygons, wayline_kmz
from tests.vehicles import small_plan

BROKEN = [
    ("<kml", "is no XML"),
    ("<!DOCTYPE k [<!ENTITY a 'b'>]><kml/>", "declares entities"),
    ("<kml/>", "heights are counted as nothing"),
    ("<kml><executeHeightMode>WGS84</executeHeightMode></kml>", "heights are counted as WGS84"),
    ("<kml><executeHeightMode>relativeToStartPoint</executeHeightMode></kml>", "holds no waypoint"),
    (
        "<kml xmlns='http://www.opengis.net/kml/2.2'><executeHeightMode>relativeToStartPoint</executeHeightMode>"
        "<Placemark><coordinates>117,95</coordinates></Placemark></kml>",
        "no place on Earth",
    ),
    (
        "<kml xmlns='http://www.opengis.net/kml/2.2'><executeHeightMode>relativeToStartPoint</executeHeightMode>"
        "<Placemark><coordinates>117,29</coordinates><executeHeight>nan</executeHeight></Placemark></kml>",
        "no number as executeHeight",
    ),
    (
        "<kml xmlns='http://www.opengis.net/kml/2.2'><executeHeightMode>relativeToStartPoint</executeHeightMode>"
        "<Placemark><coordinates>x</coordinates></Placemark></kml>",
        "has no place",
    ),
]


def archive(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(WAYLINES, text)
    return path


def test_a_wayline_comes_back_as_the_waypoints_that_were_written(tmp_path: Path) -> None:
    plan = small_plan(lanes=3)
    (path,) = write_plan(plan, tmp_path / "p.kmz")
    read = read_mission(path).items
    sent = [item for item in mi.mission_items(plan) if item.command == mi.NAV_WAYPOINT]
    back = [item for item in read if item.command == mi.NAV_WAYPOINT]
    assert [(i.x, i.y, i.z) for i in back] == [pytest.approx((i.x, i.y, i.z), abs=1e-7) for i in sent]
    assert [item.command for item in read][:2] == [mi.NAV_TAKEOFF, mi.DO_CHANGE_SPEED]
    assert read[-1].command == mi.NAV_RETURN_TO_LAUNCH
    assert read[1].param2 == plan.speed_m_s
    assert wayline_kmz(plan) == wayline_kmz(plan)


def test_a_wayline_has_the_elements_of_a_real_one(shared: Path, tmp_path: Path) -> None:
    (path,) = write_plan(small_plan(), tmp_path / "p.kmz")
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(shared / "plans" / "Seed.kmz") as real:
        assert set(ours.namelist()) == {TEMPLATE, WAYLINES}
        wanted, got = (
            {element.tag for element in ElementTree.fromstring(z.read(WAYLINES)).iter()} for z in (real, ours)
        )
        optional = {"isRisky", "waypointWorkType", "waypointGimbalHeadingParam", "waypointGimbalPitchAngle",
                    "waypointGimbalYawAngle", "waypointHeadingAngleEnable"}  # fmt: skip
        assert {tag.rpartition("}")[2] for tag in wanted - got} <= optional


def test_a_wayline_of_others_is_read(shared: Path) -> None:
    items = read_mission(shared / "plans" / "Seed.kmz").items
    places = [(item.x, item.y, item.z) for item in items if item.command == mi.NAV_WAYPOINT]
    assert places[0] == pytest.approx((49.7155414935301, -101.148371034063, 10.0))
    assert len(places) == 2


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_broken_waylines_are_refused_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlanFileInvalid, match=message):
        read_mission(archive(tmp_path / "p.kmz", text))


def test_what_is_no_archive_and_what_lacks_its_part(tmp_path: Path) -> None:
    (tmp_path / "a.kmz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(PlanFileInvalid, match="archive"):
        read_mission(tmp_path / "a.kmz")
    with zipfile.ZipFile(tmp_path / "b.kmz", "w") as target:
        target.writestr("other", "")
    with pytest.raises(PlanFileInvalid, match="is missing"):
        read_mission(tmp_path / "b.kmz")
    with pytest.raises(PlanFileInvalid, match="cannot be read"):
        read_mission(tmp_path / "none.kmz")
    with pytest.raises(PlanFileInvalid, match="no DJI aircraft"):
        wayline_kmz(small_plan(), aircraft="X1")


def test_kml_shows_the_plan_and_gives_its_area_back(tmp_path: Path) -> None:
    plan = small_plan()
    (path,) = write_plan(plan, tmp_path / "p.kml")
    polygons = kml_polygons(path)["coordinates"]
    assert polygons[0][0] == [pytest.approx(corner, abs=1e-7) for corner in plan.area[0][0]]
    assert "<LineString>" in path.read_text("utf-8")
    (tmp_path / "e.kml").write_text("<kml/>", "utf-8")
    with pytest.raises(PlanFileInvalid, match="no polygon"):
        kml_polygons(tmp_path / "e.kml")
