"""Creeping of the ground in painted pictures, against how the poses were really wrong."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, FRAME, GROUND_M, Flight, painted
from vision.camera import Pose
from vision.ground import GroundView
from vision.ground_motion import GroundMotion

VIEW = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))
FLIGHT = Flight(0, -30, 0, 7)
LYING = np.array([[-8.0, 6.0], [0.0, 12.0], [9.0, 18.0]])


def told(seconds: float, pitch_error_deg: float, yaw_error_deg: float = 0.0) -> Pose:
    pose = FLIGHT.pose(seconds)
    return replace(pose, pitch_deg=pose.pitch_deg + pitch_error_deg, yaw_deg=pose.yaw_deg + yaw_error_deg)


@pytest.mark.parametrize("yaw_step", [0.0, 0.1])
@pytest.mark.parametrize("pitch_step", [0.0, 0.12, -0.12])
def test_the_ground_tells_how_an_error_of_the_pose_grows(pitch_step: float, yaw_step: float) -> None:
    motion = GroundMotion()
    for index in range(9):
        seconds = 0.2 * index
        pose = told(seconds, index * pitch_step, index * yaw_step)
        assert motion.look(painted([], seconds, FLIGHT.pose(seconds)), pose, seconds, VIEW) == (index > 0)
    seen = VIEW.place(told(seconds, 8 * pitch_step, 8 * yaw_step), VIEW.pixels(FLIGHT.pose(seconds), LYING))
    crept = np.column_stack([np.ones(len(LYING)), LYING]) @ motion.creep.T
    np.testing.assert_allclose(crept, seen - LYING, atol=0.12)
    assert pitch_step == 0 or np.linalg.norm(seen - LYING, axis=1).min() > 0.9


def test_large_pictures_tell_the_same() -> None:
    view = GroundView(CAMERA.scaled(3840, 2160), FRAME, FlatTerrain(GROUND_M))
    found = []
    for size, seen in (((1280, 720), VIEW), ((3840, 2160), view)):
        motion = GroundMotion()
        for index in range(4):
            picture = cv2.resize(painted([], 0.2 * index, FLIGHT.pose(0.2 * index)), size)
            motion.look(picture, told(0.2 * index, 0.2 * index), 0.2 * index, seen)
        found.append(np.column_stack([np.ones(len(LYING)), LYING]) @ motion.creep.T)
    assert np.linalg.norm(found[0], axis=1).min() > 0.5
    np.testing.assert_allclose(found[1], found[0], atol=0.06)


def test_nothing_creeps_where_the_ground_cannot_be_compared() -> None:
    motion = GroundMotion()
    plain = np.full((720, 1280, 3), 90, np.uint8)
    for index in range(3):
        assert not motion.look(plain, told(0.2 * index, 0.1 * index), 0.2 * index, VIEW)
    picture = painted([], 5.0, FLIGHT.pose(5.0))
    assert not motion.look(picture, told(5.0, 0.0), 5.0, VIEW)
    assert not motion.look(picture, None, 5.2, VIEW)
    assert motion.pair is None
    assert not motion.look(picture, told(5.4, 0.0), 5.4, VIEW)
    np.testing.assert_array_equal(motion.creep, 0)
