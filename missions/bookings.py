"""One flight for many departments: bookings merged into passes and flights, conflicts named, cost shared.

A booking asks for cells to be seen in a window of time, finely enough, within limits of height and camera
pitch. What several bookings ask of one cell is seen in one pass where a common moment, height and pitch
exist. Passes are joined into flights that one battery holds. Places are metres in a local frame, times aware.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from missions.booked import BookedCell, Booking, Conflict, Fleet, Flight, Pass
from missions.booking_departures import departures_of
from missions.booking_flights import heights, joined_flights, pass_over, shared_passes
from missions.errors import BookingInvalid

__all__ = [
    "BookedCell", "Booking", "BookingPlan", "Conflict", "Fleet", "Flight", "Pass", "check", "merge",
    "preempt",
]  # fmt: skip

SLACKS = (1.5, 3.0, 6.0, 12.0)
"""A flight is filled, and a pass shared, while the common window is this many times as long as it takes;
the next one is tried when deadlines are missed."""


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """Flights in order of departure; ``missed`` names bookings and cells that no flight reaches in time.

    ``shares`` are minutes charged to each department, ``minutes_alone`` what one flight a booking would take.
    """

    flights: tuple[Flight, ...]
    conflicts: tuple[Conflict, ...]
    missed: tuple[Conflict, ...]
    shares: Mapping[str, float]
    minutes: float
    minutes_alone: float
    results: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Department -> algorithms that run for it."""


def merge(
    bookings: Iterable[Booking], cells: Mapping[str, BookedCell], fleet: Fleet, begin: datetime
) -> BookingPlan:
    """Plan flights for all bookings, from ``begin`` on.

    Raises:
        BookingInvalid: a booking names an unknown cell, has no time, or limits that leave nothing.
    """
    wanted = sorted(bookings, key=lambda booking: booking.code)
    for booking in wanted:
        check(booking, cells)
    tries: list[tuple[int, float, list[Flight], list[Conflict], list[Conflict]]] = []
    for slack in SLACKS:
        passes, conflicts = shared_passes(wanted, cells, fleet, slack)
        flights, missed = departures_of(joined_flights(passes, cells, fleet, slack), cells, fleet, begin)
        tries.append((len(missed), sum(flight.minutes for flight in flights), flights, missed, conflicts))
        if not missed:
            break
    _, minutes, flights, missed, conflicts = min(tries, key=lambda result: result[:2])
    alone = sum(_alone_minutes(booking, cells, fleet) for booking in wanted)
    results: dict[str, set[str]] = {}
    for booking in wanted:
        results.setdefault(booking.department, set()).update(booking.algorithms)
    return BookingPlan(
        flights=tuple(flights), conflicts=tuple(conflicts), missed=tuple(missed),
        shares=_shares(flights, cells, fleet), minutes=minutes,
        minutes_alone=alone, results={name: tuple(sorted(which)) for name, which in results.items()},
    )  # fmt: skip


def preempt(
    plan: BookingPlan, urgent: Booking, cells: Mapping[str, BookedCell], fleet: Fleet, now: datetime
) -> BookingPlan:
    """Plan again with a booking that goes first; flights that have departed by ``now`` are over.

    Bookings that lose their place are named in ``missed``.
    """
    left: dict[str, Booking] = {}
    kept: dict[str, set[str]] = {}
    for flight in plan.flights:
        if flight.starts is not None and flight.starts <= now:
            continue
        for each in flight.passes:
            for booking in each.bookings:
                left[booking.code] = booking
                kept.setdefault(booking.code, set()).add(each.cell)
    rest = [
        replace(booking, cells=tuple(cell for cell in booking.cells if cell in kept[code]))
        for code, booking in left.items()
    ]
    top = max((booking.priority for booking in rest), default=0)
    first = replace(urgent, priority=max(urgent.priority, top + 1))
    return merge([first, *rest], cells, fleet, now)


def check(booking: Booking, cells: Container[str]) -> None:
    """Raises:
    BookingInvalid: it names an unknown cell, has no time, or limits that leave nothing.
    """
    unknown = [cell for cell in booking.cells if cell not in cells]
    if unknown or not booking.cells:
        what = f"names cells that are not there: {', '.join(unknown)}" if unknown else "names no cell"
        raise BookingInvalid(f"booking {booking.code} {what}; choose from the file of cells")
    if booking.opens >= booking.deadline:
        raise BookingInvalid(f"booking {booking.code} ends before it begins: give a later deadline")
    if not (booking.finest_m > 0 and 0 < booking.lowest_m <= booking.highest_m):
        raise BookingInvalid(f"booking {booking.code} has no height: raise its highest or lower its lowest")
    if not -90 <= booking.pitch_deg[0] <= booking.pitch_deg[1] <= 0:
        raise BookingInvalid(f"booking {booking.code}: pitch must go from -90 (down) up to 0")


def _alone_minutes(booking: Booking, cells: Mapping[str, BookedCell], fleet: Fleet) -> float:
    """Minutes if every booking were flown by itself, on as many batteries as it takes."""
    passes = [
        seen
        for cell in dict.fromkeys(booking.cells)
        if isinstance(seen := pass_over(cell, cells[cell].lowest_m, [booking], fleet), Pass)
    ]
    return sum(flight.minutes for flight in joined_flights(passes, cells, fleet, SLACKS[0]))


def _shares(flights: Iterable[Flight], cells: Mapping[str, BookedCell], fleet: Fleet) -> dict[str, float]:
    """Each flight's minutes, divided by what its bookings would take alone over the same cells."""
    shares: dict[str, float] = {}
    for flight in flights:
        weights = [
            (booking.department, fleet.minutes_over(cells[p.cell], heights([booking], fleet)[1]))
            for p in flight.passes
            for booking in p.bookings
        ]
        total = sum(weight for _, weight in weights)
        for department, weight in weights:
            shares[department] = shares.get(department, 0.0) + flight.minutes * weight / total
    return shares
