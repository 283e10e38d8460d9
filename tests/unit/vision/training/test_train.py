"""Needs the ``train`` extra; skipped where that is not installed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.dataset import Mixture
from vision.training.errors import SourceRefused, TrainingError
from vision.training.model import class_rows
from vision.training.sources import EVERY_CLASS, Picture
from vision.training.train import RunSettings, cli_train, learning_rate, main, progress


def test_classes_are_found_by_name() -> None:
    assert class_rows({0: "person", 2: "car", 7: "truck"}) == [0, None, 2, None, None, 7, None, None]


def test_the_learning_rate_rises_and_falls() -> None:
    settings = RunSettings(steps=200, warm_up=20)
    rates = [learning_rate(settings, step) for step in range(200)]
    assert int(np.argmax(rates)) in (19, 20)
    assert rates[0] < rates[10] < rates[19]
    assert rates[20] > rates[100] > rates[199] > 0


def test_the_learning_rate_falls_with_the_clock_where_time_is_short() -> None:
    settings = RunSettings(steps=200, warm_up=20, minutes=10)
    assert learning_rate(settings, 40, 300) == pytest.approx(learning_rate(settings, 110))
    assert progress(settings, 40, 600) == progress(settings, 200) == 1
    assert progress(settings, 5, 0) == 0


def test_missing_weights_are_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    with pytest.raises(SourceRefused, match="start from"):
        cli_train(tmp_path, tmp_path / "run")
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "start from" in capsys.readouterr().err


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    random = np.random.default_rng(0)
    pictures = []
    for index in range(3):
        path = tmp_path / f"{index}.png"
        image = random.integers(0, 90, (96, 96, 3), dtype=np.uint8)
        image[30:60, 30:60] = 250
        cv2.imwrite(str(path), image)
        pictures.append(
            Picture(
                path,
                np.array([[30, 30, 60, 60]], np.float32),
                np.array([CLASSES.index("fire")]),
                np.zeros((0, 5), np.float32),
                EVERY_CLASS,
                str(index),
                "town",
            )
        )
    return Mixture({"town": pictures}, 96)


def fresh():
    from ultralytics.nn.tasks import DetectionModel

    from vision.training.model import trainable

    model = DetectionModel("yolo11n.yaml", nc=len(CLASSES), verbose=False)
    model.names = dict(enumerate(CLASSES))
    return trainable(model)


@pytest.mark.filterwarnings("ignore")
def test_a_run_ends_when_its_time_is_over(tmp_path: Path, mixture: Mixture) -> None:
    pytest.importorskip("torch")
    from vision.training.train import Run

    settings = RunSettings(steps=500, batch=1, size=96, warm_up=0, minutes=1e-6)
    for _ in range(2):
        Run(tmp_path / "run", fresh(), mixture, settings).train()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log] == [1]


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_taken_up_where_it_stopped(tmp_path: Path, mixture: Mixture) -> None:
    torch = pytest.importorskip("torch")
    from vision.training.train import Run

    settings = RunSettings(steps=4, batch=2, size=96, warm_up=1, save_every=2)
    torch.manual_seed(0)
    start = fresh()
    folder = tmp_path / "run"

    class Stopped(Exception):
        pass

    def stop(line: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Run(folder, start, mixture, settings, report=stop).train()
    # The report comes before the save: the first half is repeated, the second continues.
    Run(folder, fresh(), mixture, settings).train()
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log] == [2, 2, 4]
    again: list[str] = []
    Run(folder, fresh(), mixture, settings, report=again.append).train()
    assert again == ["taken up at step 4"]
    longer = RunSettings(steps=4, batch=2, size=96, warm_up=1, save_every=2, minutes=5)
    Run(folder, fresh(), mixture, longer, report=again.append).train()
    assert again == ["taken up at step 4"] * 2
    with pytest.raises(TrainingError, match="other settings"):
        Run(folder, fresh(), mixture, RunSettings(steps=9, batch=2, size=96)).train()


@pytest.mark.filterwarnings("ignore")
def test_measuring_batch_norm_changes_no_answer() -> None:
    torch = pytest.importorskip("torch")
    from vision.training.train import measure_batch_norm

    torch.manual_seed(0)
    model = fresh().eval()
    images = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        before = model(images)[0]
    measure_batch_norm(model, [images])
    with torch.inference_mode():
        after = model(images)[0]
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-2)


@pytest.mark.filterwarnings("ignore")
def test_averaging_keeps_new_classes_as_trained() -> None:
    torch = pytest.importorskip("torch")
    from vision.training.average import average

    trained, initial = fresh(), fresh()
    fire = CLASSES.index("fire")
    for branch in initial.model[-1].cv3:
        branch[-1].weight.data[fire] = 0
    mixed = average(trained, initial, 0.5)
    for new, old, first in zip(
        mixed.model[-1].cv3, trained.model[-1].cv3, initial.model[-1].cv3, strict=True
    ):
        torch.testing.assert_close(new[-1].weight[fire], old[-1].weight[fire])
        torch.testing.assert_close(new[-1].weight[0], (old[-1].weight[0] + first[-1].weight[0]) / 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        average(trained, initial, 1.5)


@pytest.mark.filterwarnings("ignore")
def test_ignored_classes_have_no_gradient() -> None:
    torch = pytest.importorskip("torch")
    from ultralytics.cfg import get_cfg

    from vision.training.loss import partial_loss
    from vision.training.train import LOSS_GAINS

    model = fresh().train()
    model.args = get_cfg(overrides=LOSS_GAINS)
    answer = model(torch.rand(1, 3, 96, 96))
    anchors = answer["scores"].shape[-1]
    counted = torch.ones(1, anchors, len(CLASSES), dtype=torch.bool)
    counted[..., CLASSES.index("smoke")] = False
    answer["scores"].retain_grad()
    batch = {
        "img": torch.zeros(1, 3, 96, 96),
        "bboxes": torch.tensor([[0.5, 0.5, 0.3, 0.3]]),
        "cls": torch.tensor([[0.0]]),
        "batch_idx": torch.tensor([0.0]),
        "counted": counted,
    }
    partial_loss(model)(answer, batch)[0].sum().backward()
    gradient = answer["scores"].grad[0].abs().sum(dim=1)
    assert gradient[CLASSES.index("smoke")] == 0
    assert gradient[CLASSES.index("fire")] > 0


@pytest.mark.filterwarnings("ignore")
def test_classes_can_be_picked_from_a_trained_network() -> None:
    torch = pytest.importorskip("torch")
    from vision.training.model import with_classes

    torch.manual_seed(0)
    model = fresh().eval()
    picked = with_classes(model, ("person", "car"))
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        old, new = model(image)[0], picked(image)[0]
    assert new.shape[1] == 6
    assert torch.allclose(new, old[:, [0, 1, 2, 3, 4, 6]], atol=1e-5)
    assert len(model.names) == len(CLASSES)
    with pytest.raises(ValueError, match="kite"):
        with_classes(model, ("person", "kite"))
