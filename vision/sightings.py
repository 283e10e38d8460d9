"""From claims about frames to sightings: one for each thing, revised as more is seen, never two of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

import numpy as np

from missions.messages import (
    CameraMessage,
    Look,
    PoseMessage,
    Reason,
    SightingKind,
    SightingMessage,
    SightingState,
)
from vision.claims import Claim, at_most, distance
from vision.evidence import EvidenceChain
from vision.rules import WatchRules
from vision.tracker import TrackPoint

Source = Literal["drone", "replay", "simulator"]

SUPERSEDED_BY: Mapping[SightingKind, SightingKind] = {
    SightingKind.SMOKE: SightingKind.FIRE,
    SightingKind.GATHERING: SightingKind.DISPUTE,
}
"""A kind that is the same event as another, stronger one at its place."""

KEPT_POINTS = 400
ENDED_S = 1.5
SINGLE_THINGS = frozenset({SightingKind.ILLEGAL_PARKING})
"""Kinds of which two may stand side by side: two tracks seen in one frame are then two things."""
SAME_BOX_M = 1.0


@dataclass(slots=True, eq=False)
class Entry:
    """One sighting in the making."""

    id: UUID
    name: str
    kind: SightingKind
    first_seen_at: datetime
    chain: EvidenceChain
    confirmed_s: float
    tracks: set[int] = field(default_factory=set)
    points: dict[int, TrackPoint] = field(default_factory=dict)
    """frame index -> look, only looks with a pose"""
    place: tuple[float, float] | None = None
    confidence: float = 0.0
    reasons: list[Reason] = field(default_factory=list)
    people_count: int | None = None
    zone: str | None = None
    state: SightingState = SightingState.CONFIRMED
    last_s: float = 0.0
    revision: int = 0
    sent_s: float = -1e9
    sent_points: int = 0
    changed: bool = True
    clip_due: bool = True

    @property
    def live(self) -> bool:
        return self.state is SightingState.CONFIRMED


class SightingBook:
    """All sightings of one flight.

    Args:
        namespace: makes the ids: the same flight and footage give the same ids.
    """

    def __init__(
        self,
        rules: WatchRules,
        camera: CameraMessage,
        *,
        namespace: UUID,
        flight_id: UUID | None,
        source: Source,
        weights_label: str,
    ) -> None:
        self.entries: list[Entry] = []
        self._rules = rules
        self.camera = camera
        self._namespace = namespace
        self._flight_id, self._source, self._weights = flight_id, source, weights_label

    # -- claims --------------------------------------------------------------------------------------------

    def take(self, claim: Claim, seconds: float, make_chain: Callable[[UUID], EvidenceChain]) -> Entry | None:
        """The entry that a claim belongs to, new or known; None when it is explained by another."""
        entry = self._find(claim, seconds)
        if claim.retract:
            if entry is not None and entry.live:
                self._retract(entry, claim.reasons)
            return entry
        if self._explained(claim, seconds):
            return None
        points = [point for point in claim.points if point.pose is not None]
        if not points:
            return None
        if entry is None:
            first = claim.points[0].captured_at
            name = f"{claim.kind.value}:{first.isoformat()}:{min(claim.tracks)}"
            used = sum(known.name == name for known in self.entries)
            identity = uuid5(self._namespace, f"{name}:{used}" if used else name)
            entry = Entry(identity, name, claim.kind, first, make_chain(identity), seconds)
            self.entries.append(entry)
        self._extend(entry, claim, points, seconds)
        if claim.kind in SUPERSEDED_BY.values():
            self._supersede(entry, claim)
        return entry

    def _extend(self, entry: Entry, claim: Claim, points: Sequence[TrackPoint], seconds: float) -> None:
        entry.changed |= not entry.live
        entry.state = SightingState.CONFIRMED
        entry.tracks |= claim.tracks
        before = len(entry.points)
        for point in points:
            entry.points.setdefault(point.frame_index, point)
        entry.changed |= len(entry.points) > before
        if len(entry.points) > KEPT_POINTS:
            ordered = sorted(entry.points.items())
            entry.points = dict(ordered[:1] + ordered[1:-1:2] + ordered[-1:])
        entry.first_seen_at = min(entry.first_seen_at, points[0].captured_at)
        entry.last_s = seconds
        entry.place = claim.place or entry.place
        if claim.confidence >= entry.confidence or claim.kind not in (SightingKind.DISPUTE,):
            entry.reasons = claim.reasons
        entry.confidence = max(entry.confidence, claim.confidence)
        if claim.people_count is not None:
            entry.people_count = max(entry.people_count or 0, claim.people_count)
        entry.zone = claim.zone or entry.zone

    def _find(self, claim: Claim, seconds: float) -> Entry | None:
        reach = self._rules.sightings.same_place[claim.kind]
        best: tuple[float, Entry] | None = None
        for entry in self.entries:
            if (
                entry.kind is not claim.kind
                or seconds - entry.last_s > self._rules.sightings.remember_seconds
            ):
                continue
            gap = distance(entry.place, claim.place)
            shared = bool(entry.tracks & claim.tracks)
            if not shared and self._beside(entry, claim, seconds, gap):
                continue
            if shared and (gap < 3 * reach or not np.isfinite(gap)):
                gap -= 2 * reach
            elif gap > reach:
                continue
            if best is None or gap < best[0]:
                best = (gap, entry)
        return best[1] if best else None

    @staticmethod
    def _beside(entry: Entry, claim: Claim, seconds: float, gap: float) -> bool:
        """Whether a single thing was already seen in this very frame under another track."""
        return claim.kind in SINGLE_THINGS and entry.last_s >= seconds and gap > SAME_BOX_M

    def _explained(self, claim: Claim, seconds: float) -> bool:
        stronger = SUPERSEDED_BY.get(claim.kind)
        return any(
            entry.kind is stronger
            and entry.live
            and seconds - entry.last_s <= self._rules.sightings.remember_seconds
            and self._same_event(entry, claim)
            for entry in self.entries
        )

    def _same_event(self, entry: Entry, claim: Claim) -> bool:
        reach = (
            self._rules.hazards.fire_smoke_distance
            if SightingKind.FIRE in (entry.kind, claim.kind)
            else self._rules.sightings.same_place[SightingKind.DISPUTE]
        )
        return bool(entry.tracks & claim.tracks) or distance(entry.place, claim.place) <= reach

    def _supersede(self, entry: Entry, claim: Claim) -> None:
        """Take back weaker sightings of the same event."""
        for other in self.entries:
            if other.live and SUPERSEDED_BY.get(other.kind) is entry.kind and self._same_event(other, claim):
                gap = distance(entry.place, other.place)
                text = f"the same event is reported as {entry.kind.value} ({entry.id})"
                self._retract(other, [at_most("distance_to_cause", min(gap, 1e3), 1e3, "m", text)])

    @staticmethod
    def _retract(entry: Entry, reasons: Sequence[Reason]) -> None:
        entry.state = SightingState.RETRACTED
        entry.reasons = list(reasons)
        entry.confidence = min(entry.confidence, 0.1)
        entry.changed = True

    # -- messages ------------------------------------------------------------------------------------------

    def due(self, seconds: float, *, final: bool = False) -> list[SightingMessage]:
        """Sightings to send now: new ones, retractions, and revisions when enough time has passed."""
        messages = []
        for entry in self.entries:
            if not entry.changed or not entry.points:
                continue
            if entry.revision == 0:
                if entry.live:
                    messages.append(self._message(entry, seconds))
                continue
            waited = seconds - entry.sent_s >= self._rules.sightings.revise_seconds
            ended = seconds - entry.last_s > ENDED_S
            more = len(entry.points) > entry.sent_points
            if final or not entry.live or (waited and more) or (ended and more):
                messages.append(self._message(entry, seconds))
        return messages

    def revise(self, entry: Entry, seconds: float) -> SightingMessage:
        """A revision now, whatever the time."""
        return self._message(entry, seconds)

    def _message(self, entry: Entry, seconds: float) -> SightingMessage:
        entry.revision += 1
        entry.sent_s = seconds
        entry.sent_points = len(entry.points)
        entry.changed = False
        points = [entry.points[index] for index in sorted(entry.points)]
        return SightingMessage(
            sighting_id=entry.id, revision=entry.revision, flight_id=self._flight_id, source=self._source,
            kind=entry.kind, state=entry.state, confidence=round(float(entry.confidence), 4),
            first_seen_at=min(entry.first_seen_at, points[0].captured_at),
            last_seen_at=points[-1].captured_at,
            track_id=min(entry.tracks), people_count=entry.people_count, zone=entry.zone,
            looks=[self._look(point) for point in spread_out(points, self._rules.sightings.looks)],
            reasons=entry.reasons, evidence=list(entry.chain.items), weights=self._weights,
        )  # fmt: skip

    def _look(self, point: TrackPoint) -> Look:
        pose = point.pose
        assert pose is not None
        return Look(
            frame_index=point.frame_index, u_px=round(point.pixel[0], 2), v_px=round(point.pixel[1], 2),
            box=tuple(round(side, 2) for side in point.box), score=min(1.0, max(0.0, round(point.score, 4))),
            pixel_sigma_px=round(point.pixel_sigma_px, 2), camera=self.camera,
            pose=PoseMessage(
                captured_at=pose.captured_at, latitude=pose.latitude, longitude=pose.longitude,
                altitude_amsl_m=pose.altitude_amsl_m, yaw_deg=pose.yaw_deg, pitch_deg=pose.pitch_deg,
                roll_deg=pose.roll_deg, position_sigma_m=pose.position_sigma_m,
                altitude_sigma_m=pose.altitude_sigma_m, attitude_sigma_deg=pose.attitude_sigma_deg,
                heading_sigma_deg=pose.heading_sigma_deg,
            ),
        )  # fmt: skip


def spread_out(points: Sequence[TrackPoint], count: int) -> list[TrackPoint]:
    """At most ``count`` looks, evenly spread in time, oldest first; whole boxes before cut ones.

    The camera moves, so looks spread in time are views from different places.
    """
    whole = [point for point in points if point.whole]
    points = whole if len(whole) >= min(count, 2) else list(points)
    if len(points) <= count:
        return list(points)
    times = np.array([point.seconds for point in points])
    wanted = np.linspace(times[0], times[-1], count)
    chosen = sorted({int(np.abs(times - moment).argmin()) for moment in wanted})
    return [points[index] for index in chosen]
