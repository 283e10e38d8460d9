"""Tiles of the ledger: packing, merging in any order, refusing what is no report."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.seen_tiles import (
    FINENESS_M,
    SIDE,
    SeenInvalid,
    SeenTile,
    algorithms_key,
    centres_of,
    fineness_class,
    merged,
    over_flights,
    square_m2,
    squares_at,
    tiles_within,
    unpacked,
)

KEY = (28450, 117970)
NAMES = ("patrol-rgb", "crowds+patrol-rgb", "patrol-thermal")
looks = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.integers(0, len(FINENESS_M) - 1), st.integers(0, SIDE - 1),
        st.integers(0, SIDE - 1), st.integers(1_700_000_000, 1_900_000_000),
    ),
    max_size=12,
)  # fmt: skip


def tile_of(entries) -> SeenTile:
    tile = SeenTile(KEY)
    for names, index, row, column, seconds in entries:
        times = tile.layer((names, index))
        times[row, column] = max(int(times[row, column]), seconds)
        tile.dwell_s[row, column] += 0.5
    return tile


def same(a: SeenTile, b: SeenTile) -> bool:
    return a.packed() == b.packed()


@settings(max_examples=40, deadline=None)
@given(st.lists(looks, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_merging_is_independent_of_order_grouping_and_repetition(groups, order: random.Random):
    tiles = [tile_of(entries) for entries in groups]
    shuffled = [*tiles, *tiles]
    order.shuffle(shuffled)
    pairwise = functools.reduce(lambda a, b: merged([a, b]), shuffled)
    assert same(merged(tiles), pairwise)
    assert same(merged(tiles), merged(reversed(tiles)))


@settings(max_examples=40, deadline=None)
@given(looks, looks)
def test_a_square_once_seen_never_becomes_unseen(first, second):
    before, after = tile_of(first), merged([tile_of(first), tile_of(second)])
    for fineness in (None, 0.05):
        assert (after.last_seen(fineness) >= before.last_seen(fineness)).all()


@settings(max_examples=40, deadline=None)
@given(looks)
def test_packing_keeps_everything(entries):
    tile = tile_of(entries)
    back = unpacked(tile.packed())
    assert back.key == KEY
    assert same(back, tile)
    for names, index, row, column, _ in entries:
        assert back.layers[names, index][row, column] == tile.layers[names, index][row, column]
    assert np.allclose(back.dwell_s, tile.dwell_s, atol=0.05)


def test_queries_ask_for_fineness_and_algorithm():
    tile = tile_of(
        [("crowds+patrol-rgb", 3, 1, 1, 1_800_000_000), ("patrol-thermal", 6, 1, 1, 1_800_000_500)]
    )
    assert tile.last_seen()[1, 1] == 1_800_000_500
    assert tile.last_seen(0.05)[1, 1] == 1_800_000_000
    assert tile.last_seen(0.03)[1, 1] == 0
    assert tile.last_seen(algorithm="crowds")[1, 1] == 1_800_000_000
    assert tile.last_seen(algorithm="crowd")[1, 1] == 0
    assert tile.finest()[1, 1] == 3
    assert tile.finest(since=1_800_000_100)[1, 1] == 6
    assert tile.finest()[0, 0] == 255


def test_stays_of_several_flights_add_up_and_repeated_reports_do_not():
    tile = tile_of([("patrol-rgb", 3, 2, 2, 1_800_000_000)])
    assert merged([tile, tile]).dwell_s[2, 2] == 0.5
    assert over_flights([tile, tile]).dwell_s[2, 2] == 1.0


def test_tiles_of_different_ground_are_not_merged():
    with pytest.raises(ValueError, match="different ground"):
        merged([SeenTile(KEY), SeenTile((KEY[0] + 1, KEY[1]))])
    with pytest.raises(ValueError, match="nothing to merge"):
        merged([])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"hello",
        lambda data: data[:40],
        lambda data: data[:-6],
        lambda data: data[:20] + b"\x00\x01" + data[22:],
        lambda data: b"SEEN1" + b"\x00" * 50,
    ],
)
def test_damaged_reports_are_refused_with_a_sentence(spoil):
    data = tile_of([("patrol-rgb", 3, 2, 2, 1_800_000_000)]).packed()
    with pytest.raises(SeenInvalid, match=r"send|must begin|should hold"):
        unpacked(spoil(data))


def test_a_report_that_unpacks_without_end_is_cut_off():
    import zlib

    with pytest.raises(SeenInvalid, match="too large"):
        unpacked(b"SEEN1" + zlib.compress(b"\0" * 50_000_000))


def test_squares_and_tiles_agree():
    latitude, longitude = centres_of(KEY)
    rows, columns = squares_at(latitude, longitude)
    assert (rows // SIDE == KEY[0]).all()
    assert (columns % SIDE == np.arange(SIDE)).all()
    assert tiles_within((117.9701, 28.4501, 117.9712, 28.4502)) == [(28450, 117970), (28450, 117971)]
    assert 0.6 < square_m2(KEY) < 0.7


def test_classes_of_fineness():
    assert fineness_class([0.001, 0.05, 0.0501, 0.5, 0.51]).tolist() == [0, 3, 4, 7, 8]


@pytest.mark.parametrize("names", [[], [""], ["a+b"], ["x" * 65]])
def test_names_of_algorithms_are_checked(names):
    with pytest.raises(ValueError, match="algorithm"):
        algorithms_key(names)
