"""What the modes and the mission have in common: hold, climb, fly home, land."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drone.sim.airframe import Airframe
from drone.sim.dynamics import Vector
from drone.sim.navigation import Leg, Rates, fly, reached
from drone.sim.parameters import Parameters

NEAR_RETURN_M = 10.0
"""PX4's RTL_MIN_DIST."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a manoeuvre wants of the airframe now; ``yaw_deg`` None keeps the heading."""

    velocity: Vector
    yaw_deg: float | None = None


class Manoeuvre(Protocol):
    """Something that takes time. ``done`` says when it is over."""

    done: bool

    def aim(self, dt: float) -> Aim: ...


@dataclass(slots=True)
class Surroundings:
    """What manoeuvres look at."""

    body: Airframe
    parameters: Parameters
    home: Callable[[], Vector]
    rally: Callable[[Vector], Vector]
    adds_return_height: bool = False
    """PX4: RTL_ALT counts from the place to which it returns, and near that place it does not climb."""

    def return_up(self, position: Vector, target: Vector) -> float:
        """The height of the way to a place, above the frame's origin."""
        height = self.parameters["RTL_ALT"] / 100
        if not self.adds_return_height:
            return max(position[2], self.home()[2] + height, target[2])
        near = math.dist(position[:2], target[:2]) <= NEAR_RETURN_M
        return position[2] if near else max(position[2], target[2] + height)

    @property
    def rates(self) -> Rates:
        p = self.parameters
        return Rates(
            acceleration_m_s2=p["WPNAV_ACCEL"] / 100,
            climb_m_s=p["WPNAV_SPEED_UP"] / 100,
            descent_m_s=p["WPNAV_SPEED_DN"] / 100,
        )

    @property
    def radius_m(self) -> float:
        return self.parameters["WPNAV_RADIUS"] / 100


class Hold:
    """Brake and stay where braking ends, or over a given point."""

    def __init__(self, around: Surroundings, point: Vector | None = None) -> None:
        self._around = around
        self.done = False
        position, velocity = around.body.position, around.body.velocity
        if point is None:
            seconds = 0.4 + (velocity[0] ** 2 + velocity[1] ** 2) ** 0.5 / (2 * 0.7 * 2.5)
            point = (position[0] + velocity[0] * seconds, position[1] + velocity[1] * seconds, position[2])
        self.point = point

    def aim(self, dt: float) -> Aim:
        leg = Leg(start=self.point, end=self.point, speed_m_s=5.0)
        return Aim(fly(leg, self._around.body.position, self._around.rates))


class Climb:
    """Straight up to a height above the frame's origin."""

    def __init__(self, around: Surroundings, up: float, delay_s: float = 0.0) -> None:
        self._around = around
        self._delay_s = delay_s
        position = around.body.position
        self._leg = Leg(start=position, end=(position[0], position[1], up), speed_m_s=3.0)
        self.done = False

    def aim(self, dt: float) -> Aim:
        self._delay_s -= dt
        if self._delay_s > 0:
            return Aim((0.0, 0.0, 0.0))
        position = self._around.body.position
        self.done = self.done or position[2] > self._leg.end[2] - 0.5
        velocity = fly(self._leg, position, self._around.rates)
        if self._around.body.landed:
            return Aim((0.0, 0.0, max(0.5, velocity[2])))
        return Aim(velocity)


class GoTo:
    """Along a leg to its end, facing the way it flies, then stay ``wait_s``."""

    def __init__(
        self, around: Surroundings, leg: Leg, *, wait_s: float = 0.0, yaw_deg: float | None = None
    ) -> None:
        self._around = around
        self.leg = leg
        self._wait_s = wait_s
        self._yaw_deg = leg.bearing_deg if yaw_deg is None and leg.length_m > 2.0 else yaw_deg
        self._there = False
        self.done = False

    def aim(self, dt: float) -> Aim:
        position = self._around.body.position
        self._there = self._there or reached(self.leg, position, self._around.radius_m)
        if self._there:
            self._wait_s -= dt
            self.done = self._wait_s <= 0
        return Aim(fly(self.leg, position, self._around.rates), self._yaw_deg)


class Land:
    """Down onto the ground below, or below a point flown to before; slow for the last metres."""

    def __init__(self, around: Surroundings, point: Vector | None = None) -> None:
        self._around = around
        self._hold = Hold(around, point)
        self._still_s = 0.0
        self.done = False

    def aim(self, dt: float) -> Aim:
        body, p = self._around.body, self._around.parameters
        if body.landed:
            self._still_s += dt
            self.done = self._still_s > 1.0
            return Aim((0.0, 0.0, -0.1))
        above = body.position[2] - self._around.home()[2]
        slow = p["LAND_SPEED"] / 100
        fast = (p["LAND_SPEED_HIGH"] or p["WPNAV_SPEED_DN"]) / 100
        east, north, _ = self._hold.aim(dt).velocity
        return Aim((east, north, -(fast if above > p["LAND_ALT_LOW"] / 100 else slow)))


class Return:
    """RTL: up to the return height, home (or to a nearer rally point), wait, land."""

    def __init__(self, around: Surroundings, speed_m_s: float) -> None:
        self._around = around
        body, p = around.body, around.parameters
        target = around.rally(body.position)
        up = around.return_up(body.position, target)
        over = (target[0], target[1], up)
        speed = p["RTL_SPEED"] / 100 or speed_m_s
        self._steps: list[Callable[[], Manoeuvre]] = [
            lambda: Climb(around, up),
            lambda: GoTo(around, Leg(start=body.position, end=over, speed_m_s=speed)),
            lambda: GoTo(
                around, Leg(start=over, end=over, speed_m_s=speed), wait_s=p["RTL_LOIT_TIME"] / 1000
            ),
            lambda: Land(around, over),
        ]
        self._current: Manoeuvre = self._steps.pop(0)()
        self.done = False

    def aim(self, dt: float) -> Aim:
        if self._current.done:
            if self._steps:
                self._current = self._steps.pop(0)()
            else:
                self.done = True
        return self._current.aim(dt)

    @property
    def landing(self) -> bool:
        return isinstance(self._current, Land)
