"""The ways of sorties: lanes, transits between them, heights that follow the ground (local metres)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from missions.coverage import Region
from missions.energy import RESERVE_WIND_M_S, AircraftModel, Cost, Wind
from missions.geodesy import Array
from missions.motion import path_cost, vertical_cost
from missions.plan import WaypointRole
from missions.routes import Routes
from missions.sorties import split_lanes
from missions.terrain import GroundHeight

PROFILE_STEP_M = 5.0
SHORTEST_PIECE_M = 100.0
MOST_CUTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """How an aircraft flies a plan: level speed, wind, height over the ground and what it can carry."""

    aircraft: AircraftModel
    speed_m_s: float
    wind: Wind
    altitude_agl_m: float
    reserve_fraction: float

    @property
    def usable_wh(self) -> float:
        return self.aircraft.capacity_wh * (1 - self.reserve_fraction)

    def in_reserve_wind(self) -> Flight:
        """The same flight in the wind in which the reserve must still be kept: 8 m/s, or the expected one."""
        wind = Wind(max(RESERVE_WIND_M_S, self.wind.speed_m_s))
        speed = self.aircraft.ground_speed(self.speed_m_s, wind.speed_m_s)
        return replace(self, wind=wind, speed_m_s=speed)

    def along(self, path: Array) -> Cost:
        """Cost of (N, 2) or (N, 3) positions, from rest to rest."""
        level = path if path.shape[1] > 2 else np.column_stack([path, np.zeros(len(path))])
        return path_cost(level, self.speed_m_s, self.wind, self.aircraft)

    def up_and_down(self, up_m: float, down_m: float) -> Cost:
        return vertical_cost(up_m, down_m, self.wind, self.aircraft)


@dataclass(frozen=True, slots=True)
class SortiePath:
    """Positions (N, 2) or (N, 3) with the role of each and the lane it belongs to; home is first and last."""

    positions: Array
    roles: list[WaypointRole]
    lanes: list[int | None]


def build_sorties(lanes: Array, region: Region, home: Array, flight: Flight, least: int) -> list[SortiePath]:
    """Connect ordered lanes (N, 2, 2) and cut the tour into sorties that fit the battery.

    A lane that no battery holds, there and back, is cut into pieces first. The reserve is kept in the wind of
    ``Flight.in_reserve_wind``.

    Args:
        least: number of sorties wanted at least, for several aircraft.
    """
    for _ in range(MOST_CUTS):
        ways = _Ways(region, home, lanes)
        costs = _costs(ways, flight.in_reserve_wind())
        fits = [
            out.energy_wh + lane.energy_wh + back.energy_wh <= flight.usable_wh
            for lane, _, out, back in costs
        ]
        spans = np.hypot(*(lanes[:, 1] - lanes[:, 0]).T)
        if all(fit or span < 2 * SHORTEST_PIECE_M for fit, span in zip(fits, spans, strict=True)):
            break
        lanes = _halved(lanes, fits)
    lane_costs, links, out, back = ([cost[part] for cost in costs] for part in range(4))
    cuts = split_lanes(lane_costs, links[:-1], out, back, flight.usable_wh, least)
    return [ways.sortie(start, end) for start, end in cuts]


class _Ways:
    """All ways between home and the ends of ordered lanes."""

    def __init__(self, region: Region, home: Array, lanes: Array) -> None:
        self.lanes = lanes
        # lanes mostly begin where the one before ends: every place is looked at once
        places, number = np.unique(
            np.vstack([home[None, :], lanes.reshape(-1, 2)]), axis=0, return_inverse=True
        )
        self._number = number.ravel()
        self._routes = Routes(region, places, self._number[_asked(len(lanes))])

    def out(self, lane: int) -> Array:
        return self._way(0, 1 + 2 * lane)

    def back(self, lane: int) -> Array:
        return self._way(2 + 2 * lane, 0)

    def link(self, lane: int) -> Array:
        return self._way(2 + 2 * lane, 3 + 2 * lane)

    def _way(self, start: int, end: int) -> Array:
        way = self._routes.way(int(self._number[start]), int(self._number[end]))
        if way is None:
            raise ValueError("a lane lies outside the region that is connected to home")
        return way if len(way) > 1 else np.vstack([way, way])

    def sortie(self, start: int, end: int) -> SortiePath:
        """Home, lanes start to end - 1 with the ways between, home."""
        positions: list[Array] = [self.out(start)[:1]]
        roles, numbers = [WaypointRole.TAKEOFF], list[int | None]([None])

        def add(points: Array, role: WaypointRole, lane: int | None) -> None:
            positions.append(points)
            roles.extend([role] * len(points))
            numbers.extend([lane] * len(points))

        for lane in range(start, end):
            way = self.out(lane) if lane == start else self.link(lane - 1)
            add(way[1:-1], WaypointRole.TRANSIT, None)
            add(self.lanes[lane, :1], WaypointRole.LANE_START, lane)
            add(self.lanes[lane, 1:], WaypointRole.LANE_END, lane)
        add(self.back(end - 1)[1:], WaypointRole.RETURN, None)
        return SortiePath(np.vstack(positions), roles, numbers)


def _asked(lanes: int) -> NDArray[np.int64]:
    """Home with every end of a lane, and the end of each lane with the start of the next, (M, 2)."""
    ends = np.arange(1, 2 * lanes + 1)
    return np.vstack(
        [np.column_stack([np.zeros_like(ends), ends]), np.column_stack([ends[1:-1:2], ends[2::2]])]
    )


def _costs(ways: _Ways, flight: Flight) -> list[tuple[Cost, Cost, Cost, Cost]]:
    """Of every lane: itself, the link to the next, the way out to it and the way back from it."""
    height = flight.altitude_agl_m
    up, down = flight.up_and_down(height, 0.0), flight.up_and_down(0.0, height)
    count = len(ways.lanes)
    return [
        (
            flight.along(ways.lanes[lane]),
            flight.along(ways.link(lane)) if lane + 1 < count else Cost(),
            flight.along(ways.out(lane)) + up,
            flight.along(ways.back(lane)) + down,
        )
        for lane in range(count)
    ]


def _halved(lanes: Array, keep: list[bool]) -> Array:
    pieces = []
    for lane, whole in zip(lanes, keep, strict=True):
        middle = lane.mean(axis=0)
        pieces += [lane] if whole else [np.stack([lane[0], middle]), np.stack([middle, lane[1]])]
    return np.stack(pieces)


def follow_terrain(path: SortiePath, ground: GroundHeight, height_m: float, tolerance_m: float) -> SortiePath:
    """Give every position its height and add positions where the straight way would leave it.

    Args:
        tolerance_m: how far the height over the ground may be off between positions.
    """
    points, roles, lanes = path.positions[:, :2], [path.roles[0]], [path.lanes[0]]
    rows = [np.append(points[0], ground(points[:1, 0], points[:1, 1]) + height_m)]
    for index in range(1, len(points)):
        profile = _profile(points[index - 1], points[index], ground, height_m)
        stops = _knots(profile[:, 2], tolerance_m) if len(profile) > 2 else []
        middle = WaypointRole.RETURN if path.roles[index] is WaypointRole.RETURN else WaypointRole.TRANSIT
        in_lane = path.lanes[index] if path.roles[index] is WaypointRole.LANE_END else None
        rows += [profile[stop] for stop in stops]
        roles += [middle] * len(stops)
        lanes += [in_lane] * len(stops)
        rows.append(profile[-1])
        roles.append(path.roles[index])
        lanes.append(path.lanes[index])
    return replace(path, positions=np.vstack(rows), roles=roles, lanes=lanes)


def _profile(start: Array, end: Array, ground: GroundHeight, height_m: float) -> Array:
    """Wished positions (K, 3) along a straight way."""
    count = max(2, int(np.ceil(np.hypot(*(end - start)) / PROFILE_STEP_M)) + 1)
    points = start + np.linspace(0, 1, count)[:, None] * (end - start)
    return np.column_stack([points, ground(points[:, 0], points[:, 1]) + height_m])


def _knots(heights: Array, tolerance_m: float) -> list[int]:
    """Inner samples that keep a broken line within the tolerance (Douglas and Peucker over height)."""
    chosen: list[int] = []
    spans = [(0, len(heights) - 1)]
    while spans:
        low, high = spans.pop()
        share = np.arange(1, high - low) / max(high - low, 1)
        off = np.abs(heights[low + 1 : high] - (heights[low] + share * (heights[high] - heights[low])))
        if len(off) and off.max() > tolerance_m:
            worst = low + 1 + int(np.argmax(off))
            chosen.append(worst)
            spans += [(low, worst), (worst, high)]
    return sorted(chosen)
