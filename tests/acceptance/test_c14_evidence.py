"""C14: snapshot, clip with pre- and post-roll, sealed by a hash chain; redacted by default.

An edited, dropped or reordered piece is found. (Who may see the original is checked at the server's door.)
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID

import av
import numpy as np
import pytest
from PIL import Image

from missions.kinds import load_kinds
from missions.messages import EvidenceItem, EvidenceRole, SightingMessage
from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, GROUND_M, START, Flight, Stage, Thing, at
from vision.evidence import EvidenceStore, verify_chain
from vision.frames import Frame
from vision.watch import Watch

FPS = 5.0
FRAMES = 36


class Street(Stage):
    """A fire and a person; where the person is, the picture holds a fine pattern, as a face would be."""

    person: tuple[int, int, int, int] = (0, 0, 0, 0)

    def picture(self) -> np.ndarray:
        image = np.full((720, 1280, 3), 120, np.uint8)
        left, top, right, bottom = (round(float(v)) for v in self.detect(image).of("person").boxes[0])
        self.person = (left, top, right, bottom)
        image[top:bottom, left:right] = (np.indices((bottom - top, right - left)).sum(0) % 2 * 255)[..., None]
        return image


@dataclass
class Reported:
    messages: list[SightingMessage]
    store: EvidenceStore
    street: Street

    @property
    def items(self) -> list[EvidenceItem]:
        return list(self.messages[-1].evidence)

    def piece(self, role: EvidenceRole) -> tuple[EvidenceItem, bytes]:
        item = next(item for item in self.items if item.role is role)
        return item, self.store.get(item.sha256)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    store = EvidenceStore(tmp_path_factory.mktemp("evidence"))
    things = [Thing("fire", at(-6, 0), 0.7), Thing("person", at(4, 0), 0.7)]
    street = Street(things, Flight(0, -15, 0, 0, height=20.0), pixel_noise=0.0)
    pose = street.flight.pose(0)
    watch = Watch(
        CAMERA, street, pose_at=lambda instant: replace(pose, captured_at=instant),
        terrain=FlatTerrain(GROUND_M), zones=None, kinds=load_kinds(), evidence=store, flight_id=None,
        source="simulator", weights_label="scripted", namespace=UUID(int=3),
    )  # fmt: skip
    image = street.picture()
    messages: list[SightingMessage] = []
    for index in range(FRAMES):
        messages += watch.process(Frame(image, START + timedelta(seconds=index / FPS), index)).sightings
    return Reported(messages + watch.finish(), store, street)


def detail(image: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """How much neighbouring pixels differ inside a box."""
    left, top, right, bottom = box
    part = image[top + 2 : bottom - 2, left + 2 : right - 2].astype(float)
    return float(np.abs(np.diff(part, axis=1)).mean())


def test_snapshot_and_original_at_once_and_the_clip_when_it_is_complete(reported: Reported) -> None:
    assert [item.role.value for item in reported.messages[0].evidence] == ["snapshot", "original"]
    assert [item.role.value for item in reported.items] == ["snapshot", "original", "clip"]
    assert {m.sighting_id for m in reported.messages} == {reported.messages[0].sighting_id}


def test_people_are_unrecognisable_in_all_but_the_original(reported: Reported) -> None:
    person = reported.street.person
    item, content = reported.piece(EvidenceRole.ORIGINAL)
    assert not item.redacted
    assert detail(np.asarray(Image.open(io.BytesIO(content))), person) > 60
    item, content = reported.piece(EvidenceRole.SNAPSHOT)
    assert item.redacted
    assert detail(np.asarray(Image.open(io.BytesIO(content))), person) < 8
    item, content = reported.piece(EvidenceRole.CLIP)
    assert item.redacted
    with av.open(io.BytesIO(content)) as container:
        for frame in container.decode(video=0):
            scale = frame.width / 1280
            small = tuple(round(side * scale) for side in person)
            assert detail(frame.to_ndarray(format="rgb24"), small) < 8  # type: ignore[arg-type]


def test_the_clip_has_a_pre_roll_and_a_post_roll(reported: Reported) -> None:
    confirmed = reported.messages[0].last_seen_at
    item, content = reported.piece(EvidenceRole.CLIP)
    with av.open(io.BytesIO(content)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert item.captured_at < confirmed
    assert item.captured_at + timedelta(seconds=times[-1]) >= confirmed + timedelta(seconds=2.9)


def test_a_whole_chain_is_whole(reported: Reported) -> None:
    sighting = reported.messages[-1].sighting_id
    assert verify_chain(reported.items, reported.store, sighting_id=sighting) == []


def test_every_edit_of_a_single_byte_is_found(reported: Reported, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for item in reported.items:
        content = reported.store.get(item.sha256)
        for position in random.integers(0, len(content), 5):
            copy = EvidenceStore(tmp_path / str(position))
            for other in reported.items:
                copy.put(reported.store.get(other.sha256))
            edited = bytearray(content)
            edited[position] ^= 0x10
            copy.path(item.sha256).write_bytes(edited)
            assert [fault.kind for fault in verify_chain(reported.items, copy)] == ["edited"]


def test_every_dropped_and_every_reordered_piece_is_found(reported: Reported) -> None:
    items, head = reported.items, reported.items[-1].sha256
    for order in permutations(items):
        faults = verify_chain(order, reported.store, head=head)
        assert bool(faults) == (list(order) != items)
    for index in range(len(items)):
        assert verify_chain(items[:index] + items[index + 1 :], reported.store, head=head)
