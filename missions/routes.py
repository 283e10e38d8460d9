"""Shortest ways inside a polygon with holes, by its visibility graph (local metres)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
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
    """

    def __init__(self, region: Any, points: Array) -> None:
        self.points = np.asarray(points, float).reshape(-1, 2)
        self._nodes = np.vstack([self.points, _turning_corners(region)])
        weights = _visible(region, self._nodes, len(self.points))
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


def _turning_corners(region: Any) -> Array:
    """Corners that a shortest way can bend at: those where the inside spans more than 180 degrees."""
    corners = [np.empty((0, 2))]
    for part in shapely.get_parts(shapely.orient_polygons(region)):
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)[:-1]
            before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
            turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
            corners.append(points[turn < -1e-9])
    return np.vstack(corners)


def _visible(region: Any, nodes: Array, points: int) -> csr_array:
    """Lengths of the straight ways between nodes that stay inside the region."""
    i, j = np.triu_indices(len(nodes), 1)
    length = np.hypot(*(nodes[i] - nodes[j]).T)
    wide = region.buffer(SLACK_M, join_style="mitre")
    shapely.prepare(wide)
    lines = shapely.linestrings(np.stack([nodes[i], nodes[j]], axis=1))
    free = shapely.covers(wide, lines)
    same = length < 1e-6
    free |= same & (i < points) & (j < points)
    size = (len(nodes), len(nodes))
    return csr_array((np.maximum(length[free], 1e-9), (i[free], j[free])), shape=size)
