"""Lanes to choose from: parallel ones in many directions, along the border, or both (local metres).

The ground is cut into strips as wide as the camera surely sees. Each strip gives one lane for each connected
piece; a lane is laid so that the camera, which looks ahead, sees the whole piece, and is cut to where the
aircraft may fly.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import affinity
from shapely.ops import split

from missions.footprints import View, swept
from missions.geodesy import Array
from missions.shapes import parts_of

ANGLE_STEP_DEG = 5
ANGLES_TRIED_IN_FULL = 3
SLIVER_M2 = 2.0
SHORTEST_LANE_M = 10.0
TURN_COST_M = 15.0
FACING = 0.5
MOST_RINGS = 60
MOST_LANES = 150


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


def promising_angles(target: Any, region: Any, sweep: Sweep) -> list[float]:
    """Directions in which lanes come out shortest, the best first, degrees anticlockwise from east."""
    angles = {float(a) for a in range(0, 180, ANGLE_STEP_DEG)} | _edge_angles(target)
    ranked = []
    for angle in angles:
        options = [o for part in parts_of(target) for o in lay_lanes(part, region, angle, sweep)]
        if options:
            ranked.append((_worth(options, sweep), angle))
    return [angle for _, angle in sorted(ranked)]


def candidates(target: Any, region: Any, sweep: Sweep) -> list[list[LaneOptions]]:
    """Sets of lanes: in the most promising directions, for convex-like pieces apart, and along the border."""
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
    # the ways between very many lanes take longer to find than these would save
    more = [options for options in (mixed, *combed, *contoured) if 0 < len(options) <= MOST_LANES]
    return [*best, *more]


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
            unit = (lane[1] - lane[0]) / max(span_of(lane), 1e-9)
            outwards = unit[1] * along[0] - unit[0] * along[1]
            if (side == 0 or outwards * side > FACING) and span_of(lane) > SHORTEST_LANE_M:
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
        lane for lane in lanes if region.covers(shapely.linestrings(lane)) and span_of(lane) > SHORTEST_LANE_M
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


def span_of(lane: Array) -> float:
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
