from __future__ import annotations

from pathlib import Path

import pytest

from missions.messages import SightingKind, SightingMessage, SightingState
from tests.unit.vision.stage import SIZES, Flight, Stage, Thing, at, latest, moving, zone, zones
from vision.hazards import belief

NO_PARKING = zones(zone("NP-1", "no_parking", 0, 0, 8, 20))


def play(
    tmp_path: Path, *things: Thing, seconds: float = 4.0, fps: float = 5.0, flight: Flight | None = None,
    **options: float,
) -> list[SightingMessage]:  # fmt: skip
    stage = Stage(things, flight or Flight(0, -35, 0, 0), zones=NO_PARKING, **options)  # type: ignore[arg-type]
    return stage.run(tmp_path, seconds, fps)[0]


def kinds(messages: list[SightingMessage], state: SightingState = SightingState.CONFIRMED) -> list[str]:
    return [m.kind.value for m in latest(messages) if m.state is state]


def test_a_fire_is_reported_once_it_has_lasted(tmp_path: Path) -> None:
    messages = play(tmp_path, Thing("fire", at(0, 0), 0.6), seconds=3.0)
    first = messages[0]
    assert first.kind is SightingKind.FIRE
    assert 1.0 <= (first.last_seen_at - first.first_seen_at).total_seconds() <= 1.21
    assert kinds(messages) == ["fire"]


@pytest.mark.parametrize(
    "thing",
    [
        Thing("fire", at(0, 0), 0.6, shown=(0.0, 0.7)),  # too short
        Thing("fire", at(0, 0), 0.33),  # too faint
        Thing("fire", at(0, 0), 0.6, recall=0.15),  # flickering
        Thing("fire", lambda t: (7 * t, 0.0), 0.6),  # moving, e.g. a red lamp of a lorry
    ],
)
def test_what_is_no_fire(tmp_path: Path, thing: Thing) -> None:
    assert kinds(play(tmp_path, thing)) == []


@pytest.mark.parametrize(("metres", "reported"), [(0.8, []), (3.0, ["smoke"])])
def test_a_pale_stone_is_no_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metres: float, reported: list[str]
) -> None:
    monkeypatch.setitem(SIZES, "smoke", (metres, metres, metres))
    assert kinds(play(tmp_path, Thing("smoke", at(0, 0), 0.7))) == reported


def test_a_shadow_that_passes_for_smoke_in_its_best_looks_is_none(tmp_path: Path) -> None:
    wavering = {"score": 0.44, "waver": 0.15}
    assert kinds(play(tmp_path / "smoke", Thing("smoke", at(0, 0), **wavering))) == []  # type: ignore[arg-type]
    assert kinds(play(tmp_path / "fire", Thing("fire", at(0, 0), **wavering))) == ["fire"]  # type: ignore[arg-type]


def test_a_plume_that_goes_on_as_another_track_has_not_vanished(tmp_path: Path) -> None:
    first = Thing("smoke", at(0, 0), 0.7, shown=(0.0, 2.0), recall=0.8)
    second = Thing("smoke", at(5.5, 0), 0.7, shown=(1.8, 99))
    alone, followed = (
        play(tmp_path / "a", first, seconds=9.0),
        play(tmp_path / "b", first, second, seconds=9.0),
    )
    assert SightingState.RETRACTED in {message.state for message in alone}
    assert SightingState.RETRACTED not in {message.state for message in followed}


@pytest.mark.parametrize(("height", "reported"), [(4.0, []), (20.0, ["smoke"])])
def test_on_the_pad_dust_is_no_smoke(tmp_path: Path, height: float, reported: list[str]) -> None:
    flight = Flight(0, -0.7 * height, 0, 0, height=height)
    assert kinds(play(tmp_path, Thing("smoke", at(0, 0), 0.6), flight=flight)) == reported


def test_a_fire_with_its_smoke_is_one_thing(tmp_path: Path) -> None:
    fire, smoke = Thing("fire", at(0, 0), 0.6), Thing("smoke", at(3, 2), 0.6)
    assert kinds(play(tmp_path, fire, smoke)) == ["fire"]


def test_smoke_seen_before_its_fire_is_taken_back(tmp_path: Path) -> None:
    fire, smoke = Thing("fire", at(0, 0), 0.6, shown=(3.0, 99)), Thing("smoke", at(3, 2), 0.6)
    messages = play(tmp_path, fire, smoke, seconds=6.0)
    assert kinds(messages) == ["fire"]
    assert kinds(messages, SightingState.RETRACTED) == ["smoke"]
    assert "reported as fire" in latest(messages)[0].reasons[0].text


def test_smoke_far_from_a_fire_is_its_own_thing(tmp_path: Path) -> None:
    messages = play(tmp_path, Thing("fire", at(-14, 0), 0.6), Thing("smoke", at(14, 0), 0.6))
    assert sorted(kinds(messages)) == ["fire", "smoke"]


