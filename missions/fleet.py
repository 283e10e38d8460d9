"""Cells shared among several aircraft from several homes, so that the last one is back early (makespan).

OR-Tools joins the cells into one route for each aircraft with the longest route charged most; the routes are
then cut into sorties for real batteries and improved cell by cell, because where a battery ends decides how
long a route really takes. The same input gives the same answer.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from missions.errors import PlanImpossible
from missions.geodesy import Array

SPAN_COST = 100
SWAP_S = 120.0
"""On the ground between two sorties, for a fresh battery."""
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetTask:
    """Seconds that everything takes.

    Args:
        cover_s: (N,) over each cell, from its entry back to its entry.
        between_s: (N, N) from each cell to each other.
        out_s: (M, N) from take-off at the home of each aircraft to each cell; back_s: to landing.
        sortie_s: what one battery holds.
    """

    cover_s: Array
    between_s: Array
    out_s: Array
    back_s: Array
    sortie_s: float

    def __post_init__(self) -> None:
        aircraft, cells = self.out_s.shape
        shapes = (self.cover_s.shape, self.between_s.shape, self.back_s.shape)
        if shapes != ((cells,), (cells, cells), (aircraft, cells)) or not aircraft:
            raise ValueError("the tables of a fleet do not match in their numbers of cells and aircraft")

    def single_s(self) -> Array:
        """(M, N) seconds of a flight to one cell alone and back."""
        return np.asarray(self.out_s + self.cover_s + self.back_s)

    def lower_bound_s(self) -> float:
        """No fleet is back earlier: the time over all cells shared evenly, or the farthest cell alone."""
        return max(float(self.cover_s.sum()) / len(self.out_s), float(self.single_s().min(axis=0).max()))


Route = list[list[int]]
"""Sorties of one aircraft, each the cells in the order in which they are flown."""


def share_cells(task: FleetTask) -> list[Route]:
    """Who flies which cells, in which sorties.

    Raises:
        PlanImpossible: a cell that no battery holds, there and back.
    """
    single = task.single_s().min(axis=0)
    if len(single) and single.max() > task.sortie_s:
        raise PlanImpossible(
            f"one cell takes {single.max():.0f} s there and back, a battery holds {task.sortie_s:.0f} s: "
            "take off nearer, or cut the cell"
        )
    return [_sorties(task, number, route)[0] for number, route in enumerate(_improved(task, _routed(task)))]


def busy_s(task: FleetTask, aircraft: int, route: Route) -> float:
    """Seconds from the first take-off of an aircraft to its last landing."""
    flown = sum(_sortie_s(task, aircraft, sortie) for sortie in route)
    return flown + SWAP_S * max(0, len(route) - 1)


def _sortie_s(task: FleetTask, aircraft: int, cells: list[int]) -> float:
    inner = sum(float(task.between_s[a, b]) for a, b in itertools.pairwise(cells))
    cover = float(task.cover_s[cells].sum())
    return float(task.out_s[aircraft, cells[0]]) + cover + inner + float(task.back_s[aircraft, cells[-1]])


def _sorties(task: FleetTask, aircraft: int, route: list[int]) -> tuple[Route, float]:
    """A route cut where that takes least time, and its seconds; infinite where a battery ends on the way."""
    best, cut = [0.0], [0]
    for end in range(1, len(route) + 1):
        options = []
        inner = 0.0
        for start in range(end - 1, -1, -1):
            inner += float(task.cover_s[route[start]])
            if start < end - 1:
                inner += float(task.between_s[route[start], route[start + 1]])
            seconds = (
                float(task.out_s[aircraft, route[start]])
                + inner
                + float(task.back_s[aircraft, route[end - 1]])
            )
            if inner > task.sortie_s:
                break
            if seconds <= task.sortie_s:
                options.append((best[start] + seconds + (SWAP_S if start else 0.0), start))
        seconds, start = min(options, default=(np.inf, end - 1))
        best.append(seconds)
        cut.append(start)
    pieces: Route = []
    end = len(route)
    while end > 0:
        pieces.append(route[cut[end] : end])
        end = cut[end]
    return pieces[::-1], best[-1]


def _routed(task: FleetTask) -> list[list[int]]:
    """One route for each aircraft by OR-Tools, batteries left out."""
    aircraft, cells = task.out_s.shape
    if not cells:
        return [[] for _ in range(aircraft)]
    homes = [cells + number for number in range(aircraft)]
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2  # slow to load, seldom needed

    manager = pywrapcp.RoutingIndexManager(cells + aircraft, aircraft, homes, homes)
    routing = pywrapcp.RoutingModel(manager)
    evaluators = []
    for number in range(aircraft):
        table = np.zeros((cells + aircraft, cells + aircraft))
        table[:cells, :cells] = task.between_s + task.cover_s[:, None]
        table[cells:, :cells] = task.out_s[number]
        table[:cells, cells:] = (task.back_s[number] + task.cover_s)[:, None]
        rows = np.rint(10 * table).astype(int).tolist()

        def seconds(start: int, end: int, rows: list[list[int]] = rows) -> int:
            return int(rows[manager.IndexToNode(start)][manager.IndexToNode(end)])

        evaluators.append(routing.RegisterTransitCallback(seconds))
        routing.SetArcCostEvaluatorOfVehicle(evaluators[-1], number)
    horizon = int(10 * (task.single_s().max(axis=0).sum() + 1))
    routing.AddDimensionWithVehicleTransits(evaluators, 0, horizon, True, "time")
    routing.GetDimensionOrDie("time").SetGlobalSpanCostCoefficient(SPAN_COST)
    settings = pywrapcp.DefaultRoutingSearchParameters()
    settings.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    settings.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GREEDY_DESCENT
    found = routing.SolveWithParameters(settings)
    if found is None:
        return _nearest(task)
    routes = []
    for number in range(aircraft):
        route, index = [], found.Value(routing.NextVar(routing.Start(number)))
        while not routing.IsEnd(index):
            route.append(manager.IndexToNode(index))
            index = found.Value(routing.NextVar(index))
        routes.append(route)
    return routes


def _nearest(task: FleetTask) -> list[list[int]]:
    """Every cell to the aircraft whose home is nearest."""
    owner = task.single_s().argmin(axis=0)
    return [np.flatnonzero(owner == number).tolist() for number in range(len(task.out_s))]


def _improved(task: FleetTask, routes: list[list[int]]) -> list[list[int]]:
    """Move and exchange cells while the fleet is back earlier for it, or as early with less flown."""
    times = [_sorties(task, number, route)[1] for number, route in enumerate(routes)]
    for _ in range(MOST_ROUNDS):
        best: tuple[tuple[float, float], dict[int, list[int]]] | None = None
        now = (max(times), sum(times))
        for changed in _changes(routes, int(np.argmax(times))):
            after = times.copy()
            for number, route in changed.items():
                after[number] = _sorties(task, number, route)[1]
            value = (max(after), sum(after))
            if value[0] < now[0] - 1e-6 or (value[0] <= now[0] + 1e-6 and value[1] < now[1] - 1e-6):
                best = min(best or (value, changed), (value, changed), key=lambda item: item[0])
        if best is None:
            break
        for number, route in best[1].items():
            routes[number] = route
            times[number] = _sorties(task, number, route)[1]
    return routes


def _changes(routes: list[list[int]], longest: int) -> list[dict[int, list[int]]]:
    """Cells of the longest route moved anywhere or exchanged, and the longest route turned round in part."""
    mine = routes[longest]
    changes: list[dict[int, list[int]]] = []
    for i, j in itertools.combinations(range(len(mine) + 1), 2):
        changes.append({longest: mine[:i] + mine[i:j][::-1] + mine[j:]})
    for place, cell in enumerate(mine):
        rest = mine[:place] + mine[place + 1 :]
        changes += [{longest: [*rest[:k], cell, *rest[k:]]} for k in range(len(rest) + 1) if k != place]
        for number, route in enumerate(routes):
            if number == longest:
                continue
            changes += [
                {longest: rest, number: [*route[:k], cell, *route[k:]]} for k in range(len(route) + 1)
            ]
            for k, other in enumerate(route):
                exchanged = [*mine[:place], other, *mine[place + 1 :]]
                changes.append({longest: exchanged, number: [*route[:k], cell, *route[k + 1 :]]})
    return changes
