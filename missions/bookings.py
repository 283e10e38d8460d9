"""One flight for many departments: bookings merged into passes and flights, conflicts named, cost shared.

A booking asks for cells to be seen in a window of time, finely enough, within limits of height and camera
pitch. What several bookings ask of one cell is seen in one pass where a common moment, height and pitch
exist. Passes are joined into flights that one battery holds. Places are metres in a local frame, times aware.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from missions.errors import BookingInvalid

OVERLAP = 0.1
SLACKS = (1.5, 3.0, 6.0, 12.0)
"""A flight is filled, and a pass shared, while the common window is this many times as long as it takes;
the next one is tried when deadlines are missed."""
SHARED_PASS_MINUTES = 10.0
"""What a shared pass is taken to need of its window, way there included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What one department wants to see.

    Args:
        finest_m: ground that a pixel may cover at most, in metres.
        opens, deadline: it must be flown between these (freshness).
        lowest_m, highest_m: limits of height over the ground.
        pitch_deg: steepest and flattest camera pitch, -90 straight down.
        priority: flights with a higher one go first; the police's pre-empts.
    """

    code: str
    department: str
    cells: tuple[str, ...]
    opens: datetime
    deadline: datetime
    finest_m: float = 0.1
    algorithms: frozenset[str] = frozenset()
    lowest_m: float = 30.0
    highest_m: float = 120.0
    pitch_deg: tuple[float, float] = (-90.0, -45.0)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class BookedCell:
    """A cell as flights see it: its middle (east, north), its area, and the least height over its roofs."""

    place: tuple[float, float]
    area_m2: float
    lowest_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What flies: the camera decides height and swath, the battery how long a flight may be."""

    aircraft: int = 1
    home: tuple[float, float] = (0.0, 0.0)
    image_width_px: int = 4000
    horizontal_fov_deg: float = 70.0
    speed_m_s: float = 10.0
    battery_minutes: float = 30.0
    overhead_minutes: float = 2.0
    turnaround_minutes: float = 5.0
    one_setting: bool = False
    """Whether a flight keeps one height and pitch throughout, as a patrol plan does."""

    def highest_for(self, finest_m: float, pitch_deg: float = -90.0) -> float:
        """The height at which a pixel in the middle of the view covers ``finest_m`` metres."""
        straight_down = (
            finest_m * self.image_width_px / 2 / math.tan(math.radians(self.horizontal_fov_deg) / 2)
        )
        return float(straight_down * math.sin(math.radians(max(-pitch_deg, 10.0))) ** 1.5)

    def minutes_over(self, cell: BookedCell, height_m: float) -> float:
        """Lanes over a cell at that height, a turn of ten seconds between two."""
        swath = 2 * height_m * math.tan(math.radians(self.horizontal_fov_deg) / 2) * (1 - OVERLAP)
        lanes = max(1, math.ceil(math.sqrt(cell.area_m2) / swath))
        return (cell.area_m2 / swath / self.speed_m_s + 10 * lanes) / 60

    def minutes_between(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        return math.dist(a, b) / self.speed_m_s / 60


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at one cell that serves all its bookings; heights in metres, window in time."""

    cell: str
    bookings: tuple[Booking, ...]
    opens: datetime
    deadline: datetime
    height_m: float
    pitch_deg: float

    @property
    def priority(self) -> int:
        return max(booking.priority for booking in self.bookings)


@dataclass(frozen=True, slots=True)
class Flight:
    """Passes on one battery, in flying order."""

    passes: tuple[Pass, ...]
    minutes: float
    aircraft: int = 0
    starts: datetime | None = None

    @property
    def opens(self) -> datetime:
        return max(p.opens for p in self.passes)

    @property
    def deadline(self) -> datetime:
        return min(p.deadline for p in self.passes)

    @property
    def priority(self) -> int:
        return max(p.priority for p in self.passes)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why bookings cannot be met, or not together, and what would mend it."""

    bookings: tuple[str, ...]
    cell: str
    text: str


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
        passes, conflicts = _passes(wanted, cells, fleet, slack)
        flights, missed = _schedule(_flights(passes, cells, fleet, slack), fleet, begin)
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


def _passes(
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
            seen for booking in asked if isinstance(seen := _pass(cell, roofs, [booking], fleet), Conflict)
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
            seen = _pass(cell, roofs, together, fleet)
            if isinstance(seen, Conflict):
                conflicts.append(seen)
            else:
                passes.append(seen)
            left = apart
    return passes, conflicts


def _heights(
    bookings: Sequence[Booking], fleet: Fleet, roofs_m: float = 0.0, pitch_deg: float = -90.0
) -> tuple[float, float]:
    """Least and greatest height that serve all, at that pitch or the steepest that all allow."""
    pitch = max(pitch_deg, *(booking.pitch_deg[0] for booking in bookings))
    low = max(roofs_m, *(booking.lowest_m for booking in bookings))
    return low, min(min(b.highest_m, fleet.highest_for(b.finest_m, pitch)) for b in bookings)


def _cannot_share(bookings: list[Booking], fleet: Fleet, roofs_m: float) -> str:
    low, high = _heights(bookings, fleet, roofs_m)
    if low > high:
        return "no height serves both"
    if max(b.pitch_deg[0] for b in bookings) > min(b.pitch_deg[1] for b in bookings):
        return "no camera pitch serves both"
    return ""


def _pass(cell: str, roofs_m: float, bookings: list[Booking], fleet: Fleet) -> Pass | Conflict:
    low, high = _heights(bookings, fleet, roofs_m)
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


def _flights(
    passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet, slack: float = SLACKS[0]
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
        flights.append(Flight(tuple(_as_flown(chosen, fleet)), _minutes(chosen, cells, fleet)))
    return flights


def _as_flown(passes: list[Pass], fleet: Fleet) -> list[Pass]:
    """The passes at the heights and pitches that they are flown at within one flight."""
    if not fleet.one_setting:
        return passes
    pitch = max(p.pitch_deg for p in passes)
    height = min(_heights(p.bookings, fleet, pitch_deg=pitch)[1] for p in passes)
    return [replace(each, height_m=height, pitch_deg=pitch) for each in passes]


def _share_setting(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet) -> bool:
    """Whether one height and pitch serve all, and the last pass is not dearer so than by itself.

    It must not hold up more urgent ones by a lower flight either.
    """
    *before, last = passes
    lowered = _as_flown(passes, fleet)[0].height_m < _as_flown(before, fleet)[0].height_m
    if last.priority < before[0].priority and lowered:
        return False
    bookings = [booking for each in passes for booking in each.bookings]
    low = max(*(b.lowest_m for b in bookings), *(cells[p.cell].lowest_m for p in passes))
    if low > _as_flown(passes, fleet)[0].height_m:
        return False
    if max(p.pitch_deg for p in passes) > min(b.pitch_deg[1] for b in bookings):
        return False
    apart = _minutes(before, cells, fleet) + _minutes([last], cells, fleet)
    return _minutes(passes, cells, fleet) <= apart


def _fits(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet, slack: float) -> bool:
    if fleet.one_setting and not _share_setting(passes, cells, fleet):
        return False
    minutes = _minutes(passes, cells, fleet)
    if minutes > fleet.battery_minutes:
        return False
    window = min(p.deadline for p in passes) - max(p.opens for p in passes)
    return window >= timedelta(minutes=slack * minutes)


def _minutes(passes: list[Pass], cells: Mapping[str, BookedCell], fleet: Fleet) -> float:
    passes = _as_flown(passes, fleet)
    stops = [fleet.home, *(cells[p.cell].place for p in passes), fleet.home]
    way = sum(fleet.minutes_between(a, b) for a, b in itertools.pairwise(stops))
    return fleet.overhead_minutes + way + sum(fleet.minutes_over(cells[p.cell], p.height_m) for p in passes)


def _schedule(flights: list[Flight], fleet: Fleet, begin: datetime) -> tuple[list[Flight], list[Conflict]]:
    """Departures: of the flights that may leave always the one that must leave first, on a free aircraft."""
    free = [begin] * fleet.aircraft
    left, flown, missed = list(flights), list[Flight](), list[Conflict]()
    while left:
        number = min(range(fleet.aircraft), key=lambda n: (free[n], n))
        soonest = max(free[number], min(flight.opens for flight in left))
        ready = [flight for flight in left if flight.opens <= soonest]
        flight = min(
            ready, key=lambda f: (-f.priority, f.deadline - timedelta(minutes=f.minutes), f.passes[0].cell)
        )
        left.remove(flight)
        ends = soonest + timedelta(minutes=flight.minutes)
        late = [p for p in flight.passes if ends > p.deadline]
        missed += [
            Conflict(
                tuple(b.code for b in p.bookings), p.cell,
                f"the earliest flight ends {(ends - p.deadline) / timedelta(minutes=1):.0f} min "
                "after the deadline: "
                "give more time, or another aircraft",
            )
            for p in late
        ]  # fmt: skip
        if len(late) < len(flight.passes):
            flown.append(Flight(flight.passes, flight.minutes, number, soonest))
            free[number] = ends + timedelta(minutes=fleet.turnaround_minutes)
    return sorted(flown, key=lambda f: (f.starts or begin, f.aircraft)), missed


def _alone_minutes(booking: Booking, cells: Mapping[str, BookedCell], fleet: Fleet) -> float:
    """Minutes if every booking were flown by itself, on as many batteries as it takes."""
    passes = [
        seen
        for cell in dict.fromkeys(booking.cells)
        if isinstance(seen := _pass(cell, cells[cell].lowest_m, [booking], fleet), Pass)
    ]
    return sum(flight.minutes for flight in _flights(passes, cells, fleet))


def _shares(flights: Iterable[Flight], cells: Mapping[str, BookedCell], fleet: Fleet) -> dict[str, float]:
    """Each flight's minutes, divided by what its bookings would take alone over the same cells."""
    shares: dict[str, float] = {}
    for flight in flights:
        weights = [
            (booking.department, fleet.minutes_over(cells[p.cell], _heights([booking], fleet)[1]))
            for p in flight.passes
            for booking in p.bookings
        ]
        total = sum(weight for _, weight in weights)
        for department, weight in weights:
            shares[department] = shares.get(department, 0.0) + flight.minutes * weight / total
    return shares
