"""Sample points: a leg sees those in its strip, and counting changes agrees with counting anew."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from missions.samples import Samples, Strip

STRIP = Strip(half_m=20.0, start_m=-11.0, end_m=11.0)
TARGET = box(0, 0, 300, 200).difference(Point(150, 100).buffer(40))


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-30, 330), st.floats(-30, 230), st.floats(0, 2 * math.pi) | st.sampled_from([0, math.pi / 2]),
    st.floats(5, 150),
)  # fmt: skip
def test_a_leg_sees_the_points_in_its_strip(x: float, y: float, heading: float, length: float) -> None:
    samples = Samples(TARGET, STRIP, 3.0)
    before = np.array(samples.unseen_places())
    unit = np.array([math.cos(heading), math.sin(heading)])
    samples.add(samples.footprint((x, y), (x + length * unit[0], y + length * unit[1])))
    offset = before - [x, y]
    along, across = offset @ unit, offset @ [-unit[1], unit[0]]
    edge = np.minimum(abs(abs(along - length / 2) - length / 2 - 11), abs(abs(across) - 20))
    seen = (along >= -11) & (along <= length + 11) & (abs(across) <= 20)
    left = {tuple(place) for place in samples.unseen_places()}
    assert all((tuple(place) not in left) == was for place, was in zip(before[edge > 0.01], seen[edge > 0.01],
                                                                       strict=True))  # fmt: skip


def test_points_stand_for_their_area() -> None:
    samples = Samples(TARGET, STRIP, 2.0)
    assert samples.unseen() * samples.area_m2 == pytest.approx(TARGET.area, rel=0.01)
    places = shapely.points(samples.unseen_places())
    assert shapely.covers(TARGET.buffer(1e-6), places).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_change_is_what_counting_anew_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples = Samples(TARGET, STRIP, 4.0)
    ends = random.uniform(0, [300, 200], (10, 2)).tolist()
    legs = [samples.footprint(tuple(a), tuple(b)) for a, b in itertools.pairwise(ends)]
    for leg in legs[:6]:
        samples.add(leg)
    stale, fresh = legs[2:4], legs[6:]
    expected, before = samples.change(stale, fresh), samples.unseen()
    for leg in stale:
        samples.remove(leg)
    for leg in fresh:
        samples.add(leg)
    assert samples.unseen() - before == expected


def test_a_leg_too_short_to_face_along_sees_nothing() -> None:
    samples = Samples(TARGET, STRIP, 4.0)
    assert samples.footprint((50.0, 50.0), (52.0, 50.0)) is None
    assert samples.change([None], [None]) == 0
