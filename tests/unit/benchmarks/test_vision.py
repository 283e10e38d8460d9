"""The benchmarks of the eye compare what they say."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tiles import Remembering, people_of
from benchmarks.vision import sahi_work, side_by_side, ultralytics_work
from drone.sim.truth import FrameTruth, TruthBox
from vision.detections import Detections


def test_works_take_turns_and_a_ratio_is_that_of_one_round() -> None:
    now, busy, order = [0.0], [0.0], []
    slow = count(1)

    def work(name: str, seconds: float) -> None:
        order.append(name)
        load = 10.0 if next(slow) in (5, 6) else 1.0  # something else runs in the second round
        now[0] += seconds * load
        busy[0] += seconds

    times = side_by_side(
        {"a": lambda: work("a", 0.2), "b": lambda: work("b", 0.1)}, 3, lambda: now[0], lambda: busy[0]
    )
    assert order == ["a", "b"] * 4
    assert times.ratio("a", "b") == {"clock": 2.0, "processor": 2.0}
    assert times.ms() == {"clock": {"a": 200.0, "b": 100.0}, "processor": {"a": 200.0, "b": 100.0}}
    assert times.spent["a"] == pytest.approx([200, 2000, 200])


@pytest.mark.parametrize(("module", "work"), [("sahi", sahi_work), ("ultralytics", ultralytics_work)])
def test_what_is_not_installed_is_said(module: str, work: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    said = work("same.onnx", np.zeros((9, 9, 3), np.uint8))  # type: ignore[operator]
    assert isinstance(said, str)
    assert said.startswith("skipped")
    assert module in said


class Once:
    names = ("person",)
    thresholds = {"person": 0.3}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, image: np.ndarray) -> Detections:
        self.asked += 1
        return Detections.empty(self.names)


def test_a_part_is_given_to_the_network_once(tmp_path: Path) -> None:
    network, keep = Once(), tmp_path / "answers"
    remembering = Remembering(network, keep)
    picture = np.zeros((4, 6, 3), np.uint8)
    for _ in range(3):
        remembering.detect(picture)
    assert (network.asked, remembering.pixels) == (1, 72)
    remembering.detect(picture.reshape(6, 4, 3))
    assert network.asked == 2
    remembering.forget()
    again = Remembering(network, keep)
    again.detect(picture)
    assert network.asked == 2
    forgetful = Remembering(network)
    forgetful.detect(picture)
    forgetful.forget()
    forgetful.detect(picture)
    assert network.asked == 4


def test_riders_and_hidden_people_are_not_to_be_found() -> None:
    boxes = [
        TruthBox(1, "person", (10, 10, 26, 50), 0, 0, 0.9),
        TruthBox(2, "person", (100, 10, 116, 50), 0, 0, 0.2),
        TruthBox(3, "person", (200, 10, 216, 50), 0, 0, 0.9),
        TruthBox(4, "bicycle", (198, 20, 220, 60), 0, 0, 1.0),
        TruthBox(5, "car", (300, 10, 380, 50), 0, 0, 1.0),
        TruthBox(6, "person", (400, 10, 402, 13), 0, 0, 1.0),
    ]
    ids, found, sought = people_of(FrameTruth(0.0, boxes, {}))
    assert ids == [1, 2, 3, 6]
    assert found.shape == (4, 4)
    assert sought.tolist() == [True, False, False, False]
    assert people_of(FrameTruth(0.0, [], {}))[1].shape == (0, 4)
