"""Buildings as geometry: walls with facades and shops, roofs with what stands on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from drone.sim.fabric import Building, Colour
from drone.sim.geometry import Place
from drone.sim.meshes import MeshBuilder
from drone.sim.textures import FACADE_BAY_M, FACADE_FLOORS, SHOP_STRIP_M, SHOP_STRIPS

Array = NDArray[np.float64]
Meshes = Callable[[str], MeshBuilder]
"""Name of a surface -> the builder that gathers it."""

SHOP_M = 3.6
PARAPET_M = 0.8
SIDES = ((0, 1), (1, 2), (2, 3), (3, 0))
SHED_COLOURS: tuple[Colour, ...] = (
    (66, 122, 190),
    (72, 132, 196),
    (58, 104, 168),
    (166, 70, 60),
    (190, 192, 192),
    (90, 150, 130),
)


def add_building(meshes: Meshes, building: Building, base: float) -> None:
    """Walls and roof of a building that stands at height ``base``."""
    rng = default_rng(building.seed)
    flat = building.roof in ("flat", "solar", "shed")
    top = base + building.height + (PARAPET_M if flat else 0.0)
    ring = building.ring
    for side, (i, j) in enumerate(SIDES):
        _wall(meshes, building, side, ring[i], ring[j], base, top, rng)
    if flat:
        _flat_roof(meshes, building, base + building.height, rng)
    elif building.roof == "gable":
        _gable_roof(
            meshes("roof:tiles"),
            meshes("plain"),
            building.place,
            building.width,
            building.depth,
            base + building.height,
            0.32,
            building.roof_colour,
            building.wall,
        )
    else:
        _gable_roof(
            meshes("roof:steel"),
            meshes("plain"),
            building.place,
            building.width,
            building.depth,
            base + building.height,
            0.10,
            building.roof_colour,
            building.wall,
        )


def _wall(
    meshes: Meshes, building: Building, side: int, a: Array, b: Array, base: float, top: float, rng: Generator
) -> None:
    length = float(np.hypot(*(b - a)))
    low = base - 1.0
    narrow = side in (1, 3) and building.use in ("shop", "estate")
    kind = "blank" if narrow else building.facade
    if building.shops[side]:
        strip_index, start = int(rng.integers(SHOP_STRIPS)), float(rng.integers(8)) * 4.0
        u0, u1 = start / SHOP_STRIP_M, (start + length) / SHOP_STRIP_M
        mesh = meshes(f"shop:{strip_index}")
        _panel(mesh, a, b, base - 0.1, base + SHOP_M, (255, 255, 255), ((u0, 0.0), (u1, 1.0)), (0.95, 1.0))
        _awnings(meshes("plain"), a, b, base, rng)
        low = base + SHOP_M
    floor_m = building.height / max(building.floors, 1)
    offset = float(rng.integers(2)) * 0.5
    uv = (
        (offset, (low - base) / (floor_m * FACADE_FLOORS)),
        (offset + length / FACADE_BAY_M, (top - base) / (floor_m * FACADE_FLOORS)),
    )
    _panel(meshes(f"facade:{kind}"), a, b, low, top, building.wall, uv, (0.72, 1.0))


def _panel(
    mesh: MeshBuilder, a: Array, b: Array, low: float, high: float, colour: tuple[int, int, int],
    uv: tuple[tuple[float, float], tuple[float, float]], light: tuple[float, float],
) -> None:  # fmt: skip
    points = np.array([[*a, low], [*b, low], [*b, high], [*a, high]])
    (u0, v0), (u1, v1) = uv
    mesh.quad(
        points,
        colour,
        [[u0, v0], [u1, v0], [u1, v1], [u0, v1]],
        light=[light[0], light[0], light[1], light[1]],
    )


def _awnings(mesh: MeshBuilder, a: Array, b: Array, base: float, rng: Generator) -> None:
    """Cloth awnings out over the pavement, here and there."""
    d = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    out = np.array([d[1], -d[0]])
    for s in np.arange(0.4, float(np.hypot(*(b - a))) - 3.4, 4.0):
        if rng.random() > 0.34:
            continue
        colour = SHED_COLOURS[int(rng.integers(len(SHED_COLOURS)))] if rng.random() < 0.6 else (188, 60, 62)
        p, q = a + d * s, a + d * (s + 3.2)
        points = np.array(
            [
                [*(p + out * 1.5), base + 2.5],
                [*(q + out * 1.5), base + 2.5],
                [*q, base + 3.0],
                [*p, base + 3.0],
            ]
        )
        mesh.quad(points, colour)


def _flat_roof(meshes: Meshes, building: Building, z: float, rng: Generator) -> None:
    place, w, d = building.place, building.width, building.depth
    ring = place.rectangle(0, 0, w, d)
    points = np.column_stack([ring, np.full(4, z)])
    shift = rng.uniform(0, 1, 2)
    uv = np.array([[0, 0], [w, 0], [w, d], [0, d]]) / 16.0 + shift
    meshes("roof:flat").quad(points, building.roof_colour, uv)
    _parapet(meshes("plain"), place, w, d, z, building.wall)
    plain = meshes("plain")
    _roof_shade(plain, building, z)
    if building.roof == "shed":
        _roof_shed(meshes, place, w, d, z, rng)
        return
    if min(w, d) < 7.0:
        return
    stair = place.place(rng.uniform(-w / 2 + 3, w / 2 - 3), rng.uniform(-d / 6, d / 4))
    _shaded_box(plain, stair, z, (3.0, 4.0, 2.7), building.wall, building.roof_colour)
    if building.use == "estate" and w > 30:
        _shaded_box(plain, place.place(-w / 4, 1), z, (3.0, 4.0, 2.7), building.wall, building.roof_colour)
        _shaded_box(plain, place.place(w / 4, 1), z, (3.0, 4.0, 2.7), building.wall, building.roof_colour)
    _clutter(plain, place, w, d, z, building, rng)
    if building.use == "shop" and rng.random() < 0.3:
        _roof_shed(meshes, place.place(-w / 5, d / 8), w * 0.5, d * 0.6, z, rng)


def _parapet(mesh: MeshBuilder, place: Place, w: float, d: float, z: float, colour: Colour) -> None:
    inner = place.rectangle(0, 0, w - 0.5, d - 0.5)
    outer = place.rectangle(0, 0, w, d)
    high = z + PARAPET_M
    cap = np.minimum(np.array(colour) * 0.96 + 12, 250)
    for i in range(4):
        j = (i + 1) % 4
        mesh.quad(
            np.array([[*inner[j], z], [*inner[i], z], [*inner[i], high], [*inner[j], high]]),
            np.array(colour) * 0.9,
        )
        mesh.quad(np.array([[*outer[i], high], [*outer[j], high], [*inner[j], high], [*inner[i], high]]), cap)


def _roof_shade(mesh: MeshBuilder, building: Building, z: float) -> None:
    """The strips of roof that the parapet shades."""
    place, w, d = building.place, building.width - 0.5, building.depth - 0.5
    shift = mesh.look.shadow_shift * PARAPET_M
    c, s = np.cos(place.angle), np.sin(place.angle)
    du, dv = float(shift[0] * c + shift[1] * s), float(-shift[0] * s + shift[1] * c)
    dark = np.array(building.roof_colour) * (1.0 - mesh.look.shadow)
    wu, wv = min(abs(du), w / 2), min(abs(dv), d / 2)
    if wu > 0.05:
        _decal(mesh, place.rectangle(np.sign(-du) * (w - wu) / 2, 0, wu, d), z + 0.03, dark)
    if wv > 0.05:
        _decal(mesh, place.rectangle(0, np.sign(-dv) * (d - wv) / 2, w, wv), z + 0.03, dark)


def _decal(mesh: MeshBuilder, ring: Array, z: float, colour: Array) -> None:
    mesh.quad([(x, y, z) for x, y in ring], colour)


def _shaded_box(
    mesh: MeshBuilder, place: Place, z: float, size: tuple[float, float, float], colour: Colour, floor: Colour
) -> None:
    """A box on a roof with the shadow it throws there."""
    shift = mesh.look.shadow_shift * size[2]
    ring = place.rectangle(0, 0, size[0], size[1])
    dark = np.array(floor) * (1.0 - mesh.look.shadow)
    for k in range(4):
        a, b = ring[k], ring[(k + 1) % 4]
        points = np.array(
            [[*a, z + 0.05], [*b, z + 0.05], [*(b + shift), z + 0.05], [*(a + shift), z + 0.05]]
        )
        if (b[0] - a[0]) * shift[1] - (b[1] - a[1]) * shift[0] < 0:
            points = points[::-1]
        mesh.quad(points, dark)
    mesh.box(place, z, size, colour, np.array(colour) * 0.93)


def _clutter(
    mesh: MeshBuilder, place: Place, w: float, d: float, z: float, building: Building, rng: Generator
) -> None:
    heaters = int(w / 4.5) if building.roof == "solar" or rng.random() < 0.25 else int(rng.integers(0, 3))
    for k in range(heaters):
        u = -w / 2 + 3.0 + k * (w - 6.0) / max(heaters, 1)
        _solar(mesh, place.place(u, -d / 4 + rng.uniform(-0.4, 0.4)), z)
    for _ in range(int(rng.integers(1, 4))):
        spot = place.place(rng.uniform(-w / 2 + 1.5, w / 2 - 1.5), rng.uniform(0, d / 2 - 1.5))
        if rng.random() < 0.5:
            mesh.cylinder(spot, z + 0.5, 0.75, 1.6, (206, 210, 214))
        else:
            _shaded_box(mesh, spot, z, (1.8, 1.8, 1.3), (186, 184, 178), building.roof_colour)
    for _ in range(int(rng.integers(0, 7))):
        spot = place.place(rng.uniform(-w / 2 + 1, w / 2 - 1), rng.uniform(-d / 2 + 1, d / 2 - 1))
        what = rng.random()
        if what < 0.4:
            mesh.box(spot, z, (1.0, 0.5, 0.8), (226, 228, 228))
        elif what < 0.75:
            mesh.box(spot, z, (rng.uniform(0.6, 2.4), 0.7, 0.7), (76, 110, 58))
        else:
            mesh.box(spot, z, (rng.uniform(0.8, 2.0), 1.2, 0.6), rng.uniform(90, 200, 3))


def _solar(mesh: MeshBuilder, place: Place, z: float) -> None:
    low, high = z + 0.3, z + 1.5
    p = np.vstack([place.rectangle(0, 0, 2.0, 1.4)])
    points = np.array([[*p[0], low], [*p[1], low], [*p[2], high], [*p[3], high]])
    mesh.quad(points, (52, 60, 86))
    mesh.box(place.place(0, 0.85), high - 0.15, (2.1, 0.45, 0.45), (214, 218, 222))


def _roof_shed(meshes: Meshes, place: Place, w: float, d: float, z: float, rng: Generator) -> None:
    colour = SHED_COLOURS[int(rng.integers(len(SHED_COLOURS)))]
    width, depth = w * float(rng.uniform(0.55, 0.98)), d * float(rng.uniform(0.6, 0.98))
    spot = place.place((w - width) / 2 * float(rng.choice([-1, 1])), 0)
    meshes("plain").box(spot, z, (width - 0.3, depth - 0.3, 2.3), (196, 198, 196))
    _gable_roof(
        meshes("roof:steel"), meshes("plain"), spot, width, depth, z + 2.3, 0.09, colour, (200, 200, 196)
    )


def _gable_roof(
    mesh: MeshBuilder, ends: MeshBuilder, place: Place, width: float, depth: float, z: float, slope: float,
    colour: Colour, wall: Colour,
) -> None:  # fmt: skip
    """Two slopes with the ridge along the longer side, with eaves, and gable ends."""
    if depth > width:
        place, width, depth = place.place(0, 0, np.pi / 2), depth, width
    rise, eave = depth * slope, 0.5
    w, d = width / 2 + eave * 0.6, depth / 2 + eave
    drop = z - eave * slope * 2
    for s in (1.0, -1.0):
        corners = place.at(np.array([-w, w, w, -w]) * s, np.array([-d, -d, 0, 0]) * s)
        points = np.column_stack([corners, [drop, drop, z + rise, z + rise]])
        uv = np.array([[0, 0], [2 * w, 0], [2 * w, d], [0, d]]) / 16.0
        mesh.quad(points, colour, uv)
    for s in (1.0, -1.0):
        corners = place.at(np.array([1, 1, 1]) * s * width / 2, np.array([-1, 1, 0]) * s * depth / 2)
        ends.triangle(np.column_stack([corners, [z - 0.02, z - 0.02, z + rise]]), wall)
