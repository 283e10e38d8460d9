"""One look of the camera at the town: projection and visibility tests for whole arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import LocalFrame
from vision.camera import CameraModel, Pose, project, rotation_camera_to_world

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """A pose with its camera in the town's frame.

    ``rotation`` takes camera axes to the world, shape (3, 3).
    """

    camera: CameraModel
    pose: Pose
    frame: LocalFrame
    position: Array
    rotation: Array

    @classmethod
    def of(cls, camera: CameraModel, pose: Pose, frame: LocalFrame) -> View:
        rotation = rotation_camera_to_world(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        return cls(camera, pose, frame, pose.position_in(frame), np.asarray(rotation))

    @property
    def forward(self) -> Array:
        return np.asarray(self.rotation[:, 2])

    def project(self, points: Array) -> tuple[Array, Array]:
        """Points (N, 3) -> pixels (N, 2), NaN behind the camera, and depth (N,)."""
        return project(self.camera, self.pose, self.frame, points)

    def sees(self, points: Array, margin_m: float) -> NDArray[np.bool_]:
        """Whether balls of that radius about points (..., 3) touch the view (distortion neglected)."""
        c = self.camera
        local = (points - self.position) @ self.rotation
        left, right = c.cx_px / c.fx_px, (c.width_px - c.cx_px) / c.fx_px
        top, bottom = c.cy_px / c.fy_px, (c.height_px - c.cy_px) / c.fy_px
        x, y, z = local[..., 0], local[..., 1], local[..., 2]
        slack = [margin_m * float(np.hypot(1.0, tangent)) for tangent in (left, right, top, bottom)]
        seen = (
            (z > -margin_m) & (x > -left * z - slack[0]) & (x < right * z + slack[1])
            & (y > -top * z - slack[2]) & (y < bottom * z + slack[3])
        )  # fmt: skip
        return np.asarray(seen, bool)
