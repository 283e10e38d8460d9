"""The timetable of a seed: which events, in which cells, from when to when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.random import Generator

from drone.sim.events import PlantedEvent, SightingKind
from drone.sim.fabric import Fabric
from drone.sim.layout import Cell
from drone.sim.scenarios.plots import Cast, gather, park_illegally, quarrel, raise_smoke, set_fire
from drone.sim.scenarios.sites import Sites
from missions.geodesy import LocalFrame

END_S = 4000.0
GROUND_PLOTS: dict[str, tuple[SightingKind, float, float, Callable[..., int]]] = {
    "fire": (SightingKind.FIRE, 3.4, 0.0, set_fire),
    "smoke": (SightingKind.SMOKE, 3.0, 0.0, raise_smoke),
    "gathering": (SightingKind.GATHERING, 4.5, 14.0, gather),
    "dispute": (SightingKind.DISPUTE, 3.2, 14.0, quarrel),
    "brawl": (SightingKind.DISPUTE, 5.5, 14.0, quarrel),
}
"""Plot -> kind, room needed (m), distance from crowd zones (m), who stages it."""

# Cells are numbered like a reader's eye moves: 1-4 in the north, 5-8, 9-12 in the south. Two events in most.
DECK = (
    "fire", "fire", "fire", "smoke", "smoke", "smoke", "gathering", "gathering", "gathering",
    "dispute", "dispute",
    "brawl", "brawl", "parking", "parking", "parking", "parking", "parking", "parking", "parking",
)  # fmt: skip
FEWEST_OF_THREE = 4
FLAMES = ("fire", "smoke")
CROWDS = ("gathering", "dispute", "brawl")


def plan_programme(cells: list[Cell], rng: Generator) -> list[tuple[str, str]]:
    """(plot, cell code) pairs: at most two of a cell, never two of one family in it, spread evenly."""
    codes = [cell.code for cell in cells]
    for _ in range(500):
        slots = codes + [codes[int(i)] for i in rng.choice(len(codes), len(DECK) - len(codes), replace=False)]
        order = rng.permutation(len(DECK))
        pairs = [(DECK[int(i)], slot) for i, slot in zip(order, slots, strict=True)]
        if _well_spread(pairs):
            return pairs
    return pairs


def _family(plot: str) -> str:
    return "flames" if plot in FLAMES else "crowd" if plot in CROWDS else plot


def _well_spread(pairs: list[tuple[str, str]]) -> bool:
    families = [(code, _family(plot)) for plot, code in pairs]
    if len(set(families)) < len(families):
        return False
    load = Counter(code for _, code in pairs)
    numbers = {(k // 4, k % 4): load[code] for k, code in enumerate(sorted({code for _, code in pairs}))}
    if any(sum(numbers[cell] for cell in triple) < FEWEST_OF_THREE for triple in triples()):
        return False
    thirds = [
        {(int(code[-3:]) - 1) % 4 for plot, code in pairs if _family(plot) == family}
        for family in ("flames", "crowd")
    ]
    return all(len(columns) >= 3 for columns in thirds)


def triples() -> list[tuple[tuple[int, int], ...]]:
    """All groups of three cells (row, column) that hang together by their sides."""
    cells = [(r, c) for r in range(3) for c in range(4)]
    return [
        group for group in combinations(cells, 3)
        if sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in combinations(group, 2)) == 2
    ]  # fmt: skip


def stage(
    cast: Cast, fabric: Fabric, cells: list[Cell], frame: LocalFrame, seed: int, rng: Generator
) -> list[PlantedEvent]:
    """Plant the seed's events in the town."""
    sites = Sites(fabric, cells, rng)
    planted: list[PlantedEvent] = []
    counts: dict[str, int] = {}
    pairs = plan_programme(cells, rng)
    for plot, code in sorted(pairs, key=lambda pair: pair[0] == "parking"):
        start = (
            float(np.round(rng.uniform(0, 25), 1))
            if rng.random() < 0.85
            else float(np.round(rng.uniform(120, 600), 1))
        )
        load = Counter(event.cell for event in planted)
        others = sorted((c.code for c in cells if c.code != code), key=lambda c: (load[c], c))
        for cell in [code, *others]:
            event = _plant(cast, sites, plot, cell, start, frame, seed, counts, rng)
            if event is not None:
                planted.append(event)
                break
    return planted


def _plant(
    cast: Cast, sites: Sites, plot: str, code: str, start: float, frame: LocalFrame, seed: int,
    counts: dict[str, int], rng: Generator,
) -> PlantedEvent | None:  # fmt: skip
    vehicle, people = None, 0
    if plot == "parking":
        bay = sites.kerb(code)
        if bay is None:
            return None
        kind, (east, north) = SightingKind.ILLEGAL_PARKING, (bay.east, bay.north)
        name = _name(seed, kind, counts)
        vehicle = park_illegally(cast, name, bay, start, END_S, rng)
    else:
        kind, room, away, act = GROUND_PLOTS[plot]
        place = sites.ground(code, room, from_zones_m=away)
        if place is None:
            return None
        east, north = place
        name = _name(seed, kind, counts)
        extra = {"many": plot == "brawl"} if kind == SightingKind.DISPUTE else {}
        people = act(cast, name, east, north, start, END_S, rng, **extra)
    lat, lon, _ = frame.to_geodetic([[east, north]])[0]
    return PlantedEvent(
        id=name, kind=kind, east=float(east), north=float(north), latitude=float(lat),
        longitude=float(lon), cell=code,
        start_s=start, end_s=END_S, people=people, vehicle_id=vehicle, note=plot,
    )  # fmt: skip


def _name(seed: int, kind: SightingKind, counts: dict[str, int]) -> str:
    counts[kind.value] = counts.get(kind.value, 0) + 1
    return f"s{seed}-{kind.value}-{counts[kind.value]}"
