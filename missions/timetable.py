"""When each sortie takes off, so that aircraft that fly at the same time stay apart."""

from __future__ import annotations

import numpy as np

from missions.deconfliction import Trajectory, remedy
from missions.energy import AircraftModel
from missions.fleet import SWAP_S
from missions.geodesy import LocalFrame
from missions.motion import SHORTEST_LEG_M, fly_legs
from missions.plan import Sortie
from missions.proof import track

CLOCK_SLACK_S = 5.0
"""How much earlier or later than predicted a sortie may be against another."""
Home = tuple[float, float, float]


def trajectory_of(sortie: Sortie, home: Home, frame: LocalFrame, aircraft: AircraftModel) -> Trajectory:
    """A sortie from the ground at home and back to it; times from its take-off, metres in ``frame``."""
    path = track(sortie, frame)
    moves = np.hypot(*np.diff(path[:, :2], axis=0).T) > SHORTEST_LEG_M
    path = path[np.concatenate([[True], moves])]
    ground = frame.to_enu(*home)[0]
    legs = [leg.seconds for leg in fly_legs(path, sortie.waypoints[0].speed_m_s, aircraft)]
    up = aircraft.start_s + max(0.0, float(path[0, 2] - ground[2])) / aircraft.climb_m_s
    high = max(0.0, float(path[-1, 2] - ground[2]))
    slow = min(high, aircraft.landing_from_m)
    down = [aircraft.landing_s, (high - slow) / aircraft.descent_m_s, slow / aircraft.landing_m_s]
    steps = np.maximum([up, *legs, *down], 1e-3)
    below = np.array([path[-1, 0], path[-1, 1], ground[2] + slow])
    positions = np.vstack([[*path[0, :2], ground[2]], path, path[-1], below, [*path[-1, :2], ground[2]]])
    return Trajectory(np.concatenate([[0.0], np.cumsum(steps)]), positions)


def stagger(flights: list[tuple[list[Sortie], Home]], aircraft: AircraftModel) -> list[list[Sortie]]:
    """The same sorties with the times at which they take off.

    The first of every aircraft come first; each takes off as soon as its battery is changed and it stays
    clear of all that are placed already.

    Args:
        flights: of each plan its sorties and its home.
    """
    frame = LocalFrame(*flights[0][1][:2])
    placed: list[Trajectory] = []
    free: dict[tuple[int, int], float] = {}
    result = [list(sorties) for sorties, _ in flights]
    turns: dict[tuple[int, int], int] = {}
    queue = []
    for plan, (sorties, _) in enumerate(flights):
        for number, sortie in enumerate(sorties):
            key = plan, sortie.aircraft
            turns[key] = turns.get(key, -1) + 1
            queue.append((turns[key], sortie.aircraft, plan, number))
    for _, owner, plan, number in sorted(queue):
        sortie = flights[plan][0][number]
        way = trajectory_of(sortie, flights[plan][1], frame, aircraft).delayed(free.get((plan, owner), 0.0))
        mended = remedy(way, placed, slack_s=CLOCK_SLACK_S) if _shared(flights) else None
        way = way.delayed(mended.delay_s) if mended else way
        placed.append(way)
        free[plan, owner] = float(way.times_s[-1]) + SWAP_S
        result[plan][number] = sortie.model_copy(update={"start_s": round(float(way.times_s[0]), 1)})
    return result


def _shared(flights: list[tuple[list[Sortie], Home]]) -> bool:
    """Whether more than one aircraft is in the air."""
    return len({(plan, s.aircraft) for plan, (sorties, _) in enumerate(flights) for s in sorties}) > 1
