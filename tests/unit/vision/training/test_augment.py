from __future__ import annotations

import numpy as np
import pytest

from vision.detections import CLASSES
from vision.training.augment import (
    Sample,
    blur,
    clip,
    colours,
    degrade,
    degrade_thermal,
    flip,
    haze,
    night,
    paste_fire,
    quarter_turns,
    recompress,
    tiles_of,
    window,
)
from vision.training.sources import EVERY_CLASS

CAR = CLASSES.index("car")
RED = (250, 10, 10)


def sample(left: int = 60, top: int = 20, right: int = 80, bottom: int = 50) -> Sample:
    """A red rectangle, labelled, on black."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[top:bottom, left:right] = RED
    return Sample(
        image,
        np.array([[left, top, right, bottom]], np.float32),
        np.array([CAR]),
        np.zeros((0, 5), np.float32),
        EVERY_CLASS,
    )


def red_box(image: np.ndarray) -> list[float]:
    rows, columns = np.nonzero((image[..., 0] > 125) & (image[..., 1] < 60))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(("scale", "squash"), [(1.0, 1.0), (2.0, 1.0), (0.5, 1.0), (1.3, 0.7), (0.6, 0.8)])
@pytest.mark.parametrize(("left", "top"), [(40.0, 10.0), (-4.0, -3.0), (55.0, 18.0)])
def test_a_window_moves_pixels_and_labels_alike(scale: float, squash: float, left: float, top: float) -> None:
    part = window(sample(), left, top, scale, 192, squash)
    assert part.image.shape == (192, 192, 3)
    assert len(part.boxes) == 1
    np.testing.assert_allclose(red_box(part.image), part.boxes[0], atol=1.6)


def test_a_window_outside_the_picture_is_grey() -> None:
    part = window(sample(), 500, 500, 1.0, 64)
    assert (part.image == 114).all()
    assert len(part.boxes) == 0


def test_what_is_hardly_visible_is_ignored_not_learned() -> None:
    part = window(sample(), 76, 0, 1.0, 64)
    assert len(part.boxes) == 0
    assert part.ignore.shape == (1, 5)


def test_what_becomes_tiny_is_ignored() -> None:
    part = window(sample(), 0, 0, 0.1, 64)
    assert len(part.boxes) == 0
    assert len(part.ignore) == 1


def test_clip_keeps_what_is_inside() -> None:
    same = clip(sample(), 160, 120)
    assert same.boxes.tolist() == sample().boxes.tolist()
    assert len(same.ignore) == 0


def test_flip_and_turns_move_pixels_and_labels_alike() -> None:
    for changed in (flip(sample()), *(quarter_turns(sample(), turns) for turns in range(4))):
        assert red_box(changed.image) == changed.boxes[0].tolist()


def test_two_flips_change_nothing() -> None:
    twice = flip(flip(sample()))
    assert (twice.image == sample().image).all()
    assert twice.boxes.tolist() == sample().boxes.tolist()


def test_tiles_stand_side_by_side() -> None:
    cells = [window(sample(), 50, 10, 1.0, 48) for _ in range(4)]
    tiled = tiles_of(cells, 2, 96)
    assert len(tiled.boxes) == 4
    np.testing.assert_allclose(tiled.boxes[3] - tiled.boxes[0], [48, 48, 48, 48])


def test_tiles_know_only_what_all_parts_label() -> None:
    cells = [window(sample(), 50, 10, 1.0, 48) for _ in range(4)]
    partial = [*cells[:3], Sample(cells[3].image, cells[3].boxes, cells[3].classes, cells[3].ignore,
                                  frozenset({"fire"}))]  # fmt: skip
    assert tiles_of(partial, 2, 96).labelled == {"fire"}


@pytest.mark.parametrize("change", [colours, night, haze, blur, recompress, degrade, degrade_thermal])
def test_light_and_weather_keep_shape_and_depend_on_the_seed_alone(change) -> None:
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    first = change(image, np.random.default_rng(7))
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert (first == change(image, np.random.default_rng(7))).all()


def test_night_is_darker_and_haze_brighter_than_black() -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    assert night(grey, np.random.default_rng(0)).mean() < 90
    assert haze(np.zeros_like(grey), np.random.default_rng(0)).mean() > 10


def test_pasted_fire_is_labelled_where_it_shines_and_hides_nothing() -> None:
    patch = np.full((40, 40, 3), (255, 180, 40), np.uint8)
    before = sample()
    after = paste_fire(before, patch, CLASSES.index("fire"), np.random.default_rng(3), bright=True)
    assert len(after.boxes) == 2
    left, top, right, bottom = after.boxes[1].astype(int)
    changed = np.abs(after.image.astype(int) - before.image).sum(axis=2) > 0
    assert changed[top:bottom, left:right].mean() > 0.5
    changed[top:bottom, left:right] = False
    assert not changed.any()
    assert (after.image[20:50, 60:80] == RED).all()
