"""People as articulated low-poly bodies: one template, posed for everybody at once with NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drone.sim.meshes import icosphere

Array = NDArray[np.float64]

SKIN, TOP, BOTTOM, HAIR, SHOES, EXTRA = range(6)
HIP_M, KNEE_M, SHOULDER_M, ELBOW_M = 0.90, 0.48, 1.40, 1.12
SKIRT, LONG_HAIR, HAT, BAG = range(4)


class Joints(NamedTuple):
    """Angles (N,) in radians. Hips and shoulders: forward positive. Knees and elbows: bend positive. Spread:
    arms
    away from the body. Lean: trunk forward. Drop: metres that the hips are lowered by."""

    hip_left: Array
    hip_right: Array
    knee_left: Array
    knee_right: Array
    shoulder_left: Array
    shoulder_right: Array
    elbow_left: Array
    elbow_right: Array
    spread_left: Array
    spread_right: Array
    lean: Array
    drop: Array

    @classmethod
    def rest(cls, count: int) -> Joints:
        """Arms hanging, standing straight."""
        joints = cls(*(np.zeros(count) for _ in cls._fields))
        joints.elbow_left[:] = joints.elbow_right[:] = 0.15
        joints.spread_left[:] = joints.spread_right[:] = 0.09
        return joints


@dataclass(frozen=True, slots=True)
class _Part:
    limb: str
    points: Array
    normals: Array
    faces: NDArray[np.intp]
    slot: int
    option: int = -1


def _tube(
    low: float, high: float, r_low: tuple[float, float], r_high: tuple[float, float], sides: int = 6
) -> tuple[Array, Array, NDArray[np.intp]]:
    """A capped prism along z with elliptic ends (x, y radii)."""
    t = np.arange(sides) * 2 * np.pi / sides + np.pi / sides
    ring = np.column_stack([np.cos(t), np.sin(t)])
    points = np.vstack([
        np.column_stack([ring * r_low, np.full(sides, low)]), np.column_stack([ring * r_high,
        np.full(sides, high)]),
        [[0, 0, high]],
    ])  # fmt: skip
    side = np.column_stack([ring, np.zeros(sides)])
    up = side * [1, 1, 0] + [0, 0, 0.5]
    normals = np.vstack([side, up / np.linalg.norm(up, axis=1, keepdims=True), [[0, 0, 1.0]]])
    k = np.arange(sides)
    j = (k + 1) % sides
    faces = np.vstack(
        [
            np.column_stack([k, j, j + sides]),
            np.column_stack([k, j + sides, k + sides]),
            np.column_stack([k + sides, j + sides, np.full(sides, 2 * sides)]),
        ]
    )
    return points, normals, faces


def _ball(
    radii: tuple[float, float, float], centre: tuple[float, float, float], cut: float = -2.0
) -> tuple[Array, Array, NDArray[np.intp]]:
    unit, faces = icosphere(1)
    if cut > -1.5:
        faces = faces[(unit[faces] @ [-0.45, 0.0, 1.0]).mean(1) > cut]
    return unit * radii + centre, unit, faces


def _template() -> list[_Part]:
    parts = []

    def add(
        limb: str, shape: tuple[Array, Array, NDArray[np.intp]], slot: int, option: int = -1, y: float = 0.0
    ) -> None:
        parts.append(_Part(limb, shape[0] + [0, y, 0], shape[1], shape[2], slot, option))

    add("trunk", _tube(-0.04, 0.22, (0.115, 0.155), (0.11, 0.15)), BOTTOM)
    add("trunk", _tube(0.06, 0.36, (0.12, 0.16), (0.13, 0.20)), TOP)
    add("trunk", _tube(0.36, 0.55, (0.13, 0.20), (0.075, 0.13)), TOP)
    add("trunk", _ball((0.105, 0.085, 0.125), (0.02, 0, 0.70)), SKIN)
    add("trunk", _ball((0.122, 0.105, 0.135), (0.005, 0, 0.725), 0.05), HAIR)
    add("trunk", _tube(0.42, 0.72, (0.05, 0.09), (0.07, 0.10)), HAIR, LONG_HAIR)
    add("trunk", _tube(0.79, 0.90, (0.24, 0.24), (0.03, 0.03)), EXTRA, HAT)
    add("trunk", _tube(0.10, 0.42, (0.09, 0.13), (0.09, 0.13)), EXTRA, BAG)
    add("trunk", _tube(-0.42, 0.12, (0.21, 0.24), (0.13, 0.16)), BOTTOM, SKIRT)
    for sign, name in ((1, "left"), (-1, "right")):
        add(f"thigh_{name}", _tube(-0.42, 0.05, (0.065, 0.065), (0.09, 0.09), 5), BOTTOM)
        add(f"shin_{name}", _tube(-0.41, 0.02, (0.05, 0.05), (0.065, 0.065), 5), BOTTOM)
        add(f"shin_{name}", _tube(-0.48, -0.39, (0.12, 0.05), (0.07, 0.05), 5), SHOES)
        add(f"arm_{name}", _tube(-0.28, 0.04, (0.045, 0.045), (0.062, 0.062), 5), TOP, y=0.03 * sign)
        add(f"forearm_{name}", _tube(-0.27, 0.01, (0.036, 0.036), (0.044, 0.044), 5), SKIN, y=0.03 * sign)
    return parts


PARTS = _template()
VERTICES = sum(len(part.points) for part in PARTS)
_STARTS = np.cumsum([0] + [len(part.points) for part in PARTS])
FACES = np.vstack([part.faces + start for part, start in zip(PARTS, _STARTS, strict=False)])
SLOTS = np.concatenate([np.full(len(part.points), part.slot) for part in PARTS])
# The bag hangs on the back and long hair falls behind the head.
for _part in PARTS:
    if _part.option in (BAG, LONG_HAIR):
        _part.points[:, 0] -= 0.19 if _part.option == BAG else 0.09


def _swing(points: Array, angle: Array) -> Array:
    """Rotate (N, V, 3) about y: what hangs down moves forward by ``angle`` (N,)."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, z = points[..., 0], points[..., 2]
    return np.stack([x * c - z * s, points[..., 1], x * s + z * c], -1)


