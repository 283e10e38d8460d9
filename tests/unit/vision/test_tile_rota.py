from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.geodesy import LocalFrame
from vision.looks import CELLS, Look
from vision.tile_rota import (
    FAR,
    NOWHERE,
    SAMPLES_A_CELL,
    RotaRules,
    TileRota,
    Turn,
    middles_of,
    squares_of,
)

FRAME = LocalFrame(28.45, 117.97)
SHAPE = (CELLS[1] * SAMPLES_A_CELL, CELLS[0] * SAMPLES_A_CELL)


def look(cells: tuple[int, int, int, int]) -> Look:
    left, top, right, bottom = (side * 120 for side in cells)
    return Look((left, top, right, bottom), 1.0, 16.0, cells, 144.0)


def grid(columns: int, rows: int) -> list[Look]:
    """So many parts across and down that share the cells of a picture."""
    xs = [round(i * CELLS[0] / columns) for i in range(columns + 1)]
    ys = [round(i * CELLS[1] / rows) for i in range(rows + 1)]
    return [look((xs[i], ys[j], xs[i + 1], ys[j + 1])) for j in range(rows) for i in range(columns)]


def flat(east: float = 0.0) -> np.ndarray:
    """Ground places of the samples: three metres from one to the next."""
    x, y = np.meshgrid(np.arange(SHAPE[1]) * 3.0 + east, np.arange(SHAPE[0]) * 3.0)
    return np.stack([x, y], axis=-1)


def places(draw: st.DataObject) -> list[tuple[tuple[int, int], float]]:
    cell = st.tuples(st.integers(0, CELLS[0] - 1), st.integers(0, CELLS[1] - 1))
    return draw.draw(st.lists(st.tuples(cell, st.floats(0.1, 100.0)), max_size=8))


