from __future__ import annotations

import numpy as np
import pytest

from vision.groups import GroupBook, GroupMoment, linked, straightness


def test_single_linkage_chains() -> None:
    chain = np.column_stack([np.arange(6) * 1.9, np.zeros(6)])
    assert linked(np.vstack([chain, [[30, 30]]]), 2.0) == [[0, 1, 2, 3, 4, 5], [6]]
    assert linked(np.zeros((0, 2)), 2.0) == []
    assert linked(np.zeros((1, 2)), 2.0) == [[0]]


@pytest.mark.parametrize("bend", [0.0, np.pi / 2])
@pytest.mark.parametrize("seed", range(4))
def test_a_queue_is_straight_even_round_a_corner(bend: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = np.cumsum(np.full(12, 0.9))
    first = np.column_stack([steps[:6], np.zeros(6)])
    second = first[-1] + np.column_stack([np.cos(bend), np.sin(bend)]) * steps[:6, None]
    queue = np.vstack([first, second]) + random.normal(0, 0.15, (12, 2))
    assert straightness(queue) > 0.85


def test_clusters_are_not_straight() -> None:
    random = np.random.default_rng(1)
    values = [straightness(random.normal(0, 1.5, (14, 2))) for _ in range(40)]
    assert np.mean(np.array(values) < 0.8) > 0.9
    assert straightness(np.zeros((2, 2))) == 1.0


def moment(seconds: float, east: float, count: int = 10) -> GroupMoment:
    return GroupMoment(seconds, count, (east, 0.0), 0.5, 1.5, (east, 0.0))


def test_a_group_stays_itself_while_members_and_ids_change() -> None:
    book = GroupBook(reach_m=3.0)
    first = book.update({frozenset(range(10)): moment(0.0, 0.0)}, 0.0)[0]
    half = book.update({frozenset(range(5, 15)): moment(0.2, 0.1)}, 0.2)[0]
    strangers = book.update({frozenset(range(50, 60)): moment(0.4, 0.2)}, 0.4)[0]
    assert first is half is strangers
    assert len(first.moments) == 3
    elsewhere = book.update({frozenset(range(70, 80)): moment(0.6, 40.0)}, 0.6)[0]
    assert elsewhere is not first


def test_groups_come_back_in_the_order_given() -> None:
    book = GroupBook(reach_m=3.0)
    found = {frozenset({1, 2, 3}): moment(0.0, 0.0, 3), frozenset(range(10, 20)): moment(0.0, 30.0)}
    small, large = book.update(found, 0.0)
    assert small.moments[-1].count == 3
    assert large.moments[-1].count == 10


def test_a_group_not_seen_for_long_is_forgotten() -> None:
    book = GroupBook(reach_m=3.0, forget_s=4.0)
    first = book.update({frozenset({1, 2}): moment(0.0, 0.0)}, 0.0)[0]
    later = book.update({frozenset({8, 9}): moment(9.0, 0.0)}, 9.0)[0]
    assert later is not first


def test_drift_speed() -> None:
    book = GroupBook(reach_m=3.0)
    for i in range(11):
        group = book.update({frozenset({1, 2}): moment(i * 0.2, 0.8 * i * 0.2)}, i * 0.2)[0]
    assert group.drift_speed(0.0) == pytest.approx(0.8, abs=1e-6)
