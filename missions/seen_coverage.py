"""What the ledger says of a piece of ground: how much was seen in time and finely enough, how long, and what
not.

Ground is what lies within a polygon and not under a building. A square is *served* when it was seen within
the hours of the service level, at its fineness or better, by its algorithm. Ground of several cells is judged
part by part, each by the level of its cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from missions import shapes
from missions.geodesy import LocalFrame
from missions.seen_obstacles import Mask, Obstacles
from missions.seen_tiles import (
    FINENESS_M,
    SIDE,
    SQUARE_DEG,
    SeenTile,
    TileKey,
    centres_of,
    square_m2,
    tiles_within,
)
from missions.shapes import Shape

CLOSE_M, OPEN_M = 1.0, 0.8
SMALLEST_GAP_M2 = 10.0
REFLY_MARGIN_M = 3.0
REFLY_SMALLEST_M2 = 25.0
LARGEST_HOLE_M2 = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What is promised: that share of the ground seen within so many hours, at that fineness or better.

    fineness_m: metres for a pixel, taken down to the next class of ``FINENESS_M``. algorithm: None asks for
    any.
    """

    hours: float = 24.0
    fineness_m: float = 0.12
    share: float = 0.95
    algorithm: str | None = None

    def since(self, now: datetime) -> int:
        """The earliest second since 1970 that still counts."""
        return max(1, int(np.ceil(now.timestamp() - self.hours * 3600)))


