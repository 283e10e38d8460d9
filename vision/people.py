"""The people of one frame, as the judges of crowds see them: points on the ground, and looks at several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from missions.geodesy import Array
from missions.zones import Zones
from vision.camera import Pose
from vision.ground import GroundView
from vision.ground_motion import GroundMotion
from vision.motion import Moment, straight_motion
from vision.tracker import Track, TrackPoint


@dataclass(slots=True)
class People:
    """The people of one frame.

    places: (N, 2) where ``tracks`` stand, east and north. moments: the smoothed motion of those known long
    enough, by track id.
    """

    tracks: list[Track]
    places: Array
    seconds: float
    pose: Pose
    view: GroundView
    ground: GroundMotion
    zones: Zones | None = None
    moments: Mapping[int, Moment] = field(default_factory=dict)

    def zone_kinds(self, place: Array) -> set[str]:
        """Kinds of the zones that a place lies in."""
        if self.zones is None:
            return set()
        return {zone.kind for zone in self.zones.containing(*self.view.geodetic(place))}

    def look(self, indices: Sequence[int]) -> TrackPoint:
        """A look at several people: the box around them and the ground in their middle."""
        members = [self.tracks[i] for i in indices]
        seen = [track for track in members if track.seen] or members
        boxes = np.array([track.last.box for track in seen])
        places = np.array([track.last.place or track.state[:2] for track in seen if track.state is not None])
        centre = np.median(places, axis=0)
        pixel = self.view.pixels(self.pose, centre[None])[0]
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        if not np.isfinite(pixel).all():
            pixel = np.array([(box[0] + box[2]) / 2, box[3]])
        scatter = np.abs(boxes[:, :2] - np.median(boxes[:, :2], axis=0))
        spread = float(np.median(scatter)) if len(seen) > 2 else 0.0
        newest = max(seen, key=lambda track: track.last.seconds).last
        return TrackPoint(
            newest.captured_at, self.seconds, newest.frame_index, "person", box,
            float(np.mean([track.last.score for track in seen])), (float(pixel[0]), float(pixel[1])),
            3.0 + spread / math.sqrt(len(seen)), (float(centre[0]), float(centre[1])),
            newest.pose or self.pose, bool(np.mean([track.last.whole for track in seen]) > 0.7),
        )  # fmt: skip


def way_made(track: Track, since: float, least_s: float) -> float | None:
    """Speed of somebody's way since then, m/s, by a straight line: what leads nowhere does not count.

    None when known for less than ``least_s``; two looks do where frames lie further apart than that.
    """
    samples = np.array([sample for sample in track.steady if sample[0] >= since - 1e-6]).reshape(-1, 3)
    if len(samples) < 2 or samples[-1, 0] - samples[0, 0] < least_s - 1e-6:
        return None
    return straight_motion(samples)[0]
