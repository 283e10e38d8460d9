from __future__ import annotations

from pathlib import Path

import pytest

from missions.cameras import load_cameras
from missions.errors import CamerasInvalid
from vision.camera import CameraModel


def test_the_demo_camera() -> None:
    entry = load_cameras()["patrol-720p"]
    assert (entry.width_px, entry.height_px, entry.horizontal_fov_deg) == (1280, 720, 60.0)
    assert (entry.pitch_deg, entry.altitude_agl_m, entry.speed_m_s) == (-55.0, 50.0, 7.0)
    assert entry.plan_camera().pitch_deg == -55.0
    assert entry.plan_camera(-70).pitch_deg == -70


def test_every_shipped_camera_matches_the_measurement_model() -> None:
    for name, entry in load_cameras().items():
        model = CameraModel.from_field_of_view(entry.width_px, entry.height_px, entry.horizontal_fov_deg)
        message = entry.message()
        assert message.name == entry.name == name
        assert message.fx_px == message.fy_px == pytest.approx(model.fx_px)
        assert entry.vertical_fov_deg == pytest.approx(model.vertical_fov_deg)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "a: {width_px: 0, height_px: 2, horizontal_fov_deg: 60}", "a: {colour: red}", "a: [", "a: 3"],
)
def test_bad_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(CamerasInvalid, match=r"cameras\.yaml"):
        load_cameras(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CamerasInvalid):
        load_cameras(tmp_path / "none.yaml")
