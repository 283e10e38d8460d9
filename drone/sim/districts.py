"""The twelve districts of the town: what stands inside a block, and on the south bank of the river."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from drone.sim import districts_civic as civic
from drone.sim import districts_living as living
from drone.sim import districts_trade as trade
from drone.sim.fabric import BUILT, CROWD, Fabric
from drone.sim.geometry import Place, strip
from drone.sim.layout import Block
from drone.sim.quarters import slab


def build_district(fabric: Fabric, block: Block, rng: Generator) -> None:
    """Paint the block's yard and build its district."""
    fabric.paint("yard", block.lot)
    DISTRICTS[block.kind](fabric, block, rng)


def south_bank(fabric: Fabric, rng: Generator) -> None:
    """Fields, paths and a few farmhouses between the river and the edge of the town."""
    for east in np.arange(-392, 392, 24.0):
        for north, deep in ((-283.0, 20.0), (-306.0, 20.0), (-330.0, 22.0)):
            ring = Place(east + 11.5, north, rng.uniform(-0.03, 0.03)).rectangle(0, 0, 22.5, deep)
            if rng.random() < 0.86 and not fabric.uses(ring) & {BUILT, CROWD}:
                fabric.paint(
                    str(rng.choice(["crop_green", "crop_dark", "soil", "crop_yellow", "crop_green"])), ring
                )
    fabric.paint("dirt", strip((-400, -294.8), (400, -294.8), 1.6, -1.6))
    for east in (-330.0, -110.0, 90.0, 330.0):
        for k in range(3):
            slab(
                fabric,
                Place(east + 15 * k + rng.uniform(-2, 2), -281 + rng.uniform(-2, 2), rng.uniform(-0.1, 0.1)),
                10,
                8.5,
                int(rng.integers(1, 3)),
                rng,
                roof="gable",
            )
    for _ in range(60):
        fabric.plant(
            rng.uniform(-395, 395), rng.uniform(-330, -272), rng.uniform(1.4, 2.6), 5.0, int(rng.integers(6))
        )


DISTRICTS: dict[str, Callable[[Fabric, Block, Generator], None]] = {
    "village": living.village, "village_south": living.village_south, "estate": living.estate_block,
    "towers": living.towers, "school": civic.school, "hospital": civic.hospital, "market": civic.market,
    "square": civic.square, "police": civic.police, "riverside": civic.riverside, "works": trade.works,
    "bus_station": trade.bus_station,
}  # fmt: skip
