from __future__ import annotations

import numpy as np
import pytest

from vision.motion import Mover, fit_moment


def samples(path: np.ndarray, fps: float = 5.0) -> np.ndarray:
    return np.column_stack([np.arange(len(path)) / fps, path])


def test_a_parabola_is_read_exactly() -> None:
    time = np.arange(6) / 5
    path = np.column_stack([1 + 2 * time + 0.5 * 3 * time**2, -time])
    moment = fit_moment(samples(path), 0.4)
    assert moment is not None
    assert moment.velocity == pytest.approx([2 + 3 * 0.4, -1])


def test_too_few_samples_say_nothing() -> None:
    assert fit_moment(samples(np.zeros((3, 2))), 0.2) is None
    assert fit_moment(np.zeros((6, 3)), 0.0) is None


def test_a_mover_keeps_one_moment_a_frame_and_forgets() -> None:
    mover = Mover(1.0, 3.0)
    steady = [(i / 5, 1.4 * i / 5, 0.0) for i in range(40)]
    for i in range(40):
        mover.update(steady[: i + 1], i / 5)
    times = [moment.seconds for moment in mover.moments]
    assert times == sorted(set(times))
    assert times[0] >= 39 / 5 - 3.0 - 1e-6
    assert mover.moments[-1].velocity == pytest.approx([1.4, 0.0])
