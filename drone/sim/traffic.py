"""Vehicles: parked ones in bays, moving ones on loops that never cross, through traffic that takes turns.

Traffic keeps right. Round every block runs a clockwise loop that turns right at each corner, so that loops
share
no lane; vehicles of one loop follow one timetable with head starts, so that none catches up with another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from shapely import prepare
from shapely.geometry import Point, Polygon
from shapely.ops import unary_union

from drone.sim.fabric import Bay, Fabric
from drone.sim.geometry import inset, rounded, strip
from drone.sim.layout import NODES, Block, make_streets
from drone.sim.schedule import Route, Timetable, Whereabouts, driven_loop, standing, walked
from drone.sim.streets import BEYOND_M
from drone.sim.vehicles import model_index, models

Array = NDArray[np.float64]

FIRST_VEHICLE_ID = 100_000
CLEAR_M = {"car": 4.5, "kerb": 4.5, "truck": 6.5, "bus": 8.5, "scooter": 2.6}
"""How far the middle of a vehicle that is parked by the rules stays from every no-parking zone."""

PAINTS = np.array([
    (236, 237, 238), (232, 232, 230), (222, 224, 226), (196, 200, 204), (170, 174, 178), (44, 46,
    50), (58, 60, 64),
    (30, 32, 36), (112, 116, 122), (140, 30, 34), (170, 40, 38), (40, 66, 118), (60, 96, 150), (126, 98, 66),
    (206, 188, 150), (86, 100, 84), (210, 110, 40), (120, 132, 140),
], float)  # fmt: skip
PAINT_ODDS = np.array([16, 12, 8, 10, 8, 8, 7, 6, 6, 3, 3, 3, 3, 2, 2, 1, 1, 1], float)
SCOOTER_PAINTS = np.array([
    (200, 40, 44), (40, 44, 50), (236, 236, 236), (30, 90, 160), (232, 130, 170), (40, 130, 110),
    (232, 180, 50),
    (120, 124, 130), (150, 50, 120), (90, 160, 200),
], float)  # fmt: skip
LOADS = np.array(
    [
        (228, 228, 226),
        (90, 130, 180),
        (150, 110, 70),
        (190, 60, 50),
        (90, 110, 70),
        (210, 150, 190),
        (150, 90, 160),
    ],
    float,
)
CAR_MODELS = ("sedan", "suv", "hatch", "van")
CAR_ODDS = (0.42, 0.26, 0.14, 0.18)


@dataclass(slots=True)
class FleetBuilder:
    """Collects vehicles; ``riders`` holds (vehicle index, is it a bicycle)."""

    routes: list[Route] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    paints: list[Array] = field(default_factory=list)
    loads: list[Array] = field(default_factory=list)
    events: list[str | None] = field(default_factory=list)
    riders: list[int] = field(default_factory=list)

    def add(
        self,
        route: Route,
        offset: float,
        model: str,
        rng: Generator,
        *,
        rider: bool = False,
        event: str | None = None,
    ) -> int:
        """Returns the vehicle's id."""
        two_wheels = model.startswith(("scooter", "bicycle"))
        paint = (
            SCOOTER_PAINTS[rng.integers(len(SCOOTER_PAINTS))]
            if two_wheels
            else PAINTS[rng.choice(len(PAINTS), p=PAINT_ODDS / PAINT_ODDS.sum())]
        )
        if model == "bus":
            paint = np.array(
                [(60, 140, 90), (220, 220, 216), (50, 110, 180), (226, 160, 50)][int(rng.integers(4))], float
            )
        if model.startswith("truck"):
            paint = np.array(
                [(40, 80, 150), (170, 50, 44), (226, 226, 222), (60, 110, 80), (214, 170, 60)][
                    int(rng.integers(5))
                ],
                float,
            )
        self.routes.append(route)
        self.offsets.append(offset)
        self.kinds.append(model_index(model))
        self.paints.append(np.clip(paint * rng.uniform(0.92, 1.05), 0, 250))
        self.loads.append(LOADS[rng.integers(len(LOADS))])
        self.events.append(event)
        if rider:
            self.riders.append(len(self.kinds) - 1)
        return FIRST_VEHICLE_ID + len(self.kinds) - 1

    def build(self) -> Fleet:
        return Fleet(
            Timetable(self.routes, self.offsets), np.array(self.kinds), np.array(self.paints),
            np.array(self.loads),
            list(self.events), np.array(self.riders, int),
        )  # fmt: skip


@dataclass(slots=True)
class Fleet:
    """All vehicles.

    kinds: model indices (N,); paints, loads: RGB (N, 3); ids are FIRST_VEHICLE_ID + index.
    """

    timetable: Timetable
    kinds: NDArray[np.intp]
    paints: Array
    loads: Array
    events: list[str | None]
    riders: NDArray[np.intp]

    def at(self, time_s: float) -> Whereabouts:
        return self.timetable.at(time_s)


