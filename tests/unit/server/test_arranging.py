"""The same sightings give the same tickets, in whatever order they arrive; what people did stays done."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from missions.messages import SightingMessage
from server import worker
from server.sightings import rearranging
from server.sightings.readjustment import adjust_due, adjust_flight
from tests.fixtures.desk import Desk, open_desk, sighting
from tests.unit.server.test_readjustment import finish

FIRST, SECOND = UUID(int=1), UUID(int=2)
CARS = [(-60.0, -40.0), (-57.3, -40.0), (-20.0, 10.0), (15.0, -15.0), (40.0, 45.0), (42.7, 45.0)]
JUMP_M = (3.5, -3.5)


@pytest.fixture(autouse=True)
def swept_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "adjust_due", lambda context: 0)


def identity(number: int) -> UUID:
    return UUID(int=0x5EE << 64 | number)


def two_flights(jump_m: tuple[float, float] = JUMP_M) -> list[SightingMessage]:
    """Cars, fire, smoke and crowds, seen by two flights with a jump of GNSS between; one track breaks."""
    messages = []
    for number, (flight, error) in enumerate(((FIRST, (0.0, 0.0)), (SECOND, jump_m))):
        begun = 1500.0 * number
        for index, (east, north) in enumerate(CARS):
            messages.append(("illegal_parking", east, north, begun + 9 * (index // 2), index, flight, error))
        messages.append(("illegal_parking", *CARS[2], begun + 40, 20, flight, error))
        messages.append(("fire", 80.0, -60.0, begun + 60, 21, flight, error))
        messages.append(("smoke", 88.0, -55.0, begun + 66, 22, flight, error))
        messages.append(("gathering", -80.0, 70.0, begun + 70, 23, flight, error))
        messages.append(("dispute", -76.0, 66.0, begun + 80, 24, flight, error))
    return [
        sighting(
            east, north, kind, seconds=seconds, flight_id=flight, track_id=track + 100 * flight.int,
            sighting_id=identity(number), error_m=error,
        )
        for number, (kind, east, north, seconds, track, flight, error) in enumerate(messages)
    ]  # fmt: skip


def tickets_of(desk: Desk) -> set[tuple[Any, ...]]:
    """What the tickets are, but for their numbers: sightings, kind, state, cell and place."""
    held: dict[str, set[str]] = {}
    for one in desk.get("sightings?limit=1000")["items"]:
        held.setdefault(one["ticket_id"], set()).add(one["id"])
    tickets = (desk.get(f"tickets/{ticket_id}") for ticket_id in held)
    return {
        (
            frozenset(held[t["id"]]), t["kind"], t["state"], t["cell"], t["ce90_m"], t["confidence"],
            round(t["lat"], 9), round(t["lon"], 9),
        )
        for t in tickets
    }  # fmt: skip


def arrived(folder: Path, messages: Sequence[SightingMessage]) -> set[tuple[Any, ...]]:
    with open_desk(folder) as desk:
        desk.hello()
        for message in messages:
            desk.report(message)
        return tickets_of(desk)


@pytest.mark.parametrize("jump_m", [(0.0, 0.0), JUMP_M], ids=["no jump", "jump of 5 m"])
def test_tickets_do_not_depend_on_the_order_of_arrival(tmp_path: Path, jump_m: tuple[float, float]) -> None:
    messages = two_flights(jump_m)
    expected = arrived(tmp_path / "in time", messages)
    assert len(expected) == len(CARS) + 3, "cars, fire, smoke, and a crowd that became a dispute"
    assert {len(held) for held, *_ in expected} == {2, 4}, "each seen by both flights"
    rng = np.random.default_rng(7)
    for number in range(5):
        shuffled = [messages[i] for i in rng.permutation(len(messages))]
        assert arrived(tmp_path / f"shuffled {number}", shuffled) == expected


def test_where_the_later_flight_lands_first_the_tickets_are_the_same(tmp_path: Path) -> None:
    messages = two_flights()
    half = len(messages) // 2
    assert arrived(tmp_path / "late", messages[half:] + messages[:half]) == arrived(tmp_path / "a", messages)


def test_a_chain_of_smokes_is_cut_the_same_way_in_every_order(tmp_path: Path) -> None:
    """Each within reach of the next, the outer ones not of each other."""
    chain = [
        sighting(
            24.0 * i - 40, 50, "smoke", seconds=200.0 * i, sighting_id=identity(i), flight_id=UUID(int=i + 1)
        )
        for i in range(4)
    ]
    found = [
        arrived(tmp_path / str(number), [chain[i] for i in order])
        for number, order in enumerate(list(permutations(range(4)))[::3])
    ]
    assert all(tickets == found[0] for tickets in found)


def test_too_many_to_arrange_in_flight_are_arranged_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rearranging, "MOST_AT_ONCE", 3)
    monkeypatch.setattr("server.sightings.holding.MOST_AT_ONCE", 3)
    messages = two_flights()
    rng = np.random.default_rng(3)
    found = []
    for number in range(4):
        with open_desk(tmp_path / str(number)) as desk:
            desk.hello()
            for i in rng.permutation(len(messages)):
                desk.report(messages[i])
            for flight in (FIRST, SECOND):
                finish(desk, flight)
            while adjust_due(desk.context):
                pass
            found.append(tickets_of(desk))
    assert all(tickets == found[0] for tickets in found)
    assert len(found[0]) == len(CARS) + 3


def test_adjusted_flights_do_not_change_what_belongs_together(tmp_path: Path) -> None:
    """A late sighting of the first flight comes after both were adjusted: as if it had come in time."""
    messages = two_flights()
    found = []
    for number, late in enumerate((0, 9)):
        with open_desk(tmp_path / str(number)) as desk:
            desk.hello()
            order = [m for i, m in enumerate(messages) if i != late] + [messages[late]] * (late > 0)
            for message in [messages[0]] * (late == 0) + order:
                desk.report(message)
                if message is messages[-1]:
                    for flight in (FIRST, SECOND):
                        finish(desk, flight)
                        adjust_flight(desk.context, flight)
            while adjust_due(desk.context):
                pass
            found.append(tickets_of(desk))
    assert found[0] == found[1]


def _homes(desk: Desk) -> dict[str, str]:
    return {one["id"]: one["ticket_id"] for one in desk.get("sightings?limit=1000")["items"]}


@pytest.mark.parametrize("action", ["acknowledge", "file", "comment", "move", "merge"])
def test_what_a_person_acted_on_keeps_its_sightings(desk: Desk, action: str) -> None:
    """The first cars of the jumped flight look new; a person acts on one before the others come."""
    messages = [m for m in two_flights() if m.kind == "illegal_parking"]
    half = len(messages) // 2
    for message in messages[:half]:
        desk.report(message)
    strays = [desk.report(message)["ticket_id"] for message in messages[half : half + 2]]
    held = _homes(desk)
    assert len(set(held.values())) > len(CARS), "so far they look like further cars"
    stray = next(ticket for ticket in strays if list(held.values()).count(ticket) == 1)
    more = {
        "comment": {"note": "seen"}, "move": {"cell": desk.get(f"tickets/{stray}")["cell"]},
        "merge": {"into": next(t for t in held.values() if t not in strays)},
    }  # fmt: skip
    assert desk.act(stray, action, **more.get(action, {})).status_code == 200
    decided = {one: home for one, home in _homes(desk).items() if held[one] == stray}
    for message in messages[half + 2 :]:
        desk.report(message)
    after = _homes(desk)
    assert {one: after[one] for one in decided} == decided
    assert len(set(after.values())) == len(CARS), (
        "all others were brought together, in the touched ticket too"
    )


def test_a_ticket_left_empty_is_merged_and_a_person_can_undo_that(desk: Desk) -> None:
    messages = [m for m in two_flights() if m.kind == "illegal_parking"]
    for message in messages[: len(messages) // 2 + 1]:
        desk.report(message)
    first = str(messages[len(messages) // 2].sighting_id)
    stray = _homes(desk)[first]
    for message in messages[len(messages) // 2 + 1 :]:
        desk.report(message)
    merged = desk.get(f"tickets/{stray}")
    assert (merged["state"], merged["sightings"]) == ("merged", [])
    assert merged["timeline"][-1]["actor"] == "system"
    assert merged["merged_into"]["id"] == _homes(desk)[first]
    back = desk.act(stray, "unmerge").json()
    assert (back["state"], [one["id"] for one in back["sightings"]]) == ("reported", [first])
    desk.report(sighting(*CARS[3], "illegal_parking", seconds=1700, flight_id=uuid4()))
    assert _homes(desk)[first] == stray, "nobody takes it away again"


def test_a_crowd_left_by_its_dispute_is_a_gathering_again(desk: Desk) -> None:
    """A dispute between two gatherings belongs to the nearer one, which came late."""
    gathering = desk.report(sighting(0, 50, "gathering", seconds=100))["ticket_id"]
    desk.clock.advance(30)
    assert desk.report(sighting(13, 50, "dispute", seconds=160))["ticket_id"] == gathering
    assert desk.get(f"tickets/{gathering}")["kind"] == "dispute"
    nearer = desk.report(sighting(23, 50, "gathering", seconds=90))["ticket_id"]
    kinds = [desk.get(f"tickets/{ticket}")["kind"] for ticket in (gathering, nearer)]
    assert kinds == ["gathering", "dispute"]
