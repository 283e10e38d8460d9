"""Districts of work and transport: the works and the bus station."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import Fabric
from drone.sim.layout import Block
from drone.sim.quarters import STEEL, car_park, grove, no_parking, pick, shop_row, slab

HALF = np.pi / 2


def works(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    fabric.paint("concrete", p.rectangle(0, 0, w, d))
    for v, wide in ((56, 92), (18, 84), (-22, 96)):
        slab(
            fabric, p.place(-w / 2 + wide / 2 + 6, v), wide, 24, 3, rng, facade="steel", roof="steel",
            roof_colour=pick(rng, STEEL), wall=(196, 204, 210), use="works",
        )  # fmt: skip
    slab(
        fabric,
        p.place(w / 2 - 24, 40),
        34,
        22,
        2,
        rng,
        facade="steel",
        roof="steel",
        roof_colour=(150, 62, 54),
        use="works",
    )
    slab(fabric, p.place(w / 2 - 22, -34), 30, 14, 4, rng, facade="office", use="works")
    car_park(
        fabric, p.place(w / 2 - 30, 4, 0), 2, 9, bay=(4.2, 10.5), aisle=9, name="货车停车场", kind="truck"
    )
    car_park(fabric, p.place(20, -d / 2 + 34, 0), 2, 16, name="厂区停车场")
    shop_row(fabric, block, 3, rng, end=d - 60, start=30, floors=(2, 4), gap=80, depth=10)
    fabric.furnish("tower", p.place(w / 2 - 12, d / 2 - 14), (5.0, 5.0, 42.0), (196, 200, 204))
    fabric.furnish("shed", p.place(w / 2 - 20, d / 2 - 12), (4.0, 3.0, 2.8), (210, 212, 214))
    no_parking(fabric, p.place(w / 2 - 48, d / 2 - 44, HALF), 16, 4.0, "厂区消防通道", hatch=True)
    no_parking(fabric, p.place(-6, -d / 2 + 21), 18, 3.6, "厂门禁停区", hatch=True)
    grove(fabric, p.place(0, d / 2 - 4), w - 40, 6, 22, rng)
    fabric.label("云溪工业园", p.at(-20, 20))


def bus_station(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    fabric.paint("asphalt_worn", p.rectangle(-30, -6, 100, 68))
    slab(
        fabric,
        p.place(-30, 22),
        60,
        13,
        2,
        rng,
        facade="office",
        wall=(206, 210, 216),
        roof="steel",
        roof_colour=(74, 132, 192),
        use="station",
        floor_m=4.5,
    )
    car_park(fabric, p.place(-46, -20), 1, 12, bay=(4.0, 12.5), aisle=8, kind="bus", name="客运停车区")
    car_park(fabric, p.place(6, -20, 0), 2, 8, name="汽车站停车场", aisle=5.5)
    no_parking(fabric, p.place(-30, 11.2), 44, 3.8, "进站口禁停", hatch=True)
    shop_row(fabric, block, 2, rng, gap=84, floors=(3, 6))
    shop_row(fabric, block, 3, rng, start=16, end=d - 20, floors=(2, 4), depth=9)
    slab(
        fabric,
        p.place(w / 2 - 24, 14),
        40,
        22,
        3,
        rng,
        facade="steel",
        roof="steel",
        roof_colour=pick(rng, STEEL),
        use="works",
    )
    car_park(
        fabric, p.place(w / 2 - 24, -24), 1, 9, bay=(4.2, 10.5), aisle=8, kind="truck", name="货运停车区"
    )
    no_parking(fabric, p.place(w / 2 - 24, -9.0), 30, 3.6, "货场消防通道", hatch=True)
    fabric.label("汽车站", p.at(-30, 22))
