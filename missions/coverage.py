"""Lanes that let a camera see the whole of any polygon, holes and concavities included (local metres).

Where the camera sees all round and some ground may stay unseen, a round trip woven over rows is made shorter
(``round_trips``). Else sets of lanes (``lanes``) are ordered and joined inside the region (``ordering``,
``routes``), the most promising ones flown out: made shorter (``shortening``), and completed with lanes for
what they do not see.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import shapely

from missions.footprints import swept
from missions.gaps import Seen, gaps_in, lane_for_gap, uncovered
from missions.geodesy import Array
from missions.lanes import (
    SLIVER_M2,
    TURN_COST_M,
    LaneOptions,
    Sweep,
    candidates,
    span_of,
)  # fmt: skip
from missions.ordering import KICKS, nearest_first, order_lanes
from missions.round_trips import round_trip, sees_all_round, strip_of, with_detours
from missions.routes import Routes
from missions.shortening import shorten
from missions.tours import Tour, legs_of, path_of, promoted

CANDIDATES_FLOWN_OUT = 2
HOOK_M = 30.0
"""What a lane for a gap takes besides what the gap itself does."""
GAP_ROUNDS = 4
GAPS_PER_ROUND = 40
Region: TypeAlias = Any
"""Where the aircraft may be: a shapely Polygon in metres."""


def cover(
    target: Any, region: Any, home: Array, sweep: Sweep, seen: Seen | None = None, leave_out: float = 0.0
) -> Tour:
    """Lanes over ``target`` flown inside ``region`` from ``home`` and back.

    Ways between lanes that see ground which no lane sees become lanes themselves.

    Args:
        target: ground to see, Polygon or MultiPolygon in metres.
        region: where the aircraft may be; connected, with ``home`` inside.
        home: (2,) east, north.
        seen: what lanes see; over flat ground when left out.
        leave_out: part of the target that may stay unseen where only detours would show it.

    Returns:
        The shortest tour found; empty when nothing of the target can be seen from the region.
    """
    look: Seen = seen or (lambda starts, ends: swept(sweep.view, starts, ends))
    spare_m2 = leave_out * target.area
    # what nothing may be left of is packed more exactly by lanes
    if seen is None and spare_m2 > 0 and sees_all_round(sweep):
        trip = round_trip(target, region, home, sweep, spare_m2)
        if trip is not None:
            return with_detours(trip, target, region, sweep, look, spare_m2)
    drafts: list[_Draft] = []
    for options in candidates(target, region, sweep):
        draft = plan_tour(options, region, home, kicks=0)
        gaps = gaps_in(uncovered(target, legs_of(draft), look), target, spare_m2)
        hooks = sum(HOOK_M + 3 * gap.area / sweep.spacing_m for gap in gaps)
        estimate = draft.length_m + TURN_COST_M * len(draft.lanes) + hooks
        drafts.append((estimate, len(drafts), bool(gaps), options))
    tours = []
    for options in _worth_flying_out(drafts):
        tour = plan_tour(options, region, home)
        if seen is None and len(tour.lanes):
            tour = _shortened(tour, target, region, sweep, spare_m2)
        tour = _completed(tour, target, region, home, sweep, look, spare_m2)
        tours.append((_score(tour, target, look), tour))
    if not tours:
        return Tour(np.empty((0, 2, 2)), [], 0.0)
    return min(tours, key=lambda item: item[0])[1]


_Draft: TypeAlias = tuple[float, int, bool, list[LaneOptions]]
"""Estimated metres, number, whether gaps are left, lanes."""


def _worth_flying_out(drafts: list[_Draft]) -> list[list[LaneOptions]]:
    """The most promising drafts, and with them the best that leaves no gap: what gaps cost is a guess."""
    ranked = sorted(drafts, key=lambda draft: draft[:2])
    chosen = ranked[:CANDIDATES_FLOWN_OUT]
    if all(draft[2] for draft in chosen):
        chosen += [draft for draft in ranked if not draft[2]][:1]
    return [draft[3] for draft in chosen]


def _shortened(tour: Tour, target: Any, region: Any, sweep: Sweep, spare_m2: float) -> Tour:
    """The tour as one way without lanes, with corners moved so that it is shorter or shows more."""
    longest = max(tour.lanes, key=span_of)
    east, north = longest[1] - longest[0]
    path = shorten(
        path_of(tour), target, region, strip_of(sweep), math.degrees(math.atan2(north, east)), spare_m2
    )
    return Tour(np.empty((0, 2, 2)), [path], float(shapely.linestrings(path).length))


def _completed(
    tour: Tour, target: Any, region: Any, home: Array, sweep: Sweep, look: Seen, spare_m2: float
) -> Tour:
    """The tour with lanes for what it does not see yet."""
    for _ in range(GAP_ROUNDS):
        tour = promoted(tour, target, look)
        extra = _fill_gaps(target, region, tour, sweep, look, spare_m2)
        if not extra:
            break
        tour = plan_tour([*_fixed(tour.lanes), *extra], region, home)
    return promoted(tour, target, look)


def plan_tour(options: list[LaneOptions], region: Any, home: Array, kicks: int = KICKS) -> Tour:
    """Order lanes and connect them inside ``region``; lanes that cannot be reached are left out."""
    if not options:
        return Tour(np.empty((0, 2, 2)), [], 0.0)
    ways = np.stack([option.ways for option in options])
    lengths = np.stack([option.lengths for option in options])
    exists = np.isfinite(lengths)
    nodes = np.vstack([home[None, :], np.where(np.isfinite(ways), ways, home).reshape(-1, 2)])
    routes = Routes(region, nodes)
    count = len(options)
    distance = routes.distances()
    index = 1 + np.arange(count * 4).reshape(count, 2, 2)
    starts, ends = index[:, :, 0], index[:, :, 1]
    leave = np.where(exists, distance[0, starts], np.inf)
    reachable: list[bool] = [bool(np.isfinite(row).any()) for row in leave]
    if not all(reachable):
        return plan_tour([o for o, keep in zip(options, reachable, strict=True) if keep], region, home, kicks)
    arrive = np.where(exists, distance[ends, 0], np.inf)
    between = distance[ends.reshape(-1)][:, starts.reshape(-1)].reshape(count, 2, count, 2)
    lengths = np.where(exists, lengths, np.inf)
    results = [
        order_lanes(leave, between, arrive, lengths, first, kicks)
        for first in (np.arange(count), nearest_first(np.where(exists, leave, np.inf), between))
    ]
    order, directions, total = min(results, key=lambda result: result[2])
    stops = [0]
    for lane, way in zip(order, directions, strict=True):
        stops += [int(starts[lane, way]), int(ends[lane, way])]
    stops.append(0)
    transits = [routes.way(a, b) for a, b in zip(stops[::2], stops[1::2], strict=True)]
    return Tour(ways[order, directions], [way for way in transits if way is not None], total)


def _fixed(lanes: Array) -> list[LaneOptions]:
    """Lanes that keep their direction, because what they see was counted on."""
    none = np.full((2, 2), np.nan)
    return [LaneOptions(np.stack([lane, none])) for lane in lanes]


def _score(tour: Tour, target: Any, look: Seen) -> float:
    """Length, with ground left unseen charged as if it took its own lanes."""
    missing = float(uncovered(target, tour.lanes, look).area)
    return tour.length_m + TURN_COST_M * len(tour.lanes) + missing / 2


def _fill_gaps(
    target: Any, region: Any, tour: Tour, sweep: Sweep, look: Seen, spare_m2: float
) -> list[LaneOptions]:
    """Extra lanes for ground that the tour does not see, where the region allows any."""
    gaps = gaps_in(uncovered(target, tour.lanes, look), target, spare_m2)[:GAPS_PER_ROUND]
    found: list[Array] = []
    for gap in gaps:
        rest = shapely.difference(gap, shapely.union_all([look(f[None, 0], f[None, 1])[0] for f in found]))
        lane = lane_for_gap(rest, region, sweep, look) if rest.area > SLIVER_M2 else None
        if lane is not None:
            found.append(lane)
    return _fixed(np.stack(found)) if found else []


def lower_bound_m(area_m2: float, swath_m: float) -> float:
    """No path of a disc of that width can be shorter: L >= (A - pi w^2 / 4) / w, and never below zero."""
    return max(0.0, (area_m2 - math.pi * swath_m**2 / 4) / swath_m)
