"""Who is about on a working day: walkers, shoppers, sellers, dancers, players, queues, people who sit and
talk.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from drone.sim.fabric import BUILT, CANOPY, OBJECT, OPEN, ROAD, WATER, Fabric
from drone.sim.geometry import Place, inset, rounded
from drone.sim.layout import Block
from drone.sim.motions import DANCE, PLAY, RIDE, SIT, STAND, STOOP, TALK
from drone.sim.people import ANY, CrowdBuilder, Outfit
from drone.sim.schedule import standing, walked
from drone.sim.traffic import FleetBuilder

Array = NDArray[np.float64]
PUPIL = Outfit(top=(236, 238, 240), bottom=(40, 60, 120), child=True)
DANCER = Outfit(top=(196, 40, 48), bottom=(30, 30, 36))
SWEEPER = Outfit(top=(240, 120, 30), bottom=(50, 60, 90), hat=True, extra=(240, 130, 40))
FARMER = Outfit(hat=True, extra=(214, 190, 130))
HALF = np.pi / 2


def populate(crowd: CrowdBuilder, fabric: Fabric, blocks: list[Block], rng: Generator) -> None:
    """Everybody who is not part of an event."""
    for block in blocks:
        _walkers(crowd, block, rng)
        _crossers(crowd, block, rng)
        _strollers(crowd, fabric, block, rng)
    _market(crowd, fabric, rng)
    _square(crowd, fabric, rng)
    _school(crowd, fabric, rng)
    _small_groups(crowd, fabric, rng)
    _fields(crowd, rng)


def seat_riders(crowd: CrowdBuilder, fleet: FleetBuilder, rng: Generator) -> None:
    """A rider for every moving scooter and bicycle."""
    for index in fleet.riders:
        crowd.add(standing(0.0, 0.0, 0.0), RIDE, rng, mount=int(index), outfit=Outfit(hat=False))


def _walkers(crowd: CrowdBuilder, block: Block, rng: Generator) -> None:
    for _ in range(int(rng.integers(12, 19))):
        lateral = float(rng.uniform(-0.9, 0.7))
        edges = [s.half_m + 0.5 * s.pavement_m + lateral for s in block.streets]
        ring = rounded(inset(block.ring, edges), 1.5)[::2]
        if rng.random() < 0.5:
            ring = ring[::-1]
        waits = [float(rng.uniform(4, 30)) if rng.random() < 0.12 else 0.0 for _ in ring]
        facing = [float(rng.uniform(-np.pi, np.pi)) for _ in ring]
        route = walked(ring, float(rng.uniform(0.9, 1.55)), waits=waits, facing=facing)
        offset = float(rng.uniform(0, route.period))
        outfit = SWEEPER if rng.random() < 0.05 else ANY
        crowd.add(route, TALK, rng, offset=offset, outfit=outfit)
        if rng.random() < 0.3:
            beside = walked(ring * 1.0 + [0.55, 0.35], 1.0, waits=waits, facing=facing)
            beside = type(route)(
                route.times, beside.points, route.heading_from, route.heading_to, route.period
            )
            crowd.add(beside, TALK, rng, offset=offset)


def _crossers(crowd: CrowdBuilder, block: Block, rng: Generator) -> None:
    """To and fro over a zebra crossing near the block's south-west corner."""
    south, west = block.streets[0], block.streets[3]
    a = inset(block.ring, [s.half_m + 1.6 for s in block.streets])[0]
    along = block.ring[1] - block.ring[0]
    along = along / np.hypot(*along)
    for _ in range(2):
        start = a + along * (west.half_m * 0 + rng.uniform(2.2, 4.0))
        d = np.array([along[1], -along[0]])
        stop = start + d * (2 * south.half_m + 3.2)
        waits = [float(rng.uniform(15, 60)), float(rng.uniform(15, 60))]
        route = walked(
            np.array([start, stop]),
            1.3,
            waits=waits,
            facing=[float(np.arctan2(d[1], d[0])), float(np.arctan2(-d[1], -d[0]))],
        )
        crowd.add(route, TALK, rng, offset=float(rng.uniform(0, route.period)))


