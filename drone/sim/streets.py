"""Streets: carriageways, kerbs, markings, crossings, bridges, kerbside bays, lamps and street trees."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.ops import unary_union

from drone.sim.fabric import BUILT, CANOPY, CROWD, OBJECT, ROAD, WATER, Bay, Fabric
from drone.sim.geometry import Place, strip
from drone.sim.layout import NODES, Block, Street, make_streets
from drone.sim.quarters import scooters
from drone.sim.relief import river_north

Array = NDArray[np.float64]
RIVER_HALF_M = 13.0
LANE_M = 3.4
CROSSING_M = 4.0
BEYOND_M = 420.0
BAY_M = 6.2
CLEAR_M = 4.0


def paint_streets(fabric: Fabric) -> None:
    """Pavements, carriageways and markings of all streets, over whatever is there."""
    across, along = make_streets()
    streets = across + along
    for street in streets:
        for a, b in _runs(street):
            fabric.paint(
                "pavers",
                strip(a, b, street.half_m + street.pavement_m, -street.half_m - street.pavement_m),
                (206, 200, 192),
            )
    for street in streets:
        for a, b in _runs(street):
            fabric.paint("kerb", strip(a, b, street.half_m + 0.25, -street.half_m - 0.25))
    for street in streets:
        for a, b in _runs(street):
            ring = strip(a, b, street.half_m, -street.half_m)
            fabric.paint("asphalt", ring)
            fabric.claim(ring, ROAD)
    for index, street in enumerate(streets):
        crossing = along if index < len(across) else across
        _mark(fabric, street, crossing)
    _rounded_corners(fabric, across, along)


def _runs(street: Street) -> list[tuple[Array, Array]]:
    """Stretches between nodes; main streets run on beyond the town."""
    points = [np.asarray(p, float) for p in street.line]
    if street.main:
        first, last = points[0] - points[1], points[-1] - points[-2]
        points.insert(0, points[0] + first / np.linalg.norm(first) * BEYOND_M)
        points.append(points[-1] + last / np.linalg.norm(last) * BEYOND_M)
    return list(pairwise(points))


def _mark(fabric: Fabric, street: Street, crossing: list[Street]) -> None:
    runs = _runs(street)
    extra = 1 if street.main else 0
    for i, (a, b) in enumerate(runs):
        d = (b - a) / np.linalg.norm(b - a)
        before = crossing[i - extra].half_m if 0 <= i - extra < len(crossing) else 0.0
        after = crossing[i + 1 - extra].half_m if 0 <= i + 1 - extra < len(crossing) else 0.0
        start = a + d * (before + 2.0 + CROSSING_M + 1.5 if before else 0.0)
        stop = b - d * (after + 2.0 + CROSSING_M + 1.5 if after else 0.0)
        _lines(fabric, street, start, stop)
        if before:
            _zebra(fabric, street, a + d * (before + 1.5), d)
        if after:
            _zebra(fabric, street, b - d * (after + 1.5 + CROSSING_M), d)


def _lines(fabric: Fabric, street: Street, a: Array, b: Array) -> None:
    length = float(np.linalg.norm(b - a))
    d = (b - a) / length
    if street.main:
        for offset in (-0.18, 0.18):
            fabric.paint("paint_yellow", strip(a, b, offset + 0.07, offset - 0.07))
    else:
        for s in np.arange(0, length - 2, 6.0):
            fabric.paint("paint_yellow", strip(a + d * s, a + d * (s + 2.6), 0.07, -0.07))
    offsets = (-LANE_M, LANE_M, -2 * LANE_M, 2 * LANE_M) if street.main else ()
    for offset in offsets:
        solid = abs(offset) > LANE_M + 0.1
        if solid:
            fabric.paint("paint_white", strip(a, b, offset + 0.07, offset - 0.07))
            continue
        for s in np.arange(0, length - 2, 8.0):
            fabric.paint("paint_white", strip(a + d * s, a + d * (s + 3.2), offset + 0.07, offset - 0.07))
    for point, way in ((b, 1.0), (a, -1.0)):
        reach = d * way
        fabric.paint("paint_white", strip(point - reach * 0.4, point, 0.1, -street.half_m + 0.3))


def _zebra(fabric: Fabric, street: Street, near: Array, d: Array) -> None:
    for offset in np.arange(-street.half_m + 0.5, street.half_m - 0.5, 1.0):
        fabric.paint("paint_white", strip(near, near + d * CROSSING_M, offset + 0.5, offset))


def _rounded_corners(fabric: Fabric, across: list[Street], along: list[Street]) -> None:
    radius = 4.0
    t = np.linspace(0, np.pi / 2, 7)
    for r in range(4):
        for c in range(5):
            for su in (-1, 1):
                for sv in (-1, 1):
                    if (c == 0 and su < 0) or (c == 4 and su > 0) or (r == 3 and sv > 0):
                        continue
                    corner = NODES[r, c] + [su * (along[c].half_m - 0.1), sv * (across[r].half_m - 0.1)]
                    centre = corner + radius * np.array([su, sv])
                    arc = centre - np.column_stack([su * radius * np.cos(t), sv * radius * np.sin(t)])
                    fabric.paint("asphalt", np.vstack([corner, arc]))


def dig_river(fabric: Fabric) -> None:
    """Water with banks and promenade walls, before the streets bridge it."""
    east = np.arange(-900.0, 901.0, 12.0)
    north = river_north(east)
    for extra, material in ((5.0, "pavers"), (2.2, "bank"), (0.0, "water")):
        half = RIVER_HALF_M + extra
        top = np.column_stack([east, north + half])
        bottom = np.column_stack([east, north - half])[::-1]
        fabric.paint(material, np.vstack([top, bottom]))
    half = RIVER_HALF_M + 1.5
    ring = np.vstack([np.column_stack([east, north + half]), np.column_stack([east, north - half])[::-1]])
    fabric.claim(ring, WATER)


def bridge(fabric: Fabric) -> None:
    """Parapets where the avenue crosses the river."""
    _, along = make_streets()
    street = along[2]
    a, b = _runs(street)[0]
    d = (b - a) / np.linalg.norm(b - a)
    angle = float(np.arctan2(d[1], d[0]))
    middle_n = float(river_north(2.0))
    share = (middle_n - a[1]) / (b[1] - a[1])
    middle = a + share * (b - a)
    length = 2 * (RIVER_HALF_M + 4.0)
    outer = street.half_m + street.pavement_m
    fabric.paint("concrete", strip(middle - d * length / 2, middle + d * length / 2, outer + 0.8, outer))
    fabric.paint("concrete", strip(middle - d * length / 2, middle + d * length / 2, -outer, -outer - 0.8))
    for side in (-1, 1):
        place = Place(float(middle[0]), float(middle[1]), angle).place(0, side * (outer + 0.4))
        fabric.furnish("parapet", place, (length, 0.4, 1.1), (206, 202, 194))
        for u in np.linspace(-length / 2, length / 2, 7):
            fabric.furnish("post", place.place(float(u), 0.0), (0.6, 0.6, 1.5), (190, 186, 178))
    fabric.labels.append(("云溪桥", float(middle[0]), float(middle[1])))


def dress_kerbs(fabric: Fabric, blocks: list[Block], rng: Generator) -> None:
    """Kerbside bays, forbidden kerbs, lamps, trees and scooters along every block's sides."""
    for block in blocks:
        for side in range(4):
            street = block.streets[side]
            a, b = block.kerb[side], block.kerb[(side + 1) % 4]
            angle = float(np.arctan2(*(b - a)[::-1]))
            frame, length = Place(float(a[0]), float(a[1]), angle), float(np.linalg.norm(b - a))
            _dress(fabric, street, frame, length, rng)


