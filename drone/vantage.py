"""Where to stand for a second look, and how to come back to the lane: geometry and energy, no vehicle.

Places are east and north in metres about the plan's home. Legs are straight and level, at the height of the
lane that is left: that height was checked when the plan was made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import shapely
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from drone.errors import DroneError, SetupWrong
from drone.vehicle import VehicleState
from missions.errors import MissionsError
from missions.geodesy import Array, LocalFrame
from missions.messages import SightingKind
from missions.mission_items import NAV_TAKEOFF, NAV_WAYPOINT, mission_items
from missions.plan import PatrolPlan, Ring
from missions.second_look import LookTarget
from missions.terrain import Terrain, elevation_at, line_of_sight

RULES = Path(__file__).resolve().parents[1] / "configs" / "second_look.yaml"
BEARINGS = 24
APART_DEG = (45.0, 120.0)
"""How far apart two views are, as seen from the spot."""
SETTLE_S = 5.0
"""Braking, turning and settling at one place."""
STEP_M = 5.0
ON_BORDER_M = 1.0
"""Lanes may run along the border of the allowed area."""

Place = tuple[float, float]


class LookRefused(DroneError):
    """The place cannot be looked at again now; the message says why and what would help."""


class LookRules(BaseModel):
    """See the comments in ``configs/second_look.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    automatic: tuple[SightingKind, ...] = ()
    most_per_flight: int = Field(default=3, ge=0)
    views: PositiveInt = 2
    seconds_per_view: PositiveFloat = 8.0
    depression_deg: float = Field(default=50.0, gt=10, lt=85)
    closest_m: NonNegativeFloat = 20.0
    farthest_m: PositiveFloat = 90.0
    least_height_agl_m: PositiveFloat = 30.0
    ceiling_agl_m: PositiveFloat = 120.0
    border_m: NonNegativeFloat = 5.0
    speed_m_s: PositiveFloat = 6.0
    overlap_m: NonNegativeFloat = 20.0
    reserve_fraction: float = Field(default=0.25, ge=0, lt=1)
    reach_m: PositiveFloat = 12.0
    confirm_looks: PositiveInt = 4
    retract_looks: PositiveInt = 20
    seen_share: float = Field(default=0.05, ge=0, lt=1)


