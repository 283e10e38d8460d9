"""Lanes that let a camera see the whole of any polygon, holes and concavities included (local metres).

The ground is cut into strips as wide as the camera surely sees, in every sweep direction worth trying. Each
strip gives one lane per connected piece; a lane is laid so that the camera, which looks ahead, sees the whole
piece, and is cut to where the aircraft may fly. What flown lanes do not see is looked at by extra lanes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from shapely import affinity
from shapely.ops import split

from missions.footprints import View, swept
from missions.geodesy import Array
from missions.ordering import KICKS, nearest_first, order_lanes
from missions.routes import Routes
from missions.shapes import parts_of
from missions.shortening import Strip, shorten

ANGLE_STEP_DEG = 5
ANGLES_TRIED_IN_FULL = 3
CANDIDATES_FLOWN_OUT = 2
SLIVER_M2 = 2.0
WORTH_A_LANE_M2 = 2.0
SHORTEST_LANE_M = 10.0
TURN_COST_M = 15.0
FACING = 0.5
MOST_RINGS = 60
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
class Sweep:
    """What lanes are laid for: view and spacing in metres, and the metres of flight a point is in view."""

    view: View
    spacing_m: float
    dwell_m: float

    def reach(self, low: float, high: float) -> tuple[float, float]:
        """Along a lane: from where to where to fly, to see everything from ``low`` to ``high`` ahead."""
        dwell = min(self.dwell_m, self.view.depth_m)
        start = low - self.view.near - dwell
        end = high - self.view.far + dwell
        if end - start < SHORTEST_LANE_M:
            middle = (low + high) / 2 - (self.view.near + self.view.far) / 2
            start, end = middle - SHORTEST_LANE_M / 2, middle + SHORTEST_LANE_M / 2
        return start, end


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """The ways of flying one lane: (2, 2, 2), direction x (start, end) x (east, north); NaN for none."""

    ways: Array

    @property
    def lengths(self) -> Array:
        return np.asarray(np.hypot(*np.moveaxis(self.ways[:, 1] - self.ways[:, 0], -1, 0)))


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
    for options in _candidates(target, region, sweep):
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
    longest = max(tour.lanes, key=_span)
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


def _candidates(target: Any, region: Any, sweep: Sweep) -> list[list[LaneOptions]]:
    """Sets of lanes in the most promising sweep directions."""
    angles = {float(a) for a in range(0, 180, ANGLE_STEP_DEG)} | _edge_angles(target)
    ranked = []
    for angle in sorted(angles):
        options = [o for part in parts_of(target) for o in lay_lanes(part, region, angle, sweep)]
        if options:
            ranked.append((_worth(options, sweep), angle, options))
    ranked.sort(key=lambda item: item[:2])
    best = [options for _, _, options in ranked[:ANGLES_TRIED_IN_FULL]]
    mixed = _mixed(target, region, sweep, sorted(angles))
    combed = [
        _combed(target, region, sweep, angle, side)
        for _, angle, _ in ranked[:ANGLES_TRIED_IN_FULL]
        for side in (-1.0, 1.0, 0.0)
    ]
    few = sorted(_edge_angles(target) | {angle for _, angle, _ in ranked[:ANGLES_TRIED_IN_FULL]})
    contoured = [_contoured(target, region, sweep, few, rings) for rings in (1, 3, MOST_RINGS)]
    return [options for options in (*best, mixed, *combed, *contoured) if options]


def _combed(target: Any, region: Any, sweep: Sweep, angle_deg: float, side: float) -> list[LaneOptions]:
    """Lanes that end at one flown along the border: the way home then shows ground of its own.

    Args:
        side: -1 for the border at which lanes begin, 1 for that at which they end, 0 for the whole border.
    """
    half = sweep.spacing_m / 2
    turn = math.radians(angle_deg)
    along = np.array([math.cos(turn), math.sin(turn)])
    border: list[Array] = []
    for part in parts_of(target.buffer(-half, join_style="mitre").simplify(half / 8)):
        points = shapely.get_coordinates(shapely.orient_polygons(part).exterior)
        for lane in (np.stack(pair) for pair in itertools.pairwise(points)):
            unit = (lane[1] - lane[0]) / max(_span(lane), 1e-9)
            outwards = unit[1] * along[0] - unit[0] * along[1]
            if (side == 0 or outwards * side > FACING) and _span(lane) > SHORTEST_LANE_M:
                border.append(lane)
    border = [lane for lane in border if region.covers(shapely.linestrings(lane))]
    if not border:
        return []
    lanes = np.stack(border)
    rest = shapely.difference(target, shapely.union_all(swept(sweep.view, lanes[:, 0], lanes[:, 1])))
    rest = rest.buffer(-0.05 * half).buffer(0.05 * half)
    inner = [o for part in parts_of(rest) for o in lay_lanes(part, region, angle_deg, sweep)]
    return [*(LaneOptions(np.stack([lane, lane[::-1]])) for lane in border), *inner]


def _contoured(target: Any, region: Any, sweep: Sweep, angles: list[float], rings: int) -> list[LaneOptions]:
    """Lanes along the border and along up to ``rings`` lines inside it, parallel lanes over what is left."""
    half = sweep.spacing_m / 2
    lanes: list[Array] = []
    for ring in range(rings):
        inset = parts_of(target.buffer(-half * (2 * ring + 1), join_style="mitre").simplify(half / 8))
        if not inset:
            break
        for part in inset:
            for line in (part.exterior, *part.interiors):
                lanes += [np.stack(pair) for pair in itertools.pairwise(shapely.get_coordinates(line))]
    lanes = [
        lane for lane in lanes if region.covers(shapely.linestrings(lane)) and _span(lane) > SHORTEST_LANE_M
    ]
    if not lanes:
        return []
    flown = np.stack(lanes)
    rest = shapely.difference(target, shapely.union_all(swept(sweep.view, flown[:, 0], flown[:, 1])))
    rest = rest.buffer(-0.15 * half).buffer(0.15 * half)
    result = [LaneOptions(np.stack([lane, lane[::-1]])) for lane in lanes]
    for part in parts_of(rest):
        if part.area > 0.2 * half * half:
            choices = [lay_lanes(part, region, angle, sweep) for angle in angles]
            laid = [(_worth(choice, sweep), number) for number, choice in enumerate(choices) if choice]
            result += choices[min(laid)[1]] if laid else []
    return result


def _span(lane: Array) -> float:
    return float(np.hypot(*(lane[1] - lane[0])))


def _worth(options: list[LaneOptions], sweep: Sweep) -> float:
    """Metres flown for these lanes, turns included, before they are ordered."""
    flown = float(np.nanmin(np.stack([o.lengths for o in options]), axis=1).sum())
    return flown + len(options) * (TURN_COST_M + sweep.spacing_m)


def _mixed(target: Any, region: Any, sweep: Sweep, angles: list[float]) -> list[LaneOptions]:
    """Lanes with the best direction for each convex-like piece of the target; empty for a single piece."""
    pieces = split_at_notches(target)
    if len(pieces) < 2:
        return []
    result: list[LaneOptions] = []
    for piece in pieces:
        choices = [lay_lanes(piece, region, angle, sweep) for angle in angles]
        costs = [
            sum(float(np.nanmin(o.lengths)) + TURN_COST_M + sweep.spacing_m for o in choice) or math.inf
            for choice in choices
        ]
        result += choices[int(np.argmin(costs))]
    return result


def split_at_notches(target: Any, keep_m2: float = 1500.0) -> list[Any]:
    """Cut a polygon at inner corners, along their edges, into pieces nearer to convex.

    A piece is cut while that makes it at least 4 % more compact and both halves hold ``keep_m2``.
    """
    pieces: list[Any] = list(parts_of(target))
    done: list[Any] = []
    while pieces and len(pieces) + len(done) < 12:
        piece = pieces.pop()
        halves = _best_cut(piece, keep_m2)
        if halves:
            pieces += halves
        else:
            done.append(piece)
    return done + pieces


def _best_cut(piece: Any, keep_m2: float) -> list[Any]:
    spare = piece.minimum_rotated_rectangle.area - piece.area
    if spare < 0.15 * piece.area:
        return []
    best: tuple[float, list[Any]] = (spare - 0.04 * piece.area, [])
    ring = shapely.get_coordinates(shapely.orient_polygons(piece.simplify(1.0)).exterior)[:-1]
    before, after = ring - np.roll(ring, 1, 0), np.roll(ring, -1, 0) - ring
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    span = float(np.hypot(*np.ptp(ring, axis=0)))
    for corner in np.flatnonzero(turn < -1e-6):
        for direction in (before[corner], after[corner]):
            unit = direction / max(float(np.hypot(*direction)), 1e-9)
            line = shapely.linestrings([ring[corner] - span * unit, ring[corner] + span * unit])
            halves = parts_of(split(piece, line))
            if len(halves) < 2 or min(h.area for h in halves) < keep_m2:
                continue
            waste = sum(h.minimum_rotated_rectangle.area - h.area for h in halves)
            if waste < best[0]:
                best = (waste, halves)
    return best[1]


def _edge_angles(target: Any) -> set[float]:
    """Directions of the longer edges, degrees anticlockwise from east, to half a degree."""
    angles = set()
    for part in parts_of(target):
        points = shapely.get_coordinates(part.simplify(1.0).exterior)
        edges = np.diff(points, axis=0)
        lengths = np.hypot(edges[:, 0], edges[:, 1])
        for edge in edges[np.argsort(lengths)[::-1][:8]]:
            angles.add(round(math.degrees(math.atan2(edge[1], edge[0])) * 2) / 2 % 180.0)
    return angles


def lay_lanes(part: Any, region: Any, angle_deg: float, sweep: Sweep) -> list[LaneOptions]:
    """Lanes over one connected polygon, parallel to ``angle_deg`` (anticlockwise from east)."""
    turned = affinity.rotate(part, -angle_deg, origin=(0, 0))
    free = affinity.rotate(region, -angle_deg, origin=(0, 0))
    _, low, _, high = turned.bounds
    count = max(1, math.ceil((high - low) / sweep.spacing_m - 1e-9))
    step = (high - low) / count
    options: list[LaneOptions] = []
    for strip in range(count):
        middle = low + (strip + 0.5) * step
        box = shapely.box(turned.bounds[0] - 1, middle - step / 2, turned.bounds[2] + 1, middle + step / 2)
        for start, end in _stretches(shapely.intersection(turned, box), sweep):
            options += _lane(free, middle, start, end, sweep)
    back = math.radians(angle_deg)
    rotation = np.array([[math.cos(back), math.sin(back)], [-math.sin(back), math.cos(back)]])
    return [LaneOptions(option.ways @ rotation) for option in options]


def _stretches(pieces: Any, sweep: Sweep) -> list[tuple[float, float]]:
    """Extents along the lane of what lies in a strip; stretches that nearly touch are flown as one."""
    spans = sorted((p.bounds[0], p.bounds[2]) for p in parts_of(pieces) if p.area > SLIVER_M2)
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < max(20.0, sweep.view.depth_m / 2):
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _lane(free: Any, y: float, low: float, high: float, sweep: Sweep) -> list[LaneOptions]:
    """One lane along x at height ``y`` that sees ``low`` to ``high``, or its flyable pieces."""
    runs = _runs(free, y)
    forward = _clip(runs, *sweep.reach(low, high))
    backward = [
        (-end, -start) for start, end in _clip([(-b, -a) for a, b in runs], *sweep.reach(-high, -low))
    ]
    if len(forward) == 1 and len(backward) == 1:
        (a, b), (c, d) = forward[0], backward[0]
        return [LaneOptions(np.array([[[a, y], [b, y]], [[d, y], [c, y]]]))]
    none = np.full((2, 2), np.nan)
    ahead = [LaneOptions(np.array([[[a, y], [b, y]], none])) for a, b in forward]
    astern = [LaneOptions(np.array([[[d, y], [c, y]], none])) for c, d in backward]
    if not ahead or not astern:
        return ahead or astern
    return ahead if len(ahead) <= len(astern) else astern


def _runs(free: Any, y: float) -> list[tuple[float, float]]:
    """Where the line at ``y`` lies inside ``free``."""
    west, _, east, _ = free.bounds
    inside = shapely.intersection(free, shapely.linestrings([[west - 1, y], [east + 1, y]]))
    spans = [part.bounds for part in shapely.get_parts(inside) if part.length > 0]
    return sorted((span[0], span[2]) for span in spans)


def _clip(runs: list[tuple[float, float]], start: float, end: float) -> list[tuple[float, float]]:
    """The flyable pieces of a stretch; pieces too short to be worth a turn are left out."""
    pieces = [(max(a, start), min(b, end)) for a, b in runs]
    return [(a, b) for a, b in pieces if b - a >= min(SHORTEST_LANE_M, end - start) - 1e-6]


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
