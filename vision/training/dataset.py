"""Training canvases mixed on the fly from several collections.

Every canvas is reproducible: it depends on the seed and its number alone, so that a run taken up again sees
what it would have seen.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES
from vision.training.augment import (
    Sample,
    degrade,
    degrade_thermal,
    flip,
    paste_fire,
    quarter_turns,
    tiles_of,
    window,
)
from vision.training.sources import ALL, Image, Picture, overlap

Random = np.random.Generator
FIRE, SMOKE, PERSON = CLASSES.index("fire"), CLASSES.index("smoke"), CLASSES.index("person")
TWO_WHEELERS = [CLASSES.index("bicycle"), CLASSES.index("motorcycle")]
USUAL_SIZE = 640
SHARES: Mapping[str, float] = {
    "town": 0.42,
    "people_cctv": 0.2,
    "vehicles": 0.15,
    "fire_smoke": 0.18,
    "stills": 0.05,
    "thermal": 1.0,
    "verdicts": 0.5,
}
"""Part of the canvases that each collection supplies; shares of absent collections go to the others."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Canvases and labels as the loss reads them.

    images: (B, 3, S, S) uint8 RGB. boxes: (N, 4) centre and size as parts of the canvas. classes: (N, 1).
    owner: (N,) the canvas of each box, rising. counted: (B, A, C) bool, whether a class counts at an anchor.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.float32]
    owner: NDArray[np.float32]
    counted: NDArray[np.bool_]


