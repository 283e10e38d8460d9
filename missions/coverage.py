"""Lanes that let a camera see the whole of any polygon, holes and concavities included (local metres).

Sets of lanes (``lanes``) are ordered and joined inside the region (``ordering``, ``routes``), the most
promising ones flown out: made shorter (``shortening``), and completed with lanes for what they do not see.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely

from missions.footprints import swept
from missions.geodesy import Array
from missions.lanes import (
    SHORTEST_LANE_M,
    SLIVER_M2,
    TURN_COST_M,
    LaneOptions,
    Sweep,
    candidates,
    span_of,
)  # fmt: skip
from missions.ordering import KICKS, nearest_first, order_lanes
from missions.routes import Routes
from missions.shapes import parts_of
from missions.shortening import Strip, shorten

CANDIDATES_FLOWN_OUT = 2
WORTH_A_LANE_M2 = 2.0
HOOK_M = 30.0
"""What a lane for a gap takes besides what the gap itself does."""
GAP_ROUNDS = 4
GAP_HEADINGS = 24
GAPS_PER_ROUND = 40
Region: TypeAlias = Any
"""Where the aircraft may be: a shapely Polygon in metres."""
Seen = Callable[[Array, Array], Any]
"""(starts (N, 2), ends (N, 2)) of lanes -> array of polygons seen on the way."""


@dataclass(frozen=True, slots=True)
class Tour:
    """Lanes in flying order, shape (N, 2, 2), and the ways before, between and after them."""

    lanes: Array
    transits: list[Array]
    length_m: float


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
    drafts: list[_Draft] = []
    for options in candidates(target, region, sweep):
        draft = plan_tour(options, region, home, kicks=0)
        gaps = _gaps(uncovered(target, _legs(draft), look), target, spare_m2)
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


def _legs(tour: Tour) -> Array:
    """All straight ways of a tour, (N, 2, 2)."""
    path = _path(tour)
    return np.stack([path[:-1], path[1:]], axis=1)


def _path(tour: Tour) -> Array:
    """All positions of a tour, (N, 2)."""
    if not tour.transits:
        return np.empty((0, 2))
    pieces = [tour.transits[0]]
    for lane, transit in zip(tour.lanes, tour.transits[1:], strict=True):
        pieces += [lane, transit]
    return np.vstack(pieces)


def _shortened(tour: Tour, target: Any, region: Any, sweep: Sweep, spare_m2: float) -> Tour:
    """The tour as one way without lanes, with corners moved so that it is shorter or shows more."""
    dwell = min(sweep.dwell_m, sweep.view.depth_m)
    strip = Strip(sweep.view.near_half, sweep.view.near + dwell, sweep.view.far - dwell)
    longest = max(tour.lanes, key=span_of)
    east, north = longest[1] - longest[0]
    path = shorten(_path(tour), target, region, strip, math.degrees(math.atan2(north, east)), spare_m2)
    return Tour(np.empty((0, 2, 2)), [path], float(shapely.linestrings(path).length))


def _completed(
    tour: Tour, target: Any, region: Any, home: Array, sweep: Sweep, look: Seen, spare_m2: float
) -> Tour:
    """The tour with lanes for what it does not see yet."""
    for _ in range(GAP_ROUNDS):
        tour = _promoted(tour, target, look)
        extra = _fill_gaps(target, region, tour, sweep, look, spare_m2)
        if not extra:
            break
        tour = plan_tour([*_fixed(tour.lanes), *extra], region, home)
    return _promoted(tour, target, look)


def _promoted(tour: Tour, target: Any, look: Seen) -> Tour:
    """The same way with those legs between lanes as lanes that see ground which no lane sees."""
    missing = uncovered(target, tour.lanes, look)
    lanes: list[Array] = []
    transits: list[Array] = []
    for number, way in enumerate(tour.transits):
        rest = [way[0]]
        for start, end in itertools.pairwise(way):
            seen = look(start[None], end[None])[0] if np.hypot(*(end - start)) > 1.0 else None
            gained = 0.0 if seen is None else float(shapely.area(shapely.intersection(seen, missing)))
            if gained > WORTH_A_LANE_M2:
                missing = shapely.difference(missing, seen)
                transits.append(np.array(rest))
                lanes.append(np.stack([start, end]))
                rest = []
            rest.append(end)
        transits.append(np.array(rest))
        if number < len(tour.lanes):
            lanes.append(tour.lanes[number])
    return Tour(np.array(lanes).reshape(-1, 2, 2), transits, tour.length_m)


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


def uncovered(target: Any, lanes: Array, look: Seen) -> Any:
    """What of the target is not seen from the lanes."""
    if not len(lanes):
        return target
    return shapely.difference(target, shapely.union_all(look(lanes[:, 0], lanes[:, 1])))


def _score(tour: Tour, target: Any, look: Seen) -> float:
    """Length, with ground left unseen charged as if it took its own lanes."""
    missing = float(uncovered(target, tour.lanes, look).area)
    return tour.length_m + TURN_COST_M * len(tour.lanes) + missing / 2


def _fill_gaps(
    target: Any, region: Any, tour: Tour, sweep: Sweep, look: Seen, spare_m2: float
) -> list[LaneOptions]:
    """Extra lanes for ground that the tour does not see, where the region allows any."""
    gaps = _gaps(uncovered(target, tour.lanes, look), target, spare_m2)[:GAPS_PER_ROUND]
    found: list[Array] = []
    for gap in gaps:
        rest = shapely.difference(gap, shapely.union_all([look(f[None, 0], f[None, 1])[0] for f in found]))
        lane = _lane_for_gap(rest, region, sweep, look) if rest.area > SLIVER_M2 else None
        if lane is not None:
            found.append(lane)
    return _fixed(np.stack(found)) if found else []


def _gaps(missing: Any, target: Any, spare_m2: float) -> list[Any]:
    """Unseen pieces, the largest first, without the smallest that may stay unseen."""
    gaps = sorted(
        (part for part in parts_of(missing) if part.area > max(SLIVER_M2, 2e-5 * target.area)),
        key=lambda part: part.area,
    )
    areas = np.cumsum([part.area for part in gaps])
    return gaps[int(np.searchsorted(areas, spare_m2, side="right")) :][::-1]


def _lane_for_gap(gap: Any, region: Any, sweep: Sweep, look: Seen) -> Array | None:
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


def lower_bound_m(area_m2: float, swath_m: float) -> float:
    """No path of a disc of that width can be shorter: L >= (A - pi w^2 / 4) / w, and never below zero."""
    return max(0.0, (area_m2 - math.pi * swath_m**2 / 4) / swath_m)
