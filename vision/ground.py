"""Boxes on the ground: where a thing stands, in metres, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from missions.geodesy import Array, LocalFrame
from missions.terrain import Terrain, ground_in
from vision.camera import CameraModel, Pose, project, rotation_camera_to_world, world_rays

STEPS = 6
CONVERGED_M = 0.3
MAX_RANGE_M = 600.0
LEAST_DIVE = 0.05
"""A ray must dip at least this much (sine) for its ground point to mean anything."""


@dataclass(frozen=True, slots=True)
class GroundView:
    """Pixels of one camera onto the terrain, in a local frame whose heights are above sea level."""

    camera: CameraModel
    frame: LocalFrame
    terrain: Terrain

    def heights(self, points: ArrayLike) -> Array:
        """Ground height (N,) in metres above sea level at (N, 2) east, north; NaN where unknown."""
        places = np.atleast_2d(np.asarray(points, float))
        return ground_in(self.frame, self.terrain)(places[:, 0], places[:, 1])

    def place(self, pose: Pose, pixels: ArrayLike, lift_m: ArrayLike = 0.0) -> Array:
        """East, north (N, 2) where the rays meet a surface ``lift_m`` above the ground; NaN where they miss.

        The ray of a box's middle meets the surface at half the thing's height exactly above the middle of its
        footprint, for any view from the horizon to straight down. The surface is found by repeated planes,
        which converge at once on all but cliffs.
        """
        points = np.atleast_2d(np.asarray(pixels, float))
        lift = np.broadcast_to(np.asarray(lift_m, float), (len(points),))
        if not len(points):
            return np.zeros((0, 2))
        origin = pose.position_in(self.frame)
        rays = world_rays(self.camera, pose, points)
        dive = np.where(rays[:, 2] < -LEAST_DIVE, rays[:, 2], np.nan)
        below = float(self.heights(origin[None, :2])[0])
        ground = np.full(len(points), below if np.isfinite(below) else 0.0)
        change = np.full(len(points), np.inf)
        places = np.full((len(points), 2), np.nan)
        for _ in range(STEPS):
            reach = (ground + lift - origin[2]) / dive
            reach = np.where((reach > 0) & (reach < MAX_RANGE_M), reach, np.nan)
            places = origin[:2] + reach[:, None] * rays[:, :2]
            found = self.heights(places)
            change = np.abs(found - ground)
            ground = np.where(np.isfinite(found), found, ground)
            if not (change > 0.01).any():
                break
        return np.asarray(np.where((change < CONVERGED_M)[:, None], places, np.nan))

    def metres_per_pixel(self, pose: Pose, places: ArrayLike) -> Array:
        """What a pixel spans across the view at ground points (N, 2): slant / f. NaN where none is known."""
        points = np.atleast_2d(np.asarray(places, float))
        origin = pose.position_in(self.frame)
        slant = np.hypot(np.linalg.norm(points - origin[:2], axis=1), origin[2] - self.heights(points))
        return np.asarray(slant / ((self.camera.fx_px + self.camera.fy_px) / 2))

    def covariance(self, pose: Pose, places: Array, sigma_px: ArrayLike) -> Array:
        """Error (N, 2, 2) m^2 of ground points caused by pixel errors of ``sigma_px`` alone.

        Across the view a pixel spans slant / f; along it slant^2 / (f x height).
        """
        origin = pose.position_in(self.frame)
        offset = places - origin[:2]
        away = np.linalg.norm(offset, axis=1)
        height = np.maximum(origin[2] - self.heights(places), 1.0)
        slant = np.hypot(away, height)
        focal = (self.camera.fx_px + self.camera.fy_px) / 2
        across = np.asarray(sigma_px, float) * slant / focal
        along = across * slant / height
        unit = offset / np.maximum(away, 1e-9)[:, None]
        outer = unit[:, :, None] * unit[:, None, :]
        return np.asarray(
            along[:, None, None] ** 2 * outer + across[:, None, None] ** 2 * (np.eye(2) - outer)
        )

    def pixels(self, pose: Pose, places: ArrayLike) -> Array:
        """Pixels (N, 2) of ground points (N, 2); NaN behind the camera."""
        points = np.atleast_2d(np.asarray(places, float))
        if not len(points):
            return np.zeros((0, 2))
        heights = self.heights(points)
        return project(self.camera, pose, self.frame, np.column_stack([points, heights]))[0]

    def foot_pixels(self, pose: Pose, boxes: Array) -> Array:
        """Where flames or smoke in boxes (N, 4) stand: pixels (N, 2).

        What is upright leans away from the point straight below the camera, so its foot is the end of the
        box that lies towards that point. The foot is taken to be as deep as it is wide: seen from above its
        middle lies half that depth inside, and straight down it is the middle of the box.
        """
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        rotation = rotation_camera_to_world(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        right, down, ahead = -rotation[2]
        axis = np.array([self.camera.fx_px * right, self.camera.fy_px * down])
        centre = np.array([self.camera.cx_px, self.camera.cy_px])
        away = axis + max(ahead, 1e-3) * (centre - middle)
        unit = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        with np.errstate(divide="ignore"):
            edge = (half / np.abs(unit)).min(axis=1)
        dive = np.sin(np.radians(np.clip(-pose.pitch_deg, 0, 90)))
        to_nadir = np.linalg.norm(away, axis=1) / max(ahead, 1e-3)
        inward = np.clip(edge - half[:, 0] * dive, 0, to_nadir)
        return np.asarray(middle + unit * inward[:, None])

    def in_view(self, pose: Pose, places: ArrayLike, margin_px: float = 0.0) -> Array:
        """Whether ground points (N, 2) lie inside the picture, shape (N,) bool."""
        pixels = self.pixels(pose, places)
        w, h = self.camera.width_px, self.camera.height_px
        with np.errstate(invalid="ignore"):
            inside = (pixels >= margin_px).all(1) & (pixels <= [w - margin_px, h - margin_px]).all(1)
        return np.asarray(inside)

    def geodetic(self, place: ArrayLike) -> tuple[float, float]:
        """Latitude, longitude of one east, north."""
        latitude, longitude, _ = self.frame.to_geodetic(np.atleast_2d(np.asarray(place, float)))[0]
        return float(latitude), float(longitude)
