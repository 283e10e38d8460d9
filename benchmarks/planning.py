"""How near to the shortest possible path plans come, on generated cells, beside a ground station's lawnmower.

``python -m benchmarks.planning [--cells 200] [--seed 0] [--slowest 5] [--keep FILE] [--json]``

The cells are 0.1 to 1 km2 large: a third convex, a third concave, a third concave with 1 to 15 holes; the
swath is 20 to 60 m. The aircraft may not leave the cell (no buffer around it), looks straight down without
overlap and begins and ends at a point inside the cell: the way out and the way home count. Path, ground left
out and metres outside are measured on the waypoints of the finished plan against the cell as it was drawn.

The lower bound for a swath ``w`` over an area ``A`` is ``(A - pi w^2 / 4) / w``. The baseline flies parallel
lanes at a fixed angle over the whole outline, from its first to its last crossing, joined by straight lines.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import affinity

from missions.cameras import CameraEntry
from missions.coverage import lower_bound_m
from missions.geodesy import Array, LocalFrame
from missions.grids import Grid
from missions.planner import PlanRequest, plan_patrol
from missions.proof import track
from missions.shapes import to_degrees
from missions.site import Site
from missions.terrain import FlatTerrain

FRAME = LocalFrame(30.2, 120.1)
KINDS = ("convex", "concave", "holes")
HEIGHT_M = 80.0
SMALLEST_M2, LARGEST_M2 = 1e5, 1e6
LEAVE_OUT = 0.0045
"""Part of a cell that plans may leave unseen to save detours."""
NARROWEST_M, WIDEST_M = 20.0, 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """A cell in metres of ``FRAME``, the swath to cover it with, and where the aircraft stands."""

    number: int
    kind: str
    cell: Any
    swath_m: float
    home: Array


@dataclass(frozen=True, slots=True)
class Result:
    """One cell planned; fractions are parts of the cell's area and of the path's length,
    seconds those of the processor, wall seconds those of the clock."""

    number: int
    kind: str
    holes: int
    area_m2: float
    swath_m: float
    ratio: float
    tour_only: float
    uncovered: float
    outside_m: float
    seconds: float
    wall_seconds: float
    baseline_ratio: float
    baseline_uncovered: float
    baseline_outside: float


def tasks(count: int, seed: int) -> list[Task]:
    """The first ``count`` cells of a seed; every cell depends on its number alone."""
    made = []
    for number in range(count):
        random = np.random.default_rng([seed, number])
        kind = KINDS[number % 3]
        area = math.exp(random.uniform(math.log(SMALLEST_M2), math.log(LARGEST_M2)))
        outline = _convex(random) if kind == "convex" else _concave(random)
        scale = math.sqrt(area / outline.area)
        cell = affinity.scale(outline, scale, scale, origin=(0, 0))
        if kind == "holes":
            cell = _with_holes(cell, int(random.integers(1, 16)), random)
        swath = float(random.uniform(NARROWEST_M, WIDEST_M))
        made.append(Task(number, kind, cell, swath, _home(cell, random)))
    return made


def _convex(random: np.random.Generator) -> Any:
    points = random.normal(0, 1, (int(random.integers(4, 14)), 2)) * [1.0, random.uniform(0.4, 1.0)]
    hull = shapely.convex_hull(shapely.multipoints(points))
    return affinity.rotate(hull, random.uniform(0, 180), origin=(0, 0))


def _concave(random: np.random.Generator) -> Any:
    """A star-shaped outline or a few joined blocks, turned at random; no part of it is a thread."""
    while True:
        if random.random() < 0.5:
            angles = np.linspace(0, 2 * math.pi, int(random.integers(6, 16)), endpoint=False)
            angles = angles + random.uniform(-0.15, 0.15, len(angles))
            radii = random.uniform(0.45, 1.0, len(angles))
            shape = shapely.Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))
        else:
            boxes = [shapely.box(0, 0, *random.uniform(0.5, 1.5, 2))]
            for _ in range(int(random.integers(1, 4))):
                x, y = random.uniform(0, 1, 2)
                boxes.append(shapely.box(x, y, x + random.uniform(0.4, 1.2), y + random.uniform(0.4, 1.2)))
            shape = shapely.union_all(boxes)
        thick = shape.buffer(-0.06).buffer(0.06) if shape.is_valid else shapely.Polygon()
        if shape.geom_type == "Polygon" and not shape.interiors and thick.area > 0.97 * shape.area:
            return affinity.rotate(shape, random.uniform(0, 180), origin=(0, 0))


def _with_holes(cell: Any, count: int, random: np.random.Generator) -> Any:
    """Cut out convex holes of 15 to 60 m radius, at least 15 m from each other and from the border."""
    west, south, east, north = cell.bounds
    made = 0
    for _ in range(400):
        centre = random.uniform([west, south], [east, north])
        points = centre + random.normal(0, 1, (8, 2)) * random.uniform(8, 30)
        hole = shapely.convex_hull(shapely.multipoints(points))
        if made < count and cell.contains(hole.buffer(15.0)):
            cell = cell.difference(hole)
            made += 1
    return cell


def _home(cell: Any, random: np.random.Generator) -> Array:
    """A place near the border with room to take off."""
    room = next(r for r in (cell.buffer(-margin) for margin in (27, 20, 10, 4)) if not r.is_empty)
    part = max(getattr(room, "geoms", [room]), key=lambda p: p.area)
    point = part.exterior.interpolate(random.uniform(0, 1), normalized=True)
    return np.array([point.x, point.y])


def planned(task: Task) -> Result:
    """Plan one cell and measure what the plan's waypoints do."""
    camera = CameraEntry(
        name="nadir", width_px=1600, height_px=900, pitch_deg=-90.0, altitude_agl_m=HEIGHT_M, speed_m_s=8.0,
        horizontal_fov_deg=math.degrees(2 * math.atan(task.swath_m / 2 / HEIGHT_M)),
    )  # fmt: skip
    document = {
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature", "properties": {"code": "c", "name": "c"},
            "geometry": json.loads(shapely.to_geojson(to_degrees(task.cell, FRAME))),
        }],
    }  # fmt: skip
    site = Site(grid=Grid.from_geojson(document), terrain=FlatTerrain(0.0))
    latitude, longitude = (float(v) for v in FRAME.to_geodetic([task.home])[0][:2])
    request = PlanRequest(
        cells=["c"], camera="nadir", overlap=0.0, look_seconds=0.0, buffer_m=0.0, battery_wh=100_000.0,
        home=(latitude, longitude, 0.0), range_m=50_000.0, leave_out=LEAVE_OUT,
    )  # fmt: skip
    begun, clock = time.process_time(), time.perf_counter()
    plan = plan_patrol(request, site, {"nadir": camera})
    seconds, wall_seconds = time.process_time() - begun, time.perf_counter() - clock
    path = np.vstack([track(sortie, FRAME)[:, :2] for sortie in plan.sorties])
    bound = lower_bound_m(task.cell.area, task.swath_m)
    steps = np.hypot(*np.diff(path, axis=0).T)
    covering = float(steps[1:-1].sum())
    lawn = _lawnmower(task)
    line = shapely.linestrings(path)
    mown = shapely.linestrings(lawn)
    seen = shapely.linestrings(lawn[1:-1].reshape(-1, 2, 2))
    unseen = task.cell.difference(shapely.union_all(seen).buffer(task.swath_m / 2, cap_style="square"))
    return Result(
        number=task.number, kind=task.kind, holes=len(task.cell.interiors),
        area_m2=round(task.cell.area), swath_m=round(task.swath_m, 1), ratio=float(steps.sum()) / bound,
        tour_only=covering / bound, uncovered=plan.uncovered_fraction,
        outside_m=float(line.difference(task.cell).length), seconds=seconds, wall_seconds=wall_seconds,
        baseline_ratio=mown.length / bound, baseline_uncovered=unseen.area / task.cell.area,
        baseline_outside=float(mown.difference(task.cell).length) / mown.length,
    )  # fmt: skip


