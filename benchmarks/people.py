"""How well people in the town are found, by how much of them shows: the demo's camera over unseen seeds.

``python -m benchmarks.people [--weights patrol-rgb] [--seeds 520-527] [--frames 8] [--ways whole,closer]``

Prints for each way of looking the average precision at IoU 0.5, precision and recall at the shipped
threshold, calibration error, milliseconds of processor time a frame, and recall by visible fraction, by
height in pixels, by overlap with another person, of riders, and of people who take part in a planted event.
People of whom less than 0.35 shows, and tiny ones, are neither to be found nor wrong to find.

With ``--out FOLDER`` the frames are written as a YOLO dataset instead, for ``vision.training.judge --town``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drone.sim.dataset import KEPT_FRACTION, SMALL_PX, label_lines, parse_seeds
from drone.sim.renderer import Renderer, pose_at
from drone.sim.town import Town
from drone.sim.truth import FrameTruth
from vision.camera import CameraModel
from vision.detections import CLASSES
from vision.detector import Detector, FrameDetector
from vision.frames import Pixels
from vision.tiles import CloserLook, TiledDetector
from vision.training.calibrate import calibration_error
from vision.training.measure import average_precision, match
from vision.training.sources import overlap
from vision.weights import load_weights

CAMERA = CameraModel.from_field_of_view(1280, 720, 60.0)
HEIGHT_M, PITCH_DEG = 50.0, -55.0
AT_EVENTS = 0.6
WEAK_SHARE = 0.1
TWO_WHEELERS = ("bicycle", "motorcycle")
RIDES = 0.15
BANDS = {
    "visible fraction": (0.0, 0.2, 0.35, 0.5, 0.7, 0.9, 1.01),
    "height, px": (0, 10, 14, 18, 22, 26, 999),
    "overlap with another": (0.0, 0.05, 0.15, 0.3, 0.5, 1.01),
}


def frames(seeds: Sequence[int], count: int) -> Iterator[tuple[Pixels, FrameTruth]]:
    """Pictures of towns with their truth; most look at an event with people in it."""
    for seed in seeds:
        town = Town.generate(seed)
        rng = np.random.default_rng([seed, 95])
        renderer = Renderer(town, CAMERA)
        for _ in range(count):
            seconds, yaw = float(rng.uniform(0, 600)), float(rng.uniform(0, 360))
            east, north = float(rng.uniform(-370, 370)), float(rng.uniform(-270, 280))
            live = [e for e in town.planted if e.active(seconds) and e.people > 1]
            if live and rng.random() < AT_EVENTS:
                event = live[int(rng.integers(len(live)))]
                east, north = event.east + float(rng.normal(0, 8)), event.north + float(rng.normal(0, 8))
            back = HEIGHT_M / np.tan(np.radians(-PITCH_DEG))
            east -= back * float(np.sin(np.radians(yaw)))
            north -= back * float(np.cos(np.radians(yaw)))
            roll = float(rng.normal(0, 0.5))
            yield renderer.render(seconds, pose_at(town, east, north, HEIGHT_M, yaw, PITCH_DEG, roll))
        renderer.close()


@dataclass
class Tally:
    """What one way of looking found so far."""

    scores: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    labels: int = 0
    seconds: float = 0.0
    rows: list[tuple[float, float, float, bool, bool, bool]] = field(default_factory=list)
    """Of each person: visible fraction, height, overlap, rides, takes part in an event, found."""


def look(eye: FrameDetector, picture: Pixels, truth: FrameTruth, threshold: float, tally: Tally) -> None:
    """Adds what is found in one picture."""
    people = [b for b in truth.boxes if b.name == "person"]
    wheels = np.array([b.box for b in truth.boxes if b.name in TWO_WHEELERS], np.float32).reshape(-1, 4)
    boxes = np.array([b.box for b in people], np.float32).reshape(-1, 4)
    seen = np.array([b.visible_fraction for b in people])
    sides = boxes[:, 2:] - boxes[:, :2]
    counted = (seen >= KEPT_FRACTION) & (sides.max(1, initial=0) >= 2 * SMALL_PX) & (sides.min(1) >= SMALL_PX)
    begun = time.process_time()
    found = eye.detect(picture).of("person")
    tally.seconds += time.process_time() - begun
    rows = np.concatenate([found.boxes, found.scores[:, None], np.zeros((len(found), 1))], axis=1)
    rows = rows.astype(np.float32)
    scores, hits = match(rows, boxes[counted], boxes[~counted], 0.5)
    tally.scores += scores
    tally.hits += hits
    tally.labels += int(counted.sum())
    if not people:
        return
    hit = paired(boxes, found.boxes[found.scores >= threshold])
    rides = overlap(boxes, wheels).max(1, initial=0) > RIDES
    among = overlap(boxes, boxes)
    np.fill_diagonal(among, 0)
    for i, person in enumerate(people):
        tally.rows.append(
            (
                float(seen[i]), float(sides[i, 1]), float(among[i].max(initial=0)), bool(rides[i]),
                person.event_id is not None, bool(hit[i]),
            )
        )  # fmt: skip


def paired(boxes: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which boxes have a find of their own at IoU 0.5, best pairs first."""
    table = overlap(boxes, found)
    hit = np.zeros(len(boxes), np.bool_)
    while table.size and table.max() >= 0.5:
        row, column = np.unravel_index(int(table.argmax()), table.shape)
        hit[row] = True
        table[row], table[:, column] = -1, -1
    return hit


