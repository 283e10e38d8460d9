"""Where events can happen: open ground, seen from above from most sides, away from borders and crowds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from shapely.geometry import Point

from drone.sim.fabric import GREEN, HEIGHT, OPEN, SOUTH, WEST, WIDTH, Bay, Fabric
from drone.sim.layout import Cell

Array = NDArray[np.float64]
BORDER_M = 9.0
LOOK_DOWN_DEG = 55.0
SOFT_ZONES = ("market", "square", "school_gate", "sports", "bus_stop")


class Sites:
    """Finds places for events, and keeps them apart."""

    def __init__(self, fabric: Fabric, cells: list[Cell], rng: Generator) -> None:
        self._fabric = fabric
        self._cells = {cell.code: cell for cell in cells}
        self._rng = rng
        self._room = distance_transform_edt(np.isin(fabric.ground, (OPEN, GREEN)))
        self._heights = _height_map(fabric)
        self._soft = _zone_map(fabric)
        self._taken: list[tuple[float, float]] = []

    def ground(
        self, code: str, room_m: float, *, apart_m: float = 32.0, from_zones_m: float = 0.0
    ) -> tuple[float, float] | None:
        """Open ground with ``room_m`` around it in a cell, or None."""
        inside = self._cells[code].polygon
        good = self._room >= room_m
        if from_zones_m > 0:
            good &= self._soft >= from_zones_m
        rows, columns = np.nonzero(good)
        if not len(rows):
            return None
        for k in self._rng.permutation(len(rows))[:4000]:
            east, north = columns[k] + WEST + 0.5, rows[k] + SOUTH + 0.5
            point = Point(east, north)
            if not inside.contains(point) or inside.exterior.distance(point) < BORDER_M:
                continue
            if self._clear(east, north, apart_m) and self.open_sky(east, north) >= 0.85:
                self._taken.append((float(east), float(north)))
                return float(east), float(north)
        return None

    def kerb(self, code: str, *, apart_m: float = 20.0) -> Bay | None:
        """Standing room in a no-parking zone of a cell, or None."""
        inside = self._cells[code].polygon
        bays = self._fabric.forbidden_bays
        for k in self._rng.permutation(len(bays)):
            bay = bays[int(k)]
            point = Point(bay.east, bay.north)
            if not inside.contains(point) or inside.exterior.distance(point) < 6.4:
                continue
            if self._clear(bay.east, bay.north, apart_m) and self.open_sky(bay.east, bay.north) >= 0.7:
                self._taken.append((bay.east, bay.north))
                return bay
        return None

    def _clear(self, east: float, north: float, apart_m: float) -> bool:
        return all(np.hypot(east - e, north - n) >= apart_m for e, n in self._taken)

    def open_sky(self, east: float, north: float) -> float:
        """Share of 16 directions from which the place is seen under the camera's usual angle."""
        reach = np.arange(1.0, 46.0, 1.0)
        ways = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        columns = np.clip((east + reach * np.cos(ways)[:, None] - WEST).astype(int), 0, WIDTH - 1)
        rows = np.clip((north + reach * np.sin(ways)[:, None] - SOUTH).astype(int), 0, HEIGHT - 1)
        ray = 1.0 + reach * np.tan(np.radians(LOOK_DOWN_DEG - 12.0))
        return float((self._heights[rows, columns] < ray).all(1).mean())


def _height_map(fabric: Fabric) -> NDArray[np.float32]:
    """Height above ground of what stands on each square metre."""
    heights = np.zeros((HEIGHT, WIDTH), np.float32)
    for tree in fabric.trees:
        cv2.circle(
            heights,
            (int(tree.east - WEST), int(tree.north - SOUTH)),
            round(tree.radius + 0.5),
            tree.height,
            -1,
        )
    for building in sorted(fabric.buildings, key=lambda b: b.top_m):
        ring = np.floor(building.ring - [WEST, SOUTH]).astype(np.int32)
        cv2.fillPoly(heights, [ring], building.top_m)
    return heights


def _zone_map(fabric: Fabric) -> NDArray[np.float64]:
    """Distance in metres from the zones where crowds are usual."""
    free = np.ones((HEIGHT, WIDTH), np.uint8)
    for zone in fabric.zones:
        if zone.kind in SOFT_ZONES:
            cv2.fillPoly(free, [np.floor(zone.ring - [WEST, SOUTH]).astype(np.int32)], 0)
    return np.asarray(distance_transform_edt(free), np.float64)
