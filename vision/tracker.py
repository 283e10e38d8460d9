"""Ids across frames. With a known pose things are followed on the ground, so the camera may move freely.

Each track is a constant-velocity Kalman filter in metres east and north. A frame's boxes are given to tracks
in two rounds after ByteTrack (Zhang et al. 2022): first the strong ones, then weak ones to tracks still
without. Without a pose, boxes are matched by their overlap in the image.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from missions.geodesy import Array
from vision.camera import Pose
from vision.detections import Detections
from vision.ground import GroundView
from vision.heads import suppress
from vision.rules import TrackerRules

GROUPS: Mapping[str, str] = {
    "person": "person", "car": "vehicle", "bus": "vehicle", "truck": "vehicle", "van": "vehicle",
    "bicycle": "cycle", "motorcycle": "cycle", "fire": "fire", "smoke": "smoke",
}  # fmt: skip
"""Classes that flicker into one another are followed as one."""

GROUP_ORDER = ("person", "vehicle", "cycle", "fire", "smoke")
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

HISTORY = 600
WEAK = 0.1
"""Boxes below this are never used, whatever the thresholds."""
IMAGE_GATE = 0.85
NO_MATCH = 1e6
BORDER_PX = 2.0


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One look at a tracked thing.

    seconds: time from the first frame. box: left, top, right, bottom px. pixel: its ground contact in the
    image. place: east, north in metres, the middle of its footprint; None without a pose. whole: not cut by
    the picture's border.
    """

    captured_at: datetime
    seconds: float
    frame_index: int
    name: str
    box: tuple[float, float, float, float]
    score: float
    pixel: tuple[float, float]
    pixel_sigma_px: float
    place: tuple[float, float] | None
    pose: Pose | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Creep:
    """What the poses added to places on the ground until this frame; see ``vision.ground_motion``.

    total: (2, 3), times (1, east, north). measured: whether the step from the last frame is in it.
    """

    total: Array
    measured: bool


NO_CREEP = Creep(np.zeros((2, 3)), False)


@dataclass(slots=True, eq=False)
class Track:
    """One thing followed over time; ``points`` are its looks, oldest first."""

    id: int
    group: str
    points: deque[TrackPoint] = field(default_factory=lambda: deque(maxlen=HISTORY))
    votes: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    missed: int = 0
    waiting: int = 0
    """Frames since the last look at it in which its place was not looked at: these count for nothing."""
    frames: int = 0
    state: Array | None = None
    covariance: Array | None = None
    state_at: float = 0.0
    lost: bool = False
    """Ended while its place was still in view."""
    steady: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """seconds, east, north with the creeping since the first look taken out: for judging motion."""
    creep: Array | None = None
    """the total of the creeping at the first look"""

    @property
    def last(self) -> TrackPoint:
        return self.points[-1]

    @property
    def first(self) -> TrackPoint:
        return self.points[0]

    @property
    def name(self) -> str:
        """The class with the highest sum of scores; the first seen among equals."""
        return max(self.votes, key=lambda name: self.votes[name])

    @property
    def seen(self) -> bool:
        """Whether it was seen in the newest frame."""
        return self.missed == 0 and self.waiting == 0

    @property
    def velocity(self) -> tuple[float, float]:
        """Metres a second east and north; zero where unknown."""
        return (0.0, 0.0) if self.state is None else (float(self.state[2]), float(self.state[3]))


@dataclass(frozen=True, slots=True)
class _Measured:
    """Boxes of one frame made ready: groups, ground places and their errors."""

    found: Detections
    groups: list[str]
    strong: Mask
    places: Array
    errors: Array
    pixels: Array
    sigmas: Array
    whole: Mask


