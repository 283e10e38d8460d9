"""How long it takes to check and to mend the cells of a whole city.

``python benchmarks/cells.py [--side 20] [--json]``

``--side`` times as many cells of about 120 m, every border drawn twice, its ten points a metre or so apart:
slits and overlaps along all of them, as where two offices drew the same map. Seconds of the processor, and
milliseconds for each cell, so that sizes compare.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from missions import grid_checks, grid_repairs
from missions.geodesy import Array

STEP_DEG, WOBBLE_DEG, POINTS = 1.2e-3, 1e-5, 10


def drawn_twice(side: int, seed: int = 0) -> dict[str, Any]:
    """A collection of ``side`` times ``side`` square cells whose borders are each drawn twice."""
    rng = np.random.default_rng(seed)

    def border(start: Array, end: Array) -> Array:
        line = start + (end - start) * np.linspace(0, 1, POINTS + 1)[:, None]
        line[1:-1] += rng.normal(0, WOBBLE_DEG, (POINTS - 1, 2))
        return np.asarray(line[:-1])

    features = []
    for number in range(side * side):
        row, column = divmod(number, side)
        steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) + np.array([column, row])
        corners = np.array([117.9, 28.4]) + STEP_DEG * steps
        ring = np.vstack([border(corners[k], corners[(k + 1) % 4]) for k in range(4)])
        features.append({
            "type": "Feature", "properties": {"code": f"36110200{number:04d}", "name": str(number)},
            "geometry": {"type": "Polygon", "coordinates": [np.vstack([ring, ring[:1]]).tolist()]},
        })  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def measure(side: int) -> dict[str, Any]:
    """Findings, changes and seconds of the processor."""
    cells = drawn_twice(side)
    begun = time.process_time()
    found = grid_checks.check(cells)
    checked = time.process_time()
    mended = grid_repairs.repair(cells)
    ended = time.process_time()
    return {
        "cells": side * side, "findings": len(found.findings), "changes": len(mended.changes),
        "errors_left": sum(one.severity == "error" for one in grid_checks.check(mended.cells).findings),
        "check_s": round(checked - begun, 2), "repair_s": round(ended - checked, 2),
        "ms_per_cell": round(1000 * (ended - begun) / side**2, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--side", type=int, default=20, help="cells along each side of the square city")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = measure(chosen.side)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{k:12} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
