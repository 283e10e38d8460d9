from __future__ import annotations

import numpy as np
import pytest

from vision.training.calibrate import calibration_error, fit_temperature, warmed


def test_a_temperature_is_found_again() -> None:
    random = np.random.default_rng(0)
    right = random.uniform(0.02, 0.98, 20_000)
    hits = random.random(20_000) < right
    too_sure = warmed(right, 1 / 1.8)
    found = fit_temperature(too_sure, hits)
    assert found == pytest.approx(1.8, rel=0.05)
    assert calibration_error(warmed(too_sure, found), hits) < 0.02
    assert calibration_error(too_sure, hits) > 0.05


def test_too_little_says_so() -> None:
    with pytest.raises(ValueError, match="more pictures"):
        fit_temperature(np.full(5, 0.5), np.array([True, False, True, False, True]))
    with pytest.raises(ValueError, match="more pictures"):
        fit_temperature(np.full(50, 0.5), np.ones(50, dtype=bool))