class Tracker:
    """Follows people, vehicles, cycles, fire and smoke.

    Args:
        view: projects onto the ground; may be given later, when the first pose is known.
        thresholds: lowest score of a strong box by class; weak boxes lie below.
    """

    def __init__(self, rules: TrackerRules, thresholds: Mapping[str, float] | None = None) -> None:
        self.rules = rules
        self.view: GroundView | None = None
        self.tracks: list[Track] = []
        self.ended: list[Track] = []
        self._thresholds = thresholds or {}
        self._next_id = 1
        self._origin: datetime | None = None
        self._shift = np.zeros(2)
        self._creep = NO_CREEP
        self._stabilised_at = 0.0

    def update(
        self,
        detections: Detections,
        captured_at: datetime,
        frame_index: int,
        pose: Pose | None,
        image_size: tuple[int, int],
        looked_at: Callable[[NDArray[np.float32]], Mask] | None = None,
        creep: Creep = NO_CREEP,
    ) -> list[Track]:
        """Take in one frame; the tracks that live on, seen or not. ``ended`` holds those it ended.

        Args:
            looked_at: of boxes (N, 4) in the picture, which lie where it was looked at: only there is a thing
                that is not found missed. None: everywhere.
            creep: how the ground has crept, where the pictures tell.
        """
        self._origin = self._origin or captured_at
        self._creep = creep
        seconds = (captured_at - self._origin).total_seconds()
        measured = self._measure(detections, pose, image_size)
        for track in self.tracks:
            self._predict(track, seconds)
        pairs = self._associate(measured, seconds)
        self._stabilise(measured, pairs, seconds)
        held = looked_at(self._boxes(pose)) if looked_at is not None else np.ones(len(self.tracks), np.bool_)
        found = {track.id for track in pairs.values()}
        for track, is_held in zip(self.tracks, held, strict=True):
            track.frames += bool(is_held) or track.id in found
            track.missed += bool(is_held)
            track.waiting += not is_held
        for index, track in pairs.items():
            self._take(track, measured, index, captured_at, seconds, frame_index, pose)
        for index in (int(i) for i in np.flatnonzero(measured.strong)):
            if index not in pairs:
                self._start(measured, index, captured_at, seconds, frame_index, pose)
        self._retire(seconds, pose)
        return self.tracks

    def expected(self, captured_at: datetime, pose: Pose | None) -> NDArray[np.float32]:
        """Where the tracks should be in the next frame: boxes (N, 4) px in their order, NaN behind it."""
        if self._origin is not None:
            for track in self.tracks:
                self._predict(track, (captured_at - self._origin).total_seconds())
        return self._boxes(pose)

    # -- one frame's boxes ---------------------------------------------------------------------------------

    def _measure(self, detections: Detections, pose: Pose | None, size: tuple[int, int]) -> _Measured:
        known = np.array([name in GROUPS for name in detections.names], np.bool_)
        found = detections.select(known[detections.classes] & (detections.scores >= WEAK))
        order = np.array([GROUP_ORDER.index(GROUPS.get(n, "person")) for n in found.names], np.int64)
        group_ids = order[found.classes] if len(found) else np.zeros(0, np.int64)
        nested = np.isin(group_ids, [GROUP_ORDER.index("fire"), GROUP_ORDER.index("smoke")])
        kept = [
            np.flatnonzero(part)[
                suppress(
                    found.boxes[part], found.scores[part], group_ids[part], self.rules.duplicate_iou,
                    smaller_threshold=0.7 if part is nested else None,
                )
            ]
            for part in (~nested, nested)
        ]  # fmt: skip
        found = found.select(np.sort(np.concatenate(kept)))
        groups = [GROUPS[found.name(i)] for i in range(len(found))]
        strong = np.array([s >= self._threshold(found.name(i)) for i, s in enumerate(found.scores)], np.bool_)
        boxes = found.boxes.astype(float)
        sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        sigmas = self.rules.pixel_sigma + self.rules.pixel_sigma_share * sides
        w, h = size
        inner = np.hstack([boxes[:, :2] > BORDER_PX, boxes[:, 2:] < np.array([w, h]) - BORDER_PX])
        whole: Mask = np.asarray(inner.all(1), np.bool_)
        places, pixels = self._places(found, groups, boxes, pose)
        errors = np.tile(np.eye(2), (len(found), 1, 1))
        good = np.isfinite(places).all(1)
        if pose is not None and self.view is not None and good.any():
            errors[good] = self.view.covariance(pose, places[good], sigmas[good])
            errors += self.rules.pose_jitter**2 * np.eye(2)
        return _Measured(found, groups, strong, places, errors, pixels, sigmas, whole)

    def _places(
        self, found: Detections, groups: Sequence[str], boxes: Array, pose: Pose | None
    ) -> tuple[Array, Array]:
        """Ground place (N, 2) and contact pixel (N, 2) of each box."""
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        bottom = np.column_stack([middle[:, 0], boxes[:, 3]])
        places = np.full((len(found), 2), np.nan)
        if pose is None or self.view is None or not len(found):
            return places, bottom
        foot = self.view.foot_pixels(pose, boxes)
        lifts = np.array([self._half_height(group, found.name(i)) for i, group in enumerate(groups)])
        burning = np.array([group in ("fire", "smoke") for group in groups], np.bool_)
        places = self.view.place(pose, np.where(burning[:, None], foot, middle), lifts)
        pixels = self.view.pixels(pose, places)
        return places, np.where(np.isfinite(pixels), pixels, bottom)

    def _half_height(self, group: str, name: str) -> float:
        if group == "person":
            return self.rules.person_height / 2
        return self.rules.vehicle_height.get(name, 0.0) / 2

    def _threshold(self, name: str) -> float:
        return self._thresholds.get(name, 0.25)

    def _boxes(self, pose: Pose | None) -> NDArray[np.float32]:
        """The last box of each track (N, 4), moved to where its place is in the picture now."""
        boxes = np.array([track.last.box for track in self.tracks]).reshape(-1, 4)
        placed = [i for i, track in enumerate(self.tracks) if track.state is not None]
        if pose is None or self.view is None or not placed:
            return boxes.astype(np.float32)
        states = np.array([self.tracks[i].state[:2] for i in placed])  # type: ignore[index]
        before = np.array([self.tracks[i].last.pixel for i in placed])
        boxes[placed] += np.tile(self.view.pixels(pose, states + self._shift) - before, 2)
        return boxes.astype(np.float32)

    # -- association ---------------------------------------------------------------------------------------

    def _associate(self, measured: _Measured, seconds: float) -> dict[int, Track]:
        """Index of a box -> its track."""
        pairs: dict[int, Track] = {}
        rounds = (
            (np.flatnonzero(measured.strong).astype(np.int64), self.tracks),
            (
                np.flatnonzero(~measured.strong).astype(np.int64),
                [t for t in self.tracks if t.hits >= self.rules.confirm_hits],
            ),
        )
        taken: set[int] = set()
        for indices, candidates in rounds:
            tracks = [track for track in candidates if track.id not in taken]
            if not len(indices) or not tracks:
                continue
            cost = self._cost(measured, indices, tracks, seconds)
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < NO_MATCH:
                    pairs[int(indices[row])] = tracks[column]
                    taken.add(tracks[column].id)
        return pairs

    def _cost(self, measured: _Measured, indices: Indices, tracks: list[Track], seconds: float) -> Array:
        cost = np.full((len(indices), len(tracks)), NO_MATCH)
        places = measured.places[indices] - self._shift
        grounded = np.isfinite(places).all(1)
        groups = np.array([measured.groups[i] for i in indices])
        by_ground = self._ground_cost(tracks, places, measured.errors[indices], seconds)
        for column, track in enumerate(tracks):
            same = groups == track.group
            if track.state is not None and track.covariance is not None:
                rows = np.flatnonzero(same & grounded)
                cost[rows, column] = by_ground[rows, column]
                same = same & ~grounded
            rows = np.flatnonzero(same)
            if len(rows):
                gaps = 1 - _iou(np.array(track.last.box), measured.found.boxes[indices[rows]].astype(float))
                cost[rows, column] = np.where(gaps < IMAGE_GATE, gaps, NO_MATCH)
        return cost

    def _ground_cost(self, tracks: list[Track], places: Array, errors: Array, seconds: float) -> Array:
        """Cost (N, T) of places (N, 2) with covariances (N, 2, 2) for tracks; without a state, no match."""
        nowhere, unknown = np.full(2, np.nan), np.full((2, 2), np.nan)
        states = np.array([nowhere if t.state is None else t.state[:2] for t in tracks])
        spreads = np.array([unknown if t.covariance is None else t.covariance[:2, :2] for t in tracks])
        reach = [self.rules.top_speed[t.group] * (seconds - t.last.seconds) + 1.0 for t in tracks]
        gap = places[:, None] - states
        x, y = gap[..., 0], gap[..., 1]
        spread = spreads + errors[:, None]
        xx, xy, yy = spread[..., 0, 0], spread[..., 0, 1], spread[..., 1, 1]
        determinant = xx * yy - xy * xy
        distance = (yy * x * x - 2 * xy * x * y + xx * y * y) / determinant
        near = (distance <= self.rules.gate_sigma**2) & (np.hypot(x, y) <= np.array(reach))
        return np.where(near, distance + np.log(determinant + 1e-9) + 25.0, NO_MATCH)

    # -- the filter ----------------------------------------------------------------------------------------

    def _predict(self, track: Track, seconds: float) -> None:
        if track.state is None or track.covariance is None:
            return
        step = max(seconds - track.state_at, 0.0)
        move = np.eye(4)
        move[0, 2] = move[1, 3] = step
        drive = np.vstack([np.eye(2) * step**2 / 2, np.eye(2) * step])
        track.state = move @ track.state
        noise = self.rules.acceleration[track.group] ** 2 * drive @ drive.T
        track.covariance = move @ track.covariance @ move.T + noise
        track.state_at = seconds

    def _stabilise(self, measured: _Measured, pairs: Mapping[int, Track], seconds: float) -> None:
        """Take the median surprise of many tracks for an error of the pose, common to the whole frame.

        Only quick errors are taken out. What lasts is believed, and moves all tracks by the gains of
        Benedict and Bordner (1962): a pose can err for long, but a speed that all got wrongly when they
        first came into view must not go on for ever, hidden behind an error that grows.
        """
        gaps = [
            measured.places[i] - track.state[:2]
            for i, track in pairs.items()
            if track.state is not None and track.hits >= 3 and np.isfinite(measured.places[i]).all()
        ]
        passed, self._stabilised_at = seconds - self._stabilised_at, seconds
        if len(gaps) < self.rules.stabilise_tracks or passed <= 0:
            self._shift = np.zeros(2)
            return
        common = np.median(np.array(gaps), axis=0)
        scatter = 1.4826 * np.median(np.abs(np.array(gaps) - common), axis=0)
        # A median of few is itself noisy: shrink it by its own error (James and Stein 1961), so that only a
        # shift that many tracks agree on is taken out.
        error = float(((1.2533 * scatter) ** 2).sum()) / len(gaps)
        common = common * max(0.0, 1.0 - error / max(float(common @ common), 1e-12))
        believed = 1 - math.exp(-passed / self.rules.stabilise_seconds)
        faster = believed**2 / (2 - believed) / passed
        for track in self.tracks:
            if track.state is not None:
                track.state += np.concatenate([believed * common, faster * common])
        self._shift = (1 - believed) * common

    def _take(
        self,
        track: Track,
        measured: _Measured,
        index: int,
        captured_at: datetime,
        seconds: float,
        frame_index: int,
        pose: Pose | None,
    ) -> None:
        name = measured.found.name(index)
        place = measured.places[index]
        grounded = bool(np.isfinite(place).all())
        left, top, right, bottom = (float(v) for v in measured.found.boxes[index])
        track.points.append(
            TrackPoint(
                captured_at, seconds, frame_index, name, (left, top, right, bottom),
                float(measured.found.scores[index]),
                (float(measured.pixels[index, 0]), float(measured.pixels[index, 1])),
                float(measured.sigmas[index]),
                (float(place[0]), float(place[1])) if grounded else None,
                pose, bool(measured.whole[index]),
            )
        )  # fmt: skip
        track.votes[name] += float(measured.found.scores[index])  # type: ignore[assignment]
        track.hits += 1
        track.missed = track.waiting = 0
        if grounded:
            self._correct(track, place - self._shift, measured.errors[index], seconds)
            if track.creep is None:
                track.creep = self._creep.total
            crept = (self._creep.total - track.creep) @ [1.0, *place]
            # What the picture does not tell is taken from the tracks: their common shift.
            steady = place - crept - (0.0 if self._creep.measured else self._shift)
            track.steady.append((seconds, float(steady[0]), float(steady[1])))

    def _correct(self, track: Track, place: Array, error: Array, seconds: float) -> None:
        if track.state is None or track.covariance is None:
            speed = self.rules.start_speed[track.group]
            track.state = np.array([place[0], place[1], 0.0, 0.0])
            track.covariance = np.zeros((4, 4))
            track.covariance[:2, :2] = error
            track.covariance[2:, 2:] = speed**2 * np.eye(2)
            track.state_at = seconds
            return
        spread = track.covariance[:2, :2] + error
        gain = track.covariance[:, :2] @ np.linalg.inv(spread)
        track.state = track.state + gain @ (place - track.state[:2])
        track.covariance = track.covariance - gain @ track.covariance[:2]

    def _start(
        self,
        measured: _Measured,
        index: int,
        captured_at: datetime,
        seconds: float,
        frame_index: int,
        pose: Pose | None,
    ) -> None:
        track = Track(self._next_id, measured.groups[index], frames=1)
        self._next_id += 1
        self._take(track, measured, index, captured_at, seconds, frame_index, pose)
        self.tracks.append(track)

    def _retire(self, seconds: float, pose: Pose | None) -> None:
        """End tracks that are lost, that never came true, or whose place has left the picture."""
        outside: set[int] = set()
        missing = [track for track in self.tracks if not track.seen and track.state is not None]
        if missing and pose is not None and self.view is not None:
            states = np.array([track.state[:2] for track in missing if track.state is not None])
            inside = self.view.in_view(pose, states + self._shift, margin_px=-20.0)
            outside = {track.id for track, visible in zip(missing, inside, strict=True) if not visible}
        kept: list[Track] = []
        self.ended = []
        for track in self.tracks:
            unseen = seconds - track.last.seconds
            tentative = track.hits < self.rules.confirm_hits and track.missed > 1
            lost = unseen > self.rules.lost_seconds and track.missed >= self.rules.lost_frames
            track.lost = lost and track.id not in outside
            (self.ended if tentative or lost or track.id in outside else kept).append(track)
        self.tracks = kept


def _iou(box: Array, others: Array) -> Array:
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-9))
