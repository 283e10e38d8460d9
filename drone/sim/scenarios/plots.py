"""The events themselves: who comes, what burns, which car stands where it may not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import Bay, Fabric
from drone.sim.geometry import Place
from drone.sim.motions import JOSTLE, SHOVE, TALK
from drone.sim.people import CrowdBuilder
from drone.sim.schedule import FOREVER_S, Route, arriving, standing, walked
from drone.sim.traffic import CAR_MODELS, CAR_ODDS, FleetBuilder

ALWAYS_S = 30.0
"""Events that start before this are in full swing when the hour begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blaze:
    """Something that burns: ``flames`` metres high (0 for smoke alone), smoke from ``darkness`` 0 white to
    1 black.
    """

    event: str
    east: float
    north: float
    start_s: float
    end_s: float
    flames: float
    spread: float
    darkness: float
    smoke_rate: float
    seed: int


@dataclass(slots=True)
class Cast:
    """What the events add to the town."""

    crowd: CrowdBuilder
    fleet: FleetBuilder
    fabric: Fabric
    blazes: list[Blaze] = field(default_factory=list)


def set_fire(
    cast: Cast, event: str, east: float, north: float, start: float, end: float, rng: Generator
) -> int:
    """A rubbish heap in flames, under dark smoke. Two or three look on from a distance."""
    _heap(cast.fabric, east, north, rng, (96, 84, 70))
    cast.blazes.append(Blaze(
        event=event, east=east, north=north, start_s=start, end_s=end, flames=float(rng.uniform(2.6, 4.4)),
        spread=float(rng.uniform(1.1, 2.0)), darkness=float(rng.uniform(0.45, 0.85)),
        smoke_rate=float(rng.uniform(0.8, 1.1)), seed=int(rng.integers(1 << 30)),
    ))  # fmt: skip
    _onlookers(cast, east, north, rng, int(rng.integers(0, 4)), 7.0)
    return 0


def raise_smoke(
    cast: Cast, event: str, east: float, north: float, start: float, end: float, rng: Generator
) -> int:
    """Leaves and straw that smoulder: pale smoke, no flames."""
    _heap(cast.fabric, east, north, rng, (122, 104, 70))
    cast.blazes.append(Blaze(
        event=event, east=east, north=north, start_s=start, end_s=end, flames=0.0,
        spread=float(rng.uniform(0.9, 1.5)),
        darkness=float(rng.uniform(0.0, 0.25)), smoke_rate=float(rng.uniform(0.8, 1.15)),
        seed=int(rng.integers(1 << 30)),
    ))  # fmt: skip
    _onlookers(cast, east, north, rng, int(rng.integers(0, 2)), 5.0)
    return 0


def _heap(fabric: Fabric, east: float, north: float, rng: Generator, colour: tuple[int, int, int]) -> None:
    for _ in range(9):
        spot = Place(east + rng.normal(0, 0.6), north + rng.normal(0, 0.6), rng.uniform(0, 3))
        shade = np.clip(np.array(colour) * rng.uniform(0.7, 1.3), 0, 240).astype(int)
        size = (float(rng.uniform(0.4, 1.1)), float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.2, 0.7)))
        fabric.furnish("heap", spot, size, (int(shade[0]), int(shade[1]), int(shade[2])))


def _onlookers(cast: Cast, east: float, north: float, rng: Generator, count: int, reach: float) -> None:
    base = float(rng.uniform(0, 2 * np.pi))
    for k in range(count):
        way = base + 2.3 * k
        r = reach + rng.uniform(-1, 2.5)
        cast.crowd.stand(east + r * np.cos(way), north + r * np.sin(way), way + np.pi, rng, TALK)


def gather(
    cast: Cast, event: str, east: float, north: float, start: float, end: float, rng: Generator
) -> int:
    """Ten to twenty-five people standing close together; those of a late one walk up in time."""
    count = int(rng.integers(11, 24))
    places = _packed(count, rng, 0.85)
    for de, dn in places:
        _comer(
            cast,
            event,
            east + de,
            north + dn,
            float(np.arctan2(-dn, -de) + rng.normal(0, 0.5)),
            start,
            end,
            rng,
            TALK,
        )
    return count


