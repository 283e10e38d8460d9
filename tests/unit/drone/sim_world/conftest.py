"""One town and one renderer for all tests of the simulated world: both take seconds to make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from drone.sim.fabric import Fabric
from drone.sim.renderer import Renderer
from drone.sim.town import Town
from vision.camera import CameraModel


@pytest.fixture(scope="session")
def town() -> Town:
    return Town.generate(0)


@pytest.fixture(scope="session")
def bare_town(town: Town) -> Town:
    """The same terrain with nothing on it: quick to draw."""
    field = Fabric()
    field.paint("yard", [[-300, -300], [300, -300], [300, 300], [-300, 300]])
    return replace(town, fabric=field)


@pytest.fixture(scope="session")
def camera() -> CameraModel:
    return CameraModel.from_field_of_view(640, 360, 60.0)


@pytest.fixture(scope="session")
def renderer(town: Town, camera: CameraModel) -> Iterator[Renderer]:
    made = Renderer(town, camera, supersample=1.0)
    yield made
    made.close()
