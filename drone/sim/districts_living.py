"""Districts where people live: villages, estates, towers."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import Fabric
from drone.sim.geometry import Place
from drone.sim.layout import Block
from drone.sim.quarters import car_park, green, grove, lawn, no_parking, pick, scooters, shop_row, slab

HALF = np.pi / 2


def houses(
    fabric: Fabric, place: Place, width: float, depth: float, rng: Generator, *, gable: float = 0.7,
    step: tuple[float, float] = (14.0, 13.0),
) -> None:  # fmt: skip
    """Old houses on a loose grid with lanes between them."""
    for v in np.arange(-depth / 2 + step[1] / 2, depth / 2 - step[1] / 2 + 0.1, step[1]):
        for u in np.arange(-width / 2 + step[0] / 2, width / 2 - step[0] / 2 + 0.1, step[0]):
            if rng.random() < 0.14:
                east, north = place.at(u, v)
                fabric.plant(float(east), float(north), float(rng.uniform(2, 3.2)), 6.5, int(rng.integers(6)))
                continue
            spot = place.place(u + rng.uniform(-1, 1), v + rng.uniform(-0.8, 0.8), rng.uniform(-0.06, 0.06))
            w, d = float(rng.uniform(8.5, step[0] - 3.0)), float(rng.uniform(7.5, step[1] - 3.6))
            roof = "gable" if rng.random() < gable else str(rng.choice(["flat", "shed"]))
            slab(fabric, spot, w, d, int(rng.integers(1, 4)), rng, roof=roof)
            if rng.random() < 0.4:
                fabric.spot("idle", spot.place(0, -d / 2 - 1.2, -HALF))


def estate(
    fabric: Fabric, place: Place, width: float, depth: float, rng: Generator, *, floors: tuple[int,
    int] = (5, 6),
    slab_w: float = 46.0, pitch: float = 32.0, wall_seed: int = 0,
) -> None:  # fmt: skip
    """Slabs facing south in rows, with greens, lanes and bays between them."""
    rows = max(1, int((depth + 16.0) // pitch))
    columns = max(1, int((width + 8.0) // (slab_w + 9.0)))
    wall = pick(rng, ((226, 214, 190), (214, 200, 184), (230, 226, 214), (206, 190, 170)))
    roof = pick(rng, ((170, 166, 158), (150, 148, 144), (140, 70, 58)))
    for r in range(rows):
        v = (r - (rows - 1) / 2) * pitch + 5.0
        for c in range(columns):
            u = (c - (columns - 1) / 2) * (slab_w + 9.0)
            count = int(rng.integers(floors[0], floors[1] + 1))
            slab(
                fabric, place.place(u, v), slab_w, 12.0, count, rng, facade="balcony", wall=wall,
                roof="flat" if rng.random() < 0.75 else "solar", roof_colour=roof, use="estate",
            )  # fmt: skip
            fabric.paint("asphalt_worn", place.rectangle(u, v - 14.5, slab_w + 9.0, 4.6))
            green(fabric, place.place(u, v - 9.0), slab_w - 6, 4.0, rng, 4)
            if (r + c) % 2:
                car_park(
                    fabric,
                    place.place(u, v - 19.6, np.pi),
                    1,
                    int(slab_w // 2.6) - 2,
                    aisle=0.4,
                    name="小区车位",
                )
            else:
                green(fabric, place.place(u - 8, v - 19.4), slab_w - 22, 4.2, rng, 4)
                no_parking(
                    fabric, place.place(u + slab_w / 2 - 7.0, v - 19.0), 13.0, 3.2, "消防通道", hatch=True
                )
            fabric.spot("idle", place.place(u + rng.uniform(-12, 12), v - 6.6, -HALF))
            fabric.spot("sit", place.place(u + rng.uniform(-15, 15), v - 11.6, -HALF))
            scooters(fabric, place.place(u - slab_w / 2 + 3.0, v + 7.6), int(rng.integers(4, 9)))


def village(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    shop_row(fabric, block, 1, rng, gap=70, floors=(2, 4))
    shop_row(fabric, block, 0, rng, end=w - 18, gap=64, floors=(2, 5))
    for k in range(6):
        kind = str(rng.choice(["crop_green", "crop_dark", "soil", "crop_yellow"]))
        lawn(fabric, p.place(-w / 2 + 14 + 27 * k, d / 2 - 15), 25, 26, kind)
    for k in range(3):
        lawn(fabric, p.place(-w / 2 + 16, d / 2 - 42 - 26 * k), 28, 22, "crop_green")
    houses(fabric, p.place(4, -12), w - 50, d - 62, rng, gable=0.72)
    fabric.paint("dirt", p.rectangle(-w / 2 + 33, 6, 3.5, d - 30))
    no_parking(fabric, p.place(22, -d / 2 + 26.0), 14, 3.4, "老街消防通道", hatch=True)
    fabric.label("老街村", p.at(0, 0))


def village_south(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    shop_row(fabric, block, 2, rng, gap=80, floors=(2, 5))
    shop_row(fabric, block, 1, rng, end=d - 16, gap=40, floors=(2, 4))
    houses(fabric, p.place(-22, -10), w - 60, d - 36, rng, gable=0.7)
    car_park(fabric, p.place(w / 2 - 42, -d / 2 + 14), 2, 11, name="村口停车场", aisle=5.5)
    no_parking(fabric, p.place(w / 2 - 42, -d / 2 + 28.6), 22, 3.4, "村口消防通道", hatch=True)
    fabric.label("临河村", p.at(-20, 0))


def estate_block(fabric: Fabric, block: Block, rng: Generator) -> None:
    shop_row(fabric, block, 0, rng, gap=88, floors=(3, 6))
    shop_row(fabric, block, 3, rng, end=block.depth - 16, gap=90, floors=(3, 5))
    estate(fabric, block.place.place(10, 10), block.width - 34, block.depth - 24, rng, slab_w=44)
    grove(fabric, block.place.place(0, block.depth / 2 - 3), block.width - 10, 5, 26, rng)
    fabric.label("云锦小区", block.place.at(0, 10))


def towers(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    lawn(fabric, p.place(-w / 2 + 28, 24), 52, 50)
    grove(fabric, p.place(-w / 2 + 28, 38), 44, 18, 16, rng, (2.0, 3.4))
    fabric.paint("pavers", p.rectangle(-w / 2 + 28, 14, 40, 12), (202, 190, 172))
    wall = pick(rng, ((222, 202, 176), (210, 186, 160), (226, 220, 208)))
    for u, v in ((28, 58), (62, 58), (28, 14), (62, 14)):
        slab(
            fabric,
            p.place(u, v),
            25,
            16,
            11,
            rng,
            facade="balcony",
            wall=wall,
            roof_colour=(164, 160, 154),
            use="estate",
            floor_m=3.0,
        )
        green(fabric, p.place(u, v - 13), 24, 5, rng, 5)
    fabric.paint("asphalt_worn", p.rectangle(45, 37, 70, 5))
    car_park(fabric, p.place(45, 32, 0), 1, 24, aisle=0.4, name="东苑车位")
    no_parking(fabric, p.place(45, -8.5), 26, 3.6, "东苑消防通道", hatch=True)
    shop_row(fabric, block, 0, rng, gap=90, floors=(3, 6))
    shop_row(fabric, block, 3, rng, end=56, start=6, floors=(3, 5))
    shop_row(fabric, block, 2, rng, start=30, end=130, gap=80, floors=(3, 5))
    estate(fabric, p.place(14, -d / 2 + 50), w - 40, 52, rng, slab_w=42, pitch=30)
    slab(
        fabric,
        p.place(-w / 2 + 34, -16),
        40,
        14,
        3,
        rng,
        facade="office",
        wall=(238, 190, 120),
        roof_colour=(90, 140, 120),
        use="school",
    )
    fabric.label("东苑小区", p.at(40, 30))
