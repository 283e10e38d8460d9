"""The kit that districts are put together from: rows of shops, slabs, houses, car parks, courts, greens."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from drone.sim.fabric import BUILT, CROWD, GREEN, OBJECT, PARKING, ROAD, WATER, Bay, Building, Colour, Fabric
from drone.sim.geometry import Place, ellipse
from drone.sim.layout import Block

FLOOR_M = 3.1
WALLS: tuple[Colour, ...] = (
    (222, 216, 204), (206, 205, 200), (232, 228, 220), (214, 196, 172), (198, 178, 158), (226, 210, 186),
    (196, 202, 206), (210, 186, 170), (184, 186, 184), (236, 226, 206), (204, 172, 150), (190, 198, 188),
)  # fmt: skip
CONCRETE: tuple[Colour, ...] = (
    (176, 174, 168), (158, 156, 150), (190, 186, 178), (146, 146, 142), (170, 160, 148), (196, 192, 184),
    (150, 140, 132), (182, 182, 182),
)  # fmt: skip
STEEL: tuple[Colour, ...] = ((62, 112, 178), (74, 132, 192), (52, 96, 158), (150, 62, 54), (188, 190, 192))
TILES: tuple[Colour, ...] = (
    (92, 94, 98),
    (104, 102, 102),
    (84, 84, 90),
    (150, 82, 62),
    (164, 92, 70),
    (116, 104, 96),
)
HOUSE_FACADES = ("plain", "cages", "bluegrass", "plaster")


def pick(rng: Generator, choices: tuple[Colour, ...]) -> Colour:
    return choices[int(rng.integers(len(choices)))]


def slab(
    fabric: Fabric, place: Place, width: float, depth: float, floors: int, rng: Generator, *,
    facade: str | None = None, roof: str = "flat", wall: Colour | None = None,
    roof_colour: Colour | None = None,
    shops: tuple[bool, bool, bool, bool] = (False, False, False, False), use: str = "house",
    floor_m: float = FLOOR_M,
) -> Building | None:  # fmt: skip
    """Build one box unless something stands there; returns it when built."""
    if fabric.uses(place.rectangle(0, 0, max(width - 3.0, 2.0), max(depth - 3.0, 2.0))) & {
        BUILT,
        WATER,
        ROAD,
        PARKING,
        CROWD,
    }:
        return None
    colours = TILES if roof == "gable" else STEEL if roof == "steel" else CONCRETE
    building = Building(
        place=place, width=width, depth=depth, floors=floors, height=floors * floor_m + 0.6,
        facade=facade or str(rng.choice(HOUSE_FACADES)), wall=wall or pick(rng, WALLS), roof=roof,
        roof_colour=roof_colour or pick(rng, colours), shops=shops, use=use, seed=int(rng.integers(1 << 30)),
    )  # fmt: skip
    fabric.build(building)
    return building


def side_frame(block: Block, side: int) -> tuple[Place, float]:
    """Frame at the start of a lot's side (0 S, 1 E, 2 N, 3 W): u along the side, v inward; and its length."""
    a, b = block.lot[side], block.lot[(side + 1) % 4]
    d = b - a
    return Place(float(a[0]), float(a[1]), float(np.arctan2(d[1], d[0]))), float(np.hypot(*d))


def shop_row(
    fabric: Fabric, block: Block, side: int, rng: Generator, *, start: float = 0.0, end: float | None = None,
    depth: float = 12.0, floors: tuple[int, int] = (3, 6), gap: float | None = None,
) -> None:  # fmt: skip
    """Shophouses wall to wall along a side of a block, with a passage of 6 m at ``gap`` metres along it."""
    frame, length = side_frame(block, side)
    u, stop = start, length if end is None else end
    while u < stop - 6.0:
        width = float(rng.uniform(8.5, 17.0))
        if gap is not None and u < gap + 3.0 and u + width > gap - 3.0:
            width = gap - 3.0 - u
            if width < 6.0:
                u = gap + 3.0
                continue
        width = min(width, stop - u)
        if stop - u - width < 7.0 and gap is None:
            width = stop - u
        deep = depth + float(rng.uniform(-1.5, 1.5))
        roof = "flat" if rng.random() < 0.8 else "shed"
        slab(
            fabric, frame.place(u + width / 2, deep / 2 + 0.4), width - 0.05, deep,
            int(rng.integers(floors[0], floors[1] + 1)), rng, roof=roof, shops=(True, False, False, False),
            use="shop", floor_m=float(rng.choice([3.0, 3.2, 3.4])),
        )  # fmt: skip
        fabric.spot("shopfront", frame.place(u + width / 2, -1.2, -np.pi / 2))
        u += width


