"""What looking at chosen parts of 4K frames finds, against looking at every part of every frame.

``python -m benchmarks.tiles [--seeds 520-521] [--headings 0,90] [--frames 60] [--share 0.34]``

A pass over the town is rendered as ``wide-4k`` of ``configs/cameras.yaml`` records it (3840 x 2160, 90 m up,
8 m/s, 5 frames a second). The same frames are looked at three
times, each with a tracker of its own: every part of every frame (``all``), the parts that ``TileRota``
chooses (``rota``), and as many parts merely in turn (``in turn``).

A person counts as known in a frame when a track of a person, seen twice or more, is where the person stands,
within a metre. Counted are people of whom 0.35 or more shows and who do not ride. Printed of each way:
recall (known of counted) in all frames and without the first two seconds, in which nothing is known yet; each
as a share of that of ``all``; people of the pass who were ever known, of those in view for two seconds;
tracks that are nobody (a frame); the shares of parts and of pixels looked at. Every part is given to the
network once, so that all ways get the same answers; with ``--keep FILE`` they are kept for the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.people import RIDES, TWO_WHEELERS
from drone.sim.dataset import KEPT_FRACTION, SMALL_PX, parse_seeds
from drone.sim.renderer import Renderer, pose_at
from drone.sim.town import Town
from drone.sim.truth import FrameTruth
from missions.cameras import load_cameras
from vision.camera import CameraModel, Pose
from vision.detections import Detections
from vision.detector import Detector, FrameDetector
from vision.frames import Pixels
from vision.glances import RotaDetector, Scene
from vision.ground import GroundView
from vision.rules import load_rules
from vision.tile_rota import RotaRules, TileRota
from vision.tracker import Tracker
from vision.training.sources import overlap
from vision.weights import load_weights

CAMERA_NAME = "wide-4k"
START = datetime(2026, 5, 1, 1, tzinfo=UTC)
FRAMES_A_SECOND = 5.0
NEAR_M = 1.0
IN_VIEW_S = 2.0
BEHIND_M = 86.0
"""A pass begins so far before the middle of the town."""
START_UP_S = 2.0
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Look4K:
    """One frame of a pass: picture, truth, time from the first frame, pose."""

    picture: Pixels
    truth: FrameTruth
    seconds: float
    pose: Pose


def camera() -> CameraModel:
    """The camera of the passes, without distortion."""
    entry = load_cameras()[CAMERA_NAME]
    return CameraModel.from_field_of_view(
        entry.width_px, entry.height_px, entry.horizontal_fov_deg, name=CAMERA_NAME
    )


def frames(town: Town, lens: CameraModel, heading_deg: float, count: int) -> Iterator[Look4K]:
    """A straight pass over the middle of the town."""
    entry = load_cameras()[CAMERA_NAME]
    renderer = Renderer(town, lens, supersample=1.0)
    ahead = np.array([np.sin(np.radians(heading_deg)), np.cos(np.radians(heading_deg))])
    for index in range(count):
        seconds = index / FRAMES_A_SECOND
        east, north = ahead * (entry.speed_m_s * seconds - BEHIND_M)
        pose = pose_at(town, east, north, entry.altitude_agl_m, heading_deg, entry.pitch_deg)
        yield Look4K(*renderer.render(START_S + seconds, pose), seconds, pose)
    renderer.close()


class Remembering:
    """Gives each picture to the network once; the next time the answer is known."""

    def __init__(self, detector: Detector, keep: Path | None = None) -> None:
        self.names, self.thresholds = detector.names, detector.thresholds
        self.pixels = 0
        self._detector, self._keep = detector, keep
        self._known: dict[bytes, Detections] = {}
        if keep is not None and keep.exists():
            self._known = pickle.loads(keep.read_bytes())

    def detect(self, image: Pixels) -> Detections:
        """As the detector; ``pixels`` counts what was looked at, known or not."""
        self.pixels += image.shape[0] * image.shape[1]
        key = hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).digest()
        if key not in self._known:
            self._known[key] = self._detector.detect(image)
        return self._known[key]

    def forget(self) -> None:
        """The next frame shows other parts."""
        if self._keep is None:
            self._known.clear()
        else:
            self._keep.write_bytes(pickle.dumps(self._known))


class InTurn(RotaDetector):
    """The parts merely take turns: no poses beyond their layout, no tracks."""

    def glance(self, image: Pixels, scene: Scene) -> Any:
        """As ``RotaDetector``, but nothing is known to be worth a look."""
        return super().glance(image, Scene(scene.seconds, scene.pose, scene.view))


@dataclass
class Way:
    """One way of looking and what it has found."""

    eye: RotaDetector
    tracker: Tracker
    counted: int = 0
    known: int = 0
    counted_later: int = 0
    known_later: int = 0
    strangers: int = 0
    frames: int = 0
    pixels: int = 0
    choosing_s: float = 0.0
    ever: set[tuple[str, int]] = field(default_factory=set)

    def take(self, frame: Look4K, network: Remembering, view: GroundView, where: str, index: int) -> None:
        """Look at a frame, follow, and compare with the truth."""
        captured_at = START + timedelta(seconds=frame.seconds)
        expected = self.tracker.expected(captured_at, frame.pose)
        scene = Scene(frame.seconds, frame.pose, view, expected, np.ones(len(expected)))
        network.pixels = 0
        glance = self.eye.glance(frame.picture, scene)
        self.pixels += network.pixels
        looked_at = glance.looked.holds if glance.looked is not None else None
        size = (view.camera.width_px, view.camera.height_px)
        tracks = self.tracker.update(glance.detections, captured_at, index, frame.pose, size, looked_at)
        boxes = self.tracker.expected(captured_at, frame.pose)
        steady = [
            track.group == "person" and track.hits >= self.tracker.rules.confirm_hits for track in tracks
        ]
        self._compare(frame, view, boxes[np.array(steady, np.bool_)], where)

    def _compare(self, frame: Look4K, view: GroundView, boxes: NDArray[np.float32], where: str) -> None:
        ids, people, sought = people_of(frame.truth)
        middles, found = _middles(people), _middles(boxes)
        metre = 1.0 / view.metres_per_pixel(
            frame.pose, view.place(frame.pose, middles) if len(middles) else np.zeros((0, 2))
        )
        gaps = np.linalg.norm(middles[:, None] - found[None], axis=2) / np.maximum(metre, 1e-6)[:, None]
        gaps = np.where(np.isfinite(gaps) & (gaps <= NEAR_M), gaps, 1e3)
        pairs = [(r, c) for r, c in zip(*linear_sum_assignment(gaps), strict=True) if gaps[r, c] < 1e3]
        met = {r for r, _ in pairs}
        self.frames += 1
        counted, known = int(sought.sum()), sum(bool(sought[r]) for r in met)
        self.counted += counted
        self.known += known
        if frame.seconds >= START_UP_S:
            self.counted_later += counted
            self.known_later += known
        self.ever |= {(where, ids[r]) for r in met if sought[r]}
        size = np.array([view.camera.width_px, view.camera.height_px])
        inside = (found >= 0).all(axis=1) & (found < size).all(axis=1)
        self.strangers += int(inside.sum()) - len(pairs)


def people_of(truth: FrameTruth) -> tuple[list[int], NDArray[np.float32], NDArray[np.bool_]]:
    """Ids, boxes (N, 4) and whether they are to be found of the people and riders in a frame."""
    people = [box for box in truth.boxes if box.name == "person"]
    boxes = np.array([box.box for box in people], np.float32).reshape(-1, 4)
    wheels = np.array([b.box for b in truth.boxes if b.name in TWO_WHEELERS], np.float32).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    shown = np.array([box.visible_fraction >= KEPT_FRACTION for box in people], np.bool_)
    large = (sides.max(1, initial=0) >= 2 * SMALL_PX) & (sides.min(1, initial=999) >= SMALL_PX)
    rides = overlap(boxes, wheels).max(1, initial=0) > RIDES
    return [box.id for box in people], boxes, shown & large & ~rides


def _middles(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, float)


def run(
    seeds: Sequence[int], headings: Sequence[float], count: int, network: Remembering, share: float
) -> dict[str, Any]:
    """The figures of all ways over the passes of some towns."""
    lens = camera()
    totals: dict[str, list[Way]] = {"all": [], "rota": [], "in turn": []}
    in_view: dict[tuple[str, int], int] = {}
    widths: list[float] = []
    for seed in seeds:
        town = Town.generate(seed)
        view = GroundView(lens, town.frame, town.terrain)
        for heading in headings:
            where = f"{seed}/{heading:g}"
            ways = make_ways(network, view, share)
            for index, frame in enumerate(frames(town, lens, heading, count)):
                ids, boxes, sought = people_of(frame.truth)
                widths += (boxes[sought, 2] - boxes[sought, 0]).tolist()
                for number, wanted in zip(ids, sought, strict=True):
                    if wanted:
                        in_view[where, number] = in_view.get((where, number), 0) + 1
                for way in ways.values():
                    way.take(frame, network, view, where, index)
                network.forget()
            for name, way in ways.items():
                totals[name].append(way)
    long = {key for key, seen in in_view.items() if seen >= IN_VIEW_S * FRAMES_A_SECOND}
    figures = {name: summary(ways, long) for name, ways in totals.items()}
    for name in figures:
        for recall in ("recall", "recall after the start"):
            every = max(figures["all"][recall], 1e-9)
            figures[name][f"{recall}, of that of all"] = round(figures[name][recall] / every, 3)
        figures[name]["pixels"] = round(figures[name]["pixels"] / sum(w.pixels for w in totals["all"]), 3)
    return {"people": len(long), "median_width_px": round(float(np.median(widths)), 1)} | figures


def make_ways(network: FrameDetector, view: GroundView, share: float) -> dict[str, Way]:
    """The ways of looking, each with a tracker of its own."""
    eyes = {
        "all": RotaDetector(network, TileRota(RotaRules(share=1.0))),
        "rota": RotaDetector(network, TileRota(RotaRules(share=share))),
        "in turn": InTurn(network, TileRota(RotaRules(share=share, new_ground=0.0))),
    }
    ways = {}
    for name, eye in eyes.items():
        tracker = Tracker(load_rules().tracker, eye.thresholds)
        tracker.view = view
        ways[name] = Way(eye, tracker)
    return ways


def summary(ways: Sequence[Way], long: set[tuple[str, int]]) -> dict[str, Any]:
    """The figures of one way over all passes."""
    ever = set().union(*(way.ever for way in ways))
    return {
        "recall": round(sum(w.known for w in ways) / max(sum(w.counted for w in ways), 1), 3),
        "recall after the start": round(
            sum(w.known_later for w in ways) / max(sum(w.counted_later for w in ways), 1), 3
        ),
        "people ever known": round(len(ever & long) / max(len(long), 1), 3),
        "tracks that are nobody": round(sum(w.strangers for w in ways) / sum(w.frames for w in ways), 2),
        "parts": round(sum(w.eye.looked_at for w in ways) / sum(w.eye.parts for w in ways), 3),
        "parts a frame": round(sum(w.eye.parts for w in ways) / sum(w.eye.frames for w in ways), 1),
        "pixels": sum(w.pixels for w in ways),
        "revisit_frames": max(w.eye.longest_wait_frames for w in ways),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What chosen parts of 4K frames show.")
    parser.add_argument("--weights", default="patrol-rgb")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("520-521"))
    parser.add_argument("--headings", default="0,90", help="of the passes over each town, degrees")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--share", type=float, default=RotaRules().share)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="file of the network's answers, of one weight file")
    given = parser.parse_args()
    eye = Detector(load_weights(given.weights), threads=given.threads)
    begun = time.monotonic()
    headings = [float(text) for text in given.headings.split(",")]
    figures = run(given.seeds, headings, given.frames, Remembering(eye, given.keep), given.share)
    seconds = round(time.monotonic() - begun)
    print(json.dumps({"weights": eye.weights.label, "seconds": seconds, **figures}, indent=1))


if __name__ == "__main__":
    main()
