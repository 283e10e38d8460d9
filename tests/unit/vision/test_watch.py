"""The whole pipeline over scripted detections: each planted thing once, and nothing that is ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from missions.kinds import load_kinds
from missions.messages import EvidenceRole, SightingKind, SightingMessage, SightingState
from missions.terrain import FlatTerrain
from tests.unit.vision.scenes import cluster, marching, queue
from tests.unit.vision.stage import (
    CAMERA,
    FRAME,
    GROUND_M,
    START,
    Flight,
    Stage,
    Thing,
    at,
    latest,
    moving,
    zone,
    zones,
)
from vision.camera import ground_points
from vision.errors import ImageRefused
from vision.evidence import EvidenceStore, verify_chain
from vision.frames import Frame
from vision.watch import Watch, WatchResult

PLANTED = {
    ("fire", -20.0, -8.0), ("smoke", 22.0, 14.0), ("illegal_parking", 10.0, 0.0),
    ("illegal_parking", 13.0, 0.0), ("gathering", -8.0, 50.0),
}  # fmt: skip


def everything() -> list[Thing]:
    return [
        Thing("fire", at(-20, -8), 0.6),
        Thing("smoke", at(-18, -6), 0.6),  # of that fire
        Thing("smoke", at(22, 14), 0.6),
        Thing("car", at(10, 0), 0.7, flicker="truck"),
        Thing("car", at(13, 0), 0.7),
        Thing("car", at(4, -2), 0.8),  # stands where it may
        Thing("car", moving(11.5, -70, 0, 8), 0.8),  # drives through the zone
        Thing(
            "truck", lambda t: (11.5, 12.0 if t < 5 else 12 + 6 * (t - 5)), 0.8, shown=(3.4, 99)
        ),  # a short halt
        Thing("fire", at(0, 30), 0.6, shown=(8.0, 8.3)),  # a flash of one frame
        *cluster(-8, 50, 14, seed=1),
        *cluster(24, 55, 14, seed=2),  # the market
        *queue(-24, 34, 11),
        *marching(-25, 70, 10),
    ]


ZONES = zones(
    zone("NP-1", "no_parking", 11.5, 3, 7, 30), zone("P-1", "parking", 4, 0, 5, 12),
    zone("M-1", "market", 24, 55, 14, 14),
)  # fmt: skip


@dataclass
class Played:
    messages: list[SightingMessage]
    results: list[WatchResult]
    store: EvidenceStore
    stage: Stage

    @property
    def final(self) -> list[SightingMessage]:
        return latest(self.messages)

    def place(self, sighting: SightingMessage) -> tuple[float, float]:
        """Median ground point of the looks, by the poses that were known."""
        points = []
        for look in sighting.looks:
            pose = self.stage.known[look.pose.captured_at]
            points.append(ground_points(CAMERA, pose, FRAME, [[look.u_px, look.v_px]], GROUND_M)[0, :2])
        east, north = np.median(np.array(points), axis=0)
        return float(east), float(north)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    directory = tmp_path_factory.mktemp("evidence")
    stage = Stage(everything(), zones=ZONES)
    messages, results = stage.run(directory, 17.0)
    return Played(messages, results, EvidenceStore(directory), stage)


def test_one_sighting_for_each_planted_thing_and_none_for_the_others(played: Played) -> None:
    found = [(s.kind.value, *played.place(s)) for s in played.final if s.state is SightingState.CONFIRMED]
    assert len(found) == len(PLANTED)
    for kind, east, north in PLANTED:
        near = [
            f
            for f in found
            if f[0] == kind and np.hypot(f[1] - east, f[2] - north) < (4.0 if kind == "smoke" else 1.0)
        ]
        assert len(near) == 1, (kind, found)


def test_revisions_count_up_and_carry_more(played: Played) -> None:
    for sighting in played.final:
        mine = [m for m in played.messages if m.sighting_id == sighting.sighting_id]
        assert [m.revision for m in mine] == list(range(1, len(mine) + 1))
        assert 2 <= len(mine) <= 6
        assert mine[0].last_seen_at < mine[-1].last_seen_at
        assert len(mine[0].evidence) <= len(mine[-1].evidence)


def test_looks_are_few_and_well_spread(played: Played) -> None:
    for sighting in played.final:
        assert 8 <= len(sighting.looks) <= 16
        times = [look.pose.captured_at for look in sighting.looks]
        assert times == sorted(times)
        gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
        assert max(gaps) < 1.6
        assert times[-1] - times[0] > timedelta(seconds=3)
        assert all(look.camera.width_px == 1280 for look in sighting.looks)


def test_what_a_sighting_says(played: Played) -> None:
    by_kind = {s.kind: s for s in played.final}
    parked = by_kind[SightingKind.ILLEGAL_PARKING]
    assert parked.zone == "NP-1"
    assert {"standing_seconds", "speed", "in_zone"} <= {reason.term for reason in parked.reasons}
    gathering = by_kind[SightingKind.GATHERING]
    assert gathering.people_count is not None
    assert 11 <= gathering.people_count <= 16
    for sighting in played.final:
        assert sighting.weights == "scripted"
        assert sighting.flight_id == UUID(int=7)
        assert all(reason.fulfilled and reason.text for reason in sighting.reasons)


def test_evidence_is_complete_chained_and_redacted(played: Played) -> None:
    for sighting in played.final:
        assert [item.role for item in sighting.evidence] == [
            EvidenceRole.SNAPSHOT, EvidenceRole.ORIGINAL, EvidenceRole.CLIP,
        ]  # fmt: skip
        assert [item.redacted for item in sighting.evidence] == [True, False, True]
        assert verify_chain(sighting.evidence, played.store, sighting_id=sighting.sighting_id) == []


def test_alerts_and_overlay_boxes(played: Played) -> None:
    alerted = {kind for result in played.results for kind in result.alerts_by_track.values()}
    assert alerted == {SightingKind(kind) for kind, _, _ in PLANTED}
    boxes = [box for shown in played.stage.overlays for box in shown]
    assert boxes
    for box in boxes:
        left, top, right, bottom = box.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    assert any(box.alert is SightingKind.FIRE for box in boxes)


def test_the_same_footage_gives_the_same_bytes(tmp_path: Path, played: Played) -> None:
    again, _ = Stage(everything(), zones=ZONES).run(tmp_path, 6.0)
    first = [m.model_dump_json() for m in again if m.revision == 1]
    known = {m.model_dump_json() for m in played.messages}
    assert first
    assert set(first) <= known


def watch_of(stage: Stage, store: EvidenceStore, poses: bool = True) -> Watch:
    return Watch(
        CAMERA, stage, pose_at=stage.pose_at if poses else lambda _: None, terrain=FlatTerrain(GROUND_M),
        zones=stage.zones, kinds=load_kinds(), evidence=store, flight_id=None, source="replay",
        weights_label="scripted", namespace=UUID(int=1),
    )  # fmt: skip


def hovering(*things: Thing) -> Stage:
    return Stage(things, Flight(0, -35, 0, 0))


def kinds(messages: Sequence[SightingMessage], state: SightingState = SightingState.CONFIRMED) -> list[str]:
    return [m.kind.value for m in latest(messages) if m.state is state]


def test_without_poses_nothing_is_reported_and_it_is_counted(tmp_path: Path) -> None:
    stage = hovering(Thing("fire", at(0, 0), 0.7))
    watch = watch_of(stage, EvidenceStore(tmp_path), poses=False)
    for index in range(12):
        result = watch.process(
            Frame(np.zeros((720, 1280, 3), np.uint8), START + timedelta(seconds=index / 5), index)
        )
        assert result.sightings == []
    assert watch.finish() == []
    assert watch.frames_without_pose == 12
    assert watch.unplaced > 0


def test_a_frame_that_is_not_newer_is_skipped(tmp_path: Path) -> None:
    watch = watch_of(hovering(), EvidenceStore(tmp_path))
    image = np.zeros((720, 1280, 3), np.uint8)
    watch.process(Frame(image, START, 0))
    watch.process(Frame(image, START, 1))
    watch.process(Frame(image, START - timedelta(seconds=1), 2))
    assert watch.frames == 1


def test_pictures_of_another_camera_are_refused_and_smaller_ones_scaled(tmp_path: Path) -> None:
    watch = watch_of(hovering(), EvidenceStore(tmp_path))
    with pytest.raises(ImageRefused, match="configure the camera"):
        watch.process(Frame(np.zeros((1024, 1280, 3), np.uint8), START, 0))
    watch = watch_of(hovering(), EvidenceStore(tmp_path))
    watch.process(Frame(np.zeros((360, 640, 3), np.uint8), START, 0))
    with pytest.raises(ImageRefused):
        watch.process(Frame(np.zeros((720, 1280, 3), np.uint8), START + timedelta(seconds=1), 1))


def test_people_missed_in_a_frame_are_hidden_all_the_same(tmp_path: Path) -> None:
    stage = Stage([Thing("person", at(0, 0), 0.7)], Flight(0, -40, 0, 7), pixel_noise=0.0, pose_noise_deg=0.0)
    _, results = stage.run(tmp_path, 2.0)
    stage.things = [Thing("person", at(0, 0), 0.7, shown=(0.0, 1.2))]
    stage.known.clear()
    _, gone = stage.run(tmp_path, 2.0)
    assert len(gone[7].detections) == 0
    assert len(gone[7].hidden) == 1
    left, top, right, bottom = gone[7].hidden.boxes[0]
    seen = results[7].detections.boxes[0]
    assert left < seen[0] < seen[2] < right
    assert top < seen[1] < seen[3] < bottom
