"""Renders the town as the camera would record it, with the truth of each frame. Software only, no display."""

from __future__ import annotations

import argparse
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from panda3d.core import (
    Camera,
    FrameBufferProperties,
    GeomNode,
    GraphicsEngine,
    GraphicsOutput,
    GraphicsPipe,
    GraphicsPipeSelection,
    LMatrix4f,
    NodePath,
    PerspectiveLens,
    Texture,
    TransparencyAttrib,
    WindowProperties,
    loadPrcFileData,
)  # fmt: skip

from drone.sim.actors import Actors, Troupe
from drone.sim.effects import Sprites, flame_atlas, flames, glow_picture, puff_atlas, smoke
from drone.sim.ground import GroundPainter
from drone.sim.look import Darkroom, Look, random_look
from drone.sim.meshes import QUAD, VERTEX, make_geom
from drone.sim.scene import build_static
from drone.sim.tiles import GroundTiles, make_texture
from drone.sim.town import Town
from drone.sim.truth import EventView, FrameTruth, TruthBox, Witness
from drone.sim.view import View
from vision.camera import CameraModel, Pose

__all__ = ["EventView", "FrameTruth", "Renderer", "TruthBox", "draw_truth", "pose_at"]

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

loadPrcFileData(
    "", "load-display p3tinydisplay\nwindow-type offscreen\naudio-library-name null\nnotify-level error\n"
    "notify-level-display fatal\ntextures-power-2 none\nsync-video false\ngarbage-collect-states false\n"
)  # fmt: skip
_engine_lock = threading.Lock()
NEAR_M, FAR_M = 4.0, 3000.0
GROUND_M = 68.0


class RenderFailed(RuntimeError):
    """The software renderer could not be started; check that the panda3d package is complete."""


