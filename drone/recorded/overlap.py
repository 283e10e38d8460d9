"""Whether overlapping stills agree: what both show must land on the same ground through both poses.

A picture that a viewer turned keeps its pose data, and every place computed from it is wrong without a sign.
Neighbouring stills give it away: with the right turn their common points meet, with a wrong one they miss by
the baseline's size. The turn is measured, never guessed: without overlap the pictures are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera import CameraModel, Pose, ground_points

Array = NDArray[np.float64]

LONG_SIDE_PX = 1000
FEATURES = 2500
RATIO = 0.75
LEAST_MATCHES = 25
MOST_PAIRS = 6
MAX_CONSISTENT_M = 5.0
CLEARLY = 0.4
"""A turn is believed when it leaves less than this share of the disagreement without it."""


class PosedStill(Protocol):
    @property
    def path(self) -> Path: ...

    @property
    def pose(self) -> Pose: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """The clockwise turn that undoes what was done to the pictures, and the agreement then.

    Attributes:
        consistency_m: median distance between the two places of common points; None without overlap.
        pairs: how many pairs of stills overlap.
    """

    degrees: int
    consistency_m: float | None
    pairs: int


def find_turn(
    stills: Sequence[PosedStill], size: tuple[int, int], cameras: dict[int, CameraModel], ground_amsl_m: float
) -> Turn:
    """Compare neighbouring stills under each turn for which there is a camera.

    Args:
        size: width and height of the stored pictures.
        cameras: camera of the pictures after a clockwise turn by that many degrees.
        ground_amsl_m: height of the ground, taken as flat.
    """
    ties = common_points(stills)
    if not ties:
        return Turn(0, None, 0)
    misses = {
        turn: _miss(ties, stills, size, turn, camera, ground_amsl_m) for turn, camera in cameras.items()
    }
    best = min(misses, key=lambda turn: misses[turn])
    if best and not (misses[best] < CLEARLY * misses[0] and misses[best] < MAX_CONSISTENT_M):
        best = 0
    return Turn(best, misses[best] if np.isfinite(misses[best]) else None, len(ties))


def turned_pixels(pixels: Array, size: tuple[int, int], turn_deg: int) -> Array:
    """Pixels (N, 2) of a stored picture of ``size`` -> pixels of it turned clockwise.

    >>> turned_pixels(np.array([[1.0, 2.0]]), (40, 30), 90).tolist()
    [[28.0, 1.0]]
    """
    u, v = pixels[:, 0], pixels[:, 1]
    width, height = size
    turned = {0: (u, v), 90: (height - v, u), 180: (width - u, height - v), 270: (v, width - u)}[turn_deg]
    return np.column_stack(turned)


def common_points(stills: Sequence[PosedStill]) -> list[tuple[int, int, Array, Array]]:
    """Points that neighbours share: (index a, index b, pixels in a (N, 2), pixels in b (N, 2)).

    Of a long series ``MOST_PAIRS`` pairs are compared, spread over it.
    """
    step = max(1, -(-(len(stills) - 1) // MOST_PAIRS))
    chosen = range(0, len(stills) - 1, step)
    features = {i: _features(stills[i].path) for i in sorted({k for i in chosen for k in (i, i + 1)})}
    ties = []
    for i in chosen:
        matched = _match(features[i], features[i + 1])
        if matched is not None:
            ties.append((i, i + 1, *matched))
    return ties


def _features(path: Path) -> tuple[Array, NDArray[np.float32]]:
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imread(str(path), flags)
    if image is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    scale = max(image.shape) / LONG_SIDE_PX
    if scale > 1:
        small = (round(image.shape[1] / scale), round(image.shape[0] / scale))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.SIFT.create(FEATURES).detectAndCompute(image, None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    return (np.array([point.pt for point in found], float) + 0.5) * max(scale, 1.0), descriptors


def _match(
    a: tuple[Array, NDArray[np.float32]], b: tuple[Array, NDArray[np.float32]]
) -> tuple[Array, Array] | None:
    if min(len(a[0]), len(b[0])) < LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher().knnMatch(a[1], b[1], k=2)
    good = [(m.queryIdx, m.trainIdx) for m, n in pairs if m.distance < RATIO * n.distance]
    if len(good) < LEAST_MATCHES:
        return None
    left, right = a[0][[i for i, _ in good]], b[0][[j for _, j in good]]
    _, inliers = cv2.findHomography(left, right, cv2.RANSAC, 12.0, maxIters=2000, confidence=0.999)
    if inliers is None or inliers.sum() < LEAST_MATCHES:
        return None
    kept = inliers.ravel() > 0
    return left[kept], right[kept]


def _miss(
    ties: list[tuple[int, int, Array, Array]],
    stills: Sequence[PosedStill],
    size: tuple[int, int],
    turn: int,
    camera: CameraModel,
    ground_amsl_m: float,
) -> float:
    """Median distance between the two places of common points in metres; infinite without any."""
    misses = []
    for i, j, left, right in ties:
        frame = stills[i].pose.frame()
        a, b = (
            ground_points(camera, stills[k].pose, frame, turned_pixels(pixels, size, turn), ground_amsl_m)[
                :, :2
            ]
            for k, pixels in ((i, left), (j, right))
        )
        misses.append(np.linalg.norm(a - b, axis=1))
    known = np.concatenate(misses)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else float("inf")
