"""Trees and street furniture as geometry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import default_rng

from drone.sim.fabric import Prop, Tree
from drone.sim.geometry import Place
from drone.sim.meshes import MeshBuilder, icosphere

Meshes = Callable[[str], MeshBuilder]
GREENS = ((86, 120, 58), (98, 130, 60), (74, 110, 58), (110, 136, 66), (122, 138, 64), (78, 116, 68))
CANOPY, _BALL = icosphere(1)
CANOPY_FACES = _BALL[CANOPY[_BALL, 2].mean(1) > -0.55]


def add_tree(meshes: Meshes, tree: Tree, base: float) -> None:
    """A trunk and a canopy of a few lumpy balls, lit from above, dark below and inside."""
    rng = default_rng(round(abs(tree.east * 131 + tree.north * 17) * 10))
    mesh = meshes("foliage")
    place = Place(tree.east, tree.north, 0.0)
    trunk = meshes("plain")
    trunk.cylinder(place, base - 0.3, 0.10 + 0.05 * tree.radius, tree.height * 0.5, (92, 76, 60), sides=5)
    colour = np.array(GREENS[tree.hue % len(GREENS)]) * rng.uniform(0.88, 1.14)
    lumps = 4 if tree.radius < 1.8 else 6
    way = rng.uniform(0, 2 * np.pi) + 2.4 * np.arange(lumps)
    middle = np.arange(lumps) == 0
    out = tree.radius * np.where(middle, 0.0, rng.uniform(0.4, 0.6, lumps))
    size = (tree.radius * np.where(middle, 0.72, rng.uniform(0.42, 0.56, lumps)))[:, None, None]
    rise = np.where(middle, 0.70, rng.uniform(0.5, 0.72, lumps))
    centres = np.column_stack(
        [tree.east + out * np.cos(way), tree.north + out * np.sin(way), base + tree.height * rise]
    )
    wobble = 1.0 + 0.09 * rng.standard_normal((lumps, len(CANOPY), 1))
    points = centres[:, None] + CANOPY * wobble * size * [1.0, 1.0, 0.9]
    outward = points - [tree.east, tree.north, base + 0.5 * tree.height]
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    depth = np.clip(0.7 + 0.36 * CANOPY[:, 2] + 0.1 * outward[..., 2], 0.4, 1.15)
    light = mesh.look.shade(0.5 * (CANOPY + outward)) * depth * rng.uniform(0.88, 1.12, depth.shape)
    uv = (CANOPY[:, :2] + 0.3 * CANOPY[:, 2:]) * size * 0.3
    faces = CANOPY_FACES[None] + (len(CANOPY) * np.arange(lumps))[:, None, None]
    colours = (light[..., None] * colour).reshape(-1, 3)
    mesh.add(points.reshape(-1, 3), faces.reshape(-1, 3), colours, uv.reshape(-1, 2))


def add_prop(meshes: Meshes, prop: Prop, base: float) -> None:
    """One piece of furniture, by its kind."""
    PROPS.get(prop.kind, _box)(meshes("plain"), prop, base)


def _box(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    mesh.box(prop.place, base - 0.05, prop.size, prop.colour)


def _awning(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    u, v, h = prop.size
    place = prop.place
    for a in (-u / 2 + 0.1, u / 2 - 0.1):
        for b in (-v / 2 + 0.1, v / 2 - 0.1):
            mesh.box(place.place(a, b), base, (0.07, 0.07, h), (150, 150, 150))
    stripes = 4
    for k in range(stripes):
        a0, a1 = -u / 2 + u * k / stripes, -u / 2 + u * (k + 1) / stripes
        colour = np.array(prop.colour) * (1.0 if k % 2 else 0.9)
        front = place.at(np.array([a0, a1, a1, a0]), np.array([v / 2, v / 2, -v / 2, -v / 2]))
        points = np.column_stack([front, [base + h - 0.35, base + h - 0.35, base + h, base + h]])
        mesh.quad(points[::-1], colour)
        mesh.quad(points, colour * 0.6)
        lip = np.column_stack(
            [np.vstack([front[:2], front[:2][::-1]]), [base + h - 0.35] * 2 + [base + h - 0.6] * 2]
        )
        mesh.quad(lip, colour * 0.94)
        mesh.quad(lip[::-1], colour * 0.94)


def _parasol(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    h = prop.size[2]
    mesh.box(prop.place, base, (0.07, 0.07, h), (170, 170, 170))
    mesh.cone(prop.place, base + h - 0.1, prop.size[0] * 0.52, 0.55, prop.colour)


def _goods(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    u, v, h = prop.size
    mesh.box(prop.place, base, prop.size, (150, 130, 104))
    rng = default_rng(round(abs(prop.place.east * 97 + prop.place.north * 13) * 10))
    count = max(2, int(u / 0.55))
    for k in range(count):
        for row in (-0.22, 0.22):
            colour = (
                (190, 60, 40),
                (96, 140, 60),
                (226, 160, 50),
                (220, 214, 196),
                (150, 60, 110),
                (70, 110, 60),
            )[int(rng.integers(6))]
            spot = prop.place.place(-u / 2 + (k + 0.5) * u / count, row * v * 1.1)
            mesh.box(spot, base + h, (u / count * 0.82, v * 0.4, 0.14 + 0.1 * rng.random()), colour)


def _lamp(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    h = prop.size[2]
    mesh.box(prop.place, base, (0.16, 0.16, h), prop.colour)
    mesh.box(prop.place.place(-0.9, 0), base + h, (1.9, 0.09, 0.09), prop.colour)
    mesh.box(
        prop.place.place(-1.7, 0),
        base + h - 0.05,
        (0.7, 0.3, 0.12),
        (226, 226, 214) if not mesh.look.night else (255, 240, 190),
    )


def _flag(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    h = prop.size[2]
    mesh.box(prop.place, base, (0.14, 0.14, h), (210, 212, 214))
    a, b = prop.place.at(0.1, 0), prop.place.at(2.1, 0.4)
    points = np.array(
        [[*a, base + h - 1.5], [*b, base + h - 1.6], [*b, base + h - 0.2], [*a, base + h - 0.1]]
    )
    mesh.quad(points, prop.colour)
    mesh.quad(points[::-1], prop.colour)


def _hoop(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    mesh.box(prop.place.place(-0.6, 0), base, (0.2, 0.2, 3.0), (60, 70, 110))
    mesh.box(prop.place.place(0.0, 0), base + 2.8, (1.3, 0.12, 0.12), (60, 70, 110))
    mesh.box(prop.place.place(0.6, 0), base + 2.6, (0.06, 1.8, 1.05), (236, 236, 236))


def _goal(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    v, h = prop.size[1], prop.size[2]
    for s in (-v / 2, v / 2):
        mesh.box(prop.place.place(0, s), base, (0.12, 0.12, h), prop.colour)
    mesh.box(prop.place, base + h, (0.12, v, 0.12), prop.colour)


def _shelter(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    u, v, h = prop.size
    for s in (-u / 2 + 0.2, u / 2 - 0.2):
        mesh.box(prop.place.place(s, v / 2 - 0.2), base, (0.14, 0.14, h), (140, 144, 150))
    mesh.box(prop.place.place(0, v / 2 - 0.15), base + 0.5, (u - 0.6, 0.08, 1.7), (150, 180, 210))
    mesh.box(prop.place, base + h, (u, v, 0.14), prop.colour)


def _gate(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    u, v, h = prop.size
    for s in (-u / 2, u / 2):
        mesh.box(prop.place.place(s, 0), base, (1.2, v + 0.4, h), (206, 196, 182))
    mesh.box(prop.place, base + h - 1.2, (u, v, 1.2), prop.colour)
    mesh.box(prop.place.place(-u / 4, 0.2), base, (u / 2 - 1.0, 0.3, 1.4), (180, 184, 188))


def _statue(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    u, v, h = prop.size
    mesh.box(prop.place, base, (u, v, 1.2), (176, 172, 166))
    mesh.box(prop.place, base + 1.2, (u * 0.4, v * 0.4, h - 1.2), prop.colour)


def _tower(mesh: MeshBuilder, prop: Prop, base: float) -> None:
    """A lattice mast: four legs that lean together, rings of bars, red and white."""
    u, _, h = prop.size
    levels = 14
    for k in range(levels):
        low, high = base + h * k / levels, base + h * (k + 1) / levels
        a, b = u / 2 * (1 - 0.9 * k / levels), u / 2 * (1 - 0.9 * (k + 1) / levels)
        colour = (196, 70, 60) if k % 2 else (226, 226, 226)
        for su, sv in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            p, q = prop.place.at(su * a, sv * a), prop.place.at(su * b, sv * b)
            side = prop.place.at(su * a - su * 0.2, sv * a)
            points = np.array([[*p, low], [*side, low], [*(q + (side - p)), high], [*q, high]])
            mesh.quad(points, colour)
            mesh.quad(points[::-1], colour)
        mesh.box(prop.place, high - 0.06, (2 * b, 0.12, 0.12), colour)
        mesh.box(prop.place, high - 0.06, (0.12, 2 * b, 0.12), colour)


PROPS: dict[str, Callable[[MeshBuilder, Prop, float], None]] = {
    "awning": _awning, "parasol": _parasol, "goods": _goods, "lamp": _lamp, "flag": _flag, "hoop": _hoop,
    "goal": _goal, "shelter": _shelter, "gate": _gate, "statue": _statue, "tower": _tower,
}  # fmt: skip
