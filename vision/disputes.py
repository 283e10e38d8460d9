"""Possible disputes: violent motion to and fro on the spot, of somebody within arm's reach of another.

The motion is measured in the picture; less of it is enough when others stand around them. What play looks
like is masked by place. Nobody is identified: people are points that move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from missions.geodesy import Array
from missions.messages import SightingKind
from vision.claims import Claim, at_least, at_most
from vision.flow import follow
from vision.motion import straight_motion
from vision.people import People
from vision.rules import CrowdRules
from vision.strands import Agitation, Strand, StrandBook
from vision.tracker import Track, TrackPoint

HELD = 0.85
"""A dispute holds in this share of its frames: who walk criss-cross look like one in some frames only."""


@dataclass(frozen=True, slots=True)
class _Quarrel:
    """Somebody who fulfils the rule in this frame, and the other one where that one was seen.

    pair: their track ids. near: indices of the people around, the pair first.
    """

    pair: tuple[int, ...]
    motion: Agitation
    near: tuple[int, ...]
    branch: str
    needed: tuple[float, float]


class DisputeJudge:
    """Decides about those who move violently, frame by frame."""

    def __init__(self, rules: CrowdRules) -> None:
        self.rules = rules
        self._strands = StrandBook(rules.pair_distance, 3 * rules.window)
        self._agitated: dict[frozenset[int], list[float]] = {}
        self._points: dict[frozenset[int], list[TrackPoint]] = {}

    def update(self, people: People, interval_s: float) -> list[Claim]:
        """Claims about the pairs of this frame."""
        rules = self.rules
        found = self._agitations(people)
        claims: list[Claim] = []
        for agitation in found:
            key = self._same_dispute(frozenset(agitation.pair), people)
            times = self._agitated.setdefault(key, [])
            if not times or times[-1] < people.seconds:
                times.append(people.seconds)
            point = people.look(agitation.near)
            self._points.setdefault(key, []).append(point)
            held = [t for t in times if t > people.seconds - rules.pair_seconds + 1e-6]
            lasted = people.seconds - times[0]
            looks = max(2, math.ceil(HELD * rules.pair_seconds / interval_s - 1e-6))
            if len(held) >= looks and lasted >= rules.pair_seconds - 1e-6:
                claims.append(self._dispute(people, agitation, key, lasted))
        for key in [k for k, t in self._agitated.items() if people.seconds - t[-1] > 2 * self.rules.window]:
            del self._agitated[key], self._points[key]
        return claims

    def _same_dispute(self, pair: frozenset[int], people: People) -> frozenset[int]:
        """The pair under which this dispute is already counted: one person shared, or at the same place."""
        for known in self._agitated:
            if known & pair:
                return known
        place = self._pair_place(pair, people)
        for known, points in self._points.items():
            last = points[-1].place
            if last is not None and float(np.hypot(*(place - np.array(last)))) < self.rules.link:
                return known
        return pair

    def _pair_place(self, pair: frozenset[int], people: People) -> Array:
        rows = [i for i, track in enumerate(people.tracks) if track.id in pair]
        return np.asarray(people.places[rows].mean(axis=0))

    def _agitations(self, people: People) -> list[_Quarrel]:
        """Pairs whose motion passes the rule now, the worst first, each person in one pair only."""
        seen = [i for i, track in enumerate(people.tracks) if track.seen and track.last.place is not None]
        boxes = np.array([people.tracks[i].last.box for i in seen]).reshape(-1, 4)
        places = np.array([people.tracks[i].last.place for i in seen]).reshape(-1, 2)
        strands = self._strands.update(
            boxes, places, seen, people.seconds,
            lambda known: follow(people.ground.pair, people.view, known),
        )  # fmt: skip
        paces = np.array([strand.pace(self.rules.smoothing) for strand in strands])
        where = np.array([strand.place for strand in strands]).reshape(-1, 2)
        found = []
        for row, strand in enumerate(strands):
            motion = strand.agitation(self.rules.window) if strand.person >= 0 else None
            if motion is None:
                continue
            away = np.linalg.norm(where - where[row], axis=1)
            beside = (away < self.rules.core_reach) & (away > self.rules.pair_distance)
            others = paces[beside & np.isfinite(paces)]
            if (quarrel := self._judge_strand(people, strand, motion, others)) is not None:
                found.append(quarrel)
        found.sort(key=lambda quarrel: -quarrel.motion.speed)
        used: set[int] = set()
        chosen = []
        for quarrel in found:
            if not used & set(quarrel.pair):
                used |= set(quarrel.pair)
                chosen.append(quarrel)
        return chosen

    def _judge_strand(
        self, people: People, strand: Strand, motion: Agitation, others: Array
    ) -> _Quarrel | None:
        rules = self.rules
        i, j = strand.person, strand.partner
        if self._walks(people.tracks[i], people.seconds):
            return None
        if (
            strand.followed_s < rules.track_history or motion.company < rules.pair_company
            or motion.reversals < rules.pair_reversals or motion.drift > rules.pair_drift
        ):  # fmt: skip
            return None
        if len(others) >= 4 and motion.speed < rules.contrast * float(np.median(others)):
            return None
        pair = (i, j) if j >= 0 else (i,)
        middle = people.places[list(pair)].mean(axis=0)
        away = np.linalg.norm(people.places - middle, axis=1)
        near = np.flatnonzero(away <= rules.core_reach)
        factor = self._masked_factor(people, middle)
        around = [k for k in near.tolist() if k not in pair]
        needed = (rules.pair_acceleration * factor, rules.pair_speed * factor)
        branch = "pair"
        if motion.acceleration < needed[0] or motion.speed < needed[1]:
            needed = (rules.core_acceleration * factor, rules.core_speed * factor)
            branch = "core"
            if (
                motion.acceleration < needed[0] or motion.speed < needed[1]
                or len(around) < rules.core_people or not self._attracted(people, around, middle)
            ):  # fmt: skip
                return None
        ids = tuple(people.tracks[k].id for k in pair)
        return _Quarrel(ids, motion, (*pair, *around), branch, needed)

    def _walks(self, person: Track, seconds: float) -> bool:
        """Whether the boxes say that somebody moves on, whatever was followed in the picture. Long enough
        that to and fro cancel out."""
        window = self.rules.window
        recent = np.array([sample for sample in person.steady if sample[0] > seconds - 2 * window])
        if len(recent) < 3 or recent[-1, 0] - recent[0, 0] < 1.5 * window:
            return False
        return straight_motion(recent)[0] > self.rules.pair_drift

    def _attracted(self, people: People, around: Sequence[int], middle: Array) -> bool:
        """Whether the people around come nearer or stay, rather than pass by."""
        staying = 0
        for k in around:
            moment = people.moments.get(people.tracks[k].id)
            if moment is None:
                continue
            inward = middle - moment.position
            speed = float(np.linalg.norm(moment.velocity))
            towards = float(moment.velocity @ inward) / max(float(np.linalg.norm(inward)), 1e-6)
            staying += speed < self.rules.gathering_speed or towards > 0.3
        return staying >= max(1, math.ceil(0.6 * len(around)))

    def _masked_factor(self, people: People, place: Array) -> float:
        return self.rules.masked_factor if people.zone_kinds(place) & set(self.rules.masked) else 1.0

    def _dispute(self, people: People, agitation: _Quarrel, key: frozenset[int], lasted: float) -> Claim:
        motion, (acceleration, speed) = agitation.motion, agitation.needed
        ratio = min(motion.acceleration / acceleration, motion.speed / speed)
        reasons = [
            at_least(
                "pair_acceleration", motion.acceleration, acceleration, "m/s^2",
                f"one within arm's reach of another keeps accelerating at {motion.acceleration:.1f} m/s^2",
            ),
            at_least(
                "pair_speed", motion.speed, speed, "m/s", f"moving to and fro at {motion.speed:.1f} m/s",
            ),
            at_least(
                "reversals", motion.reversals, self.rules.pair_reversals, "",
                f"turning round {motion.reversals} times in {motion.seconds:.1f} s",
            ),
            at_most(
                "pair_distance", motion.gap, self.rules.pair_distance, "m",
                f"within {motion.gap:.1f} m of each other",
            ),
            at_least("held_seconds", lasted, self.rules.pair_seconds, "s", f"for {lasted:.1f} s"),
        ]  # fmt: skip
        others = len(agitation.near) - 2
        if agitation.branch == "core":
            reasons.append(
                at_least(
                    "people_around", others, self.rules.core_people, "", f"{others} people stand around them"
                )
            )
        points = self._points[key]
        near = [people.tracks[i] for i in agitation.near]
        return Claim(
            kind=SightingKind.DISPUTE, tracks=frozenset(t.id for t in near) | key, points=points,
            place=points[-1].place, people_count=len(near), reasons=reasons,
            confidence=float(np.clip(0.75 * ratio / (0.5 + ratio), 0.3, 0.95)),
        )  # fmt: skip