def _dress(fabric: Fabric, street: Street, frame: Place, length: float, rng: Generator) -> None:
    """u runs along the kerb with the block on the left; traffic beside this kerb drives towards -u."""
    third = street.pavement_m - 1.0
    for k, u in enumerate(np.arange(12.0, length - 10.0, 9.0)):
        spot = frame.place(u, 0.8)
        if k % 3 == 1:
            _lamp(fabric, frame.place(u, 0.5, np.pi / 2))
        elif rng.random() < (0.75 if street.main else 0.5):
            radius = float(rng.uniform(1.5, 2.4))
            fabric.plant(spot.east, spot.north, radius, radius * 2.5, int(rng.integers(6)))
        if rng.random() < 0.5 and third > 1.5:
            scooters(fabric, frame.place(u + 2.0, third, 0.0), int(rng.integers(3, 9)))
    if street.main:
        _forbidden_kerb(fabric, frame, length, street)
    elif street.half_m >= 6.0:
        middle = length / 2
        _kerb_bays(fabric, frame, 16.0, middle - 16.0)
        _kerb_bays(fabric, frame, middle + 16.0, length - 16.0)
        if street.pavement_m > 3.4:
            _bus_stop(fabric, frame.place(middle + 4.0, 0.0))


def _lamp(fabric: Fabric, place: Place) -> None:
    if fabric.uses(place.rectangle(0, 0, 0.8, 0.8)) & {BUILT, OBJECT}:
        return
    fabric.furnish("lamp", place, (0.3, 0.3, 8.0), (120, 126, 130))


