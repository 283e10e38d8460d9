"""Triangles for the renderer: builders that gather coloured, textured faces into Panda3D geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import Geom, GeomTriangles, GeomVertexData, GeomVertexFormat

from drone.sim.geometry import Place
from drone.sim.look import Look

Array = NDArray[np.float64]
VERTEX = np.dtype([("position", "<f4", 3), ("colour", "u1", 4), ("uv", "<f4", 2)])
QUAD = np.array([[0, 1, 2], [0, 2, 3]])
FULL = (1.0, 1.0, 1.0, 1.0)
FOOT = (0.82, 0.82, 1.0, 1.0)
NO_UV = ((0.0, 0.0),) * 4


def make_geom(vertices: NDArray[Any], triangles: NDArray[Any], *, dynamic: bool = False) -> tuple[Any, Any]:
    """Panda3D ``(Geom, GeomVertexData)`` from records of ``VERTEX`` and (M, 3) indices."""
    usage = Geom.UHDynamic if dynamic else Geom.UHStatic
    data = GeomVertexData("mesh", GeomVertexFormat.getV3c4t2(), usage)
    data.uncleanSetNumRows(len(vertices))
    memoryview(data.modifyArray(0)).cast("B")[:] = vertices.tobytes()
    primitive = GeomTriangles(Geom.UHStatic)
    primitive.setIndexType(Geom.NTUint32)
    index = primitive.modifyVertices()
    index.uncleanSetNumRows(triangles.size)
    memoryview(index).cast("B")[:] = np.ascontiguousarray(triangles, np.uint32).tobytes()
    geom = Geom(data)
    geom.addPrimitive(primitive)
    return geom, data


class MeshBuilder:
    """Gathers faces whose light is baked into their vertex colours.

    Light is worked out for all at once at the end.
    """

    def __init__(self, look: Look) -> None:
        self.look = look
        self._meshes: list[tuple[Array, NDArray[Any], Array, Array | None]] = []
        self._corners: list[Sequence[Sequence[float]]] = []
        self._paint: list[Sequence[float]] = []
        self._uv: list[Sequence[Sequence[float]]] = []
        self._light: list[Sequence[float]] = []

    def __len__(self) -> int:
        return len(self._meshes) + len(self._corners)

    def add(self, points: Array, triangles: ArrayLike, colours: Array, uv: Array | None = None) -> None:
        """Add vertices (N, 3) with RGB colours (N, 3) already lit, and triangles (M, 3)."""
        self._meshes.append((points, np.asarray(triangles), colours, uv))

    def quad(
        self, points: Sequence[Sequence[float]] | Array, colour: Sequence[float] | Array,
        uv: Sequence[Sequence[float]] | Array | None = None, *, light: Sequence[float] = FULL,
    ) -> None:  # fmt: skip
        """A quadrilateral, counter-clockwise seen from outside; lit by its normal times ``light`` per
        corner.
        """
        self._corners.append(points)  # type: ignore[arg-type]
        self._paint.append(colour)  # type: ignore[arg-type]
        self._uv.append(NO_UV if uv is None else uv)  # type: ignore[arg-type]
        self._light.append(light)

    def triangle(self, points: Sequence[Sequence[float]] | Array, colour: Sequence[float] | Array) -> None:
        a, b, c = points
        self.quad([a, b, c, c], colour)

    def box(
        self, place: Place, base: float, size: tuple[float, float, float], colour: Sequence[float] | Array,
        top: Sequence[float] | Array | None = None,
    ) -> None:  # fmt: skip
        """An upright box (u, v, height) centred at ``place``, without a floor."""
        c, s = math.cos(place.angle), math.sin(place.angle)
        a, b = size[0] / 2, size[1] / 2
        ring = [
            (place.east + u * c - v * s, place.north + u * s + v * c)
            for u, v in ((-a, -b), (a, -b), (a, b), (-a, b))
        ]
        self.prism(ring, base, base + size[2], colour, colour if top is None else top)

    def prism(
        self, ring: Sequence[tuple[float, float]], low: float, high: float, colour: Sequence[float] | Array,
        top: Sequence[float] | Array | None,
    ) -> None:  # fmt: skip
        """Walls round a counter-clockwise ring, darker at the foot, and a flat top unless ``top`` is None."""
        n = len(ring)
        for k in range(n):
            (x0, y0), (x1, y1) = ring[k], ring[(k + 1) % n]
            self.quad([(x0, y0, low), (x1, y1, low), (x1, y1, high), (x0, y0, high)], colour, light=FOOT)
        if top is None:
            return
        lid = [(x, y, high) for x, y in ring]
        for k in range(1, n - 1, 2):
            self.quad([lid[0], lid[k], lid[k + 1], lid[min(k + 2, n - 1)]], top)

    def cylinder(
        self,
        place: Place,
        base: float,
        radius: float,
        height: float,
        colour: Sequence[float],
        *,
        sides: int = 8,
    ) -> None:
        t = [k * 2 * math.pi / sides for k in range(sides)]
        ring = [(place.east + radius * math.cos(w), place.north + radius * math.sin(w)) for w in t]
        self.prism(ring, base, base + height, colour, colour)

    def cone(
        self, place: Place, base: float, radius: float, height: float, colour: Sequence[float], sides: int = 8
    ) -> None:
        t = [k * 2 * math.pi / sides for k in range(sides + 1)]
        ring = [(place.east + radius * math.cos(w), place.north + radius * math.sin(w), base) for w in t]
        tip = (place.east, place.north, base + height)
        for k in range(sides):
            shade = 1.0 if k % 2 else 0.86
            self.triangle([ring[k], ring[k + 1], tip], [shade * v for v in colour])

    def geom(self) -> Any:
        """Everything gathered, as one Panda3D ``Geom``."""
        vertices, triangles, count = [], [], 0
        if self._corners:
            vertices.append(self._lit_quads())
            count = len(vertices[0])
            triangles.append((np.arange(count // 4)[:, None, None] * 4 + QUAD).reshape(-1, 3))
        for points, faces, colours, uv in self._meshes:
            records = np.zeros(len(points), VERTEX)
            records["position"] = points
            records["colour"][:, :3] = np.clip(colours, 0, 255)
            records["colour"][:, 3] = 255
            if uv is not None:
                records["uv"] = uv
            vertices.append(records)
            triangles.append(faces + count)
            count += len(points)
        return make_geom(np.concatenate(vertices), np.concatenate(triangles))[0]

    def _lit_quads(self) -> NDArray[Any]:
        corners = np.array(self._corners, float)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        light = self.look.shade(normals)[:, None] * np.array(self._light, float)
        records = np.zeros(len(corners) * 4, VERTEX)
        records["position"] = corners.reshape(-1, 3)
        colours = light[..., None] * np.array(self._paint, float)[:, None, :]
        records["colour"][:, :3] = np.clip(colours, 0, 255).reshape(-1, 3)
        records["colour"][:, 3] = 255
        records["uv"] = np.array(self._uv, float).reshape(-1, 2)
        return records


def icosphere(levels: int = 1) -> tuple[Array, NDArray[np.intp]]:
    """Unit sphere: vertices (N, 3), triangles (M, 3); 42 and 80 at level 1."""
    g = (1 + 5**0.5) / 2
    points = [
        (-1, g, 0),
        (1, g, 0),
        (-1, -g, 0),
        (1, -g, 0),
        (0, -1, g),
        (0, 1, g),
        (0, -1, -g),
        (0, 1, -g),
        (g, 0, -1),
        (g, 0, 1),
        (-g, 0, -1),
        (-g, 0, 1),
    ]
    vertices = [np.array(p, float) / np.linalg.norm(p) for p in points]
    faces = [
        (0, 11, 5),
        (0, 5, 1),
        (0, 1, 7),
        (0, 7, 10),
        (0, 10, 11),
        (1, 5, 9),
        (5, 11, 4),
        (11, 10, 2),
        (10, 7, 6),
        (7, 1, 8),
        (3, 9, 4),
        (3, 4, 2),
        (3, 2, 6),
        (3, 6, 8),
        (3, 8, 9),
        (4, 9, 5),
        (2, 4, 11),
        (6, 2, 10),
        (8, 6, 7),
        (9, 8, 1),
    ]
    for _ in range(levels):
        middle: dict[tuple[int, int], int] = {}
        finer = []
        for a, b, c in faces:
            ab, bc, ca = (_middle(vertices, middle, *pair) for pair in ((a, b), (b, c), (c, a)))
            finer += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        faces = finer
    return np.array(vertices), np.array(faces)


def _middle(vertices: list[Array], known: dict[tuple[int, int], int], a: int, b: int) -> int:
    key = (min(a, b), max(a, b))
    if key not in known:
        point = vertices[a] + vertices[b]
        vertices.append(point / np.linalg.norm(point))
        known[key] = len(vertices) - 1
    return known[key]
