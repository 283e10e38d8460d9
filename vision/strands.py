"""The motion of one person among others who stand within arm's reach, without trusting identities.

In a crowd, and above all between two who push each other, tracks swap persons, and a swap looks like violent
motion. A strand is stricter than a track: it goes on only by a step that a person can make in that time, the
shortest steps first, and ends otherwise. It may be short, but what it says of motion is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from missions.geodesy import Array
from vision.motion import Moment, fit_moment

STEP_NOISE_M = 0.2
STEP_SPEED_M_S = 1.2
"""People within arm's reach of each other go no faster than this for longer than a frame."""
GAP_S = 0.65
LEAST_MOMENTS = 4


@dataclass(frozen=True, slots=True)
class Agitation:
    """How restless a strand is over a while, noise subtracted.

    acceleration: root mean square, m/s^2. speed: of the motion about its own mean velocity, m/s. company:
    share of the looks with somebody within reach. gap: median distance to the nearest one then, m.
    """

    acceleration: float
    speed: float
    company: float
    gap: float
    seconds: float

    @property
    def score(self) -> float:
        return self.speed * self.acceleration


@dataclass(slots=True)
class Strand:
    """``samples``: seconds, east, north, distance to the nearest other person (NaN when none is in reach)."""

    samples: list[tuple[float, float, float, float]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    person: int = -1
    partner: int = -1

    @property
    def seconds(self) -> float:
        """Of the newest sample."""
        return self.samples[-1][0]

    @property
    def followed_s(self) -> float:
        return self.samples[-1][0] - self.samples[0][0]

    def agitation(self, window_s: float, variance: float) -> Agitation | None:
        """Over the last ``window_s``; ``variance`` of a position in m^2 a coordinate is subtracted."""
        begin = self.seconds - window_s - 1e-6
        moments = [m for m in self.moments if m.seconds >= begin]
        if len(moments) < LEAST_MOMENTS:
            return None
        velocities = np.array([m.velocity for m in moments])
        squared = np.mean([m.acceleration @ m.acceleration - variance * m.acceleration_gain for m in moments])
        spread = ((velocities - velocities.mean(axis=0)) ** 2).sum(axis=1).mean()
        noise = variance * float(np.mean([m.velocity_gain for m in moments])) * (1 - 1 / len(moments))
        gaps = np.array([s[3] for s in self.samples if s[0] >= begin])
        near = gaps[np.isfinite(gaps)]
        return Agitation(
            float(np.sqrt(max(0.0, float(squared)))),
            float(np.sqrt(max(0.0, float(spread) - noise))),
            len(near) / len(gaps),
            float(np.median(near)) if len(near) else float("inf"),
            moments[-1].seconds - moments[0].seconds,
        )


class StrandBook:
    """The strands in view.

    Args:
        reach_m: who is nearer than this is in company.
        smoothing_s: length of the stretch that motion is fitted to.
        keep_s: how long samples and moments are kept.
    """

    def __init__(self, reach_m: float, smoothing_s: float, keep_s: float) -> None:
        self._reach_m, self._smoothing_s, self._keep_s = reach_m, smoothing_s, keep_s
        self._strands: list[Strand] = []

    def update(self, places: Array, people: Sequence[int], seconds: float) -> list[Strand]:
        """Add one frame; the strands seen in it.

        Args:
            places: (N, 2) metres east and north of the people seen in this frame.
            people: their indices in the caller's list, as ``person`` and ``partner`` will name them.
        """
        self._strands = [strand for strand in self._strands if seconds - strand.seconds <= GAP_S]
        known = self._assign(places, seconds)
        gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + np.where(
            np.eye(len(places)), np.inf, 0
        )
        for row, place in enumerate(places):
            strand = known.get(row)
            if strand is None:
                strand = Strand()
                self._strands.append(strand)
            nearest = int(gaps[row].argmin()) if len(places) > 1 else row
            near = len(places) > 1 and bool(gaps[row, nearest] <= self._reach_m)
            gap = float(gaps[row, nearest]) if near else float("nan")
            strand.samples.append((seconds, float(place[0]), float(place[1]), gap))
            strand.person = people[row]
            strand.partner = people[nearest] if near else -1
            self._smooth(strand, seconds)
        return [strand for strand in self._strands if strand.seconds == seconds]

    def _assign(self, places: Array, seconds: float) -> dict[int, Strand]:
        """Row of ``places`` -> the strand that it continues; shortest steps first."""
        if not self._strands or not len(places):
            return {}
        last = np.array([strand.samples[-1][:3] for strand in self._strands])
        steps = np.linalg.norm(last[:, None, 1:] - places[None], axis=2)
        steps[steps > STEP_NOISE_M + STEP_SPEED_M_S * (seconds - last[:, :1])] = np.inf
        found: dict[int, Strand] = {}
        while np.isfinite(steps).any():
            strand, row = np.unravel_index(int(steps.argmin()), steps.shape)
            found[int(row)] = self._strands[int(strand)]
            steps[strand, :] = np.inf
            steps[:, row] = np.inf
        return found

    def _smooth(self, strand: Strand, seconds: float) -> None:
        while strand.samples[0][0] < seconds - self._keep_s:
            strand.samples.pop(0)
        recent = np.array([s[:3] for s in strand.samples if s[0] >= seconds - self._smoothing_s - 1e-6])
        if recent[-1, 0] - recent[0, 0] < 0.6 * self._smoothing_s:
            return
        moment = fit_moment(recent, seconds - self._smoothing_s / 2)
        if moment is not None:
            strand.moments.append(moment)
        while strand.moments and strand.moments[0].seconds < seconds - self._keep_s:
            strand.moments.pop(0)
