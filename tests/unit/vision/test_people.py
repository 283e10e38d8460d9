from __future__ import annotations

import numpy as np
import pytest

from vision.people import way_made
from vision.tracker import Track


def walked(path: np.ndarray, fps: float = 5.0) -> Track:
    track = Track(1, "person")
    track.steady.extend((i / fps, float(east), float(north)) for i, (east, north) in enumerate(path))
    return track


def test_the_way_of_a_walker_is_told_and_that_of_one_who_sways_is_none() -> None:
    time = np.arange(16) / 5
    assert way_made(walked(np.column_stack([1.2 * time, 0.5 * time])), 0.0, 1.0) == pytest.approx(1.3)
    swaying = np.column_stack([0.3 * np.sin(2 * np.pi * time), 0.3 * np.cos(2 * np.pi * time)])
    assert np.hypot(*np.diff(swaying, axis=0).T).mean() * 5 > 1.5
    assert way_made(walked(swaying), 0.0, 1.0) < 0.2


def test_boxes_that_shake_are_no_way() -> None:
    shaking = np.random.default_rng(0).normal(0, 0.3, (200, 16, 2))
    ways = [way_made(walked(path), 0.0, 1.0) for path in shaking]
    assert float(np.median(ways)) < 0.15


def test_who_has_just_come_into_view_has_made_no_known_way() -> None:
    track = walked(np.zeros((5, 2)))
    assert way_made(track, 0.0, 1.0) is None
    assert way_made(track, 0.0, 0.8) == 0.0
    assert way_made(track, 0.7, 0.0) is None
