"""Which parts of a large picture to look at now: what is followed, new ground, likely places, then the rest.

Not all parts of a 4K picture can be looked at in every frame. A part is *due* where something is followed,
where its ground was not seen in this pass, and where hazards are likely. Due parts go first, the most urgent
of them when there are too many; a share of the looks of each frame, one at least, goes to the parts that have
waited longest, whatever they show. So no part of the picture waits longer than ``revisit_frames``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array, LocalFrame
from vision.looks import CELLS, Look
from vision.tiles import Tile

HazardPrior = Callable[[LocalFrame, Array], Array]
"""(frame, places (N, 2) east and north in metres) -> how likely hazards are there, (N,) from 0 to 1."""

SAMPLES_A_CELL = 2
"""Ground is sampled so many times across and down each of the ``CELLS`` of a picture."""
HALF_ROW = 2**24
NOWHERE = -1
FAR = -1
"""The look at the whole picture, for what the parts leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaRules:
    """How the looks of a frame are shared out.

    Attributes:
        share: of the parts of a picture that a frame may look at. least, most: bounds of their number.
        spare: share of these that always goes to whatever has waited longest; one at least.
        opening: frames at the start of a flight of which all parts are looked at (but no more than ``most``),
            so that turns begin when it is known who is there.
        pass_seconds: ground not seen for this long counts as not seen in this pass.
        ground_cell_m: side of the squares by which seen ground is remembered.
        likely: a prior from which on a place is due in every frame.
        new_ground, hazard: urgency of a part all of whose ground is new, or likely; a followed thing has 1.
    """

    share: float = 0.34
    least: int = 2
    most: int | None = None
    spare: float = 0.25
    opening: int = 2
    pass_seconds: float = 60.0
    ground_cell_m: float = 8.0
    likely: float = 0.5
    new_ground: float = 4.0
    hazard: float = 1.0

    def __post_init__(self) -> None:
        most = self.least if self.most is None else self.most
        if not (0 < self.share <= 1 and 0 <= self.spare <= 1 and min(self.least, most) >= 1):
            raise ValueError(
                f"{self.share:g} of the parts of a picture, {self.least} or more, {self.most} or fewer, "
                f"{self.spare:g} of them in turn: this looks at nothing, or at more than there is"
            )
        if min(self.pass_seconds, self.ground_cell_m) <= 0:
            raise ValueError("the time of a pass and the squares of ground must be above 0")

    def budget(self, parts: int, *, opening: bool = False) -> int:
        """Parts that a frame may look at of so many; at the start of a flight or later."""
        allowed = parts if opening else max(self.least, math.floor(self.share * parts))
        return min(parts, allowed if self.most is None else min(allowed, self.most))

    def in_turn(self, parts: int) -> int:
        """How many of these go to whatever has waited longest."""
        return max(1, math.floor(self.spare * self.budget(parts)))


@dataclass(frozen=True, slots=True)
class Turn:
    """What to look at in one frame.

    chosen: indices of looks, ``FAR`` for the whole picture, in their order. why: of each: ``followed``,
    ``new ground``, ``likely`` or ``turn``. parts: how many there were to choose from. revisit_frames: no part
    waits for more frames than this while the parts stay the same.
    """

    chosen: tuple[int, ...]
    why: tuple[str, ...]
    parts: int
    revisit_frames: int


