"""Fire, smoke and illegal parking: believed when they have lasted, taken back when they prove otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np

from missions.geodesy import Array
from missions.kinds import Confirm, Kind
from missions.messages import Reason, SightingKind
from missions.zones import Zone, Zones
from vision.camera import Pose
from vision.claims import Claim, at_least, at_most, distance, middle
from vision.ground import GroundView
from vision.motion import straight_motion
from vision.rules import HazardRules
from vision.tracker import Track, TrackPoint

PARKED = frozenset({"car", "bus", "truck", "van"})
SIZE_LOOKS = 8
GOES_ON_HITS = 4
STANDING_LEAST_SAMPLES = 2
HEIGHT_LEAST_SAMPLES, HEIGHT_WINDOW_S = 6, 6.0
PLACE_SIGMA_M = 0.3
MOST_FEET = 600


def needed_looks(rule: Confirm, interval_s: float) -> int:
    """Looks that confirm at this frame interval: fewer when frames lie far apart, but never one alone.

    >>> needed_looks(Confirm(seconds=1.0, looks=4, min_score=0.4), 0.2)
    4
    >>> needed_looks(Confirm(seconds=1.0, looks=4, min_score=0.4), 7.0)
    2
    """
    return max(2, min(rule.looks, math.ceil(rule.seconds / max(interval_s, 1e-3) - 1e-6)))


def best_score(points: Sequence[TrackPoint], count: int) -> float:
    """Mean of the ``count`` best scores; of all there are when there are fewer."""
    scores = sorted((point.score for point in points), reverse=True)[:count]
    return float(np.mean(scores)) if scores else 0.0


def belief(score: float, seconds: float, needed_s: float) -> float:
    """Confidence from the mean score and from how long it lasted.

    Frames of one view err together, so that time adds at most one independent look:
    ``1 - (1 - score) ** (1 + min(1, seconds / (3 * needed)))``.
    """
    weight = 1.0 + min(1.0, seconds / (3 * needed_s) if needed_s > 0 else 1.0)
    return float(np.clip(1 - (1 - score) ** weight, 0, 0.99))


class HazardJudge:
    """Decides about tracks, frame by frame."""

    def __init__(self, rules: HazardRules, kinds: Mapping[SightingKind, Kind], zones: Zones | None) -> None:
        self.rules = rules
        self.view: GroundView | None = None
        self._kinds = kinds
        self._zones = zones
        self._forbidden = zones.grown("no_parking", rules.zone_margin) if zones is not None else None
        self._parked: dict[int, tuple[tuple[float, float], Zone]] = {}
        self._claimed: set[int] = set()
        self._low_until: dict[int, float] = {}
        self._feet: dict[datetime, tuple[float, float, float]] = {}

    def update(
        self, tracks: Sequence[Track], ended: Sequence[Track], seconds: float, interval_s: float
    ) -> list[Claim]:
        """Claims about the tracks seen in this frame, and retractions.

        Args:
            seconds: time of the frame from the first one. interval_s: usual time between frames.
        """
        claims: list[Claim] = []
        fires = [track for track in tracks if track.group == "fire" and track.hits >= 2]
        for track in tracks:
            if not track.seen:
                continue
            if track.group in ("fire", "smoke") and self._low(track.last.pose):
                self._low_until[track.id] = track.last.seconds
                continue
            if track.group == "fire":
                claims += self._burning(SightingKind.FIRE, track, interval_s)
            elif track.group == "smoke":
                if not self._above_fire(track, fires, seconds):
                    claims += self._burning(SightingKind.SMOKE, track, interval_s)
            elif track.group == "vehicle":
                claims += self._parking(track, interval_s)
        claims += self._vanished(ended, tracks)
        self._claimed |= {id for claim in claims if not claim.retract for id in claim.tracks}
        return claims

    # -- fire and smoke --------------------------------------------------------------------------------------

    def _low(self, pose: Pose | None) -> bool:
        """Whether the camera is so low that dust of the rotors, or plain ground, can pass for smoke."""
        if pose is None or self.view is None:
            return False
        east, north, up = pose.position_in(self.view.frame)
        # Where no ground is known nothing is left out.
        return bool(up - self.view.heights([[east, north]])[0] < self.rules.least_height)

    def _burning(self, kind: SightingKind, track: Track, interval_s: float) -> list[Claim]:
        rule = self._kinds[kind].confirm
        low_until = self._low_until.get(track.id, float("-inf"))
        points = [point for point in track.points if point.seconds > low_until]
        lasted = points[-1].seconds - points[0].seconds
        looks = needed_looks(rule, interval_s)
        # Flames flicker, so their best looks count; a shadow passes for smoke in some looks, not on average.
        counted = len(points) if kind is SightingKind.SMOKE else max(looks, rule.looks)
        score = best_score(points, counted)
        places = np.array([point.place for point in points if point.place is not None])
        spread = _spread(places)
        reasons = [
            at_least(
                "seen_seconds", lasted, rule.seconds, "s", f"{kind.value} seen for {lasted:.1f} s"
            ),
            at_least("looks", len(points), looks, "", f"in {len(points)} frames"),
            at_least("mean_score", score, rule.min_score, "", f"with a mean score of {score:.2f}"),
            at_least(
                "seen_fraction", track.hits / max(track.frames, 1), self.rules.seen_fraction, "",
                f"in {track.hits} of {track.frames} frames since the first",
            ),
            at_most(
                "spread", spread, self.rules.spread[kind], "m", f"staying at one place within {spread:.1f} m"
            ),
        ]  # fmt: skip
        size, least = self._size(points), self.rules.least_size[kind]
        if size is not None:
            reasons.append(at_least("size", size, least, "m", f"{size:.1f} m across"))
        if not all(reason.fulfilled for reason in reasons):
            return []
        return [
            Claim(
                kind=kind, tracks=frozenset({track.id}), points=points, place=middle(points),
                confidence=belief(score, lasted, rule.seconds), reasons=reasons,
            )
        ]  # fmt: skip

    def _size(self, points: Sequence[TrackPoint]) -> float | None:
        """Median width of the newest boxes (the side of a square as large), metres; None without a pose."""
        if self.view is None:
            return None
        sizes = []
        for point in points[-SIZE_LOOKS:]:
            if point.pose is None or point.place is None:
                continue
            left, top, right, bottom = point.box
            side = math.sqrt(max(right - left, 0.0) * max(bottom - top, 0.0))
            sizes.append(side * float(self.view.metres_per_pixel(point.pose, point.place)[0]))
        known = [size for size in sizes if math.isfinite(size)]
        return float(np.median(known)) if known else None

    def _above_fire(self, smoke: Track, fires: Sequence[Track], seconds: float) -> bool:
        """Whether smoke rises from a fire, or is too young to tell."""
        for fire in fires:
            near = distance(middle(list(fire.points)), middle(list(smoke.points)))
            if near <= self.rules.fire_smoke_distance or _rises_from(smoke, fire):
                return True
        return seconds - smoke.first.seconds < self.rules.fire_hold

    def _vanished(self, ended: Sequence[Track], tracks: Sequence[Track]) -> list[Claim]:
        """Fire or smoke that was reported, then hardly seen again although its place was in view.

        Plumes change their shape: what goes on as another track at the same place has not vanished.
        """
        claims = []
        for track in ended:
            kind = {"fire": SightingKind.FIRE, "smoke": SightingKind.SMOKE}.get(track.group)
            share = track.hits / max(track.frames, 1)
            if kind is None or not track.lost or track.id not in self._claimed:
                continue
            least = self.rules.seen_fraction
            if share < least and not self._goes_on(track, kind, [*tracks, *ended]):
                points = list(track.points)
                claims.append(
                    Claim(
                        kind=kind, tracks=frozenset({track.id}), points=points, place=middle(points),
                        confidence=0.1, retract=True,
                        reasons=[
                            at_least(
                                "seen_fraction", share, least, "",
                                f"no longer seen at its place: in {track.hits} of {track.frames} frames only",
                            )
                        ],
                    )
                )  # fmt: skip
        return claims

    def _goes_on(self, track: Track, kind: SightingKind, others: Sequence[Track]) -> bool:
        """Whether another track of the kind, seen often enough itself, was at the same place lately."""
        place = middle(list(track.points))
        return any(
            other.id != track.id and other.group == track.group and other.hits >= GOES_ON_HITS
            and other.last.seconds >= track.last.seconds
            and distance(middle(list(other.points)), place) <= self.rules.spread[kind]
            for other in others
        )  # fmt: skip

    # -- parking ---------------------------------------------------------------------------------------------

    def _parking(self, track: Track, interval_s: float) -> list[Claim]:
        if self._zones is None or self.view is None or track.name not in PARKED:
            return []
        if track.id in self._parked:
            leaving = self._leaving(track)
            if leaving:
                return [leaving]
        rule = self._kinds[SightingKind.ILLEGAL_PARKING].confirm
        looks = needed_looks(rule, interval_s)
        standing = standing_samples(self._upright(track), self.rules)
        lasted = float(standing[-1, 0] - standing[0, 0]) if len(standing) else 0.0
        if len(standing) < STANDING_LEAST_SAMPLES or lasted < rule.seconds - 1e-3 or len(standing) < looks:
            return []
        since = float(standing[0, 0])
        points = [
            point for point in track.points if point.seconds >= since - 1e-6 and point.place is not None
        ]
        whole = [point for point in points if point.whole] or points
        places = self._upright_places(whole)
        zone, fraction = self._zone_of(places)
        if zone is None:
            return []
        speed, drift = straight_motion(standing)
        score = best_score(points, rule.looks)
        reasons = self._parking_reasons(rule, track.name, lasted, len(points), looks, speed, drift)
        reasons += [
            at_least("mean_score", score, rule.min_score, "", f"with a mean score of {score:.2f}"),
            at_least(
                "in_zone", fraction, self.rules.zone_fraction, "",
                f"{fraction:.0%} of its looks lie in no-parking zone {zone.code} {zone.name}",
            ),
        ]  # fmt: skip
        if not all(reason.fulfilled for reason in reasons):
            return []
        seen_at = middle(whole)
        assert seen_at is not None
        self._parked.setdefault(track.id, (seen_at, zone))
        east, north = np.median(places, axis=0)
        return [
            Claim(
                kind=SightingKind.ILLEGAL_PARKING, tracks=frozenset({track.id}), points=whole,
                place=(float(east), float(north)),
                confidence=belief(score, lasted, rule.seconds) * fraction, reasons=reasons, zone=zone.code,
            )
        ]  # fmt: skip

    def _upright(self, track: Track) -> Array:
        """Seconds, east, north (n, 3) of a vehicle without what an error of the camera's height does to them.

        Where the told height is off by ``e``, a place is off by ``e`` times its distance from the camera's
        foot over the height: what stands still seems to creep while the camera passes. So the error, within
        what heights are off by, is the one that keeps the newest looks most nearly at one place.
        """
        samples = np.array(track.steady)
        points = [point for point in track.points if point.place is not None][-len(samples) :]
        if len(points) == len(samples):
            samples[:, 1:] -= self._leaning(points, samples)
        return samples

    def _upright_places(self, points: Sequence[TrackPoint]) -> Array:
        """Places (n, 2) of looks at a standing vehicle, the error of the camera's height taken out."""
        told = told_samples(points)
        return told[:, 1:] - self._leaning(points, told)

    def _leaning(self, points: Sequence[TrackPoint], samples: Array) -> Array:
        """What an error of the height does (n, 2) to ``samples`` (n, 3), one of each of ``points``."""
        nothing = np.zeros((len(samples), 2))
        if self.view is None or len(samples) < HEIGHT_LEAST_SAMPLES:
            return nothing
        leans = np.array([self._lean(point) for point in points])
        fitted = np.isfinite(leans).all(axis=1) & (samples[:, 0] >= samples[-1, 0] - HEIGHT_WINDOW_S)
        whole = fitted & np.array([point.whole for point in points])
        fitted = whole if whole.sum() >= HEIGHT_LEAST_SAMPLES else fitted
        if fitted.sum() < HEIGHT_LEAST_SAMPLES:
            return nothing
        places, slopes = samples[fitted, 1:], leans[fitted]
        places, slopes = places - places.mean(axis=0), slopes - slopes.mean(axis=0)
        most = self.rules.height_error
        weak = fitted.sum() * (PLACE_SIGMA_M / most) ** 2
        error = float(np.clip((places * slopes).sum() / ((slopes**2).sum() + weak), -most, most))
        return np.asarray(error * np.nan_to_num(leans))

    def _lean(self, point: TrackPoint) -> tuple[float, float]:
        """How many metres east and north a place is off for each metre that the camera's height is."""
        assert self.view is not None
        assert point.place is not None
        if point.pose is None:
            return math.nan, math.nan
        foot = self._feet.get(point.pose.captured_at)
        if foot is None:
            east, north, up = (float(value) for value in point.pose.position_in(self.view.frame))
            foot = east, north, up - float(self.view.heights([[east, north]])[0])
            self._feet[point.pose.captured_at] = foot
            while len(self._feet) > MOST_FEET:
                self._feet.pop(next(iter(self._feet)))
        east, north, height = foot
        if not height > 1.0:
            return math.nan, math.nan
        return (point.place[0] - east) / height, (point.place[1] - north) / height

    def _parking_reasons(
        self, rule: Confirm, name: str, lasted: float, count: int, looks: int, speed: float, drift: float
    ) -> list[Reason]:
        return [
            at_least("standing_seconds", lasted, rule.seconds, "s", f"{name} standing for {lasted:.1f} s"),
            at_least("looks", count, looks, "", f"in {count} frames"),
            at_most("speed", speed, self.rules.standing_speed, "m/s", f"at {speed:.2f} m/s"),
            at_most("drift", drift, self.rules.standing_drift, "m", f"within {drift:.1f} m of its place"),
        ]

    def _zone_of(self, places: Array) -> tuple[Zone | None, float]:
        """The no-parking zone of most places (n, 2) and their share; none inside a marked parking place."""
        assert self._zones is not None
        assert self._forbidden is not None
        assert self.view is not None
        counts: dict[str, int] = {}
        found: dict[str, Zone] = {}
        for place in places:
            latitude, longitude = self.view.geodetic(place)
            if self._zones.containing(latitude, longitude, "parking"):
                continue
            for zone in self._forbidden.containing(latitude, longitude):
                counts[zone.code] = counts.get(zone.code, 0) + 1
                found[zone.code] = zone
        if not counts:
            return None, 0.0
        code = max(sorted(counts), key=lambda c: counts[c])
        return found[code], counts[code] / len(places)

    def _leaving(self, track: Track) -> Claim | None:
        place, zone = self._parked[track.id]
        # A box that the border of the picture cuts seems to move while less and less of it is in view.
        points = [point for point in track.points if point.place is not None]
        recent = {p.seconds: p for p in points if p.whole and p.seconds >= track.last.seconds - 1.5}
        if len(recent) < 3:
            return None
        # What drives off does so in every reading: as seen, and with either error of the pose taken out.
        told = told_samples(recent.values())
        readings = [told] + [
            np.array([sample for sample in samples if sample[0] in recent])
            for samples in (np.array(track.steady), self._upright(track))
        ]
        speed = min(straight_motion(samples)[0] for samples in readings)
        gone = distance(place, (float(told[-1, 1]), float(told[-1, 2])))
        if speed < self.rules.leaving_speed or gone < self.rules.leaving_distance:
            return None
        del self._parked[track.id]
        points = [point for point in points if distance(point.place, place) < 2.0] or [track.first]
        return Claim(
            kind=SightingKind.ILLEGAL_PARKING, tracks=frozenset({track.id}), points=points, place=place,
            confidence=0.1, zone=zone.code, retract=True,
            reasons=[
                at_most(
                    "speed", speed, self.rules.standing_speed, "m/s",
                    f"it drove off at {speed:.1f} m/s and is {gone:.0f} m away",
                )
            ],
        )  # fmt: skip