def _lawnmower(task: Task) -> Array:
    """Lanes along the east axis over the whole outline, home first and last, (N, 2)."""
    west, south, east, north = task.cell.bounds
    lanes = []
    for y in np.arange(south + task.swath_m / 2, north + task.swath_m / 2, task.swath_m):
        line = shapely.linestrings([[west - 1, min(y, north - 0.01)], [east + 1, min(y, north - 0.01)]])
        inside = task.cell.intersection(line)
        if not inside.is_empty:
            ends = [[inside.bounds[0], y], [inside.bounds[2], y]]
            lanes.append(ends if len(lanes) % 2 == 0 else ends[::-1])
    return np.vstack([task.home, *lanes, task.home])


def show(results: list[Result], slowest: int) -> None:
    """Print the table."""
    heads = (("cells", -10), ("n", 4), ("ratio", 23), ("fixed angle", 22), ("not seen", 10), ("outside", 9))
    print(" ".join(name.ljust(-width) if width < 0 else name.rjust(width) for name, width in heads))
    for kind in (*KINDS, "all"):
        chosen = [r for r in results if kind in (r.kind, "all")]
        if chosen:
            print(_row(kind, chosen))
    base = float(np.max([r.baseline_outside for r in results]))
    left = float(np.max([r.baseline_uncovered for r in results]))
    print(
        f"fixed angle: up to {base:.1%} of its path outside the cell, up to {left:.1%} of the cell not seen"
    )
    inner = [r.tour_only for r in results]
    print(f"without the way out and home: median {np.median(inner):.3f}, p95 {np.percentile(inner, 95):.3f}")
    for result in sorted(results, key=lambda r: -r.ratio)[:slowest]:
        print(_line(result))