def summary(tally: Tally, threshold: float, pictures: int) -> dict[str, Any]:
    """The figures of one way of looking."""
    scores, hits = np.array(tally.scores), np.array(tally.hits, np.bool_)
    strong = scores >= threshold
    order = np.argsort(-scores, kind="stable")
    rows = np.array(tally.rows, float).reshape(-1, 6)
    shown = rows[:, 0] >= KEPT_FRACTION
    walks = rows[:, 3] == 0
    columns = {"visible fraction": (0, walks), "height, px": (1, walks & shown)}
    columns["overlap with another"] = (2, walks & shown)
    recall: dict[str, Any] = {}
    for name, (column, part) in columns.items():
        recall[name] = {
            f"{low:g}-{high:g}": _share(rows, part & (rows[:, column] >= low) & (rows[:, column] < high))
            for low, high in zip(BANDS[name][:-1], BANDS[name][1:], strict=True)
        }
    recall["riders"] = _share(rows, ~walks & shown)
    recall["people of planted events"] = _share(rows, (rows[:, 4] == 1) & walks & shown)
    return {
        "pictures": pictures,
        "people": tally.labels,
        "ap50": round(average_precision(hits[order], tally.labels), 3),
        "precision": round(float(hits[strong].mean()), 3) if strong.any() else None,
        "recall": round(float(hits[strong].sum() / max(tally.labels, 1)), 3),
        "ece": round(calibration_error(scores[strong], hits[strong]), 3),
        "processor_ms": round(1000 * tally.seconds / max(pictures, 1)),
        "recall_by": recall,
    }


def _share(rows: NDArray[np.float64], part: NDArray[np.bool_]) -> list[float | int] | None:
    return [round(float(rows[part, 5].mean()), 3), int(part.sum())] if part.any() else None


def write(out: Path, seeds: Sequence[int], count: int) -> int:
    """Writes the frames as ``images/``, ``labels/`` and ``ignore/``; returns how many."""
    for folder in ("images", "labels", "ignore"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "classes.txt").write_text("\n".join(CLASSES) + "\n", "utf-8")
    done = 0
    for number, (picture, truth) in enumerate(frames(seeds, count)):
        stem = f"{seeds[number // count]:05d}-{number % count:04d}"
        cv2.imwrite(str(out / "images" / f"{stem}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        for folder, lines in zip(
            ("labels", "ignore"), label_lines(truth, CAMERA.width_px, CAMERA.height_px), strict=True
        ):
            (out / folder / f"{stem}.txt").write_text("".join(line + "\n" for line in lines), "utf-8")
        done += 1
    return done


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How well people in the town are found.")
    parser.add_argument("--weights", default="patrol-rgb")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("520-527"))
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--ways", default="whole,closer", help="of whole, closer, tiled")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the frames as a dataset")
    given = parser.parse_args()
    if given.out is not None:
        print(f"{write(given.out, given.seeds, given.frames)} frames in {given.out}")
        return
    eye = Detector(load_weights(given.weights), threads=given.threads, weak_share=WEAK_SHARE)
    every: dict[str, FrameDetector] = {
        "whole": eye, "closer": CloserLook(eye), "tiled": TiledDetector(eye, size=640),
    }  # fmt: skip
    ways = {name: every[name] for name in given.ways.split(",")}
    tallies = {name: Tally() for name in ways}
    pictures = 0
    for picture, truth in frames(given.seeds, given.frames):
        pictures += 1
        for name, way in ways.items():
            look(way, picture, truth, eye.thresholds["person"], tallies[name])
    figures = {name: summary(t, eye.thresholds["person"], pictures) for name, t in tallies.items()}
    print(json.dumps({"weights": eye.weights.label, **figures}, indent=1))


if __name__ == "__main__":
    main()
