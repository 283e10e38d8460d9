"""Fire and smoke: sprites whose place, size and strength are functions of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from drone.sim.scenarios.plots import Blaze
from drone.sim.textures import fractal
from drone.sim.view import View

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
WIND = np.array([0.75, 0.45])
PUFFS = 56
LIFE_S = 12.0
RISE_M_S = 1.35
FLAME_FRAMES = 8


@dataclass(slots=True)
class Sprites:
    """M camera-facing pictures: centres (M, 3), half width and height (M, 2), frame in the atlas (M,), RGBA
    (M, 4),
    ``upright`` 0 for square to the camera, 1 for standing on the ground."""

    centres: Array
    halves: Array
    frames: NDArray[np.intp]
    colours: Array
    upright: float

    def quads(self, view: View, columns: int, rows: int) -> tuple[Array, Array]:
        """Corners (M, 4, 3) and texture coordinates (M, 4, 2), far ones first."""
        right = view.rotation[:, 0]
        camera_up = -view.rotation[:, 1]
        up = (1 - self.upright) * camera_up + self.upright * np.array([0, 0, 1.0])
        up = up / np.linalg.norm(up)
        w, h = self.halves[:, :1, None], self.halves[:, 1:, None]
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
        corners = self.centres[:, None] + signs[None, :, :1] * w * right + signs[None, :, 1:] * h * up
        column, row = self.frames % columns, self.frames // columns
        inset = 0.02
        u = (column[:, None] + np.array([inset, 1 - inset, 1 - inset, inset])) / columns
        v = 1.0 - (row[:, None] + np.array([1 - inset, 1 - inset, inset, inset])) / rows
        order = np.argsort(-((self.centres - view.position) @ view.forward))
        return corners[order], np.stack([u, v], -1)[order]

    def order(self, view: View) -> NDArray[np.intp]:
        return np.argsort(-((self.centres - view.position) @ view.forward))


def flames(blaze: Blaze, time_s: float, ground: float) -> Sprites:
    """Tongues of flame that flicker; empty when nothing burns."""
    if blaze.flames <= 0 or not blaze.start_s <= time_s < blaze.end_s:
        return _none(1.0)
    rng = np.random.default_rng(blaze.seed)
    count = 13
    grown = float(np.clip((time_s - blaze.start_s) / 8.0, 0.35, 1.0)) if blaze.start_s > 30 else 1.0
    way, reach = rng.uniform(0, 2 * np.pi, count), blaze.spread * np.sqrt(rng.uniform(0, 1, count)) * 0.85
    phase, rate = rng.uniform(0, 10, count), rng.uniform(0.8, 1.25, count)
    flicker = (
        0.82
        + 0.22 * np.sin(2 * np.pi * 1.7 * rate * time_s + phase)
        + 0.12 * np.sin(2 * np.pi * 3.1 * time_s + 2 * phase)
    )
    height = blaze.flames * grown * flicker * rng.uniform(0.55, 1.0, count)
    width = 0.5 * height + 0.4
    lean = 0.16 * height
    centres = np.column_stack([
        blaze.east + reach * np.cos(way) + WIND[0] * lean, blaze.north + reach * np.sin(way) + WIND[1] * lean,
        ground + 0.42 * height,
    ])  # fmt: skip
    frames = (np.floor(time_s * 9.0 * rate + phase).astype(int)) % FLAME_FRAMES
    colours = np.tile([255.0, 255.0, 255.0, 235.0], (count, 1))
    return Sprites(centres, np.column_stack([width / 2, height / 2 * 1.08]), frames, colours, 0.55)


def smoke(blaze: Blaze, time_s: float, ground: float) -> Sprites:
    """Puffs that rise, drift with the wind, grow and thin out."""
    if not blaze.start_s <= time_s < blaze.end_s:
        return _none(0.0)
    rng = np.random.default_rng(blaze.seed + 1)
    share = rng.permutation(PUFFS) / PUFFS
    turn = np.floor(time_s / LIFE_S + share)
    age = (time_s / LIFE_S + share) % 1.0 * LIFE_S
    wobble = rng.uniform(0, 2 * np.pi, PUFFS)
    alive = (age <= time_s - blaze.start_s) | (blaze.start_s <= 30.0)
    size = blaze.spread * 0.7 + 0.34 * age + 0.12 * np.sin(wobble + turn)
    swirl, drift = 0.10 * age, WIND[:, None] * age * (0.6 + 0.05 * age)
    start = 0.7 * blaze.flames
    centres = np.column_stack([
        blaze.east + drift[0] + swirl * np.sin(1.3 * age + wobble + 2.1 * turn) + 0.3 * np.cos(wobble),
        blaze.north + drift[1] + swirl * np.cos(1.1 * age + 2 * wobble + turn) + 0.3 * np.sin(wobble),
        ground + 0.5 + start + RISE_M_S * blaze.smoke_rate * age,
    ])  # fmt: skip
    fade = np.clip(age / 0.8, 0, 1) * (1 - age / LIFE_S) ** 1.15
    alpha = np.where(alive, (0.60 + 0.22 * blaze.darkness) * fade, 0.0)
    tone = (1 - blaze.darkness) * 214 + blaze.darkness * (52 + 7.5 * age) + 10 * np.sin(wobble)
    colours = np.column_stack([tone, tone, tone * 1.01, 255 * alpha])
    frames = (np.arange(PUFFS) + turn.astype(int)) % 4
    return Sprites(centres, np.column_stack([size, size]), frames, np.clip(colours, 0, 255), 0.0)


def _none(upright: float) -> Sprites:
    return Sprites(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0, int), np.zeros((0, 4)), upright)


@cache
def flame_atlas() -> Picture:
    """Eight flames in 4 x 2 squares of 64 px, RGBA."""
    rng = np.random.default_rng(77)
    size = 64
    y, x = np.mgrid[0:size, 0:size] / size
    noise = fractal(128, (6, 13, 27), rng)
    atlas = np.zeros((2 * size, 4 * size, 4), np.uint8)
    for frame in range(FLAME_FRAMES):
        scroll = frame * 16
        rough = noise[(np.arange(size) + scroll) % 128][:, (np.arange(size) * 2 + 11 * frame) % 128]
        bend = 0.16 * np.sin(3.2 * y + frame * 0.8) * (1 - y)
        half = 0.36 * np.clip(y, 0.02, 1) ** 0.75 * np.clip((1.02 - y) * 6, 0, 1) ** 0.5
        core = 1.0 - np.abs(x - 0.5 - bend) / np.maximum(half * (1 + 0.55 * rough), 0.01)
        heat = np.clip(core * 1.5 + 0.3 * rough, 0, 1) * np.clip(y * 5, 0, 1)
        red = np.clip(heat * 3.2, 0, 1)
        green = np.clip(heat * 1.75 - 0.28 + 0.25 * y, 0, 1)
        blue = np.clip(heat * 1.6 - 0.95 + 0.2 * y, 0, 1) * 0.8
        picture = np.stack(
            [255 * np.clip(0.75 + red, 0, 1), 255 * green, 255 * blue, 255 * np.clip(heat * 2.6, 0, 1)], -1
        )
        row, column = divmod(frame, 4)
        atlas[row * size : row * size + size, column * size : column * size + size] = picture.astype(np.uint8)
    return atlas


@cache
def puff_atlas() -> Picture:
    """Four puffs in 2 x 2 squares of 64 px, white with alpha."""
    rng = np.random.default_rng(78)
    size = 64
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    atlas = np.zeros((2 * size, 2 * size, 4), np.uint8)
    for frame in range(4):
        rough = fractal(size, (4, 9, 17), rng)
        radius = np.hypot(x, y) * 2 * (1 + 0.20 * rough)
        alpha = np.clip(1.0 - radius, 0, 1) ** 0.8 * (0.82 + 0.28 * rough)
        light = np.clip(0.93 - 0.18 * y * 2 + 0.10 * rough, 0.6, 1.0)
        picture = np.dstack([255 * light] * 3 + [255 * np.clip(alpha, 0, 1)])
        row, column = divmod(frame, 2)
        atlas[row * size : row * size + size, column * size : column * size + size] = picture.astype(np.uint8)
    return atlas


@cache
def glow_picture() -> Picture:
    """A soft round spot, white with alpha."""
    y, x = np.mgrid[0:64, 0:64] / 63.0 - 0.5
    alpha = np.clip(1 - np.hypot(x, y) * 2, 0, 1) ** 1.6
    return np.asarray(cv2.merge([np.full((64, 64), 255, np.uint8)] * 3 + [(255 * alpha).astype(np.uint8)]))
