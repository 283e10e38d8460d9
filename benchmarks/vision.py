"""How fast the eye is, as ratios measured side by side in one run: the pipeline against the bare network.

``python -m benchmarks.vision [--rounds 30] [--threads 2] [--weights patrol-rgb] [--video 1080P.mp4]``

Everything that is compared is run in turn, round after round (A B C A B C ...), and a ratio is the median of
the rounds' own ratios: what else the machine does then falls on all alike. Each is told twice: by the clock,
and by processor time, which counts where all cores are kept busy and which a loaded machine still tells.
Milliseconds are medians.

- ``video / network``: frames a second from a 1080p H.264 file to tracked detections with places on the ground
  (decode, letterbox, network, tracks) over frames a second of the bare ``session.run`` on the same input. The
  video is a flight over the simulated town, rendered and kept where ``--video`` says.
- ``read ahead / network``: the same with frames read ahead by a thread, the whole video of three seconds at a
  time, so that nothing is read while other works run.
- ``video to sightings / network``: the same with the judges of hazards, crowds and disputes and the evidence.
- ``frame to sightings / network``: that from a frame of 1280 x 720 in memory with sixty people in view.
- ``fp32 / int8``: how much faster the quantised network is. ``closer look``: what one enlarged part adds.
- ``ultralytics / detect``: ``YOLO.predict`` on the same file against ours. ``SAHI / tiles``: its slices of a
  4K picture against our tiles of it, 640 px each; and ``tiles / parts in turn``: these against a turn of
  ``vision.glances``. Where Ultralytics or SAHI are not installed it says so.

What is found in parts in turn: ``python -m benchmarks.tiles``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import numpy as np
from numpy.typing import NDArray

from missions.kinds import load_kinds
from missions.terrain import FlatTerrain
from vision.ahead import read_ahead
from vision.camera import CameraModel, Pose
from vision.detections import Detections
from vision.detector import Detector, Letterbox
from vision.evidence import EvidenceStore
from vision.frames import Frame, Pixels, VideoFile
from vision.glances import RotaDetector, Scene
from vision.ground import GroundView
from vision.redact import redact
from vision.rules import load_rules
from vision.tiles import TiledDetector
from vision.tracker import Tracker
from vision.watch import Watch
from vision.weights import Weights, load_weights, read_manifest

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
CAMERA = CameraModel.from_field_of_view(1280, 720, 60.0)
CAMERA_4K = CameraModel.from_field_of_view(3840, 2160, 71.6)
VIDEO_FRAMES, VIDEO_RATE, VIDEO_SIZE, VIDEO_SEED = 75, 25, (1920, 1080), 520
VIDEO_HEIGHT_M = 70.0
GROUND_M = 68.0
THINGS = 60
HALF = np.array([5.0, 10.0])
Works = Mapping[str, Callable[[], object]]
Clock = Callable[[], float]


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


@dataclass(frozen=True, slots=True)
class Rounds:
    """Milliseconds of works that were run in turn, by name: by the clock, and of the processor."""

    spent: Mapping[str, list[float]]
    busy: Mapping[str, list[float]]

    def ms(self) -> dict[str, dict[str, float]]:
        """Medians."""
        both = {"clock": self.spent, "processor": self.busy}
        return {how: {n: round(statistics.median(v), 1) for n, v in t.items()} for how, t in both.items()}

    def ratio(self, above: str, below: str) -> dict[str, float]:
        """Medians of the rounds' ratios of two works."""
        both = {"clock": self.spent, "processor": self.busy}
        pairs = {how: zip(t[above], t[below], strict=True) for how, t in both.items()}
        return {how: round(statistics.median(a / b for a, b in p), 3) for how, p in pairs.items()}


