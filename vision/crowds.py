"""Gatherings and possible disputes among people on the ground, each with the terms that decided.

A crowd in which somebody is in a dispute is reported as that, not as a gathering besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from missions.kinds import Kind
from missions.messages import SightingKind
from missions.zones import Zones
from vision.camera import Pose
from vision.claims import Claim
from vision.disputes import DisputeJudge
from vision.gatherings import GatheringJudge
from vision.ground import GroundView
from vision.ground_motion import GroundMotion
from vision.motion import Mover
from vision.people import People
from vision.rules import CrowdRules
from vision.tracker import Track


class CrowdJudge:
    """Decides about the people of each frame."""

    def __init__(self, rules: CrowdRules, kinds: Mapping[SightingKind, Kind], zones: Zones | None) -> None:
        self.rules = rules
        self.view: GroundView | None = None
        self._zones = zones
        self._movers: dict[int, Mover] = {}
        self._disputes = DisputeJudge(rules)
        self._gatherings = GatheringJudge(rules, kinds)

    def update(
        self,
        ground: GroundMotion,
        tracks: Sequence[Track],
        seconds: float,
        interval_s: float,
        pose: Pose | None,
    ) -> list[Claim]:
        """Claims about the people in view; none without a pose, when nothing is known on the ground.

        Args:
            ground: has taken in this frame.
        """
        if pose is None or self.view is None:
            return []
        known = [
            track
            for track in tracks
            if track.group == "person" and track.hits >= 2 and track.state is not None
            and seconds - track.last.seconds <= self.rules.coast
        ]  # fmt: skip
        places = np.array([track.state[:2] for track in known if track.state is not None]).reshape(-1, 2)
        people = People(known, places, seconds, pose, self.view, ground, self._zones)
        self._follow(people, tracks)
        disputes = self._disputes.update(people, interval_s)
        fighting = frozenset(id for claim in disputes for id in claim.tracks)
        gatherings = [
            claim for claim in self._gatherings.update(people, interval_s) if not fighting & claim.tracks
        ]  # fmt: skip
        return disputes + gatherings

    def _follow(self, people: People, tracks: Sequence[Track]) -> None:
        """Bring the movers up to this frame."""
        alive = {track.id for track in tracks}
        self._movers = {id: mover for id, mover in self._movers.items() if id in alive}
        for person in people.tracks:
            mover = self._movers.setdefault(person.id, Mover(self.rules.smoothing, 3 * self.rules.window))
            if person.seen:
                mover.update(list(person.steady)[-40:], people.seconds)
        people.moments = {id: mover.moments[-1] for id, mover in self._movers.items() if mover.moments}
