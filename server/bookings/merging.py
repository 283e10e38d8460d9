"""Open bookings merged into flights, and a merged flight turned into a stored plan."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely
from sqlalchemy.orm import Session

from missions.airspace import BUILDING_CLEARANCE_M, CORRIDOR_HALF_WIDTH_M
from missions.bookings import BookedCell, Booking, BookingPlan, Conflict, Fleet, Flight, merge
from missions.cameras import CameraEntry, load_cameras
from missions.findings import obstacles_on
from missions.geodesy import LocalFrame
from missions.planner import HEIGHT_TOLERANCE_M, PlanRequest
from missions.seen_tiles import FINENESS_M
from missions.shapes import to_plane
from missions.terrain import FlatTerrain
from server.access.audit import record
from server.access.service import Caller
from server.bookings import models, repository
from server.bookings.models import BookingRow
from server.bookings.schemas import FlightOfBookingsIn
from server.bookings.service import as_booking
from server.context import Context
from server.errors import Invalid, MergeChanged
from server.flights.models import Plan
from server.flights.planning import make_plan, save_plan
from server.flights.repository import AT_REST
from server.flights.schemas import PlanRequestIn

MOST = 1000
HEIGHT_MARGIN = 0.95
"""Flown so much lower than the fineness would allow: height is not held exactly."""
BATTERY_MINUTES = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merge with what it was made from; ``displaced`` names bookings that lost to urgent ones."""

    at: datetime
    camera: CameraEntry
    aircraft: int
    bookings: tuple[Booking, ...]
    plan: BookingPlan
    displaced: tuple[Conflict, ...]

    def flight(self, key: str) -> Flight | None:
        return next((one for one in self.plan.flights if key_of(one, self.camera.name) == key), None)


def merge_open(context: Context, session: Session, camera: str | None, aircraft: int) -> Merge:
    """Merge what no flight under way sees to and what was not seen yet.

    Raises:
        Invalid: there is no such camera.
    """
    entry, now = camera_of(context, camera), context.now()
    rows = [row for row in repository.bookings(session, None, MOST, live_at=now)]
    wishes = tuple(_wishes(context, session, rows, entry, now))
    fleet, cells = _fleet(context, entry, aircraft), _cells(context)
    plan = merge(wishes, cells, fleet, now)
    usual = [wish for wish in wishes if not wish.priority]
    displaced: tuple[Conflict, ...] = ()
    if len(usual) < len(wishes):
        before = {(c.bookings, c.cell) for c in merge(usual, cells, fleet, now).missed}
        urgent = {wish.code for wish in wishes if wish.priority}
        displaced = tuple(
            c for c in plan.missed
            if not urgent.issuperset(c.bookings) and (c.bookings, c.cell) not in before
        )  # fmt: skip
    return Merge(at=now, camera=entry, aircraft=aircraft, bookings=wishes, plan=plan, displaced=displaced)


def plan_flight(context: Context, caller: Caller, body: FlightOfBookingsIn) -> Plan:
    """Plan a merged flight and keep the plan, with the bookings that it serves.

    Raises:
        MergeChanged: there is no such flight any more.
        PlanRefused: no patrol can be planned over these cells.
    """
    with context.database.read() as session:
        found = merge_open(context, session, body.camera, body.aircraft)
    flight = found.flight(body.key)
    if flight is None:
        raise MergeChanged
    request = _request(context, flight, found.camera, body.agent)
    plan = make_plan(context, request)
    served: dict[str, list[str]] = {}
    for each in flight.passes:
        for booking in each.bookings:
            served.setdefault(booking.code, []).append(each.cell)
    with context.database.write() as session:
        row = save_plan(context, session, caller, request, plan)
        for booking_row in repository.bookings(session, None, MOST, live_at=found.at):
            if cells := served.get(booking_row.code):
                session.add(
                    models.BookingPlan(
                        booking_id=booking_row.id, plan_id=row.id, cells=cells, merge_key=body.key
                    )
                )
        record(
            session, context.now(), caller.username, "booking.planned", str(row.id), bookings=sorted(served),
            displaced=sorted({code for one in found.displaced for code in one.bookings}),
        )  # fmt: skip
    return row


def key_of(flight: Flight, camera: str) -> str:
    """The same for the same cells and bookings flown in the same way."""
    parts = [[p.cell, sorted(b.code for b in p.bookings), p.height_m, p.pitch_deg] for p in flight.passes]
    return hashlib.sha256(json.dumps([camera, *parts]).encode()).hexdigest()[:8]


