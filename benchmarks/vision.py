"""How fast the eye is, as ratios measured in one run: the whole pipeline against the bare network.

``python benchmarks/vision.py [--frames 40] [--threads 2] [--weights patrol-rgb] [--image PICTURE]``

Prints milliseconds of each stage and ``pipeline / network``: 0.9 means that everything around inference
costs a tenth. ``fp32 / int8`` is how much faster the quantised network is, ``closer_look_ms`` what one
enlarged part adds, and ``ultralytics_predict_ms`` the same file in ``YOLO.predict`` where Ultralytics is
installed. Machines differ and are noisy; compare ratios, and compare runs only on one quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from missions.kinds import load_kinds
from missions.terrain import FlatTerrain
from vision.camera import CameraModel, Pose
from vision.detections import Detections
from vision.detector import Detector, Letterbox
from vision.evidence import EvidenceStore
from vision.frames import Frame, Pixels, read_still
from vision.redact import redact
from vision.watch import Watch
from vision.weights import Weights, load_weights, read_manifest

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
CAMERA = CameraModel.from_field_of_view(1280, 720, 60.0)
THINGS = 60
HALF = np.array([5.0, 10.0])


class Known:
    """Gives boxes that are already known, so that the rest of the pipeline is timed alone."""

    def __init__(self, detector: Detector) -> None:
        self.names, self.thresholds = detector.names, detector.thresholds
        self._random = np.random.default_rng(0)
        self._places = self._random.uniform([60, 60], [1220, 660], (THINGS, 2))

    def detect(self, image: Pixels) -> Detections:
        middle = self._places + self._random.normal(0, 1.0, (THINGS, 2))
        boxes = np.hstack([middle - HALF, middle + HALF]).astype(np.float32)
        return Detections(boxes, np.full(THINGS, 0.6, np.float32), np.zeros(THINGS, np.int64), self.names)


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of a call, after one to warm up."""
    work()
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)


def pose_at(instant: datetime) -> Pose:
    seconds = (instant - START).total_seconds()
    return Pose(
        captured_at=instant, latitude=28.45 + seconds * 7 / 111_000, longitude=117.97, altitude_amsl_m=118.0,
        yaw_deg=0.0, pitch_deg=-55.0,
    )  # fmt: skip


def watch_of(detector: Detector | Known, directory: str) -> Watch:
    return Watch(
        CAMERA, detector, pose_at=pose_at, terrain=FlatTerrain(68.0), zones=None, kinds=load_kinds(),
        evidence=EvidenceStore(directory), flight_id=None, source="replay", weights_label="benchmark",
        namespace=UUID(int=0),
    )  # fmt: skip


def per_frame(watch: Watch, image: Pixels, frames: int) -> float:
    """Median milliseconds that the watch takes for a frame."""
    spent = []
    for index in range(frames):
        frame = Frame(image, START + timedelta(seconds=index / 5), index)
        begun = time.perf_counter()
        watch.process(frame)
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent[min(3, frames - 1) :])


def network_ms(weights: Weights, blob: NDArray[np.float32], threads: int, frames: int) -> float:
    """Median milliseconds of the bare network."""
    session = Detector(weights, threads=threads).session
    name = session.get_inputs()[0].name
    return timed(lambda: session.run(None, {name: blob}), frames)


def ultralytics_ms(weights: Weights, image: Pixels, frames: int) -> float | None:
    """Median milliseconds of ``YOLO.predict`` with the same file; None where Ultralytics is not installed."""
    try:
        import onnx
        from ultralytics import YOLO
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as directory:
        model = onnx.load(str(weights.path))
        names = {"names": str(dict(enumerate(weights.classes))), "task": "detect", "stride": "32"}
        onnx.helper.set_model_props(model, names)
        onnx.save(model, f"{directory}/same.onnx")
        eye = YOLO(f"{directory}/same.onnx", task="detect")
        blue_first = np.ascontiguousarray(image[..., ::-1])
        return timed(
            lambda: eye.predict(blue_first, imgsz=(736, 1280), conf=0.08, iou=0.6, verbose=False), frames
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="patrol-rgb")
    parser.add_argument("--image", type=Path, help="a 1280 x 720 picture; grey noise without it")
    arguments = parser.parse_args()
    weights = load_weights(arguments.weights)
    detector = Detector(weights, threads=arguments.threads)
    noise = np.random.default_rng(0).integers(90, 140, (720, 1280, 3), np.uint8)
    image = read_still(arguments.image) if arguments.image else noise
    box = Letterbox.fit(image.shape[:2], detector.input_size, stride=32, dynamic=True, centred=True)
    blob = detector.blob(box.apply(image))
    name = detector.session.get_inputs()[0].name
    found = Known(detector).detect(image)
    with tempfile.TemporaryDirectory() as directory:
        figures = {
            "network_ms": timed(lambda: detector.session.run(None, {name: blob}), arguments.frames),
            "detect_ms": timed(lambda: detector.detect(image), arguments.frames),
            "pipeline_ms": per_frame(watch_of(detector, directory), image, arguments.frames),
            "watch_without_network_ms": per_frame(
                watch_of(Known(detector), directory), image, arguments.frames
            ),
            "redact_ms": timed(lambda: redact(image, found), arguments.frames),
            "closer_look_ms": timed(
                lambda: detector.detect(np.ascontiguousarray(image[:640, :640])), arguments.frames
            ),
        }
    variants = {entry.variant: entry for entry in read_manifest() if entry.name == weights.name}
    by_variant = {
        key: network_ms(entry, blob, arguments.threads, arguments.frames) for key, entry in variants.items()
    }
    other = ultralytics_ms(weights, image, arguments.frames)
    if other is not None:
        figures["ultralytics_predict_ms"] = other
    figures = {key: round(value, 2) for key, value in figures.items()}
    ratios = {
        "detect / network": round(figures["network_ms"] / figures["detect_ms"], 3),
        "pipeline / network": round(figures["network_ms"] / figures["pipeline_ms"], 3),
        "fp32 / int8": round(by_variant["fp32"] / by_variant["int8"], 2) if len(by_variant) > 1 else None,
        "pipeline_frames_per_second": round(1000 / figures["pipeline_ms"], 1),
    }
    print(json.dumps({"weights": weights.label, "people_in_view": THINGS} | figures | ratios, indent=1))


if __name__ == "__main__":
    main()
