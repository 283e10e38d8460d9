"""What a town is made of: paint on the ground, buildings, trees, furniture, zones, places for things to
happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from drone.sim.geometry import Place

Array = NDArray[np.float64]
Colour = tuple[int, int, int]

WEST, SOUTH, WIDTH, HEIGHT = -460, -370, 920, 740
OPEN, ROAD, BUILT, CANOPY, WATER, OBJECT, CROWD, PARKING, GREEN = range(9)


@dataclass(frozen=True, slots=True)
class Patch:
    """A ring (N, 2) of ground painted with a material, in the order of the list."""

    material: str
    ring: Array
    tint: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """A box on an oriented footprint.

    ``shops`` and ``facades`` go side by side: front (-v), right, back, left.
    """

    place: Place
    width: float
    depth: float
    floors: int
    height: float
    facade: str
    wall: Colour
    roof: str
    roof_colour: Colour
    shops: tuple[bool, bool, bool, bool] = (False, False, False, False)
    use: str = "house"
    seed: int = 0

    @property
    def ring(self) -> Array:
        return self.place.rectangle(0, 0, self.width, self.depth)

    @property
    def top_m(self) -> float:
        """Height of the highest large part above the base: the ridge of a gable, a parapet of a flat roof."""
        return self.height + (0.32 * min(self.width, self.depth) if self.roof == "gable" else 0.0)


@dataclass(frozen=True, slots=True)
class Tree:
    east: float
    north: float
    radius: float
    height: float
    hue: int


@dataclass(frozen=True, slots=True)
class Prop:
    """Street furniture: what it is, where, its size (u, v, height) and colour."""

    kind: str
    place: Place
    size: tuple[float, float, float]
    colour: Colour = (200, 200, 200)


@dataclass(frozen=True, slots=True)
class Zone:
    code: str
    kind: str
    name: str
    ring: Array


@dataclass(frozen=True, slots=True)
class Bay:
    """Room for one standing vehicle; heading is the mathematical angle of its nose."""

    east: float
    north: float
    angle: float
    kind: str = "car"


@dataclass(slots=True)
class Fabric:
    """The built town. ``ground`` is a one-metre raster of who uses the ground (codes above)."""

    patches: list[Patch] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    props: list[Prop] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    bays: list[Bay] = field(default_factory=list)
    forbidden_bays: list[Bay] = field(default_factory=list)
    spots: dict[str, list[Place]] = field(default_factory=dict)
    labels: list[tuple[str, float, float]] = field(default_factory=list)
    ground: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.uint8))

    def claim(self, ring: ArrayLike, code: int) -> None:
        """Mark a ring of ground as used."""
        cv2.fillPoly(self.ground, [_raster(ring)], code)

    def uses(self, ring: ArrayLike) -> set[int]:
        """The codes of ground found inside a ring."""
        points = _raster(ring)
        low, high = np.maximum(points.min(0), 0), points.max(0) + 1
        window = self.ground[low[1] : high[1], low[0] : high[0]]
        if window.size == 0:
            return {BUILT}
        mask = np.zeros(window.shape, np.uint8)
        cv2.fillPoly(mask, [points - low.astype(np.int32)], 1)
        return {int(code) for code in np.unique(window[mask > 0])}

    def use_at(self, east: ArrayLike, north: ArrayLike) -> NDArray[np.uint8]:
        """Codes of ground at points; outside the raster counts as open."""
        column = np.floor(np.asarray(east) - WEST).astype(int)
        row = np.floor(np.asarray(north) - SOUTH).astype(int)
        inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
        found = self.ground[np.clip(row, 0, HEIGHT - 1), np.clip(column, 0, WIDTH - 1)]
        return np.where(inside, found, OPEN).astype(np.uint8)

    def paint(self, material: str, ring: ArrayLike, tint: Colour = (255, 255, 255)) -> None:
        self.patches.append(Patch(material, np.asarray(ring, float), tint))

    def build(self, building: Building) -> None:
        self.buildings.append(building)
        self.claim(building.ring, BUILT)

    def plant(self, east: float, north: float, radius: float, height: float, hue: int) -> bool:
        """Plant a tree unless its trunk or canopy stands in something built, a road or a bay."""
        ring = Place(east, north, 0.0).rectangle(0, 0, 1.6 * radius, 1.6 * radius)
        if self.uses(ring) & {BUILT, WATER, PARKING, OBJECT}:
            return False
        self.trees.append(Tree(east, north, radius, height, hue))
        self.claim(Place(east, north, 0.0).rectangle(0, 0, 1.5 * radius, 1.5 * radius), CANOPY)
        return True

    def furnish(self, kind: str, place: Place, size: tuple[float, float, float], colour: Colour) -> None:
        self.props.append(Prop(kind, place, size, colour))
        if max(size[:2]) > 0.9:
            self.claim(place.rectangle(0, 0, size[0], size[1]), OBJECT)

    def zone(self, kind: str, name: str, ring: ArrayLike) -> None:
        number = 1 + sum(zone.kind == kind for zone in self.zones)
        self.zones.append(
            Zone(f"{kind.upper().replace('_', '-')}-{number:02d}", kind, name, np.asarray(ring, float))
        )

    def label(self, name: str, point: Array) -> None:
        """A name for the map at a town point (2,)."""
        self.labels.append((name, float(point[0]), float(point[1])))

    def spot(self, kind: str, place: Place) -> None:
        """A place where people of that kind can be: facing along +u."""
        self.spots.setdefault(kind, []).append(place)


def _raster(ring: ArrayLike) -> NDArray[np.int32]:
    return np.asarray(np.floor(np.asarray(ring, float) - [WEST, SOUTH]), np.int32)
