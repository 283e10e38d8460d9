from __future__ import annotations

import numpy as np
import pytest

from vision.motion import Mover, fit_moment, position_variance


def samples(path: np.ndarray, fps: float = 5.0) -> np.ndarray:
    return np.column_stack([np.arange(len(path)) / fps, path])


def test_a_parabola_is_read_exactly() -> None:
    time = np.arange(6) / 5
    path = np.column_stack([1 + 2 * time + 0.5 * 3 * time**2, -time])
    moment = fit_moment(samples(path), 0.4)
    assert moment is not None
    assert moment.velocity == pytest.approx([2 + 3 * 0.4, -1])
    assert moment.acceleration == pytest.approx([3, 0], abs=1e-9)
    assert moment.residual == pytest.approx(0, abs=1e-18)


def test_too_few_samples_say_nothing() -> None:
    assert fit_moment(samples(np.zeros((3, 2))), 0.2) is None
    assert fit_moment(np.zeros((6, 3)), 0.0) is None


def test_the_gains_are_what_noise_adds() -> None:
    random = np.random.default_rng(0)
    sigma = 0.2
    moments = [fit_moment(samples(random.normal(0, sigma, (6, 2))), 0.5) for _ in range(3000)]
    good = [m for m in moments if m is not None]
    acceleration = np.mean([m.acceleration @ m.acceleration for m in good])
    velocity = np.mean([m.velocity @ m.velocity for m in good])
    assert acceleration == pytest.approx(sigma**2 * good[0].acceleration_gain, rel=0.08)
    assert velocity == pytest.approx(sigma**2 * good[0].velocity_gain, rel=0.08)
    variance = position_variance([m.residual for m in good], 0.05, 1.0)
    assert variance == pytest.approx(sigma**2, rel=0.15)


def test_a_few_restless_people_do_not_pass_for_noise() -> None:
    calm, wild = [0.01] * 8, [0.5] * 4
    assert position_variance(calm + wild, 0.05, 1.0) == pytest.approx(0.01 / 0.64, rel=1e-6)
    assert position_variance([], 0.05, 1.0) == pytest.approx(0.0025)
    assert position_variance([9.0] * 5, 0.05, 0.2) == pytest.approx(0.04)


def test_a_mover_keeps_one_moment_a_frame_and_forgets() -> None:
    mover = Mover(1.0, 3.0)
    steady = [(i / 5, 1.4 * i / 5, 0.0) for i in range(40)]
    for i in range(40):
        mover.update(steady[: i + 1], i / 5)
    times = [moment.seconds for moment in mover.moments]
    assert times == sorted(set(times))
    assert times[0] >= 39 / 5 - 3.0 - 1e-6
    assert mover.moments[-1].velocity == pytest.approx([1.4, 0.0])
    assert mover.since(times[-2]) == list(mover.moments)[-2:]
