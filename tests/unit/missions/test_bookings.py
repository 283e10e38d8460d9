"""Bookings of many departments merged into few flights."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.bookings import BookedCell, Booking, Fleet, merge, preempt
from missions.errors import BookingInvalid

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
CELLS = {f"c{i}": BookedCell((400.0 * i, 0.0), 40_000.0) for i in range(8)}
FLEET = Fleet()


def booking(code: str, *cells: str, hours: tuple[float, float] = (0.0, 6.0), **changes: object) -> Booking:
    opens, deadline = (NOON + timedelta(hours=h) for h in hours)
    values = {"department": code[0], "algorithms": frozenset({f"{code}-eye"}), **changes}
    return Booking(code=code, cells=cells, opens=opens, deadline=deadline, **values)  # type: ignore[arg-type]


def test_two_departments_share_a_pass_and_its_cost() -> None:
    plan = merge([booking("a1", "c1", "c2"), booking("b1", "c2", "c3")], CELLS, FLEET, NOON)
    assert len(plan.flights) == 1
    assert sorted(p.cell for p in plan.flights[0].passes) == ["c1", "c2", "c3"]
    assert sum(plan.shares.values()) == pytest.approx(plan.minutes)
    assert plan.shares["a"] == pytest.approx(plan.shares["b"])
    assert plan.minutes < plan.minutes_alone
    assert plan.results == {"a": ("a1-eye",), "b": ("b1-eye",)}
    assert not plan.conflicts
    assert not plan.missed


def test_the_finest_wish_decides_the_height() -> None:
    plan = merge([booking("a1", "c1", finest_m=0.1), booking("b1", "c1", finest_m=0.02)], CELLS, FLEET, NOON)
    (only,) = plan.flights[0].passes
    assert only.height_m == pytest.approx(FLEET.highest_for(0.02))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"pitch_deg": (-40.0, -30.0)}, "no camera pitch serves both"),
        ({"lowest_m": 100.0, "highest_m": 120.0}, "no height serves both"),
    ],
)
def test_what_cannot_share_a_pass_is_flown_apart_and_said(other: dict[str, object], said: str) -> None:
    first = booking("a1", "c1", highest_m=60.0)
    plan = merge([first, booking("b1", "c1", **other)], CELLS, FLEET, NOON)
    assert [conflict.text for conflict in plan.conflicts] == [f"{said}: flown apart"]
    assert sum(len(flight.passes) for flight in plan.flights) == 2


def test_a_picture_finer_than_the_lowest_flight_is_a_conflict_of_its_own() -> None:
    plan = merge([booking("a1", "c1", finest_m=0.001), booking("b1", "c1")], CELLS, FLEET, NOON)
    (conflict,) = plan.conflicts
    assert conflict.bookings == ("a1",)
    assert "allow a lower flight" in conflict.text
    assert [b.code for p in plan.flights[0].passes for b in p.bookings] == ["b1"]


def test_windows_that_do_not_meet_are_two_flights() -> None:
    plan = merge([booking("a1", "c1", hours=(0, 1)), booking("b1", "c1", hours=(3, 4))], CELLS, FLEET, NOON)
    assert [flight.starts for flight in plan.flights] == [NOON, NOON + timedelta(hours=3)]
    assert not plan.conflicts


def test_a_deadline_that_nothing_meets_is_named() -> None:
    late = booking("a1", "c7", hours=(0.0, 0.05))
    plan = merge([late], CELLS, FLEET, NOON)
    assert plan.flights == ()
    assert plan.missed[0].bookings == ("a1",)
    assert "after the deadline" in plan.missed[0].text


def test_the_police_go_first_and_what_has_flown_stays_flown() -> None:
    plan = merge([booking("a1", "c1", hours=(0, 1)), booking("b1", "c2", hours=(2, 8))], CELLS, FLEET, NOON)
    now = NOON + timedelta(hours=1.5)
    again = preempt(plan, booking("p1", "c5", hours=(1.5, 4)), CELLS, FLEET, now)
    flown = [b.code for flight in again.flights for p in flight.passes for b in p.bookings]
    assert flown[0] == "p1"
    assert "b1" in flown
    assert "a1" not in flown


def test_a_booking_that_loses_its_place_is_named() -> None:
    tight = booking("a1", "c1", hours=(0, 0.2))
    plan = merge([tight], CELLS, FLEET, NOON)
    assert not plan.missed
    waiting = replace(
        plan, flights=tuple(replace(f, starts=NOON + timedelta(minutes=1)) for f in plan.flights)
    )
    urgent = booking("p1", "c7", "c6", "c5", hours=(0, 0.4))
    again = preempt(waiting, urgent, CELLS, FLEET, NOON)
    assert [c.bookings for c in again.missed] == [("a1",)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": ("x",)}, "not there: x"),
        ({"cells": ()}, "names no cell"),
        ({"deadline": NOON}, "ends before it begins"),
        ({"lowest_m": 130.0}, "no height"),
        ({"pitch_deg": (-30.0, -60.0)}, "pitch must go"),
    ],
)
def test_bookings_that_mean_nothing_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BookingInvalid, match=message):
        merge([replace(booking("a1", "c1"), **changes)], CELLS, FLEET, NOON)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_wish_is_flown_missed_or_a_conflict_and_no_aircraft_is_in_two_places(seed: int) -> None:
    random = np.random.default_rng(seed)
    wishes = [
        booking(
            f"{chr(97 + i)}1", *random.choice(sorted(CELLS), 3, replace=False).tolist(),
            hours=(float(random.uniform(0, 4)), float(random.uniform(4.2, 9))),
            finest_m=float(random.choice([0.001, 0.03, 0.1])),
        )
        for i in range(6)
    ]  # fmt: skip
    fleet = Fleet(aircraft=2)
    plan = merge(wishes, CELLS, fleet, NOON)
    asked = {(b.code, cell) for b in wishes for cell in b.cells}
    flown = {(b.code, p.cell) for f in plan.flights for p in f.passes for b in p.bookings}
    lost = {(code, c.cell) for c in (*plan.missed, *plan.conflicts) for code in c.bookings}
    assert asked <= flown | lost
    for aircraft in range(fleet.aircraft):
        times = [(f.starts, f.minutes) for f in plan.flights if f.aircraft == aircraft and f.starts]
        for (start, minutes), (following, _) in itertools.pairwise(times):
            assert following >= start + timedelta(minutes=minutes)
    for flight in plan.flights:
        assert flight.minutes <= fleet.battery_minutes or len(flight.passes) == 1
        assert flight.starts is not None
        assert flight.starts >= flight.opens
    assert sum(plan.shares.values()) == pytest.approx(plan.minutes)


def test_a_flight_with_one_setting_keeps_height_and_pitch() -> None:
    fleet = replace(FLEET, one_setting=True)
    wanted = [
        booking("a1", "c1", "c2", finest_m=0.05),
        booking("b1", "c3", finest_m=0.04),
        booking("d1", "c4", pitch_deg=(-60.0, -30.0)),
        booking("e1", "c5", lowest_m=100.0, finest_m=0.09),
    ]
    plan = merge(wanted, CELLS, fleet, NOON)
    for flight in plan.flights:
        heights = {each.height_m for each in flight.passes}
        asked = [b for each in flight.passes for b in each.bookings]
        assert len(heights) == len({each.pitch_deg for each in flight.passes}) == 1
        assert all(b.lowest_m <= heights.copy().pop() <= fleet.highest_for(b.finest_m) for b in asked)
    assert {c.cell for c in plan.missed} == set()
    flown = {(b.code, p.cell) for f in plan.flights for p in f.passes for b in p.bookings}
    assert flown == {(b.code, cell) for b in wanted for cell in b.cells}


def test_an_urgent_flight_is_not_held_up_by_a_finer_picture() -> None:
    fleet = replace(FLEET, one_setting=True)
    urgent = booking("p1", "c1", finest_m=0.08, priority=1)
    plan = merge([urgent, booking("a1", "c2", finest_m=0.02)], CELLS, fleet, NOON)
    assert [[b.code for p in f.passes for b in p.bookings] for f in plan.flights] == [["p1"], ["a1"]]


def test_a_flight_stays_over_the_roofs() -> None:
    roofs = CELLS | {"c1": replace(CELLS["c1"], lowest_m=90.0), "c2": replace(CELLS["c2"], lowest_m=400.0)}
    plan = merge([booking("a1", "c1", "c2", highest_m=120.0)], roofs, FLEET, NOON)
    assert [each.height_m >= 90.0 for flight in plan.flights for each in flight.passes] == [True]
    (conflict,) = plan.conflicts
    assert (conflict.cell, "400 m the least allowed, over roofs too" in conflict.text) == ("c2", True)


def test_a_tilted_camera_flies_lower_for_the_same_fineness() -> None:
    fleet = replace(FLEET, one_setting=True)
    wanted = [booking("a1", "c1", finest_m=0.05), booking("b1", "c2", pitch_deg=(-60.0, -30.0))]
    (flight,) = merge(wanted, CELLS, fleet, NOON).flights
    assert {each.pitch_deg for each in flight.passes} == {-60.0}
    assert flight.passes[0].height_m == pytest.approx(fleet.highest_for(0.05) * 0.75**0.75)
