"""The ledger of ground seen: which ground a camera truly saw, when, how finely, and by which algorithm.

Every frame is laid on the lattice of ``missions.seen_tiles``. A square counts as seen when its middle
projects into the picture, lies near and steep enough, and no building, crown or hill stands between it and
the camera. Its fineness is the ground sample distance and the motion blur, added as variances.
``docs/ledger.md`` gives the mathematics and its sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from missions.footprints import EXPOSURE_S
from missions.geodesy import Array, LocalFrame
from missions.seen_obstacles import Mask, Obstacles
from missions.seen_tiles import (
    FINENESS_M,
    SIDE,
    SQUARE_DEG,
    SeenTile,
    TileKey,
    algorithms_key,
    centres_of,
    fineness_class,
    tiles_within,
)
from missions.seen_views import Eye, Lens, Stance, axes_of, ground_sample_distance_m, inside_picture
from missions.terrain import GroundHeight, Terrain, ground_in, sampled_ground

LookedAt = Callable[[Array], Mask]
"""Pixels (N, 2) of a frame -> which of them lie where it was looked at (N,)."""

LONGEST_STEP_S = 2.0
"""Frames further apart in time tell nothing about motion, and what lay between them was not watched."""
HILL_STEP_M = 10.0
HILL_REACH_M = 1000.0
HILL_MARGIN_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What still counts as seen.

    reach_m: along the ground. least_depression_deg: of the line of sight below the horizon.
    exposure_s: of one frame, for motion blur.
    """

    reach_m: float = 400.0
    least_depression_deg: float = 12.0
    exposure_s: float = EXPOSURE_S


@dataclass(frozen=True, slots=True)
class Visible:
    """Squares of one tile that a frame shows: ``rows`` and ``columns`` (N,) within the tile, ``gsd_m``
    (N,) the ground sample distance, ``fineness_m`` (N,) the same with blur."""

    tile: TileKey
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    gsd_m: Array
    fineness_m: Array


@dataclass(frozen=True, slots=True)
class _Ground:
    """The squares of a tile in the ledger's metres: ``places`` (128, 128, 3), NaN where the height is
    unknown."""

    places: Array
    open: Mask
    lowest_m: float
    highest_m: float
    steepest: float


@dataclass(slots=True)
class _Kept:
    record: SeenTile
    changed_s: float = 0.0
    reported: bool = True