def camera_of(context: Context, name: str | None) -> CameraEntry:
    """The camera of that name; without one, the first of the file.

    Raises:
        Invalid: there is none of that name.
    """
    cameras = load_cameras(context.settings.cameras_file)
    entry = cameras.get(name) if name else next(iter(cameras.values()))
    if entry is None:
        raise Invalid(f"camera: there is no camera {name!r}; choose one of {', '.join(sorted(cameras))}")
    return entry


def cells_of(flight: Flight) -> list[str]:
    return list(dict.fromkeys(each.cell for each in flight.passes))


def altitude_of(flight: Flight) -> float:
    """Metres over the ground, down to whole tenths."""
    return math.floor(flight.passes[0].height_m * 10) / 10


def _wishes(
    context: Context, session: Session, rows: Sequence[BookingRow], camera: CameraEntry, now: datetime
) -> Iterable[Booking]:
    flown = _under_way(session, rows)
    for row in rows:
        left = tuple(
            code for code in row.cells
            if context.sites.knows(code) and code not in flown.get(row.code, ())
            and row.served.get(code, 0.0) < context.settings.booking_share
        )  # fmt: skip
        if left:
            finest = _flown_fineness(row.finest_m)
            yield as_booking(row, cells=left, opens=max(row.opens_at, now), finest_m=finest)


def _under_way(session: Session, rows: Sequence[BookingRow]) -> dict[str, set[str]]:
    """Cells of bookings that a launched flight is about to see."""
    plans = repository.plans_of(session, [row.id for row in rows])
    flights = repository.flights_of_plans(session, {p.plan_id for found in plans.values() for p in found})
    return {
        row.code: {
            code for link in plans.get(row.id, []) for code in link.cells
            if any(flight.phase not in AT_REST for flight in flights.get(link.plan_id, []))
        }
        for row in rows
    }  # fmt: skip


def _flown_fineness(finest_m: float) -> float:
    """The fineness that is planned for: the ledger counts in classes, and height is not held exactly."""
    graded = max((step for step in FINENESS_M if step <= finest_m + 1e-9), default=FINENESS_M[0])
    return graded * HEIGHT_MARGIN


def _fleet(context: Context, camera: CameraEntry, aircraft: int) -> Fleet:
    return Fleet(
        aircraft=aircraft, image_width_px=camera.width_px, horizontal_fov_deg=camera.horizontal_fov_deg,
        speed_m_s=camera.speed_m_s, battery_minutes=BATTERY_MINUTES, one_setting=True,
    )  # fmt: skip


def _cells(context: Context) -> dict[str, BookedCell]:
    """The cells in metres about the place where flights begin, with the height over roofs and trees there and
    back, and around the cell where flights turn."""
    site = context.sites.site
    home = site.home or context.sites.centre
    frame = LocalFrame(home[0], home[1])
    obstacles = [(to_plane(each.outline, frame), each.height_m) for each in obstacles_on(site)]
    tree = shapely.STRtree([outline for outline, _ in obstacles])
    relief = 0.0 if isinstance(site.terrain, FlatTerrain) else HEIGHT_TOLERANCE_M
    around_m = PlanRequest().buffer_m
    cells = {}
    for cell in context.sites.grid.cells:
        middle = cell.polygon.centroid
        east, north, _ = frame.to_enu(middle.y, middle.x)[0]
        way = shapely.LineString([(0.0, 0.0), (east, north)]).buffer(CORRIDOR_HALF_WIDTH_M)
        flown_over = shapely.union(to_plane(cell.polygon, frame).buffer(around_m), way)
        tops = [obstacles[int(index)][1] for index in tree.query(flown_over, predicate="intersects")]
        lowest = max(tops) + BUILDING_CLEARANCE_M + relief if tops else 0.0
        cells[cell.code] = BookedCell((float(east), float(north)), cell.area_m2, lowest)
    return cells


def _request(context: Context, flight: Flight, camera: CameraEntry, agent: str | None) -> PlanRequestIn:
    departments = sorted({booking.department for each in flight.passes for booking in each.bookings})
    title = (
        "一飞多用 " + " · ".join(departments[:3]) + (f" +{len(departments) - 3}" if departments[3:] else "")
    )
    return PlanRequestIn(
        name=title[:128], cells=cells_of(flight), camera=camera.name, agent=agent,
        pitch_deg=flight.passes[0].pitch_deg, altitude_agl_m=altitude_of(flight),
    )  # fmt: skip
