"""One event, one ticket: settled ones open again, people merge and undo, crowds name each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from server.fleet.models import Agent as AgentRow
from server.sightings.service import receive
from tests.fixtures.desk import Desk, sighting


def _close(desk: Desk, ticket: str, **more: Any) -> None:
    if desk.get(f"tickets/{ticket}")["state"] == "reported":
        desk.act(ticket, "file")
    desk.act(ticket, "dispatch", note="go", to="消防")
    assert desk.act(ticket, "close", note="done", **more).status_code == 200


def _kinds(desk: Desk, ticket: str) -> list[str]:
    return [entry["kind"] for entry in desk.get(f"tickets/{ticket}")["timeline"]]


@pytest.mark.parametrize(("kind", "state"), [("smoke", "reported"), ("fire", "filed")])
def test_a_settled_event_seen_again_opens_again(desk: Desk, kind: str, state: str) -> None:
    first = desk.report(sighting(50, 50, kind))["ticket_id"]
    _close(desk, first)
    again = desk.report(sighting(51, 50, kind, seconds=1800))
    assert (again["ticket_id"], again["new_ticket"]) == (first, False)
    ticket = desk.get(f"tickets/{first}")
    assert (ticket["state"], ticket["acknowledged"], len(ticket["sightings"])) == (state, False, 2)
    assert "seen_again" in _kinds(desk, first)
    assert desk.report(sighting(50, 50, kind, seconds=60 * 3600))["new_ticket"], "out of the window"


def test_what_was_found_to_be_nothing_is_not_opened_again(desk: Desk) -> None:
    first = desk.report(sighting(50, 50, "smoke"))["ticket_id"]
    _close(desk, first, verdict="false_alarm")
    assert desk.report(sighting(50, 50, "smoke", seconds=1800))["new_ticket"]


@pytest.mark.parametrize(
    ("demo", "seconds", "state"), [(True, 60, "closed"), (False, 1200, "closed"), (False, 4000, "reported")]
)
def test_news_from_before_the_settlement_opens_nothing(
    desk: Desk, demo: bool, seconds: float, state: str
) -> None:
    first = desk.report(sighting(50, 50, "smoke", seconds=600))["ticket_id"]
    desk.clock.advance(3600)
    _close(desk, first)
    settings = desk.context.settings.model_copy(update={"demo": demo})
    context = replace(desk.context, settings=settings)
    with context.database.write() as session:
        agent = session.scalars(select(AgentRow)).one()
        message = sighting(50, 50, "smoke", seconds=seconds)
        assert receive(context, session, agent.id, agent.name, message).ticket_id == first
    assert desk.get(f"tickets/{first}")["state"] == state
    assert _kinds(desk, first)[-1] == ("sighting_late" if state == "closed" else "seen_again")


def _two(desk: Desk, kinds: tuple[str, str] = ("smoke", "smoke")) -> tuple[str, str]:
    return (
        str(desk.report(sighting(0, 50, kinds[0]))["ticket_id"]),
        str(desk.report(sighting(60, 50, kinds[1]))["ticket_id"]),
    )


def test_a_merge_takes_the_sightings_along_and_can_be_undone(desk: Desk) -> None:
    first, second = _two(desk)
    before = desk.get(f"tickets/{first}")
    assert [one["id"] for one in before["mergeable"]] == [second]
    assert 50 < before["mergeable"][0]["metres"] < 70
    merged = desk.act(first, "merge", into=second).json()
    assert (merged["state"], merged["sightings"], merged["merged_into"]["id"]) == ("merged", [], second)
    assert merged["actions"] == ["comment", "mark", "unmerge"]
    assert len(desk.get(f"tickets/{second}")["sightings"]) == 2
    assert desk.report(sighting(0, 50, "smoke", seconds=300))["ticket_id"] == second, "seen again there"
    back = desk.act(first, "unmerge").json()
    assert (back["state"], len(back["sightings"]), back["merged_into"]) == ("reported", 1, None)
    assert (back["lat"], back["lon"]) == pytest.approx((before["lat"], before["lon"]))
    assert [entry["kind"] for entry in back["timeline"]][-2:] == ["merge", "unmerge"]
    assert _kinds(desk, second)[-1] == "unmerged_out"
    assert desk.act(first, "unmerge").json()["code"] == "action_not_allowed"


def test_merges_of_merges_are_undone_in_any_order(desk: Desk) -> None:
    tickets = [str(desk.report(sighting(60.0 * i, 50, "smoke"))["ticket_id"]) for i in range(3)]
    for source, target in ((0, 1), (1, 2)):
        assert desk.act(tickets[source], "merge", into=tickets[target]).status_code == 200
    assert len(desk.get(f"tickets/{tickets[2]}")["sightings"]) == 3
    for number in (0, 1):
        assert desk.act(tickets[number], "unmerge").status_code == 200
    assert [len(desk.get(f"tickets/{ticket}")["sightings"]) for ticket in tickets] == [1, 1, 1]


def test_undoing_makes_a_gathering_of_what_a_merge_made_a_dispute(desk: Desk) -> None:
    first, second = _two(desk, ("dispute", "gathering"))
    desk.act(first, "merge", into=second)
    assert desk.get(f"tickets/{second}")["kind"] == "dispute"
    desk.act(first, "unmerge")
    assert desk.get(f"tickets/{second}")["kind"] == "gathering"
    assert desk.get(f"tickets/{first}")["kind"] == "dispute"


def test_what_cannot_be_merged_is_said(desk: Desk) -> None:
    first, second = _two(desk, ("smoke", "gathering"))
    for into in (None, first, str(uuid4()), second):
        answer = desk.act(first, "merge", **({"into": into} if into else {}))
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    fire = str(desk.report(sighting(60, 90, "fire"))["ticket_id"])
    assert "merge that one into this one" in desk.act(fire, "merge", into=first).json()["detail"]
    assert desk.act(first, "merge", into=fire).status_code == 200, "smoke and its fire are one event"
    assert desk.act(first, "merge", into=fire, user="operator").status_code in (403, 409)


def test_crowds_that_split_or_grow_together_name_each_other_once(desk: Desk) -> None:
    flight = uuid4()

    def seen(east: float, seconds: float, identity: Any, revision: int = 1, track: int = 1) -> str:
        message = sighting(
            east, 50, "gathering", seconds=seconds, flight_id=flight, track_id=track,
            sighting_id=identity, revision=revision,
        )  # fmt: skip
        return str(desk.report(message)["ticket_id"])

    first, second = uuid4(), uuid4()
    old = seen(0, 0, first)
    new = seen(40, 60, second, track=2)
    assert old != new
    assert _kinds(desk, new) == ["opened", "split_off"]
    assert _kinds(desk, old) == ["opened", "split_from"]
    for revision in (2, 3):
        assert seen(10, 90 + revision, second, revision, track=2) == new
    assert _kinds(desk, old).count("grown_together") == 1
    entry = desk.get(f"tickets/{new}")["timeline"][-1]
    assert entry["data"]["other"] == desk.get(f"tickets/{old}")["number"]
