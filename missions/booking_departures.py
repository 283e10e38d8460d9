"""When each flight leaves, on which aircraft, so that little is late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from missions.booked import BookedCell, Conflict, Fleet, Flight, Pass
from missions.booking_flights import as_flown, minutes_of

MOST_MENDED = 12
"""So many passes may be late that flights are split for them; more need shorter flights throughout."""


def departures_of(
    flights: list[Flight], cells: Mapping[str, BookedCell], fleet: Fleet, begin: datetime
) -> tuple[list[Flight], list[Conflict]]:
    """Departures: of the flights that may leave always the one that must leave first, on a free aircraft.

    Where some would be late, passes are taken out of flights, one by one, as long as less is late then.
    """
    order = _by_urgency(flights, fleet, begin)
    late = _late(order, fleet, begin)
    while 0 < late[0] <= MOST_MENDED:
        tries = [_by_urgency(split, fleet, begin) for split in _split(order, cells, fleet)]
        better = min(tries, key=lambda other: _late(other, fleet, begin), default=order)
        if _late(better, fleet, begin) >= late:
            break
        order, late = better, _late(better, fleet, begin)
    return _departures(order, fleet, begin)


def _split(flights: list[Flight], cells: Mapping[str, BookedCell], fleet: Fleet) -> Iterator[list[Flight]]:
    """The same flights, with one pass of one of them flown by itself."""
    for place, flight in enumerate(flights):
        for each in flight.passes if len(flight.passes) > 1 else ():
            parts = [other for other in flight.passes if other is not each], [each]
            made = [Flight(tuple(as_flown(part, fleet)), minutes_of(part, cells, fleet)) for part in parts]
            yield [*flights[:place], *made, *flights[place + 1 :]]


def _by_urgency(flights: list[Flight], fleet: Fleet, begin: datetime) -> list[Flight]:
    free = [begin] * fleet.aircraft
    left, order = list(flights), list[Flight]()
    while left:
        number = min(range(fleet.aircraft), key=lambda n: (free[n], n))
        soonest = max(free[number], min(flight.opens for flight in left))
        ready = [flight for flight in left if flight.opens <= soonest]
        flight = min(
            ready, key=lambda f: (-f.priority, f.deadline - timedelta(minutes=f.minutes), f.passes[0].cell)
        )
        left.remove(flight)
        order.append(flight)
        if any(_ends(flight, soonest) <= each.deadline for each in flight.passes):
            free[number] = _ends(flight, soonest) + timedelta(minutes=fleet.turnaround_minutes)
    return order


def _departures(order: list[Flight], fleet: Fleet, begin: datetime) -> tuple[list[Flight], list[Conflict]]:
    """The flights in this order, each as soon as it may on the aircraft that is free first."""
    flown = [
        replace(flight, aircraft=number, starts=starts)
        for flight, number, starts in _assigned(order, fleet, begin)
        if any(_ends(flight, starts) <= each.deadline for each in flight.passes)
    ]
    missed = [
        _missed(each, ends)
        for flight, ends in _landings(order, fleet, begin)
        for each in flight.passes
        if ends > each.deadline
    ]
    return sorted(flown, key=lambda f: (f.starts or begin, f.aircraft)), missed


def _assigned(order: list[Flight], fleet: Fleet, begin: datetime) -> Iterator[tuple[Flight, int, datetime]]:
    """Aircraft and start of each; one that would be late with all its passes keeps no aircraft."""
    free = [begin] * fleet.aircraft
    for flight in order:
        number = min(range(fleet.aircraft), key=lambda n: (free[n], n))
        starts = max(free[number], flight.opens)
        ends = _ends(flight, starts)
        if any(ends <= each.deadline for each in flight.passes):
            free[number] = ends + timedelta(minutes=fleet.turnaround_minutes)
        yield flight, number, starts


def _landings(order: list[Flight], fleet: Fleet, begin: datetime) -> list[tuple[Flight, datetime]]:
    return [(flight, _ends(flight, starts)) for flight, _, starts in _assigned(order, fleet, begin)]


def _ends(flight: Flight, starts: datetime) -> datetime:
    return starts + timedelta(minutes=flight.minutes)


def _missed(each: Pass, ends: datetime) -> Conflict:
    return Conflict(
        tuple(b.code for b in each.bookings), each.cell,
        f"the earliest flight ends {(ends - each.deadline) / timedelta(minutes=1):.0f} min "
        "after the deadline: give more time, or another aircraft",
    )  # fmt: skip


def _late(order: list[Flight], fleet: Fleet, begin: datetime) -> tuple[int, timedelta]:
    """How many passes are late, and how much in all."""
    passes = [
        ends - each.deadline
        for flight, ends in _landings(order, fleet, begin)
        for each in flight.passes
        if ends > each.deadline
    ]
    return len(passes), sum(passes, timedelta())
