from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.detections import CLASSES, Detections
from vision.errors import ImageRefused
from vision.redact import BLOCKS, redact


def found(*rows: tuple[str, float, float, float, float]) -> Detections:
    return Detections(
        np.array([row[1:] for row in rows], np.float32).reshape(-1, 4),
        np.full(len(rows), 0.05, np.float32),
        np.array([CLASSES.index(row[0]) for row in rows], np.int64),
    )


def noise(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def test_a_person_becomes_a_few_blocks_and_the_rest_stays() -> None:
    image = noise()
    before = image.copy()
    result = redact(image, found(("person", 40, 30, 60, 70)))
    assert np.array_equal(image, before)
    inside = result[30:70, 40:60].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) <= (BLOCKS + 1) ** 2
    outside = np.ones((120, 160), bool)
    outside[24:76, 37:63] = False
    assert np.array_equal(result[outside], before[outside])


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_what_is_left_does_not_depend_on_the_details(seed: int) -> None:
    """Two faces with the same block means come out the same: the details are gone, not hidden."""
    random = np.random.default_rng(seed)
    image = np.full((64, 64, 3), 100, np.uint8)
    other = image.copy()
    checks = ((np.indices((64, 64)).sum(0) % 2) * 2 - 1)[..., None]
    other[16:48, 16:48] = (100 + checks[16:48, 16:48] * int(random.integers(1, 90))).astype(np.uint8)
    boxes = found(("person", 16, 16, 48, 48))
    difference = np.abs(redact(image, boxes).astype(int) - redact(other, boxes).astype(int))
    assert difference[12:52, 12:52].max() <= 3


def test_the_lower_part_of_a_vehicle_is_hidden_and_its_roof_is_not() -> None:
    image = noise()
    result = redact(image, found(("car", 20, 20, 80, 60)))
    assert np.array_equal(result[20:40, 20:80], image[20:40, 20:80])
    assert len(np.unique(result[41:60, 20:80].reshape(-1, 3), axis=0)) <= 40


@pytest.mark.parametrize(
    "box",
    [
        (-30.0, -30.0, 20.0, 20.0),
        (150.0, 110.0, 400.0, 400.0),
        (50.0, 50.0, 50.2, 50.2),
        (300, 300, 310, 320),
    ],
)
def test_boxes_at_and_beyond_the_border(box: tuple[float, float, float, float]) -> None:
    assert redact(noise(), found(("person", *box))).shape == (120, 160, 3)


def test_fire_is_not_hidden() -> None:
    image = noise()
    assert np.array_equal(redact(image, found(("fire", 10, 10, 60, 60))), image)
    assert np.array_equal(redact(image, Detections.empty()), image)


def test_wrong_images_are_refused() -> None:
    with pytest.raises(ImageRefused):
        redact(np.zeros((5, 5), np.uint8), Detections.empty())
