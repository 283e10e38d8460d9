"""Ways in which people move, for scenes on the stage. Nothing here is taken from the demo town."""

from __future__ import annotations

import numpy as np

from tests.unit.vision.stage import Path2, Thing

SCORE = 0.6


def swaying(east: float, north: float, seed: int, reach: float = 0.06) -> Path2:
    """Standing as people stand: a slow sway of some centimetres."""
    a, b, c = np.random.default_rng(seed).uniform(0, 2 * np.pi, 3)

    def path(t: float) -> tuple[float, float]:
        return (
            east + reach * np.sin(0.7 * t + a) + reach / 2 * np.sin(1.7 * t + b),
            north + reach * np.sin(0.6 * t + c),
        )

    return path


def cluster(
    east: float, north: float, count: int, radius: float = 3.0, seed: int = 0, recall: float = 0.85
) -> list[Thing]:
    """People standing about, evenly over a disc (sunflower)."""
    people = []
    for i in range(count):
        angle, reach = 2.4 * i, radius * np.sqrt((i + 0.5) / count)
        place = (east + reach * np.cos(angle), north + reach * np.sin(angle))
        people.append(Thing("person", swaying(*place, seed=seed * 100 + i), SCORE, recall=recall))
    return people


def queue(east: float, north: float, count: int, seed: int = 0) -> list[Thing]:
    """People in a line, 0.9 m apart."""
    return [
        Thing("person", swaying(east + 0.9 * i, north, seed=seed * 100 + i), SCORE, recall=0.9)
        for i in range(count)
    ]


def marching(east: float, north: float, count: int, speed: float = 1.2, seed: int = 0) -> list[Thing]:
    """A group that walks along together."""
    random = np.random.default_rng(seed)
    places = random.uniform(-2.0, 2.0, (count, 2))

    def walker(offset: np.ndarray) -> Path2:
        return lambda t: (east + offset[0] + speed * t, north + offset[1])

    return [Thing("person", walker(offset), SCORE, recall=0.9) for offset in places]


def shoving(east: float, north: float, who: int, seed: int = 0) -> Path2:
    """One of two (``who`` +1 or -1) who push each other across the floor, each giving way in turn."""
    a, b, c = np.random.default_rng(seed).uniform(0, 2 * np.pi, 3)

    def path(t: float) -> tuple[float, float]:
        middle = 0.45 * np.sin(2 * np.pi * 0.55 * t + a)
        apart = 0.45 + 0.15 * np.sin(2 * np.pi * 0.7 * t + b)
        axis = c + 0.5 * np.sin(0.4 * t)
        along = middle + who * apart
        return (east + 0.15 * t + along * np.cos(axis), north + along * np.sin(axis))

    return path


def fight(east: float, north: float, onlookers: int = 0, seed: int = 0, recall: float = 0.9) -> list[Thing]:
    """Two who push each other, and people around them."""
    people = [Thing("person", shoving(east, north, who, seed), SCORE, recall=recall) for who in (1, -1)]
    for i in range(onlookers):
        angle = 2 * np.pi * i / max(onlookers, 1)
        place = (east + 2.8 * np.cos(angle), north + 2.8 * np.sin(angle))
        people.append(Thing("person", swaying(*place, seed=seed * 100 + i, reach=0.1), SCORE, recall=recall))
    return people


def talking(east: float, north: float, count: int = 3, seed: int = 0) -> list[Thing]:
    """A few who stand close and talk."""
    return [
        Thing(
            "person",
            swaying(
                east + 0.7 * np.cos(2 * np.pi * i / count), north + 0.7 * np.sin(2 * np.pi * i / count),
                seed=seed * 100 + i, reach=0.08,
            ),
            SCORE,
        )
        for i in range(count)
    ]  # fmt: skip
