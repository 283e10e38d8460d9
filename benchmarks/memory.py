"""Whether memory stays flat while hours of video are watched.

    python -m benchmarks.memory [--minutes 60] [--rate 5] [--size 384x640] [--video 1080P.mp4]

A flight of three seconds over the simulated town, 1080p H.264, is decoded again and again, as one recording
of that many minutes, and taken in by the whole watch (decode, network, tracks, judges, evidence on disk).
Prints what the process holds in memory at each tenth, and by how much it grew from the third tenth to the
last: in megabytes, as a share, and an hour. What is looked at does not change: whatever grows is kept for
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.vision import START, VIDEO_HEIGHT_M, laps, make_video, watch_of
from vision.detector import Detector
from vision.weights import load_weights

PARTS = 10
SETTLED = 3
"""Parts after which caches, histories and pools should be full."""


def resident_mb() -> float:
    """What the process holds in memory now, megabytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(held: list[float], minutes: float) -> dict[str, float]:
    """What was gained from part ``SETTLED`` to the last.

    >>> growth([100, 150, 200, 201, 202, 203, 204, 205, 206, 207], 60)
    {'megabytes': 7.0, 'share': 0.035, 'megabytes_an_hour': 10.0}
    """
    gained = held[-1] - held[SETTLED - 1]
    hours = minutes / 60 * (len(held) - SETTLED) / len(held)
    return {
        "megabytes": round(gained, 1),
        "share": round(gained / held[SETTLED - 1], 3),
        "megabytes_an_hour": round(gained / hours, 1),
    }


def watch(path: Path, size: tuple[int, int], minutes: float, rate: float, directory: str) -> dict[str, Any]:
    """Watches so many minutes; what was held after each tenth of them."""
    detector = Detector(load_weights("patrol-rgb"), input_size=size, threads=1)
    eye = watch_of(detector, directory, VIDEO_HEIGHT_M)
    held: list[float] = []
    sightings = frames = 0
    for frame in laps(path, rate):
        passed = (frame.captured_at - START) / timedelta(minutes=minutes)
        if passed >= (len(held) + 1) / PARTS:
            held.append(round(resident_mb(), 1))
        if len(held) == PARTS:
            break
        sightings += len(eye.process(frame).sightings)
        frames += 1
    return {"frames": frames, "sightings": sightings, "megabytes": held, "growth": growth(held, minutes)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether memory stays flat.")
    parser.add_argument("--minutes", type=float, default=60.0, help="of video")
    parser.add_argument("--rate", type=float, default=5.0, help="frames a second that are looked at")
    parser.add_argument("--size", default="384x640", help="height x width of the network's input")
    parser.add_argument("--video", type=Path, help="1080p H.264; rendered there where it is missing")
    given = parser.parse_args()
    height, width = (int(side) for side in given.size.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        video = given.video or Path(directory) / "flight.mp4"
        if not video.exists():
            make_video(video)
        told = watch(video, (height, width), given.minutes, given.rate, directory)
    print(json.dumps({"minutes": given.minutes, "rate": given.rate, "size": given.size} | told, indent=1))


if __name__ == "__main__":
    main()
