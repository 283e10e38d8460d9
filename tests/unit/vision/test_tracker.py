from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, FRAME, GROUND_M, START, Flight, box_of
from vision.detections import CLASSES, Detections
from vision.ground import GroundView
from vision.rules import load_rules
from vision.tracker import Creep, Tracker

SIZE = (1280, 720)
VIEW = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))


def seen(*things: tuple[str, tuple[float, float], float], flight: Flight, seconds: float) -> Detections:
    """Perfect boxes of (name, place, score); those out of the picture are left out."""
    pose = flight.pose(seconds)
    rows = [(box_of(name, place, pose), score, CLASSES.index(name)) for name, place, score in things]
    rows = [row for row in rows if row[0] is not None]
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


class Run:
    def __init__(self, flight: Flight | None = None, *, grounded: bool = True) -> None:
        self.flight = flight or Flight()
        self.tracker = Tracker(load_rules().tracker, dict.fromkeys(CLASSES, 0.3))
        self.grounded = grounded
        self.index = 0
        if grounded:
            self.tracker.view = VIEW

    def look(
        self, seconds: float, *things: tuple[str, tuple[float, float], float], looked_at: Any = None
    ) -> list[int]:
        """Ids of the tracks seen now."""
        pose = self.flight.pose(seconds) if self.grounded else None
        found = seen(*things, flight=self.flight, seconds=seconds)
        tracks = self.tracker.update(
            found, START + timedelta(seconds=seconds), self.index, pose, SIZE, looked_at
        )
        self.index += 1
        return sorted(track.id for track in tracks if track.seen)


def test_a_walker_keeps_its_id_under_a_moving_camera_and_its_speed_is_found() -> None:
    run = Run()
    for i in range(25):
        ids = run.look(i / 5, ("person", (1.3 * i / 5, -10.0), 0.7))
        assert ids == [1]
    track = run.tracker.tracks[0]
    assert track.velocity == pytest.approx((1.3, 0.0), abs=0.1)
    east, north = track.last.place or (np.nan, np.nan)
    origin = (1.3 * 24 / 5, -10.0)
    assert (east, north) == pytest.approx(origin, abs=0.15)
    assert track.hits == track.frames == 25


def test_two_who_cross_keep_their_ids() -> None:
    run = Run(Flight(0, -35, 0, 0))
    for i in range(30):
        t = i / 5
        ids = run.look(t, ("person", (-3 + t, 0.3), 0.7), ("person", (3 - t, -0.3), 0.7))
        assert ids == [1, 2]
    first, second = run.tracker.tracks
    assert first.velocity[0] > 0.8
    assert second.velocity[0] < -0.8


def test_weak_boxes_continue_a_track_and_start_none() -> None:
    run = Run(Flight(0, -35, 0, 0))
    assert run.look(0.0, ("car", (0, 0), 0.2)) == []
    for i in range(3):
        run.look(0.2 * i + 0.2, ("car", (0, 0), 0.7))
    assert run.look(1.0, ("car", (0, 0), 0.2), ("car", (8, 0), 0.2)) == [1]


def test_flicker_of_the_class_stays_one_thing() -> None:
    run = Run(Flight(0, -35, 0, 0))
    for i in range(12):
        assert run.look(i / 5, ("truck" if i % 4 == 3 else "car", (0, 0), 0.7)) == [1]
    assert run.tracker.tracks[0].name == "car"


def test_one_vehicle_under_two_names_in_one_frame_is_one_thing() -> None:
    tracker = Tracker(load_rules().tracker)
    doubled = Detections(
        np.array([[100, 100, 180, 150], [102, 99, 181, 152]], np.float32), np.array([0.7, 0.6], np.float32),
        np.array([CLASSES.index("car"), CLASSES.index("truck")]),
    )  # fmt: skip
    assert len(tracker.update(doubled, START, 0, None, SIZE)) == 1


