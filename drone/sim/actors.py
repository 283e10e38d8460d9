"""Vehicles and people of one instant: one mesh, and the points that truth boxes are drawn round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drone.sim.figures import FACES, SLOTS, VERTICES, Joints, pose_bodies
from drone.sim.look import Look
from drone.sim.meshes import VERTEX
from drone.sim.motions import SIT
from drone.sim.traffic import FIRST_VEHICLE_ID
from drone.sim.vehicles import BODY, LOAD, SLOT_COLOURS, Model, models
from drone.sim.view import View

if TYPE_CHECKING:
    from drone.sim.ground import GroundPainter
    from drone.sim.town import Town

Array = NDArray[np.float64]
REACH_M = 420.0


@dataclass(slots=True)
class Actor:
    """One visible person or vehicle.

    points: its mesh in the town's frame (V, 3); place: its ground point (3,).
    """

    id: int
    name: str
    points: Array
    place: Array
    event: str | None


@dataclass(slots=True)
class Troupe:
    """All actors of a view: mesh records and triangles for the renderer, shadows as rings (N, 6, 3) with
    weight.
    """

    actors: list[Actor]
    vertices: NDArray[Any]
    faces: NDArray[np.uint32]
    shadow_rings: Array
    shadow_weights: Array


class Actors:
    """Poses whoever is in view."""

    def __init__(self, town: Town, look: Look, painter: GroundPainter) -> None:
        self._town = town
        self._look = look
        self._painter = painter
        kinds = town.fleet.kinds
        self._bicycles = np.array([models()[k].category == "bicycle" for k in kinds], bool)
        self._radii = np.array([0.5 * np.hypot(*models()[k].size[:2]) for k in kinds])

    def at(self, time_s: float, view: View) -> Troupe:
        """Everybody and everything that moves or could, near the view pyramid."""
        fleet = self._town.fleet.at(time_s)
        bodies = self._town.crowd.at(time_s, fleet, self._bicycles)
        parts: list[tuple[list[Actor], NDArray[Any], NDArray[np.intp]]] = []
        rings: list[Array] = []
        weights: list[Array] = []
        ground = self._town.terrain.height_m(fleet.east, fleet.north)
        middle = np.column_stack([fleet.east, fleet.north, ground + 1.0])
        near = np.hypot(*(middle[:, :2] - view.position[:2]).T) < REACH_M
        seen = fleet.present & near & view.sees(middle, 7.0)
        for kind in np.unique(self._town.fleet.kinds[seen]):
            index = np.flatnonzero(seen & (self._town.fleet.kinds == kind))
            place = np.column_stack([fleet.east[index], fleet.north[index], ground[index]])
            parts.append(self._vehicles(models()[kind], index, place, fleet.heading[index]))
            ring, weight = self._vehicle_shadow(models()[kind], place, fleet.heading[index])
            rings.append(ring)
            weights.append(weight)
        height = self._town.terrain.height_m(bodies.east, bodies.north)
        middle = np.column_stack([bodies.east, bodies.north, height + 0.9])
        near = np.hypot(*(middle[:, :2] - view.position[:2]).T) < REACH_M
        index = np.flatnonzero(near & view.sees(middle, 2.0))
        if len(index):
            place = np.column_stack([bodies.east[index], bodies.north[index], height[index]])
            joints = Joints(*(values[index] for values in bodies.joints))
            who = bodies.who[index]
            parts.append(self._people(who, place, bodies.lift[index], bodies.heading[index], joints))
            ring, weight = self._body_shadow(who, place)
            rings.append(ring)
            weights.append(weight)
        return _gather(parts, rings, weights)

    def _vehicles(
        self, model: Model, index: NDArray[np.intp], place: Array, heading: Array
    ) -> tuple[list[Actor], NDArray[Any], NDArray[np.intp]]:
        c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]

        def turned(vectors: Array) -> Array:
            x, y, z = vectors.T
            return np.stack([x * c - y * s, x * s + y * c, np.broadcast_to(z, (len(index), len(z)))], -1)

        points = turned(model.points) + place[:, None, :]
        colours = np.broadcast_to(SLOT_COLOURS[model.slots], (len(index), len(model.slots), 3)).copy()
        colours[:, model.slots == BODY] = self._town.fleet.paints[index][:, None]
        colours[:, model.slots == LOAD] = self._town.fleet.loads[index][:, None]
        light = (
            self._look.shade(turned(model.normals))
            * self._painter.light_at(place[:, 0], place[:, 1])[:, None]
        )
        names, events = model.category, self._town.fleet.events
        actors = [
            Actor(FIRST_VEHICLE_ID + int(i), names, points[k], place[k], events[int(i)])
            for k, i in enumerate(index)
        ]
        return (
            actors,
            _records(points, colours * light[..., None]),
            _repeat(model.faces, len(model.points), len(index)),
        )

    def _people(
        self, who: NDArray[np.intp], place: Array, lift: Array, heading: Array, joints: Joints
    ) -> tuple[list[Actor], NDArray[Any], NDArray[np.intp]]:
        crowd = self._town.crowd
        points, normals = pose_bodies(joints, crowd.statures[who], crowd.options[who], heading)
        points = points + place[:, None, :]
        points[..., 2] += lift[:, None]
        colours = crowd.colours[who][:, SLOTS]
        light = self._look.shade(normals) * self._painter.light_at(place[:, 0], place[:, 1])[:, None]
        actors = [
            Actor(int(i) + 1, "person", points[k], place[k], crowd.events[int(i)]) for k, i in enumerate(who)
        ]
        return actors, _records(points, colours * light[..., None]), _repeat(FACES, VERTICES, len(who))

    def _vehicle_shadow(self, model: Model, place: Array, heading: Array) -> tuple[Array, Array]:
        """Hulls (N, 6, 3) of the footprint and its shift along the shadow."""
        shift = self._look.shadow_shift * model.size[2] * 0.85
        c, s = np.cos(heading), np.sin(heading)
        u, v = shift[0] * c + shift[1] * s, -shift[0] * s + shift[1] * c
        return self._hull(place, heading, model.size[0] / 2, model.size[1] / 2, u, v)

    def _body_shadow(self, who: NDArray[np.intp], place: Array) -> tuple[Array, Array]:
        stature = self._town.crowd.statures[who] * np.where(self._town.crowd.acts[who] == SIT, 0.7, 0.95)
        shift = self._look.shadow_shift
        heading = np.full(len(who), np.arctan2(shift[1], shift[0]))
        reach = np.hypot(*shift) * stature
        return self._hull(place, heading, 0.16, 0.2, reach, np.zeros(len(who)))

    def _hull(
        self, place: Array, heading: Array, a: float, b: float, u: Array, v: Array
    ) -> tuple[Array, Array]:
        su, sv = np.where(u >= 0, 1.0, -1.0), np.where(v >= 0, 1.0, -1.0)
        ring_u = np.stack([-a * su, a * su, a * su + u, a * su + u, -a * su + u, -a * su], 1)
        ring_v = np.stack([-b * sv, -b * sv, -b * sv + v, b * sv + v, b * sv + v, b * sv], 1)
        c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
        east, north = place[:, :1] + ring_u * c - ring_v * s, place[:, 1:2] + ring_u * s + ring_v * c
        lit = self._painter.light_at(place[:, 0], place[:, 1])
        weight = self._look.shadow * np.where(lit > 0.97, 1.0, 0.3)
        height = self._town.terrain.height_m(east, north) + 0.05
        return np.stack([east, north, height], -1), weight


def _records(points: Array, colours: Array) -> NDArray[Any]:
    records = np.zeros(points.shape[0] * points.shape[1], VERTEX)
    records["position"] = points.reshape(-1, 3)
    records["colour"][:, :3] = np.clip(colours, 0, 255).reshape(-1, 3)
    records["colour"][:, 3] = 255
    return records


def _repeat(faces: NDArray[np.intp], stride: int, count: int) -> NDArray[np.intp]:
    return (faces[None] + (np.arange(count) * stride)[:, None, None]).reshape(-1, 3)


def _gather(
    parts: list[tuple[list[Actor], NDArray[Any], NDArray[np.intp]]], rings: list[Array], weights: list[Array]
) -> Troupe:
    actors: list[Actor] = []
    vertices: list[NDArray[Any]] = []
    faces: list[NDArray[np.intp]] = []
    count = 0
    for cast, records, triangles in parts:
        actors += cast
        vertices.append(records)
        faces.append(triangles + count)
        count += len(records)
    if not parts:
        return Troupe([], np.zeros(0, VERTEX), np.zeros((0, 3), np.uint32), np.zeros((0, 6, 3)), np.zeros(0))
    return Troupe(
        actors, np.concatenate(vertices), np.concatenate(faces).astype(np.uint32), np.concatenate(rings),
        np.concatenate(weights),
    )  # fmt: skip