def told_samples(points: Iterable[TrackPoint]) -> Array:
    """Seconds, east, north (n, 3) of looks as the pose tells them; those without a place are left out."""
    return np.array([(point.seconds, *point.place) for point in points if point.place is not None])


def standing_samples(samples: Array, rules: HazardRules) -> Array:
    """The newest stretch (n, 3) of ``samples``, seconds, east, north, that stand still; may be empty."""
    if len(samples) < STANDING_LEAST_SAMPLES:
        return np.zeros((0, 3))
    here = np.median(samples[-5:, 1:], axis=0)
    far = np.linalg.norm(samples[:, 1:] - here, axis=1) > rules.standing_drift
    # One outlying box is an error of the detector; two in a row are movement.
    away = np.flatnonzero(far[1:] & far[:-1]) + 1
    start = int(away[-1]) + 1 if len(away) else 0
    stretch = samples[start:]
    return np.asarray(stretch[~far[start:]])


def _spread(places: Array) -> float:
    if len(places) < 2:
        return 0.0
    return float(np.median(np.linalg.norm(places - np.median(places, axis=0), axis=1)))


def _rises_from(smoke: Track, fire: Track) -> bool:
    """Whether the newest boxes show the flames inside or just below the plume."""
    if abs(smoke.last.seconds - fire.last.seconds) > 2.0:
        return False
    left, top, right, bottom = smoke.last.box
    fl, ft, fr, fb = fire.last.box
    margin = 0.25 * max(right - left, fr - fl)
    u, v = (fl + fr) / 2, (ft + fb) / 2
    return left - margin <= u <= right + margin and top <= v <= bottom + margin + (fb - ft)
