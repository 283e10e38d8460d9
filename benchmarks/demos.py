"""Whole demos over several towns: how many planted events become exactly one ticket in the right cell.

    python -m benchmarks.demos --seeds 600-609 --cells 3 [--out DIR]

Each seed is one ``skybeat demo --exit-when-done --json``: planned, flown and judged by itself, in simulated
time (what it finds does not depend on how busy the machine is; how long it takes does). With ``--out`` each
result is kept, and a seed that has one is not flown again. Prints one line a seed and the sums: observable
events (in view two seconds longer than their kind needs), the share of them that matched, by kind; false
tickets an hour of flight; the median and the worst position error.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drone.sim.dataset import parse_seeds

ROOT = Path(__file__).resolve().parents[1]


def fly(seed: int, cells: int, kept: Path | None) -> dict[str, Any]:
    """The judgement of one demo.

    Raises:
        SystemExit: the demo failed; what it said is printed.
    """
    if kept is not None and kept.exists():
        return dict(json.loads(kept.read_text("utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "skybeat", "demo", "--exit-when-done", "--json", "--seed", str(seed),
            "--cells", str(cells), "--data-directory", f"{folder}/demo",
        ]  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise SystemExit(f"the demo of seed {seed} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    result = dict(json.loads(done.stdout)) | {"wall_seconds": round(time.monotonic() - began, 1)}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(result, ensure_ascii=False), "utf-8")
    return result


def line(seed: int, result: dict[str, Any]) -> str:
    """One patrol in one line."""
    missed = ", ".join(
        f"{one['event']} ({one['seen_seconds']} s, {len(one['tickets'])} tickets)" for one in result["missed"]
    )
    false = ", ".join(one["kind"] for one in result["false"])
    return (
        f"seed {seed}: {result['matched']} of {result['observable']} observable, median "
        f"{result['position_error_m']['median']} m, flown {result['flight_seconds']:.0f} s in "
        f"{result.get('wall_seconds', 0):.0f} s, {result['flight_phase']}"
        + (f"; missed: {missed}" if missed else "")
        + (f"; false: {false}" if false else "")
    )


def summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sums over all patrols."""
    observable = sum(r["observable"] for r in results)
    matched = sum(r["matched"] for r in results)
    seconds = sum(r["flight_seconds"] for r in results)
    false = Counter(one["kind"] for r in results for one in r["false"])
    errors = [metres for r in results for metres in r["position_error_m"]["each"].values()]
    return {
        "patrols": len(results),
        "finished": sum(r["flight_phase"] == "finished" for r in results),
        "observable": observable,
        "matched": matched,
        "matched_share": round(matched / max(observable, 1), 3),
        "missed": dict(Counter(one["kind"] for r in results for one in r["missed"])),
        "duplicates": sum(r["duplicates"] for r in results),
        "wrong_cell": sum(r["wrong_cell"] for r in results),
        "false": dict(false),
        "flight_hours": round(seconds / 3600, 3),
        "false_per_flight_hour": round(sum(false.values()) / max(seconds / 3600, 1e-9), 2),
        "position_error_m": {
            "median": round(statistics.median(errors), 2) if errors else None,
            "worst": round(max(errors), 2) if errors else None,
        },
        "flown_to_wall": round(seconds / max(sum(r.get("wall_seconds", 0) for r in results), 1e-9), 2),
    }


def main() -> None:
    """Fly, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("600-602"))
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results = []
    for seed in given.seeds:
        kept = given.out / f"demo-{seed}-{given.cells}.json" if given.out else None
        results.append(fly(seed, given.cells, kept))
        print(line(seed, results[-1]), flush=True)
    print(json.dumps(summary(results), ensure_ascii=False))


if __name__ == "__main__":
    main()
