"""A stage: things on flat ground, a camera that flies over, plain pictures, and a detector that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
from shapely.geometry import Polygon

from missions.geodesy import LocalFrame
from missions.kinds import load_kinds
from missions.messages import OverlayBox, SightingMessage
from missions.terrain import FlatTerrain
from missions.zones import Zone, Zones
from vision.camera import CameraModel, Pose, project
from vision.detections import CLASSES, Detections
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.rules import WatchRules
from vision.watch import Watch, WatchResult

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
FRAME = LocalFrame(28.45, 117.97)
GROUND_M = 68.0
CAMERA = CameraModel.from_field_of_view(1280, 720, 60.0, name="patrol-720p")
SIZES = {  # length, width, height in metres
    "person": (0.5, 0.5, 1.7), "car": (4.5, 1.8, 1.5), "truck": (8.0, 2.4, 2.8), "bus": (11.0, 2.5, 3.0),
    "bicycle": (1.7, 0.6, 1.6), "motorcycle": (1.9, 0.7, 1.5),
    "fire": (2.5, 2.5, 2.0), "smoke": (6.0, 6.0, 12.0),
}  # fmt: skip
Path2 = Callable[[float], tuple[float, float]]


@dataclass
class Thing:
    """Something on the ground.

    path: seconds -> east, north. shown: when it exists, seconds. waver: standard deviation of its score.
    """

    name: str
    path: Path2
    score: float = 0.7
    shown: tuple[float, float] = (0.0, 1e9)
    recall: float = 1.0
    flicker: str = ""
    waver: float = 0.06


def at(east: float, north: float) -> Path2:
    return lambda _: (east, north)


def moving(east: float, north: float, speed_east: float, speed_north: float) -> Path2:
    return lambda t: (east + speed_east * t, north + speed_north * t)


@dataclass
class Flight:
    """Straight and level: start place, velocity, height above ground, gimbal pitch."""

    east: float = 0.0
    north: float = -60.0
    speed_east: float = 0.0
    speed_north: float = 7.0
    height: float = 50.0
    yaw: float = 0.0
    pitch: float = -55.0

    def pose(self, seconds: float, jitter: np.ndarray | None = None) -> Pose:
        shake = np.zeros(3) if jitter is None else jitter
        place = FRAME.to_geodetic(
            [
                [
                    self.east + self.speed_east * seconds,
                    self.north + self.speed_north * seconds,
                    GROUND_M + self.height,
                ]
            ]
        )[0]
        return Pose(
            captured_at=START + timedelta(seconds=seconds), latitude=place[0], longitude=place[1],
            altitude_amsl_m=place[2], yaw_deg=self.yaw + shake[0], pitch_deg=self.pitch + shake[1],
            roll_deg=shake[2],
        )  # fmt: skip


def box_of(name: str, place: tuple[float, float], pose: Pose) -> np.ndarray | None:
    """The box around a thing's corners, cut at the border; None when it is out of the picture."""
    length, width, height = SIZES[name]
    corners = np.array(
        [
            [place[0] + x * width / 2, place[1] + y * length / 2, GROUND_M + z * height]
            for x in (-1, 1) for y in (-1, 1) for z in (0, 1)
        ]
    )  # fmt: skip
    pixels, _ = project(CAMERA, pose, FRAME, corners)
    if not np.isfinite(pixels).all():
        return None
    left, top = np.maximum(pixels.min(axis=0), 0)
    right, bottom = np.minimum(pixels.max(axis=0), [1280, 720])
    full = (pixels.max(axis=0) - pixels.min(axis=0)).prod()
    if right - left < 3 or bottom - top < 3 or (right - left) * (bottom - top) < 0.3 * full:
        return None
    return np.array([left, top, right, bottom])


GROUND_SPAN_M, GROUND_PX = 320.0, 1600
"""The painted ground is a square about the origin."""


