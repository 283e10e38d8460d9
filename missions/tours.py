"""Tours: lanes in flying order with the ways between them (local metres)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from missions.gaps import Seen, uncovered
from missions.geodesy import Array
from missions.shapes import parts_of

WORTH_A_LANE_M2 = 2.0
SHORTEST_LEG_M = 1.0


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
    legs = [pair for way in tour.transits for pair in itertools.pairwise(way) if _long(*pair)]
    chosen = _chosen(np.array(legs).reshape(-1, 2, 2), uncovered(target, tour.lanes, look), look, worth_m2)
    lanes: list[Array] = []
    transits: list[Array] = []
    for number, way in enumerate(tour.transits):
        rest = [way[0]]
        for start, end in itertools.pairwise(way):
            if _long(start, end) and chosen.pop(0):
                transits.append(np.array(rest))
                lanes.append(np.stack([start, end]))
                rest = []
            rest.append(end)
        transits.append(np.array(rest))
        if number < len(tour.lanes):
            lanes.append(tour.lanes[number])
    return Tour(np.array(lanes).reshape(-1, 2, 2), transits, tour.length_m)


def _long(start: Array, end: Array) -> bool:
    return float(np.hypot(*(end - start))) > SHORTEST_LEG_M


def _chosen(legs: Array, missing: Any, look: Seen, worth_m2: float) -> list[bool]:
    """Of each leg in turn whether it sees more than ``worth_m2`` that no chosen one before it sees."""
    if not len(legs):
        return []
    clipped = shapely.intersection(look(legs[:, 0], legs[:, 1]), missing)
    seen = np.array([shapely.MultiPolygon(parts_of(ground)) for ground in clipped], object)
    tree = shapely.STRtree(seen)
    chosen = np.zeros(len(legs), np.bool_)
    for leg, ground in enumerate(seen):
        near = tree.query(ground, predicate="intersects")
        others = shapely.union_all(seen[near[chosen[near]]])
        chosen[leg] = shapely.difference(ground, others).area > worth_m2
    return [bool(one) for one in chosen]
