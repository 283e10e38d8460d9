from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from missions.messages import SightingMessage, SightingState
from missions.zones import Zones
from tests.unit.vision.scenes import cluster, fight, marching, queue, talking
from tests.unit.vision.stage import Flight, Stage, Thing, latest, zone, zones


def play(
    tmp_path: Path, things: Sequence[Thing], *, seconds: float = 7.0, where: Zones | None = None,
    noise: float = 0.05, seed: int = 0,
) -> list[SightingMessage]:  # fmt: skip
    stage = Stage(things, Flight(0, -50, 0, 4), zones=where, place_noise=noise, pixel_noise=0.5, seed=seed)
    return [m for m in latest(stage.run(tmp_path, seconds)[0]) if m.state is SightingState.CONFIRMED]


def kinds(messages: Sequence[SightingMessage]) -> list[str]:
    return [message.kind.value for message in messages]


def test_people_who_stand_together_are_a_gathering_with_its_terms(tmp_path: Path) -> None:
    found = play(tmp_path, cluster(0, 0, 16))
    assert kinds(found) == ["gathering"]
    terms = {reason.term: reason for reason in found[0].reasons}
    assert terms["people_count"].value >= terms["people_count"].threshold == 8
    assert terms["member_speed"].value <= terms["member_speed"].threshold
    assert set(terms) == {"people_count", "still_seconds", "member_speed", "group_speed", "straightness"}


def test_people_who_stand_are_a_gathering_though_their_boxes_shake(tmp_path: Path) -> None:
    assert kinds(play(tmp_path, cluster(0, 0, 16), seconds=4.0, noise=0.25)) == ["gathering"]


@pytest.mark.parametrize("things", [cluster(0, 0, 5), queue(-6, 0, 13), marching(-12, 0, 12)])
def test_what_is_no_gathering(tmp_path: Path, things: list[Thing]) -> None:
    assert play(tmp_path, things) == []


@pytest.mark.parametrize("kind", ["market", "square", "school_gate", "sports", "bus_stop"])
def test_places_that_explain_a_gathering(tmp_path: Path, kind: str) -> None:
    assert play(tmp_path, cluster(0, 0, 14), where=zones(zone("Z-1", kind, 0, 0, 20, 20)), seconds=5.0) == []


def test_a_no_parking_zone_explains_no_gathering(tmp_path: Path) -> None:
    where = zones(zone("Z-1", "no_parking", 0, 0, 20, 20))
    assert kinds(play(tmp_path, cluster(0, 0, 14), where=where)) == ["gathering"]


@pytest.mark.parametrize("onlookers", [0, 7])
def test_two_who_push_each_other_are_a_possible_dispute(tmp_path: Path, onlookers: int) -> None:
    found = play(tmp_path, [*fight(0, 0, onlookers), *talking(12, 3), *talking(-12, 5, seed=3)])
    assert kinds(found) == ["dispute"]
    terms = {reason.term: reason for reason in found[0].reasons}
    assert {"pair_acceleration", "pair_speed", "reversals", "pair_distance", "held_seconds"} <= set(terms)
    assert all(reason.fulfilled for reason in found[0].reasons)


def test_a_dispute_in_a_gathering_is_one_sighting(tmp_path: Path) -> None:
    assert kinds(play(tmp_path, fight(0, 0, 12, seed=2), seconds=8.0)) == ["dispute"]


@pytest.mark.parametrize("noise", [0.03, 0.15])
@pytest.mark.parametrize("seed", [1, 2])
def test_calm_talk_is_no_dispute_even_with_shaky_boxes(tmp_path: Path, noise: float, seed: int) -> None:
    things = [*talking(-8, 0, seed=1), *talking(0, 3, 4, seed=2), *talking(8, -2, 2, seed=3)]
    assert play(tmp_path, things, noise=noise, seed=seed) == []


def test_play_on_a_court_is_no_dispute(tmp_path: Path) -> None:
    where = zones(zone("S-1", "sports", 0, 0, 24, 24))
    assert play(tmp_path, [*fight(0, 0), *talking(14, 0)], where=where, seconds=5.0) == []
