"""The second looks of one flight: who asks for them, what the eye makes of them, and what is reported."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from drone.look_verdict import LookJudge, LookVerdict
from drone.patrol import Patrol
from drone.vantage import LookRules
from drone.vehicle import Outcome
from missions.geodesy import LocalFrame
from missions.messages import Reason, SightingMessage, SightingState
from missions.second_look import LookTarget
from missions.terrain import Terrain, ground_in
from vision.camera import CameraModel, Pose, ground_points
from vision.watch import WatchResult

log = logging.getLogger(__name__)

DOUBTED = 0.1
"""Confidence that a retracted sighting keeps at most."""

Note = Callable[[str, str, str], None]
"""Code, text and level for the flight's log."""


@dataclass(slots=True)
class _Told:
    """What was told of one sighting: its newest message, and how many revisions of our own went before it."""

    message: SightingMessage
    added: int = 0
    retracted_until: datetime | None = None
    reason: Reason | None = None


class Looks:
    """Second looks of one flight; safe to use from several threads.

    Args:
        deliver: sends a sighting's message.
        note: writes into the flight's log.
    """

    def __init__(
        self, patrol: Patrol, camera: CameraModel, terrain: Terrain, rules: LookRules,
        deliver: Callable[[SightingMessage], None], note: Note,
    ) -> None:  # fmt: skip
        self._patrol, self._camera, self._terrain, self._rules = patrol, camera, terrain, rules
        self._deliver, self._note = deliver, note
        self._told: dict[UUID, _Told] = {}
        self._judge: LookJudge | None = None
        self._own = 0
        self._lock = threading.RLock()

    def request(self, target: LookTarget) -> Outcome:
        """Look at a place again; the answer comes before the aircraft has moved far."""

        def judge(spot: tuple[float, float, float]) -> LookJudge:
            self._judge = LookJudge(spot, target.kind, self._camera, self._rules)
            return self._judge

        def done(verdict: LookVerdict | None, judge: LookJudge) -> None:
            self._judge = None
            if verdict is not None and target.sighting_id is not None:
                self._report(target.sighting_id, verdict, judge)

        return self._patrol.second_look(target, self._terrain, self._rules, judge, done)

    def take(self, result: WatchResult, pose: Pose | None) -> None:
        """A frame that the eye has looked at; ``pose`` is where its camera was."""
        judge = self._judge
        if judge is not None:
            judge.take(result, pose)

    def pass_on(self, sighting: SightingMessage) -> SightingMessage:
        """The eye's message with its revision counted on after ours; a retraction of a look stands until the
        thing is seen again.
        """
        with self._lock:
            known = self._told.setdefault(sighting.sighting_id, _Told(sighting))
            changes: dict[str, object] = {"revision": sighting.revision + known.added}
            until = known.retracted_until
            if until is not None and sighting.last_seen_at <= until and known.reason is not None:
                changes |= {
                    "state": SightingState.RETRACTED,
                    "confidence": min(sighting.confidence, DOUBTED),
                    "reasons": [known.reason, *sighting.reasons],
                }
            known.message = sighting.model_copy(update=changes)
            return known.message

    def consider(self, sighting: SightingMessage) -> None:
        """Look again without being asked, where the configuration says so, once for each sighting."""
        first = sighting.revision == 1 and sighting.state is SightingState.CONFIRMED
        if not first or sighting.kind not in self._rules.automatic:
            return
        with self._lock:
            if self._own >= self._rules.most_per_flight:
                return
            self._own += 1
        target = self._target_of(sighting)
        if target is None:
            self._note("second_look_refused", "no second look: the sighting cannot be placed", "warning")
            return
        # the eye's thread must go on looking while the aircraft brakes
        threading.Thread(target=self._ask_itself, args=(target,), name="second look", daemon=True).start()

    def _ask_itself(self, target: LookTarget) -> None:
        outcome = self.request(target)
        if not outcome:
            self._note("second_look_refused", f"no second look: {outcome.why}", "warning")

    def _target_of(self, sighting: SightingMessage) -> LookTarget | None:
        """Where the newest look meets the ground."""
        look = sighting.looks[-1]
        pose = Pose(**{**look.pose.model_dump(), "captured_at": look.pose.captured_at})
        frame = LocalFrame(pose.latitude, pose.longitude)
        pixel = np.array([[look.u_px, look.v_px]])
        east, north, up = ground_points(self._camera, pose, frame, pixel, ground_in(frame, self._terrain))[0]
        if not np.isfinite([east, north, up]).all():
            return None
        lat, lon, alt = frame.to_geodetic([(east, north, up)])[0]
        return LookTarget(
            latitude=float(lat), longitude=float(lon), altitude_amsl_m=float(alt), kind=sighting.kind,
            sighting_id=sighting.sighting_id,
        )  # fmt: skip

    def _report(self, sighting_id: UUID, verdict: LookVerdict, judge: LookJudge) -> None:
        """Tell the desk, as a further revision of the sighting that was looked at."""
        with self._lock:
            known = self._told.get(sighting_id)
            if known is None:
                log.info("sighting %s is of another flight; its look is told in the log only", sighting_id)
                return
            message, seen = known.message, judge.figures.last_at
            known.added += 1
            changes: dict[str, object] = {
                "revision": message.revision + 1,
                "reasons": [judge.reason(), *message.reasons],
            }
            if verdict is LookVerdict.CONFIRMED and seen is not None:
                changes |= {
                    "state": SightingState.CONFIRMED, "last_seen_at": max(seen, message.last_seen_at),
                }  # fmt: skip
                known.retracted_until = known.reason = None
            elif verdict is LookVerdict.RETRACTED:
                changes |= {
                    "state": SightingState.RETRACTED, "confidence": min(message.confidence, DOUBTED),
                }  # fmt: skip
                known.retracted_until, known.reason = seen, judge.reason()
            known.message = message.model_copy(update=changes)
            self._deliver(known.message)
