"""One frame of a camera onto the lattice of the ledger: which squares it shows, and how finely.

Conventions are those of ``vision.camera`` (pixels from the top-left corner, the camera looks along +z with x
to the right and y down, yaw from true north, pitch -90 straight down), without its libraries. One pixel at
depth z (along the optical axis) of a camera at height h over level ground shows z^3 / (fx fy h) square
metres: the solid angle cos^3(a) / (fx fy), spread over slant^2 and the slant of the ground. Its square root
is the ground sample distance, the geometric mean of both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array

Mask = NDArray[np.bool_]
BORDER_POINTS = 8
UNDISTORT_STEPS = 20


class Lens(Protocol):
    """Intrinsics of a frame: ``missions.messages.CameraMessage`` and ``vision.camera.CameraModel`` alike."""

    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def fx_px(self) -> float: ...
    @property
    def fy_px(self) -> float: ...
    @property
    def cx_px(self) -> float: ...
    @property
    def cy_px(self) -> float: ...
    @property
    def distortion(self) -> tuple[float, float, float, float, float]: ...


class Stance(Protocol):
    """Where a camera was and looked: ``missions.messages.PoseMessage`` and ``vision.camera.Pose`` alike."""

    @property
    def latitude(self) -> float: ...
    @property
    def longitude(self) -> float: ...
    @property
    def altitude_amsl_m(self) -> float: ...
    @property
    def yaw_deg(self) -> float: ...
    @property
    def pitch_deg(self) -> float: ...
    @property
    def roll_deg(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera in a local frame: ``position`` (3,), ``axes`` (3, 3) whose columns are right, down and
    ahead."""

    lens: Lens
    position: Array
    axes: Array

    def pixels(self, places: Array) -> tuple[Array, Array]:
        """Pixels (N, 2), NaN behind the camera, and depth (N,) in metres of places (N, 3)."""
        local = (places - self.position) @ self.axes
        depth = local[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            tangents = np.where(depth[:, None] > 0.1, local[:, :2] / depth[:, None], np.nan)
        if any(self.lens.distortion):
            widest = widest_tangent(self.lens)
            with np.errstate(invalid="ignore"):
                beyond = np.hypot(tangents[:, 0], tangents[:, 1]) > widest
            tangents = distorted(np.where(beyond[:, None], np.nan, tangents), self.lens)
        lens = self.lens
        return tangents * [lens.fx_px, lens.fy_px] + [lens.cx_px, lens.cy_px], depth

    def border_rays(self) -> Array:
        """Directions (32, 3) through the border of the picture."""
        steps = np.linspace(0, 1, BORDER_POINTS, endpoint=False)
        w, h = self.lens.width_px, self.lens.height_px
        zero, one = np.zeros(BORDER_POINTS), np.ones(BORDER_POINTS)
        border = np.vstack([
            np.column_stack([steps, zero]), np.column_stack([one, steps]),
            np.column_stack([1 - steps, one]), np.column_stack([zero, 1 - steps]),
        ]) * [w, h]  # fmt: skip
        tangents = undistorted(border, self.lens)
        return np.asarray(np.column_stack([tangents, np.ones(len(tangents))]) @ self.axes.T)

    def bounds(
        self, lowest_m: float, highest_m: float, reach_m: float
    ) -> tuple[float, float, float, float] | None:
        """West, south, east, north in metres of all ground in view between two heights; None when there is
        none.

        Args:
            reach_m: ground further away, measured along the ground, is left out.
        """
        rays = self.border_rays()
        flat = np.hypot(rays[:, 0], rays[:, 1])
        corners = []
        for level in (lowest_m, highest_m):
            drop = self.position[2] - level
            if drop <= 0:
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                distance = np.where(rays[:, 2] < -1e-6, flat * drop / -rays[:, 2], np.inf)
            away = np.minimum(distance, reach_m)[:, None] * rays[:, :2] / np.maximum(flat, 1e-9)[:, None]
            # A ray at or above the horizon sees no ground, but its neighbours see all the way out.
            corners.append(self.position[:2] + away)
        if not corners or not (rays[:, 2] < -1e-6).any():
            return None
        points = np.vstack(corners)
        if self.axes[2, 2] < -0.7:
            points = np.vstack([points, self.position[:2]])
        (west, south), (east, north) = points.min(0), points.max(0)
        return float(west), float(south), float(east), float(north)


def axes_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Array:
    """Right, down and ahead of a camera as the columns (3, 3) of east-north-up."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    ahead = np.array([np.cos(pitch) * np.sin(yaw), np.cos(pitch) * np.cos(yaw), np.sin(pitch)])
    level_right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    level_down = np.cross(ahead, level_right)
    right = level_right * np.cos(roll) + level_down * np.sin(roll)
    down = -level_right * np.sin(roll) + level_down * np.cos(roll)
    return np.column_stack([right, down, ahead])


def inside_picture(lens: Lens, pixels: Array) -> Mask:
    """Which pixels (N, 2) lie within the picture."""
    with np.errstate(invalid="ignore"):
        inside = (pixels >= 0).all(1) & (pixels <= [lens.width_px, lens.height_px]).all(1)
    return np.asarray(inside)


def ground_sample_distance_m(lens: Lens, depth: Array, height: Array) -> Array:
    """Metres of level ground for a pixel (N,): geometric mean of both directions.

    Args:
        depth: along the optical axis (N,). height: of the camera over the ground there (N,).
    """
    return np.asarray(np.sqrt(depth**3 / (lens.fx_px * lens.fy_px * np.maximum(height, 0.1))))


def distorted(tangents: Array, lens: Lens) -> Array:
    """Ideal tangents (N, 2) -> as the lens bends them (Brown and Conrady, as in OpenCV)."""
    k1, k2, p1, p2, k3 = lens.distortion
    x, y = tangents[:, 0], tangents[:, 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.column_stack([
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ])  # fmt: skip


def undistorted(pixels: Array, lens: Lens) -> Array:
    """Pixels (N, 2) -> ideal tangents (N, 2), by fixed-point iteration."""
    bent = (pixels - [lens.cx_px, lens.cy_px]) / [lens.fx_px, lens.fy_px]
    if not any(lens.distortion):
        return np.asarray(bent)
    straight = bent.copy()
    for _ in range(UNDISTORT_STEPS):
        straight = straight + (bent - distorted(straight, lens))
    return np.asarray(straight)


def widest_tangent(lens: Lens) -> float:
    """The tangent of the widest ray of the picture; beyond it the polynomial of distortion means nothing."""
    w, h = lens.width_px, lens.height_px
    corners = np.array([(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)])
    return float(np.hypot(*undistorted(corners, lens).T).max() * 1.02)
