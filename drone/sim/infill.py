"""What grows between the planned things: back-yard houses, sheds, plots, a few bays, trees; farms beyond
the ring.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import BUILT, CROWD, GREEN, OBJECT, PARKING, ROAD, WATER, Bay, Fabric
from drone.sim.geometry import Place
from drone.sim.layout import Block
from drone.sim.quarters import grove, no_parking, slab

TAKEN = {BUILT, ROAD, PARKING, CROWD, OBJECT, WATER, GREEN}
HOUSES = {
    "village": 8, "school": 2, "estate": 7, "works": 3, "hospital": 16, "market": 18, "square": 5,
    "towers": 9,
    "village_south": 6, "police": 7, "riverside": 7, "bus_station": 4,
}  # fmt: skip
SHED_COLOURS = ((70, 124, 186), (186, 188, 190), (150, 80, 66), (120, 122, 124), (86, 140, 120))
CROPS = ("crop_green", "crop_dark", "crop_green", "soil", "crop_yellow", "meadow")


def fill_yard(fabric: Fabric, block: Block, rng: Generator) -> None:
    """Fill the open ground of a block's yard, leaving room to walk and for things to happen."""
    _fire_lanes(fabric, block, rng)
    _lanes(fabric, block, rng)
    built = 0
    for _ in range(160):
        if built >= HOUSES[block.kind]:
            break
        spot = _somewhere(block, rng)
        w, d = float(rng.uniform(9, 14)), float(rng.uniform(8, 11))
        if fabric.uses(spot.rectangle(0, 0, w + 7, d + 7)) & TAKEN:
            continue
        roof = str(rng.choice(["gable", "flat", "shed"], p=[0.4, 0.4, 0.2]))
        built += slab(fabric, spot, w, d, int(rng.integers(1, 5)), rng, roof=roof) is not None
    for _ in range(70):
        _yard_thing(fabric, _somewhere(block, rng), rng)


def _somewhere(block: Block, rng: Generator) -> Place:
    u, v = rng.uniform(-0.47, 0.47, 2) * [block.width, block.depth]
    return block.place.place(float(u), float(v), float(rng.choice([0.0, np.pi / 2])))


def _fire_lanes(fabric: Fabric, block: Block, rng: Generator) -> None:
    """Two fire lanes in the open, where nobody may park."""
    made = 0
    for _ in range(120):
        spot = _somewhere(block, rng)
        if made < 2 and not fabric.uses(spot.rectangle(0, 0, 24, 13)) & TAKEN:
            no_parking(fabric, spot, 14.0, 3.6, "消防通道", hatch=True)
            made += 1


def _lanes(fabric: Fabric, block: Block, rng: Generator) -> None:
    """Lanes of another surface and patches of repair: yards are never of one piece."""
    for _ in range(9):
        spot = _somewhere(block, rng)
        ring = spot.rectangle(0, 0, float(rng.uniform(12, 40)), float(rng.uniform(4, 14)))
        if not fabric.uses(ring) & TAKEN:
            fabric.paint(str(rng.choice(["asphalt_worn", "concrete", "pavers", "dirt", "concrete"])), ring)


def _yard_thing(fabric: Fabric, spot: Place, rng: Generator) -> None:
    what = rng.random()
    if what < 0.10:
        _bays(fabric, spot, int(rng.integers(3, 7)))
        return
    if fabric.uses(spot.rectangle(0, 0, 7, 5)) & TAKEN:
        return
    if what < 0.62:
        radius = float(rng.uniform(1.5, 3.0))
        fabric.plant(spot.east, spot.north, radius, radius * 2.4, int(rng.integers(6)))
    elif what < 0.74:
        fabric.paint(
            "soil" if rng.random() < 0.4 else "crop_green",
            spot.rectangle(0, 0, rng.uniform(3, 7), rng.uniform(2, 5)),
        )
    elif what < 0.84:
        fabric.paint("grass", spot.rectangle(0, 0, 7, 4))
        grove(fabric, spot, 6, 3, 2, rng, (1.0, 1.8))
    elif what < 0.93:
        colour = SHED_COLOURS[int(rng.integers(len(SHED_COLOURS)))]
        fabric.furnish(
            "shed",
            spot,
            (float(rng.uniform(2.5, 6)), float(rng.uniform(2, 4)), float(rng.uniform(2.1, 2.8))),
            colour,
        )
    else:
        fabric.furnish(
            "heap", spot, (float(rng.uniform(1, 2.4)), float(rng.uniform(1, 1.8)), 0.7), (160, 130, 104)
        )


def _bays(fabric: Fabric, spot: Place, count: int) -> None:
    """A few legal bays in a yard."""
    ring = spot.rectangle(0, 0, count * 2.6 + 0.8, 6.4)
    if fabric.uses(ring) & TAKEN:
        return
    wide = count * 2.6
    fabric.paint("asphalt_worn", ring)
    for i in range(count + 1):
        fabric.paint("paint_white", spot.rectangle(-wide / 2 + 2.6 * i, 0, 0.13, 5.2))
    for i in range(count):
        bay = spot.place(-wide / 2 + 2.6 * (i + 0.5), 0)
        fabric.bays.append(Bay(bay.east, bay.north, bay.angle + np.pi / 2))
    fabric.claim(ring, PARKING)
    fabric.zone("parking", "院内车位", ring)


def farm_outskirts(fabric: Fabric, rng: Generator) -> None:
    """Fields, hedges and hamlets round the town, as far as the camera looks."""
    strips = ((-700, 317, 1400, 330), (-700, -560, 1400, 205), (-700, -340, 285, 660), (417, -340, 285, 660))
    for west, south, width, height in strips:
        v = float(south)
        while v < south + height:
            deep = float(rng.uniform(24, 44))
            u = float(west)
            while u < west + width:
                wide = float(rng.uniform(28, 70))
                ring = Place(u + wide / 2, v + deep / 2, float(rng.normal(0, 0.015))).rectangle(
                    0, 0, wide - 1.6, deep - 1.6
                )
                if not fabric.uses(ring) & {ROAD, WATER, BUILT}:
                    fabric.paint(str(rng.choice(CROPS)), ring)
                u += wide
            v += deep
    for _ in range(22):
        side = int(rng.integers(len(strips)))
        west, south, width, height = strips[side]
        centre = (west + rng.uniform(0.2, 0.8) * width, south + rng.uniform(0.05, 0.6) * height)
        if max(abs(centre[0]), abs(centre[1])) > 440:
            continue
        for k in range(int(rng.integers(2, 6))):
            slab(
                fabric,
                Place(centre[0] + 14 * (k % 3), centre[1] + 13 * (k // 3), float(rng.normal(0, 0.05))),
                10.5,
                9,
                int(rng.integers(1, 4)),
                rng,
                roof="gable",
            )
    for _ in range(260):
        west, south, width, height = strips[int(rng.integers(len(strips)))]
        radius = float(rng.uniform(1.4, 3.0))
        east, north = west + rng.uniform(0.3, 0.7) * width, south + rng.uniform(0, 1) * height
        if abs(east) < 455 and -365 < north < 365 and fabric.use_at(east, north) != ROAD:
            fabric.plant(float(east), float(north), radius, radius * 2.4, int(rng.integers(6)))
