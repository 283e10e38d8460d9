"""What the judges of hazards and crowds say about the current frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from missions.messages import Reason, SightingKind
from vision.tracker import TrackPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A confirmed thing in view now, or (``retract``) one that proved to be none.

    tracks: ids of the things or people it is about. points: its looks so far, oldest first. place: east,
    north in metres, None without a pose.
    """

    kind: SightingKind
    tracks: frozenset[int]
    points: Sequence[TrackPoint]
    place: tuple[float, float] | None
    confidence: float
    reasons: list[Reason]
    people_count: int | None = None
    zone: str | None = None
    retract: bool = False


def at_least(term: str, value: float, threshold: float, unit: str, text: str) -> Reason:
    """A reason that holds when ``value >= threshold``."""
    return _reason(term, value, threshold, unit, value >= threshold - 1e-9, text)


def at_most(term: str, value: float, threshold: float, unit: str, text: str) -> Reason:
    """A reason that holds when ``value <= threshold``."""
    return _reason(term, value, threshold, unit, value <= threshold + 1e-9, text)


def _reason(term: str, value: float, threshold: float, unit: str, holds: bool, text: str) -> Reason:
    return Reason(
        term=term, value=round(float(value), 3), threshold=round(float(threshold), 3), unit=unit,
        fulfilled=holds, text=text,
    )  # fmt: skip


def middle(points: Sequence[TrackPoint]) -> tuple[float, float] | None:
    """Median place of looks, whole boxes preferred; None when no pose was known."""
    places = [point.place for point in points if point.place is not None and point.whole]
    places = places or [point.place for point in points if point.place is not None]
    if not places:
        return None
    east, north = np.median(np.array(places), axis=0)
    return float(east), float(north)


def distance(a: tuple[float, float] | None, b: tuple[float, float] | None) -> float:
    """Metres between two places; infinite where one is unknown."""
    if a is None or b is None:
        return float("inf")
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
