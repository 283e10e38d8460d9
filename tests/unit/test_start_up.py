"""The command line starts quickly because it loads nothing that the asked command does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = frozenset(
    {"numpy", "scipy", "cv2", "av", "onnxruntime", "panda3d", "pymavlink", "shapely", "pyproj", "ortools",
     "fastapi", "sqlalchemy", "alembic", "uvicorn", "httpx"}
)  # fmt: skip


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("module", ["skybeat", "server.cli", "missions.cli", "vision.cli", "drone.cli"])
def test_a_command_line_alone_loads_no_heavy_package(module: str) -> None:
    assert not loaded_by(module) & HEAVY


def test_the_server_starts_without_what_only_single_requests_need() -> None:
    later = {"scipy.optimize", "onnxruntime", "av", "panda3d", "pymavlink", "ortools"}
    assert not loaded_by("server.app") & later
