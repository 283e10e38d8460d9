"""The twelve districts of the town, one function each: what stands inside a block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import BUILT, CROWD, Fabric
from drone.sim.geometry import Place, strip
from drone.sim.layout import Block
from drone.sim.quarters import (
    STEEL,
    car_park,
    court,
    green,
    grove,
    lawn,
    no_parking,
    pick,
    running_track,
    scooters,
    shop_row,
    side_frame,
    slab,
    stall,
)  # fmt: skip

HALF = np.pi / 2


def build_district(fabric: Fabric, block: Block, rng: Generator) -> None:
    """Paint the block's yard and build its district."""
    fabric.paint("yard", block.lot)
    DISTRICTS[block.kind](fabric, block, rng)


def _houses(
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


def _estate(
    fabric: Fabric, place: Place, width: float, depth: float, rng: Generator, *, floors: tuple[int, int] = (5, 6),
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


def _village(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    shop_row(fabric, block, 1, rng, gap=70, floors=(2, 4))
    shop_row(fabric, block, 0, rng, end=w - 18, gap=64, floors=(2, 5))
    for k in range(6):
        kind = str(rng.choice(["crop_green", "crop_dark", "soil", "crop_yellow"]))
        lawn(fabric, p.place(-w / 2 + 14 + 27 * k, d / 2 - 15), 25, 26, kind)
    for k in range(3):
        lawn(fabric, p.place(-w / 2 + 16, d / 2 - 42 - 26 * k), 28, 22, "crop_green")
    _houses(fabric, p.place(4, -12), w - 50, d - 62, rng, gable=0.72)
    fabric.paint("dirt", p.rectangle(-w / 2 + 33, 6, 3.5, d - 30))
    no_parking(fabric, p.place(22, -d / 2 + 26.0), 14, 3.4, "老街消防通道", hatch=True)
    fabric.labels.append(("老街村", *map(float, p.at(0, 0))))


def _school(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    fabric.paint("plaza", p.rectangle(0, -18, w - 4, 74), (226, 222, 214))
    running_track(fabric, p.place(22, d / 2 - 36), 112, 62)
    court(fabric, p.place(-62, d / 2 - 22, HALF), (64, 110, 140))
    court(fabric, p.place(-62, d / 2 - 60, HALF), (70, 120, 90))
    slab(
        fabric,
        p.place(34, -4),
        70,
        13,
        4,
        rng,
        facade="office",
        wall=(232, 222, 206),
        roof_colour=(166, 162, 154),
        use="school",
    )
    slab(
        fabric,
        p.place(-40, -12),
        48,
        13,
        5,
        rng,
        facade="office",
        wall=(204, 132, 110),
        roof_colour=(172, 168, 160),
        use="school",
    )
    slab(
        fabric,
        p.place(58, -38, HALF),
        36,
        12,
        4,
        rng,
        facade="office",
        wall=(232, 222, 206),
        roof_colour=(156, 152, 146),
        use="school",
    )
    fabric.furnish("flag", p.place(2, -30), (0.3, 0.3, 12.0), (206, 40, 40))
    green(fabric, p.place(-22, -34), 30, 12, rng, 8)
    green(fabric, p.place(30, -30), 26, 10, rng, 6)
    gate = -4.0
    shop_row(fabric, block, 0, rng, end=w / 2 + gate - 17, floors=(3, 5))
    shop_row(fabric, block, 0, rng, start=w / 2 + gate + 17, floors=(3, 5))
    frame, _ = side_frame(block, 0)
    middle = float(block.place.local(frame.at(0, 0)[None])[0, 0])
    front = frame.place(gate - middle, 0.0)
    fabric.paint("plaza", front.rectangle(0, 10, 33, 26), (214, 206, 196))
    fabric.zone("school_gate", "学校门口", front.rectangle(0, 4, 32, 16))
    fabric.claim(front.rectangle(0, 4, 32, 16), CROWD)
    fabric.furnish("gate", front.place(0, 12.5), (16.0, 0.8, 4.6), (196, 60, 50))
    for i in range(11):
        fabric.spot(
            "queue", front.place(-9 + 1.05 * i + rng.uniform(-0.15, 0.15), 6.5 + rng.uniform(-0.5, 0.5), HALF)
        )
    no_parking(fabric, front.place(0, -2.3 - block.streets[0].pavement_m + 0.9), 40, 2.6, "学校门前禁停")
    grove(fabric, p.place(-w / 2 + 4, 20), 5, d - 60, 14, rng)
    shop_row(fabric, block, 1, rng, start=20, end=60, floors=(3, 4))
    fabric.labels.append(("云溪学校", *map(float, p.at(10, -16))))


def _estate_block(fabric: Fabric, block: Block, rng: Generator) -> None:
    shop_row(fabric, block, 0, rng, gap=88, floors=(3, 6))
    shop_row(fabric, block, 3, rng, end=block.depth - 16, gap=90, floors=(3, 5))
    _estate(fabric, block.place.place(10, 10), block.width - 34, block.depth - 24, rng, slab_w=44)
    grove(fabric, block.place.place(0, block.depth / 2 - 3), block.width - 10, 5, 26, rng)
    fabric.labels.append(("云锦小区", *map(float, block.place.at(0, 10))))


def _works(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    fabric.labels.append(("云溪工业园", *map(float, p.at(-20, 20))))


def _hospital(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    slab(
        fabric,
        p.place(-24, d / 2 - 40),
        64,
        16,
        7,
        rng,
        facade="office",
        wall=(238, 236, 230),
        roof_colour=(176, 174, 170),
        use="hospital",
        floor_m=3.5,
    )
    slab(
        fabric,
        p.place(-50, d / 2 - 66, HALF),
        34,
        14,
        4,
        rng,
        facade="office",
        wall=(238, 236, 230),
        roof_colour=(168, 166, 160),
        use="hospital",
        floor_m=3.5,
    )
    car_park(fabric, p.place(6, d / 2 - 74), 2, 15, name="卫生院停车场")
    no_parking(fabric, p.place(-6, d / 2 - 54), 22, 4.2, "急救通道", hatch=True)
    green(fabric, p.place(-30, d / 2 - 16), 70, 14, rng, 18)
    shop_row(fabric, block, 1, rng, gap=92, floors=(3, 6))
    shop_row(fabric, block, 0, rng, end=w - 15, gap=60, floors=(3, 6))
    shop_row(fabric, block, 2, rng, start=14, end=70, floors=(3, 5))
    _houses(fabric, p.place(-16, -d / 4 - 6), w - 56, d / 2 - 28, rng, gable=0.45, step=(15, 13.5))
    fabric.labels.append(("镇卫生院", *map(float, p.at(-24, d / 2 - 40))))


def _market(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    fabric.paint("pavers", p.rectangle(0, 0, w + 6, 17), (206, 196, 186))
    fabric.zone("market", "云溪集市", p.rectangle(0, 0, w - 2, 18))
    for u in np.arange(-w / 2 + 12, w / 2 - 11, 4.1):
        for s in (-1, 1):
            if rng.random() < 0.86:
                stall(fabric, p.place(u + rng.uniform(-0.3, 0.3), s * 5.2, 0.0 if s < 0 else np.pi), rng)
    fabric.claim(p.rectangle(0, 0, w, 17), CROWD)
    frame_n, frame_s = p.place(-w / 2 + 14, 9.2), p.place(w / 2 - 14, -9.2, np.pi)
    for frame in (frame_n, frame_s):
        u = 0.0
        while u < w - 34:
            wide = float(rng.uniform(8, 14))
            slab(
                fabric,
                frame.place(u + wide / 2, 5.6),
                wide - 0.05,
                11,
                int(rng.integers(2, 5)),
                rng,
                shops=(True, False, False, False),
                use="shop",
            )
            u += wide
    shop_row(fabric, block, 0, rng, gap=110, floors=(3, 6))
    shop_row(fabric, block, 2, rng, gap=60, floors=(3, 6))
    shop_row(fabric, block, 1, rng, start=14, end=d / 2 - 10, floors=(3, 6))
    shop_row(fabric, block, 1, rng, start=d / 2 + 10, end=d - 14, floors=(3, 6))
    shop_row(fabric, block, 3, rng, start=14, end=d / 2 - 10, floors=(3, 5))
    shop_row(fabric, block, 3, rng, start=d / 2 + 10, end=d - 14, floors=(3, 5))
    for s in (-1, 1):
        _houses(fabric, p.place(-22, s * (d / 4 + 5)), w - 84, d / 2 - 46, rng, gable=0.35, step=(17, 16))
        car_park(fabric, p.place(w / 2 - 38, s * (d / 4 + 4), HALF), 2, 9, name="集市停车场")
        no_parking(fabric, p.place(w / 2 - 62, s * (d / 4 + 4), HALF), 14, 3.6, "集市消防通道", hatch=True)
    fabric.labels.append(("云溪集市", *map(float, p.at(0, 0))))


def _square(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    plaza = p.place(-w / 2 + 52, -d / 2 + 46)
    fabric.paint("plaza", plaza.rectangle(0, 0, 98, 84), (222, 214, 200))
    for u in np.arange(-40, 41, 16):
        fabric.paint("pavers", plaza.rectangle(u, 0, 1.2, 84), (170, 120, 100))
    for v in np.arange(-34, 35, 14):
        fabric.paint("pavers", plaza.rectangle(0, v, 98, 1.2), (170, 120, 100))
    fabric.zone("square", "文化广场", plaza.rectangle(0, 0, 98, 84))
    fabric.claim(plaza.rectangle(0, 0, 98, 84), CROWD)
    fabric.furnish("stage", plaza.place(0, 36), (22, 7, 1.0), (170, 60, 56))
    fabric.furnish("statue", plaza.place(26, 0), (3, 3, 7.0), (190, 186, 180))
    fabric.spot("dance", plaza.place(-14, 6, HALF))
    fabric.spot("square", plaza)
    for s in (-1, 1):
        for u in (-40, -24, 24, 40):
            green(fabric, plaza.place(u, s * 36), 10, 5, rng, 0)
            grove(fabric, plaza.place(u, s * 36), 1, 1, 1, rng)
    gov = p.place(-w / 2 + 54, d / 2 - 28)
    slab(
        fabric,
        gov,
        66,
        15,
        5,
        rng,
        facade="office",
        wall=(226, 218, 204),
        roof_colour=(160, 66, 56),
        use="hall",
        floor_m=3.6,
    )
    fabric.furnish("flag", gov.place(0, -16), (0.3, 0.3, 13.0), (206, 40, 40))
    car_park(fabric, gov.place(-20, -23), 1, 14, name="政府停车场", aisle=5)
    green(fabric, gov.place(24, -21), 30, 10, rng, 8)
    no_parking(fabric, gov.place(0, -12.2), 30, 3.4, "政务中心门前禁停", hatch=True)
    park = p.place(w / 2 - 42, -d / 2 + 48)
    lawn(fabric, park, 62, 78)
    fabric.paint("pavers", park.rectangle(0, 0, 3, 78), (190, 180, 170))
    fabric.paint("pavers", park.rectangle(0, 4, 62, 3), (190, 180, 170))
    fabric.paint("pavers", park.rectangle(0, 4, 16, 14), (200, 184, 160))
    grove(fabric, park.place(0, -20), 58, 34, 34, rng, (2.0, 3.6))
    grove(fabric, park.place(0, 24), 58, 24, 22, rng, (2.0, 3.6))
    for u in (-5.0, 5.0):
        fabric.spot("chess", park.place(u, 4))
    shop_row(fabric, block, 1, rng, start=96, gap=None, floors=(4, 6))
    shop_row(fabric, block, 2, rng, end=60, floors=(4, 6))
    car_park(fabric, p.place(w / 2 - 44, d / 2 - 42), 2, 14, name="广场停车场")
    no_parking(fabric, p.place(w / 2 - 46, d / 2 - 58.0), 22, 3.6, "广场消防通道", hatch=True)
    fabric.labels.append(("文化广场", *map(float, plaza.at(0, 0))))
    fabric.labels.append(("镇政府", *map(float, gov.at(0, 0))))


def _towers(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    _estate(fabric, p.place(14, -d / 2 + 50), w - 40, 52, rng, slab_w=42, pitch=30)
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
    fabric.labels.append(("东苑小区", *map(float, p.at(40, 30))))


def _village_south(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    shop_row(fabric, block, 2, rng, gap=80, floors=(2, 5))
    shop_row(fabric, block, 1, rng, end=d - 16, gap=40, floors=(2, 4))
    _houses(fabric, p.place(-22, -10), w - 60, d - 36, rng, gable=0.7)
    car_park(fabric, p.place(w / 2 - 42, -d / 2 + 14), 2, 11, name="村口停车场", aisle=5.5)
    no_parking(fabric, p.place(w / 2 - 42, -d / 2 + 28.6), 22, 3.4, "村口消防通道", hatch=True)
    fabric.labels.append(("临河村", *map(float, p.at(-20, 0))))


def _police(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    yard = p.place(-30, -12)
    fabric.paint("concrete", yard.rectangle(0, 0, 62, 44))
    slab(
        fabric,
        yard.place(0, 14),
        40,
        12,
        4,
        rng,
        facade="office",
        wall=(206, 216, 228),
        roof_colour=(158, 160, 164),
        use="police",
    )
    fabric.paint("paint_white", yard.rectangle(14, -10, 9, 9))
    fabric.paint("concrete", yard.rectangle(14, -10, 8.5, 8.5), (170, 190, 180))
    for u in (-1.6, 1.6):
        fabric.paint("paint_white", yard.rectangle(14 + u, -10, 0.7, 5))
    fabric.paint("paint_white", yard.rectangle(14, -10, 3.0, 0.7))
    fabric.spot("home", yard.place(14, -10))
    fabric.claim(yard.rectangle(14, -10, 16, 16), CROWD)
    car_park(fabric, yard.place(-14, -15), 1, 9, name="派出所停车场")
    fabric.furnish("flag", yard.place(-2, 5), (0.3, 0.3, 11.0), (206, 40, 40))
    shop_row(fabric, block, 2, rng, gap=100, floors=(3, 6))
    shop_row(fabric, block, 3, rng, start=14, floors=(3, 5), end=d - 4)
    _estate(fabric, p.place(46, -6), 88, 60, rng, slab_w=40, pitch=30)
    no_parking(fabric, yard.place(10, -26.0), 36, 3.6, "派出所门前禁停", hatch=True)
    fabric.labels.append(("派出所", *map(float, yard.at(0, 14))))


def _riverside(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, w, d = block.place, block.width, block.depth
    shop_row(fabric, block, 2, rng, gap=90, floors=(3, 6))
    shop_row(fabric, block, 3, rng, start=16, end=d - 16, floors=(3, 5))
    park = p.place(12, -d / 2 + 22)
    lawn(fabric, park, w - 40, 40)
    fabric.paint("pavers", park.rectangle(0, -4, w - 40, 3.2), (198, 186, 172))
    fabric.paint("pavers", park.rectangle(-14, 4, 34, 22), (206, 196, 180))
    court(fabric, park.place(46, 4), (64, 110, 140), name="健身球场")
    grove(fabric, park.place(-46, 6), 26, 26, 18, rng, (1.8, 3.2))
    grove(fabric, park.place(0, -13), w - 44, 10, 24, rng, (1.8, 3.2))
    for u in (-24, -14, -4):
        fabric.spot("sit", park.place(u, 10, -HALF))
    car_park(fabric, p.place(38, d / 2 - 27), 2, 15, name="公园停车场", aisle=5.5)
    no_parking(fabric, p.place(-8, d / 2 - 24, 0), 20, 3.6, "公园消防通道", hatch=True)
    _houses(fabric, p.place(-40, d / 2 - 30), 40, 28, rng, gable=0.3)
    fabric.labels.append(("滨河公园", *map(float, park.at(0, 0))))


def _bus_station(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    fabric.labels.append(("汽车站", *map(float, p.at(-30, 22))))


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
    "village": _village, "school": _school, "estate": _estate_block, "works": _works, "hospital": _hospital,
    "market": _market, "square": _square, "towers": _towers, "village_south": _village_south, "police": _police,
    "riverside": _riverside, "bus_station": _bus_station,
}  # fmt: skip
