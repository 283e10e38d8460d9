"""Tours: lanes in flying order with the ways between them (local metres)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from missions.gaps import Seen, uncovered
from missions.geodesy import Array

WORTH_A_LANE_M2 = 2.0


@dataclass(frozen=True, slots=True)
class Tour:
    """Lanes in flying order, shape (N, 2, 2), and the ways before, between and after them."""

    lanes: Array
    transits: list[Array]
    length_m: float


def legs_of(tour: Tour) -> Array:
    """All straight ways of a tour, (N, 2, 2)."""
    path = path_of(tour)
    return np.stack([path[:-1], path[1:]], axis=1)


def path_of(tour: Tour) -> Array:
    """All positions of a tour, (N, 2)."""
    if not tour.transits:
        return np.empty((0, 2))
    pieces = [tour.transits[0]]
    for lane, transit in zip(tour.lanes, tour.transits[1:], strict=True):
        pieces += [lane, transit]
    return np.vstack(pieces)


def promoted(tour: Tour, target: Any, look: Seen, worth_m2: float = WORTH_A_LANE_M2) -> Tour:
    """The same way with those legs between lanes as lanes that see ground which no lane sees."""
    missing = uncovered(target, tour.lanes, look)
    lanes: list[Array] = []
    transits: list[Array] = []
    for number, way in enumerate(tour.transits):
        rest = [way[0]]
        for start, end in itertools.pairwise(way):
            seen = look(start[None], end[None])[0] if np.hypot(*(end - start)) > 1.0 else None
            gained = 0.0 if seen is None else float(shapely.area(shapely.intersection(seen, missing)))
            if gained > worth_m2:
                missing = shapely.difference(missing, seen)
                transits.append(np.array(rest))
                lanes.append(np.stack([start, end]))
                rest = []
            rest.append(end)
        transits.append(np.array(rest))
        if number < len(tour.lanes):
            lanes.append(tour.lanes[number])
    return Tour(np.array(lanes).reshape(-1, 2, 2), transits, tour.length_m)
