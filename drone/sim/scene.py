"""Everything that stands still, in chunks that Panda3D culls: buildings, trees, furniture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from panda3d.core import GeomNode, NodePath

from drone.sim.furniture import add_prop, add_tree
from drone.sim.look import Look
from drone.sim.meshes import MeshBuilder
from drone.sim.structures import add_building
from drone.sim.textures import facade, foliage, roof, shop_strip
from drone.sim.tiles import make_texture

if TYPE_CHECKING:
    from drone.sim.town import Town

CHUNK_M = 60.0


def build_static(town: Town, look: Look) -> Any:
    """A ``NodePath`` of all standing things of the town."""
    chunks: dict[tuple[int, int], dict[str, MeshBuilder]] = {}

    def meshes_at(east: float, north: float) -> Any:
        surfaces = chunks.setdefault((int(east // CHUNK_M), int(north // CHUNK_M)), {})
        return lambda name: surfaces.setdefault(name, MeshBuilder(look))

    height = town.terrain.height_m
    for building in town.fabric.buildings:
        base = float(np.min(height(*building.ring.T)))
        add_building(meshes_at(building.place.east, building.place.north), building, base)
    for tree in town.fabric.trees:
        add_tree(meshes_at(tree.east, tree.north), tree, float(height(tree.east, tree.north)))
    for prop in town.fabric.props:
        east, north = prop.place.east, prop.place.north
        add_prop(meshes_at(east, north), prop, float(height(east, north)))
    root = NodePath("standing")
    textures: dict[str, Any] = {}
    for surfaces in chunks.values():
        chunk = root.attachNewNode("chunk")
        for name, mesh in surfaces.items():
            if not len(mesh):
                continue
            node = GeomNode(name)
            node.addGeom(mesh.geom())
            path = chunk.attachNewNode(node)
            if name != "plain":
                if name not in textures:
                    textures[name] = _texture(name, look.night)
                path.setTexture(textures[name])
            elif look.night:
                path.setColorScale(0.22, 0.23, 0.3, 1.0)
            if look.night and name.startswith(("roof", "foliage")):
                path.setColorScale(0.16, 0.18, 0.24, 1.0)
    return root


def _texture(name: str, night: bool) -> Any:
    family, _, kind = name.partition(":")
    if family == "facade":
        return make_texture(facade(kind, night), repeat=True)
    if family == "shop":
        return make_texture(shop_strip(int(kind), night), repeat=True)
    if family == "roof":
        return make_texture(roof(kind), repeat=True)
    return make_texture(foliage(), repeat=True)