def park(fleet: FleetBuilder, fabric: Fabric, rng: Generator) -> None:
    """Fill the bays, as full as a working day has them."""
    forbidden = unary_union([Polygon(z.ring) for z in fabric.zones if z.kind == "no_parking"])
    prepare(forbidden)
    share = {
        "car": rng.uniform(0.5, 0.75),
        "kerb": rng.uniform(0.5, 0.75),
        "truck": 0.5,
        "bus": 0.6,
        "scooter": 0.72,
    }
    for bay in fabric.bays:
        if rng.random() > share[bay.kind]:
            continue
        if forbidden.distance(Point(bay.east, bay.north)) < CLEAR_M[bay.kind]:
            continue
        model = _model_for(bay, rng)
        turn = np.pi if bay.kind == "car" and rng.random() < 0.25 else 0.0
        jitter = rng.normal(0, [0.12, 0.12]) if bay.kind != "scooter" else rng.normal(0, [0.06, 0.1])
        angle = bay.angle + turn + rng.normal(0, 0.02 if bay.kind != "scooter" else 0.12)
        fleet.add(standing(bay.east + jitter[0], bay.north + jitter[1], angle), 0.0, model, rng)


def _model_for(bay: Bay, rng: Generator) -> str:
    if bay.kind == "scooter":
        return str(rng.choice(["scooter", "scooter_canopy", "bicycle"], p=[0.84, 0.07, 0.09]))
    if bay.kind == "bus":
        return "bus"
    if bay.kind == "truck":
        return str(rng.choice(["truck_box", "truck_open"]))
    return str(rng.choice(CAR_MODELS, p=CAR_ODDS))


def run_loops(fleet: FleetBuilder, blocks: list[Block], rng: Generator) -> None:
    """Cars, buses and trucks in the car lanes, scooters and bicycles nearer the kerb, round every block."""
    for block in blocks:
        lanes = [4.8 if s.main else 1.8 if s.half_m >= 6 else 2.2 for s in block.streets]
        route = _loop(block, lanes, 5.0, float(rng.uniform(8.0, 9.5)), 4.5, rng)
        _fill(
            fleet,
            route,
            rng,
            (9.0, 17.0),
            ("sedan", "suv", "hatch", "van", "bus", "truck_box", "truck_open"),
            (0.38, 0.24, 0.1, 0.14, 0.05, 0.05, 0.04),
            False,
        )
        lanes = [6.2 if s.main else 3.3 if s.half_m >= 6 else 4.2 for s in block.streets]
        route = _loop(block, lanes, 3.5, float(rng.uniform(5.0, 6.0)), 3.5, rng)
        _fill(
            fleet, route, rng, (5.0, 14.0), ("scooter", "scooter_canopy", "bicycle"), (0.74, 0.12, 0.14), True
        )


def _loop(
    block: Block, lanes: list[float], radius: float, speed: float, slow: float, rng: Generator
) -> Route:
    ring = rounded(inset(block.ring, lanes), radius)[::-1]
    points, speeds, waits = [], [], []
    for k in range(len(ring)):
        a, b = ring[k], ring[(k + 1) % len(ring)]
        length = float(np.hypot(*(b - a)))
        points.append(a)
        waits.append(0.0)
        if length < 30.0:
            speeds.append(slow)
            continue
        speeds.append(speed)
        stop = b + (a - b) / length * 10.5
        points.append(stop)
        speeds.append(slow)
        waits.append(float(rng.uniform(2.0, 5.5)) if rng.random() < 0.6 else 0.0)
    return driven_loop(np.array(points), speeds, waits)


def _fill(
    fleet: FleetBuilder, route: Route, rng: Generator, gaps: tuple[float, float], names: tuple[str, ...],
    odds: tuple[float, ...], rider: bool,
) -> None:  # fmt: skip
    start = 0.0
    while start < route.period - gaps[0]:
        fleet.add(route, start, str(rng.choice(names, p=odds)), rng, rider=rider)
        start += float(rng.uniform(*gaps))


def run_through(fleet: FleetBuilder, rng: Generator) -> None:
    """Traffic straight along the two main streets; they take turns at their crossing every 20 seconds."""
    across, along = make_streets()
    crossing = NODES[1, 2]
    for street, green in ((along[2], 0.0), (across[1], 20.0)):
        line = np.asarray(street.line, float)
        first, last = line[0] - line[1], line[-1] - line[-2]
        line = np.vstack(
            [
                line[0] + first / np.hypot(*first) * BEYOND_M,
                line,
                line[-1] + last / np.hypot(*last) * BEYOND_M,
            ]
        )
        for way in (line, line[::-1]):
            lane = _offset(way, 1.75)
            route = walked(lane, 9.0, closed=False)
            route = Route(route.times, route.points, route.heading_from, route.heading_to, 240.0)
            reach = float(route.times[np.argmin(np.hypot(*(lane - crossing).T))])
            for cycle in range(6):
                for lag in (3.0, 8.5, 14.0):
                    if rng.random() < 0.5:
                        moment = cycle * 40.0 + green + lag
                        model = str(
                            rng.choice(
                                ["sedan", "suv", "van", "bus", "truck_box"], p=[0.45, 0.25, 0.12, 0.08, 0.1]
                            )
                        )
                        fleet.add(route, reach - moment, model, rng)


def _offset(line: Array, right: float) -> Array:
    """The polyline shifted to its right, corner by corner."""
    quads = [strip(a, b, -right, -right)[:2] for a, b in pairwise(line)]
    middle = [(q[1] + p[0]) / 2 for q, p in pairwise(quads)]
    return np.array([quads[0][0], *middle, quads[-1][1]])


def vehicle_class(kind: int) -> str:
    """The detector's class of a model."""
    return models()[kind].category
