"""Gatherings: many people who stand together, at a place that does not explain it, and who are no queue.

Whether people stand is told from the way they have made over the whole time that a gathering must hold, not
from their speed at each instant: that is uncertain for the first seconds of everybody who comes into view,
and sways as they shift their weight, while over three seconds whoever walks has gone metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from missions.geodesy import Array
from missions.kinds import Kind
from missions.messages import Reason, SightingKind
from vision.claims import Claim, at_least, at_most
from vision.groups import Group, GroupBook, GroupMoment, linked, straightness
from vision.hazards import needed_looks
from vision.people import People, way_made
from vision.rules import CrowdRules
from vision.tracker import TrackPoint

HOLD_SHARE = 0.8
"""There are enough people in this share of the frames."""
LEAST_KNOWN = 3
"""Members whose way must be known, a third of them at least, before anything is said of it."""


class GatheringJudge:
    """Decides about groups of people, frame by frame."""

    def __init__(self, rules: CrowdRules, kinds: Mapping[SightingKind, Kind]) -> None:
        self.rules = rules
        self._confirm = kinds[SightingKind.GATHERING].confirm
        self._book = GroupBook(reach_m=rules.link * 1.5)
        self._points: dict[int, list[TrackPoint]] = {}

    def update(self, people: People, interval_s: float) -> list[Claim]:
        """Claims about the groups of this frame."""
        least = max(3, self.rules.gathering_people // 2)
        together = [indices for indices in linked(people.places, self.rules.link) if len(indices) >= least]
        members = {frozenset(people.tracks[i].id for i in indices): indices for indices in together}
        found = {ids: _moment(people, indices) for ids, indices in members.items()}
        groups = self._book.update(found, people.seconds)
        alive = {group.id for group in groups}
        self._points = {
            id: points
            for id, points in self._points.items()
            if id in alive or people.seconds - points[-1].seconds < 2 * self.rules.window
        }
        claims = []
        for group, indices in zip(groups, members.values(), strict=True):
            self._points.setdefault(group.id, []).append(people.look(indices))
            claim = self._judge(people, group, indices, interval_s)
            claims += [claim] if claim is not None else []
        return claims

    def _judge(self, people: People, group: Group, indices: Sequence[int], interval_s: float) -> Claim | None:
        rules, rule = self.rules, self._confirm
        moments = group.since(people.seconds - rule.seconds)
        looks = needed_looks(rule, interval_s)
        usual, explaining = self._explained(people, np.array(group.moments[-1].place))
        needed = max(rules.gathering_people, usual)
        enough = [m for m in moments if m.count >= needed]
        lasted = min(people.seconds - group.moments[0].seconds, rule.seconds)
        count = round(float(np.percentile([m.count for m in moments], 75)))
        speed = self._members_speed(people, indices, interval_s)
        drift = group.drift_speed(people.seconds - rule.seconds)
        line = float(np.median([m.straightness for m in moments]))
        holds = (
            lasted >= rule.seconds - 1e-6 and len(moments) >= looks
            and len(enough) >= HOLD_SHARE * len(moments) and speed <= rules.gathering_speed
            and drift <= rules.gathering_speed and line <= rules.queue_straightness
        )  # fmt: skip
        if not holds:
            return None
        points = self._points[group.id]
        score = float(np.mean([point.score for point in points[-looks:]]))
        return Claim(
            kind=SightingKind.GATHERING, tracks=frozenset(people.tracks[i].id for i in indices),
            points=points, place=group.moments[-1].place, people_count=count,
            reasons=self._reasons(count, needed, explaining, lasted, speed, drift, line),
            confidence=float(np.clip(0.5 + 0.4 * (count / needed - 1) + 0.2 * (score - 0.5), 0.3, 0.97)),
        )  # fmt: skip

    def _members_speed(self, people: People, indices: Sequence[int], interval_s: float) -> float:
        """Median over the members of the way they have made; infinite while that is known of too few."""
        since = people.seconds - max(self._confirm.seconds, 2 * interval_s)
        ways = [way_made(people.tracks[i], since, self.rules.smoothing) for i in indices]
        known = [way for way in ways if way is not None]
        if len(known) < max(LEAST_KNOWN, len(indices) / 3):
            return float("inf")
        return float(np.median(known))

    def _explained(self, people: People, place: Array) -> tuple[int, str]:
        """People from which the zone no longer explains a gathering, and the zone's kind; 0 outside."""
        kinds = people.zone_kinds(place) & self.rules.explained_by.keys()
        if not kinds:
            return 0, ""
        kind = max(sorted(kinds), key=lambda k: self.rules.explained_by[k])
        return self.rules.explained_by[kind], kind

    def _reasons(
        self, count: int, needed: int, explaining: str, lasted: float, speed: float, drift: float, line: float
    ) -> list[Reason]:
        rules = self.rules
        where = f" even for the {explaining} it is in" if explaining else ""
        return [
            at_least("people_count", count, needed, "", f"{count} people stand together{where}"),
            at_least(
                "still_seconds", lasted, self._confirm.seconds, "s", f"for {lasted:.1f} s in view"
            ),
            at_most(
                "member_speed", speed, rules.gathering_speed, "m/s",
                f"half of them get on by less than {speed:.2f} m/s",
            ),
            at_most("group_speed", drift, rules.gathering_speed, "m/s", f"not moving off: {drift:.2f} m/s"),
            at_most(
                "straightness", line, rules.queue_straightness, "", f"no queue: straightness {line:.2f}"
            ),
        ]  # fmt: skip


def _moment(people: People, indices: Sequence[int]) -> GroupMoment:
    places = people.places[indices]
    centre = np.median(places, axis=0)
    steady = centre - people.ground.creep @ [1.0, *centre]
    return GroupMoment(
        people.seconds, len(indices), (float(centre[0]), float(centre[1])), straightness(places),
        float(np.median(np.linalg.norm(places - centre, axis=1))), (float(steady[0]), float(steady[1])),
    )  # fmt: skip
