"""What merging bookings saves: 20 departments on 56 cells, flight minutes against a flight for each booking.

``python -m benchmarks.bookings [--departments 20] [--cells 56] [--seeds 20] [--json]``

The cells are 200 to 450 m wide and lie on a grid of seven rows. Every department books one to three times:
three to twelve cells each, in a window of two to eight hours of one day, at 2 to 8 cm a pixel; every tenth
booking wants an oblique view. Three aircraft fly. Prints the ratio of minutes, and what misses its deadline,
once with one height and camera pitch for all cells of a flight, as patrol plans are flown, and once with a
height for each cell.
"""

from __future__ import annotations

import argparse
import json
import statistics
from datetime import UTC, datetime, timedelta

import numpy as np

from missions.bookings import BookedCell, Booking, Fleet, merge

DAY = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
PITCH_M = 450.0
ROWS = 7


def town(count: int, random: np.random.Generator) -> dict[str, BookedCell]:
    """Cells by code."""
    return {
        f"c{number:02d}": BookedCell(
            ((number // ROWS - 4) * PITCH_M, (number % ROWS - 3) * PITCH_M),
            float(random.uniform(200, 450) ** 2),
        )
        for number in range(count)
    }


def wishes(departments: int, cells: dict[str, BookedCell], random: np.random.Generator) -> list[Booking]:
    """A day's bookings."""
    codes = sorted(cells)
    made = []
    for department in range(departments):
        for number in range(int(random.integers(1, 4))):
            opens = DAY + timedelta(hours=float(random.uniform(0, 6)))
            chosen = random.choice(codes, int(random.integers(3, 13)), replace=False)
            oblique = random.random() < 0.1
            made.append(
                Booking(
                    code=f"d{department:02d}-{number}", department=f"d{department:02d}",
                    cells=tuple(str(code) for code in sorted(chosen)), opens=opens,
                    deadline=opens + timedelta(hours=float(random.uniform(2, 8))),
                    finest_m=float(random.choice([0.02, 0.03, 0.05, 0.08])),
                    pitch_deg=(-60.0, -30.0) if oblique else (-90.0, -45.0),
                )
            )  # fmt: skip
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--departments", type=int, default=20)
    parser.add_argument("--cells", type=int, default=56)
    parser.add_argument("--aircraft", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    table = {
        name: measure(options, Fleet(aircraft=options.aircraft, one_setting=one_setting))
        for name, one_setting in (("one height a flight", True), ("a height for each cell", False))
    }
    if options.json:
        print(json.dumps(table))
        return
    for name, figures in table.items():
        print(name)
        for figure, value in figures.items():
            print(f"  {figure.replace('_', ' '):18} {value}")


def measure(options: argparse.Namespace, fleet: Fleet) -> dict[str, float]:
    ratios, missed, flights, booked = [], 0, [], []
    for seed in range(options.seeds):
        random = np.random.default_rng(seed)
        cells = town(options.cells, random)
        bookings = wishes(options.departments, cells, random)
        plan = merge(bookings, cells, fleet, DAY)
        ratios.append(plan.minutes / plan.minutes_alone)
        missed += len(plan.missed)
        flights.append(len(plan.flights))
        booked.append(len(bookings))
    return {
        "seeds": options.seeds,
        "bookings_median": statistics.median(booked),
        "flights_median": statistics.median(flights),
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_worst": round(max(ratios), 3),
        "missed": missed,
    }


if __name__ == "__main__":
    main()
