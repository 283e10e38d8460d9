"""The Brook site: concave cells, one with a hole, one far off on a hill, and a no-fly zone inside a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from missions.site import Site, load_site

ROOT = Path(__file__).resolve().parents[3]
BROOK = ROOT / "tests" / "fixtures" / "grids" / "brook"
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def brook_path() -> Path:
    return BROOK


@pytest.fixture(scope="session")
def brook() -> Site:
    return load_site(BROOK)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared data is not on this machine")
    return SHARED
