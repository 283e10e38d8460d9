from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from vision.detections import CLASSES
from vision.training.manifest import entry, write_entries

THRESHOLDS = dict.fromkeys(CLASSES, 0.3)


def make(path: Path, variant: str, content: bytes) -> dict:
    path.write_bytes(content)
    return entry(path, name="n", variant=variant, thresholds=THRESHOLDS, sources=[], accuracy={})


def test_an_entry_carries_the_hash_of_the_file(tmp_path: Path) -> None:
    found = make(tmp_path / "a.onnx", "fp32", b"weights")
    assert found["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert found["file"] == "a.onnx"
    assert found["classes"] == list(CLASSES)


def test_a_forgotten_threshold_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(ValueError, match="smoke"):
        entry(
            tmp_path / "a.onnx",
            name="n",
            variant="fp32",
            thresholds={c: 0.3 for c in CLASSES if c != "smoke"},
            sources=[],
            accuracy={},
        )


def test_an_entry_replaces_its_forerunner_and_keeps_others(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_entries(
        path, [make(tmp_path / "a", "fp32", b"1"), make(tmp_path / "b", "int8", b"2")], {"n": "int8"}
    )
    write_entries(path, [make(tmp_path / "a", "fp32", b"3")], {"m": "fp32"})
    content = json.loads(path.read_text())
    assert content["schema_version"] == 1
    assert content["default"] == {"n": "int8", "m": "fp32"}
    assert {e["variant"]: e["sha256"] for e in content["weights"]} == {
        "fp32": hashlib.sha256(b"3").hexdigest(),
        "int8": hashlib.sha256(b"2").hexdigest(),
    }
