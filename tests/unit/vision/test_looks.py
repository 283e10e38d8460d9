from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, FRAME, GROUND_M, Flight
from vision.camera import CameraModel, Pose
from vision.detections import Detections
from vision.ground import GroundView
from vision.looks import INPUT_PX, PeopleTooSmall, look_at, person_pixels, plan_looks

FLAT = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))
CAMERA_4K = CameraModel.from_field_of_view(3840, 2160, 60.0, name="patrol-4k")


def pose(height: float = 50.0, pitch: float = -55.0, yaw: float = 0.0) -> Pose:
    return Flight(0, 0, 0, 0, yaw=yaw, pitch=pitch, height=height).pose(0)


def test_straight_down_a_person_spans_what_the_lens_says() -> None:
    spans = person_pixels(FLAT, pose(pitch=-90))
    assert spans.shape == (9, 16)
    assert spans[4, 8] == pytest.approx(0.5 * CAMERA.fx_px / 50, rel=0.01)
    assert spans.min() < spans[4, 8]


def test_sky_spans_nothing_and_far_ground_less_than_near() -> None:
    spans = person_pixels(FLAT, pose(pitch=-10))
    assert np.isnan(spans[0]).all()
    assert spans[-1, 8] > spans[5, 8]


@given(st.floats(15, 90), st.floats(-90, -30), st.floats(0, 360), st.sampled_from([CAMERA, CAMERA_4K]))
@settings(max_examples=40, deadline=None)
def test_all_near_ground_is_looked_at_finely_enough(
    height: float, pitch: float, yaw: float, camera: CameraModel
) -> None:
    view = GroundView(camera, FRAME, FlatTerrain(GROUND_M))
    spans = person_pixels(view, pose(height, pitch, yaw))
    if not (spans >= 5).any():
        with pytest.raises(PeopleTooSmall):
            plan_looks(view, pose(height, pitch, yaw))
        return
    looks = plan_looks(view, pose(height, pitch, yaw))
    for row, column in np.argwhere(spans >= 5):
        x = (column + 0.5) * camera.width_px / 16
        y = (row + 0.5) * camera.height_px / 9
        here = [k for k in looks if k.part[0] <= x <= k.part[2] and k.part[1] <= y <= k.part[3]]
        assert here
        best = max(k.scale for k in here)
        assert spans[row, column] * best >= min(16, 2 * spans[row, column]) * 0.99
    for look in looks:
        left, top, right, bottom = look.part
        assert 0 <= left < right <= camera.width_px
        assert 0 <= top < bottom <= camera.height_px
        assert (right - left) * look.scale <= INPUT_PX[0] * 1.01
        assert (bottom - top) * look.scale <= INPUT_PX[1] * 1.01


def test_a_4k_camera_low_down_needs_no_tiles() -> None:
    view = GroundView(CAMERA_4K, FRAME, FlatTerrain(GROUND_M))
    (look,) = plan_looks(view, pose(26, -90))
    assert look.part == (0, 0, 3840, 2160)
    assert look.scale < 0.4
    assert look.person_px == pytest.approx(16, rel=0.01)


def test_what_no_setting_can_show_is_refused_with_what_would_help() -> None:
    with pytest.raises(
        PeopleTooSmall, match=r"from 400 m .* spans 1\.\d px of the camera patrol-720p"
    ) as caught:
        plan_looks(FLAT, pose(400, -90))
    assert "longer lens" in str(caught.value)
    with pytest.raises(PeopleTooSmall, match="point it lower"):
        plan_looks(FLAT, pose(pitch=30))


class Bright:
    """Finds white blobs."""

    names = ("person",)

    def __init__(self) -> None:
        self.pixels = 0

    def detect(self, image: np.ndarray) -> Detections:
        import cv2

        self.pixels += image.shape[0] * image.shape[1]
        _, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 90).astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        n = len(boxes)
        return Detections(boxes, np.full(n, 0.8, np.float32), np.zeros(n, np.int64), self.names)


def test_everybody_is_found_once_and_in_place_by_looks_of_different_scale() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    planted = [(x, y, x + 12, y + 24) for x in range(20, 1240, 90) for y in range(30, 680, 70)]
    for left, top, right, bottom in planted:
        image[top:bottom, left:right] = 255
    looks = plan_looks(FLAT, pose(24, -45))
    assert len({round(look.scale, 2) for look in looks}) > 1
    eye = Bright()
    found = look_at(eye, image, looks)
    assert eye.pixels == pytest.approx(sum(look.cost_px for look in looks), rel=0.02)
    assert len(found) == len(planted)
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    expected = np.array([((a + c) / 2, (b + d) / 2) for a, b, c, d in planted])
    for middle in expected:
        assert np.abs(middles - middle).sum(axis=1).min() < 2.5


def test_no_looks_find_nothing() -> None:
    assert len(look_at(Bright(), np.zeros((72, 128, 3), np.uint8), [])) == 0
