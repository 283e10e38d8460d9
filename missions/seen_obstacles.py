"""What stands between a camera and the ground: buildings as prisms, crowns of trees as ellipsoids.

A square at ``s`` is hidden from a camera at ``c`` by a prism of outline P between the heights ``base`` and
``top`` exactly if the piece of the line from s to c between those heights, seen from above, meets P. That is
a test of segments against edges; no raster of heights blurs the outline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from missions import shapes
from missions.errors import SiteInvalid
from missions.geodesy import Array, LocalFrame
from missions.site import Site
from missions.terrain import GroundHeight, ground_in

Mask = NDArray[np.bool_]
USUAL_HEIGHT_M = 6.0
"""Of a building whose height is not known: as the console draws it."""
BELOW_GROUND_M = 3.0
"""How far a building reaches below its lowest corner, so that no line of sight passes under it on a slope."""
CROWN_SHAPE = 0.85
"""Half the height of a crown over its radius."""


@dataclass(frozen=True, slots=True)
class Prism:
    """A thing in the way: its outline in metres (a shapely polygon), its underside and top in the frame's
    heights."""

    outline: Any
    base_m: float
    top_m: float
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class Crown:
    """The crown of a tree as an upright ellipsoid; ``up_m`` is its middle, in the frame's heights."""

    east_m: float
    north_m: float
    up_m: float
    radius_m: float
    half_height_m: float


@dataclass(slots=True)
class Obstacles:
    """Everything that can hide ground, in metres of one local frame."""

    prisms: list[Prism] = field(default_factory=list)
    crowns: list[Crown] = field(default_factory=list)
    _edges: list[tuple[Array, Array]] = field(init=False, repr=False)
    _boxes: Array = field(init=False, repr=False)
    _balls: Array = field(init=False, repr=False)
    _built: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._edges = [_edges_of(prism.outline) for prism in self.prisms]
        self._boxes = np.array([prism.outline.bounds for prism in self.prisms], float).reshape(-1, 4)
        self._balls = np.array(
            [(c.east_m, c.north_m, c.up_m, c.radius_m, c.half_height_m) for c in self.crowns], float
        ).reshape(-1, 5)
        self._built = shapely.STRtree([prism.outline for prism in self.prisms])

    def built_over(self, east: Array, north: Array) -> Mask:
        """Which places (N,) lie under something that stands on the ground itself: roofs, not ground."""
        covered = np.zeros(len(east), bool)
        if self.prisms and len(east):
            point, prism = self._built.query(shapely.points(east, north), predicate="intersects")
            covered[point[~np.array([one.hangs for one in self.prisms])[prism]]] = True
        return covered

    def hidden(self, places: Array, camera: Array) -> Mask:
        """Which ground places (N, 3) an obstacle hides from a camera (3,), all in the frame's metres."""
        blocked = np.zeros(len(places), bool)
        if not len(places):
            return blocked
        lowest = float(places[:, 2].min())
        low = np.minimum(places[:, :2].min(0), camera[:2])
        high = np.maximum(places[:, :2].max(0), camera[:2])
        near = (self._boxes[:, :2] <= high).all(1) & (self._boxes[:, 2:] >= low).all(1)
        for index in np.flatnonzero(near):
            self._cast_prism(int(index), places, camera, lowest, blocked)
        self._cast_crowns(places, camera, low, high, blocked)
        return blocked

    def _cast_prism(self, index: int, places: Array, camera: Array, lowest: float, blocked: Mask) -> None:
        prism, box = self.prisms[index], self._boxes[index]
        if prism.top_m <= lowest:
            return
        reach = np.inf if camera[2] <= prism.top_m else (camera[2] - lowest) / (camera[2] - prism.top_m)
        west, south, east, north = _shadow(box, camera, reach)
        x, y = places[:, 0], places[:, 1]
        rows = np.flatnonzero(~blocked & (x >= west) & (x <= east) & (y >= south) & (y <= north))
        if not len(rows):
            return
        some = places[rows]
        rise = np.maximum(camera[2] - some[:, 2], 1e-6)
        leave = np.clip((prism.top_m - some[:, 2]) / rise, 0.0, 1.0)
        enter = np.clip((prism.base_m - some[:, 2]) / rise, 0.0, 1.0)
        away = camera[:2] - some[:, :2]
        start, end = some[:, :2] + enter[:, None] * away, some[:, :2] + leave[:, None] * away
        crosses = _meets(start, end, *self._edges[index])
        blocked[rows[crosses & (leave > enter)]] = True

    def _cast_crowns(self, places: Array, camera: Array, low: Array, high: Array, blocked: Mask) -> None:
        if not len(self._balls):
            return
        reach = self._balls[:, 3]
        near = (
            (self._balls[:, :2] + reach[:, None] >= low) & (self._balls[:, :2] - reach[:, None] <= high)
        ).all(1)
        lowest = float(places[:, 2].min())
        for ball in self._balls[near]:
            top = ball[2] + ball[4]
            far = np.inf if camera[2] <= top else (camera[2] - lowest) / (camera[2] - top)
            box = np.array([*(ball[:2] - ball[3]), *(ball[:2] + ball[3])])
            west, south, east, north = _shadow(box, camera, far)
            x, y = places[:, 0], places[:, 1]
            rows = np.flatnonzero(~blocked & (x >= west) & (x <= east) & (y >= south) & (y <= north))
            if len(rows):
                scale = np.array([ball[3], ball[3], ball[4]])
                start, way = (places[rows] - ball[:3]) / scale, (camera - places[rows]) / scale
                along = np.clip(-(start * way).sum(1) / (way * way).sum(1), 0.0, 1.0)
                blocked[rows[((start + along[:, None] * way) ** 2).sum(1) < 1.0]] = True