def test_a_fire_that_vanishes_in_full_view_is_taken_back(tmp_path: Path) -> None:
    messages = play(tmp_path, Thing("fire", at(0, 0), 0.6, shown=(0.0, 1.3)), seconds=6.0)
    assert kinds(messages, SightingState.RETRACTED) == ["fire"]
    assert kinds(messages) == []


def test_a_fire_lost_for_a_while_is_the_same_fire(tmp_path: Path) -> None:
    things = [Thing("fire", at(0, 0), 0.6, shown=(0.0, 3.0)), Thing("fire", at(0.5, 0), 0.6, shown=(7.0, 99))]
    assert kinds(play(tmp_path, *things, seconds=10.0)) == ["fire"]


def test_a_parked_car_and_one_beside_it_are_two(tmp_path: Path) -> None:
    messages = play(tmp_path, Thing("car", at(-1.3, 0), 0.7), Thing("car", at(1.3, 0), 0.7))
    assert kinds(messages) == ["illegal_parking"] * 2


def test_half_a_car_in_the_zone_is_a_car_in_the_zone(tmp_path: Path) -> None:
    assert kinds(play(tmp_path, Thing("car", at(4.5, 0), 0.7), seconds=5.0)) == ["illegal_parking"]
    assert kinds(play(tmp_path, Thing("car", at(5.6, 0), 0.7), seconds=5.0)) == []


@pytest.mark.parametrize(
    "thing",
    [
        Thing("car", at(10, 0), 0.7),  # outside the zone
        Thing("car", lambda t: (0, -12 + 3 * t), 0.7),  # driving
        Thing("car", lambda t: (0, -3 + 0.6 * t), 0.7),  # creeping
        Thing("car", at(0, 0), 0.7, shown=(0.0, 2.4)),  # a short halt
        Thing("person", at(0, 0), 0.7),
        Thing("motorcycle", at(0, 0), 0.7),
    ],
)
def test_what_is_no_illegal_parking(tmp_path: Path, thing: Thing) -> None:
    assert kinds(play(tmp_path, thing, seconds=5.0)) == []


def test_a_car_that_drives_off_after_all_is_taken_back(tmp_path: Path) -> None:
    car = Thing("car", lambda t: (0.0, 0.0 if t < 4 else 4.0 * (t - 4)), 0.7)
    messages = play(tmp_path, car, seconds=7.0)
    assert kinds(messages, SightingState.RETRACTED) == ["illegal_parking"]
    assert "drove off" in latest(messages)[0].reasons[0].text


@pytest.mark.parametrize("height_bias", [-4.0, 4.0])
def test_a_parked_car_that_leaves_the_picture_has_not_driven_off(tmp_path: Path, height_bias: float) -> None:
    flight = Flight(0, -45, 0, 7, height=50)
    messages = play(
        tmp_path, Thing("car", at(0, 0), 0.7), seconds=9.0, flight=flight, height_bias=height_bias
    )
    assert kinds(messages) == ["illegal_parking"]


def test_stills_seconds_apart_confirm_with_two_looks(tmp_path: Path) -> None:
    car = Thing("car", at(0, 0), 0.7)
    flight = Flight(0, -50, 0, 2)
    messages = play(tmp_path, car, Thing("fire", at(10, 4), 0.6), seconds=21.0, fps=1 / 7, flight=flight)
    assert sorted(kinds(messages)) == ["fire", "illegal_parking"]
    single = play(tmp_path, car, Thing("fire", at(10, 4), 0.6), seconds=7.0, fps=1 / 7, flight=flight)
    assert single == []


def test_a_shaking_pose_moves_no_parked_car(tmp_path: Path) -> None:
    car = Thing("car", at(0, 0), 0.7)
    assert kinds(play(tmp_path, car, seconds=6.0, pose_noise_deg=0.25)) == ["illegal_parking"]


@pytest.mark.parametrize("height_bias", [-3.0, 3.0])
def test_a_wrong_height_makes_no_parked_car_creep(tmp_path: Path, height_bias: float) -> None:
    passing = Flight(0, -50, 0, 7, height=50)
    bias = {"seconds": 6.0, "flight": passing, "height_bias": height_bias}
    assert kinds(play(tmp_path / "parked", Thing("car", at(0, 0)), **bias)) == ["illegal_parking"]  # type: ignore[arg-type]
    assert kinds(play(tmp_path / "driving", Thing("car", moving(0, -6, 0, 2)), **bias)) == []  # type: ignore[arg-type]


def test_belief_grows_with_score_and_time() -> None:
    assert belief(0.6, 1.0, 1.0) < belief(0.6, 3.0, 1.0) < belief(0.8, 3.0, 1.0)
    assert belief(0.6, 30.0, 1.0) == belief(0.6, 3.0, 1.0)
    assert belief(1.0, 9.0, 1.0) <= 0.99