def side_by_side(
    works: Works, rounds: int, clock: Clock = time.perf_counter, processor: Clock = time.process_time
) -> Rounds:
    """Run all works in turn, round after round, each once before to warm up."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    busy: dict[str, list[float]] = {name: [] for name in works}
    for index in range(rounds + 1):
        for name, work in works.items():
            begun, begun_busy = clock(), processor()
            work()
            if index:
                spent[name].append(1000 * (clock() - begun))
                busy[name].append(1000 * (processor() - begun_busy))
    return Rounds(spent, busy)


def pose_at(instant: datetime, height_m: float = 50.0) -> Pose:
    """The pose of a flight due north at 7 m/s."""
    seconds = (instant - START).total_seconds()
    return Pose(
        captured_at=instant, latitude=28.45 + seconds * 7 / 111_000, longitude=117.97,
        altitude_amsl_m=GROUND_M + height_m, yaw_deg=0.0, pitch_deg=-55.0,
    )  # fmt: skip


def watch_of(detector: Detector | Known, directory: str, height_m: float = 50.0) -> Watch:
    return Watch(
        CAMERA, detector, pose_at=lambda at: pose_at(at, height_m), terrain=FlatTerrain(GROUND_M), zones=None,
        kinds=load_kinds(), evidence=EvidenceStore(directory), flight_id=None, source="replay",
        weights_label="benchmark", namespace=UUID(int=0),
    )  # fmt: skip


def still_frames(watch: Watch, image: Pixels) -> Callable[[], object]:
    """The watch takes one picture again and again, five times a second."""
    indices = count()

    def work() -> object:
        index = next(indices)
        return watch.process(Frame(image, START + timedelta(seconds=index / 5), index))

    return work


def laps(path: Path, rate: float | None = None) -> Iterator[Frame]:
    """The frames of a video, all or so many a second, decoded as asked for, again and again."""
    index = count()
    for lap in count():
        late = timedelta(seconds=lap * VIDEO_FRAMES / VIDEO_RATE)
        for frame in VideoFile(path, START, fps=rate):
            yield Frame(frame.image, frame.captured_at + late, next(index))


def tracked(detector: Detector, path: Path) -> Callable[[], object]:
    """The next frame of a video, decoded, looked at, and what is found followed on the ground."""
    frames, tracker = laps(path), Tracker(load_rules().tracker, detector.thresholds)
    lens = CAMERA.scaled(*VIDEO_SIZE)
    tracker.view = GroundView(lens, pose_at(START).frame(), FlatTerrain(GROUND_M))

    def work() -> object:
        frame = next(frames)
        pose = pose_at(frame.captured_at, VIDEO_HEIGHT_M)
        found = detector.detect(frame.image)
        return tracker.update(found, frame.captured_at, frame.index, pose, VIDEO_SIZE)

    return work


def tracked_ahead(detector: Detector, path: Path) -> Callable[[], object]:
    """The frames of a video, read ahead, looked at and followed on the ground."""
    lens = CAMERA.scaled(*VIDEO_SIZE)

    def work() -> object:
        tracker = Tracker(load_rules().tracker, detector.thresholds)
        tracker.view = GroundView(lens, pose_at(START).frame(), FlatTerrain(GROUND_M))
        for frame in read_ahead(VideoFile(path, START), detector.prepare):
            pose = pose_at(frame.captured_at, VIDEO_HEIGHT_M)
            found = detector.detect(frame.image)
            tracker.update(found, frame.captured_at, frame.index, pose, VIDEO_SIZE)
        return tracker

    return work


def times_over(work: Callable[[], object], times: int) -> Callable[[], object]:
    """A work done so many times."""
    return lambda: [work() for _ in range(times)]


def watched(watch: Watch, path: Path) -> Callable[[], object]:
    """The next frame of a video, decoded and taken in by a watch."""
    frames = laps(path)
    return lambda: watch.process(next(frames))


def make_video(path: Path) -> None:
    """Renders a flight at 70 m over the town as H.264, as a camera of 1080p records it."""
    from drone.sim.renderer import Renderer
    from drone.sim.renderer import pose_at as pose_over
    from drone.sim.town import Town

    town = Town.generate(VIDEO_SEED)
    renderer = Renderer(town, CAMERA.scaled(*VIDEO_SIZE), supersample=1.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=VIDEO_RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = *VIDEO_SIZE, "yuv420p"
        for index in range(VIDEO_FRAMES):
            pose = pose_over(town, 0.0, -80 + 7.0 * index / VIDEO_RATE, VIDEO_HEIGHT_M, 0.0, -55.0)
            picture, _ = renderer.render(120 + index / VIDEO_RATE, pose)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    renderer.close()


def bare(detector: Detector, image: Pixels) -> Callable[[], object]:
    """``session.run`` on the input that the detector makes of a picture."""
    box = Letterbox.fit(image.shape[:2], detector.input_size, stride=32, dynamic=True, centred=True)
    blob: NDArray[np.float32] = detector.blob(box.apply(image))
    name = detector.session.get_inputs()[0].name
    return lambda: detector.session.run(None, {name: blob})


def exported(weights: Weights, directory: str) -> str:
    """The weight file with the names inside that Ultralytics expects."""
    import onnx

    model = onnx.load(str(weights.path))
    names = {"names": str(dict(enumerate(weights.classes))), "task": "detect", "stride": "32"}
    onnx.helper.set_model_props(model, names)
    onnx.save(model, f"{directory}/same.onnx")
    return f"{directory}/same.onnx"


def ultralytics_work(path: str, image: Pixels) -> Callable[[], object] | str:
    """``YOLO.predict`` with the same file, or why not."""
    try:
        from ultralytics import YOLO
    except ImportError as error:
        return f"skipped: {error}"
    eye = YOLO(path, task="detect")
    blue_first = np.ascontiguousarray(image[..., ::-1])
    return lambda: eye.predict(blue_first, imgsz=(736, 1280), conf=0.08, iou=0.6, verbose=False)


def sahi_work(path: str, image: Pixels) -> Callable[[], object] | str:
    """SAHI's slices of a large picture with the same file, or why not."""
    try:
        from sahi import AutoDetectionModel
        from sahi.predict import get_sliced_prediction

        model = AutoDetectionModel.from_pretrained(
            model_type="ultralytics", model_path=path, confidence_threshold=0.08, device="cpu", image_size=640
        )
    except ImportError as error:
        return f"skipped: {error}"
    return lambda: get_sliced_prediction(
        image, model, slice_height=640, slice_width=640, overlap_height_ratio=0.2, overlap_width_ratio=0.2,
        perform_standard_pred=False, verbose=0,
    )  # fmt: skip


