from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        opened.hello()
        yield opened


@pytest.fixture(scope="session")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for many cases that change nothing."""
    with open_desk(tmp_path_factory.mktemp("shared") / "data") as opened:
        opened.hello()
        yield opened
