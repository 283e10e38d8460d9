"""Training pictures of the town with YOLO labels: random poses, hours, light and camera marks.

Seeds below 1000 belong to judging; training uses seeds from 1000 up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from drone.sim.events import PlantedEvent
from drone.sim.renderer import Renderer, pose_at
from drone.sim.town import Town
from drone.sim.truth import FrameTruth
from vision.camera import CameraModel, Pose
from vision.detections import CLASSES

KEPT_FRACTION = 0.35
SMALL_PX = 4.0


@dataclass(frozen=True, slots=True)
class Job:
    """All pictures of one seed."""

    out_dir: Path
    seed: int
    frames: int
    sizes: tuple[tuple[int, int], ...]
    looks: int
    quality: int
    night: bool
    events_share: float
    kinds: tuple[str, ...] = ()


def render_dataset(
    out_dir: Path | str, seeds: Iterable[int], frames_per_seed: int,
    sizes: Sequence[tuple[int, int]] = ((1280, 720),), *, looks_per_seed: int = 4, workers: int | None = None,
    quality: int = 92, night_share: float = 0.0, events_share: float = 0.4,
    kinds: Sequence[str] = (),
) -> int:  # fmt: skip
    """Write ``images/SEED-K.jpg``, ``labels/SEED-K.txt`` and ``ignore/SEED-K.txt``; returns how many
    pictures.

    A line of labels is ``class cx cy w h`` as fractions of the picture, classes as in ``vision.detections``.
    ``ignore`` has the same form for what is there but hardly visible or tiny: neither target nor background.

    Args:
        out_dir: gets the three folders, and ``classes.txt``.
        seeds: towns to render.
        frames_per_seed: pictures of each town.
        sizes: (width, height) of pictures, taken in turn.
        looks_per_seed: how many lights and cameras each town is seen by.
        workers: processes; by default one for each core.
        quality: of the JPEG files.
        night_share: share of the seeds seen by night.
        events_share: share of the pictures aimed at fires, smoke or crowds; the rest look anywhere.
        kinds: the kinds of planted events to aim at, at a time when they are there; all that happen to be
            there if empty.
    """
    root = Path(out_dir)
    for folder in ("images", "labels", "ignore"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", "utf-8")
    jobs = [
        Job(
            root, seed, frames_per_seed, tuple(sizes), looks_per_seed, quality,
            bool(np.random.default_rng([seed, 90]).random() < night_share), events_share,
            tuple(kinds),
        )
        for seed in seeds
    ]  # fmt: skip
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count <= 1:
        return sum(render_seed(job) for job in jobs)
    with multiprocessing.get_context("spawn").Pool(count, maxtasksperchild=4) as pool:
        return sum(pool.imap_unordered(render_seed, jobs))


def render_seed(job: Job) -> int:
    """Render one job; returns the number of pictures."""
    cv2.setNumThreads(1)
    town = Town.generate(job.seed)
    rng = np.random.default_rng([job.seed, 91])
    per_look = -(-job.frames // max(job.looks, 1))
    done = 0
    while done < job.frames:
        width, height = job.sizes[(done // per_look) % len(job.sizes)]
        camera = CameraModel.from_field_of_view(width, height, float(rng.uniform(50.0, 76.0)))
        renderer = Renderer(
            town,
            camera,
            night=job.night,
            look_seed=int(rng.integers(1 << 30)),
            supersample=float(rng.choice([1.0, 1.5, 2.0])),
        )
        for _ in range(min(per_look, job.frames - done)):
            time_s = float(rng.uniform(0, 3600))
            wanted = [e for kind in job.kinds for e in town.planted if e.kind == kind]
            event = wanted[int(rng.integers(len(wanted)))] if wanted else None
            if event:
                time_s = float(rng.uniform(event.start_s, event.end_s))
            pose = random_pose(town, rng, time_s, job.events_share, event)
            picture, truth = renderer.render(time_s, pose)
            _write(job, f"{job.seed:05d}-{done:04d}", picture, truth)
            done += 1
        renderer.close()
    return done


def random_pose(
    town: Town, rng: Generator, time_s: float, events_share: float, event: PlantedEvent | None = None
) -> Pose:
    """30-80 m up, pitch -35 to -90, any heading; a share of the poses looks at an event or near it.

    ``event`` names the event; otherwise it is one of those that are there at ``time_s``.
    """
    height = float(rng.uniform(30, 80))
    pitch = float(rng.choice([-55.0, rng.uniform(-90, -35), rng.uniform(-70, -45)], p=[0.3, 0.35, 0.35]))
    yaw, roll = float(rng.uniform(0, 360)), float(rng.normal(0, 1.0))
    east, north = float(rng.uniform(-370, 370)), float(rng.uniform(-270, 280))
    live = [event] if event else [e for e in town.planted if e.active(time_s)]
    if live and rng.random() < events_share:
        event = live[int(rng.integers(len(live)))]
        east, north = event.east + float(rng.normal(0, 8)), event.north + float(rng.normal(0, 8))
    back = height / np.tan(np.radians(-pitch)) if pitch > -89 else 0.0
    east -= back * float(np.sin(np.radians(yaw)))
    north -= back * float(np.cos(np.radians(yaw)))
    return pose_at(town, east, north, height, yaw, pitch, roll)


def label_lines(truth: FrameTruth, width: int, height: int) -> tuple[list[str], list[str]]:
    """YOLO lines of the clear boxes, and of those to ignore."""
    labels: list[str] = []
    ignored: list[str] = []
    for box in truth.boxes:
        left, top, right, bottom = box.box
        line = (
            f"{CLASSES.index(box.name)} {(left + right) / 2 / width:.6f} {(top + bottom) / 2 / height:.6f} "
            f"{(right - left) / width:.6f} {(bottom - top) / height:.6f}"
        )
        small = max(right - left, bottom - top) < 2 * SMALL_PX or min(right - left, bottom - top) < SMALL_PX
        (ignored if small or box.visible_fraction < KEPT_FRACTION else labels).append(line)
    return labels, ignored


def _write(job: Job, name: str, picture: np.ndarray, truth: FrameTruth) -> None:
    height, width = picture.shape[:2]
    cv2.imwrite(
        str(job.out_dir / "images" / f"{name}.jpg"),
        picture[..., ::-1],
        [cv2.IMWRITE_JPEG_QUALITY, job.quality],
    )
    labels, ignored = label_lines(truth, width, height)
    (job.out_dir / "labels" / f"{name}.txt").write_text("".join(line + "\n" for line in labels), "utf-8")
    (job.out_dir / "ignore" / f"{name}.txt").write_text("".join(line + "\n" for line in ignored), "utf-8")


def parse_seeds(text: str) -> list[int]:
    """``1000-1019,1040`` -> the seeds meant.

    >>> parse_seeds("1000-1002,1010")
    [1000, 1001, 1002, 1010]
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def main() -> None:
    """``python -m drone.sim.dataset --out D --seeds 1000-1040 --frames 40``."""
    parser = argparse.ArgumentParser(description="Render training pictures of the demo town.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=parse_seeds, required=True)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--sizes", default="1280x720", help="e.g. 1280x720,960x960")
    parser.add_argument("--looks", type=int, default=4)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--night-share", type=float, default=0.0)
    parser.add_argument("--events-share", type=float, default=0.4)
    parser.add_argument("--kinds", default="", help="planted events to aim at, e.g. smoke,fire")
    given = parser.parse_args()
    sizes = [(int(w), int(h)) for w, h in (size.split("x") for size in given.sizes.split(","))]
    render_dataset(
        given.out, given.seeds, given.frames, sizes, looks_per_seed=given.looks, workers=given.workers,
        night_share=given.night_share, events_share=given.events_share,
        kinds=[kind for kind in given.kinds.split(",") if kind],
    )  # fmt: skip


if __name__ == "__main__":
    main()