def _spread(points: Array, angle: Array) -> Array:
    """Rotate (N, V, 3) about x: what hangs down moves to +y by ``angle`` (N,)."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    y, z = points[..., 1], points[..., 2]
    return np.stack([points[..., 0], y * c - z * s, y * s + z * c], -1)


def pose_bodies(
    joints: Joints, stature: Array, options: NDArray[np.bool_], heading: Array
) -> tuple[Array, Array]:
    """Vertices (N, V, 3) about the point between the feet, and unit normals (N, V, 3).

    Args:
        joints: N poses.
        stature: body heights in metres, (N,).
        options: skirt, long hair, hat, bag; (N, 4).
        heading: mathematical angle that the body faces, (N,).
    """
    n = len(stature)
    points, normals = np.empty((n, VERTICES, 3)), np.empty((n, VERTICES, 3))
    for part, start in zip(PARTS, _STARTS, strict=False):
        window = np.s_[:, start : start + len(part.points)]
        p = np.broadcast_to(part.points, (n, *part.points.shape))
        if part.option >= 0:
            p = p * np.where(options[:, part.option], 1.0, 0.0)[:, None, None]
        points[window] = _place(part.limb, p, joints, 1.0)
        normals[window] = _place(part.limb, np.broadcast_to(part.normals, p.shape), joints, 0.0)
    points[..., 2] -= joints.drop[:, None]
    points *= (stature / 1.74)[:, None, None]
    c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
    for array in (points, normals):
        x, y = array[..., 0].copy(), array[..., 1].copy()
        array[..., 0], array[..., 1] = x * c - y * s, x * s + y * c
    return points, normals


def _place(limb: str, p: Array, joints: Joints, unit: float) -> Array:
    """Carry a part from its joint into the body; with ``unit`` 0 only turn it (normals)."""
    if limb == "trunk":
        return _swing(p, -joints.lean) + np.array([0, 0, HIP_M]) * unit
    name, side = limb.split("_")
    sign = 1.0 if side == "left" else -1.0
    if name in ("thigh", "shin"):
        hip = joints.hip_left if side == "left" else joints.hip_right
        if name == "shin":
            knee = joints.knee_left if side == "left" else joints.knee_right
            p = _swing(p, -knee) + np.array([0, 0, KNEE_M - HIP_M]) * unit
        return _swing(p, hip) + np.array([0, 0.095 * sign, HIP_M]) * unit
    shoulder = joints.shoulder_left if side == "left" else joints.shoulder_right
    if name == "forearm":
        elbow = joints.elbow_left if side == "left" else joints.elbow_right
        p = _swing(p, elbow) + np.array([0, 0, ELBOW_M - SHOULDER_M]) * unit
    spread = (joints.spread_left if side == "left" else joints.spread_right) * sign
    p = _swing(_spread(p, spread), shoulder) + np.array([0, 0.19 * sign, SHOULDER_M - HIP_M]) * unit
    return _swing(p, -joints.lean) + np.array([0, 0, HIP_M]) * unit
