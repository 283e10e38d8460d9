"""The ground in the scene: picture tiles, finer near the camera, painted when first seen and kept for a
while.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from panda3d.core import GeomNode, NodePath, SamplerState, Texture

from drone.sim.ground import GroundPainter
from drone.sim.meshes import VERTEX, make_geom
from drone.sim.relief import Relief
from drone.sim.view import View

Array = NDArray[np.float64]
TILE_PX = 1024
FINEST_M = 64.0
WHOLE_M = 2048.0
KEPT = 72
BRIM_PX, LAP_PX = 4, 2
"""A tile's picture goes on beyond its square by the brim, since the renderer mixes a picture's first and last
rows; the tile itself laps over its neighbours, so that no sky shines through between fine and coarse ones."""
Key = tuple[int, float, float]


def make_texture(picture: NDArray[np.uint8], *, repeat: bool = False, mipmap: bool = True) -> Any:
    """A Panda3D texture from an RGB or RGBA picture with its first row on top."""
    texture = Texture()
    height, width, channels = picture.shape
    layout = Texture.FRgba if channels == 4 else Texture.FRgb
    texture.setup2dTexture(width, height, Texture.TUnsignedByte, layout)
    code = cv2.COLOR_RGBA2BGRA if channels == 4 else cv2.COLOR_RGB2BGR
    texture.setRamImage(cv2.flip(cv2.cvtColor(picture, code), 0).tobytes())
    texture.setMinfilter(SamplerState.FTLinearMipmapNearest if mipmap else SamplerState.FTLinear)
    texture.setMagfilter(SamplerState.FTLinear)
    mode = SamplerState.WMRepeat if repeat else SamplerState.WMClamp
    texture.setWrapU(mode)
    texture.setWrapV(mode)
    return texture


class GroundTiles:
    """Keeps the tiles of the current view in the scene."""

    def __init__(self, root: Any, painter: GroundPainter, relief: Relief) -> None:
        self._root = root.attachNewNode("ground")
        self._painter = painter
        self._relief = relief
        self._tiles: OrderedDict[Key, Any] = OrderedDict()
        self._shown: set[Key] = set()

    def show(self, view: View) -> None:
        """Attach exactly the tiles that the view needs."""
        wanted = set(self._choose(view))
        for key in self._shown - wanted:
            self._tiles[key].detachNode()
        for key in wanted:
            if key not in self._tiles:
                self._tiles[key] = self._make(key)
            self._tiles.move_to_end(key)
            if key not in self._shown:
                self._tiles[key].reparentTo(self._root, _rank(key))
        self._shown = wanted
        while len(self._tiles) > KEPT and next(iter(self._tiles)) not in wanted:
            _, old = self._tiles.popitem(last=False)
            old.removeNode()

    def _choose(self, view: View) -> list[Key]:
        chosen: list[Key] = []
        pending: list[Key] = [(0, -WHOLE_M / 2, -WHOLE_M / 2)]
        while pending:
            level, west, south = pending.pop()
            size = WHOLE_M / 2**level
            middle = np.array([west + size / 2, south + size / 2, 68.0])
            if not view.sees(middle[None], size * 0.75)[0]:
                continue
            gap = np.maximum(np.abs(view.position[:2] - middle[:2]) - size / 2, 0.0)
            height = max(view.position[2] - 68.0, 1.0)
            distance = float(np.hypot(np.hypot(*gap), height))
            pixels = view.camera.fx_px / distance * size
            if pixels > TILE_PX * 1.35 and size > FINEST_M:
                half = size / 2
                pending += [(level + 1, west + i * half, south + j * half) for i in (0, 1) for j in (0, 1)]
            else:
                chosen.append((level, west, south))
        return chosen

    def _make(self, key: Key) -> Any:
        level, west, south = key
        size = WHOLE_M / 2**level
        steps = int(np.clip(size / 8.0, 8, 40)) + 1
        texel = size / (TILE_PX - 2 * BRIM_PX)
        share = np.linspace(0.0, 1.0, steps)
        share[0], share[-1] = -LAP_PX * texel / size, 1.0 + LAP_PX * texel / size
        x, y = (axis.ravel() for axis in np.meshgrid(share, share))
        vertices = np.zeros(steps * steps, VERTEX)
        east, north = west + x * size, south + y * size
        vertices["position"] = np.column_stack([east, north, self._relief.height_m(east, north)])
        vertices["colour"] = 255
        vertices["uv"] = (np.column_stack([x, y]) * size / texel + BRIM_PX) / TILE_PX
        k = (np.arange(steps - 1)[:, None] * steps + np.arange(steps - 1)).ravel()
        faces = np.vstack(
            [np.column_stack([k, k + 1, k + steps + 1]), np.column_stack([k, k + steps + 1, k + steps])]
        )
        node = GeomNode("tile")
        node.addGeom(make_geom(vertices, faces)[0])
        tile = NodePath(node)
        brim = BRIM_PX * texel
        picture = self._painter.paint(west - brim, south - brim, size + 2 * brim, TILE_PX)
        tile.setTexture(make_texture(picture))
        return tile


def _rank(key: Key) -> int:
    """A fixed drawing order among tiles, whichever came into view first."""
    level, west, south = key
    column, row = (int((edge + WHOLE_M / 2) / FINEST_M) for edge in (west, south))
    return (level * 64 + column) * 64 + row
