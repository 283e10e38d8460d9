"""Judged pictures: how they are read, split, counted; the training itself where the ``train`` extra is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.dataset import Mixture
from vision.training.errors import SourceRefused, TrainingError
from vision.training.train import main
from vision.training.verdicts import Tally, read_verdicts, split, tally

FIRE, SMOKE = CLASSES.index("fire"), CLASSES.index("smoke")
BOX, ELSEWHERE = [200.0, 100.0, 300.0, 180.0], [500.0, 50.0, 560.0, 120.0]


def _set(folder: Path, tickets: int = 6) -> Path:
    """Pictures with a bright patch: in even ones it is fire, in odd ones a person said that it is none."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(tickets):
        picture = np.full((360, 640, 3), 90, np.uint8)
        left, top, right, bottom = (int(side) for side in BOX)
        picture[top:bottom, left:right] = (20, 140, 255) if number % 2 == 0 else (250, 250, 250)
        cv2.imwrite(str(folder / "images" / f"T-{number}.png"), picture)
        mine = [{"name": "fire", "box": BOX}]
        rows.append({
            "file": f"T-{number}.png", "ticket": f"T-{number}", "width": 640, "height": 360,
            "boxes": mine if number % 2 == 0 else [], "denied": mine if number % 2 else [],
            "judged": [[180, 80, 320, 200]],
            "unjudged": [[0, 0, 640, 80], [0, 80, 180, 200], [320, 80, 640, 200], [0, 200, 640, 360]],
        })  # fmt: skip
    (folder / "pictures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def test_only_what_was_judged_teaches(tmp_path: Path) -> None:
    pictures, judged = read_verdicts(_set(tmp_path))
    assert [len(p.boxes) for p in pictures] == [1, 0, 1, 0, 1, 0]
    assert {p.labelled for p in pictures} == {frozenset({"fire"})}
    assert judged[pictures[1].path][0].there is False
    for batch in Mixture({"verdicts": pictures}, 128, 1).batches(4, 0, 3):
        assert not batch.counted[:, :, SMOKE].any(), "nobody spoke of smoke"
        assert batch.counted[:, :, FIRE].any(axis=1).all(), "every canvas shows a judged place"
        assert not batch.counted[:, :, FIRE].all(), "and ground that nobody judged"
        assert set(batch.classes.ravel().tolist()) <= {float(FIRE)}


def test_a_ticket_is_never_on_both_sides(tmp_path: Path) -> None:
    pictures, _ = read_verdicts(_set(tmp_path, 8))
    learned, held_out = split(pictures)
    assert (len(learned), len(held_out)) == (6, 2)
    assert not {p.group for p in learned} & {p.group for p in held_out}


def test_verdicts_are_counted(tmp_path: Path) -> None:
    pictures, judged = read_verdicts(_set(tmp_path, 6))

    def everywhere(image: Any) -> Any:
        return np.array([[*BOX, 0.5, FIRE], [*ELSEWHERE, 0.9, FIRE], [*BOX, 0.9, SMOKE]], np.float32)

    def nearly(image: Any) -> Any:
        return np.array([[*BOX, 0.29, FIRE], [*ELSEWHERE, 0.9, FIRE]], np.float32)

    assert tally(everywhere, pictures, judged, lambda name: 0.3) == Tally(3, 3, 3, 3)
    assert tally(nearly, pictures, judged, lambda name: 0.3) == Tally(3, 0, 3, 0)


@pytest.mark.parametrize(
    "line",
    ["{", "{}", '{"file": "T-0.png"}', "[]"],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    listing = _set(tmp_path) / "pictures.jsonl"
    listing.write_text(listing.read_text() + line + "\n")
    with pytest.raises(SourceRefused, match="line 7"):
        read_verdicts(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"boxes": [{"name": "dragon", "box": BOX}]}, "dragon"),
        ({"judged": [[10, 10, 5, 20]]}, "no area"),
        ({"file": "../T-9.png"}, "missing in images"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    listing = _set(tmp_path) / "pictures.jsonl"
    rows = [json.loads(line) for line in listing.read_text().splitlines()]
    listing.write_text(json.dumps(rows[0] | change) + "\n")
    with pytest.raises(SourceRefused, match=why):
        read_verdicts(tmp_path)


def test_too_few_tickets_are_said_so(tmp_path: Path) -> None:
    pictures, _ = read_verdicts(_set(tmp_path, 3))
    with pytest.raises(TrainingError, match="at least 4"):
        split(pictures)


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "run")]) == 2
    assert "--from-verdicts" in capsys.readouterr().err
    assert main(["--from-verdicts", str(tmp_path), "--out", str(tmp_path / "run"), "--eye", "thermal"]) == 2
    assert "leave --eye" in capsys.readouterr().err


def test_pinned_weights_of_fewer_classes_learn_all_and_are_silent_about_new_ones() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ultralytics")
    import onnxruntime

    from vision.detections import CLASSES
    from vision.training.model import pinned_model
    from vision.weights import load_weights

    shipped = load_weights("patrol-thermal-fp32")
    network = pinned_model(shipped.path).eval()
    assert tuple(network.names.values()) == tuple(CLASSES)
    network.model[-1].export, network.model[-1].format = True, "onnx"
    image = np.random.default_rng(0).random((1, 3, 96, 160), dtype=np.float32)
    with torch.inference_mode():
        answer = network(torch.from_numpy(image))
    answer = (answer[0] if isinstance(answer, tuple | list) else answer).numpy()
    expected = onnxruntime.InferenceSession(str(shipped.path)).run(None, {"images": image})[0]
    rows = [4 + CLASSES.index(name) for name in shipped.names]
    assert np.abs(answer[:, [0, 1, 2, 3, *rows]] - expected).max() < 0.01
    assert answer[:, 4 + CLASSES.index("fire")].max() < 0.01


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter that PyTorch would replace
def test_the_pinned_weights_come_back_as_a_network_and_learn(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ultralytics")
    import onnxruntime

    from vision.training.model import network_from_onnx
    from vision.weights import load_weights

    shipped = load_weights("patrol-rgb-fp32")
    network = network_from_onnx(shipped.path).eval()
    network.model[-1].export, network.model[-1].format = True, "onnx"
    image = np.random.default_rng(0).random((1, 3, 96, 160), dtype=np.float32)
    with torch.inference_mode():
        answer = network(torch.from_numpy(image))
    answer = (answer[0] if isinstance(answer, tuple | list) else answer).numpy()
    expected = onnxruntime.InferenceSession(str(shipped.path)).run(None, {"images": image})[0]
    assert np.abs(answer - expected).max() < 0.01

    out = tmp_path / "run"
    arguments = ["--from-verdicts", str(_set(tmp_path / "set", 8)), "--out", str(out), "--steps", "2"]
    assert main([*arguments, "--batch", "2", "--size", "128"]) == 0
    told = json.loads((out / "comparison.json").read_text())
    assert told["learned_from"] == 6
    assert set(told["verdicts"]) == {"shipped", "candidate"}
    assert told["verdicts"]["candidate"]["confirmed"] + told["verdicts"]["candidate"]["denied"] == 2
    assert (out / "candidate-fp32.onnx").is_file()
