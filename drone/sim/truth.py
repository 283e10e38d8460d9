"""What is truly in a frame: tight boxes of everything the detector knows, and which planted events show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drone.sim.actors import Actor
from drone.sim.effects import Sprites
from drone.sim.occlusion import Occluders, unhidden
from drone.sim.view import View

if TYPE_CHECKING:
    from drone.sim.town import Town

Array = NDArray[np.float64]
FIRST_FIRE_ID = 200_000
FIRST_SMOKE_ID = 300_000
SMALLEST_PX = 3.0
PROBES = 12
SEEN_FRACTION = 0.3
THICK_ALPHA = 34.0
PUFF_SOLID = 0.62
FLAME_SOLID = (0.62, 0.88)


@dataclass(frozen=True, slots=True)
class TruthBox:
    """One visible thing. box: left, top, right, bottom in pixels, clipped to the picture. east, north: its
    place
    on the ground in the town's frame. visible_fraction: share of its outline that is inside the picture and
    not
    hidden by buildings, trees or other things."""

    id: int
    name: str
    box: tuple[float, float, float, float]
    east: float
    north: float
    visible_fraction: float
    event_id: str | None = None

    @property
    def size_px(self) -> tuple[float, float]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True)
class EventView:
    """Whether a planted event shows in a frame, and its span there (longer side of its boxes' hull)."""

    visible: bool
    span_px: float


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """The truth of one frame. Things that are hidden entirely or under 3 px are left out."""

    time_s: float
    boxes: list[TruthBox]
    events: dict[str, EventView]


class Witness:
    """Writes down the truth of frames."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._occluders = Occluders(town)

    def report(
        self,
        time_s: float,
        view: View,
        actors: list[Actor],
        fires: list[tuple[int, Sprites]],
        smokes: list[tuple[int, Sprites]],
    ) -> FrameTruth:
        """Boxes of actors, and of the flames and smoke of blazes given as (index, sprites)."""
        boxes = self._actors(view, actors)
        for index, sprites in fires:
            boxes += self._plume(view, index, "fire", FIRST_FIRE_ID, sprites, FLAME_SOLID)
        for index, sprites in smokes:
            thick = sprites.colours[:, 3] > THICK_ALPHA
            dense = Sprites(
                sprites.centres[thick],
                sprites.halves[thick],
                sprites.frames[thick],
                sprites.colours[thick],
                0.0,
            )
            boxes += self._plume(view, index, "smoke", FIRST_SMOKE_ID, dense, (PUFF_SOLID, PUFF_SOLID))
        return FrameTruth(time_s, boxes, self._events(time_s, boxes))

    def _actors(self, view: View, actors: list[Actor]) -> list[TruthBox]:
        kept, hulls, depths, frames = [], [], [], []
        width, height = view.camera.width_px, view.camera.height_px
        if not actors:
            return []
        pixels, depth = view.project(np.concatenate([a.points for a in actors]))
        ends = np.cumsum([len(a.points) for a in actors])
        for actor, stop in zip(actors, ends, strict=True):
            window = slice(stop - len(actor.points), stop)
            if depth[window].min() < 1.0:
                continue
            low, high = pixels[window].min(0), pixels[window].max(0)
            box = (max(low[0], 0.0), max(low[1], 0.0), min(high[0], width), min(high[1], height))
            if box[2] - box[0] < SMALLEST_PX or box[3] - box[1] < SMALLEST_PX:
                continue
            kept.append(actor)
            frames.append(box)
            hulls.append(cv2.convexHull(pixels[window].astype(np.float32))[:, 0])
            depths.append(float(depth[window].mean()))
        if not kept:
            return []
        shares = unhidden(hulls, np.array(depths), width, height) * self._open(view, kept)
        return [
            TruthBox(
                a.id,
                a.name,
                _floats(box),
                float(a.place[0]),
                float(a.place[1]),
                round(float(share), 3),
                a.event,
            )
            for a, box, share in zip(kept, frames, shares, strict=True)
            if share > 0.02
        ]

    def _open(self, view: View, actors: list[Actor]) -> Array:
        """Share of probe points of each actor that buildings and trees leave in view."""
        probes = [a.points[np.linspace(0, len(a.points) - 1, PROBES).astype(int)] for a in actors]
        middles = [0.15 * a.points.mean(0) + 0.85 * p for a, p in zip(actors, probes, strict=True)]
        clear = self._occluders.clear(np.concatenate(middles), view.position)
        return np.asarray(clear.reshape(len(actors), PROBES).mean(1))

    def _plume(
        self, view: View, index: int, name: str, first: int, sprites: Sprites, solid: tuple[float, float]
    ) -> list[TruthBox]:
        if not len(sprites.centres):
            return []
        shrunk = Sprites(
            sprites.centres, sprites.halves * solid, sprites.frames, sprites.colours, sprites.upright
        )
        corners, _ = shrunk.quads(view, 1, 1)
        pixels, depth = view.project(corners.reshape(-1, 3))
        if depth.min() < 1.0:
            return []
        width, height = view.camera.width_px, view.camera.height_px
        low, high = pixels.min(0), pixels.max(0)
        box = (max(low[0], 0.0), max(low[1], 0.0), min(high[0], width), min(high[1], height))
        if box[2] - box[0] < SMALLEST_PX or box[3] - box[1] < SMALLEST_PX:
            return []
        inside = (box[2] - box[0]) * (box[3] - box[1]) / max(float(np.prod(high - low)), 1e-9)
        share = inside * float(self._occluders.clear(sprites.centres, view.position).mean())
        blaze = self._town.blazes[index]
        return [
            TruthBox(first + index, name, _floats(box), blaze.east, blaze.north, round(share, 3), blaze.event)
        ]

    def _events(self, time_s: float, boxes: list[TruthBox]) -> dict[str, EventView]:
        views = {}
        for event in self._town.planted:
            seen = [b for b in boxes if b.event_id == event.id and b.visible_fraction >= SEEN_FRACTION]
            if not seen or not event.active(time_s):
                views[event.id] = EventView(False, 0.0)
                continue
            edges = np.array([b.box for b in seen])
            span = max(edges[:, 2].max() - edges[:, 0].min(), edges[:, 3].max() - edges[:, 1].min())
            enough = event.people <= 1 or len(seen) >= max(2, 0.5 * event.people)
            views[event.id] = EventView(bool(enough), float(span))
        return views


def _floats(box: tuple[float, ...]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(float(edge), 2) for edge in box)
    return left, top, right, bottom
