"""Sightings become tickets: once each, in the right cell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from missions.geodesy import distance_m
from tests.fixtures.desk import FRAME, Desk, look_at, open_desk, sighting


def test_a_new_sighting_opens_a_ticket_in_its_cell(desk: Desk) -> None:
    receipt = desk.report(sighting(60, 70, "smoke", flight_id=uuid4()))
    assert receipt["new_ticket"]
    ticket = desk.get(f"tickets/{receipt['ticket_id']}")
    assert ticket["number"] == "YX-20260501-0001"
    assert (ticket["state"], ticket["cell"], ticket["cell_name"]) == ("reported", "361102009004", "东北格")
    truth = FRAME.to_geodetic([[60, 70]])[0]
    assert distance_m(ticket["lat"], ticket["lon"], truth[0], truth[1]) < 0.1
    assert ticket["title"] == {"zh": "烟雾 · 东北格", "en": "Smoke · North-east"}
    assert ticket["why"] == "seen for 4 s"
    assert ticket["candidates"][0]["cell"] == "361102009004"
    assert [entry["kind"] for entry in ticket["timeline"]] == ["opened"]
    assert 1 < ticket["ce90_m"] < 10


def test_repeating_a_revision_changes_nothing_and_answers_the_same(desk: Desk) -> None:
    message = sighting(kind="smoke")
    first, second = desk.report(message), desk.report(message)
    assert first == second
    assert desk.get("tickets")["total"] == 1


def test_a_higher_revision_updates_the_same_ticket(desk: Desk) -> None:
    message = sighting(kind="smoke", confidence=0.6)
    first = desk.report(message)
    second = desk.report(sighting(kind="smoke", confidence=0.9, sighting_id=message.sighting_id, revision=2))
    assert second["ticket_id"] == first["ticket_id"]
    assert not second["new_ticket"]
    ticket = desk.get(f"tickets/{first['ticket_id']}")
    assert ticket["confidence"] == 0.9
    assert len(ticket["sightings"]) == 1
    late = desk.report(message)
    assert late["new_ticket"], "revision 1 did open the ticket, and says so again"
    assert desk.get(f"tickets/{first['ticket_id']}")["confidence"] == 0.9


def test_a_second_pass_adds_a_sighting(desk: Desk) -> None:
    first = desk.report(sighting(50, 50, "smoke", flight_id=uuid4()))
    second = desk.report(sighting(53, 48, "smoke", flight_id=uuid4(), seconds=600, bearing_deg=180))
    assert second["ticket_id"] == first["ticket_id"]
    ticket = desk.get(f"tickets/{first['ticket_id']}")
    assert len(ticket["sightings"]) == 2
    assert ticket["timeline"][-1]["kind"] == "sighting_added"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_gathering_and_dispute_in_one_place_are_one_dispute_in_either_order(
    desk: Desk, order: tuple[int, int]
) -> None:
    both = [sighting(50, 50, "gathering"), sighting(52, 50, "dispute", seconds=20)]
    receipts = [desk.report(both[i]) for i in order]
    assert receipts[0]["ticket_id"] == receipts[1]["ticket_id"]
    ticket = desk.get(f"tickets/{receipts[0]['ticket_id']}")
    assert (ticket["kind"], ticket["priority"], ticket["state"]) == ("dispute", "high", "reported")


def test_a_kind_that_files_itself_is_filed_by_the_system(desk: Desk) -> None:
    ticket = desk.get(f"tickets/{desk.report(sighting(kind='fire'))['ticket_id']}")
    assert ticket["state"] == "filed"
    assert [(e["kind"], e["actor"]) for e in ticket["timeline"]] == [
        ("opened", "system"),
        ("self_file", "system"),
    ]


def test_what_cannot_be_placed_is_kept_without_a_guess(desk: Desk) -> None:
    flat = look_at(50, 50, back_m=400, pitch_deg=-7)
    receipt = desk.report(sighting(kind="smoke", looks=[flat]))
    assert receipt["ticket_id"] is None
    assert "degrees below the horizon, 15 are needed" in receipt["note"]
    assert "seen from 28.4" in receipt["note"]
    assert "towards 0 degrees" in receipt["note"] or "towards 360 degrees" in receipt["note"]
    kept = desk.get("sightings")["items"][0]
    assert (kept["placed"], kept["cell"], kept["cell_probabilities"], kept["lat"]) == (False, None, {}, None)


def test_a_ray_that_misses_is_kept_with_its_bearing(desk: Desk) -> None:
    up = look_at(50, 50, bearing_deg=90.0)
    up = up.model_copy(update={"pose": up.pose.model_copy(update={"pitch_deg": 30.0})})
    receipt = desk.report(sighting(kind="smoke", looks=[up]))
    assert receipt["ticket_id"] is None
    assert "towards 9" in receipt["note"]
    assert desk.get("tickets")["total"] == 0
    assert len(desk.get("sightings")["items"]) == 1


def test_an_ellipse_wider_than_two_cells_opens_nothing(desk: Desk, tmp_path: Path) -> None:
    vague = look_at(50, 50)
    vague = vague.model_copy(update={"pose": vague.pose.model_copy(update={"position_sigma_m": 55.0})})
    wide = desk.report(sighting(kind="smoke", looks=[vague]))
    assert wide["ticket_id"] is None
    assert "uncertain by" in wide["note"]
    vague = vague.model_copy(update={"pose": vague.pose.model_copy(update={"position_sigma_m": 120.0})})
    with open_desk(tmp_path / "generous", max_ce90_m=500.0) as generous:
        wider = generous.report(sighting(kind="smoke", looks=[vague]))
        assert wider["ticket_id"] is None
        assert "wider than two cells" in wider["note"]
        assert "seen from" in wider["note"]
        kept = generous.get("sightings")["items"][0]
        assert (kept["placed"], kept["lat"]) == (False, None)


def test_a_retracted_sighting_closes_nothing_and_is_noted(desk: Desk) -> None:
    message = sighting(kind="smoke")
    receipt = desk.report(message)
    desk.report(sighting(kind="smoke", sighting_id=message.sighting_id, revision=2, state="retracted"))
    ticket = desk.get(f"tickets/{receipt['ticket_id']}")
    assert ticket["state"] == "reported"
    assert ticket["timeline"][-1]["kind"] == "sighting_retracted"


def test_a_sighting_retracted_before_it_was_known_opens_nothing(desk: Desk) -> None:
    receipt = desk.report(sighting(kind="smoke", state="retracted"))
    assert receipt["ticket_id"] is None
    assert desk.get("tickets")["total"] == 0


def test_parallel_posts_of_one_event_give_one_ticket(desk: Desk) -> None:
    desk.token("desk")
    messages = [sighting(50 + i % 3, 50, "smoke", flight_id=uuid4(), seconds=i) for i in range(6)] * 2
    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(desk.report, messages))
    assert len({receipt["ticket_id"] for receipt in receipts}) == 1
    page = desk.get("tickets")
    assert page["total"] == 1
    assert page["items"][0]["sightings"] == 6


def test_a_wrongly_paired_car_moves_when_its_neighbour_is_seen(desk: Desk) -> None:
    """Second pass off by 1.4 m towards the neighbour: seen one after the other, still two tickets."""
    first, second = uuid4(), uuid4()
    a = desk.report(sighting(50, 50, "illegal_parking", flight_id=first, track_id=1))
    b = desk.report(sighting(52.5, 50, "illegal_parking", flight_id=first, track_id=2))
    assert a["ticket_id"] != b["ticket_id"]
    shifted = {"error_m": (1.4, 0.0), "seconds": 300.0, "flight_id": second}
    a2 = desk.report(sighting(50, 50, "illegal_parking", track_id=7, **shifted))
    assert a2["ticket_id"] == b["ticket_id"], "alone it looks like the neighbour"
    b2 = desk.report(sighting(52.5, 50, "illegal_parking", track_id=8, **shifted))
    assert b2["ticket_id"] == b["ticket_id"]
    assert desk.get("tickets")["total"] == 2
    tickets = {item["id"]: item["sightings"] for item in desk.get("tickets")["items"]}
    assert tickets == {a["ticket_id"]: 2, b["ticket_id"]: 2}
    kinds = {entry["kind"] for entry in desk.get(f"tickets/{a['ticket_id']}")["timeline"]}
    assert "sighting_moved_in" in kinds


def test_only_the_agent_of_a_sighting_may_revise_it(desk: Desk) -> None:
    message = sighting(kind="smoke")
    desk.report(message)
    made = desk.call("POST", "agents", user="admin", json={"name": "other"}).json()
    answer = desk.call(
        "POST", "agent/sightings", user=None, headers={"Authorization": f"Bearer {made['token']}"},
        json=sighting(kind="smoke", sighting_id=message.sighting_id, revision=2).model_dump(mode="json"),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "agent_mismatch")
