from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.vision.networks import constant_network, pin, yolo_output
from vision.cli import app

runner = CliRunner()


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Finds a person in the middle of any 64 x 64 picture."""
    folder = tmp_path / "weights"
    folder.mkdir()
    return pin(folder, constant_network(yolo_output((32, 32, 16, 32, 0.9, 0.1, 0.0))))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(folder / name), noise)
    return folder


def test_detect_writes_lines_and_redacted_pictures(tmp_path: Path, network: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    result = runner.invoke(
        app,
        ["detect", str(pictures), "--out", str(out), "--weights", str(network), "--json", "--threads", "1"],
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary == {
        "frames": 3, "detections": 3, "classes": {"person": 3}, "out": str(out), "error": None,
    }  # fmt: skip
    lines = [json.loads(line) for line in (out / "detections.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2]
    assert lines[0]["detections"] == [{"name": "person", "score": 0.9, "box": [24.0, 16.0, 40.0, 48.0]}]
    picture = cv2.imread(str(out / "frame-000001.jpg"))
    original = cv2.imread(str(pictures / "b.png"))
    assert picture is not None
    assert picture[22:42, 28:36].std() < 0.7 * original[22:42, 28:36].std()


def test_detect_stops_at_the_limit(tmp_path: Path, network: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    arguments = ["detect", str(pictures), "--out", str(out), "--weights", str(network), "--limit", "2"]
    result = runner.invoke(app, [*arguments, "--no-pictures"])
    assert result.exit_code == 0
    assert "2 frames: 2 person" in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["detections.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["detect", "{tmp}/none.mp4", "--out", "{tmp}/o", "--weights", "{network}"], "no such file"),
        (["detect", "{pictures}", "--out", "{tmp}/o", "--weights", "nonsense"], "no weights named"),
        (["detect", "{pictures}", "--out", "{tmp}/o", "--weights", "{network}", "--start", "noon"], "noon"),
        (["evaluate", "{tmp}", "--weights", "{network}"], "images and labels"),
        (["evaluate", "{tmp}", "--group", "vehicle"], "must look like"),
        (["weights", "verify", "--manifest", "{tmp}/none.json"], "no manifest"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, network: Path, pictures: Path, arguments: list[str], match: str
) -> None:
    words = [word.format(tmp=tmp_path, network=network, pictures=pictures) for word in arguments]
    result = runner.invoke(app, words)
    assert result.exit_code == 2
    assert match in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_broken_video_gives_its_good_frames_and_an_error(tmp_path: Path, network: Path) -> None:
    video = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    for shade in range(30):
        writer.write(np.random.default_rng(shade).integers(0, 255, (64, 64, 3), np.uint8))
    writer.release()
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    result = runner.invoke(
        app,
        [
            "detect",
            str(video),
            "--out",
            str(tmp_path / "o"),
            "--weights",
            str(network),
            "--json",
            "--no-pictures",
        ],
    )
    assert result.exit_code == 2
    summary = json.loads(result.stdout)
    assert 5 < summary["frames"] < 25
    assert "stops after frame" in summary["error"]


def test_evaluate_prints_the_agreed_keys(tmp_path: Path, network: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    (tmp_path / "d" / "images").mkdir(parents=True)
    (tmp_path / "d" / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "d" / "images" / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "d" / "labels" / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    arguments = ["evaluate", str(tmp_path / "d"), "--weights", str(network), "--names", "person"]
    result = runner.invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["classes"]["person"]["ap50"] == 1
    table = runner.invoke(app, arguments)
    assert table.exit_code == 0
    assert "person" in table.stdout


def test_weights_verify(network: Path) -> None:
    manifest = str(network.parent / "manifest.json")
    good = runner.invoke(app, ["weights", "verify", "--manifest", manifest, "--json"])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["ok"] is True
    network.write_bytes(network.read_bytes() + b"x")
    bad = runner.invoke(app, ["weights", "verify", "--manifest", manifest, "--json"])
    assert bad.exit_code == 2
    assert json.loads(bad.stdout)["ok"] is False
    assert "differs from its pin" in bad.stderr