def test_a_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    run = Run(Flight(0, -35, 0, 0))
    thing = ("person", (0.0, 0.0), 0.7)
    for i in range(5):
        run.look(i / 5, thing)
    for i in range(5, 10):
        run.look(i / 5)
    assert run.look(2.0, thing) == [1]
    for i in range(11, 24):
        run.look(i / 5)
    assert run.tracker.tracks == []
    assert run.look(4.8, thing) == [2]


def test_what_leaves_the_picture_ends_at_once_and_is_not_lost() -> None:
    run = Run()
    ended = []
    for i in range(60):
        run.look(i / 5, ("car", (0.0, -20.0), 0.7))
        ended += [(track.id, track.lost) for track in run.tracker.ended]
    assert ended == [(1, False)]


def test_what_was_not_looked_at_is_not_missed() -> None:
    run = Run(Flight(0, -35, 0, 0))
    thing = ("car", (0.0, 0.0), 0.7)
    for i in range(3):
        run.look(i / 5, thing)
    for i in range(3, 40):
        run.look(i / 5, looked_at=lambda boxes: np.zeros(len(boxes), np.bool_))
    (track,) = run.tracker.tracks
    assert (track.missed, track.waiting, track.frames, track.seen) == (0, 37, 3, False)
    assert run.look(8.0, thing) == [1]
    assert (track.waiting, track.frames, track.hits) == (0, 4, 4)
    for i in range(20):
        run.look(8.2 + i / 5, looked_at=lambda boxes: np.ones(len(boxes), np.bool_))
    assert run.tracker.tracks == []


def test_what_leaves_the_picture_ends_though_nobody_looks() -> None:
    run = Run()
    ended = []
    for i in range(60):
        things = [("car", (0.0, -20.0), 0.7)] if i < 5 else []
        run.look(i / 5, *things, looked_at=lambda boxes: np.zeros(len(boxes), np.bool_))
        ended += [(track.id, track.lost) for track in run.tracker.ended]
    assert ended == [(1, False)]


def test_where_tracks_are_expected_follows_camera_and_thing() -> None:
    run = Run()
    for i in range(10):
        run.look(i / 5, ("person", (1.3 * i / 5, -10.0), 0.7))
    later = run.flight.pose(3.0)
    (expected,) = run.tracker.expected(START + timedelta(seconds=3.0), later)
    np.testing.assert_allclose(expected, box_of("person", (3.9, -10.0), later), atol=8)
    asked = []
    run.look(3.0, looked_at=lambda boxes: asked.append(boxes) or np.ones(len(boxes), np.bool_))
    np.testing.assert_allclose(asked[0][0], expected, atol=1e-3)


def test_a_flash_of_one_frame_is_dropped() -> None:
    run = Run(Flight(0, -35, 0, 0))
    run.look(0.0, ("fire", (0, 0), 0.7))
    run.look(0.2)
    run.look(0.4)
    assert run.tracker.tracks == []


def test_stills_seconds_apart_keep_a_parked_car() -> None:
    run = Run(Flight(0, -60, 0, 2))
    for i in range(4):
        assert run.look(7.0 * i, ("car", (0, 0), 0.7), ("car", (12, 0), 0.7)) == [1, 2]


def test_without_a_pose_boxes_are_matched_in_the_image() -> None:
    run = Run(Flight(0, -35, 0, 0), grounded=False)
    for i in range(8):
        assert run.look(i / 5, ("car", (0.1 * i, 0), 0.7), ("car", (10, 0), 0.7)) == [1, 2]
    assert all(track.last.place is None and track.state is None for track in run.tracker.tracks)


def test_a_pose_that_fails_for_a_while_loses_no_track() -> None:
    run = Run(Flight(0, -35, 0, 0))
    for i in range(15):
        run.grounded = not 5 <= i < 8
        assert run.look(i / 5, ("car", (0, 0), 0.7), ("person", (6, 2), 0.7)) == [1, 2]


