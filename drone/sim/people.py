"""Everybody in town: who they are, what they wear, where their timetable takes them, how they hold
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from drone.sim import motions
from drone.sim.figures import Joints
from drone.sim.motions import DANCE, JOSTLE, PLAY, RIDE, SHOVE, SIT, STOOP, TALK
from drone.sim.schedule import Route, Timetable, Whereabouts, standing

Array = NDArray[np.float64]

SKINS = np.array([(222, 184, 154), (206, 166, 134), (190, 150, 118), (232, 198, 170)], float)
TOPS = np.array([
    (236, 236, 232), (40, 44, 54), (180, 40, 46), (50, 80, 130), (96, 130, 170), (206, 190, 160),
    (120, 124, 128),
    (70, 100, 76), (230, 170, 180), (214, 150, 60), (130, 60, 110), (200, 206, 212), (88, 72, 60),
    (60, 140, 150),
    (226, 214, 120), (160, 50, 90), (34, 60, 56), (244, 240, 228),
], float)  # fmt: skip
BOTTOMS = np.array([
    (40, 44, 56), (30, 32, 38), (62, 78, 110), (90, 92, 96), (150, 134, 110), (50, 54, 48), (120, 124, 130),
    (80, 60, 50), (190, 184, 172), (70, 90, 130),
], float)  # fmt: skip
HAIRS = np.array([(24, 22, 22), (36, 30, 28), (48, 38, 32), (150, 150, 150), (30, 26, 26)], float)
SHOES = np.array([(30, 30, 32), (220, 220, 220), (90, 70, 56), (60, 60, 66)], float)
EXTRAS = np.array([(214, 190, 130), (180, 40, 44), (40, 60, 110), (60, 60, 62), (226, 226, 220)], float)


@dataclass(frozen=True, slots=True)
class Outfit:
    """Fixed colours where given; the rest is drawn."""

    top: tuple[int, int, int] | None = None
    bottom: tuple[int, int, int] | None = None
    hat: bool | None = None
    child: bool = False
    extra: tuple[int, int, int] | None = None


ANY = Outfit()


@dataclass(slots=True)
class CrowdBuilder:
    """Collects people; ids count from 1."""

    routes: list[Route] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    acts: list[int] = field(default_factory=list)
    numbers: list[tuple[float, float, float, float]] = field(default_factory=list)
    mounts: list[int] = field(default_factory=list)
    events: list[str | None] = field(default_factory=list)
    looks: list[tuple[Array, Array, float]] = field(default_factory=list)

    def add(
        self, route: Route, act: int, rng: Generator, *, offset: float = 0.0, outfit: Outfit = ANY,
        numbers: tuple[float, float, float, float] | None = None, mount: int = -1, event: str | None = None,
    ) -> int:  # fmt: skip
        """Returns the person's id. ``numbers`` are the act's own: phase, side or half length, strength or
        half
        width, start second."""
        self.routes.append(route)
        self.offsets.append(offset)
        self.acts.append(act)
        self.numbers.append(numbers or (float(rng.uniform(0, 6.28)), 0.0, 0.0, 0.0))
        self.mounts.append(mount)
        self.events.append(event)
        self.looks.append(_dress(outfit, rng))
        return len(self.acts)

    def stand(
        self, east: float, north: float, heading: float, rng: Generator, act: int = TALK, outfit: Outfit = ANY
    ) -> int:
        return self.add(standing(east, north, heading), act, rng, outfit=outfit)

    def build(self) -> Crowd:
        return Crowd(
            Timetable(self.routes, self.offsets), np.array(self.acts), np.array(self.numbers, float),
            np.array(self.mounts), list(self.events), np.array([look[0] for look in self.looks]),
            np.array([look[1] for look in self.looks], bool), np.array([look[2] for look in self.looks]),
        )  # fmt: skip


def _dress(outfit: Outfit, rng: Generator) -> tuple[Array, Array, float]:
    """Colours (6, 3) by slot, options (4,), stature."""
    woman = rng.random() < 0.5
    stature = float(rng.normal(1.60 if woman else 1.71, 0.055))
    if outfit.child or (outfit is ANY and rng.random() < 0.07):
        stature = float(rng.uniform(1.1, 1.5))

    def draw(palette: Array) -> Array:
        return np.asarray(palette[rng.integers(len(palette))] * rng.uniform(0.85, 1.05))

    colours = np.stack([draw(SKINS), draw(TOPS), draw(BOTTOMS), draw(HAIRS), draw(SHOES), draw(EXTRAS)])
    if outfit.top is not None:
        colours[1] = outfit.top
    if outfit.bottom is not None:
        colours[2] = outfit.bottom
    if outfit.extra is not None:
        colours[5] = outfit.extra
    hat = outfit.hat if outfit.hat is not None else rng.random() < 0.06
    skirt = woman and outfit.bottom is None and rng.random() < 0.3
    if skirt:
        colours[2] = draw(TOPS)
    options = np.array([skirt, woman and rng.random() < 0.7, hat, rng.random() < 0.16])
    return np.clip(colours, 0, 250), options, stature


@dataclass(slots=True)
class Bodies:
    """Everybody present at an instant: indices into the crowd (N,), place on the ground, heading, pose."""

    who: NDArray[np.intp]
    east: Array
    north: Array
    lift: Array
    heading: Array
    joints: Joints


@dataclass(slots=True)
class Crowd:
    """All people.

    acts (N,), numbers (N, 4), mounts (N,) vehicle index or -1, colours (N, 6, 3), options (N, 4).
    """

    timetable: Timetable
    acts: NDArray[np.intp]
    numbers: Array
    mounts: NDArray[np.intp]
    events: list[str | None]
    colours: Array
    options: NDArray[np.bool_]
    statures: Array

    def at(self, time_s: float, fleet: Whereabouts, bicycle: NDArray[np.bool_]) -> Bodies:
        """Everybody at a second of the town's hour.

        Args:
            time_s: the second.
            fleet: the vehicles at that second, for their riders.
            bicycle: which vehicles are bicycles.
        """
        state = self.timetable.at(time_s)
        mounted = self.mounts >= 0
        east, north, heading = state.east.copy(), state.north.copy(), state.heading.copy()
        lift, present = np.zeros(len(east)), state.present.copy()
        mounts = self.mounts[mounted]
        cos, sin = np.cos(fleet.heading[mounts]), np.sin(fleet.heading[mounts])
        east[mounted], north[mounted] = fleet.east[mounts] - 0.3 * cos, fleet.north[mounts] - 0.3 * sin
        heading[mounted], present[mounted] = fleet.heading[mounts], fleet.present[mounts]
        lift[mounted] = np.where(bicycle[mounts], 0.04, -0.12)
        joints = Joints.rest(len(east))
        travelled = state.travelled.copy()
        travelled[mounted] = fleet.travelled[mounts]
        motions.walk(joints, np.where(mounted, 0.0, state.speed), state.travelled, self.statures)
        rides = np.zeros(len(east), bool)
        rides[mounted] = bicycle[mounts]
        motions.ride(joints, self.acts == RIDE, rides, travelled)
        self._act(time_s, state, joints, east, north, heading)
        who = np.flatnonzero(present)
        return Bodies(
            who, east[who], north[who], lift[who], heading[who], Joints(*(values[who] for values in joints))
        )

    def _act(
        self, t: float, state: Whereabouts, joints: Joints, east: Array, north: Array, heading: Array
    ) -> None:
        phase, first, second, start = self.numbers.T
        still = (state.speed < 0.1) & (self.acts != RIDE)
        forward, across = motions.sway(t, phase)
        motions.sit(joints, (self.acts == SIT) & still, t, phase)
        motions.talk(joints, (self.acts == TALK) & still, t, phase)
        motions.stoop(joints, (self.acts == STOOP) & still, t, phase)
        dancing = self.acts == DANCE
        if dancing.any():
            ahead, left, turn = motions.dance(joints, dancing, t)
            forward, across = np.where(dancing, ahead, forward), np.where(dancing, left, across)
            heading[dancing] += turn
        pressing = (self.acts == JOSTLE) & still
        press, slide = motions.jostle(t, phase)
        forward, across = np.where(pressing, press, forward), np.where(pressing, slide, across)
        cos, sin = np.cos(heading), np.sin(heading)
        free = still & (self.acts != PLAY) & (self.acts != SHOVE)
        east += np.where(free, forward * cos - across * sin, 0.0)
        north += np.where(free, forward * sin + across * cos, 0.0)
        self._play(t, joints, east, north, heading)
        fighting = (self.acts == SHOVE) & still
        strength = second * np.clip((t - start) / 3.0, 0.0, 1.0)
        de, dn, facing = motions.shove(t, phase, first, strength)
        east += np.where(fighting, de, 0.0)
        north += np.where(fighting, dn, 0.0)
        heading[fighting] = facing[fighting]
        motions.shove_arms(joints, fighting, t, phase, first, strength)

    def _play(self, t: float, joints: Joints, east: Array, north: Array, heading: Array) -> None:
        who = np.flatnonzero(self.acts == PLAY)
        if not len(who):
            return
        phase, half_u, half_v, _ = self.numbers[who].T
        u, v, du, dv = motions.play(t, phase, half_u, half_v)
        cos, sin = np.cos(heading[who]), np.sin(heading[who])
        east[who] += u * cos - v * sin
        north[who] += u * sin + v * cos
        heading[who] += np.arctan2(dv, du)
        speed = np.hypot(du, dv)
        part = Joints(*(values[who] for values in joints))
        motions.walk(part, speed, 2.2 * t + phase, self.statures[who])
        for whole, piece in zip(joints, part, strict=True):
            whole[who] = piece