@cache
def ground_texture() -> np.ndarray:
    """Mottled ground (1600, 1600, 3), north up."""
    random = np.random.default_rng(0)
    whole = (GROUND_PX, GROUND_PX)
    coarse = cv2.resize(random.normal(0, 1, (200, 200)), whole, interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(random.normal(0, 1, whole), (0, 0), 1.0)
    grey = np.clip(120 + 15 * coarse + 40 * fine, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def painted(things: Sequence[Thing], seconds: float, pose: Pose) -> np.ndarray:
    """What the camera sees: the ground, and everything upon it as a mottled block of its own."""
    corners = np.array([[-60.0, -60.0], [60.0, -60.0], [60.0, 60.0], [-60.0, 60.0]])
    ahead = pose.position_in(FRAME)[:2] + 40 * np.array(
        [np.sin(np.radians(pose.yaw_deg)), np.cos(np.radians(pose.yaw_deg))]
    )
    places = ahead + corners * 0.3
    pixels, _ = project(CAMERA, pose, FRAME, np.column_stack([places, np.full(4, GROUND_M)]))
    scale = GROUND_PX / GROUND_SPAN_M
    texels = np.column_stack([GROUND_PX / 2 + places[:, 0] * scale, GROUND_PX / 2 - places[:, 1] * scale])
    homography = cv2.getPerspectiveTransform(texels.astype(np.float32), pixels.astype(np.float32))
    image = cv2.warpPerspective(
        ground_texture(), homography, (1280, 720), borderMode=cv2.BORDER_REFLECT, flags=cv2.INTER_LINEAR
    )
    for number, thing in enumerate(things):
        box = box_of(thing.name, thing.path(seconds), pose)
        if box is None or not thing.shown[0] <= seconds < thing.shown[1]:
            continue
        pattern = np.random.default_rng(number).integers(0, 255, (5, 3, 3), dtype=np.uint8)
        width, height = box[2:] - box[:2]
        left, top, right, bottom = (round(float(side)) for side in box)
        to_box = np.array([[width / 3, 0, box[0] - left], [0, height / 5, box[1] - top]], np.float32)
        image[top:bottom, left:right] = cv2.warpAffine(
            pattern, to_box, (right - left, bottom - top), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
    return image


@dataclass
class Stage:
    """Runs a Watch over things.

    pixel_noise: px a box side. pose_noise_deg: of the known pose. height_bias: metres it is told too high.
    """

    things: Sequence[Thing]
    flight: Flight = field(default_factory=Flight)
    zones: Zones | None = None
    pixel_noise: float = 1.0
    pose_noise_deg: float = 0.05
    place_noise: float = 0.0
    height_bias: float = 0.0
    seed: int = 0
    names: Sequence[str] = CLASSES
    thresholds = dict.fromkeys(CLASSES, 0.3)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self._seconds = 0.0
        self.known: dict[datetime, Pose] = {}
        self.overlays: list[list[OverlayBox]] = []

    def detect(self, image: np.ndarray) -> Detections:
        pose = self.flight.pose(self._seconds)
        boxes, scores, classes = [], [], []
        for thing in self.things:
            noise = self.random.normal(0, self.pixel_noise, 4)
            wobble = self.random.normal(0, self.place_noise, 2)
            luck, shake = self.random.random(), self.random.normal(0, thing.waver)
            flick = self.random.random()
            if not thing.shown[0] <= self._seconds < thing.shown[1] or luck > thing.recall:
                continue
            east, north = thing.path(self._seconds) + wobble
            box = box_of(thing.name, (east, north), pose)
            if box is None:
                continue
            name = thing.flicker if thing.flicker and flick < 0.3 else thing.name
            boxes.append(np.clip(box + noise, 0, [1280, 720, 1280, 720]))
            scores.append(np.clip(thing.score + shake, 0.05, 0.99))
            classes.append(CLASSES.index(name))
        if not boxes:
            return Detections.empty()
        return Detections(
            np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes, np.int64)
        )

    def pose_at(self, instant: datetime) -> Pose | None:
        return self.known.get(instant)

    def run(
        self, directory: Path, seconds: float, fps: float = 5.0, *, rules: WatchRules | None = None,
        poses: bool = True,
    ) -> tuple[list[SightingMessage], list[WatchResult]]:  # fmt: skip
        watch = Watch(
            CAMERA, self, pose_at=self.pose_at, terrain=FlatTerrain(GROUND_M), zones=self.zones,
            kinds=load_kinds(), evidence=EvidenceStore(directory), flight_id=UUID(int=7), source="simulator",
            weights_label="scripted", namespace=UUID(int=7), rules=rules,
        )  # fmt: skip
        messages: list[SightingMessage] = []
        results = []
        for index in range(round(seconds * fps)):
            self._seconds = index / fps
            instant = START + timedelta(seconds=self._seconds)
            if poses:
                pose = self.flight.pose(self._seconds, self.random.normal(0, self.pose_noise_deg, 3))
                told = pose.altitude_amsl_m + self.height_bias
                self.known[instant] = replace(pose, altitude_amsl_m=told)
            image = painted(self.things, self._seconds, self.flight.pose(self._seconds))
            result = watch.process(Frame(image, instant, index))
            results.append(result)
            self.overlays.append(watch.overlay(result))
            messages += result.sightings
        return messages + watch.finish(), results


def latest(messages: Sequence[SightingMessage]) -> list[SightingMessage]:
    """The newest revision of each sighting, in order of first appearance."""
    newest: dict[UUID, SightingMessage] = {}
    for message in messages:
        known = newest.get(message.sighting_id)
        assert message.revision == (known.revision + 1 if known else 1)
        newest[message.sighting_id] = message
    return list(newest.values())


def zone(code: str, kind: str, east: float, north: float, width: float, height: float) -> Zone:
    """A rectangle about a place in metres."""
    ring = [
        (east - width / 2, north - height / 2), (east + width / 2, north - height / 2),
        (east + width / 2, north + height / 2), (east - width / 2, north + height / 2),
    ]  # fmt: skip
    places = FRAME.to_geodetic(ring)
    return Zone(code, kind, code, Polygon([(lon, lat) for lat, lon, _ in places]))


def zones(*found: Zone) -> Zones:
    return Zones(list(found))
