"""Which ground a tilted camera sees from the air, in local metres.

The picture of a level horizon-up camera on flat ground is a trapezium ahead of the aircraft: ``near`` is its
bottom row, ``far`` its top row. A ray that leaves the picture centre by ``t`` (tangent of the angle, positive
downwards) with the camera tilted ``d`` below the horizon meets the ground at ``h (cos d - t sin d) /
(sin d + t cos d)`` ahead, and one pixel column at tangent ``x`` lies ``h x / (sin d + t cos d)`` to the side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from missions.errors import CameraLooksUp, TooFine
from missions.geodesy import Array
from missions.plan import PlanCamera
from missions.terrain import GroundHeight

USABLE_REACH = 4.0
"""Ground further ahead than this many heights is not counted as seen: it is too coarse to judge."""
RELIEF_ITERATIONS = 12
EXPOSURE_S = 1 / 250
HEIGHT_MARGIN, LOWEST_M = 0.9, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The trapezium of seen ground per metre of height: distances ahead and half widths of both rows."""

    near: float
    far: float
    near_half: float
    far_half: float

    def at(self, height_m: float) -> View:
        """The same view from that height, in metres."""
        return View(
            near=self.near * height_m, far=self.far * height_m,
            near_half=self.near_half * height_m, far_half=self.far_half * height_m,
        )  # fmt: skip

    @property
    def swath_m(self) -> float:
        """Guaranteed width across the track: that of the nearest row."""
        return 2 * self.near_half

    @property
    def depth_m(self) -> float:
        return self.far - self.near


def view_of(camera: PlanCamera) -> View:
    """The view of a camera from one metre.

    Raises:
        CameraLooksUp: no usable ground is in the picture.
    """
    tilt = math.radians(-camera.pitch_deg)
    across = math.tan(math.radians(camera.horizontal_fov_deg) / 2)
    half = across * camera.height_px / camera.width_px
    bottom = math.sin(tilt) + half * math.cos(tilt)
    near = (math.cos(tilt) - half * math.sin(tilt)) / bottom if bottom > 1e-6 else math.inf
    if near > USABLE_REACH / 2:
        raise CameraLooksUp(
            f"at a pitch of {camera.pitch_deg:g} degrees camera {camera.name} sees too little ground: "
            "tilt it further down (towards -90)"
        )
    top = math.sin(tilt) - half * math.cos(tilt)
    far = (math.cos(tilt) + half * math.sin(tilt)) / top if top > 1e-6 else math.inf
    if far > USABLE_REACH:
        far = USABLE_REACH
        row = (math.cos(tilt) - far * math.sin(tilt)) / (far * math.cos(tilt) + math.sin(tilt))
        top = math.sin(tilt) + row * math.cos(tilt)
    return View(near=near, far=far, near_half=across / bottom, far_half=across / top)


def ground_sample_distances_m(camera: PlanCamera, height_m: float) -> tuple[float, float, float]:
    """Metres of level ground for a pixel in the nearest, the middle and the farthest row that is counted.

    The geometric mean of both directions: a row at ``s = sin d + t cos d`` shows ``h / (f s)`` across and
    ``h / (f s^2)`` along the look, with the focal length ``f`` in pixels.
    """
    view = view_of(camera)
    across = math.tan(math.radians(camera.horizontal_fov_deg) / 2)
    focal_px = camera.width_px / 2 / across
    rows = (across / view.near_half, math.sin(math.radians(-camera.pitch_deg)), across / view.far_half)
    nearest, middle, farthest = (height_m / focal_px / math.pow(max(row, 1e-6), 1.5) for row in rows)
    return nearest, min(middle, farthest), farthest


