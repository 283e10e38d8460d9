"""Round trips over ground for cameras that see all round: woven, made shorter, completed (local metres)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from missions.detours import with_detour
from missions.footprints import swept
from missions.gaps import Seen, gaps_in, lane_for_gap, uncovered
from missions.geodesy import Array
from missions.lanes import SLIVER_M2, Sweep, promising_angles
from missions.shortening import MOST_TRIES, Strip, shorten, turning_m
from missions.tours import Tour, path_of, promoted
from missions.weaving import woven

WORTH_A_LEG_M2 = 0.2
"""Straight pieces that alone show at least so much are lanes."""
GAP_ROUNDS = 4
GAPS_PER_ROUND = 40
ROUND = 0.4
"""How far a camera must see behind the aircraft and ahead of it to see all round, in half swaths."""
WOVEN_DIRECTIONS = 6
LARGE_ROUND_TRIP = 500
"""From so many squares of a swath on, fewer directions are tried."""
SPARE_ROUNDS = 3
PROVED = 0.95
"""How much of what may be left unseen a round trip leaves, by the exact proof."""
ROUND_TRIPS_FLOWN_OUT = 2
KICKS_PER_ROUND_TRIP = 1000
ACROSS = 1.15
MISSING = 1.5
"""As how many times its own lane ground that a draft does not show is charged."""


def sees_all_round(sweep: Sweep) -> bool:
    """Whether the camera sees ground behind the aircraft and ahead: any way shows what it passes."""
    strip = strip_of(sweep)
    return -strip.start_m >= ROUND * strip.half_m and strip.end_m >= ROUND * strip.half_m


def strip_of(sweep: Sweep) -> Strip:
    """What a straight leg surely shows for long enough."""
    dwell = min(sweep.dwell_m, sweep.view.depth_m)
    return Strip(sweep.view.near_half, sweep.view.near + dwell, sweep.view.far - dwell)


def round_trips(target: Any, region: Any, home: Array, sweep: Sweep, spare_m2: float) -> list[Tour]:
    """Round trips over rows in the directions in which they come out shortest."""
    drafts = []
    large = target.area > LARGE_ROUND_TRIP * sweep.spacing_m**2
    for angle in promising_angles(target, region, sweep)[: 2 if large else WOVEN_DIRECTIONS]:
        path = woven(target, region, home, sweep.spacing_m, angle, ACROSS, KICKS_PER_ROUND_TRIP)
        if len(path):
            length = float(shapely.linestrings(path).length)
            charge = MISSING * unseen_m2(path, target, sweep) / sweep.spacing_m
            drafts.append((length + turning_m(path) + charge, angle, path))
    drafts.sort(key=lambda draft: draft[:2])
    return [
        _flown_out(path, target, region, sweep, angle, spare_m2)
        for _, angle, path in drafts[: 1 if large else ROUND_TRIPS_FLOWN_OUT]
    ]


def _flown_out(path: Array, target: Any, region: Any, sweep: Sweep, angle: float, spare_m2: float) -> Tour:
    """The shortest way found near a draft; again with less to spare where the proof finds too much unseen."""
    spare, tries = spare_m2, MOST_TRIES
    for _ in range(SPARE_ROUNDS):
        path = shorten(path, target, region, strip_of(sweep), angle, spare, tries)
        missing = unseen_m2(path, target, sweep)
        if missing <= PROVED * spare_m2 or missing <= SLIVER_M2:
            break
        spare, tries = 0.9 * spare * PROVED * spare_m2 / missing, MOST_TRIES // 4
    return Tour(np.empty((0, 2, 2)), [path], float(shapely.linestrings(path).length))


def unseen_m2(path: Array, target: Any, sweep: Sweep) -> float:
    seen = shapely.union_all(swept(sweep.view, path[:-1], path[1:]))
    return float(shapely.difference(target, seen).area)


def with_detours(tour: Tour, target: Any, region: Any, sweep: Sweep, look: Seen, spare_m2: float) -> Tour:
    """The tour as lanes and ways between them, with detours to what is unseen beyond what may be."""
    path = path_of(tour)
    for _ in range(GAP_ROUNDS):
        missing = uncovered(target, np.stack([path[:-1], path[1:]], axis=1), look)
        bent = path
        for gap in gaps_in(missing, target, spare_m2)[:GAPS_PER_ROUND]:
            lane = lane_for_gap(gap, region, sweep, look)
            longer = None if lane is None else with_detour(bent, lane, region)
            bent = bent if longer is None else longer
        if bent is path:
            break
        path = bent
    length = float(shapely.linestrings(path).length)
    return promoted(Tour(np.empty((0, 2, 2)), [path], length), target, look, WORTH_A_LEG_M2)


def cost_of(tour: Tour, target: Any, look: Seen) -> float:
    """Length and turns, with ground left unseen charged as if it took its own lanes."""
    return tour.length_m + turning_m(path_of(tour)) + float(uncovered(target, tour.lanes, look).area) / 2
