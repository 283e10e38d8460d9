"""The demo town Yunxi: everything in it follows from a seed, everything that moves from the seed and the
second.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drone.sim.districts import build_district, south_bank
from drone.sim.events import PlantedEvent
from drone.sim.fabric import Fabric
from drone.sim.infill import farm_outskirts, fill_yard
from drone.sim.inhabitants import populate, seat_riders
from drone.sim.layout import Block, Cell, cell_at, make_blocks, make_cells
from drone.sim.people import Crowd, CrowdBuilder
from drone.sim.relief import ORIGIN_LATITUDE, ORIGIN_LONGITUDE, Relief
from drone.sim.scenarios.plots import Blaze, Cast
from drone.sim.scenarios.programme import stage
from drone.sim.site_files import write_site
from drone.sim.streets import bridge, dig_river, dress_kerbs, paint_streets
from drone.sim.traffic import Fleet, FleetBuilder, park, run_loops, run_through
from missions.geodesy import LocalFrame

__all__ = ["PlantedEvent", "Town"]


@dataclass(slots=True)
class Town:
    """A whole town.

    ``home`` is (latitude, longitude, altitude AMSL) of the pad in the police station's yard.
    """

    seed: int
    frame: LocalFrame
    terrain: Relief
    home: tuple[float, float, float]
    cells: list[Cell]
    blocks: list[Block]
    fabric: Fabric
    fleet: Fleet
    crowd: Crowd
    blazes: list[Blaze]
    planted: list[PlantedEvent]

    @classmethod
    def generate(cls, seed: int, *, events: bool = True) -> Town:
        """Build the town of a seed. ``events`` False leaves the planted events out."""
        frame = LocalFrame(ORIGIN_LATITUDE, ORIGIN_LONGITUDE)
        terrain = Relief(frame)
        cells, blocks = make_cells(), make_blocks()
        fabric = _build(blocks, seed)
        rng = np.random.default_rng([seed, 2])
        fleet, crowd = FleetBuilder(), CrowdBuilder()
        park(fleet, fabric, rng)
        run_loops(fleet, blocks, rng)
        run_through(fleet, rng)
        cast = Cast(crowd, fleet, fabric)
        planted = stage(cast, fabric, cells, frame, seed, np.random.default_rng([seed, 3])) if events else []
        populate(crowd, fabric, blocks, np.random.default_rng([seed, 4]))
        seat_riders(crowd, fleet, np.random.default_rng([seed, 5]))
        pad = fabric.spots["home"][0]
        lat, lon, _ = frame.to_geodetic([[pad.east, pad.north]])[0]
        home = (float(lat), float(lon), round(float(terrain.height_m(pad.east, pad.north)), 2))
        return cls(
            seed,
            frame,
            terrain,
            home,
            cells,
            blocks,
            fabric,
            fleet.build(),
            crowd.build(),
            cast.blazes,
            planted,
        )

    def ground_m(self, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        """Ground height in ``frame`` (which is above sea level), as ``vision.camera`` wants it."""
        return self.terrain.height_m(east, north)

    def cell_of(self, east: float, north: float) -> str | None:
        cell = cell_at(self.cells, east, north)
        return cell.code if cell else None

    def export(self, directory: Path | str) -> None:
        """Write the site folder: cells, zones, no-fly areas, base map, terrain, site.json."""
        write_site(self, Path(directory))


def _build(blocks: list[Block], seed: int) -> Fabric:
    fabric = Fabric()
    rng = np.random.default_rng([seed, 1])
    dig_river(fabric)
    paint_streets(fabric)
    bridge(fabric)
    for block in blocks:
        build_district(fabric, block, rng)
    south_bank(fabric, rng)
    dress_kerbs(fabric, blocks, rng)
    for block in blocks:
        fill_yard(fabric, block, rng)
    farm_outskirts(fabric, rng)
    return fabric


def main() -> None:
    """``python -m drone.sim.town --export DIR --seed N``."""
    parser = argparse.ArgumentParser(description="Write the site folder of the demo town.")
    parser.add_argument("--export", required=True, type=Path, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    Town.generate(arguments.seed).export(arguments.export)


if __name__ == "__main__":
    main()