def _strollers(crowd: CrowdBuilder, fabric: Fabric, block: Block, rng: Generator) -> None:
    """People in the yards, from one open spot to another in a straight line that nothing blocks."""
    for _ in range(int(rng.integers(6, 11))):
        way = _open_way(fabric, block, rng)
        if way is None:
            continue
        waits = [float(rng.uniform(3, 40)) for _ in way]
        facing = [float(rng.uniform(-np.pi, np.pi)) for _ in way]
        route = walked(way, float(rng.uniform(0.8, 1.4)), waits=waits, facing=facing)
        crowd.add(route, TALK, rng, offset=float(rng.uniform(0, route.period)))


def _open_way(fabric: Fabric, block: Block, rng: Generator) -> Array | None:
    for _ in range(40):
        u, v = rng.uniform(-0.45, 0.45, 2) * [block.width, block.depth]
        reach, way = rng.uniform(10, 35), rng.uniform(0, 2 * np.pi)
        a = block.place.at(u, v)
        b = a + reach * np.array([np.cos(way), np.sin(way)])
        line = a + np.linspace(0, 1, 40)[:, None] * (b - a)
        if not np.isin(fabric.use_at(line[:, 0], line[:, 1]), (BUILT, WATER, OBJECT, ROAD)).any():
            local = block.place.local(b)
            if abs(local[0]) < block.width / 2 and abs(local[1]) < block.depth / 2:
                return np.array([a, b])
    return None


def _market(crowd: CrowdBuilder, fabric: Fabric, rng: Generator) -> None:
    for place in fabric.spots.get("seller", []):
        if rng.random() < 0.9:
            crowd.stand(place.east, place.north, place.angle, rng, SIT if rng.random() < 0.3 else TALK)
    customers = fabric.spots.get("customer", [])
    for place in customers:
        if rng.random() < 0.28:
            crowd.stand(place.east, place.north, place.angle + rng.normal(0, 0.3), rng)
    for _ in range(int(rng.integers(90, 120))):
        start = int(rng.integers(len(customers)))
        near = sorted(
            customers,
            key=lambda p: np.hypot(p.east - customers[start].east, p.north - customers[start].north),
        )
        stops = [near[int(i)] for i in rng.choice(min(40, len(near)), 5, replace=False)]
        backs = [p.place(-rng.uniform(0.6, 1.3), rng.normal(0, 0.35)) for p in stops]
        points = [[p.east, p.north] for p in backs]
        waits = [float(rng.uniform(3, 20)) if rng.random() < 0.7 else 0.0 for _ in points]
        route = walked(points, float(rng.uniform(0.7, 1.2)), waits=waits, facing=[p.angle for p in stops])
        crowd.add(route, TALK, rng, offset=float(rng.uniform(0, route.period)))


def _square(crowd: CrowdBuilder, fabric: Fabric, rng: Generator) -> None:
    lead = fabric.spots["dance"][0]
    rows, columns = int(rng.integers(5, 8)), int(rng.integers(6, 9))
    for r in range(rows):
        for c in range(columns):
            if rng.random() < 0.08:
                continue
            u, v = -2.0 * r + rng.normal(0, 0.12), 2.0 * (c - columns / 2) + rng.normal(0, 0.12)
            east, north = lead.at(u, v)
            crowd.stand(
                float(east),
                float(north),
                lead.angle + rng.normal(0, 0.05),
                rng,
                DANCE,
                DANCER if rng.random() < 0.6 else ANY,
            )
    plaza = fabric.spots["square"][0]
    for _ in range(int(rng.integers(18, 26))):
        points = plaza.at(rng.uniform(8, 46, 3) * rng.choice([-1, 1]), rng.uniform(-38, 26, 3))
        route = walked(
            points,
            float(rng.uniform(0.7, 1.5)),
            waits=[float(rng.uniform(0, 25)) for _ in range(3)],
            facing=[float(rng.uniform(-3, 3)) for _ in range(3)],
        )
        crowd.add(
            route,
            TALK,
            rng,
            offset=float(rng.uniform(0, route.period)),
            outfit=Outfit(child=bool(rng.random() < 0.3)),
        )


