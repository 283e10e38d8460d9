"""What the project ships stays clean: no registry addresses, no machine paths, no dead links."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".json", ".sh", ".ts", ".vue", ".html", ".css", ""}
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
DOCUMENTS = ("README.md", "README.zh-CN.md", "CHANGELOG.md")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: cannot list the tracked files")
def test_no_registry_address_and_no_machine_path_is_committed():
    forbidden = re.compile(
        "|".join(["files\\.python" + "hosted", "registry\\.npm" + "js", "/work/" + "main", "/root" + "/"])
    )
    found = [
        f"{file.relative_to(ROOT)}: {hit.group()}"
        for file in tracked()
        if file.suffix in TEXT and file.is_file()
        for hit in [forbidden.search(file.read_text("utf-8", "replace"))]
        if hit
    ]
    assert not found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_of_the_front_documents_lead_somewhere(name):
    text = (ROOT / name).read_text("utf-8")
    missing = [target for target in LINK.findall(text) if not (ROOT / target).exists()]
    assert not missing


def test_constraints_pin_exactly_and_name_no_address():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 40
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", pin) for pin in pins)
