"""The picture agrees with the camera model, and the truth with the picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from panda3d.core import GeomVertexReader

from drone.sim.actors import Troupe
from drone.sim.events import SightingKind
from drone.sim.meshes import QUAD, VERTEX
from drone.sim.occlusion import Occluders, unhidden
from drone.sim.renderer import Renderer, draw_truth, pose_at
from drone.sim.tiles import TILE_PX
from drone.sim.town import Town
from drone.sim.truth import FrameTruth, TruthBox
from drone.sim.view import View
from vision.camera import CameraModel, Pose, ground_points

MAGENTA = np.array([255, 0, 255])


def looking_at(
    town: Town, east: float, north: float, yaw: float = 30.0, height: float = 50.0, pitch: float = -55.0
) -> Pose:
    back = height / np.tan(np.radians(-pitch))
    return pose_at(
        town, east - back * np.sin(np.radians(yaw)), north - back * np.cos(np.radians(yaw)),
        height, yaw, pitch,
    )  # fmt: skip


def marks_found(renderer: Renderer, pose: Pose, points: np.ndarray) -> np.ndarray:
    """Pixel centres of magenta cards of 0.8 m, square to the camera, held up at points (N, 3)."""
    view = View.of(renderer._ideal, pose, renderer.town.frame)
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float) * 0.4
    corners = points[:, None] + signs[:, :1] * view.rotation[:, 0] - signs[:, 1:] * view.rotation[:, 1]
    vertices = np.zeros(len(points) * 4, VERTEX)
    vertices["position"] = corners.reshape(-1, 3)
    vertices["colour"] = [255, 0, 255, 255]
    faces = (QUAD[None] + (np.arange(len(points)) * 4)[:, None, None]).reshape(-1, 3).astype(np.uint32)
    troupe = Troupe([], vertices, faces, np.zeros((0, 6, 3)), np.zeros(0))
    raw = renderer._draw(view, troupe, [], [])
    if renderer._maps is not None:
        raw = cv2.remap(raw, renderer._maps[0], renderer._maps[1], cv2.INTER_LINEAR)
    seen = (np.abs(raw.astype(int) - MAGENTA).sum(2) < 60).astype(np.uint8)
    _, _, _, centres = cv2.connectedComponentsWithStats(seen)
    return np.asarray(centres[1:] + 0.5)


CAMERAS = {
    "plain": (CameraModel.from_field_of_view(640, 360, 60.0), 0.0),
    "rolled": (CameraModel.from_field_of_view(640, 360, 70.0), 7.0),
    "off-centre": (
        CameraModel(width_px=640, height_px=480, fx_px=600, fy_px=560, cx_px=290, cy_px=270), -3.0
    ),
    "distorted": (
        CameraModel(
            width_px=640, height_px=360, fx_px=560, fy_px=560, cx_px=322, cy_px=178,
            distortion=(-0.12, 0.05, 0.001, -0.001, 0.0),
        ), 2.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CAMERAS)
def test_pictures_agree_with_the_camera_model(bare_town: Town, name: str) -> None:
    camera, roll = CAMERAS[name]
    pose = replace(looking_at(bare_town, 60.0, -45.0), roll_deg=roll)
    renderer = Renderer(bare_town, camera, supersample=2.0)
    middle = ground_points(
        camera,
        pose,
        bare_town.frame,
        [[x, y] for x in (90, 320, 550) for y in (70, 180, 300)],
        bare_town.ground_m,
    )
    points = middle + np.array([0, 0, 14.0])
    view = View.of(camera, pose, bare_town.frame)
    expected, _ = view.project(points)
    inside = (expected > 15).all(1) & (expected < [camera.width_px - 15, camera.height_px - 15]).all(1)
    found = marks_found(renderer, pose, points[inside])
    renderer.close()
    assert inside.sum() >= 4
    error = np.hypot(*(expected[inside][:, None] - found[None]).transpose(2, 0, 1)).min(1)
    assert error.max() < 0.75


def test_tiles_of_the_ground_lap_over_each_other_and_use_no_border_of_their_pictures(
    renderer: Renderer, town: Town
) -> None:
    renderer.render(5.0, looking_at(town, 0.0, 0.0))
    shown = [renderer._tiles._tiles[key] for key in renderer._tiles._shown]
    assert len(shown) > 3
    for tile in shown:
        reader = GeomVertexReader(tile.node().getGeom(0).getVertexData(), "texcoord")
        seen = []
        while not reader.isAtEnd():
            u, v = reader.getData2()
            seen.append((u, v))
        low, high = np.min(seen), np.max(seen)
        # The square itself ends four texels from the border; the renderer mixes in what lies half a texel on.
        assert 1 / TILE_PX < low < 4 / TILE_PX
        assert 1 - 4 / TILE_PX < high < 1 - 1 / TILE_PX


def test_same_second_and_pose_give_the_same_bytes_whatever_was_seen_before(
    town: Town, camera: CameraModel, renderer: Renderer
) -> None:
    pose = looking_at(town, 0.0, 0.0)
    first, truth = renderer.render(333.2, pose)
    renderer.render(2000.0, looking_at(town, 200.0, 150.0))
    again, truth_again = renderer.render(333.2, pose)
    fresh = Renderer(Town.generate(0), camera, supersample=1.0)
    other, truth_other = fresh.render(333.2, pose)
    fresh.close()
    assert first.shape == (360, 640, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(first, other)
    assert truth == truth_again == truth_other == renderer.truth(333.2, pose)


def test_people_move_between_seconds(town: Town, renderer: Renderer) -> None:
    pose = looking_at(town, *market(town))
    a, _ = renderer.render(100.0, pose)
    b, _ = renderer.render(101.0, pose)
    assert 0.001 < (np.abs(a.astype(int) - b.astype(int)).max(2) > 40).mean() < 0.2


def market(town: Town) -> tuple[float, float]:
    place = town.fabric.spots["customer"][20]
    return place.east, place.north


def test_boxes_are_tight_round_what_is_drawn(town: Town, camera: CameraModel) -> None:
    renderer = Renderer(town, camera, supersample=2.0)
    pose = looking_at(town, *market(town), height=35.0)
    view = View.of(camera, pose, town.frame)
    troupe = renderer._actors.at(50.0, view)
    truth = renderer._witness.report(50.0, view, troupe.actors, [], [])
    clear = [
        b
        for b in truth.boxes
        if b.visible_fraction > 0.95 and b.box[0] > 3 and b.box[1] > 3 and b.box[2] < 637 and b.box[3] < 357
    ]
    assert len(clear) >= 5
    starts = np.cumsum([0] + [len(actor.points) for actor in troupe.actors])
    overlaps = []
    for box in clear[:16]:
        index = next(i for i, actor in enumerate(troupe.actors) if actor.id == box.id)
        window = slice(starts[index], starts[index + 1])
        pink, green = (dyed(renderer, view, troupe, window, c) for c in ((255, 0, 255), (0, 255, 0)))
        rows, columns = np.nonzero(np.abs(pink - green).sum(2) > 300)
        assert len(rows) > 0
        overlaps.append(overlap(box, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
    renderer.close()
    assert np.median(overlaps) > 0.8
    assert np.percentile(overlaps, 15) > 0.6


def dyed(
    renderer: Renderer, view: View, troupe: Troupe, window: slice, colour: tuple[int, int, int]
) -> np.ndarray:
    """The raw picture with one actor in one colour."""
    vertices = troupe.vertices.copy()
    vertices["colour"][window] = [*colour, 255]
    mesh = Troupe(troupe.actors, vertices, troupe.faces, troupe.shadow_rings, troupe.shadow_weights)
    return renderer._draw(view, mesh, [], []).astype(int)


def overlap(truth: TruthBox, box: tuple[float, float, float, float]) -> float:
    a = truth.box
    w, h = min(a[2], box[2]) - max(a[0], box[0]), min(a[3], box[3]) - max(a[1], box[1])
    inner = max(w, 0) * max(h, 0)
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (box[2] - box[0]) * (box[3] - box[1]) - inner)


@pytest.mark.parametrize("kind", [SightingKind.FIRE, SightingKind.SMOKE])
def test_fire_and_smoke_show_where_their_boxes_are(
    town: Town, renderer: Renderer, kind: SightingKind
) -> None:
    event = next(e for e in town.planted if e.kind == kind)
    pose = looking_at(town, event.east, event.north)
    with_it, truth = renderer.render(900.0, pose)
    quiet, _ = renderer.render(5000.0, pose)
    assert truth.events[event.id].visible
    mine = {box.name: box for box in truth.boxes if box.event_id == event.id}
    assert set(mine) == ({"fire", "smoke"} if kind == SightingKind.FIRE else {"smoke"})
    for box in mine.values():
        left, top, right, bottom = (round(v) for v in box.box)
        change = np.abs(with_it.astype(int) - quiet.astype(int)).max(2) > 18
        assert change[top:bottom, left:right].mean() > 0.2
    if kind == SightingKind.FIRE:
        left, top, right, bottom = (round(v) for v in mine["fire"].box)
        patch = with_it[top:bottom, left:right].reshape(-1, 3).astype(int)
        assert ((patch[:, 0] > 180) & (patch[:, 0] - patch[:, 2] > 80)).mean() > 0.15


def test_every_event_can_be_seen_from_the_usual_height(town: Town, renderer: Renderer) -> None:
    hidden = []
    for event in town.planted:
        seen = 0
        for yaw in (0.0, 90.0, 180.0, 270.0):
            truth = renderer.truth(1500.0, looking_at(town, event.east, event.north, yaw))
            seen += truth.events[event.id].visible
        if seen < 2:
            hidden.append(event.id)
    assert hidden == []


def test_events_out_of_view_are_said_to_be_so(town: Town, renderer: Renderer) -> None:
    truth = renderer.truth(1500.0, pose_at(town, -380.0, -330.0, 50.0, 225.0, -55.0))
    assert set(truth.events) == {event.id for event in town.planted}
    assert not any(view.visible for view in truth.events.values())


def test_a_building_hides_what_stands_behind_it(town: Town) -> None:
    occluders = Occluders(town)
    building = max(town.fabric.buildings, key=lambda b: b.height)
    ground = float(town.terrain.height_m(building.place.east, building.place.north))
    behind = [*building.place.at(0.0, building.depth / 2 + 1.0), ground + 1.0]
    before = [*building.place.at(0.0, -building.depth / 2 - 1.0), ground + 1.0]
    camera = np.array([*building.place.at(0.0, -35.0), ground + 61.0])
    assert occluders.clear(np.array([behind, before]), camera).tolist() == [False, True]


def test_nearer_things_cover_farther_ones_and_edges_cut() -> None:
    square = np.array([[10, 10], [50, 10], [50, 50], [10, 50]], np.float32)
    shares = unhidden(
        [square, square + np.float32([20, 0]), square - np.float32([30, 0])],
        np.array([30.0, 10.0, 50.0]),
        200,
        200,
    )
    assert shares == pytest.approx([0.5, 1.0, 0.25], abs=0.08)


def test_truth_can_be_drawn(town: Town, renderer: Renderer) -> None:
    picture, truth = renderer.render(10.0, looking_at(town, *market(town)))
    assert isinstance(truth, FrameTruth)
    assert len(truth.boxes) > 8
    assert not np.array_equal(draw_truth(picture, truth), picture)


@pytest.mark.slow
def test_looks_and_nights_differ(town: Town, camera: CameraModel, renderer: Renderer) -> None:
    pose = looking_at(town, 0.0, -60.0)
    day, _ = renderer.render(10.0, pose)
    night = Renderer(town, camera, night=True, supersample=1.0)
    varied = Renderer(town, camera, look_seed=4, supersample=1.0)
    dark, _ = night.render(10.0, pose)
    other, _ = varied.render(10.0, pose)
    night.close()
    varied.close()
    assert dark.mean() < 0.5 * day.mean()
    assert dark.max() > 150
    assert np.abs(other.astype(int) - day.astype(int)).mean() > 3
