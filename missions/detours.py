"""Detours put into a finished way for ground that it does not show (local metres)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from missions.geodesy import Array
from missions.routes import SLACK_M

NEAREST_LEGS = 12


def with_detour(path: Array, lane: Array, region: Any) -> Array | None:
    """The way (N, 2) with a straight piece (2, 2) flown from a near leg and back: it shows no less.

    Returns:
        The longer way; None where the piece cannot be reached straight from any near leg.
    """
    wide = region.buffer(SLACK_M, join_style="mitre")
    shapely.prepare(wide)
    legs = shapely.linestrings(np.stack([path[:-1], path[1:]], axis=1))
    lines = shapely.linestrings(np.stack([lane, lane[::-1]]))
    near = np.argsort(shapely.distance(legs, lines[0]), kind="stable")[:NEAREST_LEGS]
    best: tuple[float, Array] | None = None
    for leg in near.tolist():
        for piece in (lane, lane[::-1]):
            start = shapely.get_coordinates(shapely.shortest_line(legs[leg], shapely.points(piece[0])))[:1]
            bent = np.vstack([start, piece, start])
            line = shapely.linestrings(bent)
            if (best is None or line.length < best[0]) and shapely.covers(wide, line):
                best = float(line.length), np.vstack([path[: leg + 1], bent, path[leg + 1 :]])
    return None if best is None else best[1]
