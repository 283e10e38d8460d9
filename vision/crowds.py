"""Gatherings and possible disputes among people on the ground, each with the terms that decided.

A gathering is many people who stand together nearly still, at a place that does not explain it, and who are
no queue. A possible dispute is somebody within arm's reach of another who moves violently to and fro on the
spot, measured in the picture; less of that is enough when others stand around them. What play and dance look
like is masked by place. Nobody is identified: people are points that move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from missions.geodesy import Array
from missions.kinds import Kind
from missions.messages import Reason, SightingKind
from missions.zones import Zones
from vision.camera import Pose
from vision.claims import Claim, at_least, at_most
from vision.flow import PictureMotion
from vision.frames import Pixels
from vision.ground import GroundView
from vision.groups import Group, GroupBook, GroupMoment, linked, straightness
from vision.hazards import needed_looks
from vision.motion import Moment, Mover, straight_motion
from vision.rules import CrowdRules
from vision.strands import Agitation, Strand, StrandBook
from vision.tracker import Track, TrackPoint

HELD_DISPUTE = 0.85
"""A dispute holds in this share of its frames: who walk criss-cross look like one in some frames only."""
HOLD_SHARE = 0.8
"""A condition holds over a time when it holds in this share of its frames."""


@dataclass(slots=True)
class _Scene:
    """The people of one frame."""

    people: list[Track]
    places: Array
    seconds: float
    pose: Pose
    image: Pixels
    moments: Mapping[int, Moment] = field(default_factory=dict)


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


class CrowdJudge:
    """Decides about the people of each frame."""

    def __init__(self, rules: CrowdRules, kinds: Mapping[SightingKind, Kind], zones: Zones | None) -> None:
        self.rules = rules
        self.view: GroundView | None = None
        self._kinds = kinds
        self._zones = zones
        self._movers: dict[int, Mover] = {}
        self._motion = PictureMotion()
        self._strands = StrandBook(rules.pair_distance, 3 * rules.window)
        self._book = GroupBook(reach_m=rules.link * 1.5)
        self._group_points: dict[int, list[TrackPoint]] = {}
        self._agitated: dict[frozenset[int], list[float]] = {}
        self._dispute_points: dict[frozenset[int], list[TrackPoint]] = {}

    def update(
        self, image: Pixels, tracks: Sequence[Track], seconds: float, interval_s: float, pose: Pose | None
    ) -> list[Claim]:
        """Claims about the people in view of the picture (H, W, 3) RGB; none without a pose, when nothing is
        known on the ground."""
        people = [
            track
            for track in tracks
            if track.group == "person" and track.hits >= 2 and track.state is not None
            and seconds - track.last.seconds <= self.rules.coast
        ]  # fmt: skip
        if pose is None or self.view is None:
            return []
        places = np.array([track.state[:2] for track in people if track.state is not None]).reshape(-1, 2)
        scene = _Scene(people, places, seconds, pose, image)
        self._follow(scene, tracks)
        disputes = self._disputes(scene, interval_s)
        fighting = frozenset(id for claim in disputes for id in claim.tracks)
        gatherings = [
            claim for claim in self._gatherings(scene, interval_s) if not fighting & claim.tracks
        ]  # fmt: skip
        return disputes + gatherings

    def _follow(self, scene: _Scene, tracks: Sequence[Track]) -> None:
        """Bring the movers up to this frame."""
        alive = {track.id for track in tracks}
        self._movers = {id: mover for id, mover in self._movers.items() if id in alive}
        for person in scene.people:
            mover = self._movers.setdefault(person.id, Mover(self.rules.smoothing, 3 * self.rules.window))
            if person.seen:
                mover.update(list(person.steady)[-40:], scene.seconds)
        scene.moments = {id: mover.moments[-1] for id, mover in self._movers.items() if mover.moments}

    # -- disputes ------------------------------------------------------------------------------------------

    def _disputes(self, scene: _Scene, interval_s: float) -> list[Claim]:
        rules = self.rules
        found = self._agitations(scene)
        claims: list[Claim] = []
        for agitation in found:
            key = self._same_dispute(frozenset(agitation.pair), scene)
            times = self._agitated.setdefault(key, [])
            if not times or times[-1] < scene.seconds:
                times.append(scene.seconds)
            point = self._point(scene, [scene.people[i] for i in agitation.near])
            self._dispute_points.setdefault(key, []).append(point)
            held = [t for t in times if t > scene.seconds - rules.pair_seconds + 1e-6]
            lasted = scene.seconds - times[0]
            looks = max(2, math.ceil(HELD_DISPUTE * rules.pair_seconds / interval_s - 1e-6))
            if len(held) >= looks and lasted >= rules.pair_seconds - 1e-6:
                claims.append(self._dispute(scene, agitation, key, lasted))
        for key in [k for k, t in self._agitated.items() if scene.seconds - t[-1] > 2 * self.rules.window]:
            del self._agitated[key], self._dispute_points[key]
        return claims

    def _same_dispute(self, pair: frozenset[int], scene: _Scene) -> frozenset[int]:
        """The pair under which this dispute is already counted: one person shared, or at the same place."""
        for known in self._agitated:
            if known & pair:
                return known
        place = self._pair_place(pair, scene)
        for known, points in self._dispute_points.items():
            last = points[-1].place
            if last is not None and float(np.hypot(*(place - np.array(last)))) < self.rules.link:
                return known
        return pair

    def _pair_place(self, pair: frozenset[int], scene: _Scene) -> Array:
        rows = [i for i, track in enumerate(scene.people) if track.id in pair]
        return np.asarray(scene.places[rows].mean(axis=0))

    def _agitations(self, scene: _Scene) -> list[_Quarrel]:
        """Pairs whose motion passes the rule now, the worst first, each person in one pair only."""
        view = self.view
        assert view is not None
        seen = [i for i, track in enumerate(scene.people) if track.seen and track.last.place is not None]
        boxes = np.array([scene.people[i].last.box for i in seen]).reshape(-1, 4)
        places = np.array([scene.people[i].last.place for i in seen]).reshape(-1, 2)
        strands = self._strands.update(
            boxes, places, seen, scene.seconds,
            lambda known: self._motion.follow(scene.image, scene.pose, scene.seconds, view, known),
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
            if (quarrel := self._judge_strand(scene, strand, motion, others)) is not None:
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
        self, scene: _Scene, strand: Strand, motion: Agitation, others: Array
    ) -> _Quarrel | None:
        rules = self.rules
        i, j = strand.person, strand.partner
        if self._walks(scene.people[i], scene.seconds):
            return None
        if (
            strand.followed_s < rules.track_history or motion.company < rules.pair_company
            or motion.reversals < rules.pair_reversals or motion.drift > rules.pair_drift
        ):  # fmt: skip
            return None
        if len(others) >= 4 and motion.speed < rules.contrast * float(np.median(others)):
            return None
        pair = (i, j) if j >= 0 else (i,)
        middle = scene.places[list(pair)].mean(axis=0)
        away = np.linalg.norm(scene.places - middle, axis=1)
        near = np.flatnonzero(away <= rules.core_reach)
        factor = self._masked_factor(middle)
        around = [k for k in near.tolist() if k not in pair]
        needed = (rules.pair_acceleration * factor, rules.pair_speed * factor)
        branch = "pair"
        if motion.acceleration < needed[0] or motion.speed < needed[1]:
            needed = (rules.core_acceleration * factor, rules.core_speed * factor)
            branch = "core"
            if (
                motion.acceleration < needed[0] or motion.speed < needed[1]
                or len(around) < rules.core_people or not self._attracted(scene, around, middle)
            ):  # fmt: skip
                return None
        ids = tuple(scene.people[k].id for k in pair)
        return _Quarrel(ids, motion, (*pair, *around), branch, needed)

    def _walks(self, person: Track, seconds: float) -> bool:
        """Whether the boxes say that somebody moves on, whatever was followed in the picture. Long enough
        that to and fro cancel out."""
        window = self.rules.window
        recent = np.array([sample for sample in person.steady if sample[0] > seconds - 2 * window])
        if len(recent) < 3 or recent[-1, 0] - recent[0, 0] < 1.5 * window:
            return False
        return straight_motion(recent)[0] > self.rules.pair_drift

    def _attracted(self, scene: _Scene, around: Sequence[int], middle: Array) -> bool:
        """Whether the people around come nearer or stay, rather than pass by."""
        staying = 0
        for k in around:
            moment = scene.moments.get(scene.people[k].id)
            if moment is None:
                continue
            inward = middle - moment.position
            speed = float(np.linalg.norm(moment.velocity))
            towards = float(moment.velocity @ inward) / max(float(np.linalg.norm(inward)), 1e-6)
            staying += speed < self.rules.gathering_speed or towards > 0.3
        return staying >= max(1, math.ceil(0.6 * len(around)))

    def _masked_factor(self, place: Array) -> float:
        return self.rules.masked_factor if self._zone_kinds(place) & set(self.rules.masked) else 1.0

    def _zone_kinds(self, place: Array) -> set[str]:
        if self._zones is None or self.view is None:
            return set()
        return {zone.kind for zone in self._zones.containing(*self.view.geodetic(place))}

    def _dispute(self, scene: _Scene, agitation: _Quarrel, key: frozenset[int], lasted: float) -> Claim:
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
        points = self._dispute_points[key]
        near = [scene.people[i] for i in agitation.near]
        return Claim(
            kind=SightingKind.DISPUTE, tracks=frozenset(t.id for t in near) | key, points=points,
            place=points[-1].place, people_count=len(near), reasons=reasons,
            confidence=float(np.clip(0.75 * ratio / (0.5 + ratio), 0.3, 0.95)),
        )  # fmt: skip

    # -- gatherings ----------------------------------------------------------------------------------------

    def _gatherings(self, scene: _Scene, interval_s: float) -> list[Claim]:
        rules = self.rules
        least = max(3, rules.gathering_people // 2)
        found: dict[frozenset[int], GroupMoment] = {}
        members: dict[frozenset[int], list[Track]] = {}
        for indices in linked(scene.places, rules.link):
            if len(indices) < least:
                continue
            ids = frozenset(scene.people[i].id for i in indices)
            found[ids] = self._group_moment(scene, indices, interval_s)
            members[ids] = [scene.people[i] for i in indices]
        claims = []
        groups = self._book.update(found, scene.seconds)
        alive = {group.id for group in groups}
        self._group_points = {
            id: points
            for id, points in self._group_points.items()
            if id in alive or scene.seconds - points[-1].seconds < 2 * rules.window
        }
        for group, ids in zip(groups, found, strict=True):
            points = self._group_points.setdefault(group.id, [])
            points.append(self._point(scene, members[ids]))
            claim = self._gathering(scene, group, ids, interval_s)
            if claim is not None:
                claims.append(claim)
        return claims

    def _speed(self, scene: _Scene, person: Track, interval_s: float) -> float | None:
        """Smoothed speed; between stills, which lie further apart than the smoothing, from look to look."""
        if interval_s <= self.rules.smoothing / 2:
            moment = scene.moments.get(person.id)
            return None if moment is None else float(np.linalg.norm(moment.velocity))
        if len(person.steady) < 2:
            return None
        (t0, x0, y0), (t1, x1, y1) = list(person.steady)[-2:]
        return float(np.hypot(x1 - x0, y1 - y0)) / max(t1 - t0, 1e-3)

    def _group_moment(self, scene: _Scene, indices: Sequence[int], interval_s: float) -> GroupMoment:
        places = scene.places[indices]
        centre = np.median(places, axis=0)
        speeds = [
            speed for i in indices if (speed := self._speed(scene, scene.people[i], interval_s)) is not None
        ]
        return GroupMoment(
            scene.seconds, len(indices), (float(centre[0]), float(centre[1])),
            float(np.median(speeds)) if len(speeds) >= 3 else float("inf"), straightness(places),
            float(np.median(np.linalg.norm(places - centre, axis=1))),
        )  # fmt: skip

    def _gathering(self, scene: _Scene, group: Group, ids: frozenset[int], interval_s: float) -> Claim | None:
        rules, rule = self.rules, self._kinds[SightingKind.GATHERING].confirm
        moments = group.since(scene.seconds - rule.seconds)
        looks = needed_looks(rule, interval_s)
        earliest = group.moments[0].seconds
        usual, explaining = self._explained(np.array(group.moments[-1].place))
        people = max(rules.gathering_people, usual)
        still = [m for m in moments if m.member_speed <= rules.gathering_speed]
        enough = [m for m in still if m.count >= people]
        lasted = min(scene.seconds - earliest, rule.seconds)
        count = round(float(np.percentile([m.count for m in moments], 75)))
        speed = float(np.median([m.member_speed for m in moments]))
        drift = group.drift_speed(scene.seconds - rule.seconds)
        line = float(np.median([m.straightness for m in moments]))
        holds = (
            lasted >= rule.seconds - 1e-6 and len(moments) >= looks
            and len(enough) >= HOLD_SHARE * len(moments) and drift <= rules.gathering_speed
            and line <= rules.queue_straightness
        )  # fmt: skip
        if not holds:
            return None
        reasons = self._gathering_reasons(count, people, explaining, lasted, speed, drift, line)
        points = self._group_points[group.id]
        score = float(np.mean([point.score for point in points[-looks:]]))
        return Claim(
            kind=SightingKind.GATHERING, tracks=ids, points=points, place=group.moments[-1].place,
            people_count=count, reasons=reasons,
            confidence=float(np.clip(0.5 + 0.4 * (count / people - 1) + 0.2 * (score - 0.5), 0.3, 0.97)),
        )  # fmt: skip

    def _gathering_reasons(
        self, count: int, people: int, explaining: str, lasted: float, speed: float, drift: float, line: float
    ) -> list[Reason]:
        rules = self.rules
        where = f" even for the {explaining} it is in" if explaining else ""
        return [
            at_least("people_count", count, people, "", f"{count} people stand together{where}"),
            at_least(
                "still_seconds", lasted, self._kinds[SightingKind.GATHERING].confirm.seconds, "s",
                f"for {lasted:.1f} s in view",
            ),
            at_most(
                "member_speed", speed, rules.gathering_speed, "m/s", f"half of them below {speed:.2f} m/s"
            ),
            at_most("group_speed", drift, rules.gathering_speed, "m/s", f"not moving off: {drift:.2f} m/s"),
            at_most(
                "straightness", line, rules.queue_straightness, "", f"no queue: straightness {line:.2f}"
            ),
        ]  # fmt: skip

    def _explained(self, place: Array) -> tuple[int, str]:
        """People from which the zone no longer explains a gathering, and the zone's kind; 0 outside."""
        kinds = self._zone_kinds(place) & self.rules.explained_by.keys()
        if not kinds:
            return 0, ""
        kind = max(sorted(kinds), key=lambda k: self.rules.explained_by[k])
        return self.rules.explained_by[kind], kind

    # -- looks ---------------------------------------------------------------------------------------------

    def _point(self, scene: _Scene, people: Sequence[Track]) -> TrackPoint:
        """A look at several people: the box around them and the ground in their middle."""
        assert self.view is not None
        seen = [track for track in people if track.seen] or list(people)
        boxes = np.array([track.last.box for track in seen])
        places = np.array([track.last.place or track.state[:2] for track in seen if track.state is not None])
        centre = np.median(places, axis=0)
        pixel = self.view.pixels(scene.pose, centre[None])[0]
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        if not np.isfinite(pixel).all():
            pixel = np.array([(box[0] + box[2]) / 2, box[3]])
        scatter = np.abs(boxes[:, :2] - np.median(boxes[:, :2], axis=0))
        spread = float(np.median(scatter)) if len(seen) > 2 else 0.0
        newest = max(seen, key=lambda track: track.last.seconds).last
        return TrackPoint(
            newest.captured_at, scene.seconds, newest.frame_index, "person", box,
            float(np.mean([track.last.score for track in seen])), (float(pixel[0]), float(pixel[1])),
            3.0 + spread / math.sqrt(len(seen)), (float(centre[0]), float(centre[1])),
            newest.pose or scene.pose, bool(np.mean([track.last.whole for track in seen]) > 0.7),
        )  # fmt: skip