def height_for_fineness_m(
    camera: PlanCamera, fineness_m: float, speed_m_s: float, exposure_s: float = EXPOSURE_S
) -> float:
    """How high above level ground a camera may fly so that what it sweeps is seen at this fineness.

    The middle row decides, since all swept ground passes it: from a height h its pixels cover
    ``h / (f sin(tilt)^1.5)`` of ground (``docs/ledger.md``), and flying on blurs by ``speed * exposure``;
    both add up as squares. ``HEIGHT_MARGIN`` is left for heights that are not held exactly and for relief.

    Args:
        camera: the pitch must lie below the horizon. fineness_m: metres of ground for a pixel, with blur.

    Raises:
        TooFine: at this speed the blur alone is coarser, or the height would be below ``LOWEST_M``.
    """
    blur_m = speed_m_s * exposure_s
    sharp_m = math.sqrt(max(fineness_m**2 - blur_m**2, 0.0))
    focal_px = camera.width_px / 2 / math.tan(math.radians(camera.horizontal_fov_deg) / 2)
    steepness = max(math.sin(math.radians(-camera.pitch_deg)), 0.0)
    height_m = HEIGHT_MARGIN * sharp_m * focal_px * math.pow(steepness, 1.5)
    if height_m < LOWEST_M:
        raise TooFine(
            f"for {fineness_m * 100:g} cm a pixel camera {camera.name} would have to fly at {height_m:.0f} m "
            f"and {speed_m_s:g} m/s: take a finer camera, fly slower, or give the height yourself"
        )
    return height_m


def swept(view: View, starts: Array, ends: Array) -> Any:
    """Ground seen while flying straight from each start to each end (N, 2) over flat ground.

    The trapezium is convex, so what it sweeps along a straight line is the hull of its two end positions.

    Returns:
        An array of N shapely polygons.
    """
    corners = _corners(view, starts, ends)
    both = np.concatenate([starts[:, None, :] + corners, ends[:, None, :] + corners], axis=1)
    return _hulls(both)


def seen_over_relief(view: View, tracks: Sequence[Array], ground: GroundHeight) -> list[Any]:
    """Ground seen along straight lanes over relief.

    Args:
        view: per metre of height (``view_of``).
        tracks: of each lane the positions (K, 3), K > 1, up in the same heights as ``ground``.

    Returns:
        One polygon for each lane.
    """
    if not tracks:
        return []
    track = np.vstack(tracks)
    lane = np.repeat(np.arange(len(tracks)), [len(each) for each in tracks])
    directions = np.vstack([np.broadcast_to(t[-1, :2] - t[0, :2], (len(t), 2)) for t in tracks])
    corners = _corners(view, np.zeros_like(directions), directions)
    below = ground(track[:, 0], track[:, 1])
    height = np.repeat((track[:, 2] - below)[:, None], 4, axis=1)
    for _ in range(RELIEF_ITERATIONS):
        points = track[:, None, :2] + corners * height[..., None]
        there = ground(points[..., 0].ravel(), points[..., 1].ravel()).reshape(height.shape)
        target = np.maximum(track[:, 2:3] - np.where(np.isnan(there), below[:, None], there), 1.0)
        height = (height + target) / 2
    points = track[:, None, :2] + corners * height[..., None]
    same = lane[:-1] == lane[1:]
    hulls = _hulls(np.concatenate([points[:-1], points[1:]], axis=1)[same])
    return [shapely.union_all(hulls[lane[:-1][same] == number]) for number in range(len(tracks))]


def _corners(view: View, starts: Array, ends: Array) -> Array:
    """Offsets (N, 4, 2) of the trapezium's corners for aircraft that face from start to end."""
    delta = ends - starts
    unit = delta / np.maximum(np.hypot(delta[:, 0], delta[:, 1]), 1e-9)[:, None]
    right = np.column_stack([unit[:, 1], -unit[:, 0]])
    rows: Sequence[tuple[float, float]] = (
        (view.near, -view.near_half), (view.near, view.near_half),
        (view.far, view.far_half), (view.far, -view.far_half),
    )  # fmt: skip
    return np.stack([ahead * unit + side * right for ahead, side in rows], axis=1)


def _hulls(points: Array) -> Any:
    """Convex hulls of (N, K, 2) point sets."""
    count, size, _ = points.shape
    flat = shapely.points(points.reshape(-1, 2))
    return shapely.convex_hull(shapely.multipoints(flat, indices=np.repeat(np.arange(count), size)))
