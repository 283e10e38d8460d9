"""What the eye says on a second look: the sighting is confirmed, retracted, or the look decides nothing.

It counts frames in which the spot lay in the picture while the aircraft stood at one of its places: those
with the same alert at the spot confirm; many without anything of the kind retract.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from drone.vantage import LookRules
from missions.geodesy import LocalFrame
from missions.messages import Reason, SightingKind
from vision.camera import CameraModel, Pose, ground_points, project
from vision.watch import WatchResult

MARGIN = 0.04
"""Of the picture's sides: nearer to the border the spot does not count as in view."""
SAME: Mapping[SightingKind, Collection[SightingKind]] = {
    SightingKind.FIRE: (SightingKind.FIRE,),
    SightingKind.SMOKE: (SightingKind.SMOKE, SightingKind.FIRE),
    SightingKind.ILLEGAL_PARKING: (SightingKind.ILLEGAL_PARKING,),
    SightingKind.GATHERING: (SightingKind.GATHERING, SightingKind.DISPUTE),
    SightingKind.DISPUTE: (SightingKind.DISPUTE,),
}
"""Alerts that confirm a kind: its own, and the stronger one of the same event."""
TRACES: Mapping[SightingKind, Collection[str]] = {
    SightingKind.FIRE: ("fire", "smoke"),
    SightingKind.SMOKE: ("fire", "smoke"),
    SightingKind.ILLEGAL_PARKING: ("vehicle",),
    SightingKind.GATHERING: ("person",),
    SightingKind.DISPUTE: ("person",),
}
"""Groups of tracks that may be the thing without an alert: while they show, nothing is retracted."""
CROWD = 2
"""Fewer people than this are neither a gathering nor a dispute."""


class LookVerdict(StrEnum):
    CONFIRMED = "confirmed"
    RETRACTED = "retracted"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class LookFigures:
    """Frames of one second look: with the spot in view, with the alert at it, with a trace of it."""

    frames: int = 0
    alerts: int = 0
    traces: int = 0
    views: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


class LookJudge:
    """Judges one second look; frames come from one thread, questions from another.

    Args:
        spot: latitude, longitude, height above sea level in metres.
        kind: what was seen there; None where only the place is to be shown.
    """

    def __init__(
        self,
        spot: tuple[float, float, float],
        kind: SightingKind | None,
        camera: CameraModel,
        rules: LookRules,
    ) -> None:
        self.figures = LookFigures()
        self._kind, self._camera, self._rules = kind, camera, rules
        self._frame = LocalFrame(*spot)
        self._open = False
        self._lock = threading.Lock()

    def begin_view(self) -> None:
        """The aircraft stands at one of its places: frames count from now."""
        with self._lock:
            self._open = True
            self.figures.views += 1

    def end_view(self) -> None:
        with self._lock:
            self._open = False

    def take(self, result: WatchResult, pose: Pose | None) -> None:
        """One frame's result; ``pose`` is where its camera was."""
        with self._lock:
            if not self._open or pose is None or not self._in_view(pose, result.image_size):
                return
            figures = self.figures
            figures.frames += 1
            figures.first_at = figures.first_at or result.captured_at
            figures.last_at = result.captured_at
            if self._kind is None:
                return
            near = self._near(result, pose)
            alerts = {result.alerts_by_track.get(track) for track, _ in near}
            figures.alerts += any(kind in alerts for kind in SAME[self._kind])
            traces = sum(group in TRACES[self._kind] for _, group in near)
            crowd = self._kind in (SightingKind.GATHERING, SightingKind.DISPUTE)
            figures.traces += traces >= (CROWD if crowd else 1)

    def verdict(self) -> LookVerdict:
        """What is known so far; only ``CONFIRMED`` may be told before the look is over."""
        with self._lock:
            figures, rules = self.figures, self._rules
            if figures.alerts >= rules.confirm_looks:
                return LookVerdict.CONFIRMED
            nothing = max(figures.alerts, figures.traces) <= rules.seen_share * figures.frames
            if self._kind is not None and nothing and figures.frames >= rules.retract_looks:
                return LookVerdict.RETRACTED
            return LookVerdict.UNDECIDED

    def reason(self) -> Reason:
        """The verdict as one term of a sighting's explanation."""
        verdict, figures = self.verdict(), self.figures
        name = self._kind.value.replace("_", " ") if self._kind else "nothing"
        places = f"{figures.views} place{'' if figures.views == 1 else 's'}"
        texts = {
            LookVerdict.CONFIRMED: f"second look from {places}: {name} seen again in {figures.alerts} frames",
            LookVerdict.RETRACTED: (
                f"second look from {places}: the spot was in view in {figures.frames} frames and nothing of "
                "it was seen"
            ),
            LookVerdict.UNDECIDED: (
                f"second look from {places}: the spot was in view in {figures.frames} frames, which neither "
                "confirm nor rule it out"
            ),
        }
        return Reason(
            term="second_look", value=float(figures.alerts), threshold=float(self._rules.confirm_looks),
            unit="frames", fulfilled=verdict is LookVerdict.CONFIRMED, text=texts[verdict],
        )  # fmt: skip

    def _in_view(self, pose: Pose, size: tuple[int, int]) -> bool:
        camera = self._camera_for(size)
        pixels, _ = project(camera, pose, self._frame, [(0.0, 0.0, 0.0)])
        share = pixels[0] / size
        return bool(np.isfinite(share).all() and (share >= MARGIN).all() and (share <= 1 - MARGIN).all())

    def _near(self, result: WatchResult, pose: Pose) -> list[tuple[int, str]]:
        """Id and group of the tracks seen in this frame within reach of the spot."""
        seen = [
            track for track in result.tracks if track.seen and track.last.frame_index == result.frame_index
        ]
        if not seen:
            return []
        pixels = np.array([track.last.pixel for track in seen], float)
        places = ground_points(self._camera_for(result.image_size), pose, self._frame, pixels, 0.0)
        away = np.hypot(places[:, 0], places[:, 1])
        return [
            (track.id, track.group) for track, m in zip(seen, away, strict=True) if m <= self._rules.reach_m
        ]

    def _camera_for(self, size: tuple[int, int]) -> CameraModel:
        camera = self._camera
        return camera if size == (camera.width_px, camera.height_px) else camera.scaled(*size)
