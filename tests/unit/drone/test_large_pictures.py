"""Who looks at large pictures: every tile of stills, parts in turn of a video, the whole of all else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from drone.eye import LIVE_PARTS, watch_factory
from drone.recorded.recording import Recording, ReplayOptions
from drone.recorded.session import _remarks, pinned_detector
from missions.terrain import FlatTerrain
from vision.camera import CameraModel
from vision.detector import Detector
from vision.errors import WeightsMissing
from vision.evidence import EvidenceStore
from vision.glances import RotaDetector
from vision.tiles import TiledDetector

LENS = {width: CameraModel.from_field_of_view(width, width * 9 // 16, 60.0) for width in (1280, 1920, 3840)}


def chosen(folder: Path, width: int, *, still: bool, tile_px: int | None = 800) -> tuple[Any, str]:
    source = folder / ("stills" if still else "flight.mp4")
    if still:
        source.mkdir(exist_ok=True)
    options = ReplayOptions(source=source, work_directory=folder, tile_px=tile_px)
    return pinned_detector(options, cast(Recording, SimpleNamespace(camera=LENS[width])))


@pytest.mark.parametrize(
    ("width", "still", "kind", "ending"),
    [
        (1280, False, Detector, ""), (1920, False, Detector, ""), (3840, True, TiledDetector, " tiles 800"),
        (3840, False, RotaDetector, " parts in turn"),
    ],
)  # fmt: skip
def test_a_replay_looks_at_large_pictures_in_parts(
    tmp_path: Path, width: int, still: bool, kind: type, ending: str
) -> None:
    eye, label = chosen(tmp_path, width, still=still)
    assert type(eye) is kind
    plain = chosen(tmp_path, width, still=still, tile_px=None)
    assert type(plain[0]) is Detector
    assert label == plain[1] + ending


@pytest.mark.parametrize(("width", "kind"), [(1280, Detector), (3840, RotaDetector)])
def test_a_flight_looks_at_large_pictures_in_parts(tmp_path: Path, width: int, kind: type) -> None:
    make = watch_factory(LENS[width], FlatTerrain(0.0), EvidenceStore(tmp_path), "drone", threads=1)
    watches = [make(UUID(int=i), lambda at: None, None) for i in (1, 2)]
    eyes = [watch._detector for watch in watches]
    assert [type(eye) for eye in eyes] == [kind, kind]
    if kind is RotaDetector:
        assert eyes[0] is not eyes[1]
        assert eyes[0]._rota.rules.budget(48) == LIVE_PARTS


def test_a_replay_says_why_people_could_not_be_found(tmp_path: Path) -> None:
    eye, _ = chosen(tmp_path, 3840, still=False)
    result = cast(Any, SimpleNamespace(frames_without_pose=0, frames=3))
    assert _remarks(result, eye) == []
    eye.refusal = "from 500 m a person spans 3 px"
    assert "from 500 m" in _remarks(result, eye)[0]


def test_thermal_weights_can_be_chosen_and_others_are_refused(tmp_path: Path) -> None:
    store, video = EvidenceStore(tmp_path), tmp_path / "flight.mp4"
    make = watch_factory(
        LENS[1280], FlatTerrain(0.0), store, "drone", threads=1, weights_name="patrol-thermal"
    )
    assert "fire" not in make(UUID(int=1), lambda at: None, None)._detector.names
    options = ReplayOptions(source=video, work_directory=tmp_path, weights="patrol-thermal")
    eye, label = pinned_detector(options, cast(Recording, SimpleNamespace(camera=LENS[1280])))
    assert label.startswith("patrol-thermal")
    assert "fire" not in eye.names
    with pytest.raises(WeightsMissing, match="no weights named"):
        watch_factory(LENS[1280], FlatTerrain(0.0), store, "drone", weights_name="night")
