"""Camera attitudes by what their angles count from.

``Pose`` is earth-referenced: yaw from true north, pitch and roll from the horizon. Gimbals report otherwise
too: MAVLink with ``GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME``, MISB ST 0601 in its tags 18 to 20.
Rotations are composed as in Diebel 2006, *Representing Attitude*, sequence yaw, pitch, roll.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from missions.geodesy import Array
from vision.camera import rotation_camera_to_world


class YawFrame(StrEnum):
    """What a camera's angles count from.

    ``EARTH``: yaw from true north, pitch and roll from the horizon. ``VEHICLE``: yaw from the nose, pitch and
    roll from the horizon (a stabilised gimbal). ``AIRFRAME``: all three from the airframe, which tilts.
    """

    EARTH = "earth"
    VEHICLE = "vehicle"
    AIRFRAME = "airframe"


class AttitudeUnknown(ValueError):
    """A camera's attitude needs the vehicle's; give telemetry that holds it, or the heading."""


def camera_attitude(camera_deg: ArrayLike, frame: YawFrame, vehicle_deg: ArrayLike | None = None) -> Array:
    """Camera angles of any frame -> earth-referenced yaw, pitch and roll in degrees, (N, 3).

    Args:
        camera_deg: (N, 3) yaw, pitch, roll.
        vehicle_deg: (N, 3) yaw, pitch, roll of the vehicle; nose right and nose up are positive. For
            ``VEHICLE`` only the yaw counts. Not needed for ``EARTH``.

    Raises:
        AttitudeUnknown: the frame needs the vehicle's angles and they are missing or not finite. They are
            never taken as level or northward instead.
    """
    camera = np.atleast_2d(np.asarray(camera_deg, float))
    if frame is YawFrame.EARTH:
        return camera
    if vehicle_deg is None:
        raise AttitudeUnknown
    vehicle = np.broadcast_to(np.atleast_2d(np.asarray(vehicle_deg, float)), camera.shape)
    if frame is YawFrame.VEHICLE:
        if not np.isfinite(vehicle[:, 0]).all():
            raise AttitudeUnknown
        return np.column_stack([(camera[:, 0] + vehicle[:, 0]) % 360.0, camera[:, 1:]])
    if not np.isfinite(vehicle).all():
        raise AttitudeUnknown
    # A camera that looks ahead has the airframe's axes as its own, so both are rotations of one kind.
    ahead = rotation_camera_to_world(0.0, 0.0, 0.0)
    airframe = rotation_camera_to_world(vehicle[:, 0], vehicle[:, 1], vehicle[:, 2])
    in_airframe = ahead.T @ rotation_camera_to_world(camera[:, 0], camera[:, 1], camera[:, 2])
    return angles_of(airframe @ in_airframe)


def angles_of(rotations: Array) -> Array:
    """Camera-to-world rotations (N, 3, 3) -> yaw, pitch, roll in degrees, (N, 3); roll 0 straight down."""
    right, down, forward = rotations[..., 0], rotations[..., 1], rotations[..., 2]
    pitch = np.degrees(np.arcsin(np.clip(forward[:, 2], -1, 1)))
    steep = np.hypot(forward[:, 0], forward[:, 1]) < 1e-9
    yaw = np.where(
        steep, np.degrees(np.arctan2(-right[:, 1], right[:, 0])),
        np.degrees(np.arctan2(forward[:, 0], forward[:, 1])),
    )  # fmt: skip
    roll = np.where(steep, 0.0, np.degrees(np.arctan2(-right[:, 2], -down[:, 2])))
    return np.column_stack([yaw % 360.0, pitch, roll])