class Renderer:
    """A camera over the town.

    Args:
        town: what to look at.
        camera: its lens; distortion is applied by resampling.
        night: dark, lamps and windows lit.
        look_seed: None for the standard light; a number draws sun, haze, exposure and noise for training.
        supersample: pictures are drawn this many times larger each way and averaged, against jagged edges.
    """

    def __init__(
        self, town: Town, camera: CameraModel, *, night: bool = False, look_seed: int | None = None,
        supersample: float = 1.5, look: Look | None = None,
    ) -> None:  # fmt: skip
        self.town = town
        self.camera = camera
        self.look = look or (Look(night=night) if look_seed is None else random_look(look_seed, night))
        self._ideal, self._maps = _without_distortion(camera)
        self._size = (round(self._ideal.width_px * supersample), round(self._ideal.height_px * supersample))
        self._painter = GroundPainter(town.fabric, self.look, town.seed)
        self._actors = Actors(town, self.look, self._painter)
        self._witness = Witness(town)
        self._darkroom = Darkroom(self.look, camera.width_px, camera.height_px)
        self._root = NodePath("town")
        # Drawn in the order of the scene: Panda3D's own order follows memory addresses, which would let faces
        # that touch win by chance, and the same second give two pictures.
        self._root.setBin("fixed", 0)
        with _engine_lock:
            self._open_buffer()
            self._tiles = GroundTiles(self._root, self._painter, town.terrain)
            build_static(town, self.look).reparentTo(self._root)
            self._layers = self._make_layers()

    def _open_buffer(self) -> None:
        self._engine = GraphicsEngine.getGlobalPtr()
        pipe = GraphicsPipeSelection.getGlobalPtr().makeModulePipe("p3tinydisplay")
        properties = FrameBufferProperties()
        properties.setRgbaBits(8, 8, 8, 8)
        properties.setDepthBits(24)
        self._buffer = pipe and self._engine.makeOutput(
            pipe, "camera", 0, properties, WindowProperties.size(*self._size), GraphicsPipe.BFRefuseWindow
        )
        if not self._buffer:
            raise RenderFailed(RenderFailed.__doc__)
        self._picture = Texture()
        self._buffer.addRenderTexture(self._picture, GraphicsOutput.RTMCopyRam)
        haze = np.asarray(self.look.haze_colour) / 255.0 * (0.1 if self.look.night else 1.0)
        self._buffer.setClearColor((float(haze[0]), float(haze[1]), float(haze[2]), 1.0))
        self._lens = PerspectiveLens()
        c = self._ideal
        self._lens.setFilmSize(c.width_px, c.height_px * c.fx_px / c.fy_px)
        self._lens.setFocalLength(c.fx_px)
        offset_y = (c.cy_px - c.height_px / 2) * c.fx_px / c.fy_px
        self._lens.setFilmOffset(c.width_px / 2 - c.cx_px, offset_y)
        self._lens.setNearFar(NEAR_M, FAR_M)
        self._eye = self._root.attachNewNode(Camera("eye", self._lens))
        region = self._buffer.makeDisplayRegion()
        region.setCamera(self._eye)
        self._buffer.setActive(False)

    def _make_layers(self) -> dict[str, Any]:
        layers = {}
        for order, (name, picture) in enumerate((
            ("actors", None), ("shadows", None), ("glow", glow_picture()), ("flames",
            flame_atlas()), ("smoke", puff_atlas()),
        )):  # fmt: skip
            path = self._root.attachNewNode(GeomNode(name))
            if order:
                path.setTransparency(TransparencyAttrib.MAlpha)
                path.setDepthWrite(False)
                path.setBin("fixed", order)
                path.setTwoSided(True)
            if picture is not None:
                path.setTexture(make_texture(picture))
            layers[name] = path
        return layers

    def render(self, time_s: float, pose: Pose) -> tuple[Picture, FrameTruth]:
        """The picture (H, W, 3) RGB at a second of the town's hour, and its truth.

        The same input, the same output.
        """
        view, troupe, fires, smokes = self._stage(time_s, pose)
        with _engine_lock:
            raw = self._draw(View.of(self._ideal, pose, self.town.frame), troupe, fires, smokes)
        if self._maps is not None:
            raw = cv2.remap(raw, self._maps[0], self._maps[1], cv2.INTER_LINEAR)
        picture = self._darkroom.develop(raw, time_s, self._distances(view))
        truth = self._witness.report(time_s, view, troupe.actors, fires, smokes)
        return picture, truth

    def truth(self, time_s: float, pose: Pose) -> FrameTruth:
        """The truth alone, many times faster than ``render``."""
        view, troupe, fires, smokes = self._stage(time_s, pose)
        return self._witness.report(time_s, view, troupe.actors, fires, smokes)

    def _stage(
        self, time_s: float, pose: Pose
    ) -> tuple[View, Troupe, list[tuple[int, Sprites]], list[tuple[int, Sprites]]]:
        """Who and what burns before the camera."""
        view = View.of(self.camera, pose, self.town.frame)
        burning = self._blazes(time_s, view)
        fires = [(i, flames(blaze, time_s, ground)) for i, blaze, ground in burning]
        smokes = [(i, smoke(blaze, time_s, ground)) for i, blaze, ground in burning]
        return view, self._actors.at(time_s, view), fires, smokes

    def close(self) -> None:
        """Give the renderer's memory back; it cannot render after this."""
        with _engine_lock:
            self._engine.removeWindow(self._buffer)
            self._root.removeNode()

    def _blazes(self, time_s: float, view: View) -> list[tuple[int, Any, float]]:
        found = []
        for index, blaze in enumerate(self.town.blazes):
            ground = float(self.town.terrain.height_m(blaze.east, blaze.north))
            middle = np.array([[blaze.east + 3, blaze.north + 2, ground + 8.0]])
            if blaze.start_s <= time_s < blaze.end_s and view.sees(middle, 18.0)[0]:
                found.append((index, blaze, ground))
        return found

    def _draw(
        self, view: View, troupe: Troupe, fires: list[tuple[int, Sprites]], smokes: list[tuple[int, Sprites]]
    ) -> Picture:
        right, down, ahead = view.rotation.T
        rows = [[*right, 0.0], [*ahead, 0.0], [*(-down), 0.0], [*view.position, 1.0]]
        self._eye.setMat(LMatrix4f(*[float(v) for row in rows for v in row]))
        self._tiles.show(view)
        self._put("actors", troupe.vertices, troupe.faces)
        self._put("shadows", *_shadow_mesh(troupe))
        self._put("glow", *self._glow_mesh(fires))
        self._put("flames", *_sprite_mesh([s for _, s in fires], view, 4, 2))
        self._put("smoke", *_sprite_mesh([s for _, s in smokes], view, 2, 2))
        self._buffer.setActive(True)
        self._engine.renderFrame()
        self._buffer.setActive(False)
        data = np.frombuffer(self._picture.getRamImage(), np.uint8).reshape(self._size[1], self._size[0], 4)
        target = (self._ideal.width_px, self._ideal.height_px)
        if target != self._size:
            whole = self._size[0] % target[0] == 0
            data = cv2.resize(data, target, interpolation=cv2.INTER_AREA if whole else cv2.INTER_LINEAR)
        return np.asarray(cv2.cvtColor(cv2.flip(data, 0), cv2.COLOR_BGRA2RGB), np.uint8)

    def _put(self, name: str, vertices: NDArray[Any], faces: NDArray[Any]) -> None:
        node = self._layers[name].node()
        node.removeAllGeoms()
        if len(faces):
            node.addGeom(make_geom(vertices, faces, dynamic=True)[0])

    def _glow_mesh(self, fires: list[tuple[int, Sprites]]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Scorched ground, and firelight on it."""
        quads, colours = [], []
        for index, sprites in fires:
            blaze = self.town.blazes[index]
            burns = len(sprites.centres) > 0
            flicker = float(sprites.halves[:, 1].mean()) if burns else 0.0
            spots = [(blaze.spread * 2.2, (16.0, 14.0, 12.0, 190.0), 0.04)]
            if burns:
                spots.append((blaze.spread * 2.0 + 2.2 + flicker, (255.0, 138.0, 40.0, 120.0), 0.07))
            for reach, colour, lift in spots:
                signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float) * reach
                e, n = blaze.east + signs[:, 0], blaze.north + signs[:, 1]
                quads.append(np.column_stack([e, n, self.town.terrain.height_m(e, n) + lift]))
                colours.append(colour)
        if not quads:
            return np.zeros(0, VERTEX), np.zeros((0, 3), np.uint32)
        uv = np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (len(quads), 1, 1))
        return _quad_mesh(np.array(quads), uv, np.array(colours))

    def _distances(self, view: View) -> Array:
        """Slant range to level ground for each row of the picture, (H,)."""
        height = self.camera.height_px
        rows = np.column_stack([np.full(height, self.camera.cx_px), np.arange(height) + 0.5])
        down = (self.camera.camera_rays(rows) @ view.rotation.T)[:, 2]
        above = max(float(view.position[2]) - GROUND_M, 1.0)
        return np.where(down < -0.01, above / np.maximum(-down, 0.01), 2000.0)


def _without_distortion(camera: CameraModel) -> tuple[CameraModel, tuple[Any, Any] | None]:
    """The pinhole camera to render with, and where in its picture each pixel of the real one is found."""
    if not any(camera.distortion):
        return camera, None
    v, u = np.mgrid[0 : camera.height_px, 0 : camera.width_px] + 0.5
    rays = camera.camera_rays(np.column_stack([u.ravel(), v.ravel()]))
    x, y = camera.fx_px * rays[:, 0] / rays[:, 2], camera.fy_px * rays[:, 1] / rays[:, 2]
    left, top = float(np.floor(x.min())) - 2, float(np.floor(y.min())) - 2
    wide = CameraModel(
        width_px=int(np.ceil(x.max() - left)) + 2, height_px=int(np.ceil(y.max() - top)) + 2,
        fx_px=camera.fx_px,
        fy_px=camera.fy_px, cx_px=-left, cy_px=-top, name=camera.name,
    )  # fmt: skip
    shape = (camera.height_px, camera.width_px)
    maps = (
        (x - left - 0.5).reshape(shape).astype(np.float32),
        (y - top - 0.5).reshape(shape).astype(np.float32),
    )
    return wide, maps


def _shadow_mesh(troupe: Troupe) -> tuple[NDArray[Any], NDArray[Any]]:
    n = len(troupe.shadow_rings)
    vertices = np.zeros(n * 6, VERTEX)
    vertices["position"] = troupe.shadow_rings.reshape(-1, 3)
    vertices["colour"][:, :3] = (10, 12, 18)
    vertices["colour"][:, 3] = np.repeat(np.clip(255 * troupe.shadow_weights, 0, 255).astype(np.uint8), 6)
    fan = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5]])
    return vertices, (fan[None] + (np.arange(n) * 6)[:, None, None]).reshape(-1, 3)


def _sprite_mesh(
    sprites: list[Sprites], view: View, columns: int, rows: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    some = [s for s in sprites if len(s.centres)]
    if not some:
        return np.zeros(0, VERTEX), np.zeros((0, 3), np.uint32)
    some.sort(key=lambda s: -float(((s.centres - view.position) @ view.forward).mean()))
    parts = [s.quads(view, columns, rows) for s in some]
    colours = np.concatenate([s.colours[s.order(view)] for s in some])
    return _quad_mesh(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), colours)


def _quad_mesh(corners: Array, uv: Array, colours: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    n = len(corners)
    vertices = np.zeros(n * 4, VERTEX)
    vertices["position"] = corners.reshape(-1, 3)
    vertices["uv"] = uv.reshape(-1, 2)
    vertices["colour"] = np.repeat(np.clip(colours, 0, 255).astype(np.uint8), 4, 0)
    return vertices, (QUAD[None] + (np.arange(n) * 4)[:, None, None]).reshape(-1, 3)


def pose_at(
    town: Town,
    east: float,
    north: float,
    height_agl_m: float,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float = 0.0,
) -> Pose:
    """A pose above a place of the town, at that height over the ground there."""
    ground = float(town.terrain.height_m(east, north))
    lat, lon, alt = town.frame.to_geodetic([[east, north, ground + height_agl_m]])[0]
    return Pose(
        captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=float(lat), longitude=float(lon),
        altitude_amsl_m=float(alt), yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg,
    )  # fmt: skip


BOX_COLOURS = {
    "person": (60, 255, 60), "car": (60, 160, 255), "bus": (255, 200, 0), "truck": (255, 120, 0),
    "motorcycle": (230, 80, 255), "bicycle": (120, 255, 255), "fire": (255, 0, 0), "smoke": (255, 255, 255),
}  # fmt: skip


def draw_truth(picture: Picture, truth: FrameTruth) -> Picture:
    """A copy with the truth boxes drawn in; thin where hardly visible."""
    shown = picture.copy()
    for box in truth.boxes:
        left, top, right, bottom = (round(edge) for edge in box.box)
        colour = BOX_COLOURS[box.name] if box.visible_fraction >= 0.35 else (128, 128, 128)
        cv2.rectangle(shown, (left, top), (right, bottom), colour, 2 if box.event_id else 1)
    return shown


def main() -> None:
    """``python -m drone.sim.renderer --seed N --out DIR --frames K``: sample frames and their boxes."""
    parser = argparse.ArgumentParser(description="Render sample frames of the demo town.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--night", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    town = Town.generate(arguments.seed)
    renderer = Renderer(town, CameraModel.from_field_of_view(1280, 720, 60.0), night=arguments.night)
    rng = np.random.default_rng(arguments.seed)
    for k in range(arguments.frames):
        pose = pose_at(town, rng.uniform(-360, 360), rng.uniform(-260, 280), 50.0, rng.uniform(0, 360), -55.0)
        picture, truth = renderer.render(float(rng.uniform(0, 3600)), pose)
        cv2.imwrite(str(arguments.out / f"{k:03d}.jpg"), picture[..., ::-1])
        cv2.imwrite(str(arguments.out / f"{k:03d}-truth.jpg"), draw_truth(picture, truth)[..., ::-1])
    renderer.close()


if __name__ == "__main__":
    main()
