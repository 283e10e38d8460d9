"""Round trips woven through a lattice: a closed tour that comes home over ground of its own (local metres).

Lanes flown to and fro end far from home, and the way back shows nothing new. Here the ground is cut into rows
as wide as the camera sees and rows into pieces no longer than that; a tour that visits the middle of each
piece once shows all of it, whichever way it passes, and ends where it began. Going across the rows is counted
dearer than going along them, so that the tour turns seldom. For cameras that see about as far behind the
aircraft as ahead of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from shapely import affinity

from missions.geodesy import Array
from missions.routes import SLACK_M, Routes, turning_corners
from missions.salesman import closed_tour
from missions.shapes import parts_of

MOST_PLACES = 2600
REACH = 2.3
"""Places are joined directly up to this many swaths apart."""
NEAR = 7.0
"""Ways round obstacles are looked for up to this many swaths."""
SMALLEST_PIECE = 0.04
"""Pieces of less than this part of a swath squared are left to the bends of the way."""


def woven(
    target: Any, region: Any, home: Array, swath_m: float, angle_deg: float, across: float, kicks: int
) -> Array:
    """A way from home through all pieces of the target and back, (N, 2).

    Args:
        region: where the aircraft may be, with ``home`` inside.
        angle_deg: direction of the rows, anticlockwise from east.
        across: what a metre across the rows counts as.
        kicks: effort spent on a short tour.

    Returns:
        The way; empty when there are too many places or none can be reached.
    """
    turned, free = (affinity.rotate(shape, -angle_deg, origin=(0, 0)) for shape in (target, region))
    back = math.radians(angle_deg)
    rotation = np.array([[math.cos(back), math.sin(back)], [-math.sin(back), math.cos(back)]])
    places = _inside(free, lattice(turned, swath_m))
    if not 0 < len(places) <= MOST_PLACES:
        return np.empty((0, 2))
    places = np.vstack([home @ rotation.T, places])
    distance = _distances(free, places, swath_m, np.array([1.0, across]))
    places = places[np.isfinite(distance[0])]
    distance = distance[np.isfinite(distance[0])][:, np.isfinite(distance[0])]
    rows = np.lexsort((places[:, 0], np.round(places[:, 1] / swath_m)))
    order = closed_tour(distance, rows, kicks)
    path = _flown(free, places[np.append(order, 0)])
    return np.asarray(_straightened(path) @ rotation)


def lattice(target: Any, swath_m: float) -> Array:
    """Middles of the pieces of a target whose rows lie along x, (N, 2)."""
    west, low, east, high = target.bounds
    count = max(1, math.ceil((high - low) / swath_m - 1e-9))
    edges = np.linspace(low, high, count + 1)
    rows = shapely.intersection(target, shapely.box(west - 1, edges[:-1], east + 1, edges[1:]))
    boxes, ys = [], []
    for row, middle in zip(rows, (edges[:-1] + edges[1:]) / 2, strict=True):
        for part in parts_of(row):
            start, _, end, _ = part.bounds
            cuts = np.linspace(start, end, max(1, math.ceil((end - start) / swath_m - 1e-9)) + 1)
            pieces = shapely.intersection(part, shapely.box(cuts[:-1], low - 1, cuts[1:], high + 1))
            boxes.append(pieces)
            ys.append(np.full(len(pieces), middle))
    pieces, y = np.concatenate(boxes), np.concatenate(ys)
    keep = shapely.area(pieces) > SMALLEST_PIECE * swath_m**2
    bounds = shapely.bounds(pieces[keep])
    half = swath_m / 2
    x = (bounds[:, 0] + bounds[:, 2]) / 2
    return np.column_stack([x, np.clip(y[keep], bounds[:, 3] - half, bounds[:, 1] + half)])


def _inside(free: Any, places: Array) -> Array:
    """The places, or the nearest ones a little inside the region."""
    if not len(places):
        return places
    core = free.buffer(-SLACK_M, join_style="mitre")
    points = shapely.points(places)
    shapely.prepare(core)
    out = ~shapely.covers(core, points)
    moved = places.copy()
    if out.any():
        lines = shapely.shortest_line(core, points[out])
        moved[out] = shapely.get_coordinates(lines).reshape(-1, 2, 2)[:, 0]
    return moved


def _distances(free: Any, places: Array, swath_m: float, weights: Array) -> Array:
    """Metres between all places, dearer across the rows; infinite from the first where there is no way.

    Places far from each other are given the straight way: no short tour uses it.
    """
    nodes = np.vstack([places, turning_corners(free)])
    wide = free.buffer(SLACK_M, join_style="mitre")
    shapely.prepare(wide)
    i, j = cKDTree(nodes).query_pairs(REACH * swath_m, output_type="ndarray").T
    clear = shapely.covers(wide, shapely.linestrings(np.stack([nodes[i], nodes[j]], axis=1)))
    i, j = i[clear], j[clear]
    length = np.maximum(np.hypot(*((nodes[i] - nodes[j]) * weights).T), 1e-9)
    graph = csr_array((length, (i, j)), shape=(len(nodes), len(nodes)))
    count = len(places)
    near = dijkstra(graph, directed=False, indices=np.arange(count), limit=NEAR * swath_m)[:, :count]
    straight = cdist(places * weights, places * weights)
    distance = np.where(np.isfinite(near), near, straight + swath_m)
    reached = dijkstra(graph, directed=False, indices=np.array([0]))[0, :count]
    distance[0] = distance[:, 0] = np.where(np.isfinite(reached), np.minimum(distance[0], reached), np.inf)
    return np.asarray(distance)


def _flown(free: Any, stops: Array) -> Array:
    """The way through stops, round what lies between them."""
    wide = free.buffer(SLACK_M, join_style="mitre")
    legs = shapely.linestrings(np.stack([stops[:-1], stops[1:]], axis=1))
    shapely.prepare(wide)
    clear = shapely.covers(wide, legs) | (shapely.length(legs) < 1e-6)
    bent = np.flatnonzero(~clear)
    if not len(bent):
        return stops
    ends = np.vstack([stops[bent], stops[bent + 1]])
    routes = Routes(free, ends)
    pieces: list[Array] = []
    last = 0
    for number, leg in enumerate(bent.tolist()):
        way = routes.way(number, len(bent) + number)
        pieces += [stops[last : leg + 1], np.empty((0, 2)) if way is None else way[1:-1]]
        last = leg + 1
    return np.vstack([*pieces, stops[last:]])


def _straightened(path: Array) -> Array:
    """Without places in the middle of straight legs."""
    before, after = path[1:-1] - path[:-2], path[2:] - path[1:-1]
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    onwards = (before * after).sum(axis=1) > 0
    straight = onwards & (np.abs(turn) < 1e-3 * np.hypot(*before.T) * np.hypot(*after.T))
    return np.asarray(path[np.concatenate([[True], ~straight, [True]])])