def _kerb_bays(fabric: Fabric, frame: Place, start: float, stop: float) -> None:
    """Painted bays along the kerb, leaving out those near a stretch where parking is forbidden."""
    forbidden = unary_union([Polygon(z.ring) for z in fabric.zones if z.kind == "no_parking"])
    run: list[float] = []
    for u in [*np.arange(start + BAY_M / 2, stop - BAY_M / 2, BAY_M), np.inf]:
        free = (
            bool(np.isfinite(u))
            and forbidden.distance(Polygon(frame.rectangle(u, -1.1, BAY_M, 2.2))) > CLEAR_M
        )
        if free:
            run.append(float(u))
            continue
        if len(run) >= 2:
            _bay_run(fabric, frame, run)
        run = []


def _bay_run(fabric: Fabric, frame: Place, run: list[float]) -> None:
    middle, length = (run[0] + run[-1]) / 2, run[-1] - run[0] + BAY_M
    for u in [run[0] - BAY_M / 2, *(u + BAY_M / 2 for u in run)]:
        fabric.paint("paint_white", frame.rectangle(u, -1.1, 0.12, 2.1))
    fabric.paint("paint_white", frame.rectangle(middle, -2.1, length, 0.12))
    for u in run:
        spot = frame.place(u, -1.1, np.pi)
        fabric.bays.append(Bay(spot.east, spot.north, spot.angle, "kerb"))
    fabric.zone("parking", "路侧泊位", frame.rectangle(middle, -1.1, length + 0.4, 2.3))


def _forbidden_kerb(fabric: Fabric, frame: Place, length: float, street: Street) -> None:
    for a, b in ((14.0, length / 2 - 12.0), (length / 2 + 12.0, length - 14.0)):
        ring = frame.rectangle((a + b) / 2, -0.95, b - a, 2.1)
        fabric.zone("no_parking", f"{street.zh}禁停", ring)
        fabric.paint("paint_yellow", frame.rectangle((a + b) / 2, -0.2, b - a, 0.14))
        for u in np.arange(a + 4.0, b - 4.0, 8.0):
            spot = frame.place(float(u), -1.05, np.pi)
            fabric.forbidden_bays.append(Bay(spot.east, spot.north, spot.angle, "kerb"))


def _bus_stop(fabric: Fabric, place: Place) -> None:
    ring = place.rectangle(0, 1.7, 14.0, 3.4)
    if fabric.uses(place.rectangle(0, 2.3, 5.4, 1.6)) & {BUILT, OBJECT, CANOPY}:
        return
    fabric.furnish("shelter", place.place(0, 2.6), (5.0, 1.5, 2.6), (70, 120, 170))
    fabric.zone("bus_stop", "公交站", ring)
    fabric.claim(ring, CROWD)
    for i in range(7):
        fabric.spot("bus_queue", place.place(-3.6 + 1.15 * i, 0.8 + 0.3 * (i % 2), -np.pi / 2))
