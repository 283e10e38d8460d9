"""Files of a field trial: what is read, what is left out, what is refused with a sentence."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fields import RAY_COLUMNS, FieldInvalid, read_field
from benchmarks.geotag import field_figures

AIRCRAFT = (28.45, 117.97)
RAY = {
    "lat": 28.4504, "lon": 117.97, "hae": 68.0, "droneLatitude": AIRCRAFT[0], "droneLongitude": AIRCRAFT[1],
    "droneElevationHAE": 118.0, "cameraRollAngleDeg": 0.0, "cameraSlantAngleDeg": 45.0, "imageWidth": 1000,
    "imageLength": 800, "f_x": 900.0, "f_y": 900.0, "imageSelectedProportionX": 0.5,
    "imageSelectedProportionY": 0.5, "yawOffsetDegSelectedPoint": 0.0,
}  # fmt: skip


def write(path: Path, *rows: dict[str, object]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return write(tmp_path / "control.csv", {"ID": 1, "Latitude": 28.45045, "Longitude": 117.97})


def test_a_ray_is_read_with_its_heading_and_its_height_over_the_ground(tmp_path: Path, control: Path) -> None:
    field = read_field(write(tmp_path / "rays.csv", RAY, {**RAY, "imageSelectedProportionX": 0.7}), control)
    pose = field.looks[0].pose
    assert pose.altitude_amsl_m == pytest.approx(50.0)
    assert (pose.yaw_deg + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-6)
    assert (pose.pitch_deg, field.looks[0].u_px, field.looks[1].u_px) == pytest.approx((-45, 500, 700))
    assert field.images.tolist() == [0, 0]
    assert field.nearest(field.answers).tolist() == [0, 0]


def test_the_figures_of_a_tiny_trial_are_those_of_its_geometry(tmp_path: Path, control: Path) -> None:
    """50 m high, 45 degrees down: the ray ends 50 m ahead; the point is 49.87 m, the answer 44.3 m ahead."""
    figures = field_figures(read_field(write(tmp_path / "rays.csv", *[RAY] * 8), control))
    assert figures["all"]["single_ce90_m"] == {"reference": pytest.approx(5.54, abs=0.02),
                                               "ours": pytest.approx(0.13, abs=0.02)}  # fmt: skip
    assert figures["all"]["fused_ce90_m"]["adjusted"] < 0.2
    assert figures["all"]["inside_ellipse"]["adjusted"] == 1.0
    assert figures["all"]["things_with_8_views"] == 1


def test_rays_that_cannot_be_used_are_left_out_with_the_reason(tmp_path: Path, control: Path) -> None:
    rows = [RAY, {**RAY, "f_x": "none"}, {**RAY, "lat": 400.0}, {**RAY, "imageWidth": 0}]
    field = read_field(write(tmp_path / "rays.csv", *rows), control)
    assert len(field.looks) == 1
    assert field.left_out == [
        "line 3: no number in f_x", "line 4: a place is not in degrees",
        "line 5: the camera's size or focal length is not positive",
    ]  # fmt: skip
    bent = write(tmp_path / "bent.csv", {**RAY, "lensType": "fisheye"})
    with pytest.raises(FieldInvalid, match=r"no usable ray: line 2: no number in pitchOffset.*fisheye lens"):
        read_field(bent, control)
    far = write(tmp_path / "far.csv", {**RAY, "lat": 28.46})
    with pytest.raises(FieldInvalid, match="line 2: its answer lies 1058 m from the nearest control point"):
        read_field(far, control)
    low = read_field(write(tmp_path / "low.csv", {**RAY, "cameraSlantAngleDeg": 5}), control)
    with pytest.raises(FieldInvalid, match="no ray can be placed: the line of sight is only 5 degrees"):
        field_figures(low)


@pytest.mark.parametrize("missing", [RAY_COLUMNS[0], RAY_COLUMNS[-1]])
def test_another_file_is_refused(tmp_path: Path, control: Path, missing: str) -> None:
    rays = write(tmp_path / "rays.csv", {k: v for k, v in RAY.items() if k != missing})
    with pytest.raises(FieldInvalid, match=f"lacks the columns {missing}: is it the right file"):
        read_field(rays, control)
    with pytest.raises(FieldInvalid, match="lacks the columns lat"):
        read_field(control, control)
    with pytest.raises(FieldInvalid, match="cannot be read"):
        read_field(tmp_path / "nowhere.csv", control)
    blank = tmp_path / "blank.csv"
    blank.touch()
    with pytest.raises(FieldInvalid, match="is empty"):
        read_field(blank, control)
    empty = write(tmp_path / "empty.csv", {"Latitude": "", "Longitude": np.nan})
    with pytest.raises(FieldInvalid, match="holds no place in degrees"):
        read_field(rays, empty)


def test_other_orders_cases_and_separators_say_the_same(tmp_path: Path, control: Path) -> None:
    right = read_field(write(tmp_path / "rays.csv", RAY, RAY), control)
    other = tmp_path / "other.csv"
    lines = [list(reversed(RAY)), *[[RAY[name] for name in reversed(RAY)]] * 2]
    other.write_text("\n\n".join(";".join(f" {word} ".upper() for word in map(str, line)) for line in lines))
    assert read_field(other, control).looks == right.looks
    bare = {name: value for name, value in RAY.items() if "Offset" not in name and "Roll" not in name}
    bare["imageSelectedProportionX"] = 0.7
    pose = read_field(write(tmp_path / "bare.csv", bare), control).looks[0].pose
    assert pose.yaw_deg == pytest.approx(-np.degrees(np.arctan(200 / 900)), abs=1e-6)


def test_rays_straight_down_and_back_under_the_aircraft_keep_the_heading(
    tmp_path: Path, control: Path
) -> None:
    """A camera 80 degrees down that looks north: ahead, straight down and 10 degrees behind."""
    steep = {**RAY, "cameraSlantAngleDeg": 80.0, "pitchOffsetDegSelectedPoint": 0.0}
    down = {**steep, "lat": AIRCRAFT[0], "pitchOffsetDegSelectedPoint": -10.0}
    behind = {**steep, "lat": AIRCRAFT[0] - 8e-5, "pitchOffsetDegSelectedPoint": -20.0}
    looks = read_field(write(tmp_path / "rays.csv", down, behind, {**steep, "lat": 28.45008}), control).looks
    assert [round(look.pose.yaw_deg % 360.0, 3) % 360 for look in looks] == [180.0 + 180.0 - 360.0] * 3


def test_zoom_counts_where_the_angles_say_so_and_other_lenses_by_their_angles(
    tmp_path: Path, control: Path
) -> None:
    aside = {
        **RAY, "imageSelectedProportionX": 0.7, "digitalZoomRatio": 2.0, "pitchOffsetDegSelectedPoint": 0,
        "lensType": "perspective",
    }  # fmt: skip
    wide = {**aside, "yawOffsetDegSelectedPoint": np.degrees(np.arctan(200 / 900))}
    near = {**aside, "yawOffsetDegSelectedPoint": np.degrees(np.arctan(200 / 1800))}
    bent = {**near, "lensType": "fisheye", "f_x": "", "f_y": "", "pitchOffsetDegSelectedPoint": 5.0}
    looks = read_field(write(tmp_path / "rays.csv", wide, near, bent), control).looks
    assert [look.camera.fx_px for look in looks] == pytest.approx([900, 1800, 700])
    assert (looks[2].u_px, looks[2].v_px) == pytest.approx((500 + 700 / 9, 400 - 700 * np.tan(np.radians(5))))


@pytest.mark.parametrize("rows", [1, 2])
def test_one_ray_or_one_image_for_each_target_gives_figures(tmp_path: Path, rows: int) -> None:
    points = [{"ID": i, "Latitude": 28.45045 + 5e-4 * i, "Longitude": 117.97} for i in range(rows)]
    rays = [{**RAY, "lat": RAY["lat"] + 5e-4 * i, "droneLatitude": 28.45 + 5e-4 * i} for i in range(rows)]
    control = write(tmp_path / "control.csv", *points)
    figures = field_figures(read_field(write(tmp_path / "rays.csv", *rays), control))
    assert (figures["images"], figures["all"]["things_with_8_views"]) == (rows, 0)
    assert figures["all"]["single_ce90_m"]["ours"] < 0.2
    assert figures["all"]["fused_ce90_m"]["adjusted"] is None
