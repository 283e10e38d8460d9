"""The simulated autopilot's fence: uploaded areas, a ceiling and a circle about home."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import shapely

from drone.sim.dynamics import Vector
from drone.sim.mission_store import FENCE, MissionStore, StoredItem
from drone.sim.parameters import Parameters

CEILING, CIRCLE, AREAS = 1, 2, 4
"""Bits of FENCE_TYPE."""
UNION_OF_AREAS = 2
"""Bit of FENCE_OPTIONS: inside any inclusion area is inside."""
INCLUSION_RING, EXCLUSION_RING, INCLUSION_CIRCLE, EXCLUSION_CIRCLE = 5001, 5002, 5003, 5004


class Geofence:
    """Answers where a position lies; built anew when the upload changes.

    Args:
        place: item -> metres about home.
        home: the home position in metres.
        only_about_home: leaves out inclusion areas that do not hold home, as PX4 does.
    """

    def __init__(
        self,
        store: MissionStore,
        parameters: Parameters,
        place: Callable[[StoredItem], Vector],
        home: Callable[[], Vector],
        *,
        only_about_home: bool = False,
    ) -> None:
        self._store, self._parameters = store, parameters
        self._only_about_home = only_about_home
        self._place, self._home = place, home
        self._changes = -1
        self._inside: list[shapely.Geometry] = []
        self._outside: list[shapely.Geometry] = []

    @property
    def enabled(self) -> bool:
        return self._parameters["FENCE_ENABLE"] > 0

    def breach(self, position: Vector) -> str | None:
        """The breached part by name, or None. Needs no motors; the caller says when it matters."""
        if not self.enabled:
            return None
        p, home, kinds = self._parameters, self._home(), int(self._parameters["FENCE_TYPE"])
        if kinds & CEILING and position[2] - home[2] > p["FENCE_ALT_MAX"]:
            return "Max Alt"
        if kinds & CIRCLE and math.dist(position[:2], home[:2]) > p["FENCE_RADIUS"]:
            return "Circle"
        if kinds & AREAS and not self._within_areas(position):
            return "Polygon"
        return None

    def _within_areas(self, position: Vector) -> bool:
        self._refresh()
        point = shapely.Point(position[0], position[1])
        if any(area.contains(point) for area in self._outside):
            return False
        if not self._inside:
            return True
        inside = [area.covers(point) for area in self._inside]
        union = int(self._parameters["FENCE_OPTIONS"]) & UNION_OF_AREAS
        return any(inside) if union else all(inside)

    def _refresh(self) -> None:
        if self._changes == self._store.changes:
            return
        self._changes = self._store.changes
        items = self._store.items(FENCE)
        self._inside = [*self._rings(items, INCLUSION_RING), *self._circles(items, INCLUSION_CIRCLE)]
        self._outside = [*self._rings(items, EXCLUSION_RING), *self._circles(items, EXCLUSION_CIRCLE)]
        home = shapely.Point(self._home()[:2])
        if self._only_about_home:
            self._inside = [area for area in self._inside if area.covers(home)]

    def _rings(self, items: list[StoredItem], command: int) -> Iterable[shapely.Geometry]:
        chosen = [item for item in items if item.command == command]
        while chosen:
            count = int(chosen[0].param1)
            yield shapely.make_valid(shapely.Polygon([self._place(item)[:2] for item in chosen[:count]]))
            chosen = chosen[count:]

    def _circles(self, items: list[StoredItem], command: int) -> Iterable[shapely.Geometry]:
        for item in items:
            if item.command == command:
                yield shapely.Point(self._place(item)[:2]).buffer(item.param1)
