"""Ground that lanes do not show, and lanes for it (local metres)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from missions.geodesy import Array
from missions.lanes import SHORTEST_LANE_M, SLIVER_M2, Sweep
from missions.shapes import parts_of

GAP_HEADINGS = 24
Seen = Callable[[Array, Array], Any]
"""(starts (N, 2), ends (N, 2)) of lanes -> array of polygons seen on the way."""


def uncovered(target: Any, lanes: Array, look: Seen) -> Any:
    """What of the target is not seen from the lanes."""
    if not len(lanes):
        return target
    return shapely.difference(target, shapely.union_all(look(lanes[:, 0], lanes[:, 1])))


def gaps_in(missing: Any, target: Any, spare_m2: float) -> list[Any]:
    """Unseen pieces, the largest first, without the smallest that may stay unseen."""
    gaps = sorted(
        (part for part in parts_of(missing) if part.area > max(SLIVER_M2, 2e-5 * target.area)),
        key=lambda part: part.area,
    )
    areas = np.cumsum([part.area for part in gaps])
    return gaps[int(np.searchsorted(areas, spare_m2, side="right")) :][::-1]


def lane_for_gap(gap: Any, region: Any, sweep: Sweep, look: Seen) -> Array | None:
    """The lane that sees most of a gap for its length, among many headings."""
    centre = shapely.get_coordinates(gap.centroid)[0]
    tries = []
    for heading in np.arange(GAP_HEADINGS) * (2 * math.pi / GAP_HEADINGS):
        unit = np.array([math.cos(heading), math.sin(heading)])
        along = (shapely.get_coordinates(gap) - centre) @ unit
        for side in (0.0, -0.5, 0.5):
            origin = centre + side * sweep.view.near_half * np.array([-unit[1], unit[0]])
            start, end = sweep.reach(float(along.min()), float(along.max()))
            line = shapely.linestrings([origin + start * unit, origin + end * unit])
            for piece in shapely.get_parts(shapely.intersection(region, line)):
                if piece.length >= SHORTEST_LANE_M - 1e-6:
                    ends = shapely.get_coordinates(piece)[[0, -1]]
                    tries.append(ends if (ends[1] - ends[0]) @ unit > 0 else ends[::-1])
    if not tries:
        return None
    lanes = np.stack(tries)
    gained = shapely.area(shapely.intersection(look(lanes[:, 0], lanes[:, 1]), gap))
    lengths = np.hypot(*(lanes[:, 1] - lanes[:, 0]).T)
    worth = gained / (lengths + 30.0)
    best = int(np.argmax(worth))
    return lanes[best] if gained[best] > min(SLIVER_M2, gap.area / 2) else None