def speed(detector: Detector, video: Path, rounds: int, directory: str) -> dict[str, Any]:
    """The pipeline and its stages against the bare network, and the variants of the weights."""
    first = next(iter(VideoFile(video, START))).image
    image = np.random.default_rng(0).integers(90, 140, (720, 1280, 3), np.uint8)
    found = Known(detector).detect(image)
    threads = detector.session.get_session_options().intra_op_num_threads
    variants = [entry for entry in read_manifest() if entry.name == detector.weights.name]
    by_variant = {
        f"network {entry.variant}": bare(Detector(entry, threads=threads), image) for entry in variants
    }
    times = side_by_side(
        {
            "video": tracked(detector, video),
            "video to sightings": watched(watch_of(detector, f"{directory}/video", VIDEO_HEIGHT_M), video),
            "network, 1080p": bare(detector, first),
            "read ahead": tracked_ahead(detector, video),
            "network, a lap": times_over(bare(detector, first), VIDEO_FRAMES),
            "frame to sightings": still_frames(watch_of(detector, f"{directory}/frame"), image),
            "network": bare(detector, image),
            "detect": lambda: detector.detect(image),
            "watch without network": still_frames(watch_of(Known(detector), f"{directory}/known"), image),
            "redact": lambda: redact(image, found),
            "closer look": lambda: detector.detect(np.ascontiguousarray(image[:640, :640])),
            **by_variant,
        },
        rounds,
    )
    ratios: dict[str, Any] = {
        "video / network": times.ratio("network, 1080p", "video"),
        "read ahead / network": times.ratio("network, a lap", "read ahead"),
        "video to sightings / network": times.ratio("network, 1080p", "video to sightings"),
        "frame to sightings / network": times.ratio("network", "frame to sightings"),
        "detect / network": times.ratio("network", "detect"),
    }
    if {"network fp32", "network int8"} <= by_variant.keys():
        ratios["fp32 / int8"] = times.ratio("network fp32", "network int8")
    return {"ms": times.ms()} | ratios


def large(detector: Detector, image: Pixels, rounds: int, directory: str) -> dict[str, Any]:
    """Ways of looking at a picture of 4K, and what others take."""
    view = GroundView(CAMERA_4K, pose_at(START).frame(), FlatTerrain(GROUND_M))
    eye, tiles, moments = RotaDetector(detector), TiledDetector(detector, size=640, whole=False), count()
    seconds = timedelta(seconds=1)

    def turn() -> object:
        at = START + next(moments) * seconds / 5
        return eye.glance(image, Scene((at - START) / seconds, pose_at(at, 90.0), view))

    works: dict[str, Callable[[], object]] = {"tiles": lambda: tiles.detect(image), "parts in turn": turn}
    small = np.ascontiguousarray(image[:720, :1280])
    os.environ.setdefault("YOLO_VERBOSE", "false")  # it would print among the figures
    others: dict[str, Callable[[], object] | str] = {"SAHI": "skipped", "ultralytics": "skipped"}
    try:
        path = exported(detector.weights, directory)
        others = {"SAHI": sahi_work(path, image), "ultralytics": ultralytics_work(path, small)}
        works["detect"] = lambda: detector.detect(small)
    except ImportError as error:
        others = dict.fromkeys(others, f"skipped: {error}")
    works |= {name: work for name, work in others.items() if callable(work)}
    times = side_by_side(works, rounds)
    figures: dict[str, Any] = {"ms": times.ms()}
    figures["tiles / parts in turn"] = times.ratio("tiles", "parts in turn")
    for name, own in (("SAHI", "tiles"), ("ultralytics", "detect")):
        work = others[name]
        figures[f"{name} / {own}"] = work if isinstance(work, str) else times.ratio(name, own)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the eye is.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--rounds-4k", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="patrol-rgb")
    parser.add_argument("--video", type=Path, help="1080p H.264; rendered there where it is missing")
    given = parser.parse_args()
    detector = Detector(load_weights(given.weights), threads=given.threads)
    with tempfile.TemporaryDirectory() as directory:
        video = given.video or Path(directory) / "flight.mp4"
        if not video.exists():
            make_video(video)
        load = os.getloadavg()[0]
        figures = speed(detector, video, given.rounds, directory)
        frame = next(iter(VideoFile(video, START))).image
        four = np.tile(frame, (2, 2, 1))
        figures_4k = large(detector, four, given.rounds_4k, directory)
    about = {"weights": detector.weights.label, "threads": given.threads, "load before": round(load, 1)}
    print(json.dumps(about | figures | {"4K": figures_4k}, indent=1))


if __name__ == "__main__":
    main()
