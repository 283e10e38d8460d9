"""How early a fleet is back, beside the least that is possible.

``python -m benchmarks.fleet [--towns 20] [--cells 40] [--aircraft 4] [--seed 0] [--json]``

Generated towns of 40 cells of 2 to 9 ha that fill a rectangle (Voronoi cells of jittered points), four
aircraft that start two and two from two homes, one battery of 90 Wh a sortie with a quarter kept in 8 m/s of
wind. Times over a cell are those of its lanes in the best direction, flown by the motion model of plans;
ways between cells run from middle to middle.

The makespan is given over max(total / aircraft, farthest cell alone), with total as the work of one aircraft
that flies all cells by itself, ways and battery swaps included: it is planned anew for one aircraft that may
take off and land at whichever home is nearer each time, which helps it, and taken from the fleet's own
sorties flown one after the other where that is less. Beside it stand the same with what the fleet itself
flies as total (how evenly it is shared), and with the time over cells alone, without ways and swaps, which
nobody can reach.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import shapely

from missions.cameras import load_cameras
from missions.fleet import SWAP_S, FleetTask, Route, busy_s, share_cells
from missions.fleet_plans import fleet_task
from missions.geodesy import Array
from missions.planner import PlanRequest


def town(cells: int, random: np.random.Generator) -> list[object]:
    """Convex cells that fill a rectangle."""
    columns = round(np.sqrt(cells * 1.6))
    spots = np.array([[k % columns, k // columns] for k in range(cells)]) + random.uniform(
        -0.3, 0.3, (cells, 2)
    )
    spots *= random.uniform(180, 260)
    frame = shapely.box(*(spots.min(axis=0) - 90), *(spots.max(axis=0) + 90))
    parts = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(spots), extend_to=frame))
    return list(shapely.intersection(parts, frame))


def homes(cells: list[object], aircraft: int, random: np.random.Generator) -> Array:
    """Two places within the middle half of the town, of each aircraft, (M, 2)."""
    west, south, east, north = shapely.total_bounds(cells)
    span = np.array([east - west, north - south])
    places = np.array([west, south]) + span * random.uniform(
        [[0.2, 0.25], [0.6, 0.25]], [[0.4, 0.75], [0.8, 0.75]]
    )
    return np.asarray(places[np.arange(aircraft) % 2])


def work_s(task: FleetTask, routes: list[Route]) -> float:
    """Seconds that one aircraft needs for all cells."""
    alone = FleetTask(
        cover_s=task.cover_s, between_s=task.between_s, out_s=task.out_s.min(axis=0)[None],
        back_s=task.back_s.min(axis=0)[None], sortie_s=task.sortie_s,
    )  # fmt: skip
    (route,) = share_cells(alone)
    flown = [busy_s(task, number, mine) for number, mine in enumerate(routes) if mine]
    return min(busy_s(alone, 0, route), sum(flown) + SWAP_S * (len(flown) - 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--towns", type=int, default=20)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--aircraft", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    request, cameras = PlanRequest(), load_cameras()
    figures: dict[str, list[float]] = {"work": [], "shared": [], "cells": [], "sorties": [], "seconds": []}
    for number in range(options.towns):
        random = np.random.default_rng([options.seed, number])
        cells = town(options.cells, random)
        task = fleet_task(request, cameras, cells, homes(cells, options.aircraft, random))
        begun = time.process_time()
        routes = share_cells(task)
        figures["seconds"].append(time.process_time() - begun)
        busy = [busy_s(task, k, route) for k, route in enumerate(routes)]
        farthest = float(task.single_s().min(axis=0).max())
        figures["work"].append(max(busy) / max(work_s(task, routes) / len(busy), farthest))
        figures["shared"].append(max(busy) / max(sum(busy) / len(busy), farthest))
        figures["cells"].append(max(busy) / task.lower_bound_s())
        figures["sorties"].append(sum(map(len, routes)))
    result = {
        "towns": float(options.towns), "sorties": float(np.mean(figures["sorties"])),
        "seconds": float(np.max(figures["seconds"])),
    }  # fmt: skip
    for name in ("work", "shared", "cells"):
        result |= {
            f"{name}_median": float(np.median(figures[name])), f"{name}_worst": float(np.max(figures[name]))
        }  # fmt: skip
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{options.towns} towns of {options.cells} cells, {options.aircraft} aircraft, "
        f"{result['sorties']:.1f} sorties a town, {result['seconds']:.1f} s at most"
    )
    for name, total in (
        ("work", "the work of one aircraft"),
        ("shared", "what the fleet flies"),
        ("cells", "the time over cells alone"),
    ):
        print(
            f"makespan over max(total / aircraft, farthest cell), total {total}: "
            f"median {result[f'{name}_median']:.3f}, worst {result[f'{name}_worst']:.3f}"
        )


if __name__ == "__main__":
    main()