class Mixture:
    """Draws training canvases from collections.

    Args:
        collections: pictures by collection name; the names of ``SHARES`` have their own way of being drawn.
        size: side of a canvas, pixels.
        seed: of everything random.
    """

    def __init__(
        self,
        collections: Mapping[str, Sequence[Picture]],
        size: int = 640,
        seed: int = 0,
        shares: Mapping[str, float] = SHARES,
    ) -> None:
        self._collections = {name: list(found) for name, found in collections.items() if found}
        self._names = sorted(set(self._collections) & {n for n, share in shares.items() if share > 0})
        if not self._names:
            raise ValueError("no collection has pictures: name at least one that has")
        parts = np.array([shares[name] for name in self._names])
        self._parts = parts / parts.sum()
        self._size = size
        self._seed = seed
        self._pixels: dict[str, Image] = {}
        self._town_chances = chances(self._collections.get("town", ()))
        self._ways: dict[str, Callable[[Random], Sample]] = {
            "town": self._town,
            "people_cctv": self._cctv,
            "vehicles": self._vehicles,
            "fire_smoke": self._fire_smoke,
            "stills": self._stills,
            "thermal": self._thermal,
            "verdicts": self._verdicts,
        }

    def canvas(self, number: int) -> Sample:
        """Canvas ``number`` of the endless row that the seed defines."""
        random = np.random.default_rng((self._seed, number))
        name = self._names[int(random.choice(len(self._names), p=self._parts))]
        sample = self._ways[name](random)
        if random.random() < 0.5:
            sample = flip(sample)
        image = (degrade_thermal if name == "thermal" else degrade)(sample.image, random)
        return Sample(image, sample.boxes, sample.classes, sample.ignore, sample.labelled)

    def _draw(self, name: str, random: Random) -> Picture:
        pictures = self._collections[name]
        return pictures[int(random.integers(len(pictures)))]

    def _read(self, picture: Picture) -> Sample:
        # Encoded files stay in the system's cache; decoded ones are kept only where they are huge to decode.
        key = str(picture.path)
        if picture.source == "stills":
            if key not in self._pixels:
                self._pixels[key] = picture.read()
            return Sample.of(picture, self._pixels[key])
        return Sample.of(picture)

    def _part(
        self,
        sample: Sample,
        scale: float,
        random: Random,
        size: int,
        squash: float = 1.0,
        aim: NDArray[np.float64] | None = None,
    ) -> Sample:
        """A random part; half of them, or four in five with ``aim`` (a chance a box), hold a chosen box."""
        height, width = sample.image.shape[:2]
        reach_x, reach_y = size / scale, size / (scale * squash)
        if len(sample.boxes) and random.random() < (0.5 if aim is None else 0.8):
            box = sample.boxes[int(random.choice(len(sample.boxes), p=aim))]
            left = (box[0] + box[2]) / 2 - reach_x * random.uniform(0.1, 0.9)
            top = (box[1] + box[3]) / 2 - reach_y * random.uniform(0.1, 0.9)
        else:
            left = random.uniform(0, 1) * (width - reach_x)
            top = random.uniform(0, 1) * (height - reach_y)
        left = float(np.clip(left, min(0, width - reach_x), max(0, width - reach_x)))
        top = float(np.clip(top, min(0, height - reach_y), max(0, height - reach_y)))
        return window(sample, left, top, scale, size, squash)

    def _town(self, random: Random) -> Sample:
        # Most at the camera's resolution, some enlarged as a closer look enlarges them.
        closer = random.random() < 0.3
        power = random.uniform(np.log(1.5), np.log(2.8)) if closer else random.normal(0.06, 0.24)
        scale = float(np.exp(power).clip(0.5, 2.8))
        pictures = self._collections["town"]
        picture = pictures[int(random.choice(len(pictures), p=self._town_chances))]
        weights = weight_of_boxes(picture)
        aim = weights / weights.sum() if len(weights) else None
        sample = self._part(self._read(picture), scale, random, self._size, aim=aim)
        return self._with_fire(sample, random, 0.1)

    def _vehicles(self, random: Random) -> Sample:
        picture = self._draw("vehicles", random)
        small = picture.path.stem.startswith(("MOS", "Munich"))
        low, high = (0.9, 2.6) if small else (0.45, 1.3)
        scale = float(np.exp(random.uniform(np.log(low), np.log(high))))
        squash = 1.0 if picture.nadir else float(random.uniform(0.75, 1.0))
        sample = self._part(self._read(picture), scale, random, self._size, squash)
        if picture.nadir:
            sample = quarter_turns(sample, int(random.integers(4)))
        return self._with_fire(sample, random, 0.3)

    def _stills(self, random: Random) -> Sample:
        scale = float(np.exp(random.uniform(np.log(0.25), np.log(1.0))))
        sample = self._part(self._read(self._draw("stills", random)), scale, random, self._size)
        return self._with_fire(quarter_turns(sample, int(random.integers(4))), random, 0.7)

    def _thermal(self, random: Random) -> Sample:
        picture = self._draw("thermal", random)
        scale = float(np.exp(random.uniform(np.log(0.65), np.log(1.6))))
        squash = 1.0 if picture.nadir else float(random.uniform(0.85, 1.15))
        sample = self._part(self._read(picture), scale, random, self._size, squash)
        return quarter_turns(sample, int(random.integers(4))) if picture.nadir else sample

    def _verdicts(self, random: Random) -> Sample:
        picture = self._draw("verdicts", random)
        scale = float(np.exp(random.normal(0.0, 0.25)).clip(0.5, 2.0))
        box = picture.places[int(random.integers(len(picture.places)))]
        reach = self._size / scale
        left = (box[0] + box[2]) / 2 - reach * random.uniform(0.2, 0.8)
        top = (box[1] + box[3]) / 2 - reach * random.uniform(0.2, 0.8)
        return window(self._read(picture), float(left), float(top), scale, self._size)

    def _columns(self, wanted: float) -> int:
        """Columns of a mosaic; fewer on a small canvas, so that what is in a cell keeps its size."""
        return max(1, round(float(wanted) * self._size / USUAL_SIZE))

    def _cctv(self, random: Random) -> Sample:
        columns = self._columns(random.choice([2, 3, 4], p=[0.4, 0.4, 0.2]))
        cell = self._size // columns
        cells = []
        for _ in range(columns * columns):
            sample = self._read(self._draw("people_cctv", random))
            longest = max(sample.image.shape[:2])
            scale = cell / longest * float(random.uniform(0.9, 1.5))
            cells.append(self._part(sample, scale, random, cell, float(random.uniform(0.65, 1.0))))
        return tiles_of(cells, columns, self._size)

    def _fire_smoke(self, random: Random) -> Sample:
        columns = self._columns(random.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
        cell = self._size // columns
        cells = []
        for _ in range(columns * columns):
            sample = self._read(self._draw("fire_smoke", random))
            scale = cell / max(sample.image.shape[:2]) * float(random.uniform(0.8, 1.3))
            cells.append(self._part(sample, scale, random, cell))
        return tiles_of(cells, columns, self._size)

    def _with_fire(self, sample: Sample, random: Random, chance: float) -> Sample:
        if "fire_smoke" not in self._collections or random.random() > chance:
            return sample
        for _ in range(int(random.integers(1, 3))):
            picture = self._draw("fire_smoke", random)
            wanted = np.flatnonzero(np.isin(picture.classes, [FIRE, SMOKE]))
            if not len(wanted):
                continue
            index = int(wanted[int(random.integers(len(wanted)))])
            left, top, right, bottom = picture.boxes[index].round().astype(int).clip(0)
            patch = self._read(picture).image[top:bottom, left:right]
            if min(patch.shape[:2]) < 12 or max(patch.shape[:2]) > 6 * min(patch.shape[:2]):
                continue
            kind = int(picture.classes[index])
            sample = paste_fire(sample, patch, kind, random, bright=kind == FIRE)
        return sample

    def batches(self, size: int, start: int, stop: int) -> Iterator[Batch]:
        """Batches ``start`` to ``stop``, composed by a thread ahead of the training."""
        waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=3)
        stopped = threading.Event()

        def fill() -> None:
            try:
                for number in range(start, stop):
                    if stopped.is_set():
                        return
                    waiting.put(collate([self.canvas(number * size + i) for i in range(size)]))
                waiting.put(None)
            except BaseException as error:
                waiting.put(error)

        threading.Thread(target=fill, daemon=True, name="canvases").start()
        try:
            while (item := waiting.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            while not waiting.empty():
                waiting.get_nowait()


def weight_of_boxes(picture: Picture) -> NDArray[np.float64]:
    """How much it is worth to look at each box of a town frame, (N,).

    People count more than things, and most where they touch each other or ride: there most are missed. Fire
    and smoke are rare and count more than anyone.
    """
    people = picture.classes == PERSON
    weights = np.where(people, 1.0, 0.3)
    weights[np.isin(picture.classes, [FIRE, SMOKE])] = 6.0
    if not people.any():
        return weights
    shared = overlap(picture.boxes[people], picture.boxes)
    shared[np.arange(len(shared)), np.flatnonzero(people)] = 0.0
    with_people = shared[:, people].max(axis=1, initial=0.0)
    with_wheels = shared[:, np.isin(picture.classes, TWO_WHEELERS)].max(axis=1, initial=0.0)
    weights[people] += 2.0 * (with_people > 0.1) + 2.0 * (with_wheels > 0.15)
    return weights


def chances(pictures: Sequence[Picture]) -> NDArray[np.float64]:
    """The chance of each town frame to be drawn: more where much is to be learned, up to a limit."""
    worth = np.array([2.0 + min(20.0, float(weight_of_boxes(p).sum())) for p in pictures])
    return worth / worth.sum() if len(worth) else worth


def anchor_centres(size: int, strides: Sequence[int] = (8, 16, 32)) -> NDArray[np.float32]:
    """Centres of all anchors of a square canvas, (A, 2) x and y in pixels, in the network's order."""
    levels = []
    for stride in strides:
        line = (np.arange(size // stride) + 0.5) * stride
        y, x = np.meshgrid(line, line, indexing="ij")
        levels.append(np.stack([x.ravel(), y.ravel()], axis=1))
    return np.concatenate(levels).astype(np.float32)


def collate(samples: Sequence[Sample]) -> Batch:
    """One batch of canvases of equal size."""
    size = samples[0].image.shape[0]
    centres = anchor_centres(size)
    counted = np.ones((len(samples), len(centres), len(CLASSES)), dtype=bool)
    boxes, classes, owner = [], [], []
    for number, sample in enumerate(samples):
        for index, name in enumerate(CLASSES):
            if name not in sample.labelled:
                counted[number, :, index] = False
        for left, top, right, bottom, kind in sample.ignore:
            inside = (
                (centres[:, 0] > left)
                & (centres[:, 0] < right)
                & (centres[:, 1] > top)
                & (centres[:, 1] < bottom)
            )
            if int(kind) == ALL:
                counted[number, inside] = False
            else:
                counted[number, inside, int(kind)] = False
        sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
        boxes.append(np.concatenate([sample.boxes[:, :2] + sides / 2, sides], axis=1) / size)
        classes.append(sample.classes)
        owner.append(np.full(len(sample.boxes), number))
    return Batch(
        images=np.stack([s.image.transpose(2, 0, 1) for s in samples]),
        boxes=np.concatenate(boxes).astype(np.float32),
        classes=np.concatenate(classes).astype(np.float32)[:, None],
        owner=np.concatenate(owner).astype(np.float32),
        counted=counted,
    )


def draw(sample: Sample) -> Image:
    """The canvas with its labels drawn in, for a person to look at: red fire, green others, grey ignored."""
    picture = np.array(sample.image)
    for left, top, right, bottom in sample.ignore[:, :4].astype(int).tolist():
        cv2.rectangle(picture, (left, top), (right, bottom), (128, 128, 128), 1)
    for (left, top, right, bottom), kind in zip(
        sample.boxes.astype(int).tolist(), sample.classes.tolist(), strict=True
    ):
        colour = (255, 0, 0) if CLASSES[kind] in ("fire", "smoke") else (0, 255, 0)
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 1)
        cv2.putText(picture, CLASSES[kind], (left, top), cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour)
    return picture
