from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest

from missions.kinds import load_kinds
from missions.terrain import FlatTerrain
from missions.zones import Zones
from tests.unit.vision.stage import FRAME, GROUND_M, START, Flight, zone
from vision.camera import CameraModel, project
from vision.detections import Detections
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.glances import AimedDetector, Looked, RotaDetector, Scene, zone_prior
from vision.ground import GroundView
from vision.looks import Look
from vision.redact import redact
from vision.tile_rota import FAR, RotaRules, TileRota
from vision.watch import Watch

CAMERA_4K = CameraModel.from_field_of_view(3840, 2160, 60.0, name="patrol-4k")
VIEW = GroundView(CAMERA_4K, FRAME, FlatTerrain(GROUND_M))
HIGH = Flight(0, -60, 0, 7, pitch=-60, height=80)


class Blobs:
    """Finds bright people and orange fires, and counts pictures."""

    names = ("person", "fire")

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.thresholds = {"person": 0.3, "fire": 0.3}

    def detect(self, image: np.ndarray) -> Detections:
        self.sizes.append((image.shape[1], image.shape[0]))
        _, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 90).astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        n = len(boxes)
        middles = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
        classes = (image[middles[:, 1], middles[:, 0], 2] < 128).astype(np.int64)
        return Detections(boxes, np.full(n, 0.8, np.float32), classes, self.names)