@dataclass(frozen=True, slots=True)
class Ground:
    """The open squares of a polygon in degrees: masks (128, 128) by tile."""

    polygon: Shape
    squares: dict[TileKey, Mask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Square metres of open ground: all, promised to be served, ever seen, seen in time, served.
    ``fineness_m`` is the median class of what was seen in time, ``dwell_s`` the mean stay of what was ever
    seen; None where nothing was."""

    ground_m2: float
    wanted_m2: float
    ever_m2: float
    recent_m2: float
    served_m2: float
    last_seen_at: datetime | None
    fineness_m: float | None
    dwell_s: float | None

    @property
    def share(self) -> float:
        """Served ground over all ground; 1 where there is none to see."""
        return self.served_m2 / self.ground_m2 if self.ground_m2 > 0 else 1.0

    @property
    def wanted_share(self) -> float:
        """The share that is promised; of several cells the mean of theirs, weighed by ground."""
        return self.wanted_m2 / self.ground_m2 if self.ground_m2 > 0 else 0.0

    @property
    def fulfilled(self) -> bool:
        """Whether at least as much ground is served as is promised."""
        return self.served_m2 >= self.wanted_m2 * (1 - 1e-9)


Levelled = tuple[Ground, ServiceLevel]
"""Ground and the level that it is judged by."""


def ground_within(polygon: Shape, obstacles: Obstacles, frame: LocalFrame) -> Ground:
    """The squares whose middle lies in a polygon and under no building.

    Args:
        polygon: in degrees, longitude first. obstacles: in metres of ``frame``.
    """
    squares = {}
    shapely.prepare(polygon)
    for tile in tiles_within(polygon.bounds):
        lat, lon = (axis.ravel() for axis in np.meshgrid(*centres_of(tile), indexing="ij"))
        inside = np.asarray(shapely.contains_xy(polygon, lon, lat))
        if inside.any() and obstacles.prisms:
            places = frame.to_enu(lat[inside], lon[inside])
            inside[inside] = ~obstacles.built_over(places[:, 0], places[:, 1])
        if inside.any():
            squares[tile] = inside.reshape(SIDE, SIDE)
    return Ground(polygon, squares)


def split_ground(ground: Ground, cells: Iterable[tuple[str, Ground]]) -> list[tuple[str | None, Ground]]:
    """The squares of some ground by the cell that they lie in; those outside all cells last, under None.

    The parts keep the polygon of the whole. A square that two cells share goes to the first.
    """
    left = {key: mask.copy() for key, mask in ground.squares.items()}
    parts: list[tuple[str | None, Ground]] = []
    for code, cell in cells:
        shared = {key: left[key] & mask for key, mask in cell.squares.items() if key in left}
        squares = {key: mask for key, mask in shared.items() if mask.any()}
        for key, mask in squares.items():
            left[key] &= ~mask
        if squares:
            parts.append((code, Ground(ground.polygon, squares)))
    outside = {key: mask for key, mask in left.items() if mask.any()}
    return [*parts, (None, Ground(ground.polygon, outside))] if outside else parts


def coverage(
    ground: Ground, tiles: Mapping[TileKey, SeenTile], level: ServiceLevel, now: datetime
) -> Coverage:
    """How well the service level is met on some ground."""
    return coverage_of_parts([(ground, level)], tiles, now)


def coverage_of_parts(
    parts: Iterable[Levelled], tiles: Mapping[TileKey, SeenTile], now: datetime
) -> Coverage:
    """How well parts of ground, each judged by its own level, are served together."""
    total = wanted = ever = recent = served = stay = 0.0
    newest = 0
    classes = np.zeros(len(FINENESS_M))
    for ground, level in parts:
        since = level.since(now)
        for key, mask in ground.squares.items():
            unit = square_m2(key)
            total += unit * float(mask.sum())
            wanted += unit * float(mask.sum()) * level.share
            tile = tiles.get(key)
            if tile is None:
                continue
            last = tile.last_seen(algorithm=level.algorithm)[mask]
            newest = max(newest, int(last.max(initial=0)))
            seen = last > 0
            ever += unit * float(seen.sum())
            recent += unit * float((last >= since).sum())
            served += unit * float((tile.last_seen(level.fineness_m, level.algorithm)[mask] >= since).sum())
            stay += unit * float(tile.dwell_s[mask][seen].sum())
            finest = tile.finest(since, level.algorithm)[mask]
            classes += unit * np.bincount(finest[finest < 255], minlength=len(FINENESS_M))
    middle = int(np.searchsorted(np.cumsum(classes), classes.sum() / 2)) if classes.sum() > 0 else None
    return Coverage(
        ground_m2=total, wanted_m2=wanted, ever_m2=ever, recent_m2=recent, served_m2=served,
        last_seen_at=datetime.fromtimestamp(newest, UTC) if newest else None,
        fineness_m=None if middle is None else FINENESS_M[middle], dwell_s=stay / ever if ever > 0 else None,
    )  # fmt: skip


def gaps(ground: Ground, tiles: Mapping[TileKey, SeenTile], level: ServiceLevel, now: datetime) -> Shape:
    """The ground that is not served, in degrees; gaps under 10 m2 are left out."""
    return gaps_of_parts([(ground, level)], tiles, now)


def gaps_of_parts(parts: Sequence[Levelled], tiles: Mapping[TileKey, SeenTile], now: datetime) -> Shape:
    """As ``gaps``, of parts of ground that are each judged by their own level; gaps go on across parts."""
    boxes: list[Any] = []
    for ground, level in parts:
        since = level.since(now)
        for key, mask in ground.squares.items():
            tile = tiles.get(key)
            missing = mask
            if tile is not None:
                missing = mask & (tile.last_seen(level.fineness_m, level.algorithm) < since)
            boxes += _boxes(key, missing)
    if not boxes:
        return shapely.Polygon()
    whole = shapely.union_all(list({id(ground.polygon): ground.polygon for ground, _ in parts}.values()))
    frame = _frame_of(whole)
    rough = shapes.to_plane(shapely.union_all(np.array(boxes, object)), frame)
    closed = rough.buffer(CLOSE_M, join_style="mitre").buffer(-CLOSE_M - OPEN_M, join_style="mitre")
    opened = closed.buffer(OPEN_M, join_style="mitre").intersection(shapes.to_plane(whole, frame))
    kept = [part for part in shapes.parts_of(opened.simplify(0.3)) if part.area >= SMALLEST_GAP_M2]
    return shapes.to_degrees(shapely.union_all(kept), frame)


def refly_area(missing: Shape) -> Shape:
    """Gaps as an area that a patrol can be planned for: widened a little, joined, without small holes.

    Returns:
        Polygons in degrees; empty when no gap is worth a flight.
    """
    if missing.is_empty:
        return missing
    frame = _frame_of(missing)
    plane = [
        part for part in shapes.parts_of(shapes.to_plane(missing, frame)) if part.area >= REFLY_SMALLEST_M2
    ]
    wide = shapely.union_all([part.buffer(2 * REFLY_MARGIN_M) for part in plane]).buffer(-REFLY_MARGIN_M)
    whole = [
        shapely.Polygon(
            part.exterior, [r for r in part.interiors if shapely.Polygon(r).area > LARGEST_HOLE_M2]
        )
        for part in shapes.parts_of(wide.simplify(1.0))
    ]
    return shapes.to_degrees(shapely.union_all(whole), frame)


def _frame_of(polygon: Shape) -> LocalFrame:
    west, south, east, north = polygon.bounds
    return LocalFrame((south + north) / 2, (west + east) / 2)


def _boxes(key: TileKey, missing: Mask) -> list[Any]:
    """Runs of squares along the rows as boxes in degrees."""
    padded = np.pad(missing, ((0, 0), (1, 1)))
    rows, starts = np.nonzero(padded[:, 1:] & ~padded[:, :-1])
    _, ends = np.nonzero(padded[:, :-1] & ~padded[:, 1:])
    south = (key[0] * SIDE + rows) * SQUARE_DEG
    west, east = ((key[1] * SIDE + columns) * SQUARE_DEG for columns in (starts, ends))
    return list(shapely.box(west, south, east, south + SQUARE_DEG))