def _school(crowd: CrowdBuilder, fabric: Fabric, rng: Generator) -> None:
    for place in fabric.spots.get("court", []):
        for _ in range(int(rng.integers(6, 11))):
            crowd.add(
                standing(place.east, place.north, place.angle),
                PLAY,
                rng,
                numbers=(float(rng.uniform(0, 6.28)), 12.0, 6.5, 0.0),
                outfit=Outfit(child=bool(rng.random() < 0.6)),
            )
        for k in range(int(rng.integers(2, 5))):
            spot = place.place(-6 + 3.2 * k, -9.0, HALF)
            crowd.stand(spot.east, spot.north, spot.angle, rng, SIT)
    for place in fabric.spots.get("queue", []):
        if rng.random() < 0.92:
            crowd.stand(place.east, place.north, place.angle + rng.normal(0, 0.15), rng)
    for place in fabric.spots.get("bus_queue", []):
        if rng.random() < 0.5:
            crowd.stand(place.east, place.north, place.angle + rng.normal(0, 0.3), rng, STAND)
    track = fabric.spots["track"][0]
    t = np.linspace(-HALF, HALF, 9)
    oval = track.at(
        np.concatenate([25 + 27 * np.cos(t), -25 - 27 * np.cos(t)]),
        np.concatenate([27 * np.sin(t), -27 * np.sin(t)]),
    )
    for _ in range(int(rng.integers(8, 14))):
        route = walked(oval, float(rng.uniform(2.2, 3.8)))
        crowd.add(route, STAND, rng, offset=float(rng.uniform(0, route.period)), outfit=PUPIL)
    for k in range(16):
        spot = track.place(-16 + 2.2 * (k % 8), -4.0 + 2.4 * (k // 8), HALF)
        crowd.stand(spot.east, spot.north, spot.angle, rng, STAND, PUPIL)


def _small_groups(crowd: CrowdBuilder, fabric: Fabric, rng: Generator) -> None:
    """Two or three who talk or sit together: never enough for a gathering."""
    for kind, share, largest, act in (
        ("shopfront", 0.22, 2, TALK),
        ("idle", 0.6, 3, TALK),
        ("sit", 0.9, 3, SIT),
        ("chess", 1.0, 4, SIT),
    ):
        for place in fabric.spots.get(kind, []):
            if rng.random() > share:
                continue
            count = int(rng.integers(1, largest + 1))
            for k in range(count):
                turn = 2 * np.pi * k / max(count, 1) + rng.uniform(-0.3, 0.3)
                spot = place.place(0.75 * float(np.cos(turn)), 0.75 * float(np.sin(turn)), turn + np.pi)
                if fabric.use_at(spot.east, spot.north) in (BUILT, OBJECT):
                    continue
                crowd.stand(spot.east, spot.north, spot.angle, rng, act if rng.random() < 0.75 else TALK)


def _fields(crowd: CrowdBuilder, rng: Generator) -> None:
    for _ in range(12):
        crowd.stand(
            float(rng.uniform(-380, 380)),
            float(rng.uniform(-330, -272)),
            float(rng.uniform(-3, 3)),
            rng,
            STOOP,
            FARMER,
        )


def dry_spot(fabric: Fabric, east: float, north: float, radius: float) -> bool:
    """Whether open ground of that radius lies round a point."""
    ring = Place(east, north, 0.0).rectangle(0, 0, 2 * radius, 2 * radius)
    return fabric.uses(ring) <= {OPEN, CANOPY}
