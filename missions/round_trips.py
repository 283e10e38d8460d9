"""Round trips over ground for cameras that see all round: woven, made shorter, completed (local metres)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from missions.annealing import Stage, anneal
from missions.detours import with_detour
from missions.footprints import swept
from missions.gaps import Seen, gaps_in, lane_for_gap, uncovered
from missions.geodesy import Array
from missions.lanes import SLIVER_M2, Sweep, promising_angles
from missions.samples import Strip
from missions.shortening import turning_m
from missions.tours import Tour, path_of, promoted
from missions.weaving import woven

WORTH_A_LEG_M2 = 0.2
"""Straight pieces that alone show at least so much are lanes."""
GAP_ROUNDS = 4
GAPS_PER_ROUND = 40
ROUND = 0.4
"""How far a camera must see behind the aircraft and ahead of it to see all round, in half swaths."""
WOVEN_DIRECTIONS, WOVEN_DIRECTIONS_LARGE = 6, 3
LARGE_ROUND_TRIP = 300
"""From so many squares of a swath on, fewer directions are tried."""
WARM = Stage(fineness=12, tries=40_000, warmth=(0.05, 0.005), step=(0.3, 0.05), strictness=(3, 8))
COOL = Stage(fineness=24, tries=24_000, warmth=(0.005, 0.001), step=(0.05, 0.03), strictness=(8, 30))
COLD = Stage(fineness=24, tries=6_000, warmth=(0.001, 0.0005), step=(0.03, 0.02), strictness=(30, 30))
WARM_SPARE = 0.8
"""How much of what may be left unseen is left at first: sample points find a little less than the proof."""
HIDDEN_FROM_FINER = 0.3
"""How much of what is hidden between the sample points of warm ways is hidden between those of cool ones."""
SPARE_ROUNDS = 4
TIGHT, NARROWER = 0.1, 0.4
"""Where more than the rest of what may be left is hidden, legs count as narrower by this part of a pitch."""
PROVED, PROVED_WITHIN = 0.97, 0.05
"""How much of what may be left unseen a round trip leaves, by the exact proof, and how nearly so."""
ROUND_TRIPS_FLOWN_OUT = 2
KICKS_PER_ROUND_TRIP = 600
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


def round_trip(target: Any, region: Any, home: Array, sweep: Sweep, spare_m2: float) -> Tour | None:
    """The shortest round trip found, begun from rows in the directions that suit the target.

    Returns:
        A way without lanes; None where the target falls into too many pieces, or none can be reached.
    """
    drafts = []
    squares = target.area / sweep.spacing_m**2
    directions = WOVEN_DIRECTIONS if squares < LARGE_ROUND_TRIP else WOVEN_DIRECTIONS_LARGE
    for angle in promising_angles(target, region, sweep)[:directions]:
        path = woven(target, region, home, sweep.spacing_m, angle, ACROSS, KICKS_PER_ROUND_TRIP)
        if len(path):
            drafts.append((_cost(path, target, sweep, spare_m2), angle, path))
    if not drafts:
        return None
    drafts.sort(key=lambda draft: draft[:2])
    warm = []
    for _, angle, path in drafts[: ROUND_TRIPS_FLOWN_OUT if squares < LARGE_ROUND_TRIP else 1]:
        way, counted = anneal(path, target, region, strip_of(sweep), angle, WARM_SPARE * spare_m2, WARM)
        hidden = unseen_m2(way, target, sweep) - counted
        warm.append((_cost(way, target, sweep, spare_m2), angle, way, HIDDEN_FROM_FINER * hidden))
    _, angle, path, hidden = min(warm, key=lambda trip: trip[:2])
    path = _proved(path, target, region, sweep, angle, spare_m2, hidden)
    return Tour(np.empty((0, 2, 2)), [path], float(shapely.linestrings(path).length))


def _proved(
    path: Array, target: Any, region: Any, sweep: Sweep, angle: float, spare_m2: float, hidden_m2: float
) -> Array:
    """The way made shorter with fine steps until it leaves about what may be left, by the exact proof.

    Args:
        hidden_m2: how much unseen ground lies between sample points, presumably.
    """
    strip, stage = strip_of(sweep), COOL
    for _ in range(SPARE_ROUNDS):
        spare = PROVED * spare_m2 - hidden_m2
        if spare <= TIGHT * spare_m2:
            strip, stage = _narrower(strip, NARROWER * 2 * strip.half_m / COOL.fineness), COOL
            spare = PROVED * spare_m2
        path, counted = anneal(path, target, region, strip, angle, spare, stage)
        missing = unseen_m2(path, target, sweep)
        if (PROVED - PROVED_WITHIN) * spare_m2 <= missing <= max(spare_m2, SLIVER_M2):
            break
        hidden_m2, stage = missing - counted, COLD
    return path


def _narrower(strip: Strip, margin_m: float) -> Strip:
    return Strip(strip.half_m - margin_m, strip.start_m + margin_m, strip.end_m - margin_m)


def _cost(path: Array, target: Any, sweep: Sweep, spare_m2: float) -> float:
    """Length and turns, with ground charged that is left unseen beyond what may be."""
    over = max(0.0, unseen_m2(path, target, sweep) - spare_m2)
    return float(shapely.linestrings(path).length) + turning_m(path) + MISSING * over / sweep.spacing_m


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
