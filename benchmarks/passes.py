"""How well the watch judges single passes over planted events, with everything real but the flight.

    python -m benchmarks.passes collect --out DIR --seeds 400-403        # render the passes once
    python -m benchmarks.passes judge DIR                                # detect (kept), watch and judge them

A pass goes straight over one planted event, or over a place that explains a crowd (market, square, bus stop,
school gate, sports ground: whatever is reported there is false), at 50 m and 7 m/s with the gimbal 55 degrees
down, at 5 frames a second. Poses are noisy: heading 0.4 and pitch 0.3 degrees biased, 0.05 degrees jitter.
Detections are kept beside the frames, one file for each weight file, so that rules can be compared quickly.
``judge`` prints, for every kind, the planted events seen for at least four seconds, how many of them became
exactly one sighting of that kind within 12 m, and the false sightings an hour of passes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import cv2
import numpy as np

from drone.sim.renderer import Renderer
from drone.sim.town import Town
from missions.geodesy import LocalFrame
from missions.kinds import load_kinds
from missions.site import load_site
from missions.terrain import ground_in
from vision.camera import CameraModel, Pose, ground_points
from vision.detections import CLASSES, Detections
from vision.detector import Detector
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.rules import load_rules
from vision.watch import Watch
from vision.weights import load_weights

START = datetime(2026, 5, 1, 1, tzinfo=UTC)
CAMERA = CameraModel.from_field_of_view(1280, 720, 60, name="patrol-720p")
FRAMES, INTERVAL_S, HEIGHT_M, SPEED_M_S, PITCH_DEG = 105, 0.2, 50.0, 7.0, -55.0
SEEN_LONG_ENOUGH_S, NEAR_M = 4.0, 12.0
CROWDED = ("market", "square", "bus_stop", "school_gate", "sports")


@dataclass(frozen=True, slots=True)
class Target:
    """What a pass goes over."""

    name: str
    kind: str
    east: float
    north: float
    start_s: float
    people: int


def targets(town: Town, site: Any, kinds: set[str]) -> Iterator[Target]:
    for event in town.planted:
        if event.kind.value in kinds:
            yield Target(
                event.id, event.kind.value, event.east, event.north, max(event.start_s, 30.0), event.people
            )
    if "crowded" not in kinds:
        return
    for zone in site.zones.zones:
        if zone.kind in CROWDED:
            middle = zone.polygon.centroid
            east, north = town.frame.to_enu(middle.y, middle.x)[0][:2]
            yield Target(f"{zone.kind}-{zone.code}", "crowded", float(east), float(north), 30.0, 0)


def collect(out: Path, seeds: list[int], kinds: set[str]) -> None:
    for seed in seeds:
        town = Town.generate(seed)
        site_directory = out / f"site-{seed}"
        town.export(site_directory)
        site = load_site(site_directory)
        renderer = Renderer(town, CAMERA)
        rng = np.random.default_rng(seed)
        for target in targets(town, site, kinds):
            directory = out / f"{seed}-{target.name}"
            if not (directory / "pass.json").exists():
                _collect_one(directory, town, renderer, target, rng, seed)
        renderer.close()


def _collect_one(
    directory: Path, town: Town, renderer: Renderer, target: Target, rng: Any, seed: int
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    yaw = float(rng.choice([0, 90, 180, 270])) + float(rng.normal(0, 3))
    aside = float(rng.uniform(-20, 20))
    ahead = np.array([np.sin(np.radians(yaw)), np.cos(np.radians(yaw))])
    right = np.array([ahead[1], -ahead[0]])
    begin = target.start_s + float(rng.uniform(0, 200))
    bias = rng.normal(0, [0.4, 0.3])
    frames = []
    seen_s = 0.0
    height = town.home[2] - town.frame.altitude_amsl_m + HEIGHT_M
    for index in range(FRAMES):
        t = index * INTERVAL_S
        place = np.array([target.east, target.north]) + ahead * (SPEED_M_S * t - 100) + right * aside
        latitude, longitude, altitude = town.frame.to_geodetic([[*place, height]])[0]
        shake = rng.normal(0, 0.05, 2)
        true = Pose(
            captured_at=START + timedelta(seconds=t), latitude=latitude, longitude=longitude,
            altitude_amsl_m=float(altitude), yaw_deg=yaw, pitch_deg=PITCH_DEG,
        )  # fmt: skip
        picture, truth = renderer.render(begin + t, true)
        cv2.imwrite(
            str(directory / f"{index:03d}.jpg"), picture[:, :, ::-1],
            [cv2.IMWRITE_JPEG_QUALITY, 92],
        )  # fmt: skip
        event = truth.events.get(target.name)
        seen_s += INTERVAL_S * bool(event and event.visible and event.span_px >= 6)
        frames.append(
            {
                "latitude": float(latitude), "longitude": float(longitude), "altitude": float(altitude),
                "yaw": yaw + float(bias[0] + shake[0]), "pitch": PITCH_DEG + float(bias[1] + shake[1]),
            }
        )  # fmt: skip
    meta = {
        "seed": seed, "name": target.name, "kind": target.kind, "east": target.east, "north": target.north,
        "people": target.people, "seen_s": round(seen_s, 1), "frames": frames,
        "planted": [[e.id, e.kind.value, e.east, e.north] for e in town.planted],
        "origin": [town.frame.latitude, town.frame.longitude, town.frame.altitude_amsl_m],
    }  # fmt: skip
    (directory / "pass.json").write_text(json.dumps(meta))
    print(directory.name, "seen", meta["seen_s"], "s", flush=True)


class Kept:
    """A detector that answers from what was found in these frames before."""

    names = CLASSES

    def __init__(self, found: list[Detections], thresholds: Any) -> None:
        self._found, self.thresholds, self.next = found, thresholds, 0

    def detect(self, image: Any) -> Detections:
        self.next += 1
        return self._found[self.next - 1]


@lru_cache
def detector_of(weights: str) -> Detector:
    return Detector(
        load_weights(Path(weights) if weights.endswith(".onnx") else weights), input_size=(736, 1280)
    )


def detections_of(directory: Path, weights: str) -> tuple[list[Detections], dict[str, float]]:
    detector = detector_of(weights)
    file = directory / f"{detector.weights.label.replace(':', '-')}.npz"
    if not file.exists():
        kept: dict[str, Any] = {}
        for index in range(FRAMES):
            found = detector.detect(read(directory, index))
            kept |= {f"b{index}": found.boxes, f"s{index}": found.scores, f"c{index}": found.classes}
        np.savez_compressed(file, **kept)
    stored = np.load(file)
    return [
        Detections(stored[f"b{i}"], stored[f"s{i}"], stored[f"c{i}"], tuple(detector.names))
        for i in range(FRAMES)
    ], dict(getattr(detector, "thresholds", {}))


def read(directory: Path, index: int) -> Any:
    image = cv2.imread(str(directory / f"{index:03d}.jpg"))
    if image is None:
        raise SystemExit(f"{directory}: picture {index} is missing; collect this pass again")
    return image[:, :, ::-1]


def watch_pass(
    directory: Path, weights: str, rules: Path | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The pass and the sightings of it, each with kind, state, place and reasons."""
    meta = json.loads((directory / "pass.json").read_text())
    site = load_site(directory.parent / f"site-{meta['seed']}")
    frame = LocalFrame(*meta["origin"])
    found, thresholds = detections_of(directory, weights)
    poses = {
        START + timedelta(seconds=i * INTERVAL_S): Pose(
            captured_at=START + timedelta(seconds=i * INTERVAL_S), latitude=f["latitude"],
            longitude=f["longitude"], altitude_amsl_m=f["altitude"], yaw_deg=f["yaw"], pitch_deg=f["pitch"],
        )
        for i, f in enumerate(meta["frames"])
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as evidence:
        watch = Watch(
            CAMERA, Kept(found, thresholds), pose_at=poses.get, terrain=site.terrain, zones=site.zones,
            kinds=load_kinds(), evidence=EvidenceStore(Path(evidence)), flight_id=None, source="simulator",
            weights_label="pass", namespace=uuid5(NAMESPACE_URL, directory.name),
            rules=load_rules(rules) if rules else None,
        )  # fmt: skip
        watch._snapshot = lambda *_: None  # type: ignore[method-assign]
        watch._clip = lambda *_: False  # type: ignore[method-assign]
        latest: dict[Any, Any] = {}
        for index, instant in enumerate(poses):
            for sighting in watch.process(Frame(read(directory, index), instant, index)).sightings:
                latest[sighting.sighting_id] = sighting
        for sighting in watch.finish():
            latest[sighting.sighting_id] = sighting
    ground = ground_in(frame, site.terrain)
    sightings = []
    for sighting in latest.values():
        points = [
            ground_points(CAMERA, poses[look.pose.captured_at], frame, [[look.u_px, look.v_px]], ground)[0]
            for look in sighting.looks
        ]
        east, north = np.median(np.array(points)[:, :2], axis=0)
        sightings.append(
            {
                "kind": sighting.kind.value, "state": sighting.state.value, "east": float(east),
                "north": float(north),
                "reasons": {reason.term: round(float(reason.value), 2) for reason in sighting.reasons},
            }
        )  # fmt: skip
    return meta, sightings


def judge(directory: Path, weights: str, rules: Path | None, only: str) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = {}
    hours = 0.0
    for one in sorted(directory.glob("*/pass.json")):
        if only and only not in one.parent.name:
            continue
        meta, sightings = watch_pass(one.parent, weights, rules)
        hours += FRAMES * INTERVAL_S / 3600
        count = counts.setdefault(meta["kind"], Counter())
        confirmed = [s for s in sightings if s["state"] == "confirmed"]
        near = [
            s for s in confirmed if np.hypot(s["east"] - meta["east"], s["north"] - meta["north"]) < NEAR_M
        ]
        if meta["kind"] == "crowded":
            near = []
        false = [
            s
            for s in confirmed
            if not any(
                s["kind"] == kind and np.hypot(s["east"] - e, s["north"] - n) < NEAR_M
                for _, kind, e, n in meta["planted"]
            )
        ]
        count["passes"] += 1
        count["false"] += len(false)
        judged = meta["kind"] != "crowded" and meta["seen_s"] >= SEEN_LONG_ENOUGH_S
        right = [s for s in near if s["kind"] == meta["kind"]]
        count["observable"] += judged
        count["one ticket"] += judged and len(right) == 1 and len(near) == 1
        count["found"] += judged and bool(right)
        mark = "ok " if judged and len(right) == 1 and len(near) == 1 else "-- " if judged else "   "
        print(
            mark, one.parent.name, meta["people"], f"seen {meta['seen_s']} s",
            [(s["kind"], s["reasons"]) for s in near], "FALSE" if false else "",
            [(s["kind"], round(s["east"]), round(s["north"]), s["reasons"]) for s in false], flush=True,
        )  # fmt: skip
    total = sum(counts.values(), Counter())
    return {
        "kinds": {kind: dict(count) for kind, count in counts.items()},
        "share_found_as_one": total["one ticket"] / max(total["observable"], 1),
        "false_an_hour": total["false"] / max(hours, 1e-9),
        "hours": hours,
    }


def seeds_of(text: str) -> list[int]:
    low, _, high = text.partition("-")
    return list(range(int(low), int(high or low) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("collect")
    first.add_argument("--out", type=Path, required=True)
    first.add_argument("--seeds", type=seeds_of, required=True)
    first.add_argument("--kinds", default="dispute,gathering,fire,smoke,illegal_parking,crowded")
    second = commands.add_parser("judge")
    second.add_argument("directory", type=Path)
    second.add_argument("--weights", default="patrol-rgb")
    second.add_argument("--rules", type=Path)
    second.add_argument("--only", default="")
    arguments = parser.parse_args()
    if arguments.command == "collect":
        collect(arguments.out, arguments.seeds, set(arguments.kinds.split(",")))
    else:
        result = judge(arguments.directory, arguments.weights, arguments.rules, arguments.only)
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