@dataclass(slots=True)
class TileRota:
    """Chooses the looks of each frame of one flight; the same frames, the same choices.

    Args:
        prior: where hazards are likely; None where nothing is known.
    """

    rules: RotaRules = field(default_factory=RotaRules)
    prior: HazardPrior | None = None
    _frame: int = 0
    _looked: NDArray[np.int64] = field(default_factory=lambda: np.full(CELLS[::-1], -1, np.int64))
    _far_looked: int = -1
    _seen: dict[int, float] = field(default_factory=dict)
    _likely: dict[int, float] = field(default_factory=dict)

    def turn(
        self,
        looks: Sequence[Look],
        seconds: float,
        *,
        far: bool = False,
        followed: Sequence[tuple[tuple[int, int], float]] = (),
        ground: tuple[LocalFrame, Array] | None = None,
    ) -> Turn:
        """Choose for the next frame, and take it that what is chosen is looked at.

        Args:
            looks: that the frame offers, by ``plan_looks`` or ``plan_picture``. far: there is also a look at
                the whole picture, for what they leave out.
            followed: column and row of ``CELLS`` where a followed thing is expected, and its worth.
            ground: frame and places (rows, columns, 2) in metres of
                ``cell_middles`` (``SAMPLES_A_CELL`` times), NaN off the ground;
                None without a pose: then the parts take turns.
        """
        parts = len(looks) + far
        waited = [self._frame - int(self._looked[_slice(look.cells)].min()) for look in looks]
        squares = None if ground is None else squares_of(ground[1], self.rules.ground_cell_m)
        here = [
            [] if squares is None else _known(squares[_slice(look.cells, SAMPLES_A_CELL)]) for look in looks
        ]
        likely = [0.0 if ground is None else self._likely_share(own, ground[0]) for own in here]
        urgency, why = self._urgency(looks, seconds, followed, here, likely)
        if far:
            waited.append(self._frame - self._far_looked)
            urgency.append(sum(w for place, w in followed if _holder(looks, place) is None))
            why.append("followed")
        budget = self.rules.budget(parts, opening=self._frame < self.rules.opening)
        due = [i for i in range(parts) if urgency[i] > 0]
        due.sort(key=lambda i: (-urgency[i] * waited[i], i))
        first = due[: max(0, budget - self.rules.in_turn(parts))]
        rest = sorted((i for i in range(parts) if i not in first), key=lambda i: (-waited[i], -urgency[i], i))
        turns = rest[: budget - len(first)]
        chosen = sorted([*first, *turns])
        reasons = tuple(why[i] if urgency[i] > 0 else "turn" for i in chosen)
        self._enter(looks, [i for i in chosen if i < len(looks)])
        self._seen.update((square, seconds) for i in chosen if i < len(looks) for square in here[i])
        if not far or len(looks) in chosen:
            self._far_looked = self._frame
        self._frame += 1
        named = tuple(i if i < len(looks) else FAR for i in chosen)
        return Turn(named, reasons, parts, self.revisit_frames(parts))

    def revisit_frames(self, parts: int) -> int:
        """Frames within which each of so many parts is looked at, however much else is due.

        Of those not looked at as due, the ``RotaRules.in_turn`` that have waited longest are: before a part's
        turn comes, each other part can be in front of it only once. Where the parts change on the way, as the
        pose does, a cell of the picture still waits for no more frames than there are ``CELLS``, and one.
        """
        if self.rules.budget(parts) >= parts:
            return 1
        return math.ceil(parts / self.rules.in_turn(parts))

    # -- inside --------------------------------------------------------------------------------------------

    def _urgency(
        self,
        looks: Sequence[Look],
        seconds: float,
        followed: Sequence[tuple[tuple[int, int], float]],
        here: Sequence[list[int]],
        likely: Sequence[float],
    ) -> tuple[list[float], list[str]]:
        """Urgency of each look and its foremost reason. here: the squares of ground of each look."""
        worth = [0.0] * len(looks)
        for place, weight in followed:
            holder = _holder(looks, place)
            if holder is not None:
                worth[holder] += weight
        old = seconds - self.rules.pass_seconds
        urgency, why = [], []
        for weight, own, share in zip(worth, here, likely, strict=True):
            new = sum(self._seen.get(square, -math.inf) <= old for square in own) / max(len(own), 1)
            parts = {
                "followed": math.sqrt(weight),
                "new ground": self.rules.new_ground * new,
                "likely": self.rules.hazard * share,
            }
            urgency.append(sum(parts.values()))
            why.append(max(parts, key=lambda name: parts[name]))
        return urgency, why

    def _likely_share(self, squares: Sequence[int], frame: LocalFrame) -> float:
        """The share of squares where hazards are likely."""
        if self.prior is None or not squares:
            return 0.0
        unknown = [square for square in squares if square not in self._likely]
        if unknown:
            values = self.prior(frame, middles_of(unknown, self.rules.ground_cell_m))
            self._likely.update(zip(unknown, (float(v) for v in values), strict=True))
        return sum(self._likely[square] >= self.rules.likely for square in squares) / len(squares)

    def _enter(self, looks: Sequence[Look], chosen: Sequence[int]) -> None:
        """Note what is looked at. Cells that no look is for begin to wait when one is."""
        offered = np.zeros(CELLS[::-1], np.bool_)
        for look in looks:
            offered[_slice(look.cells)] = True
        self._looked[~offered] = self._frame
        for index in chosen:
            self._looked[_slice(looks[index].cells)] = self._frame


def squares_of(places: Array, cell_m: float) -> NDArray[np.int64]:
    """Numbers of the squares of ground that places (..., 2) in metres lie in; ``NOWHERE`` for NaN."""
    known = np.isfinite(places).all(axis=-1)
    rows = np.floor(np.where(np.isfinite(places), places, 0.0) / cell_m).astype(np.int64)
    east, north = rows[..., 0], rows[..., 1]
    return np.asarray(np.where(known, (east + HALF_ROW) * 2 * HALF_ROW + north + HALF_ROW, NOWHERE))


def middles_of(squares: Sequence[int], cell_m: float) -> Array:
    """Middles (N, 2) in metres of squares of ground.

    >>> middles_of(squares_of(np.array([[12.0, -3.0]]), 5.0), 5.0)
    array([[12.5, -2.5]])
    """
    east, north = np.divmod(np.asarray(squares, np.int64), 2 * HALF_ROW)
    return (np.column_stack([east, north]) - HALF_ROW + 0.5) * cell_m


def _known(squares: NDArray[np.int64]) -> list[int]:
    found: list[int] = np.unique(squares).tolist()
    return [square for square in found if square != NOWHERE]


def _slice(cells: Tile, times: int = 1) -> tuple[slice, slice]:
    left, top, right, bottom = (side * times for side in cells)
    return slice(top, bottom), slice(left, right)


def _holder(looks: Sequence[Look], place: tuple[int, int]) -> int | None:
    """The look that a cell of the picture belongs to."""
    column, row = place
    for index, look in enumerate(looks):
        left, top, right, bottom = look.cells
        if left <= column < right and top <= row < bottom:
            return index
    return None
