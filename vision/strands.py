"""The motion of one person among others who stand within arm's reach, without trusting identities.

In a crowd, and above all between two who push each other, boxes merge and tracks swap persons. A strand
follows what is inside a box from picture to picture; a new box that lies where it is expected moves it back
to the middle of a person, and a missing one does not end it at once. It may be short and change from one of
the two to the other, but what it says of motion is true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from missions.geodesy import Array
from vision.flow import Moved, box_middles

GAP_S = 1.0
"""A strand that no box supports for longer has ended."""
LEAST_SAMPLES = 5
MATCH_SHARE = 0.35
"""A box supports a strand when their middles lie within this share of the larger one's diagonal."""
NOTICED_M_S = 0.3
"""A movement to the other side slower than this is no reversal."""


@dataclass(frozen=True, slots=True)
class Agitation:
    """How restless a strand is over a while.

    acceleration: root mean square of the change of velocity, m/s^2. speed: root mean square of the velocity
    about its mean, m/s. drift: speed of that mean, m/s. reversals: how often the motion turned to the other
    side. company: share of the looks with somebody within reach. gap: median distance to the nearest one
    then, m. seconds: time covered.
    """

    acceleration: float
    speed: float
    drift: float
    reversals: int
    company: float
    gap: float
    seconds: float


@dataclass(slots=True)
class Strand:
    """``samples``: seconds, velocity east and north in m/s, distance to the nearest other person in m (NaN
    when none is in reach). ``box`` and ``place``: in the newest picture."""

    box: Array
    place: Array
    begun: float
    supported: float
    samples: list[tuple[float, float, float, float]] = field(default_factory=list)
    person: int = -1
    partner: int = -1
    seconds: float = 0.0

    @property
    def followed_s(self) -> float:
        return self.seconds - self.begun

    def pace(self, window_s: float) -> float:
        """Root mean square of the velocity over the last ``window_s``, m/s; NaN when none was measured."""
        recent = np.array([s[1:3] for s in self.samples if s[0] >= self.seconds - window_s - 1e-6])
        squared = (recent.reshape(-1, 2) ** 2).sum(axis=1)
        measured = squared[np.isfinite(squared)]
        return float(np.sqrt(measured.mean())) if len(measured) else math.nan

    def agitation(self, window_s: float) -> Agitation | None:
        """Over the last ``window_s``; None when too little of it was measured."""
        recent = np.array([s for s in self.samples if s[0] >= self.seconds - window_s - 1e-6]).reshape(-1, 4)
        measured = recent[np.isfinite(recent[:, 1])]
        if len(measured) < LEAST_SAMPLES or len(measured) < 0.5 * len(recent):
            return None
        times, velocities = measured[:, 0], measured[:, 1:3]
        mean = velocities.mean(axis=0)
        steps = np.diff(times)
        usual = float(np.median(steps))
        changes = np.diff(velocities, axis=0)[steps < 1.6 * usual] / usual
        near = recent[:, 3][np.isfinite(recent[:, 3])]
        return Agitation(
            _trimmed(changes), _trimmed(velocities - mean), float(np.linalg.norm(mean)),
            _reversals(velocities), len(near) / len(recent),
            float(np.median(near)) if len(near) else float("inf"), float(times[-1] - times[0]),
        )  # fmt: skip


def _trimmed(vectors: Array) -> float:
    """Root mean square length of vectors (N, 2) without the longest tenth, at least one."""
    squared = np.sort((vectors**2).sum(axis=1))
    kept = squared[: len(squared) - max(1, round(0.1 * len(squared)))]
    return float(np.sqrt(kept.mean())) if len(kept) else 0.0


def _reversals(velocities: Array) -> int:
    """How often the motion along its main axis turned round, small movements left out.

    A strand that goes over from one who stands to one who walks, and back, changes its speed but does not
    turn round.
    """
    _, _, axes = np.linalg.svd(velocities, full_matrices=False)
    along = velocities @ axes[0]
    signs = np.sign(along[np.abs(along) >= NOTICED_M_S])
    return int((np.diff(signs) != 0).sum())


Follow = Callable[[Array], Moved]


class StrandBook:
    """The strands in view.

    Args:
        reach_m: who is nearer than this is in company.
        keep_s: how long samples are kept.
    """

    def __init__(self, reach_m: float, keep_s: float) -> None:
        self._reach_m, self._keep_s = reach_m, keep_s
        self._strands: list[Strand] = []

    def update(
        self, boxes: Array, places: Array, people: Sequence[int], seconds: float, follow: Follow
    ) -> list[Strand]:
        """Add one frame; the strands that live on.

        Args:
            boxes: (N, 4) of the people seen in this frame. places: (N, 2) where they stand, metres east and
                north.
            people: their indices in the caller's list, as ``person`` and ``partner`` will name them.
            follow: where boxes of the last picture went; see :func:`vision.flow.follow`.
        """
        self._strands = [s for s in self._strands if seconds - s.supported <= GAP_S]
        moved = follow(np.array([s.box for s in self._strands]).reshape(-1, 4))
        velocities = moved.velocities
        for strand, shift, velocity in zip(self._strands, moved.shifts, velocities, strict=True):
            elapsed = seconds - strand.seconds
            strand.box = strand.box + np.tile(shift, 2)
            strand.place = strand.place + np.nan_to_num(velocity) * elapsed
            strand.samples.append((seconds, float(velocity[0]), float(velocity[1]), float("nan")))
            strand.seconds, strand.person, strand.partner = seconds, -1, -1
        self._support(boxes, places, people, seconds)
        self._keep_company()
        for strand in self._strands:
            while strand.samples and strand.samples[0][0] < seconds - self._keep_s:
                strand.samples.pop(0)
        return list(self._strands)

    def _support(self, boxes: Array, places: Array, people: Sequence[int], seconds: float) -> None:
        """Give each strand the box where it is expected, nearest first; boxes left over begin new ones."""
        known: dict[int, Strand] = {}
        if self._strands and len(boxes):
            own = np.array([s.box for s in self._strands])
            apart = np.linalg.norm(box_middles(own)[:, None] - box_middles(boxes)[None], axis=2)
            larger = np.maximum(_diagonals(own)[:, None], _diagonals(boxes)[None])
            apart = np.where(apart > MATCH_SHARE * larger, np.inf, apart / larger)
            while np.isfinite(apart).any():
                row, column = np.unravel_index(int(apart.argmin()), apart.shape)
                known[int(column)] = self._strands[int(row)]
                apart[row, :] = np.inf
                apart[:, column] = np.inf
        for index, (box, place) in enumerate(zip(boxes, places, strict=True)):
            strand = known.get(index)
            if strand is None:
                strand = Strand(box, place, seconds, seconds)
                self._strands.append(strand)
            strand.box, strand.place = np.asarray(box, float), np.asarray(place, float)
            strand.supported = strand.seconds = seconds
            strand.person = people[index]

    def _keep_company(self) -> None:
        if len(self._strands) < 2:
            return
        places = np.array([s.place for s in self._strands])
        gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag([np.inf] * len(places))
        for row, strand in enumerate(self._strands):
            nearest = int(gaps[row].argmin())
            if gaps[row, nearest] > self._reach_m:
                continue
            strand.partner = self._strands[nearest].person
            if strand.samples and strand.samples[-1][0] == strand.seconds:
                strand.samples[-1] = (*strand.samples[-1][:3], float(gaps[row, nearest]))


def _diagonals(boxes: Array) -> Array:
    return np.asarray(np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1))