@dataclass(slots=True)
class Ledger:
    """What one camera has seen in one flight.

    Args:
        frame: the metres of ``obstacles``; its origin should lie within 10 km of the flight.
        terrain: elevation; ground of unknown height is never marked.
    """

    frame: LocalFrame
    terrain: Terrain
    obstacles: Obstacles = field(default_factory=Obstacles)
    limits: Limits = field(default_factory=Limits)
    tiles: dict[TileKey, _Kept] = field(default_factory=dict, init=False)
    _grounds: dict[TileKey, _Ground] = field(default_factory=dict, init=False)
    _before: tuple[float, Eye] | None = field(default=None, init=False)
    _hills: tuple[Array, GroundHeight] | None = field(default=None, init=False)

    def look(
        self,
        lens: Lens,
        stance: Stance,
        captured_at: datetime,
        algorithms: Iterable[str],
        looked_at: LookedAt | None = None,
    ) -> int:
        """Enter one frame.

        Args:
            lens: intrinsics of the frame. stance: the camera's pose at its capture.
            algorithms: names of what looked at it, e.g. ``patrol-rgb`` and ``crowds``.
            looked_at: which pixels (N, 2) of the frame lie where they did look; None: everywhere.

        Returns:
            How many squares it shows.

        Raises:
            ValueError: the names cannot be used, or the pose is no place on Earth.
        """
        names = algorithms_key(algorithms)
        eye = self.eye(lens, stance)
        seconds = captured_at.timestamp()
        before = self._before
        step = seconds - before[0] if before is not None else 0.0
        self._before = (seconds, eye)
        known = before is not None and 0 < step <= LONGEST_STEP_S
        count = 0
        for visible in self.visible(
            eye, (before[1], step) if known and before is not None else None, looked_at
        ):
            count += self._enter(visible, names, seconds, step if known else 0.0)
        return count

    def eye(self, lens: Lens, stance: Stance) -> Eye:
        """A camera in the ledger's metres."""
        place = self.frame.to_enu(stance.latitude, stance.longitude, stance.altitude_amsl_m)[0]
        return Eye(lens, np.asarray(place), axes_of(stance.yaw_deg, stance.pitch_deg, stance.roll_deg))

    def visible(
        self, eye: Eye, before: tuple[Eye, float] | None = None, looked_at: LookedAt | None = None
    ) -> list[Visible]:
        """The squares that a camera shows, tile by tile.

        Args:
            before: the camera of an earlier frame and the seconds since, for motion blur.
            looked_at: as for ``look``.
        """
        found = self._in_picture(eye, looked_at)
        if not found:
            return []
        places = np.concatenate([part[3] for part in found])
        clear = ~self.obstacles.hidden(places, eye.position)
        clear[clear] = ~self._behind_hills(places[clear], eye.position)
        gsd = ground_sample_distance_m(
            eye.lens, np.concatenate([p[4] for p in found]), eye.position[2] - places[:, 2]
        )
        fineness = gsd * np.sqrt(1 + self._blur_px(eye, before, places) ** 2)
        clear &= fineness <= FINENESS_M[-1]
        result, first = [], 0
        for tile, rows, columns, part, _ in found:
            here = slice(first, first + len(part))
            first += len(part)
            kept = clear[here]
            if kept.any():
                result.append(Visible(tile, rows[kept], columns[kept], gsd[here][kept], fineness[here][kept]))
        return result

    def places(self, tile: TileKey) -> Array:
        """The middles of a tile's squares on the ground, (128, 128, 3) in the ledger's metres."""
        return self._ground(tile).places

    def take(self, *, quiet_s: float = 0.0) -> list[SeenTile]:
        """Tiles that changed since they were last taken, to be reported.

        Args:
            quiet_s: only those not looked at in the last seconds of the flight; 0 takes all.
        """
        now = self._before[0] if self._before is not None else 0.0
        due = []
        for kept in self.tiles.values():
            if not kept.reported and now - kept.changed_s >= quiet_s:
                kept.reported = True
                due.append(kept.record)
        return due

    def _enter(self, visible: Visible, names: str, seconds: float, step_s: float) -> int:
        kept = self.tiles.get(visible.tile)
        if kept is None:
            kept = self.tiles[visible.tile] = _Kept(SeenTile(visible.tile))
        kept.changed_s, kept.reported = seconds, False
        kept.record.dwell_s[visible.rows, visible.columns] += np.float32(step_s)
        classes = fineness_class(visible.fineness_m)
        now = np.uint32(int(seconds))
        for index in np.unique(classes):
            chosen = classes == index
            times = kept.record.layer((names, int(index)))
            rows, columns = visible.rows[chosen], visible.columns[chosen]
            times[rows, columns] = np.maximum(times[rows, columns], now)
        return len(visible.rows)

    # one frame

    def _in_picture(
        self, eye: Eye, looked_at: LookedAt | None
    ) -> list[tuple[TileKey, NDArray[np.int64], NDArray[np.int64], Array, Array]]:
        """Open squares near and steep enough within the picture: tile, rows, columns, places and depths."""
        bounds = self._bounds(eye)
        if bounds is None:
            return []
        found = []
        for tile in tiles_within(bounds):
            window = _window(tile, bounds)
            ground = self._ground(tile)
            places = ground.places[window].reshape(-1, 3)
            pixels, depth = eye.pixels(places)
            away = np.hypot(places[:, 0] - eye.position[0], places[:, 1] - eye.position[1])
            drop = eye.position[2] - places[:, 2]
            steep = drop >= np.tan(np.radians(self.limits.least_depression_deg)) * away
            inside = inside_picture(eye.lens, pixels) & steep & (drop > 0) & (away <= self.limits.reach_m)
            inside &= ground.open[window].reshape(-1)
            index = np.flatnonzero(inside)
            if looked_at is not None:
                index = index[looked_at(pixels[index])]
            if len(index):
                width = window[1].stop - window[1].start
                rows, columns = index // width + window[0].start, index % width + window[1].start
                found.append((tile, rows, columns, places[index], depth[index]))
        return found

    def _bounds(self, eye: Eye) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees of the ground that may be in view."""
        below = self.frame.to_geodetic(eye.position[None])[0]
        under = self._ground((int(np.floor(below[0] * 1000)), int(np.floor(below[1] * 1000))))
        margin = 0.05 * self.limits.reach_m
        lowest, highest = under.lowest_m - margin, under.highest_m + margin
        if not np.isfinite(lowest + highest):
            return None
        metres = eye.bounds(lowest, min(highest, float(eye.position[2]) - 1.0), self.limits.reach_m)
        if metres is None:
            return None
        west, south, east, north = metres
        corners = self.frame.to_geodetic([[west, south], [east, south], [east, north], [west, north]])
        return (
            float(corners[:, 1].min()), float(corners[:, 0].min()),
            float(corners[:, 1].max()), float(corners[:, 0].max()),
        )  # fmt: skip

    def _ground(self, tile: TileKey) -> _Ground:
        found = self._grounds.get(tile)
        if found is None:
            found = self._grounds[tile] = self._survey(tile)
        return found

    def _survey(self, tile: TileKey) -> _Ground:
        lat, lon = (axis.ravel() for axis in np.meshgrid(*centres_of(tile), indexing="ij"))
        places = self.frame.to_enu(lat, lon)
        places[:, 2] = self.terrain.elevation_m(lat, lon) - self.frame.altitude_amsl_m
        built = self.obstacles.built_over(places[:, 0], places[:, 1])
        shaped = places.reshape(SIDE, SIDE, 3)
        rise = np.gradient(shaped[..., 2])
        run = float(np.hypot(*(shaped[1, 1, :2] - shaped[0, 0, :2]))) / 2**0.5
        known = np.isfinite(places[:, 2])
        slope = float(np.nanmax(np.hypot(*rise)) / run) if known.all() else 1.0
        low, high = (places[known, 2].min(), places[known, 2].max()) if known.any() else (np.nan, np.nan)
        return _Ground(shaped, (known & ~built).reshape(SIDE, SIDE), float(low), float(high), slope)

    def _behind_hills(self, places: Array, camera: Array) -> Mask:
        """Which places (N, 3) the ground itself hides: lines of sight sampled every ten metres.

        A line that is steeper than the ground anywhere near cannot meet it again.
        """
        away = camera[:2] - places[:, :2]
        length = np.hypot(away[:, 0], away[:, 1])
        steepest = max((ground.steepest for ground in self._grounds.values()), default=0.0)
        doubtful = np.flatnonzero(camera[2] - places[:, 2] < 1.5 * steepest * length)
        hidden = np.zeros(len(places), bool)
        if not len(doubtful):
            return hidden
        ground = self._hill_ground(camera)
        start, rise = places[doubtful], camera[2] - places[doubtful, 2]
        for share in np.arange(HILL_STEP_M, float(length[doubtful].max()), HILL_STEP_M):
            part = share / np.maximum(length[doubtful], 1e-6)
            points = start[:, :2] + part[:, None] * away[doubtful]
            above = ground(points[:, 0], points[:, 1])
            hidden[doubtful] |= (part < 1) & (above > start[:, 2] + part * rise + HILL_MARGIN_M)
        return hidden

    def _hill_ground(self, camera: Array) -> GroundHeight:
        """The ground around, read from a coarse grid that is sampled anew when the camera has moved on."""
        if (
            self._hills is None
            or np.hypot(*(camera[:2] - self._hills[0])) > HILL_REACH_M - self.limits.reach_m
        ):
            middle = camera[:2].copy()
            west, south = middle - HILL_REACH_M
            east, north = middle + HILL_REACH_M
            ground = ground_in(self.frame, self.terrain)
            self._hills = (middle, sampled_ground(ground, (west, south, east, north), HILL_STEP_M))
        return self._hills[1]

    def _blur_px(self, eye: Eye, before: tuple[Eye, float] | None, places: Array) -> Array:
        """How far each place (N, 3) runs across the picture while one frame is exposed, in pixels."""
        if before is None or before[0].lens != eye.lens:
            return np.zeros(len(places))
        now, then = eye.pixels(places)[0], before[0].pixels(places)[0]
        run = np.hypot(*(now - then).T) / before[1] * self.limits.exposure_s
        return np.where(np.isfinite(run), run, 0.0)


def _window(tile: TileKey, bounds: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """The squares of a tile within west, south, east, north in degrees."""
    west, south, east, north = bounds

    def clipped(low: float, high: float, start: int) -> slice:
        first = int(np.clip(np.floor(low / SQUARE_DEG) - start * SIDE, 0, SIDE))
        return slice(first, int(np.clip(np.floor(high / SQUARE_DEG) - start * SIDE + 1, first, SIDE)))

    return clipped(south, north, tile[0]), clipped(west, east, tile[1])
