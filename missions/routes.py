"""Shortest ways inside a polygon with holes, by its visibility graph (local metres)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from missions.geodesy import Array

SLACK_M = 0.05


class Routes:
    """Ways between points of a region; straight where the region allows, else round its inner corners.

    Args:
        region: a Polygon or MultiPolygon in metres. Ways may leave it by ``SLACK_M``, so that points on its
            border count as inside.
        points: (N, 2) places between which ways are asked, all inside the region.
        pairs: (M, 2) numbers of the places between which ways are asked; all of them if left out. Ways
            between others may come out longer than they need be.
    """

    def __init__(self, region: Any, points: Array, pairs: NDArray[np.int64] | None = None) -> None:
        self.points = np.asarray(points, float).reshape(-1, 2)
        corners, links = _corner_links(region)
        self._nodes = np.vstack([self.points, corners])
        if pairs is None:
            pairs = np.stack(np.triu_indices(len(self.points), 1), axis=1)
        weights = _links(
            region, self._nodes, len(self.points), np.unique(np.sort(pairs, axis=1), axis=0), links
        )
        self._distance, self._before = dijkstra(
            weights, directed=False, indices=np.arange(len(self.points)), return_predecessors=True
        )

    def distances(self) -> Array:
        """Lengths in metres between all points, shape (N, N); infinite where there is no way."""
        return np.asarray(self._distance[:, : len(self.points)])

    def way(self, start: int, end: int) -> Array | None:
        """Positions (K, 2) from point ``start`` to point ``end``, both included; None where there is none."""
        if not np.isfinite(self._distance[start, end]):
            return None
        path = [end]
        while path[-1] != start:
            path.append(int(self._before[start, path[-1]]))
        return self._nodes[path[::-1]]


def turning_corners(region: Any) -> Array:
    """Corners that a shortest way can bend at: those where the inside spans more than 180 degrees."""
    corners = [np.empty((0, 2))]
    for part in shapely.get_parts(shapely.orient_polygons(region)):
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)[:-1]
            before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
            turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
            corners.append(points[turn < -1e-9])
    return np.vstack(corners)


@lru_cache(maxsize=8)
def _corner_links(region: Any) -> tuple[Array, NDArray[np.int64]]:
    """The turning corners of a region and which pairs of them see each other, (N, 2) and (2, M)."""
    corners = turning_corners(region)
    i, j = np.triu_indices(len(corners), 1)
    free = _sees(region, corners[i], corners[j])
    return corners, np.stack([i[free], j[free]])


def _links(
    region: Any, nodes: Array, points: int, pairs: NDArray[np.int64], corner_links: NDArray[np.int64]
) -> csr_array:
    """Lengths of the straight ways inside the region: of pairs of points, points and corners, corners."""
    point, corner = np.divmod(np.arange(points * (len(nodes) - points)), max(len(nodes) - points, 1))
    i = np.concatenate([pairs[:, 0], point])
    j = np.concatenate([pairs[:, 1], corner + points])
    i, j = i[i != j], j[i != j]
    free = _sees(region, nodes[i], nodes[j])
    i = np.concatenate([i[free], corner_links[0] + points])
    j = np.concatenate([j[free], corner_links[1] + points])
    length = np.hypot(*(nodes[i] - nodes[j]).T)
    return csr_array((np.maximum(length, 1e-9), (i, j)), shape=(len(nodes), len(nodes)))


def _sees(region: Any, starts: Array, ends: Array) -> NDArray[np.bool_]:
    """Whether the straight way between two places stays inside; a place always sees itself."""
    wide = region.buffer(SLACK_M, join_style="mitre")
    shapely.prepare(wide)
    same = np.hypot(*(starts - ends).T) < 1e-6
    lines = shapely.linestrings(np.stack([starts, ends], axis=1))
    return np.asarray(same | shapely.covers(wide, lines))