@given(
    st.integers(1, 8), st.integers(1, 6), st.floats(0.0, 1.0), st.floats(0.05, 1.0), st.integers(1, 4),
    st.integers(0, 3), st.booleans(), st.data(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_no_part_waits_longer_than_the_rota_says_whatever_else_is_due(
    columns: int,
    rows: int,
    spare: float,
    share: float,
    least: int,
    opening: int,
    far: bool,
    draw: st.DataObject,
) -> None:
    looks = grid(columns, rows)
    rota = TileRota(RotaRules(share=share, least=least, spare=spare, opening=opening))
    parts = len(looks) + far
    last = dict.fromkeys([*range(len(looks)), *([FAR] if far else [])], -1)
    limit = rota.revisit_frames(parts)
    for frame in range(3 * limit + 2):
        ground = (FRAME, flat(37.0 * frame)) if draw.draw(st.booleans()) else None
        turn = rota.turn(looks, frame / 5, far=far, followed=places(draw), ground=ground)
        assert turn.revisit_frames == limit
        assert len(turn.chosen) == len(set(turn.chosen)) == rota.rules.budget(parts, opening=frame < opening)
        last.update(dict.fromkeys(turn.chosen, frame))
        assert all(frame - seen <= limit for seen in last.values())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_where_the_parts_change_a_cell_waits_no_longer_than_there_are_cells(seed: int) -> None:
    random = np.random.default_rng(seed)
    rota = TileRota(RotaRules(share=0.2, least=2, opening=0))
    last = np.full(CELLS[::-1], -1)
    for frame in range(700):
        looks = grid(int(random.integers(1, 7)), int(random.integers(1, 6)))
        followed = [
            ((int(random.integers(CELLS[0])), int(random.integers(CELLS[1]))), 50.0) for _ in range(3)
        ]
        for index in rota.turn(looks, frame / 5, followed=followed).chosen:
            left, top, right, bottom = looks[index].cells
            last[top:bottom, left:right] = frame
        assert frame - last.min() <= CELLS[0] * CELLS[1] + 1


def run(rota: TileRota, looks: list[Look], frames: int, **known: object) -> list[Turn]:
    return [rota.turn(looks, i / 5, **known) for i in range(frames)]  # type: ignore[arg-type]


def test_what_is_followed_is_looked_at_in_every_frame_and_the_rest_in_turn() -> None:
    looks = grid(4, 4)
    turns = run(
        TileRota(RotaRules(share=0.2, least=3, opening=0)),
        looks,
        16,
        followed=[((0, 0), 1.0), ((31, 17), 1.0)],
    )
    for turn in turns[1:]:
        assert {0, 15} <= set(turn.chosen)
        assert sorted(turn.why) == ["followed", "followed", "turn"]
    assert {i for turn in turns[:14] for i in turn.chosen} == set(range(16))


def test_the_most_urgent_go_first_and_all_that_is_due_gets_its_share() -> None:
    looks = grid(4, 4)
    crowd = [((column, row), 9.0 if column == 0 else 0.1) for column in range(32) for row in range(18)]
    counts = np.zeros(16, int)
    for turn in run(TileRota(RotaRules(share=0.25, opening=0)), looks, 64, followed=crowd):
        counts[list(turn.chosen)] += 1
    left = [i for i, k in enumerate(looks) if k.cells[0] == 0]
    assert counts[left].min() > np.delete(counts, left).max()
    assert counts.min() >= 4


def test_new_ground_is_looked_at_once_in_a_pass() -> None:
    rota = TileRota(RotaRules(share=0.25, pass_seconds=60, opening=0))
    looks = grid(4, 4)
    still = (FRAME, flat())
    first = [rota.turn(looks, i / 5, ground=still) for i in range(6)]
    assert {why for turn in first[:2] for why in turn.why} == {"new ground"}
    assert {i for turn in first for i in turn.chosen} == set(range(16))
    assert {why for turn in first[5:] for why in turn.why} == {"turn"}
    entering = flat()
    entering[:8] += 1000.0
    turn = rota.turn(looks, 2.0, ground=(FRAME, entering))
    assert set(turn.chosen) & {0, 1, 2, 3}
    assert "new ground" in turn.why
    assert "new ground" in rota.turn(looks, 70.0, ground=still).why


def test_likely_places_are_due_in_every_frame_and_asked_for_once() -> None:
    asked = []

    def prior(frame: LocalFrame, points: np.ndarray) -> np.ndarray:
        asked.append(len(points))
        return (points[:, 0] < 40).astype(float)

    rota = TileRota(RotaRules(share=0.35, pass_seconds=1e9, opening=0), prior)
    looks = grid(4, 4)
    turns = run(rota, looks, 30, ground=(FRAME, flat()))
    left = {i for i, k in enumerate(looks) if k.cells[0] == 0}
    for turn in turns[10:]:
        assert left <= set(turn.chosen)
        assert turn.why.count("likely") == 4
    assert sum(asked) == len(np.unique(squares_of(flat(), 8.0)))


def test_a_picture_of_few_parts_is_looked_at_whole() -> None:
    rota = TileRota()
    assert rota.turn(grid(2, 1), 0.0).chosen == (0, 1)
    assert rota.turn([], 0.2, far=True).chosen == (FAR,)
    assert rota.revisit_frames(2) == 1


def test_a_part_that_comes_in_waits_behind_those_that_wait() -> None:
    rota = TileRota(RotaRules(share=0.1, least=1, opening=0))
    upper, whole = [k for k in grid(4, 3) if k.cells[1] > 0], grid(4, 3)
    for i in range(5):
        rota.turn(upper, i / 5)
    waiting = set(range(4, 12)) - {4, 5, 6, 7, 8}
    chosen = {rota.turn(whole, 2 + i / 5).chosen[0] for i in range(3)}
    assert chosen == waiting


def test_the_same_frames_give_the_same_choices() -> None:
    def choices() -> list[Turn]:
        return [
            turn
            for i, rota in enumerate([TileRota(RotaRules(share=0.3, opening=0))])
            for turn in run(rota, grid(5, 4), 20, followed=[((3, 3), 2.0)], ground=(FRAME, flat(i)))
        ]

    assert choices() == choices()


def test_off_the_ground_there_are_no_squares() -> None:
    squares = squares_of(np.array([[np.nan, 0.0], [-7.0, 12.0]]), 5.0)
    assert squares[0] == NOWHERE
    np.testing.assert_allclose(middles_of([int(squares[1])], 5.0), [[-7.5, 12.5]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"spare": -0.1},
        {"least": 0},
        {"most": 0},
        {"pass_seconds": 0.0},
        {"ground_cell_m": -1.0},
    ],
)
def test_rules_that_look_at_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"more than there is|above 0"):
        RotaRules(**wrong)  # type: ignore[arg-type]


def test_a_budget_keeps_its_bounds() -> None:
    rules = RotaRules(share=0.34, least=2, most=4)
    assert [rules.budget(n) for n in (1, 3, 9, 16)] == [1, 2, 3, 4]
    assert [rules.budget(n, opening=True) for n in (1, 3, 9)] == [1, 3, 4]
    assert RotaRules().budget(48, opening=True) == 48


def test_a_flight_begins_with_a_look_at_everything() -> None:
    turns = run(TileRota(RotaRules(share=0.25)), grid(4, 4), 4)
    assert [len(turn.chosen) for turn in turns] == [16, 16, 4, 4]
