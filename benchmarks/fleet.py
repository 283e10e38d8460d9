"""How early a fleet is back, beside the least that is possible.

``python -m benchmarks.fleet [--towns 20] [--cells 40] [--aircraft 4] [--seed 0] [--json]``

Generated towns of 40 cells of 2 to 9 ha that fill a rectangle (Voronoi cells of jittered points), four
aircraft that start two and two from two homes, one battery of 90 Wh a sortie with a quarter kept in 8 m/s of
wind. Times over a cell are those of its lanes in the best direction, flown by the motion model of plans;
ways between cells run from middle to middle. The makespan is given over max(total / aircraft, farthest cell
alone), once with all that the fleet flies as total (ways and swaps in it: how evenly it is shared), and
once with the time over cells alone, which nobody can reach (what ways and batteries cost).
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import shapely

from missions.cameras import load_cameras
from missions.fleet import busy_s, share_cells
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
    ratios: list[float] = []
    strict: list[float] = []
    seconds: list[float] = []
    sorties: list[int] = []
    for number in range(options.towns):
        random = np.random.default_rng([options.seed, number])
        cells = town(options.cells, random)
        task = fleet_task(request, cameras, cells, homes(cells, options.aircraft, random))
        begun = time.process_time()
        routes = share_cells(task)
        seconds.append(time.process_time() - begun)
        busy = [busy_s(task, k, route) for k, route in enumerate(routes)]
        farthest = float(task.single_s().min(axis=0).max())
        ratios.append(max(busy) / max(sum(busy) / len(busy), farthest))
        strict.append(max(busy) / task.lower_bound_s())
        sorties.append(sum(map(len, routes)))
    result = {
        "towns": options.towns, "median": float(np.median(ratios)), "worst": float(np.max(ratios)),
        "over_cells_median": float(np.median(strict)), "over_cells_worst": float(np.max(strict)),
        "sorties": float(np.mean(sorties)), "seconds": float(np.max(seconds)),
    }  # fmt: skip
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{options.towns} towns of {options.cells} cells, {options.aircraft} aircraft, "
        f"{result['sorties']:.1f} sorties a town: makespan over max(total / aircraft, farthest cell) median "
        f"{result['median']:.3f}, worst {result['worst']:.3f}"
    )
    print(
        f"over the time above cells alone: median {result['over_cells_median']:.3f}, worst "
        f"{result['over_cells_worst']:.3f}; {result['seconds']:.1f} s at most"
    )


if __name__ == "__main__":
    main()
