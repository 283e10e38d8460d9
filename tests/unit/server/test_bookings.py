"""Bookings of departments: who may book, how they merge, planning, fulfilment from the ledger, results."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import shapely

from missions.footprints import ground_sample_distances_m
from missions.plan import PatrolPlan
from missions.shapes import from_rings
from server.bookings import repository
from server.bookings.fulfilment import judge_due, shares_of
from server.flights.models import Flight
from tests.fixtures.desk import AGENT, START, Desk, sighting
from tests.unit.server.test_seen import WEST_HALF, send, tiles_of

SOUTH_WEST, NORTH_EAST = "361102009001", "361102009004"
WHOLE = (117.9679, 28.4481, 117.9721, 28.4519)
OWN = "综治中心"


def wish(*cells: str, hours: float = 4.0, **more: Any) -> dict[str, Any]:
    deadline = (START + timedelta(hours=hours)).isoformat()
    return {"cells": list(cells or [SOUTH_WEST]), "kinds": ["fire"], "deadline_at": deadline, **more}


def book(desk: Desk, user: str, *cells: str, **more: Any) -> Any:
    answer = desk.call("POST", "bookings", user=user, json=wish(*cells, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


def merge(desk: Desk, **query: Any) -> Any:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return desk.get(f"bookings/merge?{words}", user="operator")


def audit(desk: Desk, action: str) -> list[Any]:
    return [one for one in desk.get("audit", user="admin")["items"] if one["action"] == action]


def test_a_clerk_books_for_the_own_department_and_sees_only_that(desk: Desk) -> None:
    own = book(desk, "desk", SOUTH_WEST, note="校门口")
    book(desk, "operator", NORTH_EAST, department="消防")
    assert (own["department"], own["state"], own["code"]) == (OWN, "open", "B260501-001")
    listed = desk.get("bookings")
    assert [one["code"] for one in listed["items"]] == [own["code"]]
    assert (listed["department"], listed["may_preempt"]) == (OWN, False)
    assert len(desk.get("bookings", user="operator")["items"]) == 2
    assert desk.get("bookings", user="tester")["departments"] == sorted([OWN, "消防"])
    other = desk.get("bookings", user="operator")["items"][0]
    assert desk.call("GET", f"bookings/{other['id']}").status_code == 404
    assert {one["actor"] for one in audit(desk, "booking.made")} == {"desk", "operator"}


REFUSED: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    ("desk", {"department": "消防"}, 403, "ask an operator to book for 消防"),
    ("desk", {"urgent": True}, 403, "only 公安 may book urgently"),
    ("tester", {}, 403, "this needs one of the roles"),
    ("operator", {}, 422, "name the department"),
    ("desk", {"cells": ["nowhere"]}, 422, "names cells that are not there: nowhere"),
    ("desk", {"deadline_at": START.isoformat()}, 422, "give a later one"),
    ("desk", {"opens_at": (START + timedelta(hours=9)).isoformat()}, 422, "ends before it begins"),
    ("desk", {"lowest_m": 90, "highest_m": 60}, 422, "has no height"),
    ("desk", {"steepest_deg": -30, "flattest_deg": -60}, 422, "pitch must go from"),
    ("desk", {"kinds": ["ufo"]}, 422, ""),
)


def test_a_booking_that_makes_no_sense_is_refused_in_a_sentence(desk: Desk) -> None:
    for user, change, status, sentence in REFUSED:
        answer = desk.call("POST", "bookings", user=user, json=wish() | change)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert sentence in answer.json()["detail"]
    assert desk.get("bookings")["items"] == []


def test_bookings_of_one_cell_share_a_flight_and_its_cost(desk: Desk) -> None:
    first = book(desk, "desk", SOUTH_WEST, fineness_cm=8)
    second = book(desk, "operator", SOUTH_WEST, NORTH_EAST, department="消防", fineness_cm=5)
    found = merge(desk)
    (flight,) = found["flights"]
    assert flight["bookings"] == [first["code"], second["code"]]
    assert flight["departments"] == sorted([OWN, "消防"])
    assert sorted(flight["cells"]) == [SOUTH_WEST, NORTH_EAST]
    assert 40 < flight["altitude_agl_m"] < 55, "fine enough for 5 cm, with a margin"
    assert found["minutes"] < found["minutes_alone"]
    assert sum(share["minutes"] for share in found["shares"]) == pytest.approx(found["minutes"], abs=0.2)
    assert found["problems"] == []


def test_conflicts_are_named(desk: Desk) -> None:
    low = book(desk, "desk", SOUTH_WEST, highest_m=40)
    high = book(desk, "operator", SOUTH_WEST, department="消防", lowest_m=60)
    never = book(desk, "operator", NORTH_EAST, department="水利", fineness_cm=1)
    found = merge(desk)
    told = {one["code"]: one for one in found["problems"]}
    assert told["setting"]["bookings"] == [low["code"], high["code"]]
    assert told["height"]["bookings"] == [never["code"]]
    assert "allow a lower flight, or a coarser picture" in told["height"]["text"]
    assert len(found["flights"]) == 2


def test_an_urgent_booking_goes_first_and_names_who_loses(desk: Desk) -> None:
    tight = book(desk, "desk", SOUTH_WEST, hours=0.12)
    assert merge(desk)["problems"] == []
    urgent = book(desk, "operator", NORTH_EAST, department="公安", urgent=True, hours=0.2)
    found = merge(desk)
    assert found["flights"][0]["bookings"] == [urgent["code"]]
    assert found["flights"][0]["urgent"]
    assert [(one["code"], one["bookings"]) for one in found["problems"]] == [("displaced", [tight["code"]])]


def test_a_merged_flight_becomes_a_plan_that_is_launched_in_two_steps(desk: Desk) -> None:
    booking = book(desk, "desk", SOUTH_WEST)
    (flight,) = merge(desk, camera="wide-4k")["flights"]
    assert desk.call("GET", "bookings/merge", user="desk").status_code == 403
    assert desk.call("POST", "bookings/plans", json={"key": flight["key"]}).status_code == 403
    body = {"key": flight["key"], "camera": "wide-4k", "agent": AGENT}
    gone = desk.call("POST", "bookings/plans", user="operator", json=body | {"key": "0" * 8})
    assert (gone.status_code, gone.json()["code"]) == (409, "merge_changed")
    answer = desk.call("POST", "bookings/plans", user="operator", json=body)
    assert answer.status_code == 201, answer.text
    plan = answer.json()
    assert plan["plan"]["cells"] == [SOUTH_WEST]
    assert plan["plan"]["altitude_agl_m"] == flight["altitude_agl_m"]
    assert merge(desk, camera="wide-4k")["flights"][0]["plan_id"] == plan["id"]
    assert desk.get(f"bookings/{booking['id']}")["state"] == "planned"
    made = desk.call("POST", "flights", user="operator", json={"plan_id": plan["id"], "agent": AGENT}).json()
    assert desk.call("POST", f"flights/{made['id']}/launch", user="operator").status_code == 202
    assert desk.get(f"bookings/{booking['id']}")["state"] == "flying"
    assert merge(desk)["flights"] == [], "a flight under way sees to it"
    assert audit(desk, "booking.planned")[0]["data"]["bookings"] == [booking["code"]]


@pytest.mark.parametrize("camera", ["wide-4k", "patrol-1080p"])
def test_merged_plans_stay_within_bounds_and_are_as_fine_as_promised(desk: Desk, camera: str) -> None:
    fineness = {
        book(desk, "operator", SOUTH_WEST, NORTH_EAST, department="消防", fineness_cm=8)["code"]: 0.08,
        book(desk, "operator", SOUTH_WEST, department="水利", fineness_cm=5)["code"]: 0.05,
        book(
            desk, "operator", NORTH_EAST, department="城管", fineness_cm=12, steepest_deg=-60,
            flattest_deg=-40,
        )["code"]: 0.12,
    }  # fmt: skip
    found = merge(desk, camera=camera)
    assert found["problems"] == []
    served = {code for flight in found["flights"] for code in flight["bookings"]}
    assert served == set(fineness)
    for flight in found["flights"]:
        body = {"key": flight["key"], "camera": camera, "agent": AGENT}
        plan = PatrolPlan.model_validate(
            desk.call("POST", "bookings/plans", user="operator", json=body).json()["plan"]
        )
        assert plan.flyable, plan.findings
        assert (plan.outside_m, plan.camera.name) == (0.0, camera)
        assert plan.uncovered_fraction <= 0.005
        _, middle, _ = ground_sample_distances_m(plan.camera, plan.altitude_agl_m)
        assert middle <= min(fineness[code] for code in flight["bookings"])
        allowed, zones = from_rings(plan.allowed), from_rings(plan.no_fly)
        for sortie in plan.sorties:
            way = shapely.LineString([(p.longitude, p.latitude) for p in sortie.waypoints])
            assert allowed.buffer(1e-7).covers(way)
            assert not zones.buffer(-1e-7).intersects(way)


def test_the_ledger_decides_whether_a_booking_is_fulfilled(desk: Desk) -> None:
    booking = book(desk, "desk", SOUTH_WEST, fineness_cm=8)
    coarse = book(desk, "desk", NORTH_EAST, fineness_cm=3)
    send(desk, tiles_of(WHOLE, START + timedelta(minutes=5)), uuid4())
    judge_due(desk.context)
    told = desk.get(f"bookings/{booking['id']}")
    assert (told["state"], told["cells"][0]["served"]) == ("fulfilled", True)
    assert desk.get(f"bookings/{coarse['id']}")["share"] == 0, "seen, but not finely enough"
    assert [one["subject"] for one in audit(desk, "booking.fulfilled")] == [booking["code"]]
    desk.clock.advance(5 * 3600)
    judge_due(desk.context)
    late = desk.get(f"bookings/{coarse['id']}")
    assert (late["state"], late["overdue"]) == ("overdue", True)
    assert [one["subject"] for one in audit(desk, "booking.overdue")] == [coarse["code"]]
    assert judge_due(desk.context) == 0, "what is settled stays settled"


def test_half_a_booking_is_told_as_partly_seen(desk: Desk) -> None:
    booking = book(desk, "desk", SOUTH_WEST, NORTH_EAST, kinds=["gathering"])
    flight = uuid4()
    send(desk, tiles_of(WEST_HALF, START, names="patrol-rgb"), flight)
    judge_due(desk.context)
    assert desk.get(f"bookings/{booking['id']}")["share"] == 0, "nobody looked for crowds"
    desk.clock.advance(60)
    send(desk, tiles_of(WEST_HALF, START), flight)
    judge_due(desk.context)
    told = desk.get(f"bookings/{booking['id']}")
    assert (told["state"], round(told["share"], 2)) == ("partly", 0.5)
    (left,) = merge(desk)["flights"]
    assert left["cells"] == [NORTH_EAST], "what was seen is not flown again"


def test_what_a_flight_before_the_booking_saw_does_not_count(desk: Desk) -> None:
    flight = uuid4()
    send(desk, tiles_of(WHOLE, START), flight)
    with desk.context.database.write() as session:
        session.get_one(Flight, flight).created_at = START - timedelta(hours=1)
    booking = book(desk, "desk", SOUTH_WEST)
    judge_due(desk.context)
    assert desk.get(f"bookings/{booking['id']}")["share"] == 0


def test_outside_a_demonstration_the_time_of_each_look_counts(desk: Desk) -> None:
    booking = book(desk, "desk", SOUTH_WEST, hours=2, opens_at=(START + timedelta(hours=1)).isoformat())
    settings = desk.context.settings.model_copy(update={"demo": False})
    context = replace(desk.context, settings=settings)
    desk.clock.advance(3 * 3600)
    shares = []
    for minutes in (30, 130, 90):
        send(desk, tiles_of(WHOLE, START + timedelta(minutes=minutes)), uuid4())
        with desk.context.database.read() as session:
            row = repository.booking(session, UUID(booking["id"]))
            assert row is not None
            shares.append(shares_of(context, session, row, desk.clock.now())[SOUTH_WEST])
    assert [round(share) for share in shares] == [0, 0, 1], "too early, too late, in time"


def test_results_are_the_tickets_of_its_kinds_in_its_cells(desk: Desk) -> None:
    fire = book(desk, "desk", SOUTH_WEST, kinds=["fire"])
    elsewhere = book(desk, "desk", NORTH_EAST, kinds=["fire"])
    parking = book(desk, "desk", SOUTH_WEST, kinds=["illegal_parking"])
    desk.report(sighting(-60.0, -60.0))
    found = {one["code"]: one["tickets"] for one in desk.get("bookings")["items"]}
    assert found == {fire["code"]: 1, elsewhere["code"]: 0, parking["code"]: 0}
    (ticket,) = desk.get(f"bookings/{fire['id']}/results")["items"]
    assert (ticket["kind"], ticket["cell"]) == ("fire", SOUTH_WEST)


def test_a_booking_is_cancelled_once_with_a_reason(desk: Desk) -> None:
    booking = book(desk, "desk", SOUTH_WEST)
    path = f"bookings/{booking['id']}/cancel"
    assert desk.call("POST", path, json={"reason": ""}).status_code == 422
    done = desk.call("POST", path, json={"reason": "活动取消"}).json()
    assert (done["state"], done["cancelled_by"]) == ("cancelled", "desk")
    assert desk.call("POST", path, json={"reason": "again"}).json()["code"] == "booking_closed"
    assert merge(desk)["flights"] == []
