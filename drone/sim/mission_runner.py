"""Flies the stored mission in AUTO as ArduCopter does: navigation commands in turn, the others at once."""

from __future__ import annotations

from collections.abc import Callable

from drone.sim.dynamics import Vector
from drone.sim.manoeuvres import Aim, Climb, GoTo, Hold, Land, Manoeuvre, Return, Surroundings
from drone.sim.mission_store import MISSION, NAV, MissionStore, StoredItem
from drone.sim.navigation import Leg, corner_speed

WAYPOINT, LOITER_UNLIMITED, LOITER_TIME, RETURN, LAND, TAKEOFF, SPLINE, DELAY = 16, 17, 19, 20, 21, 22, 82, 93
DO_JUMP = 177
NOT_STARTED, ACTIVE, PAUSED, COMPLETE = 2, 3, 4, 5
"""MISSION_STATE."""
_SPOOL_UP_S = 1.5


class MissionRunner:
    """Where the mission stands.

    Args:
        place: item -> its place in metres about home; an item without a place gets the given position.
        act: carries out a command that takes no time.
        reached: called with the number of each finished navigation item.
        return_home: called for a return item where that is a mode of its own and ends the mission.
    """

    def __init__(
        self,
        store: MissionStore,
        around: Surroundings,
        *,
        place: Callable[[StoredItem, Vector], Vector],
        act: Callable[[StoredItem], None],
        reached: Callable[[int], None],
        return_home: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._around = around
        self._place = place
        self._act = act
        self._reached = reached
        self._return_home = return_home
        self.index = 0
        self.state = NOT_STARTED
        self.speed_m_s = around.parameters["WPNAV_SPEED"] / 100
        self._manoeuvre: Manoeuvre | None = None
        self._pause: Hold | None = None
        self._changes = -1
        self._jumps: dict[int, int] = {}

    @property
    def items(self) -> list[StoredItem]:
        return self._store.items(MISSION)

    def starts_with_takeoff(self) -> bool:
        """Whether the first navigation command that will run is a take-off."""
        for item in self.items[max(1, self.index) :]:
            if item.command in NAV:
                return item.command == TAKEOFF
        return False

    def reset(self) -> None:
        """Begin at the first item next time."""
        self.index, self.state = 0, NOT_STARTED
        self._manoeuvre = self._pause = None
        self._jumps.clear()

    def set_current(self, index: int) -> bool:
        """Make item ``index`` the current one; False when there is none."""
        if not 0 <= index < len(self.items):
            return False
        running = self.state in (ACTIVE, PAUSED)
        self.index = index
        self._manoeuvre = None
        if running:
            self._begin(max(1, index))
        else:
            self.state = NOT_STARTED
        return True

    def start(self) -> None:
        """Start, or resume the current item."""
        self._pause = None
        if self.state == COMPLETE:
            self.reset()
        if self.index == 0:
            self.speed_m_s = self._around.parameters["WPNAV_SPEED"] / 100
        self._begin(max(1, self.index))

    def pause(self) -> None:
        if self.state == ACTIVE:
            self.state = PAUSED
            self._pause = Hold(self._around)

    def resume(self) -> None:
        if self.state == PAUSED:
            self.start()

    def aim(self, dt: float) -> Aim:
        """Advance the mission by ``dt``."""
        if self._pause is not None:
            return self._pause.aim(dt)
        if self._changes != self._store.changes and self.state == ACTIVE:
            # ArduPilot carries on at the same number of whatever is stored there now
            self._begin(self.index)
        if self._manoeuvre is None:
            self._manoeuvre = Hold(self._around)
        if self._manoeuvre.done and self.state == ACTIVE:
            self._reached(self.index)
            if isinstance(self._manoeuvre, Land | Return):
                self.state = COMPLETE
            else:
                self._begin(self.index + 1)
        return self._manoeuvre.aim(dt)

    @property
    def landing(self) -> bool:
        m = self._manoeuvre
        return isinstance(m, Land) or (isinstance(m, Return) and m.landing)

    @property
    def landed(self) -> bool:
        """Whether a landing of the mission is over, and reported."""
        return isinstance(self._manoeuvre, Land | Return) and self.state == COMPLETE

    def _begin(self, index: int) -> None:
        """Start the first navigation command at or after ``index``, doing what stands before it."""
        items = self.items
        self._changes = self._store.changes
        steps = 0
        while index < len(items) and items[index].command not in NAV:
            steps += 1
            if steps > 1000:
                index = len(items)
            elif items[index].command == DO_JUMP:
                index = self._jump(index, items[index])
            else:
                self._act(items[index])
                index += 1
        if index >= len(items):
            self.state = COMPLETE
            self._manoeuvre = Hold(self._around)
            return
        self.index, self.state = index, ACTIVE
        self._manoeuvre = self._navigate(items, index)

    def _jump(self, index: int, item: StoredItem) -> int:
        times = self._jumps.get(index, 0)
        if item.param2 < 0 or times < item.param2:
            self._jumps[index] = times + 1
            return max(1, int(item.param1))
        return index + 1

    def _navigate(self, items: list[StoredItem], index: int) -> Manoeuvre:
        item, position = items[index], self._around.body.position
        target = self._place(item, position)
        if item.command == TAKEOFF:
            return Climb(self._around, target[2], _SPOOL_UP_S if self._around.body.landed else 0.0)
        if item.command == RETURN and self._return_home is not None:
            self._return_home()
            return Hold(self._around)
        if item.command == RETURN:
            return Return(self._around, self.speed_m_s)
        if item.command == LAND:
            return Land(self._around, target if item.placed else None)
        if item.command == DELAY:
            here = Leg(start=position, end=position, speed_m_s=1.0)
            return GoTo(self._around, here, wait_s=item.param1)
        if item.command == LOITER_UNLIMITED:
            return GoTo(self._around, self._leg(position, target), wait_s=float("inf"))
        leg = self._leg(position, target)
        if item.param1 > 0:
            return GoTo(self._around, leg, wait_s=item.param1)
        return GoTo(self._around, self._through(leg, items, index))

    def _leg(self, position: Vector, target: Vector) -> Leg:
        """From the end of the last leg, where that is close, so that lanes are flown straight."""
        start, last = position, self._manoeuvre
        if isinstance(last, GoTo) and last.done:
            end = last.leg.end
            if ((end[0] - position[0]) ** 2 + (end[1] - position[1]) ** 2) ** 0.5 < 15.0:
                start = end
        return Leg(start=start, end=target, speed_m_s=self.speed_m_s)

    def _through(self, leg: Leg, items: list[StoredItem], index: int) -> Leg:
        following = next((item for item in items[index + 1 :] if item.command in NAV), None)
        if following is None or following.command not in (WAYPOINT, SPLINE):
            return leg
        speed = corner_speed(leg, self._place(following, leg.end))
        return Leg(start=leg.start, end=leg.end, speed_m_s=leg.speed_m_s, end_speed_m_s=speed)
