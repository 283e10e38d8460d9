"""Procedural surfaces as small tileable pictures: ground materials, roofs, facades, shop fronts, foliage."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Array = NDArray[np.float32]

MATERIAL_PX_PER_M = 16
MATERIAL_PX = 512


def tileable_noise(size: int, cells: int, rng: Generator) -> Array:
    """Smooth noise in [-1, 1], period ``size`` pixels, ``cells`` grid cells across."""
    grid = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    wrapped = np.pad(grid, ((2, 2), (2, 2)), mode="wrap")
    scale = size / cells
    big = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    edge = round(2 * scale)
    return np.asarray(big[edge : edge + size, edge : edge + size], np.float32)


def fractal(size: int, cells: tuple[int, ...], rng: Generator) -> Array:
    """Sum of tileable noises with falling weight."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for count in cells:
        total += weight * tileable_noise(size, count, rng)
        weight *= 0.6
    return total


def _grain(size: int, sigma: float, rng: Generator) -> Array:
    return (rng.standard_normal((size, size)) * sigma).astype(np.float32)


def _tint(values: Array, colour: tuple[float, float, float]) -> Picture:
    picture = np.asarray(colour, np.float32) * (1.0 + values[..., None] / 100.0)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _joints(size: int, step_px: int, shade: float, stagger: bool = False) -> Array:
    """Darker lines every ``step_px`` pixels both ways."""
    values = np.zeros((size, size), np.float32)
    values[::step_px, :] -= shade
    if stagger:
        for band in range(0, size, step_px):
            values[band : band + step_px, (step_px // 2 if (band // step_px) % 2 else 0) :: step_px] -= shade
    else:
        values[:, ::step_px] -= shade
    return values


@cache
def materials() -> dict[str, Picture]:
    """Ground materials, each ``MATERIAL_PX`` square RGB at ``MATERIAL_PX_PER_M``."""
    rng = default_rng(7)
    n = MATERIAL_PX

    def rough(low: float, fine: float, cells: tuple[int, ...] = (6, 17, 53)) -> Array:
        return low * fractal(n, cells, rng) + _grain(n, fine, rng)

    crops = np.sin(np.arange(n) / n * 2 * np.pi * 40)[:, None].astype(np.float32)
    rows = np.sin(np.arange(n) / n * 2 * np.pi * 26)[:, None].astype(np.float32)
    slabs = _joints(n, 64, 14.0)
    blocks = np.repeat(np.repeat(rng.uniform(-7, 7, (32, 32)), 16, 0), 16, 1).astype(np.float32)
    plaza = np.repeat(np.repeat(rng.uniform(-5, 5, (32, 32)), 16, 0), 16, 1).astype(np.float32)
    cracks = _cracks(n, rng)
    clumps = np.maximum(fractal(n, (31, 83), rng), 0)
    ripples = 5 * fractal(n, (9, 23), rng) + 4 * fractal(n, (64, 128), rng)
    return {
        "asphalt": _tint(rough(5, 5) + cracks, (104, 105, 107)),
        "asphalt_worn": _tint(rough(8, 6) + 1.6 * cracks, (126, 125, 122)),
        "concrete": _tint(rough(7, 4) + slabs, (168, 166, 160)),
        "yard": _tint(rough(10, 5) + 0.8 * slabs + cracks, (152, 149, 142)),
        "pavers": _tint(rough(5, 4) + blocks + _joints(n, 8, 7.0, stagger=True), (188, 180, 172)),
        "plaza": _tint(rough(4, 3) + plaza + _joints(n, 16, 8.0), (206, 202, 194)),
        "kerb": _tint(rough(3, 4), (196, 194, 188)),
        "grass": _tint(rough(14, 11) + 10 * clumps, (86, 112, 54)),
        "lawn": _tint(rough(5, 6) + 4 * np.sign(np.sin(np.arange(n) / n * 2 * np.pi * 8))[None, :],
        (92, 134, 62)),
        "crop_green": _tint(rough(9, 10) + 16 * crops, (104, 132, 62)),
        "crop_dark": _tint(rough(10, 10) + 18 * rows, (66, 98, 50)),
        "crop_yellow": _tint(rough(10, 10) + 8 * crops, (178, 166, 74)),
        "soil": _tint(rough(10, 8) + 12 * rows, (132, 108, 82)),
        "dirt": _tint(rough(10, 8), (150, 134, 110)),
        "meadow": _tint(rough(16, 9) + 8 * clumps, (104, 118, 66)),
        "track": _tint(rough(3, 4), (166, 74, 58)),
        "court": _tint(rough(3, 3), (255, 255, 255)),
        "water": _tint(ripples, (92, 112, 98)),
        "bank": _tint(rough(6, 5) + _joints(n, 16, 10.0, stagger=True), (140, 136, 124)),
        "paint_white": _tint(rough(5, 5), (222, 222, 216)),
        "paint_yellow": _tint(rough(5, 5), (208, 170, 62)),
    }  # fmt: skip


def _cracks(size: int, rng: Generator) -> Array:
    canvas = np.zeros((size, size), np.float32)
    for _ in range(9):
        point = rng.uniform(0, size, 2)
        way = rng.uniform(0, 2 * np.pi)
        points = [point]
        for _ in range(14):
            way += rng.uniform(-0.7, 0.7)
            points.append(points[-1] + 13 * np.array([np.cos(way), np.sin(way)]))
        cv2.polylines(canvas, [np.array(points, np.int32)], False, -16.0, 1, cv2.LINE_AA)
    for _ in range(5):
        a = rng.integers(0, size, 2)
        b = a + rng.integers(20, 70, 2)
        cv2.rectangle(canvas, a.tolist(), b.tolist(), float(rng.uniform(-9, 6)), -1)
    return canvas


FACADE_PX = 128
FACADE_BAY_M = 6.4
FACADE_FLOORS = 2


@cache
def facade(kind: str, night: bool = False) -> Picture:
    """Two bays (6.4 m) by two floors of a facade, near white where the wall's own colour shall show."""
    rng = default_rng(abs(hash_text(kind)))
    n = FACADE_PX
    base = 236 + 6 * fractal(n, (4, 11), rng) + _grain(n, 4, rng)
    picture = np.repeat(np.clip(base, 0, 255)[..., None], 3, 2).astype(np.uint8)
    FACADES[kind](picture, rng)
    if night:
        dark = (picture * np.array([0.16, 0.17, 0.23])).astype(np.uint8)
        glass = picture.max(2) < 125
        for bay in range(2):
            for floor in range(2):
                if rng.random() < 0.5:
                    box = np.zeros_like(glass)
                    box[floor * 64 : floor * 64 + 64, bay * 64 : bay * 64 + 64] = True
                    dark[glass & box] = [(255, 214, 140), (250, 236, 200), (220, 232, 250)][
                        int(rng.integers(3))
                    ]
        picture = dark
    return picture


def _window(
    picture: Picture, x: int, y: int, w: int, h: int, rng: Generator, tone: tuple[int, int, int]
) -> None:
    glass = np.asarray(tone) + rng.integers(-14, 15)
    cv2.rectangle(picture, (x - 2, y - 2), (x + w + 1, y + h + 1), (214, 212, 208), -1)
    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), tuple(int(v) for v in glass), -1)
    shine = tuple(int(min(v + 40, 255)) for v in glass)
    cv2.rectangle(picture, (x, y), (x + w // 2 - 2, y + h // 3), shine, -1)
    cv2.line(picture, (x + w // 2, y), (x + w // 2, y + h - 1), (205, 205, 202), 1)
    cv2.line(picture, (x - 3, y + h + 2), (x + w + 3, y + h + 2), (150, 146, 140), 2)


def _cages(picture: Picture, rng: Generator) -> None:
    for bay in range(2):
        for floor in range(2):
            x, y = bay * 64 + 14, floor * 64 + 14
            _window(picture, x, y, 30, 28, rng, (74, 84, 92))
            if rng.random() < 0.8:
                for bar in range(x - 3, x + 34, 4):
                    cv2.line(picture, (bar, y - 4), (bar, y + 32), (176, 176, 174), 1)
                cv2.rectangle(picture, (x - 4, y - 5), (x + 34, y + 33), (150, 150, 148), 1)
            cv2.rectangle(picture, (bay * 64 + 48, y + 22), (bay * 64 + 60, y + 32), (224, 226, 226), -1)
            cv2.circle(picture, (bay * 64 + 53, y + 27), 3, (120, 122, 124), -1)


def _plaster(picture: Picture, rng: Generator) -> None:
    for bay in range(2):
        for floor in range(2):
            _window(picture, bay * 64 + 16, floor * 64 + 16, 32, 30, rng, (66, 80, 92))
    for y in (0, 64):
        cv2.line(picture, (0, y), (127, y), (196, 192, 186), 2)
    for _ in range(5):
        x = int(rng.integers(0, 128))
        cv2.line(picture, (x, 0), (x, 127), (214, 210, 204), 1)


def _bluegrass(picture: Picture, rng: Generator) -> None:
    picture[::6, :] = (picture[::6, :] * 0.94).astype(np.uint8)
    picture[:, ::6] = (picture[:, ::6] * 0.94).astype(np.uint8)
    for bay in range(2):
        for floor in range(2):
            _window(picture, bay * 64 + 8, floor * 64 + 14, 48, 34, rng, (52, 92, 128))


def _balcony(picture: Picture, rng: Generator) -> None:
    for floor in range(2):
        y = floor * 64
        cv2.rectangle(picture, (4, y + 10), (58, y + 56), (70, 80, 88), -1)
        for bar in range(6, 58, 8):
            cv2.line(picture, (bar, y + 10), (bar, y + 38), (196, 198, 200), 1)
        cv2.rectangle(picture, (3, y + 40), (59, y + 58), (208, 204, 198), -1)
        cv2.rectangle(picture, (3, y + 58), (59, y + 60), (140, 136, 130), -1)
        for _ in range(3):
            x = int(rng.integers(8, 50))
            colour = tuple(int(v) for v in rng.integers(70, 240, 3))
            cv2.rectangle(picture, (x, y + 18), (x + 6, y + 34), colour, -1)
        _window(picture, 76, y + 18, 34, 28, rng, (72, 84, 94))
        cv2.rectangle(picture, (114, y + 40), (125, y + 50), (222, 224, 224), -1)


def _office(picture: Picture, rng: Generator) -> None:
    for floor in range(2):
        for bay in range(4):
            _window(picture, bay * 32 + 4, floor * 64 + 16, 24, 34, rng, (62, 88, 108))
    for y in (4, 68):
        cv2.rectangle(picture, (0, y), (127, y + 5), (206, 202, 196), -1)


def _plain(picture: Picture, rng: Generator) -> None:
    for y in (0, 64):
        cv2.line(picture, (0, y), (127, y), (206, 202, 196), 2)
    _window(picture, 20, 18, 20, 26, rng, (72, 80, 86))
    _window(picture, 86, 82, 20, 26, rng, (72, 80, 86))


def _blank(picture: Picture, rng: Generator) -> None:
    for _ in range(10):
        x, y = rng.integers(0, 128, 2).tolist()
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(4, 18)), y + 50), (224, 220, 212), -1)
    _window(picture, 54, 82, 18, 20, rng, (76, 82, 88))


def _steel(picture: Picture, rng: Generator) -> None:
    picture[:, ::4] = (picture[:, ::4] * 0.9).astype(np.uint8)
    cv2.rectangle(picture, (0, 12), (127, 30), (120, 134, 144), -1)
    for x in range(0, 128, 16):
        cv2.line(picture, (x, 12), (x, 30), (190, 190, 190), 1)


FACADES = {
    "cages": _cages, "plaster": _plaster, "bluegrass": _bluegrass, "balcony": _balcony, "office": _office,
    "plain": _plain, "blank": _blank, "steel": _steel,
}  # fmt: skip

SHOP_STRIPS = 4
SHOP_STRIP_M = 32.0


@cache
def shop_strip(index: int, night: bool = False) -> Picture:
    """Ground floor of eight shops, 4 m wide and 3.6 m high each: signboard above glass or a roller door."""
    rng = default_rng(900 + index)
    picture = np.full((64, 512, 3), 150, np.uint8)
    boards = [
        (186, 34, 36),
        (24, 84, 160),
        (22, 122, 70),
        (232, 186, 42),
        (120, 36, 110),
        (232, 232, 226),
        (214, 96, 30),
        (30, 36, 44),
    ]
    for shop in range(8):
        x = shop * 64
        board = boards[int(rng.integers(len(boards)))]
        cv2.rectangle(picture, (x, 0), (x + 63, 20), board, -1)
        ink = (250, 244, 226) if sum(board) < 480 else (180, 30, 30)
        _glyphs(picture, x + 6, 4, int(rng.integers(3, 5)), ink, rng)
        style = rng.random()
        if style < 0.25:
            cv2.rectangle(picture, (x + 3, 24), (x + 60, 62), (166, 168, 168), -1)
            for y in range(26, 62, 4):
                cv2.line(picture, (x + 3, y), (x + 60, y), (140, 142, 142), 1)
        else:
            lit = (236, 222, 184) if night else (70, 78, 82)
            cv2.rectangle(picture, (x + 3, 24), (x + 60, 62), lit, -1)
            for _ in range(10):
                gx, gy = int(rng.integers(x + 5, x + 52)), int(rng.integers(30, 56))
                colour = tuple(int(v) for v in rng.integers(60, 230, 3))
                cv2.rectangle(picture, (gx, gy), (gx + 5, gy + 5), colour, -1)
            cv2.line(picture, (x + 32, 24), (x + 32, 62), (200, 200, 200), 1)
        cv2.rectangle(picture, (x, 20), (x + 2, 63), (186, 180, 172), -1)
    return picture


def _glyphs(picture: Picture, x: int, y: int, count: int, ink: tuple[int, int, int], rng: Generator) -> None:
    """Strokes that read as signboard characters from the air."""
    for k in range(count):
        left = x + k * 14
        for _ in range(3):
            h = int(rng.integers(0, 12))
            cv2.line(picture, (left, y + h), (left + 10, y + h), ink, 1)
        for _ in range(2):
            w = int(rng.integers(1, 10))
            cv2.line(picture, (left + w, y), (left + w, y + 12), ink, 1)
        cv2.line(picture, (left + 5, y + 5), (left + int(rng.integers(0, 11)), y + 12), ink, 1)


@cache
def roof(kind: str) -> Picture:
    """16 m square of a roof, light where the roof's own colour shall show."""
    rng = default_rng(abs(hash_text(kind)))
    n = 256
    stains = fractal(n, (3, 7, 19), rng)
    if kind == "flat":
        values = (
            9 * stains + _grain(n, 5, rng) + _joints(n, 48, 9.0) + 0.5 * cv2.resize(_cracks(512, rng), (n, n))
        )
        return _tint(values - 8, (238, 236, 232))
    if kind == "tiles":
        ribs = 13 * np.sin(np.arange(n) / n * 2 * np.pi * 40)[None, :].astype(np.float32)
        courses = 9 * np.sin(np.arange(n) / n * 2 * np.pi * 32)[:, None].astype(np.float32)
        return _tint(ribs + courses + 8 * stains + _grain(n, 6, rng) - 6, (228, 228, 228))
    ribs = 9 * np.sign(np.sin(np.arange(n) / n * 2 * np.pi * 24))[None, :].astype(np.float32)
    return _tint(ribs + 5 * stains + _grain(n, 3, rng) - 4, (236, 236, 236))


@cache
def foliage() -> Picture:
    """Leaves: clumps of light and dark, for canopies coloured per vertex."""
    rng = default_rng(31)
    n = 128
    leaves = 16 * fractal(n, (16, 34, 64), rng) + _grain(n, 13, rng)
    return _tint(leaves - 4, (236, 240, 228))


def hash_text(text: str) -> int:
    """A stable small hash: the same in every run."""
    value = 5381
    for letter in text:
        value = (value * 33 + ord(letter)) % 2147483647
    return value
