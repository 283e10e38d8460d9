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
from vision.looks import (
    CAR_MARGIN,
    INPUT_PX,
    PeopleTooSmall,
    look_at,
    person_pixels,
    plan_looks,
    plan_picture,
)

FLAT = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))
CAMERA_4K = CameraModel.from_field_of_view(3840, 2160, 60.0, name="patrol-4k")


def pose(height: float = 50.0, pitch: float = -55.0, yaw: float = 0.0) -> Pose:
    return Flight(0, 0, 0, 0, yaw=yaw, pitch=pitch, height=height).pose(0)


def test_straight_down_a_person_spans_what_the_lens_says() -> None:
    spans = person_pixels(FLAT, pose(pitch=-90))
    assert spans.shape == (18, 32)
    assert spans[9, 16] == pytest.approx(0.5 * CAMERA.fx_px / 50, rel=0.01)
    assert spans.min() < spans[9, 16]


def test_sky_spans_nothing_and_far_ground_less_than_near() -> None:
    spans = person_pixels(FLAT, pose(pitch=-10))
    assert np.isnan(spans[0]).all()
    assert spans[-1, 16] > spans[10, 16]


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
        x = (column + 0.5) * camera.width_px / 32
        y = (row + 0.5) * camera.height_px / 18
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


def test_the_parts_of_the_frame_before_are_kept_where_they_serve() -> None:
    view = GroundView(CAMERA_4K, FRAME, FlatTerrain(GROUND_M))
    first = plan_looks(view, pose(80, -60))
    again = plan_looks(view, pose(80.5, -59.5), before=first)
    assert [look.cells for look in again] == [look.cells for look in first]
    assert min(look.person_px for look in again) > 14
    lower = plan_looks(view, pose(40, -60), before=first)
    assert len(lower) < len(first) / 2
    assert lower == plan_looks(view, pose(40, -60))


@given(st.floats(30, 110), st.floats(-90, -40), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_kept_parts_still_show_all_near_ground(
    height: float, pitch: float, climb: float, tilt: float
) -> None:
    view = GroundView(CAMERA_4K, FRAME, FlatTerrain(GROUND_M))
    before = plan_looks(view, pose(height, pitch))
    after = pose(height + climb, pitch + tilt)
    looks = plan_looks(view, after, before=before)
    covered = np.zeros((18, 32), np.bool_)
    for look in looks:
        left, top, right, bottom = look.cells
        assert not covered[top:bottom, left:right].any()
        covered[top:bottom, left:right] = True
        assert (look.part[2] - look.part[0]) * look.scale <= INPUT_PX[0] * 1.01
        assert (look.part[3] - look.part[1]) * look.scale <= INPUT_PX[1] * 1.01
    assert covered[person_pixels(view, after) >= 5].all()


def test_a_picture_without_a_pose_is_divided_as_it_is() -> None:
    looks = plan_picture(3840, 2160)
    assert {look.scale for look in looks} == {1.0}
    assert sum((k.cells[2] - k.cells[0]) * (k.cells[3] - k.cells[1]) for k in looks) == 32 * 18
    assert len(plan_picture(1280, 720)) == 1


def test_a_bus_that_no_part_holds_is_found_and_a_car_in_one_of_them() -> None:
    image = np.zeros((2160, 3840, 3), np.uint8)
    looks = plan_picture(3840, 2160, margin=CAR_MARGIN)
    seam = looks[0].cells[2] * 120
    image[300:360, seam - 70 : seam + 70] = 255
    image[900:980, seam - 400 : seam + 900] = 255
    found = look_at(Bright(), image, looks)
    widths = sorted((found.boxes[:, 2] - found.boxes[:, 0]).tolist())
    assert widths[0] == pytest.approx(140, abs=3)
    assert all(width > 250 for width in widths[1:])
    assert 1 <= len(widths[1:]) <= 3


def test_no_looks_find_nothing() -> None:
    assert len(look_at(Bright(), np.zeros((72, 128, 3), np.uint8), [])) == 0