def people(seconds: float, places: list[tuple[float, float]]) -> np.ndarray:
    """A 4K picture of people as white columns of half a metre, from ``HIGH``."""
    image = np.zeros((2160, 3840, 3), np.uint8)
    pose = HIGH.pose(seconds)
    for east, north in places:
        corners = [[east + x, north, GROUND_M + up] for x in (-0.25, 0.25) for up in (0.0, 1.7)]
        pixels, _ = project(CAMERA_4K, pose, FRAME, corners)
        (left, top), (right, bottom) = pixels.min(axis=0).round(), pixels.max(axis=0).round()
        if left >= 0 and top >= 0:
            image[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 255
    return image


PLACES = [(6.0 * x, 8.0 * y) for x in range(-5, 6) for y in range(-4, 5)]


def test_a_picture_that_fits_is_given_to_the_network_as_it_is() -> None:
    blobs = Blobs()
    eye = RotaDetector(blobs)
    assert isinstance(eye, AimedDetector)
    picture = np.zeros((720, 1280, 3), np.uint8)
    glance = eye.glance(picture, Scene(0.0))
    assert glance.looked is None
    assert blobs.sizes == [(1280, 720)]
    eye.detect(picture)
    assert blobs.sizes == [(1280, 720)] * 2


def test_a_large_picture_is_looked_at_in_parts_and_all_of_it_in_the_time_promised() -> None:
    blobs = Blobs()
    eye = RotaDetector(blobs, TileRota(RotaRules(share=0.3, opening=0)))
    picture = people(0, PLACES)
    found, frames = set(), 0
    glance = eye.glance(picture, Scene(0.0, HIGH.pose(0), VIEW))
    assert glance.turn is not None
    limit = glance.turn.revisit_frames
    while frames < limit:
        frames += 1
        glance = eye.glance(picture, Scene(frames / 5, HIGH.pose(0), VIEW))
        assert glance.looked is not None
        assert glance.looked.holds(glance.detections.boxes).all()
        found |= {(round(x / 20), round(y / 20)) for x, y in glance.detections.boxes[:, :2].tolist()}
    everyone = eye.detect(picture)
    assert len(everyone) > 80
    assert {(round(x / 20), round(y / 20)) for x, y in everyone.boxes[:, :2].tolist()} <= {
        (x + i, y + j) for x, y in found for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    assert eye.looked_at / eye.parts <= 0.3
    assert eye.longest_wait_frames == limit > 1


def test_where_something_is_expected_it_is_looked_at() -> None:
    eye = RotaDetector(Blobs(), TileRota(RotaRules(share=0.2, new_ground=0.0, opening=0)))
    box = np.array([[3000, 1500, 3030, 1560]], np.float32)
    for i in range(8):
        glance = eye.glance(people(0, []), Scene(i / 5, HIGH.pose(0), VIEW, box, np.ones(1)))
        assert glance.looked is not None
        assert glance.looked.holds(box).all()
        assert glance.turn is not None
        assert "followed" in glance.turn.why


def test_without_a_pose_the_parts_take_turns() -> None:
    eye = RotaDetector(Blobs(), TileRota(RotaRules(share=0.25, opening=0)))
    seen: set[int] = set()
    for i in range(4):
        glance = eye.glance(people(0, []), Scene(i / 5))
        assert glance.turn is not None
        assert set(glance.turn.why) == {"turn"}
        seen |= set(glance.turn.chosen)
    assert seen == set(range(16))


def test_people_too_small_are_refused_once_with_a_reason_and_the_rest_is_looked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    blobs = Blobs()
    eye = RotaDetector(blobs)
    high = Flight(0, 0, 0, 0, pitch=-90, height=500)
    for i in range(2):
        glance = eye.glance(people(0, []), Scene(i / 5, high.pose(0), VIEW))
        assert glance.turn is not None
        assert glance.turn.chosen == (FAR,)
    assert blobs.sizes == [(3840, 2160)] * 2
    assert "fly at" in eye.refusal
    assert len(caplog.records) == 1


def test_far_ground_and_sky_get_the_whole_picture_in_turn() -> None:
    blobs = Blobs()
    eye = RotaDetector(blobs, TileRota(RotaRules(share=0.2, opening=0)))
    level = Flight(0, 0, 0, 0, pitch=-12, height=60)
    picture = np.zeros((2160, 3840, 3), np.uint8)
    picture[60:120, 1900:1960] = 255
    turns = [eye.glance(picture, Scene(i / 5, level.pose(0), VIEW)) for i in range(40)]
    far = [glance.turn is not None and FAR in glance.turn.chosen for glance in turns]
    assert 0 < sum(far) < 40
    smoke = np.array([[1900, 60, 1960, 120]], np.float32)
    for glance, whole in zip(turns, far, strict=True):
        assert glance.looked is not None
        assert bool(len(glance.detections)) == whole == bool(glance.looked.holds(smoke)[0])


def test_a_thing_is_looked_at_where_a_part_holds_it_whole() -> None:
    part = Look((1000, 500, 2000, 1000), 1.0, 16.0, (9, 5, 16, 8), 150.0)
    looked = Looked((3840, 2160), (part,))
    boxes = np.array(
        [
            [1500, 700, 1530, 760], [990, 700, 1020, 760], [100, 100, 130, 160], [1990, 700, 2300, 760],
            [1400, 700, 2200, 760], [np.nan] * 4,
        ], np.float32,
    )  # fmt: skip
    assert looked.holds(boxes).tolist() == [True, False, False, False, True, False]
    corner = Looked((3840, 2160), (Look((0, 0, 900, 900), 1.0, 16.0, (0, 0, 7, 7), 150.0),))
    assert corner.holds(np.array([[0, -5, 30, 60]], np.float32)).all()


def test_hazards_are_likely_in_watched_zones() -> None:
    prior = zone_prior(Zones([zone("P1", "no_parking", 0, 0, 20, 20), zone("G1", "parking", 40, 0, 20, 20)]))
    np.testing.assert_allclose(prior(FRAME, np.array([[0.0, 5.0], [40.0, 0.0], [15.0, 0.0]])), [1, 0, 0])
    assert zone_prior(Zones())(FRAME, np.zeros((2, 2))).tolist() == [0, 0]


def watch_of(eye: RotaDetector, directory: Path) -> Watch:
    return Watch(
        CAMERA_4K, eye, pose_at=lambda at: HIGH.pose((at - START).total_seconds()),
        terrain=FlatTerrain(GROUND_M), zones=None, kinds=load_kinds(), evidence=EvidenceStore(directory),
        flight_id=None, source="simulator", weights_label="blobs", namespace=UUID(int=3),
    )  # fmt: skip


def test_a_watch_follows_people_through_frames_that_do_not_look_at_them(tmp_path: Path) -> None:
    eye = RotaDetector(Blobs(), TileRota(RotaRules(share=0.34)))
    watch = watch_of(eye, tmp_path)
    places = PLACES[30:70]
    for i in range(20):
        picture = people(i / 5, places)
        result = watch.process(Frame(picture, START + timedelta(seconds=i / 5), i))
    ids = {track.id for track in result.tracks if track.hits >= 2}
    assert len(ids) == pytest.approx(len(Blobs().detect(picture)), abs=2)
    assert max(ids) <= len(places) + 4
    assert any(track.waiting for track in result.tracks)
    assert len(result.hidden) >= len(ids)
    assert eye.looked_at / eye.parts < 0.42


def test_the_picture_kept_as_evidence_hides_people_in_parts_that_were_not_looked_at(tmp_path: Path) -> None:
    eye = RotaDetector(Blobs(), TileRota(RotaRules(share=0.2, new_ground=0.0, opening=0)))
    watch = watch_of(eye, tmp_path)
    watch._pose_at = lambda at: HIGH.pose(0)
    picture = people(0, PLACES)
    picture[1200:1290, 1900:1990] = (255, 120, 0)
    sightings = []
    for i in range(60):
        sightings += watch.process(Frame(picture, START + timedelta(seconds=i / 5), i)).sightings
        if sightings:
            break
    (kept,) = [item for item in sightings[0].evidence if item.role == "snapshot" and item.redacted]
    shown = cv2.imread(str(EvidenceStore(tmp_path).path(kept.sha256)))
    assert shown is not None

    def white(shown: np.ndarray) -> int:
        return int((shown[:1100] > 240).all(axis=2).sum())

    hidden = redact(picture, Blobs().detect(picture))
    assert white(shown) < 1.1 * white(hidden) < 0.5 * white(picture)