def _packed(count: int, rng: Generator, gap: float) -> np.ndarray:
    """Places (count, 2) in a close round crowd, none nearer than ``gap`` to another."""
    found: list[np.ndarray] = []
    radius = 0.6
    while len(found) < count:
        for _ in range(30):
            point = rng.uniform(-radius, radius, 2)
            if np.hypot(*point) <= radius and all(np.hypot(*(point - other)) >= gap for other in found):
                found.append(point)
                if len(found) == count:
                    break
        radius += 0.15
    return np.array(found)


def _comer(
    cast: Cast, event: str, east: float, north: float, heading: float, start: float, end: float,
    rng: Generator,
    act: int, numbers: tuple[float, float, float, float] | None = None,
) -> None:  # fmt: skip
    """Somebody who stands there from ``start``; late ones come in a straight line over 9-16 m."""
    if start <= ALWAYS_S and end >= 3600.0:
        route, offset = standing(east, north, heading), 0.0
    else:
        way = float(np.arctan2(north, east) + rng.uniform(0, 2 * np.pi))
        reach, speed = float(rng.uniform(9, 16)), float(rng.uniform(1.1, 1.6))
        begin = [east + reach * np.cos(way), north + reach * np.sin(way)]
        stay = end - start + reach / speed
        route = arriving([begin, [east, north]], speed, heading, stay)
        offset = -(start - reach / speed)
    cast.crowd.add(route, act, rng, offset=offset, event=event, numbers=numbers)


def quarrel(
    cast: Cast, event: str, east: float, north: float, start: float, end: float, rng: Generator, *, many: bool
) -> int:
    """Two who push each other; with ``many``, one or two such pairs in a ring of people who press in."""
    pairs = int(rng.integers(1, 3)) if many else 1
    at = start if start > ALWAYS_S else -10.0
    for k in range(pairs):
        phase = float(rng.uniform(0, 6.28))
        way = float(rng.uniform(0, 6.28))
        off = 0.0 if pairs == 1 else 1.6
        e, n = east + off * np.cos(way + np.pi * k), north + off * np.sin(way + np.pi * k)
        for side in (1.0, -1.0):
            _comer(
                cast,
                event,
                e,
                n,
                0.0,
                start,
                end,
                rng,
                SHOVE,
                (phase, side, float(rng.uniform(0.9, 1.1)), at),
            )
    if not many:
        return 2
    ring = int(rng.integers(7, 12))
    for k in range(ring):
        way = 2 * np.pi * k / ring + float(rng.normal(0, 0.15))
        r = (1.7 if pairs == 1 else 2.7) + float(rng.uniform(0, 0.9))
        late = start if start > ALWAYS_S else 0.0
        _comer(
            cast,
            event,
            east + r * np.cos(way),
            north + r * np.sin(way),
            way + np.pi,
            max(late, 0.0) + float(rng.uniform(0, 12)) if late else start,
            end,
            rng,
            JOSTLE,
        )
    return 2 * pairs + ring


def park_illegally(cast: Cast, event: str, bay: Bay, start: float, end: float, rng: Generator) -> int:
    """A car that drives up and stands in a no-parking zone. Returns the vehicle's id."""
    angle = bay.angle if bay.kind == "kerb" else bay.angle + float(rng.choice([0.0, np.pi]))
    model = str(rng.choice(CAR_MODELS, p=CAR_ODDS))
    if start <= ALWAYS_S:
        return cast.fleet.add(_until(standing(bay.east, bay.north, angle), end), 0.0, model, rng, event=event)
    place = Place(bay.east, bay.north, angle)
    way = (
        place.at(np.array([-30.0, -12.0, -6.0, 0.0]), np.array([2.4, 2.4, 0.9, 0.0]))
        if bay.kind == "kerb"
        else place.at(np.array([-8.0, 0.0]), np.zeros(2))
    )
    drive = walked(way, 5.0, closed=False)
    stay = Route(
        np.append(drive.times, end - start + drive.times[-1]), np.vstack([drive.points, drive.points[-1:]]),
        np.append(drive.heading_from, angle), np.append(drive.heading_to, angle), 10 * FOREVER_S,
    )  # fmt: skip
    return cast.fleet.add(stay, -(start - drive.times[-1]), model, rng, event=event)


def _until(route: Route, end: float) -> Route:
    if end >= 3600.0:
        return route
    return Route(np.array([0.0, end]), route.points, route.heading_from, route.heading_to, 10 * FOREVER_S)
