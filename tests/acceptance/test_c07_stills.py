"""C07: recorded stills with their own poses become tickets, through the pinned weights and the real server.

Five stills of a car park; three cars, labelled by hand. A no-parking zone takes in two of them; its border
runs between the second and the third.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drone.recorded.overlap import turned_pixels
from drone.recorded.poses import PoseDefaults
from drone.recorded.recording import Recording, ReplayOptions, open_recording, write_sandbox_site
from drone.recorded.session import pinned_detector, run_replay
from tests.fixtures.desk import TestClient, open_desk
from vision.detections import VEHICLES, Detections

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "brighton"
STILLS = ROOT.parent / "shared" / "data" / "stills" / "brighton_beach"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.slow,
    pytest.mark.skipif(not STILLS.is_dir(), reason="the shared stills are missing"),
]


class Remembered:
    """The pinned detector, run once per still; later replays get the same boxes without the wait."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self.names, self.thresholds = detector.names, detector.thresholds
        self.by_picture: dict[int, Detections] = {}

    def detect(self, image: np.ndarray) -> Detections:
        key = hash(image[::50, ::50].tobytes())
        if key not in self.by_picture:
            self.by_picture[key] = self._detector.detect(image)
        return self.by_picture[key]


def options(folder: Path, **more: Any) -> ReplayOptions:
    return ReplayOptions(
        source=STILLS, work_directory=folder / "work", zones=FIXTURES / "zones.geojson",
        grids=FIXTURES / "cells.geojson", expect=FIXTURES / "expected.json",
        junit=folder / "junit.xml", defaults=PoseDefaults(), **more,
    )  # fmt: skip


@contextmanager
def sandbox(
    recording: Recording, chosen: ReplayOptions, folder: Path
) -> Iterator[tuple[TestClient, TestClient]]:
    """A server of its own: the agent's client and the desk's."""
    site = write_sandbox_site(recording, chosen, folder / "site")
    with open_desk(folder / "server", site=site) as desk:
        agent, reader = (
            TestClient(
                desk.client.app, base_url="http://127.0.0.1",
                headers={"Authorization": f"Bearer {desk.token(user)}"},
            )
            for user in ("agent", "desk")
        )  # fmt: skip
        yield agent, reader


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return open_recording(options(tmp_path_factory.mktemp("open")))


@pytest.fixture(scope="module")
def eye(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> tuple[Remembered, str]:
    detector, label = pinned_detector(options(tmp_path_factory.mktemp("eye")), recording)
    return Remembered(detector), label


def report_of(recording: Recording, eye: tuple[Remembered, str], folder: Path, **more: Any) -> dict[str, Any]:
    chosen = options(folder, **more)
    with sandbox(recording, chosen, folder) as (agent, desk):
        return run_replay(
            chosen, agent, desk=desk, recording=recording, detector=eye[0], weights_label=eye[1]
        )


def test_the_weights_find_the_labelled_cars(recording: Recording, eye: tuple[Remembered, str]) -> None:
    """Whole cars are all found; of cut ones at most one is missed; two small boxes may be false."""
    labels = json.loads((FIXTURES / "cars.json").read_text("utf-8"))["stills"]
    missed, cut_missed, false = [], [], []
    for frame, file in zip(recording.frames, recording.files, strict=True):
        found = eye[0].detect(frame.image).of(*VEHICLES)
        boxes = found.boxes[found.scores >= 0.3]
        wanted = []
        for car in labels[file.name]:
            left, top, right, bottom = car["box"]
            corners = turned_pixels(np.array([[left, top], [right, bottom]], float), (4000, 2250), 180)
            wanted.append((*corners.min(0), *corners.max(0)))
            if not any(overlap(wanted[-1], box) > 0.35 for box in boxes):
                (cut_missed if car["cut"] else missed).append((file.name, car["id"]))
        false += [(file.name, box) for box in boxes if not any(overlap(one, box) > 0.05 for one in wanted)]
    assert missed == []
    assert len(cut_missed) <= 1
    assert len(false) <= 2


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_each_car_in_the_zone_becomes_one_ticket(
    recording: Recording, eye: tuple[Remembered, str], tmp_path: Path
) -> None:
    report = report_of(recording, eye, tmp_path)
    assert (report["missing"], report["extra"], report["misplaced"]) == ([], [], [])
    assert report["passed"] is True
    assert [(t["kind"], t["cell"], t["sightings"]) for t in report["tickets"]] == [
        ("illegal_parking", "brighton-1", 1)
    ] * 2
    assert (report["frames"], report["frames_without_pose"], report["unplaced"]) == (5, 0, [])
    assert any("turned" in warning for warning in report["warnings"])
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")


def test_the_same_stills_give_the_same_bytes_at_any_speed(
    recording: Recording, eye: tuple[Remembered, str], tmp_path: Path
) -> None:
    reports = [
        json.dumps(report_of(recording, eye, tmp_path / name, speed=speed), sort_keys=True)
        for name, speed in (("max", None), ("64x", 64.0), ("again", None))
    ]
    assert reports[0] == reports[1] == reports[2]


def test_a_second_pass_adds_nothing(
    recording: Recording, eye: tuple[Remembered, str], tmp_path: Path
) -> None:
    first, second = options(tmp_path), options(tmp_path / "second")
    with sandbox(recording, first, tmp_path) as (agent, desk):
        for chosen in (first, second):
            run_replay(chosen, agent, desk=desk, recording=recording, detector=eye[0], weights_label=eye[1])
        tickets = desk.get("/api/v1/tickets").json()
    assert tickets["total"] == 2
    assert [ticket["sightings"] for ticket in tickets["items"]] == [1, 1]


def test_an_expectation_that_is_not_met_fails_by_name(
    recording: Recording, eye: tuple[Remembered, str], tmp_path: Path
) -> None:
    expected = json.loads((FIXTURES / "expected.json").read_text("utf-8"))
    expected["tickets"][0]["lat"] += 0.0001  # 11 m away
    expected["tickets"].append({"kind": "fire", "lat": 46.8424, "lon": -91.9937})
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(expected), "utf-8")
    chosen = ReplayOptions(
        source=STILLS, work_directory=tmp_path / "work", zones=FIXTURES / "zones.geojson",
        grids=FIXTURES / "cells.geojson", expect=wrong, junit=tmp_path / "junit.xml",
    )  # fmt: skip
    with sandbox(recording, chosen, tmp_path) as (agent, desk):
        report = run_replay(
            chosen, agent, desk=desk, recording=recording, detector=eye[0], weights_label=eye[1]
        )
    assert report["passed"] is False
    assert [one["kind"] for one in report["missing"]] == ["fire"]
    assert [8 < one["distance_m"] < 15 for one in report["misplaced"]] == [True]
    failures = ElementTree.parse(tmp_path / "junit.xml").getroot().findall(".//failure")
    assert sorted(str(failure.get("message")).partition(":")[0] for failure in failures) == [
        "misplaced",
        "missing",
    ]