def test_a_common_jump_is_taken_for_the_camera() -> None:
    run = Run(Flight(0, -35, 0, 0))
    cars = [("car", (6.0 * x, 5.0 * y), 0.7) for x in (-2, -1, 0, 1, 2) for y in (-1, 1)]
    for i in range(6):
        run.look(i / 5, *cars)
    run.flight = Flight(0.8, -35, 0, 0)  # what is seen does not move, the pose says 0.8 m further east
    true = Flight(0, -35, 0, 0)
    tracker = run.tracker
    found = seen(*cars, flight=true, seconds=1.2)
    tracks = tracker.update(found, START + timedelta(seconds=1.2), 6, run.flight.pose(1.2), SIZE)
    steady = [track.steady[-1][1] - track.steady[-2][1] for track in tracks]
    raw = [track.points[-1].place[0] - track.points[-2].place[0] for track in tracks]  # type: ignore[index]
    assert np.median(raw) == pytest.approx(0.8, abs=0.05)
    assert abs(np.median(steady)) < 0.25


def test_a_speed_that_all_got_wrongly_at_first_does_not_last() -> None:
    """Of a crowd that stands still the pose says for a second that it moves, and is right from then on."""
    run = Run(Flight(0, 0, 0, 0, pitch=-90.0))
    crowd = [(2.0 * (i % 4), 2.0 * (i // 4)) for i in range(12)]
    for i in range(30):
        creep = min(i / 5, 1.0) * 1.5
        run.look(i / 5, *(("person", (east, north + creep), 0.7) for east, north in crowd))
    speeds = [np.hypot(*track.velocity) for track in run.tracker.tracks]
    assert len(speeds) == 12
    assert np.median(speeds) < 0.3


def test_creeping_of_the_ground_is_no_motion_of_what_lies_on_it() -> None:
    """Poses that drift east by 0.6 m/s: the pictures say so, and what stands still stands still."""
    run = Run(Flight(0, -35, 0, 0))
    tracker = run.tracker
    for i in range(20):
        things = ("car", (0.0, 0.0), 0.7), ("person", (6 + 1.2 * i / 5, 2.0), 0.7)
        found = seen(*things, flight=run.flight, seconds=0.0)
        told = Flight(0.12 * i, -35, 0, 0).pose(0.2 * i)
        creep = Creep(np.array([[0.12 * i + 40.0, 0.0, 0.0], [-7.0, 0.0, 0.0]]), True)
        tracker.update(found, START + timedelta(seconds=0.2 * i), i, told, SIZE, creep=creep)
    car, person = (np.array(track.steady) for track in tracker.tracks)
    assert tracker.tracks[0].last.place[0] == pytest.approx(0.12 * 19, abs=0.2)  # type: ignore[index]
    np.testing.assert_allclose(car[:, 1:], 0.0, atol=0.2)
    assert person[-1, 1] - person[0, 1] == pytest.approx(1.2 * 19 / 5, abs=0.1)


def test_unknown_classes_and_empty_frames() -> None:
    tracker = Tracker(load_rules().tracker)
    odd = Detections(
        np.array([[1, 1, 50, 50]], np.float32), np.array([0.9], np.float32), np.array([0]), ("giraffe",)
    )
    assert tracker.update(odd, START, 0, None, SIZE) == []
    assert tracker.update(Detections.empty(), START + timedelta(seconds=1), 1, None, SIZE) == []


def test_looks_say_where_the_thing_touches_the_ground() -> None:
    run = Run(Flight(0, -35, 0, 0))
    run.look(0.0, ("person", (2.0, 1.0), 0.7))
    point = run.tracker.tracks[0].last
    expected = VIEW.pixels(run.flight.pose(0), [[2.0, 1.0]])[0]
    assert point.pixel == pytest.approx(tuple(expected), abs=1.5)
    assert point.box[0] < point.pixel[0] < point.box[2]
    assert 1.0 < point.pixel_sigma_px < 5.0
    assert point.whole
