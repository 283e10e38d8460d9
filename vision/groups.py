"""Who stands together: groups of people on the ground, what shape they make, and which group is which."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from missions.geodesy import Array

LEAST_REACH = 0.65


def linked(places: Array, link_m: float) -> list[list[int]]:
    """Indices of people by group: single linkage, neighbours at most ``link_m`` apart.

    >>> linked(np.array([[0.0, 0], [1.5, 0], [3, 0], [9, 9]]), 2.0)
    [[0, 1, 2], [3]]
    """
    n = len(places)
    if not n:
        return []
    pairs = cKDTree(places).query_pairs(link_m, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    return [np.flatnonzero(labels == label).tolist() for label in range(count)]


def straightness(places: Array) -> float:
    """How far a group is one line of people, bends allowed: 1 for a queue, about 0.4 for a cluster.

    The longest path through the minimum spanning tree as a share of the whole tree, less where that path
    winds back so much that its ends lie nearer than ``LEAST_REACH`` of its length.
    """
    if len(places) < 3:
        return 1.0
    gaps = cdist(places, places)
    tree = minimum_spanning_tree(gaps + 1e-9)
    total = float(tree.sum())
    paths = shortest_path(tree, directed=False)
    start, end = np.unravel_index(int(paths.argmax()), paths.shape)
    longest = float(paths[start, end])
    if total <= 0 or longest <= 0:
        return 0.0
    return longest / total * min(1.0, float(gaps[start, end]) / (LEAST_REACH * longest))


@dataclass(frozen=True, slots=True)
class GroupMoment:
    """A group in one frame.

    spread: median distance of members from the middle, m. steady: the middle without the creeping of the
    ground, for judging motion only.
    """

    seconds: float
    count: int
    place: tuple[float, float]
    straightness: float
    spread: float
    steady: tuple[float, float]


@dataclass(slots=True, eq=False)
class Group:
    """A group over time; it stays itself while its members or its place overlap."""

    id: int
    members: dict[int, float] = field(default_factory=dict)
    """track id -> when last in it"""
    moments: deque[GroupMoment] = field(default_factory=lambda: deque(maxlen=300))

    def since(self, seconds: float) -> list[GroupMoment]:
        return [moment for moment in self.moments if moment.seconds >= seconds - 1e-6]

    def drift_speed(self, seconds: float) -> float:
        """Speed of the middle since ``seconds``, by a straight line, m/s."""
        moments = self.since(seconds)
        if len(moments) < 3:
            return 0.0
        time = np.array([m.seconds for m in moments])
        places = np.array([m.steady for m in moments])
        time = time - time.mean()
        velocity = time @ (places - places.mean(axis=0)) / max(float((time**2).sum()), 1e-9)
        return float(np.linalg.norm(velocity))


class GroupBook:
    """Recognises groups from frame to frame, also when the ids of their members change."""

    def __init__(self, reach_m: float, forget_s: float = 4.0) -> None:
        self._reach_m, self._forget_s = reach_m, forget_s
        self._groups: list[Group] = []
        self._next_id = 1

    def update(self, found: Mapping[frozenset[int], GroupMoment], seconds: float) -> list[Group]:
        """The groups of this frame, as many as ``found`` and in its order."""
        self._groups = [g for g in self._groups if seconds - g.moments[-1].seconds <= self._forget_s]
        free = list(self._groups)
        result = []
        for members, moment in sorted(found.items(), key=lambda item: -item[1].count):
            best = max(free, key=lambda g: self._likeness(g, members, moment), default=None)
            if best is None or self._likeness(best, members, moment) <= 0:
                best = Group(self._next_id)
                self._next_id += 1
                self._groups.append(best)
            else:
                free.remove(best)
            best.members.update(dict.fromkeys(members, seconds))
            best.members = {m: at for m, at in best.members.items() if seconds - at <= self._forget_s}
            best.moments.append(moment)
            result.append(best)
        order = {members: i for i, members in enumerate(found)}
        ranked = sorted(found.items(), key=lambda item: -item[1].count)
        by_members = {members: group for (members, _), group in zip(ranked, result, strict=True)}
        return [by_members[members] for members in order]

    def _likeness(self, group: Group, members: frozenset[int], moment: GroupMoment) -> float:
        shared = len(members & group.members.keys()) / max(1, min(len(members), len(group.members)))
        last = group.moments[-1]
        gap = float(np.hypot(last.place[0] - moment.place[0], last.place[1] - moment.place[1]))
        if shared >= 0.3:
            return 1 + shared
        reach = self._reach_m + last.spread
        alike = 0.5 <= moment.count / max(last.count, 1) <= 2.0
        return 1 - gap / reach if gap < reach and alike else 0.0
