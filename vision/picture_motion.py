"""How the picture moves from frame to frame, as seen in it and as poses say it must.

Both are told as four rates of the same similarity, fitted over the same grid of directions: to the right and
down (radians a second at the middle of the picture), turning (radians a second, clockwise as displayed) and
growing (natural logarithm a second). What is seen comes from corners followed by pyramidal Lucas-Kanade flow
(Bouguet 2001) and RANSAC (Fischler and Bolles 1981). What must be seen comes from the pinhole camera over a
level ground (Longuet-Higgins and Prazdny 1980, *The interpretation of a moving retinal image*).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array, LocalFrame
from vision.camera import CameraModel, Pose, rotation_camera_to_world
from vision.frames import Pixels

CORNERS = 160
LEAST_FOLLOWED = 20
RANSAC_PX = 1.0
FAR_M = 3000.0
LEAST_DESCENT = 0.05  # flatter rays than this meet the ground too far away to be told from the horizon
GRID = np.array([[x, y] for y in (-0.8, 0.0, 0.8) for x in (-0.8, 0.0, 0.8)])
"""Where the motion is told, as shares of half the picture's width and height."""


@dataclass(frozen=True, slots=True)
class Motion:
    """N motions. seconds: (N,) middle of each pair. step_s: (N,) between its pictures. rates: (N, 4)."""

    seconds: Array
    step_s: Array
    rates: Array

    def __len__(self) -> int:
        return len(self.seconds)


def seen_motion(pictures: Iterable[tuple[float, Pixels]], camera: CameraModel, longest_s: float) -> Motion:
    """Motion seen between neighbouring pictures.

    Args:
        pictures: seconds and grey image (H, W); all of the size of ``camera``.
        longest_s: pictures further apart than this are not compared.
    """
    found: list[tuple[float, float, Array]] = []
    last: tuple[float, Pixels] | None = None
    for seconds, image in pictures:
        if last is not None and 0 < seconds - last[0] <= longest_s:
            step = seconds - last[0]
            rates = _follow(last[1], image, camera)
            if rates is not None:
                found.append((seconds - step / 2, step, rates / step))
        last = (seconds, image)
    if not found:
        return Motion(np.zeros(0), np.zeros(0), np.zeros((0, 4)))
    return Motion(
        np.array([f[0] for f in found]), np.array([f[1] for f in found]), np.array([f[2] for f in found])
    )


def _follow(last: Pixels, now: Pixels, camera: CameraModel) -> Array | None:
    corners = cv2.goodFeaturesToTrack(last, CORNERS, 0.01, max(4, camera.width_px // 40))
    if corners is None or len(corners) < LEAST_FOLLOWED:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        last, now, corners, np.zeros_like(corners), winSize=(15, 15), maxLevel=4
    )
    good = status[:, 0] > 0
    if good.sum() < LEAST_FOLLOWED:
        return None
    affine, inliers = cv2.estimateAffinePartial2D(
        corners[good], moved[good], method=cv2.RANSAC, ransacReprojThreshold=RANSAC_PX
    )
    if affine is None or inliers.sum() < LEAST_FOLLOWED:
        return None
    grid = grid_of(camera)
    pixels = grid * [camera.fx_px, camera.fy_px] + [camera.cx_px, camera.cy_px]
    there = (pixels @ affine[:, :2].T + affine[:, 2] - [camera.cx_px, camera.cy_px]) / [
        camera.fx_px, camera.fy_px,
    ]  # fmt: skip
    return np.asarray(similarity(grid[None], there[None])[0])


def grid_of(camera: CameraModel) -> Array:
    """Directions (9, 2) as x/z and y/z of the camera's axes, without distortion."""
    return GRID * [camera.width_px / 2 / camera.fx_px, camera.height_px / 2 / camera.fy_px]


def similarity(before: Array, after: Array) -> Array:
    """Least-squares similarity of points (K, G, 2) -> (K, 4): right, down, turn, growth."""
    middle = before.mean(axis=1, keepdims=True)
    a, step = before - middle, after - before
    size = (a**2).sum(axis=(1, 2))
    turn = (a[..., 0] * step[..., 1] - a[..., 1] * step[..., 0]).sum(1) / size
    growth = (a * step).sum(axis=(1, 2)) / size
    return np.column_stack([step.mean(axis=1), turn, growth])


class PoseSignal:
    """Poses as arrays, to be read at any instants at once.

    Args:
        poses: at least two, in the order of time.
        origin: the instant that seconds count from.
        ground_amsl_m: height of the ground, taken as level.
    """

    def __init__(self, poses: Sequence[Pose], origin: datetime, ground_amsl_m: float) -> None:
        frame = LocalFrame(poses[0].latitude, poses[0].longitude, ground_amsl_m)
        self.seconds = np.array([(pose.captured_at - origin).total_seconds() for pose in poses])
        places = frame.to_enu(
            [p.latitude for p in poses], [p.longitude for p in poses], [p.altitude_amsl_m for p in poses]
        )
        angles = np.array([(p.yaw_deg, p.pitch_deg, p.roll_deg) for p in poses])
        self._values = np.column_stack([places, np.degrees(np.unwrap(np.radians(angles), axis=0))])

    def at(self, seconds: Array) -> Array:
        """East, north, up over the ground, yaw, pitch, roll; (N, 6), linear between poses, NaN outside."""
        return np.column_stack([
            np.interp(seconds, self.seconds, column, left=np.nan, right=np.nan)
            for column in self._values.T
        ])  # fmt: skip

    def motion(
        self,
        seconds: Array,
        step_s: float,
        camera: CameraModel,
        *,
        turning_only: bool = False,
        yaw_offset_deg: float = 0.0,
    ) -> Array:
        """Rates (N, 4) that must be seen around these instants; NaN where no pose is known.

        Args:
            step_s: between the two pictures that would be compared.
            turning_only: of a camera that turns where it is.
            yaw_offset_deg: as if the camera looked this much further clockwise.
        """
        first, second = self.at(seconds - step_s / 2), self.at(seconds + step_s / 2)
        first[:, 3] += yaw_offset_deg
        second[:, 3] += yaw_offset_deg
        before = rotation_camera_to_world(first[:, 3], first[:, 4], first[:, 5])
        after = rotation_camera_to_world(second[:, 3], second[:, 4], second[:, 5])
        grid = grid_of(camera)
        rays = np.column_stack([grid, np.ones(len(grid))]) @ before.transpose(0, 2, 1)
        moved = np.zeros((len(seconds), 3)) if turning_only else second[:, :3] - first[:, :3]
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[..., 2] < -LEAST_DESCENT, -first[:, None, 2] / rays[..., 2], FAR_M)
            seen = (rays * reach[..., None] - moved[:, None]) @ after
            there = seen[..., :2] / seen[..., 2:]
        return similarity(np.broadcast_to(grid, there.shape), there) / step_s

    def reach_m(self, seconds: Array) -> NDArray[np.float64]:
        """Metres from the camera to the ground along the optical axis, (N,)."""
        values = self.at(seconds)
        down = -np.sin(np.radians(values[:, 4]))
        return np.asarray(
            np.where(down > LEAST_DESCENT, values[:, 2] / np.maximum(down, LEAST_DESCENT), np.nan)
        )