def _line(result: Result) -> str:
    return (
        f"  cell {result.number} {result.kind} {result.area_m2 / 1e4:.0f} ha, swath {result.swath_m:g} m, "
        f"{result.holes} holes: {result.ratio:.3f} (fixed angle {result.baseline_ratio:.3f}), "
        f"not seen {result.uncovered:.2%}, outside {result.outside_m:.1f} m, "
        f"{result.seconds:.1f} s of processor, {result.wall_seconds:.1f} s of the clock"
    )


def _row(kind: str, chosen: list[Result]) -> str:
    ratio, base = [r.ratio for r in chosen], [r.baseline_ratio for r in chosen]
    spent = [r.seconds for r in chosen]
    return (
        f"{kind:10} {len(chosen):4d}  median {np.median(ratio):.3f} p95 {np.percentile(ratio, 95):.3f}"
        f"  median {np.median(base):.3f} p95 {np.percentile(base, 95):.3f}"
        f" {max(r.uncovered for r in chosen):9.3%} {sum(r.outside_m for r in chosen):7.1f} m"
        f" {np.median(spent):5.1f}/{max(spent):5.1f} s"
    )


def _kept(file: Path | None) -> dict[int, Result]:
    """Results of an earlier run by the number of their cell."""
    lines = file.read_text().splitlines() if file and file.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return {result.number: result for result in results}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--only", type=int, action="append", help="only this cell; repeat for several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slowest", type=int, default=5, help="how many of the worst cells to list")
    parser.add_argument(
        "--keep", type=Path, help="file of results, a line each: cells in it are not planned again"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    chosen = tasks(options.cells, options.seed)
    if options.only:
        chosen = [task for task in chosen if task.number in options.only]
    kept = _kept(options.keep)
    results = []
    for task in chosen:
        if task.number not in kept:
            kept[task.number] = planned(task)
            print(_line(kept[task.number]), file=sys.stderr, flush=True)
            if options.keep:
                with options.keep.open("a") as file:
                    file.write(json.dumps(asdict(kept[task.number])) + "\n")
        results.append(kept[task.number])
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        show(results, options.slowest)


if __name__ == "__main__":
    main()
