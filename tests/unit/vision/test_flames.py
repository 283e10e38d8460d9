from __future__ import annotations

import numpy as np
import pytest

from vision.detections import CLASSES, Detections
from vision.flames import flame_share, with_flames
from vision.rules import FlameRules

RULES = FlameRules(share=0.12, belief=0.45)


def scene(colour: tuple[int, int, int]) -> np.ndarray:
    """Asphalt with one block of a colour at 40..60 px."""
    image = np.full((100, 100, 3), 110, np.uint8)
    image[40:60, 40:60] = colour
    return image


def found(name: str, score: float) -> Detections:
    return Detections(
        np.array([[35, 35, 65, 65]], np.float32), np.array([score], np.float32),
        np.array([CLASSES.index(name)], np.int64),
    )  # fmt: skip


def test_flames_lift_a_weak_fire_and_nothing_else() -> None:
    flames = scene((255, 190, 60))
    lifted = with_flames(flames, found("fire", 0.2), RULES)
    assert lifted.scores[0] == pytest.approx(1 - 0.8 * 0.55)
    assert with_flames(flames, found("person", 0.2), RULES).scores[0] == pytest.approx(0.2)
    assert found("fire", 0.2).scores[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "colour", [(110, 110, 110), (255, 255, 255), (200, 40, 40), (40, 90, 200), (255, 250, 240)]
)
def test_what_is_no_flame(colour: tuple[int, int, int]) -> None:
    assert flame_share(scene(colour), (35, 35, 65, 65)) == 0.0
    assert with_flames(scene(colour), found("fire", 0.2), RULES).scores[0] == pytest.approx(0.2)


def test_boxes_over_the_border_and_empty_ones() -> None:
    assert flame_share(scene((255, 190, 60)), (-20, -20, 100, 100)) == pytest.approx(0.04)
    assert flame_share(scene((255, 190, 60)), (-20, -20, -5, -5)) == 0.0
    assert flame_share(scene((255, 190, 60)), (50, 50, 50, 50)) == 0.0
