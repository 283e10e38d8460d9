"""Motion measured in painted pictures, against how the things were really moved."""

from __future__ import annotations

import numpy as np
import pytest

from missions.terrain import FlatTerrain
from tests.unit.vision.stage import CAMERA, FRAME, GROUND_M, Flight, Thing, at, box_of, moving, painted
from vision.flow import Moved, follow
from vision.ground import GroundView
from vision.ground_motion import GroundMotion
from vision.strands import Agitation, StrandBook

VIEW = GroundView(CAMERA, FRAME, FlatTerrain(GROUND_M))
FLIGHT = Flight(0, -30, 0, 7)
SHAKE = np.random.default_rng(5).normal(0, 0.05, (40, 3))


def velocities(things: list[Thing], frames: int = 6, interval: float = 0.2) -> np.ndarray:
    """(frames - 1, things, 2) m/s, measured with shaky poses and shaky boxes."""
    motion, random = GroundMotion(), np.random.default_rng(1)
    boxes = np.zeros((0, 4))
    found = []
    for index in range(frames):
        seconds = index * interval
        true = FLIGHT.pose(seconds)
        known = FLIGHT.pose(seconds, SHAKE[index])
        motion.look(painted(things, seconds, true), known, seconds, VIEW)
        moved = follow(motion.pair, VIEW, boxes)
        if index:
            found.append(moved.velocities)
        placed = [box_of(thing.name, thing.path(seconds), true) for thing in things]
        assert all(box is not None for box in placed)
        boxes = np.array(placed) + random.normal(0, 1.5, (len(things), 4))
    return np.array(found)


@pytest.mark.parametrize(("east", "north"), [(0.0, 0.0), (1.2, 0.0), (0.0, -1.4), (-0.8, 0.9), (2.0, 1.0)])
def test_the_velocity_of_people_is_measured_in_the_picture(east: float, north: float) -> None:
    things = [Thing("person", moving(x, 8 + y, east, north)) for x, y in [(-6, 0), (0, 3), (7, -2)]]
    found = np.nanmedian(velocities(things), axis=0)
    # The middle of a person is 0.85 m above the ground: flying past at 7 m/s in 50 m adds 0.12 m/s.
    np.testing.assert_allclose(found, np.tile([east, north], (3, 1)), atol=0.25)


def test_one_who_walks_beside_one_who_stands() -> None:
    things = [Thing("person", moving(0, 8, 1.3, 0)), Thing("person", at(3, 8))]
    found = np.nanmedian(velocities(things), axis=0)
    assert found[0, 0] == pytest.approx(1.3, abs=0.25)
    assert np.linalg.norm(found[1]) < 0.2


def test_pictures_far_apart_and_first_ones_say_nothing() -> None:
    motion = GroundMotion()
    thing = Thing("person", at(0, 8))
    pose = FLIGHT.pose(0)
    box = box_of("person", (0, 8), pose)
    assert box is not None
    image = painted([thing], 0, pose)
    for seconds in (0.0, 5.0):
        assert not motion.look(image, pose, seconds, VIEW)
        moved = follow(motion.pair, VIEW, box[None])
        assert np.isnan(moved.velocities).all()
        np.testing.assert_array_equal(moved.shifts, 0)


def test_a_featureless_picture_is_no_motion() -> None:
    motion = GroundMotion()
    grey = np.full((720, 1280, 3), 90, np.uint8)
    for index in range(3):
        box = np.array([[600.0, 300, 620, 340]])
        motion.look(grey, FLIGHT.pose(0.2 * index), 0.2 * index, VIEW)
        moved = follow(motion.pair, VIEW, box)
    assert not (np.linalg.norm(moved.velocities, axis=1) > 0.3).any()


def strand_of(path: list[tuple[float, float]]) -> Agitation:
    """The agitation of one who moves with these velocities, in company."""
    book = StrandBook(1.3, 6.0)
    both = np.array([[100.0, 100, 110, 125], [114.0, 100, 124, 125]]), np.array([[0.0, 0.0], [0.8, 0.0]])
    agitation: Agitation | None = None
    for index, velocity in enumerate(path):

        def follow(boxes: np.ndarray, velocity: tuple[float, float] = velocity) -> Moved:
            return Moved(np.zeros((len(boxes), 2)), np.tile(velocity, (len(boxes), 1)))

        strands = book.update(*both, [0, 1], index * 0.2, follow)
        agitation = strands[0].agitation(2.0)
    assert agitation is not None
    return agitation


def test_to_and_fro_is_agitation_and_walking_is_not() -> None:
    swing = [(float(1.3 * np.sin(4.9 * 0.2 * i)), 0.0) for i in range(15)]
    agitated, walking, stopping = (
        strand_of(swing), strand_of([(1.3, 0.2)] * 15), strand_of([(1.3, 0.0)] * 8 + [(0.0, 0.0)] * 7),
    )  # fmt: skip
    assert agitated.reversals >= 2
    assert agitated.speed > 0.6
    assert agitated.acceleration > 2.5
    assert agitated.drift < 0.4
    assert agitated.company == 1.0
    assert walking.reversals == 0
    assert walking.speed < 0.05
    assert walking.drift == pytest.approx(1.315, abs=0.01)
    assert stopping.reversals == 0
