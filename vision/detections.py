"""What a detector says about one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CLASSES: tuple[str, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "fire", "smoke")
"""The classes of the shipped weights, in their order. Names are COCO's where COCO has them."""

VEHICLES = frozenset({"car", "bus", "truck", "motorcycle"})


@dataclass(frozen=True, slots=True)
class Detections:
    """N boxes in the pixels of the full frame.

    boxes: (N, 4) float32, left, top, right, bottom. scores: (N,) float32 in [0, 1]. classes: (N,) int64,
    indices into ``names``.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    names: Sequence[str] = field(default=CLASSES)

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.classes.shape != (n,):
            raise ValueError(
                f"shapes differ: boxes {self.boxes.shape}, scores {self.scores.shape}, "
                f"classes {self.classes.shape}"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls, names: Sequence[str] = CLASSES) -> Detections:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), names)

    def select(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """The boxes of a boolean mask or of an index array."""
        return Detections(self.boxes[mask], self.scores[mask], self.classes[mask], self.names)

    def of(self, *names: str) -> Detections:
        """The boxes of the classes named."""
        wanted = [i for i, name in enumerate(self.names) if name in names]
        return self.select(np.isin(self.classes, wanted))

    def name(self, index: int) -> str:
        return self.names[int(self.classes[index])]
