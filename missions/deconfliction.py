"""Aircraft that fly at the same time: where two ways come too close in space and time, and how to mend it.

A flight is straight and even between events (position and time at each end), so the distance of two aircraft
between two events of either is the square root of a parabola over time. Each pair of pieces is therefore
solved, not sampled: two aircraft conflict while they are nearer than ``horizontal_m`` across the ground and
nearer than ``vertical_m`` in height, both at once. Positions are predicted, so both ways and clocks may be
off: ``slack_s`` moves one flight to and fro against the other, and every such shift is covered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from missions.geodesy import Array

HORIZONTAL_M = 30.0
VERTICAL_M = 10.0
DELAY_STEP_S = 5.0
LONGEST_DELAY_S = 1800.0
LAYER_M = 15.0
LAYERS = 4
NEGLIGIBLE_S = 1e-9


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Positions over time: ``times_s`` (N,) rising, ``positions`` (N, 3) metres east, north and up.

    Before the first and after the last time the aircraft stands on the ground and is in nobody's way.

    Raises:
        ValueError: fewer than two events, shapes that do not match, or times that do not rise.
    """

    times_s: Array
    positions: Array

    def __post_init__(self) -> None:
        count = len(self.times_s)
        if self.times_s.shape != (count,) or count < 2 or self.positions.shape != (count, 3):
            raise ValueError("a trajectory needs (N,) times and (N, 3) positions, N at least 2")
        if not (np.isfinite(self.times_s).all() and np.isfinite(self.positions).all()):
            raise ValueError("times and positions of a trajectory must be finite numbers")
        if (np.diff(self.times_s) <= 0).any():
            raise ValueError("the times of a trajectory must rise")

    def delayed(self, seconds: float) -> Trajectory:
        """The same flight, later."""
        return Trajectory(self.times_s + seconds, self.positions)

    def lifted(self, metres: float) -> Trajectory:
        """The same flight, higher but for take-off and landing, which begin and end on the ground."""
        up = np.zeros(len(self.positions))
        up[1:-1] = metres
        return Trajectory(self.times_s, self.positions + np.column_stack([0 * up, 0 * up, up]))

    def at(self, times_s: Array) -> Array:
        """Positions (K, 3) at times within the flight."""
        return np.column_stack([np.interp(times_s, self.times_s, axis) for axis in self.positions.T])


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two aircraft too close from one time to another; ``least_m`` is their least level distance."""

    start_s: float
    end_s: float
    least_m: float


def conflicts(
    first: Trajectory,
    second: Trajectory,
    horizontal_m: float = HORIZONTAL_M,
    vertical_m: float = VERTICAL_M,
    slack_s: float = 0.0,
) -> list[Conflict]:
    """When two aircraft are nearer than both separations at once; times of ``first``.

    With ``slack_s`` either may be up to so much early or late: separations grow by how far the aircraft get
    against each other in that time, which is never too little.
    """
    found: list[Conflict] = []
    start = max(first.times_s[0], second.times_s[0]) - slack_s
    end = min(first.times_s[-1], second.times_s[-1]) + slack_s
    if start >= end:
        return []
    events = np.unique(np.concatenate([[start, end], first.times_s, second.times_s]))
    events = events[(events >= start) & (events <= end)]
    a, b = (_held(way, events) for way in (first, second))
    gap, span = a - b, np.diff(events)
    fastest = _fastest(first) + _fastest(second)
    wide, tall = horizontal_m + slack_s * fastest[0], vertical_m + slack_s * fastest[1]
    for index in np.flatnonzero(_near(gap, wide, tall)):
        window = _window(gap[index], gap[index + 1], wide, tall)
        if window is None:
            continue
        low, high, least = window
        begun, ended = events[index] + low * span[index], events[index] + high * span[index]
        if found and begun - found[-1].end_s <= NEGLIGIBLE_S:
            last = found.pop()
            begun, least = last.start_s, min(least, last.least_m)
        found.append(Conflict(float(begun), float(ended), float(least)))
    return found


def _held(way: Trajectory, times_s: Array) -> Array:
    """Positions at times; outside the flight those at its ends."""
    return way.at(np.clip(times_s, way.times_s[0], way.times_s[-1]))


def _fastest(way: Trajectory) -> Array:
    """Greatest speeds, across the ground and in height, (2,)."""
    speed = np.diff(way.positions, axis=0) / np.diff(way.times_s)[:, None]
    return np.array([np.hypot(speed[:, 0], speed[:, 1]).max(), np.abs(speed[:, 2]).max()])


def _near(gap: Array, wide: float, tall: float) -> Array:
    """Pieces whose boxes come within the separations: a quick look before each is solved, (N - 1,) bool."""
    low, high = np.minimum(gap[:-1], gap[1:]), np.maximum(gap[:-1], gap[1:])
    limit = np.array([wide, wide, tall])
    return np.asarray(((low <= limit) & (high >= -limit)).all(axis=1))


def _window(start: Array, end: Array, wide: float, tall: float) -> tuple[float, float, float] | None:
    """From and until which part of a piece both separations are broken, and the least distance then.

    Args:
        start, end: (3,) difference of the positions at both ends of the piece.
    """
    change = end - start
    flat = _inside(float(change[:2] @ change[:2]), 2 * float(start[:2] @ change[:2]),
                   float(start[:2] @ start[:2]) - wide**2)  # fmt: skip
    high = _inside(float(change[2] ** 2), 2 * float(start[2] * change[2]), float(start[2] ** 2) - tall**2)
    if flat is None or high is None:
        return None
    low, top = max(flat[0], high[0]), min(flat[1], high[1])
    if low >= top:
        return None
    square = float(change[:2] @ change[:2])
    nearest = -float(start[:2] @ change[:2]) / square if square > 0 else low
    place = start + min(max(nearest, low), top) * change
    return low, top, math.hypot(float(place[0]), float(place[1]))


def _inside(a: float, b: float, c: float) -> tuple[float, float] | None:
    """Where a t^2 + b t + c < 0 within 0 to 1, for a >= 0."""
    if a < 1e-12:
        if abs(b) < 1e-12:
            return (0.0, 1.0) if c < 0 else None
        root = -c / b
        low, high = (0.0, root) if b > 0 else (root, 1.0)
    else:
        square = b * b - 4 * a * c
        if square <= 0:
            return None
        # the form that loses no digits when b is large
        q = -(b + math.copysign(math.sqrt(square), b)) / 2
        roots = sorted((q / a, c / q) if q != 0 else (0.0, 0.0))
        low, high = roots[0], roots[1]
    low, high = max(0.0, low), min(1.0, high)
    return (low, high) if low < high else None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What makes a flight clear of others: start later by ``delay_s``, fly higher by ``lift_m``."""

    delay_s: float = 0.0
    lift_m: float = 0.0


def remedy(
    way: Trajectory,
    others: list[Trajectory],
    highest_lift_m: float = 0.0,
    horizontal_m: float = HORIZONTAL_M,
    vertical_m: float = VERTICAL_M,
    slack_s: float = 0.0,
) -> Remedy | None:
    """The shortest delay that clears a flight of all others, or a height layer where one needs less of it.

    Args:
        highest_lift_m: how much higher it may fly at most (the ceiling).

    Returns:
        None when no delay up to half an hour in no layer will do.
    """
    lifts = [layer * LAYER_M for layer in range(LAYERS) if layer * LAYER_M <= highest_lift_m]
    for delay in np.arange(0.0, LONGEST_DELAY_S + 1, DELAY_STEP_S).tolist():
        for lift in lifts or [0.0]:
            moved = way.lifted(lift).delayed(delay)
            if not any(conflicts(moved, other, horizontal_m, vertical_m, slack_s) for other in others):
                return Remedy(delay, lift)
    return None
