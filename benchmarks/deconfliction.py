"""Conflicts in the air found by solving each pair of pieces, beside a brute-force oracle at 10 Hz.

``python -m benchmarks.deconfliction [--pairs 1000] [--seed 0] [--json]``

Pairs of random flights of 5 to 60 straight pieces within 1 km, from their own homes up to heights that often
differ by little, at the same time or a little apart. The oracle looks ten times a second whether both
separations (30 m across, 10 m in height) are broken. A pair that only the oracle finds in conflict is missed;
a pair that only the solver finds is a false alarm unless a look a thousand times a second agrees with it.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from missions.deconfliction import HORIZONTAL_M, VERTICAL_M, Trajectory, conflicts
from missions.geodesy import Array


def flight(random: np.random.Generator) -> Trajectory:
    """Up from home, straight pieces with turns and stops, home and down."""
    home, height = random.uniform(0, 1000, 2), random.choice([50.0, 55.0, 60.0, 75.0]) + random.normal(0, 2)
    count = int(random.integers(4, 60))
    ground = np.vstack([home, home, random.uniform(0, 1000, (count, 2)), home, home])
    heights = np.concatenate([[0.0], height + random.normal(0, 3, count + 2), [0.0]])
    positions = np.column_stack([ground, heights])
    lengths = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    durations = np.maximum(lengths / random.uniform(4, 14, len(lengths)), 0.05)
    begin = random.uniform(0, 60)
    return Trajectory(begin + np.concatenate([[0.0], np.cumsum(durations)]), positions)


def sampled(first: Trajectory, second: Trajectory, rate_hz: float) -> bool:
    """Whether a look at that rate sees both separations broken."""
    start, end = (max(first.times_s[0], second.times_s[0]), min(first.times_s[-1], second.times_s[-1]))
    if start >= end:
        return False
    gap = _gap(first, second, np.arange(start, end, 1 / rate_hz))
    return bool(((np.hypot(gap[:, 0], gap[:, 1]) < HORIZONTAL_M) & (np.abs(gap[:, 2]) < VERTICAL_M)).any())


def _gap(first: Trajectory, second: Trajectory, times: Array) -> Array:
    return first.at(times) - second.at(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    in_conflict = missed = only_solver = false_alarms = 0
    solving = looking = 0.0
    for number in range(options.pairs):
        random = np.random.default_rng([options.seed, number])
        first, second = flight(random), flight(random)
        begun = time.process_time()
        solved = bool(conflicts(first, second))
        solving += time.process_time() - begun
        begun = time.process_time()
        seen = sampled(first, second, 10.0)
        looking += time.process_time() - begun
        in_conflict += seen
        missed += seen and not solved
        if solved and not seen:
            only_solver += 1
            false_alarms += not sampled(first, second, 1000.0)
    result = {
        "pairs": options.pairs, "in_conflict": in_conflict, "missed": missed, "only_solver": only_solver,
        "false_alarms": false_alarms, "solver_ms": 1000 * solving / options.pairs,
        "oracle_ms": 1000 * looking / options.pairs,
    }  # fmt: skip
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.pairs} pairs, {in_conflict} in conflict by the oracle at 10 Hz: {missed} missed")
    print(
        f"found by the solver alone: {only_solver}, of these not seen at 1000 Hz either (false alarms): "
        f"{false_alarms}"
    )
    print(f"{result['solver_ms']:.2f} ms a pair, the oracle {result['oracle_ms']:.2f} ms")


if __name__ == "__main__":
    main()