@cache
def load_look_rules(path: Path = RULES) -> LookRules:
    """Raises ``SetupWrong``: the file cannot be read or has a value that is not allowed."""
    try:
        return LookRules.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except (OSError, yaml.YAMLError) as error:
        raise SetupWrong(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SetupWrong(f"{path}: {where}: {first['msg']}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The part of the mission that is being flown: from one navigation item to the next.

    Args:
        item: number of the item that it ends at, counted as ``VehicleState.current_item``.
        start, end: east, north in metres about the plan's home; heights are above home.
        left_m: length of the sortie after ``end``.
    """

    item: int
    start: Place
    end: Place
    start_height_m: float
    end_height_m: float
    left_m: float

    @property
    def length_m(self) -> float:
        return math.dist(self.start, self.end)

    @property
    def heading_deg(self) -> float:
        return bearing_deg(self.start, self.end)

    def along_m(self, place: Place) -> float:
        """How far along the lane the nearest point to ``place`` lies."""
        if self.length_m < 1e-6:
            return 0.0
        line = shapely.LineString([self.start, self.end])
        return float(line.project(shapely.Point(place)))

    def at(self, along_m: float) -> tuple[float, float, float]:
        """East, north and height above home at a distance along the lane."""
        share = along_m / self.length_m if self.length_m > 1e-6 else 1.0
        east, north = (a + share * (b - a) for a, b in zip(self.start, self.end, strict=True))
        return east, north, self.start_height_m + share * (self.end_height_m - self.start_height_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A place to stand: latitude, longitude, height above home in metres, heading in degrees."""

    latitude: float
    longitude: float
    height_m: float
    heading_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPlan:
    """A second look that may be flown.

    Args:
        views: where to stand and look from, in order.
        rejoin: where the lane is taken up again, facing along it.
        overlap_m: how much of the lane is flown twice.
        spot: latitude, longitude and height above sea level (of the plan's datum) to look at.
        above_home_m: the spot's height above the plan's home.
        seconds: from leaving the lane to being back.
    """

    views: tuple[Stand, ...]
    rejoin: Stand
    overlap_m: float
    spot: tuple[float, float, float]
    above_home_m: float
    seconds: float


def bearing_deg(a: Place, b: Place) -> float:
    """Clockwise from north, 0 to 360."""
    return math.degrees(math.atan2(b[0] - a[0], b[1] - a[1])) % 360.0


def lane_of(plan: PatrolPlan, sortie: int, item: int | None) -> Lane:
    """The lane to mission item ``item`` (counted from 1 for the take-off).

    Raises:
        LookRefused: the aircraft is still climbing out, or on its way home.
    """
    frame = LocalFrame(*plan.home)
    items = mission_items(plan, sortie)
    stops = [(n, one) for n, one in enumerate(items, start=1) if one.command in (NAV_TAKEOFF, NAV_WAYPOINT)]
    index = next((i for i, (n, _) in enumerate(stops) if n >= (item or 0)), None)
    if item is None or index == 0:
        raise LookRefused("the aircraft is not on a lane yet; ask again when it flies one")
    if index is None or index == len(stops) - 1:
        raise LookRefused("the aircraft is on its way home; plan another flight for this place")
    places = [
        (float(e), float(n)) for e, n, _ in frame.to_enu([s.x for _, s in stops], [s.y for _, s in stops])
    ]
    return Lane(
        item=stops[index][0], start=places[index - 1], end=places[index],
        start_height_m=stops[index - 1][1].z, end_height_m=stops[index][1].z,
        left_m=sum(math.dist(a, b) for a, b in pairwise(places[index:])),
    )  # fmt: skip


def plan_look(
    plan: PatrolPlan, sortie: int, state: VehicleState, target: LookTarget, terrain: Terrain, rules: LookRules
) -> LookPlan:
    """A second look from where the aircraft is now.

    Raises:
        LookRefused: no place to look from lies inside the allowed area with the clearance that is asked for,
            the battery does not allow it, or the aircraft is on no lane. The message says which.
    """
    lane = lane_of(plan, sortie, state.current_item)
    return _Planner(plan, sortie, state, target, terrain, rules, lane).look()


class _Planner:
    def __init__(
        self, plan: PatrolPlan, sortie: int, state: VehicleState, target: LookTarget, terrain: Terrain,
        rules: LookRules, lane: Lane,
    ) -> None:  # fmt: skip
        self._plan, self._sortie, self._state, self._rules = plan, sortie, state, rules
        self._terrain, self._lane = terrain, lane
        self._frame = LocalFrame(*plan.home)
        self._allowed = _area(plan.allowed, self._frame)
        zones = [_area([rings], self._frame) for rings in plan.no_fly]
        self._forbidden = shapely.unary_union([zone for zone in zones if zone is not None])
        self._height_m = max(lane.start_height_m, lane.end_height_m)
        ground_m = target.altitude_amsl_m
        if ground_m is None:
            ground_m = self._ground_m(target.latitude, target.longitude)
        self._spot_geodetic = (target.latitude, target.longitude, ground_m)
        east, north, up = self._frame.to_enu(*self._spot_geodetic)[0]
        self._spot: Place = (float(east), float(north))
        self._spot_up_m = float(up)
        here = self._frame.to_enu(state.latitude, state.longitude)[0]
        self._here: Place = (float(here[0]), float(here[1]))

    def look(self) -> LookPlan:
        left = self._lane.along_m(self._here)
        back = max(0.0, left - self._rules.overlap_m)
        rejoin = self._lane.at(back)
        stands = self._stands()
        if not stands:
            raise LookRefused(
                "there is no place to look from inside the allowed area with "
                f"{self._rules.least_height_agl_m:.0f} m over the ground and a free line of sight; "
                "plan a flight of its own for this place"
            )
        views = self._choose(stands, rejoin[:2])
        if not views:
            raise LookRefused(
                "the way to the places to look from leaves the allowed area or comes too close to the "
                "ground; ask again from another lane"
            )
        path = [self._here, *views, rejoin[:2]]
        flown = sum(math.dist(a, b) for a, b in pairwise(path))
        seconds = flown / self._rules.speed_m_s + SETTLE_S * (len(views) + 1)
        seconds += self._rules.seconds_per_view * len(views)
        self._check_energy(seconds, left - back)
        return LookPlan(
            views=tuple(self._stand(*view, self._height_m, bearing_deg(view, self._spot)) for view in views),
            rejoin=self._stand(*rejoin, self._lane.heading_deg),
            overlap_m=left - back, spot=self._spot_geodetic, above_home_m=self._spot_up_m, seconds=seconds,
        )  # fmt: skip

    def _stand(self, east: float, north: float, height_m: float, heading_deg: float) -> Stand:
        lat, lon, _ = self._frame.to_geodetic([(east, north)])[0]
        return Stand(latitude=float(lat), longitude=float(lon), height_m=height_m, heading_deg=heading_deg)

    def _stands(self) -> list[Place]:
        """Places on a circle about the spot that may be stood at and see it."""
        above = self._height_m - self._spot_up_m
        wanted = above / math.tan(math.radians(self._rules.depression_deg))
        radius = min(self._rules.farthest_m, max(self._rules.closest_m, wanted))
        turns = np.linspace(0, 2 * math.pi, BEARINGS, endpoint=False)
        ring = [(self._spot[0] + radius * math.sin(t), self._spot[1] + radius * math.cos(t)) for t in turns]
        room = None if self._allowed is None else self._allowed.buffer(-self._rules.border_m)
        return [
            place for place in ring
            if (room is None or room.covers(shapely.Point(place)))
            and self._clear([place, place]) and self._sees(place)
        ]  # fmt: skip

    def _sees(self, place: Place) -> bool:
        lat, lon, _ = self._frame.to_geodetic([place])[0]
        eye = (float(lat), float(lon), self._plan.home[2] + self._height_m)
        try:
            return line_of_sight(self._terrain, eye, self._spot_geodetic, step_m=STEP_M).clear
        except MissionsError:
            return False

    def _choose(self, stands: Sequence[Place], rejoin: Place) -> list[Place]:
        """The nearest place, then others from which the spot looks different; all legs are clear."""
        for first in sorted(stands, key=lambda place: math.dist(self._here, place)):
            if not self._clear([self._here, first]):
                continue
            views = [first]
            while len(views) < self._rules.views:
                following = self._next(stands, views)
                if following is None:
                    break
                views.append(following)
            while views and not self._clear([views[-1], rejoin]):
                views.pop()
            if views:
                return views
        return []

    def _next(self, stands: Sequence[Place], views: Sequence[Place]) -> Place | None:
        def apart(place: Place, other: Place) -> float:
            gap = bearing_deg(self._spot, place) - bearing_deg(self._spot, other)
            return abs((gap + 180.0) % 360.0 - 180.0)

        fresh = [
            place for place in stands
            if apart(place, views[-1]) <= APART_DEG[1]
            and all(apart(place, seen) >= APART_DEG[0] for seen in views)
            and self._clear([views[-1], place])
        ]  # fmt: skip
        # about a quarter of a circle on shows another side and stays short
        return min(fresh, key=lambda place: abs(apart(place, views[-1]) - 90.0), default=None)

    def _clear(self, path: Sequence[Place]) -> bool:
        """Whether a level leg stays allowed, over the ground by the clearance and under the ceiling."""
        line = shapely.LineString(path)
        if self._allowed is not None and not self._allowed.buffer(ON_BORDER_M).covers(line):
            return False
        if self._forbidden.intersects(line):
            return False
        count = max(2, math.ceil(line.length / STEP_M) + 1)
        share = np.linspace(0, 1, count)[:, None]
        points = np.asarray(path[0]) * (1 - share) + np.asarray(path[-1]) * share
        places = self._frame.to_geodetic(points)
        ground = self._terrain.elevation_m(places[:, 0], places[:, 1]) - self._plan.home[2]
        above = self._height_m - ground
        return bool(
            np.isfinite(above).all()
            and above.min() >= self._rules.least_height_agl_m
            and above.max() <= self._rules.ceiling_agl_m + 0.5
        )

    def _ground_m(self, latitude: float, longitude: float) -> float:
        try:
            return elevation_at(self._terrain, latitude, longitude)
        except MissionsError as error:
            raise LookRefused(f"the ground at the spot is not known: {error}") from error

    def _check_energy(self, seconds: float, overlap_m: float) -> None:
        """The battery must bring it through the look and the rest of the sortie with the reserve left.

        The sortie's own estimate tells how much of the battery a second costs.
        """
        have = self._state.battery_fraction
        if have is None:
            raise LookRefused("the aircraft does not tell how much battery is left; a look is not risked")
        sortie = self._plan.sorties[self._sortie]
        share_a_second = (1.0 - sortie.reserve_fraction) / sortie.seconds
        rest_m = self._lane.left_m + math.dist(self._here, self._lane.end) + overlap_m
        rest_s = sortie.seconds * min(1.0, rest_m / sortie.length_m)
        left = have - share_a_second * (seconds + rest_s)
        if left < self._rules.reserve_fraction:
            kept = self._rules.reserve_fraction
            raise LookRefused(
                f"the battery holds {have:.0%}, and after the look and the rest of the sortie "
                f"{max(0.0, left):.0%} would be left, less than the reserve of {kept:.0%}; "
                "look on another flight"
            )


def _area(polygons: list[list[Ring]], frame: LocalFrame) -> shapely.Geometry | None:
    """Polygons in longitude and latitude -> one area in metres; None without any."""
    shapes = []
    for rings in polygons:
        if rings:
            outer, *holes = [[(float(e), float(n)) for e, n, _ in _ring(ring, frame)] for ring in rings]
            shapes.append(shapely.make_valid(shapely.Polygon(outer, holes)))
    return shapely.unary_union(shapes) if shapes else None


def _ring(ring: Ring, frame: LocalFrame) -> Array:
    return frame.to_enu([lat for _, lat in ring], [lon for lon, _ in ring])
