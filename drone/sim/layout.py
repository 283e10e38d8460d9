"""The skeleton that every seed shares: streets, blocks, governance cells.

Town coordinates are metres east and north of the origin. Streets run between the nodes of a bent grid; a
block
is the quadrilateral between four of them; cells follow street centre lines, except for one notch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon

from drone.sim.geometry import Place, inset

Array = NDArray[np.float64]

NODES = np.array([
    [(-400, -212), (-204, -214), (2, -210), (199, -213), (400, -211)],
    [(-400, -94), (-207, -90), (4, -99), (196, -93), (400, -97)],
    [(-400, 103), (-197, 108), (-4, 98), (205, 104), (400, 100)],
    [(-400, 300), (-201, 300), (1, 300), (203, 300), (400, 300)],
], float)  # fmt: skip
"""Street nodes, indexed [row from the south, column from the west]."""

SOUTH_EDGE = -300.0
EAST_WEST = (
    ("滨河路", "Riverside Road"),
    ("人民路", "People's Road"),
    ("学院路", "College Road"),
    ("北环路", "North Ring"),
)
NORTH_SOUTH = (
    ("西环路", "West Ring"), ("老街", "Old Street"), ("云溪大道", "Yunxi Avenue"), ("工业路", "Works Road"),
    ("东环路", "East Ring"),
)  # fmt: skip
HALF_EAST_WEST = (5.0, 8.0, 6.0, 5.0)
HALF_NORTH_SOUTH = (5.0, 6.0, 8.5, 6.0, 5.0)
BLOCK_KINDS = (
    ("village_south", "police", "riverside", "bus_station"),
    ("hospital", "market", "square", "towers"),
    ("village", "school", "estate", "works"),
)
CELL_NAMES = (
    (("临河村网格", "River Village"), ("派出所网格", "Police Yard"), ("滨河公园网格", "Riverside Park"),
     ("汽车站网格", "Bus Station")),
    (("卫生院网格", "Hospital"), ("集市网格", "Market"), ("文化广场网格", "Culture Square"),
     ("东苑小区网格", "East Garden")),
    (("老街网格", "Old Street"), ("学堂网格", "School"), ("云锦小区网格", "Brocade Estate"),
     ("工业园网格", "Works Park")),
)  # fmt: skip
NOTCH = np.array([[199.0, -12.0], [258.0, -10.0], [257.0, 52.0], [200.5, 50.0]])
"""A piece of the block east of Works Road that belongs to the square's cell."""


@dataclass(frozen=True, slots=True)
class Street:
    """A line through nodes; ``half_m`` is half the carriageway, ``pavement_m`` lies beyond the kerb."""

    zh: str
    en: str
    line: Array
    half_m: float
    pavement_m: float

    @property
    def main(self) -> bool:
        return self.half_m >= 8.0


@dataclass(frozen=True, slots=True)
class Block:
    """Land between four streets. Rings (4, 2) run SW, SE, NE, NW; edge i starts at vertex i (S, E, N, W)."""

    row: int
    column: int
    kind: str
    ring: Array
    kerb: Array
    lot: Array
    streets: tuple[Street, Street, Street, Street]
    place: Place
    width: float
    depth: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A governance grid cell."""

    code: str
    zh: str
    en: str
    polygon: Polygon


def _pavement(half: float) -> float:
    return 5.0 if half >= 8.0 else 3.6 if half >= 6.0 else 3.0


def make_streets() -> tuple[list[Street], list[Street]]:
    """East-west streets from the south, north-south streets from the west."""
    across = [
        Street(*EAST_WEST[r], NODES[r], HALF_EAST_WEST[r], _pavement(HALF_EAST_WEST[r])) for r in range(4)
    ]
    along = [
        Street(*NORTH_SOUTH[c], NODES[:, c], HALF_NORTH_SOUTH[c], _pavement(HALF_NORTH_SOUTH[c]))
        for c in range(5)
    ]
    return across, along


def make_blocks() -> list[Block]:
    """The twelve blocks, row by row from the south-west."""
    across, along = make_streets()
    blocks = []
    for r in range(3):
        for c in range(4):
            ring = np.array([NODES[r, c], NODES[r, c + 1], NODES[r + 1, c + 1], NODES[r + 1, c]])
            streets = (across[r], along[c + 1], across[r + 1], along[c])
            kerb = inset(ring, [s.half_m for s in streets])
            lot = inset(ring, [s.half_m + s.pavement_m for s in streets])
            place, width, depth = _inner_frame(lot)
            blocks.append(Block(r, c, BLOCK_KINDS[r][c], ring, kerb, lot, streets, place, width, depth))
    return blocks


def _inner_frame(lot: Array) -> tuple[Place, float, float]:
    middle = lot.mean(0)
    run = (lot[1] - lot[0]) + (lot[2] - lot[3])
    place = Place(float(middle[0]), float(middle[1]), float(np.arctan2(run[1], run[0])))
    u, v = place.local(lot).T
    return place, 2 * float(min(np.abs(u))), 2 * float(min(np.abs(v)))


def make_cells() -> list[Cell]:
    """The twelve cells, numbered row by row from the north-west as a reader would."""
    polygons: dict[tuple[int, int], Polygon] = {}
    for r in range(3):
        for c in range(4):
            corners = [NODES[r, c], NODES[r, c + 1], NODES[r + 1, c + 1], NODES[r + 1, c]]
            if r == 0:
                corners[0] = np.array([NODES[0, c, 0], SOUTH_EDGE])
                corners[1] = np.array([NODES[0, c + 1, 0], SOUTH_EDGE])
                corners.insert(2, NODES[0, c + 1])
                corners.append(NODES[0, c])
            polygons[r, c] = Polygon(corners)
    notch = Polygon(NOTCH).intersection(polygons[1, 3])
    polygons[1, 3] = polygons[1, 3].difference(notch)
    polygons[1, 2] = polygons[1, 2].union(notch)
    cells = []
    for number, (r, c) in enumerate(((r, c) for r in (2, 1, 0) for c in range(4)), start=1):
        zh, en = CELL_NAMES[r][c]
        cells.append(Cell(f"361102001{number:03d}", zh, en, polygons[r, c]))
    return cells


def cell_at(cells: list[Cell], east: float, north: float) -> Cell | None:
    """The cell that covers a point; on a border the smaller code."""
    point = Point(east, north)
    return next((cell for cell in cells if cell.polygon.covers(point)), None)