def car_park(
    fabric: Fabric, place: Place, rows: int, bays: int, *, name: str = "", kind: str = "car",
    bay: tuple[float, float] = (2.6, 5.3), aisle: float = 6.0, marks: str = "paint_white",
) -> None:  # fmt: skip
    """Rows of bays about the frame's origin, in pairs across aisles, painted, zoned and claimed."""
    wide, deep = bays * bay[0], rows * bay[1] + (rows // 2 + rows % 2) * aisle
    ring = place.rectangle(0, 0, wide + 1.0, deep + 0.6)
    if fabric.uses(ring) & {BUILT, WATER}:
        return
    fabric.paint("asphalt_worn", ring)
    v = -deep / 2
    for row in range(rows):
        v += aisle if row % 2 == 1 else 0.0
        for i in range(bays + 1):
            u = -wide / 2 + i * bay[0]
            fabric.paint(marks, place.rectangle(u, v + bay[1] / 2, 0.14, bay[1]))
        back = v if row % 2 == 0 else v + bay[1]
        fabric.paint(marks, place.rectangle(0, back, wide, 0.14))
        for i in range(bays):
            centre = place.place(-wide / 2 + (i + 0.5) * bay[0], v + bay[1] / 2)
            turn = -np.pi / 2 if row % 2 == 0 else np.pi / 2
            fabric.bays.append(Bay(centre.east, centre.north, centre.angle + turn, kind))
        v += bay[1]
    fabric.claim(ring, PARKING)
    fabric.zone("parking", name or "停车场", ring)


def no_parking(
    fabric: Fabric, place: Place, width: float, depth: float, name: str, *, hatch: bool = False
) -> None:
    """A zone where nobody may stand, along u; with standing room for offenders inside it."""
    ring = place.rectangle(0, 0, width, depth)
    if fabric.uses(ring) & {BUILT, WATER, PARKING}:
        return
    fabric.zone("no_parking", name, ring)
    if hatch:
        fabric.paint("asphalt", ring)
        for u in np.arange(-width / 2 + 1.0, width / 2 - 0.9, 2.4):
            a = place.at(
                [u - 0.9, u - 0.65, u + 0.95, u + 0.7], [-depth / 2, -depth / 2, depth / 2, depth / 2]
            )
            fabric.paint("paint_yellow", a)
        for v in (-depth / 2, depth / 2):
            fabric.paint("paint_yellow", place.rectangle(0, v, width, 0.16))
        for u in (-width / 2, width / 2):
            fabric.paint("paint_yellow", place.rectangle(u, 0, 0.16, depth))
        fabric.claim(ring, ROAD)
    else:
        for v in (-depth / 2 + 0.25, -depth / 2 + 0.5):
            fabric.paint("paint_yellow", place.rectangle(0, v, width, 0.12))
    for u in np.arange(-width / 2 + 3.5, width / 2 - 3.0, 6.5):
        spot = place.place(float(u), 0.0)
        fabric.forbidden_bays.append(Bay(spot.east, spot.north, spot.angle))


def grove(
    fabric: Fabric, ring_place: Place, width: float, depth: float, count: int, rng: Generator,
    size: tuple[float, float] = (1.6, 3.2),
) -> None:  # fmt: skip
    """Trees scattered over a rectangle."""
    for _ in range(count):
        u, v = rng.uniform(-width / 2, width / 2), rng.uniform(-depth / 2, depth / 2)
        east, north = ring_place.at(u, v)
        radius = float(rng.uniform(*size))
        fabric.plant(
            float(east), float(north), radius, radius * float(rng.uniform(2.1, 2.8)), int(rng.integers(6))
        )


def lawn(fabric: Fabric, place: Place, width: float, depth: float, material: str = "grass") -> None:
    """Grass or crops: ground where nobody builds or parks."""
    ring = place.rectangle(0, 0, width, depth)
    fabric.paint(material, ring)
    fabric.claim(ring, GREEN)


def green(fabric: Fabric, place: Place, width: float, depth: float, rng: Generator, trees: int = 0) -> None:
    """A lawn with a kerb, and trees on it."""
    fabric.paint("kerb", place.rectangle(0, 0, width, depth))
    lawn(fabric, place, width - 0.5, depth - 0.5)
    grove(fabric, place, width - 2, depth - 2, trees, rng)


def running_track(fabric: Fabric, place: Place, length: float, width: float) -> None:
    """A running track with lanes round a football lawn; zone ``sports``."""
    radius, half = width / 2, length / 2 - width / 2

    def stadium(r: float) -> np.ndarray:
        t = np.linspace(-np.pi / 2, np.pi / 2, 15)
        u = np.concatenate([half + r * np.cos(t), -half - r * np.cos(t)])
        v = np.concatenate([r * np.sin(t), -r * np.sin(t)])
        return place.at(u, v)

    fabric.paint("track", stadium(radius))
    for lane in range(1, 6):
        fabric.paint("paint_white", stadium(radius - lane * 1.22 + 0.05))
        fabric.paint("track", stadium(radius - lane * 1.22 - 0.05))
    inner = radius - 6.2
    fabric.paint("paint_white", stadium(inner + 0.1))
    fabric.paint("lawn", stadium(inner - 0.05))
    w, d = 2 * half, 2 * inner - 6.0
    fabric.paint("paint_white", place.rectangle(0, 0, w, d))
    fabric.paint("lawn", place.rectangle(0, 0, w - 0.3, d - 0.3))
    fabric.paint("paint_white", place.rectangle(0, 0, 0.15, d))
    centre = place.at(0, 0)
    fabric.paint("paint_white", ellipse(float(centre[0]), float(centre[1]), 6.1, 6.1))
    fabric.paint("lawn", ellipse(float(centre[0]), float(centre[1]), 5.95, 5.95))
    for s in (-1, 1):
        fabric.furnish("goal", place.place(s * w / 2, 0, 0.0), (0.5, 5.0, 2.0), (240, 240, 240))
    fabric.claim(stadium(radius), CROWD)
    fabric.zone("sports", "操场", stadium(radius + 1.0))
    for i in range(6):
        fabric.spot("track", Place(place.east, place.north, place.angle + 0.0 * i))


def court(fabric: Fabric, place: Place, colour: Colour = (70, 120, 90), *, name: str = "篮球场") -> None:
    """A basketball court of 28 x 15 m with hoops; zone ``sports``."""
    fabric.paint("court", place.rectangle(0, 0, 33, 19), (168, 92, 74))
    fabric.paint("paint_white", place.rectangle(0, 0, 28.2, 15.2))
    fabric.paint("court", place.rectangle(0, 0, 28, 15), colour)
    fabric.paint("paint_white", place.rectangle(0, 0, 0.14, 15))
    east, north = place.at(0, 0)
    fabric.paint("paint_white", ellipse(float(east), float(north), 1.9, 1.9))
    fabric.paint("court", ellipse(float(east), float(north), 1.75, 1.75), colour)
    for s in (-1, 1):
        fabric.paint("paint_white", place.rectangle(s * 11.1, 0, 5.8, 5.0))
        fabric.paint("court", place.rectangle(s * 11.1, 0, 5.55, 4.75), (168, 92, 74))
        fabric.furnish(
            "hoop", place.place(s * 14.2, 0, 0.0 if s < 0 else np.pi), (0.8, 1.8, 3.4), (40, 60, 120)
        )
    fabric.claim(place.rectangle(0, 0, 33, 19), CROWD)
    fabric.zone("sports", name, place.rectangle(0, 0, 34, 20))
    fabric.spot("court", place)


def stall(fabric: Fabric, place: Place, rng: Generator) -> None:
    """A market stall: table with goods under an awning, its seller behind it (v < 0), customers in front."""
    awnings: tuple[Colour, ...] = (
        (66, 118, 186), (186, 62, 58), (70, 140, 96), (214, 120, 52), (196, 196, 190), (150, 70, 130),
        (58, 96, 160), (206, 176, 80),
    )  # fmt: skip
    width = float(rng.uniform(2.4, 3.4))
    kind = "parasol" if rng.random() < 0.3 else "awning"
    fabric.furnish(kind, place, (width, 2.2, float(rng.uniform(2.3, 2.7))), pick(rng, awnings))
    fabric.furnish(
        "goods", place.place(0, 0.5), (width - 0.4, 1.0, 0.8), pick(rng, ((170, 120, 60), (90, 130, 60)))
    )
    fabric.spot("seller", place.place(0, -0.7, np.pi / 2))
    for u in (-0.7, 0.7):
        fabric.spot("customer", place.place(u, 1.9, -np.pi / 2))


def scooters(fabric: Fabric, place: Place, count: int) -> None:
    """A row of parked scooters along u, noses to +v."""
    ring = place.rectangle((count - 1) * 0.4, 0, count * 0.8 + 0.4, 2.2)
    if fabric.uses(ring) & {BUILT, ROAD, OBJECT, PARKING}:
        return
    for i in range(count):
        spot = place.place(i * 0.8, 0)
        fabric.bays.append(Bay(spot.east, spot.north, spot.angle + np.pi / 2, "scooter"))
    fabric.claim(ring, OBJECT)
