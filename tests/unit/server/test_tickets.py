"""What people do to tickets: states, roles, notes, timeline, lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from server.access.roles import Role
from server.tickets.models import Ticket
from server.tickets.states import OPEN_STATES, TRANSITIONS, Action, TicketState, allowed_actions, transition
from tests.fixtures.desk import START, Desk, sighting


def _ticket(desk: Desk, kind: str = "smoke") -> str:
    return str(desk.report(sighting(kind=kind))["ticket_id"])


def test_the_whole_way_from_reported_to_closed_and_back(desk: Desk) -> None:
    ticket = _ticket(desk)
    steps = [
        ("acknowledge", {}, "reported"), ("file", {}, "filed"),
        ("dispatch", {"note": "请核查", "to": "消防"}, "dispatched"), ("close", {"note": "已扑灭"}, "closed"),
        ("reopen", {}, "reported"), ("reject", {"note": "水汽"}, "rejected"),
    ]  # fmt: skip
    for action, more, state in steps:
        answer = desk.act(ticket, action, **more)
        assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
    after = desk.get(f"tickets/{ticket}")
    assert [entry["kind"] for entry in after["timeline"]] == ["opened", *(step[0] for step in steps)]
    assert after["timeline"][3]["text"] == {"zh": "派单至 消防：请核查", "en": "Dispatched to 消防: 请核查"}
    assert after["department"] == "消防"
    audited = [entry["action"] for entry in desk.get("audit?limit=10", user="admin")["items"]]
    assert audited[1:3] == ["ticket.reject", "ticket.reopen"], "after the administrator's own sign-in"


@pytest.mark.parametrize("action", ["dispatch", "close", "reopen"])
def test_what_the_state_does_not_allow_is_a_conflict(desk: Desk, action: str) -> None:
    answer = desk.act(_ticket(desk), action, note="x", to="y")
    assert (answer.status_code, answer.json()["code"]) == (409, "action_not_allowed")


@pytest.mark.parametrize(
    ("action", "more"),
    [("reject", {}), ("reject", {"note": "  "}), ("comment", {}), ("move", {"cell": "x"}), ("move", {})],
)
def test_what_is_missing_is_named(desk: Desk, action: str, more: dict[str, str]) -> None:
    answer = desk.act(_ticket(desk), action, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_an_operator_may_reject_and_comment_but_not_file(desk: Desk) -> None:
    ticket = _ticket(desk)
    assert desk.get(f"tickets/{ticket}", user="operator")["actions"] == ["reject", "comment", "acknowledge"]
    assert desk.act(ticket, "file", user="operator").status_code == 409
    assert desk.act(ticket, "comment", user="operator", note="looked again").status_code == 200
    assert desk.act(ticket, "reject", user="operator", note="wrong").status_code == 200
    assert desk.get(f"tickets/{ticket}", user="tester")["actions"] == []


def test_moving_fixes_the_cell(desk: Desk) -> None:
    message = sighting(50, 50, "smoke")
    ticket = str(desk.report(message)["ticket_id"])
    assert desk.act(ticket, "move", cell="361102009001", note="属西南格").json()["cell_name"] == "西南格"
    desk.report(sighting(50, 50, "smoke", sighting_id=message.sighting_id, revision=2))
    assert desk.get(f"tickets/{ticket}")["cell"] == "361102009001"


@given(
    st.sampled_from(list(Action)),
    st.sampled_from(list(TicketState)),
    st.frozensets(st.sampled_from(list(Role))),
)
def test_default_deny(action: Action, state: TicketState, roles: frozenset[Role]) -> None:
    step = transition(action, state, roles)
    listed = [t for t in TRANSITIONS if (t.action, t.source) == (action, state) and t.roles & roles]
    assert (step is not None) == bool(listed)
    assert (action in allowed_actions(state, roles, acknowledged=False, place_proposed=True)) == bool(listed)
    if step is not None and step.target is TicketState.CLOSED is not state:
        assert state is TicketState.DISPATCHED, "nothing closes that was not dispatched"


def test_every_open_state_has_a_way_out_and_tables_name_each_step_once() -> None:
    keys = [(t.action, t.source) for t in TRANSITIONS]
    assert len(keys) == len(set(keys))
    for state in OPEN_STATES:
        assert any(t.source is state and t.target is not state for t in TRANSITIONS)


@pytest.mark.parametrize(
    "statement", ["UPDATE ticket_timeline SET text_en = 'x'", "DELETE FROM ticket_timeline",
                  "UPDATE audit_entries SET actor = 'x'", "DELETE FROM sighting_revisions"],
)  # fmt: skip
def test_history_cannot_be_changed_in_the_database(desk: Desk, statement: str) -> None:
    _ticket(desk)
    with desk.context.database.write() as session, pytest.raises(DatabaseError, match="append-only"):
        session.execute(text(statement))


def _fill(desk: Desk, count: int) -> None:
    """Many tickets straight into the database."""
    kinds, states = ["fire", "smoke", "gathering"], list(TicketState)[:5]
    cells = ["361102009001", "361102009004"]
    with desk.context.database.write() as session:
        session.add_all(
            Ticket(
                id=uuid4(), number=f"YX-2026-{i:06d}", kind=kinds[i % 3], state=states[i % 5].value,
                priority="high", priority_rank=i % 4, confidence=i % 100 / 100, cell=cells[i % 2],
                cell_name="格", cell_probabilities={cells[i % 2]: 1.0}, latitude=28.45, longitude=117.97,
                covariance_ee_m2=1.0, covariance_en_m2=0.0, covariance_nn_m2=1.0, channel="drone",
                opened_at=START + timedelta(seconds=i // 3), updated_at=START, first_seen_at=START,
                last_seen_at=START, sightings=1, why=f"reason {i % 7}",
            )
            for i in range(count)
        )  # fmt: skip


@pytest.mark.parametrize("order", ["newest", "oldest", "priority", "-confidence", "number", "updated"])
def test_pages_show_every_ticket_once_in_order(desk: Desk, order: str) -> None:
    _fill(desk, 95)
    seen: list[Any] = []
    cursor = ""
    while True:
        page = desk.get(f"tickets?order={order}&limit=20{cursor}&state=reported,filed")
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len({item["id"] for item in seen}) == page["total"] == 38
    assert page["counts"] == dict.fromkeys(TicketState, 19) | {"merged": 0}
    key = {"newest": "opened_at", "oldest": "opened_at", "-confidence": "confidence", "number": "number"}.get(
        order
    )
    if key:
        values = [item[key] for item in seen]
        assert values == sorted(values, reverse=order in ("newest", "-confidence"))


def test_queues_hold_what_waits(desk: Desk) -> None:
    _fill(desk, 50)
    with desk.context.database.write() as session:
        rows = session.scalars(select(Ticket).order_by(Ticket.number)).all()
        for row in rows[:20]:
            row.acknowledged_at = START
        for row in rows[2:50:5]:  # dispatched
            row.department, row.due_at = "综治中心", START + timedelta(hours=1)
        rows[0].due_at = START - timedelta(seconds=1)
        rows[3].due_at = START - timedelta(seconds=1)  # closed: it waits for nobody
    page = desk.get("tickets")
    assert page["queues"] == {"new": 18, "mine": 10, "overdue": 1}
    assert desk.get("tickets?queue=new")["total"] == 18
    mine = desk.get("tickets?queue=mine")
    assert {item["state"] for item in mine["items"]} == {"dispatched"}
    assert mine["queues"] == page["queues"], "choosing one changes none of the numbers"
    assert (
        desk.get("tickets?queue=mine&kind=fire")["total"] == desk.get("tickets?kind=fire")["queues"]["mine"]
    )
    assert desk.get("tickets?queue=mine", user="operator")["total"] == 0, "somebody without a department"
    desk.clock.advance(2 * 3600)
    assert desk.get("tickets?queue=overdue")["total"] == 11
    assert desk.call("GET", "tickets?queue=other").status_code == 422


def test_who_acts_on_a_ticket_has_seen_it(desk: Desk) -> None:
    ticket = _ticket(desk)
    assert not desk.get(f"tickets/{ticket}")["acknowledged"]
    commented = desk.act(ticket, "comment", note="on it").json()
    assert commented["acknowledged"]
    assert "acknowledge" not in commented["actions"]
    desk.act(ticket, "reject", note="nothing", verdict="false_alarm")
    assert not desk.act(ticket, "reopen").json()["acknowledged"], "reopened, it is new again"


def test_places_of_open_tickets_come_at_once(desk: Desk) -> None:
    _fill(desk, 50)
    with desk.context.database.write() as session:
        acknowledged = session.scalars(select(Ticket).where(Ticket.number == "YX-2026-000000")).one()
        acknowledged.acknowledged_at = START
        wanted = str(acknowledged.id)
    places = desk.get("tickets/places")
    assert {len(column) for column in places.values()} == {30}
    assert set(places["state"]) == {"reported", "filed", "dispatched"}
    assert [places["id"][at] for at, known in enumerate(places["acknowledged"]) if known] == [wanted]
    assert (places["lat"][0], places["lon"][0]) == (28.45, 117.97)
    assert set(places["cell"]) == {"361102009001", "361102009004"}
    assert len(desk.get("tickets/places?limit=7")["id"]) == 7


def test_filters_and_search(desk: Desk) -> None:
    _fill(desk, 60)
    assert desk.get("tickets?kind=fire&cell=361102009001")["total"] == 10
    assert desk.get("tickets?q=YX-2026-000007")["total"] == 1
    assert desk.get("tickets?q=明火")["total"] == 20
    assert desk.get("tickets?q=%25")["total"] == 0, "a wildcard is only a character here"
    assert desk.call("GET", "tickets?state=lost").status_code == 422
    assert desk.call("GET", "tickets?order=colour").status_code == 422
    assert desk.call("GET", "tickets?cursor=abc").status_code == 422
    assert desk.get("cells")["features"][0]["properties"]["open_tickets"] == 18


def test_a_list_of_ten_thousand_is_read_by_index(desk: Desk) -> None:
    """The plan, not the clock: pages in the usual orders walk an index and sort nothing."""
    _fill(desk, 2000)
    with desk.context.database.read() as session:
        for column in ("opened_at", "updated_at"):
            query = f"SELECT * FROM tickets ORDER BY {column} DESC, id DESC LIMIT 50"
            plan = " ".join(str(row) for row in session.execute(text(f"EXPLAIN QUERY PLAN {query}")))
            assert "USING INDEX" in plan
            assert "TEMP B-TREE" not in plan
    figures = desk.get("figures")
    assert sum(figures["tickets_by_state"].values()) == 2000
    assert figures["tickets_by_day"] == {"2026-05-01": 2000}
    assert figures["settled_by_priority"] == {"high": [400, 1600]}
