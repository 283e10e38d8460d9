"""Paints the ground: materials, markings, shadows and lamplight, tile by tile, from the fabric's rings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from drone.sim.fabric import HEIGHT, SOUTH, WEST, WIDTH, Fabric, Patch
from drone.sim.geometry import ellipse
from drone.sim.look import Look
from drone.sim.textures import MATERIAL_PX, MATERIAL_PX_PER_M, fractal, materials

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
SHIFT = 4
MOTTLE_M = 1.6
LIGHT_LEVELS = 200.0


class GroundPainter:
    """Pictures of any square of ground at any resolution, all of them cuts of one and the same ground."""

    def __init__(self, fabric: Fabric, look: Look, seed: int) -> None:
        self.fabric = fabric
        self.look = look
        rng = np.random.default_rng(seed + 5)
        self._mottle = fractal(512, (5, 13, 37), rng)
        self._bounds = np.array([[*p.ring.min(0), *p.ring.max(0)] for p in fabric.patches])
        self._shadows = [
            *_building_shadows(fabric, look),
            *_tree_shadows(fabric, look),
            *_prop_shadows(fabric, look),
        ]
        self._shadow_bounds = np.array([[*r.min(0), *r.max(0)] for r in self._shadows]).reshape(-1, 4)
        self._contacts = [b.ring for b in fabric.buildings]
        self._contact_bounds = np.array([[*r.min(0), *r.max(0)] for r in self._contacts]).reshape(-1, 4)
        self._lamps = np.array([[*p.place.at(0, 0)] for p in fabric.props if p.kind == "lamp"]).reshape(-1, 2)
        self._scaled: dict[tuple[str, int], Picture] = {}
        self.light = self._light_map()

    def paint(self, west: float, south: float, size_m: float, px: int) -> Picture:
        """RGB picture (px, px, 3), north up, of the square with that corner."""
        scale = px / size_m
        picture = self._material("meadow", west, south, scale, px, (0, 0, px, px))
        corner = np.array([west, south])
        mask = np.zeros((px, px), np.uint8)
        for i in _touching(self._bounds, west, south, size_m):
            patch = self.fabric.patches[i]
            points = _pixels(patch.ring, corner, scale, px)
            x, y, w, h = _box(points, px)
            if w <= 0 or h <= 0:
                continue
            window = np.s_[y : y + h, x : x + w]
            mask[window] = 0
            cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, SHIFT)
            source = self._material(patch.material, west, south, scale, px, (x, y, w, h))
            _lay(picture[window], mask[window], source, patch)
        return self._shade(picture, west, south, size_m, px)

    def _material(
        self, name: str, west: float, south: float, scale: float, px: int, box: tuple[int, int, int, int]
    ) -> Picture:
        """The material's tile repeated over a box (x, y, w, h) of the square, anchored to the world."""
        repeat_m = MATERIAL_PX / MATERIAL_PX_PER_M
        size = max(4, round(repeat_m * scale))
        key = (name, size)
        if key not in self._scaled:
            self._scaled[key] = cv2.resize(materials()[name], (size, size), interpolation=cv2.INTER_AREA)
        tile = self._scaled[key]
        x, y, w, h = box
        left, top = (round(west * scale) + x) % size, (round(-(south * scale) - px) + y) % size
        tiled = np.tile(tile, (-(-(top + h) // size), -(-(left + w) // size), 1))
        return np.ascontiguousarray(tiled[top : top + h, left : left + w])

    def _shade(self, picture: Picture, west: float, south: float, size_m: float, px: int) -> Picture:
        """Multiply by large-scale mottling and by light (sun and shadows, or lamps at night)."""
        mottle = _cut(self._mottle, west, south, size_m, px, MOTTLE_M)
        if self.look.night:
            factor = self._lamplight(west, south, size_m, px) * (1.0 + 0.05 * mottle[..., None])
            return np.asarray(np.clip(picture * factor, 0, 255), np.uint8)
        sun = 1.0 - self.look.shadow * self._shadow_mask(west, south, size_m, px)
        level = np.clip(sun * (1.0 + 0.05 * mottle) * LIGHT_LEVELS, 0, 255).astype(np.uint8)
        return np.asarray(cv2.multiply(picture, cv2.merge([level] * 3), scale=1 / LIGHT_LEVELS), np.uint8)

    def _shadow_mask(self, west: float, south: float, size_m: float, px: int) -> NDArray[np.float32]:
        scale = px / size_m
        corner = np.array([west, south])
        mask = np.zeros((px, px), np.uint8)
        for i in _touching(self._shadow_bounds, west, south, size_m):
            cv2.fillPoly(mask, [_pixels(self._shadows[i], corner, scale, px)], 255, cv2.LINE_AA, SHIFT)
        contact = np.zeros((px, px), np.uint8)
        for i in _touching(self._contact_bounds, west - 2, south - 2, size_m + 4):
            cv2.fillPoly(contact, [_pixels(self._contacts[i], corner, scale, px)], 255, cv2.LINE_AA, SHIFT)
        soft = cv2.GaussianBlur(mask, (0, 0), max(0.22 * scale, 0.5))
        near = cv2.blur(contact, (max(3, int(2.2 * scale)),) * 2)
        return np.asarray(cv2.max(soft, cv2.multiply(near, 0.55)), np.float32) / np.float32(255.0)

    def _lamplight(self, west: float, south: float, size_m: float, px: int) -> NDArray[np.float32]:
        coarse = max(px // 8, 8)
        light = np.full((coarse, coarse, 3), (0.10, 0.115, 0.16), np.float32)
        y, x = np.mgrid[0:coarse, 0:coarse].astype(np.float32) / (coarse / size_m)
        for e, n in self._lamps:
            if west - 25 < e < west + size_m + 25 and south - 25 < n < south + size_m + 25:
                d2 = (x + west - e) ** 2 + (south + size_m - y - n) ** 2
                light += np.exp(-d2 / 90.0)[..., None] * np.array([0.62, 0.5, 0.32], np.float32)
        return np.asarray(cv2.resize(np.minimum(light, 1.0), (px, px)), np.float32)

    def _light_map(self) -> NDArray[np.float32]:
        """Light (HEIGHT, WIDTH) on things that stand in the open or in shade, row 0 in the south."""
        if self.look.night:
            light = np.full((HEIGHT, WIDTH), 0.14, np.float32)
            for e, n in self._lamps:
                cv2.circle(light, (int(e - WEST), int(n - SOUTH)), 9, 0.55, -1)
            return np.asarray(cv2.GaussianBlur(light, (0, 0), 4.0), np.float32)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for ring in self._shadows:
            cv2.fillPoly(mask, [np.round((ring - [WEST, SOUTH]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return (1.0 - 0.85 * self.look.shadow * mask.astype(np.float32) / 255.0).astype(np.float32)

    def light_at(self, east: Array, north: Array) -> Array:
        """Factor in (0, 1] on things standing at those places."""
        column = np.clip(np.floor(east - WEST).astype(int), 0, WIDTH - 1)
        row = np.clip(np.floor(north - SOUTH).astype(int), 0, HEIGHT - 1)
        return np.asarray(self.light[row, column], np.float64)


def _lay(picture: Picture, cover: Picture, source: Picture, patch: Patch) -> None:
    """Blend the material over a window of the picture, in place."""
    if patch.tint != (255, 255, 255):
        source = cv2.multiply(source, np.full_like(source, patch.tint), scale=1 / 255)
    if patch.material.startswith("paint"):
        cover = cv2.multiply(cover, 0.86)
    alpha = cv2.merge([cover] * 3)
    under = cv2.multiply(picture, 255 - alpha, scale=1 / 255)
    picture[:] = cv2.add(under, cv2.multiply(source, alpha, scale=1 / 255))


def _touching(bounds: Array, west: float, south: float, size_m: float) -> NDArray[np.intp]:
    hit = (
        (bounds[:, 0] < west + size_m)
        & (bounds[:, 2] > west)
        & (bounds[:, 1] < south + size_m)
        & (bounds[:, 3] > south)
    )
    return np.flatnonzero(hit)


def _pixels(ring: Array, corner: Array, scale: float, px: int) -> NDArray[np.int32]:
    points = (ring - corner) * scale
    return np.round(np.column_stack([points[:, 0] - 0.5, px - points[:, 1] - 0.5]) * (1 << SHIFT)).astype(
        np.int32
    )


def _box(points: NDArray[np.int32], px: int) -> tuple[int, int, int, int]:
    low = np.maximum((points.min(0) >> SHIFT) - 2, 0)
    high = np.minimum((points.max(0) >> SHIFT) + 3, px)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _cut(
    field: NDArray[np.float32], west: float, south: float, size_m: float, px: int, m_per_px: float
) -> NDArray[np.float32]:
    """A smooth cut of a tileable field of coarse pixels, looked up coarsely and enlarged."""
    coarse = min(px, max(int(size_m / m_per_px * 3), 16))
    x = (((np.arange(coarse) + 0.5) / coarse * size_m + west) / m_per_px) % field.shape[1]
    y = ((south + size_m - (np.arange(coarse) + 0.5) / coarse * size_m) / m_per_px) % field.shape[0]
    map_x, map_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    cut = cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cv2.resize(cut, (px, px), interpolation=cv2.INTER_LINEAR), np.float32)


def _hull(points: Array) -> Array:
    return np.asarray(points[ConvexHull(points).vertices])


def _building_shadows(fabric: Fabric, look: Look) -> list[Array]:
    shift = look.shadow_shift
    return [_hull(np.vstack([b.ring, b.ring + shift * b.height])) for b in fabric.buildings]


def _tree_shadows(fabric: Fabric, look: Look) -> list[Array]:
    rings = []
    for tree in fabric.trees:
        centre = np.array([tree.east, tree.north]) + look.shadow_shift * tree.height * 0.62
        stretch = 1.0 + 0.25 * float(np.hypot(*look.shadow_shift))
        way = float(np.arctan2(look.shadow_shift[1], look.shadow_shift[0]))
        ring = ellipse(float(centre[0]), float(centre[1]), tree.radius * stretch, tree.radius * 0.95, 14, way)
        wobble = 1.0 + 0.12 * np.sin(np.arange(14) * 2.4 + tree.east)
        rings.append(centre + (ring - centre) * wobble[:, None])
    return rings


def _prop_shadows(fabric: Fabric, look: Look) -> list[Array]:
    rings = []
    for prop in fabric.props:
        u, v, h = prop.size
        base = prop.place.rectangle(0, 0, u, v)
        shift = look.shadow_shift
        if prop.kind in ("awning", "parasol", "shelter", "gate"):
            rings.append(base + shift * h)
        elif prop.kind in ("lamp", "flag", "post", "tower"):
            pole = prop.place.rectangle(
                0, 0, min(u, 0.25) if prop.kind != "tower" else u, min(v, 0.25) if prop.kind != "tower" else v
            )
            tip = prop.place.at(0, 0) + shift * h
            rings.append(_hull(np.vstack([pole, tip[None] + 0.05, tip[None] - 0.05])))
        else:
            rings.append(_hull(np.vstack([base, base + shift * h])))
    return rings
