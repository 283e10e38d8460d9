"""The painted ground and the mesh under it."""

from __future__ import annotations

import numpy as np
from panda3d.core import GeomVertexReader

from drone.sim.geometry import Place, inset, rounded
from drone.sim.ground import GroundPainter
from drone.sim.look import Look, random_look
from drone.sim.renderer import Renderer, pose_at
from drone.sim.town import Town


def test_tiles_are_cuts_of_one_ground(town: Town) -> None:
    painter = GroundPainter(town.fabric, Look(), 0)
    whole = painter.paint(-64.0, -128.0, 128.0, 512)
    part = painter.paint(0.0, -128.0, 64.0, 256)
    difference = np.abs(whole[256:, 256:].astype(int) - part.astype(int)).max(2)
    assert np.median(difference) <= 2
    assert (difference[8:-8, 8:-8] > 40).mean() < 0.01


def test_shade_lies_away_from_the_sun(town: Town) -> None:
    painter = GroundPainter(town.fabric, Look(), 0)
    tall = max(town.fabric.buildings, key=lambda b: b.height)
    away = Look().shadow_shift * tall.height * 0.8
    spot = np.array([tall.place.east, tall.place.north]) + away
    lit = painter.light_at(np.array([spot[0], 390.0]), np.array([spot[1], -320.0]))
    assert lit[0] < 0.8
    assert lit[1] > 0.95


def test_drawn_ground_lies_on_the_terrain(town: Town, renderer: Renderer) -> None:
    renderer.render(0.0, pose_at(town, 0.0, 0.0, 50.0, 0.0, -55.0))
    tile = next(iter(renderer._tiles._tiles.values()))
    data = tile.node().getGeom(0).getVertexData()
    reader = GeomVertexReader(data, "vertex")
    points = np.array([tuple(reader.getData3()) for _ in range(data.getNumRows())])
    assert np.abs(points[:, 2] - town.terrain.height_m(points[:, 0], points[:, 1])).max() < 0.001
    middle = (points[1:] + points[:-1]) / 2
    joined = np.hypot(*(points[1:, :2] - points[:-1, :2]).T) < 30
    error = np.abs(middle[:, 2] - town.terrain.height_m(middle[:, 0], middle[:, 1]))[joined]
    assert error.max() < 0.05


def test_looks_are_drawn_from_their_seed() -> None:
    assert random_look(3) == random_look(3)
    assert random_look(3) != random_look(4)
    assert abs(float(np.linalg.norm(random_look(3).sun)) - 1.0) < 1e-9


def test_inset_and_rounded_rings() -> None:
    ring = Place(5.0, 5.0, 0.3).rectangle(0, 0, 20, 10)
    inner = inset(ring, [1.0, 2.0, 1.0, 2.0])
    assert np.allclose(Place(5.0, 5.0, 0.3).local(inner), [[-8, -4], [8, -4], [8, 4], [-8, 4]])
    soft = rounded(ring, 2.0)
    assert len(soft) > 12
    assert np.abs(Place(5.0, 5.0, 0.3).local(soft)).max() <= 10.0 + 1e-6
