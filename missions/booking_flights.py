"""Bookings of a cell into passes that serve several, and passes into flights that one battery holds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from missions.booked import BookedCell, Booking, Conflict, Fleet, Flight, Pass

SHARED_PASS_MINUTES = 10.0
"""What a shared pass is taken to need of its window, way there included."""


def shared_passes(
    bookings: list[Booking], cells: Mapping[str, BookedCell], fleet: Fleet, slack: float
) -> tuple[list[Pass], list[Conflict]]:
    """For each cell the fewest looks: always at the earliest deadline, with all that can share it."""
    demands: dict[str, list[Booking]] = {}
    for booking in bookings:
        for cell in dict.fromkeys(booking.cells):
            demands.setdefault(cell, []).append(booking)
    passes: list[Pass] = []
    conflicts: list[Conflict] = []
    for cell, asked in sorted(demands.items()):
        roofs = cells[cell].lowest_m
        impossible = [
            seen
            for booking in asked
            if isinstance(seen := pass_over(cell, roofs, [booking], fleet), Conflict)
        ]
        conflicts += impossible
        never = {code for conflict in impossible for code in conflict.bookings}
        left = sorted(
            (booking for booking in asked if booking.code not in never),
            key=lambda booking: (booking.deadline, booking.code),
        )
        while left:
            first, together, apart = left[0], [left[0]], []
            for other in left[1:]:
                opens = max(booking.opens for booking in [*together, other])
                if first.deadline - opens < timedelta(minutes=slack * SHARED_PASS_MINUTES):
                    apart.append(other)
                elif why := _cannot_share([*together, other], fleet, roofs):
                    apart.append(other)
                    conflicts.append(Conflict((first.code, other.code), cell, f"{why}: flown apart"))
                else:
                    together.append(other)
            seen = pass_over(cell, roofs, together, fleet)
            if isinstance(seen, Conflict):
                conflicts.append(seen)
            else:
                passes.append(seen)
            left = apart
    return passes, conflicts


def heights(
    bookings: Sequence[Booking], fleet: Fleet, roofs_m: float = 0.0, pitch_deg: float = -90.0
) -> tuple[float, float]:
    """Least and greatest height that serve all, at that pitch or the steepest that all allow."""
    pitch = max(pitch_deg, *(booking.pitch_deg[0] for booking in bookings))
    low = max(roofs_m, *(booking.lowest_m for booking in bookings))
    return low, min(min(b.highest_m, fleet.highest_for(b.finest_m, pitch)) for b in bookings)


def _cannot_share(bookings: list[Booking], fleet: Fleet, roofs_m: float) -> str:
    low, high = heights(bookings, fleet, roofs_m)
    if low > high:
        return "no height serves both"
    if max(b.pitch_deg[0] for b in bookings) > min(b.pitch_deg[1] for b in bookings):
        return "no camera pitch serves both"
    return ""


def pass_over(cell: str, roofs_m: float, bookings: list[Booking], fleet: Fleet) -> Pass | Conflict:
    low, high = heights(bookings, fleet, roofs_m)
    codes = tuple(booking.code for booking in bookings)
    if low > high:
        return Conflict(
            codes, cell,
            f"{high:.0f} m is the greatest height that shows it so finely, {low:.0f} m the least allowed, "
            "over roofs too: allow a lower flight, or a coarser picture",
        )  # fmt: skip
    return Pass(
        cell, tuple(bookings), max(b.opens for b in bookings), min(b.deadline for b in bookings), high,
        max(b.pitch_deg[0] for b in bookings),
    )  # fmt: skip


def joined_flights(
    passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet, slack: float
) -> list[Flight]:
    """The most urgent pass opens a flight; the nearest that fit in time and battery join it."""
    left = sorted(passes, key=lambda p: (-p.priority, p.deadline, p.cell))
    flights = []
    while left:
        chosen = [left.pop(0)]
        while True:
            here = cells[chosen[-1].cell].place
            fitting = [p for p in left if _fits([*chosen, p], cells, fleet, slack)]
            if not fitting:
                break
            best = min(
                fitting,
                key=lambda p: (-p.priority, math.dist(here, cells[p.cell].place), p.deadline, p.cell),
            )
            chosen.append(best)
            left.remove(best)
        flights.append(Flight(tuple(as_flown(chosen, fleet)), minutes_of(chosen, cells, fleet)))
    return flights


def as_flown(passes: list[Pass], fleet: Fleet) -> list[Pass]:
    """The passes at the heights and pitches that they are flown at within one flight."""
    if not fleet.one_setting:
        return passes
    pitch = max(p.pitch_deg for p in passes)
    height = min(heights(p.bookings, fleet, pitch_deg=pitch)[1] for p in passes)
    return [replace(each, height_m=height, pitch_deg=pitch) for each in passes]


def _share_setting(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet) -> bool:
    """Whether one height and pitch serve all, and the last pass is not dearer so than by itself.

    It must not hold up more urgent ones by a lower flight either.
    """
    *before, last = passes
    lowered = as_flown(passes, fleet)[0].height_m < as_flown(before, fleet)[0].height_m
    if last.priority < before[0].priority and lowered:
        return False
    bookings = [booking for each in passes for booking in each.bookings]
    low = max(*(b.lowest_m for b in bookings), *(cells[p.cell].lowest_m for p in passes))
    if low > as_flown(passes, fleet)[0].height_m:
        return False
    if max(p.pitch_deg for p in passes) > min(b.pitch_deg[1] for b in bookings):
        return False
    apart = minutes_of(before, cells, fleet) + minutes_of([last], cells, fleet)
    return minutes_of(passes, cells, fleet) <= apart


def _fits(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet, slack: float) -> bool:
    if fleet.one_setting and not _share_setting(passes, cells, fleet):
        return False
    minutes = minutes_of(passes, cells, fleet)
    if minutes > fleet.battery_minutes:
        return False
    window = min(p.deadline for p in passes) - max(p.opens for p in passes)
    return window >= timedelta(minutes=slack * minutes)


def minutes_of(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet) -> float:
    passes = as_flown(passes, fleet)
    stops = [fleet.home, *(cells[p.cell].place for p in passes), fleet.home]
    way = sum(fleet.minutes_between(a, b) for a, b in itertools.pairwise(stops))
    return fleet.overhead_minutes + way + sum(fleet.minutes_over(cells[p.cell], p.height_m) for p in passes)