def _shadow(box: Array, camera: Array, reach: float) -> tuple[float, float, float, float]:
    """West, south, east, north of the ground that a box can hide: it and itself enlarged about the camera."""
    if not np.isfinite(reach):
        return -np.inf, -np.inf, np.inf, np.inf
    centre = np.array([*camera[:2], *camera[:2]])
    cast = centre + (box - centre) * reach
    low, high = np.minimum(box[:2], cast[:2]), np.maximum(box[2:], cast[2:])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _edges_of(outline: Any) -> tuple[Array, Array]:
    """Starts (M, 2) and directions (M, 2) of all edges of a polygon."""
    starts, ways = [], []
    for part in shapes.parts_of(outline):
        for ring in (part.exterior, *part.interiors):
            points = np.asarray(ring.coords, float)[:, :2]
            starts.append(points[:-1])
            ways.append(np.diff(points, axis=0))
    if not starts:
        return np.zeros((0, 2)), np.zeros((0, 2))
    return np.vstack(starts), np.vstack(ways)


def _meets(start: Array, end: Array, corners: Array, ways: Array) -> Mask:
    """Which segments (N, 2) to (N, 2) meet a polygon given by its edges: they cross one, or begin inside."""
    d = end - start
    wx, wy = corners[:, 0] - start[:, :1], corners[:, 1] - start[:, 1:]
    cross = d[:, :1] * ways[:, 1] - d[:, 1:] * ways[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (wx * ways[:, 1] - wy * ways[:, 0]) / cross
        u = (wx * d[:, 1:] - wy * d[:, :1]) / cross
        crossing = ((t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)).any(1)
        # Even-odd rule along a ray to the east.
        above = (wy > 0) != (wy + ways[:, 1] > 0)
        east = wx - wy * ways[:, 0] / ways[:, 1] > 0
    inside = (above & east).sum(1) % 2 == 1
    return np.asarray(crossing | inside)


def site_obstacles(site: Site, frame: LocalFrame) -> Obstacles:
    """The obstacles that a site knows: every polygon of its base map with ``layer`` building, or any with a
    ``height_m`` over the ground; ``base_m`` is the clear height below, 0 where it is missing. Points with
    ``layer`` tree, ``height_m`` and ``radius_m`` are crowns.

    Args:
        frame: the metres to use; heights are above sea level less its ``altitude_amsl_m``.
    """
    ground = ground_in(frame, site.terrain)
    features = shapes.read_features(site.basemap, SiteInvalid)
    return Obstacles(list(_prisms(features, frame, ground)), list(_crowns(features, frame, ground)))


def _prisms(features: shapes.Features, frame: LocalFrame, ground: GroundHeight) -> Iterable[Prism]:
    for properties, geometry in features:
        height = _number(properties.get("height_m"))
        if height is None and properties.get("layer") == "building":
            height = USUAL_HEIGHT_M
        polygon, _ = shapes.polygon_of(geometry) if height else (None, "")
        if height is None or height <= 0 or polygon is None:
            continue
        outline = shapes.to_plane(polygon, frame)
        corners = shapely.get_coordinates(outline)
        heights = ground(corners[:, 0], corners[:, 1])
        if np.isfinite(heights).any():
            foot = float(np.nanmin(heights))
            clear = _number(properties.get("base_m")) or 0.0
            under = clear if clear > 0 else -BELOW_GROUND_M
            yield Prism(outline, foot + under, foot + height, hangs=clear > 0)


def _crowns(features: shapes.Features, frame: LocalFrame, ground: GroundHeight) -> Iterable[Crown]:
    for properties, geometry in features:
        height, radius = _number(properties.get("height_m")), _number(properties.get("radius_m"))
        if properties.get("layer") != "tree" or not height or not radius:
            continue
        try:
            longitude, latitude = (float(value) for value in geometry["coordinates"][:2])
        except (TypeError, KeyError, ValueError):
            continue
        east, north, _ = frame.to_enu(latitude, longitude)[0]
        foot = float(ground(np.array([east]), np.array([north]))[0])
        half = min(CROWN_SHAPE * radius, height / 2)
        if np.isfinite(foot):
            yield Crown(float(east), float(north), foot + height - half, radius, half)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)
