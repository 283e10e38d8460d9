"""Makes a finished way shorter by chance: corners moved, dropped, added, legs shifted, loops turned round.

Simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983): changes that make the way dearer are
taken too, seldom and ever more seldom, so that it leaves shapes which no single change improves. What a way
costs is its length, its turns, its corners, and the ground that it does not show. Chance comes from a fixed
seed and effort is counted in changes tried: the same input gives the same way.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import shapely
from shapely import affinity

from missions.geodesy import Array
from missions.routes import SLACK_M
from missions.samples import Footprint, Place, Samples, Strip

SLANT_DEG = 9.0
"""Between rows of sample points and most legs."""
TURN_M = 6.0
"""What a reversal of direction is charged as, besides its length; less for gentler turns."""
CORNER = 0.03
"""What a corner is charged as, in swaths: ways of few waypoints are easier to fly and to read."""
MOST_POINTS = 160_000
NEAR = 2.2
"""Loops are turned round between places at most so many swaths apart, east and north together."""
LOOKS = 6
COOLING_STEP, LOOK_STEP = 64, 512
"""After so many tries the warmth is set anew, and gaps are looked up."""
SHORTEST_BENT = 0.2
"""Legs shorter than this part of a swath get no new corner."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How a way is annealed. Lengths are in swaths; what has two values goes from the first to the second.

    Attributes:
        fineness: sample points across a swath.
        tries: changes tried.
        warmth: how much dearer a change may about be.
        step: how far places are moved.
        strictness: as how many times its own lane ground is charged that is unseen beyond what may be.
    """

    fineness: float
    tries: int
    warmth: tuple[float, float]
    step: tuple[float, float]
    strictness: tuple[float, float]


def anneal(
    path: Array, target: Any, region: Any, strip: Strip, angle_deg: float, spare_m2: float, stage: Stage
) -> tuple[Array, float]:
    """A shorter way with the same ends that leaves about ``spare_m2`` of the target unseen.

    Args:
        path: (N, 2) metres, inside ``region``.
        target: ground to see.
        region: where the aircraft may be.
        angle_deg: direction of most legs, anticlockwise from east.

    Returns:
        The way, (M, 2), and how many square metres sample points find unseen from it.
    """
    angle_deg -= SLANT_DEG
    turn = math.radians(-angle_deg)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    goal, free = (affinity.rotate(shape, -angle_deg, origin=(0, 0)) for shape in (target, region))
    pitch = max(2 * strip.half_m / stage.fineness, math.sqrt(goal.area / MOST_POINTS))
    way = _Way(path @ rotation, free, Samples(goal, strip, pitch), strip, spare_m2)
    way.run(stage)
    return np.asarray(np.array(way.places) @ rotation.T), way.unseen_m2


class _Way:
    """A way, what each of its legs sees, and what it costs."""

    def __init__(self, path: Array, region: Any, samples: Samples, strip: Strip, spare_m2: float) -> None:
        self.places = _distinct(path)
        self._samples, self._spare = samples, spare_m2
        self._swath = 2 * strip.half_m
        self._reversible = abs(strip.start_m + strip.end_m) < 0.01 * strip.half_m
        # ends of lanes stand on the border itself
        self._region = region.buffer(SLACK_M, join_style="mitre")
        shapely.prepare(self._region)
        self._legs = [samples.footprint(a, b) for a, b in itertools.pairwise(self.places)]
        for leg in self._legs:
            samples.add(leg)
        self._unseen = samples.unseen()
        self._strictness = 1.0
        self._random = Random(0)
        self._gaps: list[Place] = []

    @property
    def unseen_m2(self) -> float:
        return self._unseen * self._samples.area_m2

    def run(self, stage: Stage) -> None:
        """Try changes, ever smaller ones and ever more strictly."""
        chance = self._random.random
        warmth = step = 0.0
        for number in range(stage.tries):
            if number % LOOK_STEP == 0:
                self._gaps = self._samples.unseen_places()
            if number % COOLING_STEP == 0:
                part = number / stage.tries
                warmth, step, self._strictness = (
                    first * (last / first) ** part
                    for first, last in (stage.warmth, stage.step, stage.strictness)
                )
                warmth, step = warmth * self._swath, step * self._swath
            self._change(-warmth * math.log(1.0 - chance()), step)

    def _change(self, limit: float, step: float) -> None:
        """Try one change of a kind and at a place drawn at random."""
        places, chance, normal = self.places, self._random.random, self._random.gauss
        corners, kind = len(places) - 2, chance()
        if kind < 0.1 and self._reversible:
            self._turn_round(limit)
        elif kind < 0.55 and corners:
            index = 1 + int(chance() * corners)
            x, y = places[index]
            self._replace(index, index, [(x + normal(0, step), y + normal(0, step))], limit)
        elif kind < 0.73 and corners > 1:
            index = 1 + int(chance() * (corners - 1))
            (x, y), (u, v) = places[index], places[index + 1]
            shift = normal(0, step) / max(math.hypot(u - x, v - y), 1e-6)
            east, north = (y - v) * shift, (u - x) * shift
            self._replace(index, index + 1, [(x + east, y + north), (u + east, v + north)], limit)
        elif kind < 0.78 and len(self._gaps):
            self._bend_to_gap(limit)
        elif kind < 0.89 and corners:
            index = 1 + int(chance() * corners)
            self._replace(index, index, [], limit)
        else:
            index = int(chance() * (corners + 1))
            (x, y), (u, v), part = places[index], places[index + 1], chance()
            if math.hypot(u - x, v - y) > SHORTEST_BENT * self._swath:
                place = x + (u - x) * part + normal(0, step), y + (v - y) * part + normal(0, step)
                self._replace(index + 1, index, [place], limit)

    def _bend_to_gap(self, limit: float) -> None:
        """Move the nearest corner, or bend a leg beside it, towards a place that is not seen."""
        places, chance = self.places, self._random.random
        x, y = self._gaps[int(chance() * len(self._gaps))]
        reach = [abs(x - u) + abs(y - v) for u, v in places]
        index, part = reach.index(min(reach)), chance()
        u, v = places[index]
        if chance() < 0.4 and 0 < index < len(places) - 1:
            self._replace(index, index, [(u + (x - u) * part, v + (y - v) * part)], limit)
            return
        first = max(0, index - 1) if chance() < 0.5 else min(index, len(places) - 2)
        (a, b), (c, d) = places[first], places[first + 1]
        length = (c - a) ** 2 + (d - b) ** 2
        along = ((x - a) * (c - a) + (y - b) * (d - b)) / max(length, 1e-9)
        along = min(1.0, max(0.0, along))
        u, v = a + along * (c - a), b + along * (d - b)
        self._replace(first + 1, first, [(u + (x - u) * part, v + (y - v) * part)], limit)

    def _replace(self, first: int, last: int, instead: list[Place], limit: float) -> None:
        """Put places in the place of corners ``first`` to ``last`` unless that costs more than the limit."""
        places = self.places
        start, end = max(first - 2, 0), last + 3
        dearer = self._length([*places[start:first], *instead, *places[last + 1 : end]])
        dearer -= self._length(places[start:end])
        charged = self._charge(self._unseen)
        if dearer - charged > limit:
            return
        around = [places[first - 1], *instead, places[last + 1]]
        fresh = [self._samples.footprint(a, b) for a, b in itertools.pairwise(around)]
        stale = self._legs[first - 1 : last + 1]
        unseen = self._unseen + self._samples.change(stale, fresh)
        if dearer + self._charge(unseen) - charged > limit or not self._may_fly(around):
            return
        self._count(stale, fresh, unseen)
        self._legs[first - 1 : last + 1] = fresh
        places[first : last + 1] = instead

    def _turn_round(self, limit: float) -> None:
        """Fly the part between two near places the other way round (2-opt)."""
        places, chance = self.places, self._random.random
        legs = len(places) - 1
        one = int(chance() * legs)
        x, y = places[one]
        for _ in range(LOOKS):
            other = int(chance() * legs)
            if abs(places[other][0] - x) + abs(places[other][1] - y) < NEAR * self._swath:
                break
        else:
            return
        first, last = min(one, other), max(one, other)
        if last - first < 2:
            return
        a, b, c, d = places[first], places[first + 1], places[last], places[last + 1]
        start, end = max(first - 1, 0), last + 3
        dearer = self._length([*places[start : first + 1], c, places[last - 1]])
        dearer += self._length([places[first + 2], b, *places[last + 1 : end]])
        dearer -= self._length(places[start : first + 3]) + self._length(places[last - 1 : end])
        charged = self._charge(self._unseen)
        if dearer - charged > limit:
            return
        stale = [self._legs[first], self._legs[last]]
        fresh = [self._samples.footprint(a, c), self._samples.footprint(b, d)]
        unseen = self._unseen + self._samples.change(stale, fresh)
        if dearer + self._charge(unseen) - charged > limit:
            return
        if not (self._may_fly([a, c]) and self._may_fly([b, d])):
            return
        self._count(stale, fresh, unseen)
        self._legs[first : last + 1] = [fresh[0], *self._legs[first + 1 : last][::-1], fresh[1]]
        places[first + 1 : last + 1] = places[first + 1 : last + 1][::-1]

    def _count(self, stale: list[Footprint], fresh: list[Footprint], unseen: int) -> None:
        for leg in stale:
            self._samples.remove(leg)
        for leg in fresh:
            self._samples.add(leg)
        self._unseen = unseen

    def _may_fly(self, around: list[Place]) -> bool:
        return bool(shapely.covers(self._region, shapely.linestrings(around)))

    def _charge(self, unseen: int) -> float:
        """What unseen ground costs: its own lane, more beyond what may be left."""
        area = unseen * self._samples.area_m2
        over = area - self._spare
        return (area if over <= 0 else self._spare + self._strictness * over) / self._swath

    def _length(self, places: list[Place]) -> float:
        """Length of a piece of the way, with what its turns and its corners are charged."""
        total = CORNER * self._swath * len(places)
        x, y = places[0]
        before_x = before_y = 0.0
        for u, v in places[1:]:
            dx, dy = u - x, v - y
            length = math.sqrt(dx * dx + dy * dy)
            if length > 1e-9:
                dx, dy = dx / length, dy / length
                total += length
                if before_x or before_y:
                    total += TURN_M / 2 * (1 - dx * before_x - dy * before_y)
                before_x, before_y = dx, dy
            x, y = u, v
        return total


def _distinct(path: Array) -> list[Place]:
    places = [(float(x), float(y)) for x, y in path]
    keep = [places[0]]
    keep += [b for a, b in itertools.pairwise(places[:-1]) if math.dist(a, b) > 0.01]
    return [*keep, places[-1]]
