"""C03: the pinned network sees; capture time and pose travel with every detection.

The shipped weights must meet the figures of their manifest on the public test sets (within the noise of so
few frames), through the command line that users have.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from missions.kinds import load_kinds
from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, GROUND_M, Flight, Stage, Thing, at
from vision.camera import Pose
from vision.cli import app
from vision.detections import Detections
from vision.evidence import EvidenceStore
from vision.frames import FrameFolder, VideoFile
from vision.watch import Watch
from vision.weights import load_weights

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
VISDRONE = "person,person,bicycle,car,car,truck,-,-,bus,motorcycle"
TOLERANCE = 0.06
"""The figures of the manifest come from another tool: its tiles and its joining differ in details."""

needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is not here")


@pytest.mark.shared_data
@pytest.mark.slow
@needs_data
def test_shipped_weights_see_streets_as_their_manifest_says() -> None:
    pytest.importorskip("faster_coco_eval")
    claimed = load_weights("patrol-rgb").accuracy.get("street_rgb, 640 tiled")
    if not claimed:
        pytest.skip("the manifest claims nothing about street_rgb")
    result = CliRunner().invoke(
        app,
        ["evaluate", str(SHARED / "street_rgb"), "--names", VISDRONE, "--group", "vehicle=car,bus,truck",
         "--group", "two-wheeler=bicycle,motorcycle", "--tiled", "--json"],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    for name, claim in claimed.items():
        assert figures["classes"][name]["labelled"] == claim["labels"]
        assert figures["classes"][name]["ap50"] >= claim["ap50"] - TOLERANCE


@pytest.mark.shared_data
@needs_data
def test_stills_of_4000_pixels_are_looked_at_with_their_own_capture_times() -> None:
    frames = FrameFolder(SHARED / "stills" / "brighton_beach")
    assert frames.camera_size == (4000, 2250)
    times = [frame.captured_at for frame in frames]
    assert len(times) == 5
    assert all(timedelta(seconds=5) < b - a < timedelta(seconds=9) for a, b in pairwise(times))


def test_capture_time_and_pose_travel_from_a_video_file_to_every_look(tmp_path: Path) -> None:
    path = tmp_path / "flight.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 1280, 720
        for _ in range(40):
            picture = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    stage = Stage([Thing("fire", at(0, 0), 0.7)], Flight(0, -45, 0, 5))
    asked: list[datetime] = []

    def pose_at(instant: datetime) -> Pose | None:
        asked.append(instant)
        stage._seconds = (instant - START).total_seconds()
        return stage.flight.pose(stage._seconds)

    class Eye:
        names, thresholds = stage.names, stage.thresholds
        seen = 0

        def detect(self, image: np.ndarray) -> Detections:
            stage._seconds = self.seen / 5
            self.seen += 1
            return stage.detect(image)

    watch = Watch(
        CAMERA, Eye(), pose_at=pose_at, terrain=FlatTerrain(GROUND_M), zones=None, kinds=load_kinds(),
        evidence=EvidenceStore(tmp_path / "evidence"), flight_id=None, source="replay",
        weights_label="scripted", namespace=UUID(int=1),
    )  # fmt: skip
    messages = []
    for frame in VideoFile(path, START, fps=5):
        messages += watch.process(frame).sightings
    messages += watch.finish()
    assert asked == [START + timedelta(seconds=i / 5) for i in range(20)]
    looks = messages[-1].looks
    assert len(looks) >= 10
    for look in looks:
        expected = stage.flight.pose(look.frame_index / 10)
        assert look.pose.latitude == expected.latitude
        assert look.pose.longitude == expected.longitude
