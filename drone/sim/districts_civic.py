"""Districts of public life: school, hospital, market, square, police station, riverside park."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from drone.sim.districts_living import estate, houses
from drone.sim.fabric import CROWD, Fabric
from drone.sim.layout import Block
from drone.sim.quarters import (
    car_park,
    court,
    green,
    grove,
    lawn,
    no_parking,
    running_track,
    shop_row,
    side_frame,
    slab,
    stall,
)

HALF = np.pi / 2


def school(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    fabric.label("云溪学校", p.at(10, -16))


def hospital(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    houses(fabric, p.place(-16, -d / 4 - 6), w - 56, d / 2 - 28, rng, gable=0.45, step=(15, 13.5))
    fabric.label("镇卫生院", p.at(-24, d / 2 - 40))


def market(fabric: Fabric, block: Block, rng: Generator) -> None:
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
        houses(fabric, p.place(-22, s * (d / 4 + 5)), w - 84, d / 2 - 46, rng, gable=0.35, step=(17, 16))
        car_park(fabric, p.place(w / 2 - 38, s * (d / 4 + 4), HALF), 2, 9, name="集市停车场")
        no_parking(fabric, p.place(w / 2 - 62, s * (d / 4 + 4), HALF), 14, 3.6, "集市消防通道", hatch=True)
    fabric.label("云溪集市", p.at(0, 0))


def square(fabric: Fabric, block: Block, rng: Generator) -> None:
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
        for corner in (-40, -24, 24, 40):
            green(fabric, plaza.place(corner, s * 36), 10, 5, rng, 0)
            grove(fabric, plaza.place(corner, s * 36), 1, 1, 1, rng)
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
    for bench in (-5.0, 5.0):
        fabric.spot("chess", park.place(bench, 4))
    shop_row(fabric, block, 1, rng, start=96, gap=None, floors=(4, 6))
    shop_row(fabric, block, 2, rng, end=60, floors=(4, 6))
    car_park(fabric, p.place(w / 2 - 44, d / 2 - 42), 2, 14, name="广场停车场")
    no_parking(fabric, p.place(w / 2 - 46, d / 2 - 58.0), 22, 3.6, "广场消防通道", hatch=True)
    fabric.label("文化广场", plaza.at(0, 0))
    fabric.label("镇政府", gov.at(0, 0))


def police(fabric: Fabric, block: Block, rng: Generator) -> None:
    p, d = block.place, block.depth
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
    estate(fabric, p.place(46, -6), 88, 60, rng, slab_w=40, pitch=30)
    no_parking(fabric, yard.place(10, -26.0), 36, 3.6, "派出所门前禁停", hatch=True)
    fabric.label("派出所", yard.at(0, 14))


def riverside(fabric: Fabric, block: Block, rng: Generator) -> None:
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
    houses(fabric, p.place(-40, d / 2 - 30), 40, 28, rng, gable=0.3)
    fabric.label("滨河公园", park.at(0, 0))
