"""After a flight all its views are adjusted together, and tickets follow or are proposed better places."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from missions.geodesy import distance_m
from missions.messages import SightingMessage, SightingState
from server import worker
from server.sightings import readjustment
from server.sightings.readjustment import EVERY, SILENT, adjust_due, adjust_flight
from tests.fixtures.desk import FRAME, START, Desk, look_at, open_desk, sighting

PLACES = [(30.0, 40.0), (62.0, 44.0), (34.0, 71.0), (66.0, 75.0), (48.0, 20.0)]


@pytest.fixture(autouse=True)
def swept_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "adjust_due", lambda context: 0)


def passes(flight: UUID, seed: int = 3) -> list[SightingMessage]:
    """Cars seen in eight passes from all around; each pass is off by its own heading."""
    rng = np.random.default_rng(seed)
    errors = rng.normal(0, 2.5, 8)
    reports = []
    for number, (east, north) in enumerate(PLACES):
        looks = [
            look_at(
                east, north, seconds=40.0 * leg + 2 * number, bearing_deg=45.0 * leg, back_m=50.0,
                yaw_error_deg=float(error), pixel_error=(float(rng.normal(0, 2)), float(rng.normal(0, 2))),
                pitch_deg=-45.0,
            )
            for leg, error in enumerate(errors[: 2 if number == 0 else 8])
        ]  # fmt: skip
        reports.append(sighting(
            kind="illegal_parking", looks=looks, seconds=2.0 * number, lasts_s=300.0, flight_id=flight,
            track_id=number,
        ))  # fmt: skip
    return reports


def finish(desk: Desk, flight: UUID) -> None:
    entry = {"at": START.isoformat(), "code": "phase", "text": "landed", "phase": "finished"}
    body = {"flight_id": str(flight), "sequence": 0, "entries": [entry]}
    answer = desk.call("POST", "agent/log", user="agent", json=body)
    assert answer.status_code == 204, answer.text


def error_m(ticket: dict[str, Any], place: tuple[float, float]) -> float:
    truth = FRAME.to_geodetic([place])[0]
    return distance_m(ticket["lat"], ticket["lon"], truth[0], truth[1])


def kinds(ticket: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in ticket["timeline"]]


def test_the_end_of_a_flight_places_all_things_together(desk: Desk) -> None:
    flight = uuid4()
    opened = [desk.report(message)["ticket_id"] for message in passes(flight)]
    before = [desk.get(f"tickets/{number}") for number in opened]
    assert adjust_due(desk.context) == 0, "it has only begun"
    finish(desk, flight)
    assert adjust_due(desk.context) == 1
    after = [desk.get(f"tickets/{number}") for number in opened]
    gaps = np.array([
        [error_m(old, place), error_m(new, place)]
        for old, new, place in zip(before, after, PLACES, strict=True)
    ])  # fmt: skip
    assert gaps[0, 0] > 3.5, "seen in two passes only, the first is far off before"
    assert gaps[0, 1] < 0.5 * gaps[0, 0], "the others tell how far those passes were off"
    assert "place_adjusted" in kinds(after[0])
    assert after[0]["ce90_m"] < before[0]["ce90_m"]


def test_in_the_air_views_are_adjusted_every_few_seconds_and_places_do_not_go_to_and_fro(desk: Desk) -> None:
    flight = uuid4()
    reports = passes(flight)
    opened = [desk.report(message)["ticket_id"] for message in reports]
    before = error_m(desk.get(f"tickets/{opened[0]}"), PLACES[0])
    desk.clock.advance(EVERY.total_seconds() + 1)
    assert adjust_due(desk.context) == 1
    adjusted = desk.get(f"tickets/{opened[0]}")
    assert error_m(adjusted, PLACES[0]) < 0.5 * before
    again = reports[0].model_copy(update={"revision": 2, "confidence": 0.9})
    desk.report(again)
    assert adjust_due(desk.context) == 0, "just done"
    after = desk.get(f"tickets/{opened[0]}")
    assert (after["lat"], after["lon"], after["confidence"]) == (adjusted["lat"], adjusted["lon"], 0.9)
    desk.clock.advance(EVERY.total_seconds() + 1)
    assert adjust_due(desk.context) == 1


def test_what_cannot_be_adjusted_any_more_goes_back_to_where_it_was_received(desk: Desk) -> None:
    """All but one sighting are withdrawn: alone, it tells nothing about the poses."""
    flight = uuid4()
    reports = passes(flight)
    opened = [desk.report(message)["ticket_id"] for message in reports]
    before = desk.get(f"tickets/{opened[0]}")
    finish(desk, flight)
    adjust_due(desk.context)
    assert desk.get(f"tickets/{opened[0]}")["lat"] != before["lat"]
    for message in reports[1:]:
        desk.report(message.model_copy(update={"revision": 2, "state": SightingState.RETRACTED}))
    assert adjust_due(desk.context) == 1
    after = desk.get(f"tickets/{opened[0]}")
    assert (after["lat"], after["lon"], after["ce90_m"]) == (before["lat"], before["lon"], before["ce90_m"])


def test_adjusting_again_changes_nothing(desk: Desk) -> None:
    flight = uuid4()
    opened = [desk.report(message)["ticket_id"] for message in passes(flight)]
    finish(desk, flight)
    assert adjust_due(desk.context) == 1
    once = [desk.get(f"tickets/{number}") for number in opened]
    assert adjust_due(desk.context) == 0
    assert adjust_flight(desk.context, flight)
    assert [desk.get(f"tickets/{number}") for number in opened] == once


def test_a_late_view_makes_the_flight_due_again(desk: Desk, tmp_path: Path) -> None:
    flight = uuid4()
    reports = passes(flight)
    opened = [desk.report(message)["ticket_id"] for message in reports[:-1]]
    finish(desk, flight)
    adjust_due(desk.context)
    desk.report(reports[-1])
    assert adjust_due(desk.context) == 1
    with open_desk(tmp_path / "punctual") as other:
        punctual = [other.report(message)["ticket_id"] for message in reports]
        finish(other, flight)
        adjust_due(other.context)
        expected = other.get(f"tickets/{punctual[0]}")
    late = desk.get(f"tickets/{opened[0]}")
    assert (late["lat"], late["lon"], late["cell"]) == (expected["lat"], expected["lon"], expected["cell"])


def test_a_flight_that_fell_silent_is_adjusted_too(desk: Desk) -> None:
    flight = uuid4()
    for message in passes(flight):
        desk.report(message)
    desk.clock.advance(SILENT.total_seconds() + 1)
    assert adjust_due(desk.context) == 1


def test_a_restart_forgets_nothing_that_is_due(tmp_path: Path) -> None:
    flight = uuid4()
    with open_desk(tmp_path) as desk:
        for message in passes(flight):
            desk.report(message)
        finish(desk, flight)
    with open_desk(tmp_path) as desk:
        assert adjust_due(desk.context) == 1


def test_a_dispatched_ticket_is_not_moved_but_proposed_a_place(desk: Desk) -> None:
    flight = uuid4()
    opened = [desk.report(message)["ticket_id"] for message in passes(flight)]
    number = opened[0]
    for action, more in (("file", {}), ("dispatch", {"to": "消防", "note": "请核实"})):
        assert desk.act(number, action, **more).status_code == 200
    before = desk.get(f"tickets/{number}")
    assert "adopt_place" not in before["actions"]
    assert desk.act(number, "adopt_place").status_code == 409
    finish(desk, flight)
    adjust_due(desk.context)
    after = desk.get(f"tickets/{number}")
    assert (after["lat"], after["lon"], after["cell"]) == (before["lat"], before["lon"], before["cell"])
    assert kinds(after)[-1] == "place_proposed"
    proposal = after["proposed_place"]
    assert proposal["metres"] >= 3.0
    assert error_m(proposal, PLACES[0]) < 0.5 * error_m(after, PLACES[0])
    adjust_flight(desk.context, flight)
    assert kinds(desk.get(f"tickets/{number}")) == kinds(after), "one proposal is told of once"
    adopted = desk.act(number, "adopt_place").json()
    assert (adopted["lat"], adopted["lon"]) == (proposal["lat"], proposal["lon"])
    assert adopted["proposed_place"] is None
    assert kinds(adopted)[-1] == "adopt_place"
    assert "adopt_place" not in adopted["actions"]


def test_a_sighting_that_comes_meanwhile_keeps_the_flight_due(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = uuid4()
    reports = passes(flight)
    for message in reports[:-1]:
        desk.report(message)
    finish(desk, flight)
    compute = readjustment._adjust

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(readjustment, "_adjust", compute)
        desk.report(reports[-1])
        return compute(*arguments)

    monkeypatch.setattr(readjustment, "_adjust", interrupted)
    assert adjust_due(desk.context) == 0
    assert adjust_due(desk.context) == 1
