"""The pipeline: frames in, sightings out.

detections -> tracks on the ground -> claims of the judges -> the book of sightings -> messages with evidence.
Everything follows from the frames, the poses and the configuration; the same input gives the same messages.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import cv2
import numpy as np

from missions.geodesy import LocalFrame
from missions.kinds import Kind
from missions.messages import CameraMessage, EvidenceRole, OverlayBox, SightingKind, SightingMessage
from missions.terrain import Terrain
from missions.zones import Zones
from vision.camera import CameraModel, Pose
from vision.claims import Claim
from vision.crowds import CrowdJudge
from vision.detections import Detections
from vision.detector import FrameDetector
from vision.errors import ImageRefused
from vision.evidence import Box, EvidenceChain, EvidenceStore, draw
from vision.flames import with_flames
from vision.frames import Frame, Pixels, check_image
from vision.glances import AimedDetector, Glance, Looked, Scene
from vision.ground import GroundView
from vision.ground_motion import GroundMotion
from vision.hazards import HazardJudge
from vision.redact import redact
from vision.rules import WatchRules, load_rules
from vision.sightings import Entry, SightingBook, Source
from vision.tiles import merge
from vision.tracker import Creep, Track, Tracker

logger = logging.getLogger(__name__)

USUAL_INTERVALS = 15
LEAST_CLIP_FRAMES = 3
HIDE_MISSED_S = 1.5
HIDE_MARGIN = 0.25
CLAIMED_WORTH = 4.0
"""How much more it is worth to look at a thing that is being reported than at another that is followed."""


@dataclass(frozen=True, slots=True)
class WatchResult:
    """What one frame showed.

    tracks: all that live on, seen or not. sightings: to be delivered now. alerts_by_track: what the tracks in
    view are reported for. hidden: what must be redacted: the detections, and people and vehicles that were
    missed in this frame but stand where they were. looked: where the frame was looked at; None: everywhere.
    """

    frame_index: int
    captured_at: datetime
    image_size: tuple[int, int]
    detections: Detections
    tracks: list[Track]
    sightings: list[SightingMessage] = field(default_factory=list)
    alerts_by_track: dict[int, SightingKind] = field(default_factory=dict)
    hidden: Detections = field(default_factory=Detections.empty)
    looked: Looked | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame kept for clips, made small; boxes are in its own pixels."""

    seconds: float
    captured_at: datetime
    index: int
    image: Pixels
    scale: float
    detections: Detections


