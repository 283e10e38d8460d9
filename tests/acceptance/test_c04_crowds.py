"""C04: gatherings and possible disputes told from ordinary life, each alert with its terms and thresholds.

Event recall on scripted scenes seen by a passing camera, and false alerts an hour on scenes of ordinary life
and on real pedestrians (ETH and UCY, with a detector's noise added, since published tracks are smoothed).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from missions.messages import SightingMessage, SightingState
from tests.unit.vision.scenes import cluster, fight, marching, queue, talking
from tests.unit.vision.stage import Flight, Path2, Stage, Thing, latest, zone, zones

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TRACKS = SHARED / "tracks" / "eth_ucy"
PLACE_NOISE_M = 0.1
RECALL = 0.85
MOST_FALSE_ALERTS_AN_HOUR = 12.0
"""On busy streets, with every second watched. A patrol watches a place for ten seconds."""


def confirmed(messages: Sequence[SightingMessage]) -> list[SightingMessage]:
    return [message for message in latest(messages) if message.state is SightingState.CONFIRMED]


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What is reported in passes over a dispute, a gathering, and a street with neither."""
    scenes = []
    for seed in range(3):
        scenes.append(
            [*fight(0, 0, 2 * seed, seed=seed), *talking(14, 4, seed=seed), *talking(-14, 2, 2, seed=seed)]
        )
    scenes.append([*cluster(0, 0, 16, seed=1), *talking(16, 0)])
    scenes.append([*talking(-12, 0, 4, seed=4), *queue(0, 6, 12, seed=5), *marching(-10, -8, 9, seed=6)])
    found = []
    for number, things in enumerate(scenes):
        stage = Stage(things, Flight(3.0, -66, 0, 7), place_noise=0.05, pixel_noise=0.6, seed=number)
        messages = stage.run(tmp_path_factory.mktemp(f"pass-{number}"), 11.0)[0]
        found.append([message.kind.value for message in confirmed(messages)])
    return found


@pytest.mark.slow
def test_disputes_and_gatherings_are_recalled_once_each(passes: list[list[str]]) -> None:
    assert sum(found == ["dispute"] for found in passes[:3]) >= 2
    assert passes[3] == ["gathering"]


@pytest.mark.slow
def test_ordinary_life_raises_no_alert(passes: list[list[str]]) -> None:
    assert passes[4] == []
    assert all(len(found) <= 1 for found in passes)


@pytest.mark.slow
def test_life_on_a_square_is_explained_by_its_place(tmp_path: Path) -> None:
    where = zones(zone("SQ-1", "square", 0, 0, 40, 40))
    stage = Stage(cluster(0, 0, 24, radius=5.0), Flight(0, -60, 0, 6), zones=where)
    assert confirmed(stage.run(tmp_path, 8.0)[0]) == []


def pedestrians(file: Path, seconds: float) -> list[Thing]:
    """The people of the first seconds of a recording, about its middle; 2.5 Hz made continuous by splines."""
    rows = np.loadtxt(file)
    time = (rows[:, 0] - rows[:, 0].min()) / 10 * 0.4
    middle = (rows[:, 2:].min(axis=0) + rows[:, 2:].max(axis=0)) / 2
    things = []
    for person in np.unique(rows[:, 1]):
        mine = rows[:, 1] == person
        if mine.sum() < 4 or time[mine].min() > seconds:
            continue
        spline = CubicSpline(time[mine], rows[mine, 2:] - middle)

        def path(t: float, spline: CubicSpline = spline) -> tuple[float, float]:
            east, north = spline(t)
            return float(east), float(north)

        shown = (float(time[mine].min()), float(time[mine].max()))
        walk: Path2 = path
        things.append(Thing("person", walk, 0.6, shown, RECALL))
    return things


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.skipif(not TRACKS.is_dir(), reason="shared data is not here")
@pytest.mark.timeout(900)
def test_false_alerts_on_real_pedestrians(tmp_path: Path) -> None:
    alerts, watched_s = [], 0.0
    for name, seconds in (("biwi_hotel.txt", 150.0), ("crowds_zara01.txt", 150.0)):
        people = pedestrians(TRACKS / name, seconds)
        assert len(people) > 20
        stage = Stage(people, Flight(0, 0, 0, 0, 45.0, 0, -90), place_noise=PLACE_NOISE_M, pixel_noise=0.7)
        alerts += [(name, m.kind.value, m.reasons) for m in confirmed(stage.run(tmp_path / name, seconds)[0])]
        watched_s += seconds
    assert len(alerts) <= MOST_FALSE_ALERTS_AN_HOUR * watched_s / 3600, alerts
    assert not [alert for alert in alerts if alert[1] == "gathering"]
