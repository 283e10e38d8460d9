"""Vehicle models: low-poly meshes in metres, x forward, y left, with colour slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BODY, GLASS, TYRE, LAMP, TAIL, TRIM, LOAD, FIXED = range(8)
SLOT_COLOURS = np.array([
    (0, 0, 0), (38, 46, 54), (30, 30, 32), (238, 238, 226), (168, 30, 28), (70, 72, 76), (0, 0, 0),
    (186, 188, 190),
], float)  # fmt: skip
"""Colours of the slots; BODY and LOAD are the vehicle's own."""


@dataclass(frozen=True, slots=True)
class Model:
    """Flat-shaded mesh: points (V, 3), normals (V, 3), faces (M, 3), slots (V,); size is length, width,
    height.
    """

    name: str
    category: str
    points: Array
    normals: Array
    faces: NDArray[np.intp]
    slots: NDArray[np.intp]
    size: tuple[float, float, float]


class _Sculptor:
    def __init__(self) -> None:
        self.quads: list[Array] = []
        self.slots: list[int] = []

    def quad(self, points: Array, slot: int) -> None:
        self.quads.append(np.asarray(points, float))
        self.slots.append(slot)

    def frustum(
        self, low: tuple[float, float, float, float], high: tuple[float, float, float, float],
        side: int, top: int,
        ends: tuple[int, int] | None = None, y: float = 0.0,
    ) -> None:  # fmt: skip
        """From (x0, x1, half width, z) to the same above it; ``ends`` are the slots of the rear and front
        faces.
        """
        x0, x1, w, z = low
        a0, a1, v, h = high
        base = np.array([(x0, y - w, z), (x1, y - w, z), (x1, y + w, z), (x0, y + w, z)])
        lid = np.array([(a0, y - v, h), (a1, y - v, h), (a1, y + v, h), (a0, y + v, h)])
        rear, front = ends or (side, side)
        for i, slot in ((0, side), (1, front), (2, side), (3, rear)):
            j = (i + 1) % 4
            self.quad(np.array([base[i], base[j], lid[j], lid[i]]), slot)
        self.quad(lid, top)

    def box(
        self,
        x: tuple[float, float],
        w: float,
        z: tuple[float, float],
        slot: int,
        y: float = 0.0,
        top: int | None = None,
    ) -> None:
        self.frustum((x[0], x[1], w, z[0]), (x[0], x[1], w, z[1]), slot, slot if top is None else top, y=y)

    def wheels(self, axles: tuple[float, ...], half: float, radius: float, width: float = 0.2) -> None:
        for x in axles:
            for s in (-1, 1):
                self.box((x - radius, x + radius), width / 2, (0.0, 1.75 * radius), TYRE, y=s * half)

    def model(self, name: str, category: str) -> Model:
        quads = np.array(self.quads)
        normals = np.cross(quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        k = np.arange(len(quads))[:, None, None] * 4
        faces = (k + np.array([[0, 1, 2], [0, 2, 3]])[None]).reshape(-1, 3)
        points = quads.reshape(-1, 3)
        size = points.max(0) - points.min(0)
        return Model(
            name, category, points, np.repeat(normals, 4, 0), faces, np.repeat(self.slots, 4),
            (float(size[0]), float(size[1]), float(size[2])),
        )  # fmt: skip


def _sedan(
    length: float, roof: tuple[float, float], cabin: tuple[float, float], height: float, name: str
) -> Model:
    s = _Sculptor()
    h, w = length / 2, 0.90
    s.frustum((-h + 0.1, h - 0.12, w - 0.05, 0.24), (-h, h, w, 0.58), BODY, BODY)
    s.frustum((-h, h, w, 0.58), (-h + 0.1, h - 0.32, w - 0.06, 0.9), BODY, BODY)
    s.frustum((cabin[0], cabin[1], w - 0.1, 0.9), (roof[0], roof[1], w - 0.27, height), GLASS, BODY)
    s.wheels((-0.29 * length, 0.3 * length), w - 0.08, 0.33)
    for side in (-1, 1):
        s.box((h - 0.25, h + 0.01), 0.17, (0.6, 0.78), LAMP, y=side * 0.62)
        s.box((-h - 0.01, -h + 0.16), 0.15, (0.66, 0.84), TAIL, y=side * 0.64)
    s.box((-h - 0.02, -h + 0.1), 0.24, (0.42, 0.56), LAMP)
    return s.model(name, "car")


def _van() -> Model:
    s = _Sculptor()
    s.frustum((-2.1, 2.1, 0.82, 0.26), (-2.12, 2.1, 0.84, 1.0), BODY, BODY)
    s.frustum((-2.12, 2.0, 0.84, 1.0), (-2.05, 1.35, 0.74, 1.72), GLASS, BODY)
    s.frustum((-2.05, 1.35, 0.74, 1.72), (-1.9, 1.2, 0.66, 1.86), BODY, BODY)
    s.wheels((-1.3, 1.35), 0.74, 0.3)
    for side in (-1, 1):
        s.box((1.95, 2.12), 0.14, (0.62, 0.8), LAMP, y=side * 0.6)
        s.box((-2.14, -2.0), 0.1, (0.8, 1.1), TAIL, y=side * 0.7)
    return s.model("van", "car")


def _bus() -> Model:
    s = _Sculptor()
    s.box((-5.2, 5.2), 1.24, (0.3, 1.25), BODY)
    s.box((-5.18, 5.18), 1.22, (1.25, 2.35), GLASS)
    s.frustum((-5.2, 5.2, 1.24, 2.35), (-5.1, 5.05, 1.12, 3.0), BODY, FIXED)
    s.box((-2.6, 0.4), 0.8, (3.0, 3.2), LAMP)
    s.box((2.2, 3.4), 0.5, (3.0, 3.12), TRIM)
    for x in (-3.4, -1.2, 1.0, 3.0):
        s.box((x, x + 0.14), 1.245, (1.25, 2.35), BODY)
    s.wheels((-3.2, 3.3), 1.14, 0.46, 0.3)
    for side in (-1, 1):
        s.box((5.1, 5.24), 0.2, (0.6, 0.85), LAMP, y=side * 0.9)
        s.box((-5.24, -5.1), 0.15, (0.6, 1.1), TAIL, y=side * 1.0)
    return s.model("bus", "bus")


def _truck(open_bed: bool) -> Model:
    s = _Sculptor()
    s.box((-3.6, 3.4), 0.5, (0.6, 0.85), TRIM)
    s.frustum((1.75, 3.55, 1.12, 0.5), (1.75, 3.5, 1.12, 1.35), BODY, BODY)
    s.frustum((1.75, 3.5, 1.12, 1.35), (1.85, 3.15, 1.02, 2.2), GLASS, BODY, ends=(BODY, GLASS))
    if open_bed:
        s.box((-3.7, 1.6), 1.18, (0.85, 1.0), BODY)
        for side in (-1.14, 1.14):
            s.box((-3.7, 1.6), 0.05, (1.0, 1.55), BODY, y=side)
        s.box((1.5, 1.6), 1.18, (1.0, 2.0), BODY)
        s.box((-3.7, -3.6), 1.18, (1.0, 1.55), BODY)
        s.frustum((-3.5, 1.4, 1.05, 1.0), (-3.0, 0.9, 0.7, 1.7), LOAD, LOAD)
    else:
        s.box((-3.7, 1.6), 1.18, (0.9, 3.0), LOAD)
        s.box((-3.72, -3.68), 1.1, (1.0, 2.9), FIXED)
    s.wheels((-2.4, -1.3, 2.6), 1.0, 0.42, 0.3)
    for side in (-1, 1):
        s.box((3.45, 3.58), 0.16, (0.75, 0.95), LAMP, y=side * 0.9)
    return s.model("truck_open" if open_bed else "truck_box", "truck")


def _scooter(canopy: bool) -> Model:
    s = _Sculptor()
    for x in (-0.58, 0.62):
        s.box((x - 0.22, x + 0.22), 0.06, (0.0, 0.44), TYRE)
    s.frustum((-0.75, -0.05, 0.15, 0.3), (-0.8, 0.0, 0.17, 0.68), BODY, BODY)
    s.box((-0.78, -0.02), 0.16, (0.68, 0.8), TYRE)
    s.box((-0.1, 0.42), 0.15, (0.26, 0.36), TRIM)
    s.frustum((0.36, 0.52, 0.18, 0.3), (0.3, 0.44, 0.16, 1.0), BODY, BODY)
    s.box((0.32, 0.4), 0.34, (0.98, 1.06), TYRE)
    s.box((0.42, 0.54), 0.1, (0.78, 0.94), LAMP)
    s.box((-1.0, -0.76), 0.19, (0.7, 1.0), TRIM)
    if canopy:
        s.frustum((-0.85, 0.75, 0.42, 1.98), (-0.6, 0.5, 0.26, 2.1), LOAD, LOAD)
        s.box((0.38, 0.42), 0.02, (1.0, 2.0), FIXED)
    return s.model("scooter_canopy" if canopy else "scooter", "motorcycle")


def _bicycle() -> Model:
    s = _Sculptor()
    for x in (-0.52, 0.52):
        t = np.arange(8) * np.pi / 4
        for k in range(8):
            a, b = t[k], t[(k + 1) % 8]
            points = [
                (x + r * np.cos(w), 0.0, 0.33 + r * np.sin(w))
                for r, w in ((0.33, a), (0.33, b), (0.25, b), (0.25, a))
            ]
            s.quad(np.array(points), TYRE)
    s.box((-0.5, 0.4), 0.035, (0.5, 0.58), BODY)
    s.box((-0.2, -0.12), 0.03, (0.3, 0.86), BODY)
    s.box((-0.32, -0.04), 0.09, (0.86, 0.93), TYRE)
    s.box((0.36, 0.43), 0.28, (0.92, 0.98), TRIM)
    s.box((0.4, 0.46), 0.03, (0.4, 0.95), BODY)
    s.frustum((0.5, 0.78, 0.14, 0.66), (0.5, 0.82, 0.17, 0.9), FIXED, TRIM)
    return s.model("bicycle", "bicycle")


@cache
def models() -> tuple[Model, ...]:
    """All models; a vehicle refers to its model by index."""
    return (
        _sedan(4.6, (-1.05, 0.25), (-1.75, 1.0), 1.45, "sedan"),
        _sedan(4.55, (-1.75, 0.2), (-2.1, 1.0), 1.68, "suv"),
        _sedan(3.9, (-1.35, 0.25), (-1.75, 0.95), 1.52, "hatch"),
        _van(), _bus(), _truck(False), _truck(True), _scooter(False), _scooter(True), _bicycle(),
    )  # fmt: skip


def model_index(name: str) -> int:
    return next(i for i, model in enumerate(models()) if model.name == name)