class Watch:
    """The eye of one flight.

    Args:
        pose_at: camera pose at an instant; None where it is unknown. Such frames are followed in the image,
            and nothing is reported from them alone.
        terrain: ground elevation. zones: where parking is forbidden and where crowds are usual; may be None.
        weights_label: written into each sighting.
        namespace: of the deterministic sighting ids.
        rules: None reads ``configs/watch.yaml``.

    Attributes:
        frames, frames_without_pose, unplaced: counts; ``unplaced``: claims that no look with a pose supports.
    """

    def __init__(
        self,
        camera: CameraModel,
        detector: FrameDetector,
        *,
        pose_at: Callable[[datetime], Pose | None],
        terrain: Terrain,
        zones: Zones | None,
        kinds: Mapping[SightingKind, Kind],
        evidence: EvidenceStore,
        flight_id: UUID | None,
        source: Source,
        weights_label: str,
        namespace: UUID,
        rules: WatchRules | None = None,
    ) -> None:
        self.frames = 0
        self.frames_without_pose = 0
        self.unplaced = 0
        self._camera, self._detector, self._pose_at, self._terrain = camera, detector, pose_at, terrain
        self._rules = rules or load_rules()
        self._thresholds: Mapping[str, float] = getattr(detector, "thresholds", {})
        self._tracker = Tracker(self._rules.tracker, self._thresholds)
        self._hazards = HazardJudge(self._rules.hazards, kinds, zones)
        self._ground = GroundMotion()
        self._crowds = CrowdJudge(self._rules.crowds, kinds, zones)
        self._evidence = evidence
        self._book = SightingBook(
            self._rules, _camera_message(camera), namespace=namespace, flight_id=flight_id, source=source,
            weights_label=weights_label,
        )  # fmt: skip
        self._view: GroundView | None = None
        self._kept: deque[_Kept] = deque()
        self._intervals: deque[float] = deque(maxlen=USUAL_INTERVALS)
        self._origin: datetime | None = None
        self._last_s: float | None = None
        self._claimed: set[int] = set()

    def process(self, frame: Frame) -> WatchResult:
        """Take in one frame. They come in order; one that is not newer than the last is skipped."""
        self._origin = self._origin or frame.captured_at
        seconds = (frame.captured_at - self._origin).total_seconds()
        size = (frame.image.shape[1], frame.image.shape[0])
        if self._last_s is not None and seconds <= self._last_s:
            logger.warning("frame %s is not newer than the one before it, skipped", frame.index)
            empty = Detections.empty(tuple(self._detector.names))
            return WatchResult(frame.index, frame.captured_at, size, empty, self._tracker.tracks)
        if self._last_s is not None:
            self._intervals.append(seconds - self._last_s)
        self._last_s = seconds
        self.frames += 1
        self._check_size(frame.image)
        glance, pose = self._glance(frame, seconds)
        detections = with_flames(frame.image, glance.detections, self._rules.hazards.flames)
        looked_at = glance.looked.holds if glance.looked is not None else None
        compared = self._ground.look(frame.image, pose, seconds, self._view)
        tracks = self._tracker.update(
            detections, frame.captured_at, frame.index, pose, size, looked_at,
            Creep(self._ground.creep, compared),
        )  # fmt: skip
        hidden = self._hidden(detections, tracks, seconds, pose)
        self._keep(frame, seconds, hidden)
        interval = float(np.median(self._intervals)) if self._intervals else 0.2
        claims = self._hazards.update(tracks, self._tracker.ended, seconds, interval)
        claims += self._crowds.update(self._ground, tracks, seconds, interval, pose)
        alerts = self._take(claims, frame, seconds, hidden)
        messages = self._messages(seconds)
        return WatchResult(
            frame.index,
            frame.captured_at,
            size,
            detections,
            list(tracks),
            messages,
            alerts,
            hidden,
            glance.looked,
        )

    def finish(self) -> list[SightingMessage]:
        """The footage is over: what is still to be said, with the clips that were waiting for more."""
        seconds = self._last_s if self._last_s is not None else 0.0
        messages = self._messages(seconds, final=True)
        self._kept.clear()
        return messages

    def overlay(self, result: WatchResult) -> list[OverlayBox]:
        """Boxes for the live picture: tracks seen in this frame, as fractions of the picture."""
        w, h = result.image_size
        boxes = []
        for track in result.tracks:
            if track.last.frame_index != result.frame_index or track.hits < 2:
                continue
            sides = np.clip(np.array(track.last.box) / [w, h, w, h], 0, 1).round(5).tolist()
            boxes.append(
                OverlayBox(
                    box=tuple(sides), name=track.name, score=min(1.0, max(0.0, round(track.last.score, 3))),
                    track_id=track.id, alert=result.alerts_by_track.get(track.id),
                )
            )  # fmt: skip
        return boxes

    # -- inside --------------------------------------------------------------------------------------------

    def _glance(self, frame: Frame, seconds: float) -> tuple[Glance, Pose | None]:
        """Look at the frame: at all of it, or, where the detector is aimed, at what is worth it.

        Live poses come in while a detector works, so that they are asked for as late as can be.
        """
        if not isinstance(self._detector, AimedDetector):
            return Glance(self._detector.detect(frame.image)), self._pose(frame.captured_at)
        pose = self._pose(frame.captured_at)
        expected = self._tracker.expected(frame.captured_at, pose)
        worth = [CLAIMED_WORTH if track.id in self._claimed else 1.0 for track in self._tracker.tracks]
        scene = Scene(seconds, pose, self._view if pose else None, expected, np.array(worth))
        return self._detector.glance(frame.image, scene), pose

    def _check_size(self, image: Pixels) -> None:
        """The camera model must fit the picture; one of the same shape is scaled to it once.

        Raises:
            ImageRefused: the picture has another shape than the camera's, or changed its size on the way.
        """
        h, w = check_image(image).shape[:2]
        camera = self._camera
        if (w, h) == (camera.width_px, camera.height_px):
            return
        alike = abs(w * camera.height_px - h * camera.width_px) <= max(w, h) * 2
        if self.frames > 1 or not alike:
            raise ImageRefused(
                f"the picture is {w} x {h} px, the camera {camera.name} gives {camera.width_px} x "
                f"{camera.height_px}; configure the camera that took it"
            )
        self._camera = camera.scaled(w, h)
        self._book.camera = _camera_message(self._camera)

    def _hidden(
        self, detections: Detections, tracks: list[Track], seconds: float, pose: Pose | None
    ) -> Detections:
        """The detections, and boxes where people and vehicles missed in this frame should be."""
        missed = [
            track
            for track in tracks
            if not track.seen and track.group in ("person", "vehicle", "cycle") and track.state is not None
            and (track.waiting or seconds - track.last.seconds <= HIDE_MISSED_S)
            and track.name in detections.names
        ]  # fmt: skip
        if not missed or pose is None or self._view is None:
            return detections
        pixels = self._view.pixels(pose, np.array([t.state[:2] for t in missed if t.state is not None]))
        boxes = []
        for track, (u, v) in zip(missed, pixels, strict=True):
            left, top, right, bottom = track.last.box
            du, dv = u - track.last.pixel[0], v - track.last.pixel[1]
            x, y = HIDE_MARGIN * (right - left), HIDE_MARGIN * (bottom - top)
            boxes.append([left + du - x, top + dv - y, right + du + x, bottom + dv + y])
        found = np.array(boxes, np.float32)
        real = np.isfinite(found).all(axis=1)
        classes = np.array([list(detections.names).index(track.name) for track in missed], np.int64)
        return Detections(
            np.vstack([detections.boxes, found[real]]),
            np.concatenate([detections.scores, np.zeros(int(real.sum()), np.float32)]),
            np.concatenate([detections.classes, classes[real]]),
            detections.names,
        )

    def _pose(self, instant: datetime) -> Pose | None:
        pose = self._pose_at(instant)
        if pose is None:
            self.frames_without_pose += 1
        elif self._view is None:
            frame = LocalFrame(pose.latitude, pose.longitude)
            self._view = GroundView(self._camera, frame, self._terrain)
            self._tracker.view = self._hazards.view = self._crowds.view = self._view
        return pose

    def _take(
        self, claims: list[Claim], frame: Frame, seconds: float, detections: Detections
    ) -> dict[int, SightingKind]:
        alerts: dict[int, SightingKind] = {}
        for claim in claims:
            entry = self._book.take(claim, seconds, self._chain)
            if entry is None:
                self.unplaced += not any(point.pose for point in claim.points)
            elif not claim.retract:
                alerts |= dict.fromkeys(claim.tracks, claim.kind)
                self._claimed |= claim.tracks
                if not entry.chain.items:
                    self._snapshot(entry, claim, frame, detections)
        return alerts

    def _chain(self, sighting_id: UUID) -> EvidenceChain:
        return EvidenceChain(self._evidence, sighting_id, self._rules.evidence.jpeg_quality)

    def _snapshot(self, entry: Entry, claim: Claim, frame: Frame, detections: Detections) -> None:
        """The redacted picture with box and reasons, and the untouched one beside it."""
        box = claim.points[-1].box
        why = "; ".join(reason.text for reason in claim.reasons if reason.text)
        if isinstance(self._detector, AimedDetector):
            # Whoever stands in a part that was not looked at in this frame is to be hidden too.
            detections = merge([detections, self._detector.detect(frame.image)], names=detections.names)
        caption = f"{claim.kind.value.replace('_', ' ')} | {frame.captured_at:%Y-%m-%d %H:%M:%S} UTC | {why}"
        shown = draw(redact(frame.image, detections), [box], claim.kind.value, caption)
        entry.chain.add_picture(shown, EvidenceRole.SNAPSHOT, frame.captured_at, redacted=True)
        entry.chain.add_picture(frame.image, EvidenceRole.ORIGINAL, frame.captured_at, redacted=False)

    def _keep(self, frame: Frame, seconds: float, detections: Detections) -> None:
        """Remember a small copy, as long as a clip may be cut from it, within the memory allowed."""
        rules = self._rules.evidence
        h, w = frame.image.shape[:2]
        scale = min(1.0, rules.clip_width / w)
        image = frame.image
        if scale < 1.0:
            size = (round(w * scale), round(h * scale))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        scaled = Detections(
            detections.boxes * np.float32(scale), detections.scores, detections.classes, detections.names
        )
        self._kept.append(_Kept(seconds, frame.captured_at, frame.index, image, scale, scaled))
        reach = rules.before_seconds + rules.after_seconds + 1.0
        allowed = max(LEAST_CLIP_FRAMES, rules.buffer_megabytes * 2**20 // max(image.nbytes, 1))
        while self._kept[0].seconds < seconds - reach or len(self._kept) > allowed:
            self._kept.popleft()

    def _messages(self, seconds: float, *, final: bool = False) -> list[SightingMessage]:
        messages = self._book.due(seconds, final=final)
        sent = {message.sighting_id for message in messages}
        for entry in self._book.entries:
            ready = final or seconds - entry.confirmed_s >= self._rules.evidence.after_seconds
            if not (entry.clip_due and ready and entry.revision):
                continue
            entry.clip_due = False
            if self._clip(entry):
                if entry.id in sent:
                    messages = [m for m in messages if m.sighting_id != entry.id]
                    entry.revision -= 1
                messages.append(self._book.revise(entry, seconds))
        return messages

    def _clip(self, entry: Entry) -> bool:
        rules = self._rules.evidence
        since, until = entry.confirmed_s - rules.before_seconds, entry.confirmed_s + rules.after_seconds
        kept = [k for k in self._kept if since <= k.seconds <= until + 1e-6]
        if len(kept) < LEAST_CLIP_FRAMES:
            return False
        pictures = []
        for one in kept:
            point = entry.points.get(one.index)
            boxes: list[Box] = []
            if point is not None:
                left, top, right, bottom = (side * one.scale for side in point.box)
                boxes = [(left, top, right, bottom)]
            pictures.append((one.seconds, draw(redact(one.image, one.detections), boxes, entry.kind.value)))
        entry.chain.add_clip(pictures, kept[0].captured_at)
        return True


def _camera_message(camera: CameraModel) -> CameraMessage:
    return CameraMessage(
        name=camera.name, width_px=camera.width_px, height_px=camera.height_px, fx_px=camera.fx_px,
        fy_px=camera.fy_px, cx_px=camera.cx_px, cy_px=camera.cy_px, distortion=camera.distortion,
        focal_sigma=camera.focal_sigma,
    )  # fmt: skip
