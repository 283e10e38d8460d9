"""Keeping the ledger of ground seen, and answering from it."""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID
from weakref import WeakKeyDictionary

import shapely
from sqlalchemy.orm import Session

from missions import shapes
from missions.geodesy import LocalFrame
from missions.grids import Grid
from missions.messages import SeenMessage
from missions.plan import PatrolPlan
from missions.seen_coverage import Coverage, Ground, ServiceLevel, coverage, gaps, ground_within
from missions.seen_obstacles import Obstacles, site_obstacles
from missions.seen_tiles import SeenInvalid, SeenTile, TileKey, merged, over_flights, tiles_within, unpacked
from missions.service_levels import LevelChange
from missions.shapes import Shape
from server.context import Context
from server.errors import Invalid, NotFound
from server.flights import following
from server.flights import repository as flight_rows
from server.seen import repository
from server.seen.models import SeenRow

KEPT_TILES = 400
KEPT_GROUNDS = 256


@dataclass(slots=True)
class _SiteGround:
    """What is open ground at a site, found once for each cell and plan."""

    frame: LocalFrame
    obstacles: Obstacles
    grounds: OrderedDict[str, Ground] = field(default_factory=OrderedDict)

    def of(self, name: str, polygon: Shape) -> Ground:
        found = self.grounds.get(name)
        if found is None:
            found = self.grounds[name] = ground_within(polygon, self.obstacles, self.frame)
            while len(self.grounds) > KEPT_GROUNDS:
                self.grounds.popitem(last=False)
        return found


_lock = threading.RLock()
_sites: WeakKeyDictionary[Grid, _SiteGround] = WeakKeyDictionary()
_tiles: OrderedDict[tuple[object, ...], SeenTile] = OrderedDict()


def receive(
    context: Context, session: Session, agent_id: UUID, agent_name: str, message: SeenMessage
) -> bool:
    """Keep a report of ground seen; True when it told anything new.

    Raises:
        Invalid: it cannot be read, or is of another tile than it says.
    """
    try:
        tile = unpacked(base64.b64decode(message.squares, validate=True))
    except (SeenInvalid, binascii.Error) as error:
        raise Invalid(f"squares: {error}") from error
    key = (message.row, message.column)
    if tile.key != key:
        raise Invalid(f"squares: they are of tile {tile.key}, the message says {key}; send them as that one")
    following.reported_flight(context, session, message.flight_id, agent_id, agent_name)
    session.flush()
    row = repository.row_of(session, key, message.flight_id)
    before = b""
    if row is None:
        row = SeenRow(row=key[0], column=key[1], flight_id=message.flight_id)
        session.add(row)
    else:
        before = row.squares
        tile = merged([unpacked(before), tile])
    after = tile.packed()
    if after != before:
        first, last = tile.span
        row.squares, row.received_at = after, context.now()
        row.first_at, row.last_at = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
    session.flush()
    return after != before


def reference_time(context: Context, session: Session, at: datetime | None) -> datetime:
    """The instant that hours count back from: now. A demonstration lives at another time: its newest look."""
    if at is not None:
        return at
    newest = repository.newest(session) if context.settings.demo else None
    return newest or context.now()


def tiles_over(
    session: Session, bounds: tuple[float, float, float, float], flight_id: UUID | None = None
) -> dict[TileKey, SeenTile]:
    """What was seen within west, south, east, north: by all flights together, or by one."""
    keys = tiles_within(bounds)
    parts: dict[TileKey, list[tuple[UUID, datetime]]] = {}
    for row, column, flight, received in repository.signatures(session, keys[0], keys[-1], flight_id):
        parts.setdefault((row, column), []).append((flight, received))
    result = {}
    for key, reports in parts.items():
        signature = (id(session.get_bind()), key, *reports)
        with _lock:
            found = _tiles.get(signature)
        if found is None:
            rows = repository.rows_within(session, key, key, flight_id=flight_id)
            found = over_flights(unpacked(row.squares) for row in rows)
            with _lock:
                _tiles[signature] = found
                while len(_tiles) > KEPT_TILES:
                    _tiles.popitem(last=False)
        result[key] = found
    return result


def site_ground(context: Context) -> _SiteGround:
    """The open ground of the site now in force."""
    with _lock:
        grid = context.sites.grid
        found = _sites.get(grid)
        if found is None:
            frame = LocalFrame(*context.sites.centre)
            found = _sites[grid] = _SiteGround(frame, site_obstacles(context.sites.site, frame))
        return found


def cell_ground(context: Context, code: str) -> Ground:
    """The open ground of a cell.

    Raises:
        NotFound: there is no such cell.
    """
    cell = next((cell for cell in context.sites.grid.cells if cell.code == code), None)
    if cell is None:
        raise NotFound(f"there is no cell {code!r}; choose one of the map")
    with _lock:
        return site_ground(context).of(f"cell {code}", cell.polygon)


def bounds_of_cells(context: Context) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees of all cells."""
    bounds = [cell.polygon.bounds for cell in context.sites.grid.cells]
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    return west, south, max(b[2] for b in bounds), max(b[3] for b in bounds)


def algorithms_in(tiles: Mapping[TileKey, SeenTile]) -> list[str]:
    """Names of all algorithms that looked."""
    return sorted({name for tile in tiles.values() for names, _ in tile.layers for name in names.split("+")})


def patrol_ground(context: Context, session: Session, flight_id: UUID) -> Ground | None:
    """The ground that a flight was planned for; of a flight without a plan, the cells that it looked at.

    Returns:
        None when it has looked at no cell.

    Raises:
        NotFound: there is no such flight.
    """
    flight = flight_rows.flight(session, flight_id)
    if flight is None:
        raise NotFound("there is no such flight; reload the list")
    plan = flight_rows.plan(session, flight.plan_id) if flight.plan_id else None
    if plan is not None:
        area = shapes.from_rings(PatrolPlan.model_validate(plan.plan).area)
        with _lock:
            return site_ground(context).of(f"plan {plan.id}", area)
    seen = tiles_over(session, bounds_of_cells(context), flight_id)
    touched = [
        cell
        for cell in context.sites.grid.cells
        if any(
            (tile.last_seen()[mask] > 0).any()
            for key, mask in cell_ground(context, cell.code).squares.items()
            if (tile := seen.get(key)) is not None
        )
    ]
    if not touched:
        return None
    name = "cells " + " ".join(cell.code for cell in touched)
    with _lock:
        return site_ground(context).of(name, shapely.union_all([cell.polygon for cell in touched]))


def judge(ground: Ground, tiles: Mapping[TileKey, SeenTile], level: ServiceLevel, at: datetime) -> Coverage:
    """How well a service level is met on some ground."""
    return coverage(ground, tiles, level, at)


def gaps_of(
    context: Context, session: Session, codes: list[str], asked: LevelChange, at: datetime
) -> list[Shape]:
    """For each cell the ground that is not served by its level or what is asked for, in degrees.

    Raises:
        NotFound: one of the cells does not exist.
    """
    result = []
    for code in codes:
        ground = cell_ground(context, code)
        level = context.service_levels.of(code, asked)
        result.append(gaps(ground, tiles_over(session, ground.polygon.bounds), level, at))
    return result
