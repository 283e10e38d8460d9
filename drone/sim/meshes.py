"""Triangles for the renderer: builders that gather coloured, textured faces into Panda3D geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import Geom, GeomNode, GeomTriangles, GeomVertexData, GeomVertexFormat

from drone.sim.geometry import Place
from drone.sim.look import Look

Array = NDArray[np.float64]
VERTEX = np.dtype([("position", "<f4", 3), ("colour", "u1", 4), ("uv", "<f4", 2)])
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


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
    """Gathers faces whose light is baked into their vertex colours."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._vertices: list[NDArray[Any]] = []
        self._triangles: list[NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, points: Array, triangles: ArrayLike, colours: ArrayLike, uv: ArrayLike | None = None) -> None:
        """Add vertices (N, 3) with RGB colours (N, 3) or (3,) already lit, and triangles (M, 3)."""
        records = np.zeros(len(points), VERTEX)
        records["position"] = points
        records["colour"][:, :3] = np.clip(np.asarray(colours, float), 0, 255)
        records["colour"][:, 3] = 255
        if uv is not None:
            records["uv"] = uv
        self._vertices.append(records)
        self._triangles.append(np.asarray(triangles, np.uint32) + self._count)
        self._count += len(points)

    def quad(
        self, points: Array, colour: ArrayLike, uv: ArrayLike | None = None, *, light: ArrayLike | None = None
    ) -> None:
        """A quadrilateral, counter-clockwise seen from outside; lit by its normal times ``light`` per corner."""
        normal = np.cross(points[1] - points[0], points[3] - points[0])
        normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
        shade = self.look.shade(normal[None])[0] * (np.ones(4) if light is None else np.asarray(light, float))
        self.add(points, QUAD, np.outer(shade, np.asarray(colour, float)), uv)

    def triangle(self, points: Array, colour: ArrayLike, uv: ArrayLike | None = None) -> None:
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
        self.add(points, [[0, 1, 2]], np.asarray(colour, float) * self.look.shade(normal[None])[0], uv)

    def box(
        self, place: Place, base: float, size: tuple[float, float, float], colour: ArrayLike,
        top: ArrayLike | None = None, *, light: float = 1.0,
    ) -> None:  # fmt: skip
        """An upright box (u, v, height) centred at ``place``, without a floor."""
        ring = place.rectangle(0, 0, size[0], size[1])
        self.prism(ring, base, base + size[2], colour, colour if top is None else top, light=light)

    def prism(
        self, ring: Array, low: float, high: float, colour: ArrayLike, top: ArrayLike | None, *, light: float = 1.0
    ) -> None:
        """Walls round a counter-clockwise ring (N, 2), and a flat top unless ``top`` is None."""
        n = len(ring)
        following = np.roll(ring, -1, 0)
        edges = following - ring
        normals = np.column_stack([edges[:, 1], -edges[:, 0], np.zeros(n)])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        shade = self.look.shade(normals) * light
        walls = np.stack([
            np.column_stack([ring, np.full(n, low)]), np.column_stack([following, np.full(n, low)]),
            np.column_stack([following, np.full(n, high)]), np.column_stack([ring, np.full(n, high)]),
        ], 1)  # fmt: skip
        dim = np.array([0.82, 0.82, 1.0, 1.0])
        colours = (shade[:, None] * dim[None])[..., None] * np.asarray(colour, float)
        faces = (np.arange(n)[:, None, None] * 4 + QUAD[None]).reshape(-1, 3)
        self.add(walls.reshape(-1, 3), faces, colours.reshape(-1, 3))
        if top is not None:
            lid = np.column_stack([ring, np.full(n, high)])
            fan = np.array([[0, i, i + 1] for i in range(1, n - 1)])
            self.add(lid, fan, np.asarray(top, float) * self.look.shade(np.array([[0, 0, 1.0]]))[0] * light)

    def cylinder(
        self, place: Place, base: float, radius: float, height: float, colour: ArrayLike, *, sides: int = 8
    ) -> None:
        t = np.arange(sides) * 2 * np.pi / sides
        self.prism(place.at(radius * np.cos(t), radius * np.sin(t)), base, base + height, colour, colour)

    def cone(self, place: Place, base: float, radius: float, height: float, colour: ArrayLike, sides: int = 8) -> None:
        t = np.arange(sides) * 2 * np.pi / sides
        ring = place.at(radius * np.cos(t), radius * np.sin(t))
        tip = np.array([[place.east, place.north, base + height]])
        low = np.column_stack([ring, np.full(sides, base)])
        for i in range(sides):
            shade = 1.0 if i % 2 else 0.86
            self.triangle(np.vstack([low[i], low[(i + 1) % sides], tip]), np.asarray(colour, float) * shade)

    def geom(self) -> Any:
        """Everything gathered, as one Panda3D ``Geom``."""
        return make_geom(np.concatenate(self._vertices), np.concatenate(self._triangles))[0]


def icosphere(levels: int = 1) -> tuple[Array, NDArray[np.intp]]:
    """Unit sphere: vertices (N, 3), triangles (M, 3); 42 and 80 at level 1."""
    g = (1 + 5**0.5) / 2
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g), (0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    vertices = [np.array(p, float) / np.linalg.norm(p) for p in points]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
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
