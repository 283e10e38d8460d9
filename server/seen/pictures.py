"""The ledger as a picture for the map: one pixel for a square, or several squares where the ground is
wide."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from missions.seen_coverage import Levelled, ServiceLevel
from missions.seen_tiles import FINENESS_M, SIDE, SQUARE_DEG, SeenTile, TileKey

Show = Literal["age", "fineness", "dwell"]
LARGEST_PX = 2048
NEVER = 255
AGE_STEPS = (1 / 24, 4 / 24, 0.5, 1.0)
"""Parts of the hours of the service level; older than all of them is out of time."""
DWELL_STEPS_S = (1.0, 5.0, 15.0, 60.0)
COLOURS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "age": (
        (0, 158, 115, 165), (86, 180, 233, 160), (0, 114, 178, 155), (204, 121, 167, 150), (213, 94, 0, 170),
    ),
    "fineness": (
        (0, 114, 178, 170), (86, 180, 233, 165), (0, 158, 115, 160), (240, 228, 66, 150), (213, 94, 0, 165),
    ),
    "dwell": (
        (253, 231, 37, 140), (94, 201, 98, 150), (33, 145, 140, 160), (59, 82, 139, 170), (68, 1, 84, 180),
    ),
}  # fmt: skip
"""From best to worst (dwell: from short to long). Okabe and Ito's palette, and viridis for stays."""
FINENESS_STEPS = (1, 3, 4, 5)
"""Classes of fineness up to which each colour goes: 2, 5, 8 and 12 cm, then all that is coarser."""


def picture_of(
    tiles: Mapping[TileKey, SeenTile],
    bounds: tuple[float, float, float, float],
    show: Show,
    level: ServiceLevel,
    at: datetime,
    apart: Sequence[Levelled] = (),
) -> bytes:
    """A PNG of the ground seen between west, south, east, north in degrees; transparent where nothing was.

    ``age`` and ``fineness`` count what the level's algorithm looked at; ``age`` shows only what was seen
    finely enough, ``fineness`` what was seen in time. Ground named under ``apart`` is shown by its own level.
    """
    west, south, east, north = bounds
    row0, column0 = int(np.floor(south / SQUARE_DEG)), int(np.floor(west / SQUARE_DEG))
    rows = int(np.ceil(north / SQUARE_DEG)) - row0
    columns = int(np.ceil(east / SQUARE_DEG)) - column0
    step = max(1, int(np.ceil(max(rows, columns) / LARGEST_PX)))
    classes = np.full((-(-rows // step), -(-columns // step)), NEVER, np.uint8)
    for key, tile in tiles.items():
        by_level = {level: _classes(tile, show, level, at)}
        part = by_level[level].copy()
        for ground, own in apart:
            there = ground.squares.get(key)
            if there is not None:
                if own not in by_level:
                    by_level[own] = _classes(tile, show, own, at)
                part[there] = by_level[own][there]
        _paint(classes, part, key[0] * SIDE - row0, key[1] * SIDE - column0, step)
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(COLOURS[show])] = COLOURS[show]
    buffer = io.BytesIO()
    Image.fromarray(palette[classes[::-1]], "RGBA").save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _classes(tile: SeenTile, show: Show, level: ServiceLevel, at: datetime) -> NDArray[np.uint8]:
    """Number of the colour of each square (128, 128), ``NEVER`` where there is none."""
    if show == "dwell":
        steps = np.searchsorted(DWELL_STEPS_S, tile.dwell_s, side="right")
        return np.where(tile.dwell_s > 0, steps, NEVER).astype(np.uint8)
    if show == "age":
        last = tile.last_seen(level.fineness_m, level.algorithm)
        age = (at.timestamp() - last.astype(float)) / 3600 / level.hours
        return np.where(last > 0, np.searchsorted(AGE_STEPS, age), NEVER).astype(np.uint8)
    finest = tile.finest(level.since(at), level.algorithm)
    steps = np.searchsorted(FINENESS_STEPS, finest)
    return np.where(finest < len(FINENESS_M), steps, NEVER).astype(np.uint8)


def _paint(picture: NDArray[np.uint8], part: NDArray[np.uint8], row: int, column: int, step: int) -> None:
    """Lay a tile into the picture with its south-west square at (row, column)."""
    first_row, first_column = -(-max(row, 0) // step), -(-max(column, 0) // step)
    cut = part[first_row * step - row :: step, first_column * step - column :: step]
    height = min(cut.shape[0], picture.shape[0] - first_row)
    width = min(cut.shape[1], picture.shape[1] - first_column)
    if height > 0 and width > 0:
        target = picture[first_row : first_row + height, first_column : first_column + width]
        np.minimum(target, cut[:height, :width], out=target)
