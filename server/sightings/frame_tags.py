"""All pixels of one frame onto the ground at once, each with its covariance: for whole frames of detections.

The same measurement model as ``geotag``, for one pose. There the Jacobian is taken by steps of one sigma,
which is right for flat rays too; here it is the derivative, which is fast (the lens's distortion counts in
the ray, not in what a pixel's error is worth). With ``d`` the ray, ``r`` the way along it and ``n`` the
ground's normal at the crossing, an error of the origin ``o`` and of the ray moves the crossing by

    dp = (I - d n' / (n'd)) (do + r dd),    dd = dR c + R dc

(Mikhail, Bethel, McGlone 2001, *Introduction to Modern Photogrammetry*, chapter on single-ray location).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from missions.terrain import GroundHeight
from vision.camera import CameraModel, Pose, intersect_ground, rotation_camera_to_world

Array = NDArray[np.float64]

CHUNK = 8192  # so that all arrays of a round stay in the processor's cache
SLOPE_STEP_M = 2.0
ANGLE_STEP_DEG = 1e-3


@dataclass(frozen=True, slots=True)
class FrameTags:
    """N pixels on the ground.

    points: (N, 3) metres east, north, up; NaN where the ray meets no ground within reach.
    covariances: (N, 3), east-east, east-north and north-north in m2, of each point alone.
    """

    points: Array
    covariances: Array


def tag_frame(
    camera: CameraModel,
    pose: Pose,
    origin: ArrayLike,
    pixels: ArrayLike,
    ground: float | GroundHeight,
    *,
    pixel_sigma_px: float = 3.0,
    terrain_sigma_m: float = 1.5,
    max_range_m: float = 3000.0,
) -> FrameTags:
    """Place every pixel of a frame.

    Args:
        camera, pose: the camera and its attitude with its sigmas; the position is taken from ``origin``.
        origin: (3,) the camera's centre, metres east, north and up in the frame of ``ground``.
        pixels: (N, 2).
        ground: one height, or a function of east and north (``missions.terrain.sampled_ground`` is fast).
        max_range_m: rays that travel further count as missing.
    """
    wanted = np.atleast_2d(np.asarray(pixels, float))
    points, covariances = np.empty((len(wanted), 3)), np.empty((len(wanted), 3))
    start = np.asarray(origin, float)
    turns = _turns(camera, pose, pixel_sigma_px)
    for first in range(0, len(wanted), CHUNK):
        part = slice(first, first + CHUNK)
        rays = camera.camera_rays(wanted[part])
        directions = rays @ turns[0].T
        points[part] = intersect_ground(start, directions, ground, max_range_m)
        slope = _slope(points[part], ground)
        covariances[part] = _covariances(pose, start, rays, directions, points[part], slope, turns[1:],
                                         terrain_sigma_m)  # fmt: skip
    return FrameTags(points, covariances)


def _turns(camera: CameraModel, pose: Pose, pixel_sigma_px: float) -> list[Array]:
    """The rotation, then what takes a camera ray to its error per sigma of yaw, pitch, roll, u, v, zoom."""
    angles = np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
    rotation = rotation_camera_to_world(*angles)
    sigmas = (pose.heading_sigma_deg, pose.attitude_sigma_deg, pose.attitude_sigma_deg)
    turns = [rotation]
    for step, sigma in zip(np.eye(3) * ANGLE_STEP_DEG, sigmas, strict=True):
        turned = rotation_camera_to_world(*(angles + step)) - rotation_camera_to_world(*(angles - step))
        turns.append(turned * sigma / (2 * ANGLE_STEP_DEG))
    for axis, focal in ((0, camera.fx_px), (1, camera.fy_px)):
        shift = np.zeros((3, 3))
        shift[axis, 2] = pixel_sigma_px / focal  # a pixel moves the ray (x, y, 1) by this much along its axis
        turns.append(rotation @ shift)
    turns.append(rotation @ np.diag([-camera.focal_sigma, -camera.focal_sigma, 0.0]))
    return turns


def _slope(points: Array, ground: float | GroundHeight) -> tuple[Array, Array] | None:
    """How steeply the ground rises to the east and to the north at each point; None where it is flat."""
    if not callable(ground):
        return None
    east, north = points[:, 0], points[:, 1]
    known = np.isfinite(east)
    east, north = np.where(known, east, 0.0), np.where(known, north, 0.0)
    h = SLOPE_STEP_M
    return (
        (ground(east + h, north) - ground(east - h, north)) / (2 * h),
        (ground(east, north + h) - ground(east, north - h)) / (2 * h),
    )


def _covariances(
    pose: Pose, origin: Array, rays: Array, directions: Array, points: Array,
    slope: tuple[Array, Array] | None, turns: list[Array], terrain_sigma_m: float,
) -> Array:  # fmt: skip
    """(N, 3), from the errors of position, height and terrain, of attitude, pixel and zoom."""
    x, y, z = directions.T
    rise_x, rise_y = slope if slope is not None else (0.0, 0.0)
    across = z - rise_x * x - rise_y * y
    qx, qy = x / across, y / across
    reach = (points[:, 2] - origin[2]) / z
    level, upright = pose.position_sigma_m**2, pose.altitude_sigma_m**2 + terrain_sigma_m**2
    # do = (1, 0, 0): (1 + qx sx, qy sx); do = (0, 1, 0): (qx sy, 1 + qy sy); do = (0, 0, 1): -(qx, qy)
    ax, ay, bx, by = 1 + qx * rise_x, qy * rise_x, qx * rise_y, 1 + qy * rise_y
    result = np.empty((len(points), 3))
    result[:, 0] = level * (ax * ax + bx * bx) + upright * qx * qx
    result[:, 1] = level * (ax * ay + bx * by) + upright * qx * qy
    result[:, 2] = level * (ay * ay + by * by) + upright * qy * qy
    errors = rays @ np.concatenate([turn.T for turn in turns], axis=1)
    errors *= reach[:, None]
    for first in range(0, errors.shape[1], 3):
        ex, ey, ez = errors[:, first], errors[:, first + 1], errors[:, first + 2]
        along = ez - rise_x * ex - rise_y * ey
        hx, hy = ex - qx * along, ey - qy * along
        result[:, 0] += hx * hx
        result[:, 1] += hx * hy
        result[:, 2] += hy * hy
    return result
