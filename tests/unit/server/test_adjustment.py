"""Things and image errors together, on looks whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from server.sightings.adjustment import FLIGHT_VARIANCE, HEADING, Moments, adjust, moments_of
from server.sightings.geotag import fuse
from tests.fixtures.desk import look_at

GNSS_M = 1.5


def scene(seed: int, things: int = 6, moments: int = 8, off: float = 1.0):
    """Each of the moments sees every thing from another side; off by heading, pitch and its own noise."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-40, 40, (things, 2))
    points, jacobian, which, when = [], [], [], []
    for moment in range(moments):
        bearing = 2 * np.pi * moment / moments
        camera = -60 * np.array([np.sin(bearing), np.cos(bearing)])
        errors = rng.standard_normal(10) * off * np.sqrt([0, 0, 0.4, 0.7, 0.3, 0, 0, 0, 0, 0])
        for thing, place in enumerate(places):
            reach = place - camera
            distance = np.linalg.norm(reach)
            along, across = reach / distance, np.array([reach[1], -reach[0]]) / distance
            look = np.zeros((2, 10))
            look[:, :2] = GNSS_M * np.eye(2)
            look[:, 2], look[:, 8] = along * 2 * distance / 80, -along * 1.5 * distance / 80
            look[:, 3], look[:, 4] = across * distance * 0.05, along * (distance**2 + 80**2) / 80 * 0.03
            points.append(place + look @ errors + rng.standard_normal(2) * 0.2)
            jacobian.append(look)
            which.append(thing)
            when.append(moment)
    return places, np.array(points), np.array(jacobian), np.array(which), Moments.apart(np.array(when))


def test_errors_of_images_are_told_from_places() -> None:
    ours, alone = [], []
    for seed in range(8):
        places, points, jacobian, which, when = scene(seed)
        ours.append(np.linalg.norm(adjust(points, jacobian, which, when).positions - places, axis=1))
        fused = [fuse(points[which == t], jacobian[which == t])[0] for t in range(len(places))]
        alone.append(np.linalg.norm(fused - places, axis=1))
    assert np.percentile(ours, 90) < 0.85 * np.percentile(alone, 90)
    assert np.percentile(ours, 90) < 1.5


def test_the_ellipse_shrinks_with_views_but_never_below_what_the_flight_shares() -> None:
    sizes = []
    for moments in (1, 2, 4, 8, 16):
        _, points, jacobian, which, when = scene(3, moments=moments, off=0.0)
        sizes.append(np.trace(adjust(points, jacobian, which, when).covariances[0]))
    assert (np.diff(sizes) < 0).all()
    assert sizes[-1] > 2 * FLIGHT_VARIANCE[0] * GNSS_M**2


def test_a_wild_look_is_left_out() -> None:
    places, points, jacobian, which, when = scene(1)
    points[5] += [60.0, -40.0]
    found = adjust(points, jacobian, which, when)
    assert found.weights[5] < 0.01
    assert np.linalg.norm(found.positions - places, axis=1).max() < 3.0


def test_the_order_of_looks_does_not_matter() -> None:
    _, points, jacobian, which, when = scene(2)
    order = np.random.default_rng(0).permutation(len(points))
    a = adjust(points, jacobian, which, when)
    b = adjust(points[order], jacobian[order], which[order], Moments.apart(when.numbers[order]))
    assert b.positions == pytest.approx(a.positions, abs=1e-6)
    assert b.covariances == pytest.approx(a.covariances, abs=1e-6)
    assert b.weights == pytest.approx(a.weights[order], abs=1e-6)


def test_what_wanders_slowly_is_known_better_than_what_is_thrown_anew() -> None:
    chained, apart = [], []
    for seed in range(6):
        _, points, jacobian, which, when = scene(seed, moments=24, off=0.0)
        rng = np.random.default_rng([seed, 1])
        link = 0.9
        heading = rng.standard_normal(24)
        for k in range(1, 24):
            heading[k] = link * heading[k - 1] + np.sqrt(1 - link**2) * heading[k]
        points = points + jacobian[:, :, 3] * heading[when.numbers, None] * np.sqrt(0.7)
        links = np.zeros((23, 10))
        links[:, 3] = link
        for moments, errors in ((Moments(when.numbers, links), chained), (when, apart)):
            found = adjust(points, jacobian, which, moments)
            errors.append(found.moment_errors[:, 3] - heading * np.sqrt(0.7))
    assert np.std(chained) < 0.9 * np.std(apart)


def test_moments_end_with_time_and_with_turns() -> None:
    times_and_bearings = [(0.0, 0), (1.0, 5), (2.5, 5), (3.0, 90), (63.0, 90)]
    moments = moments_of([look_at(0, 0, seconds=s, bearing_deg=turn) for s, turn in times_and_bearings])
    assert moments.numbers.tolist() == [0, 0, 1, 2, 3]
    assert moments.links[0, :3] == pytest.approx(np.exp(-2.5 / 60))
    assert moments.links[0, HEADING] == pytest.approx(np.exp(-2.5 / 10))
    assert moments.links[1, HEADING] == 0
    assert moments.links[2, 0] == pytest.approx(np.exp(-1))


def test_wrong_numbers_are_refused() -> None:
    _, points, jacobian, which, when = scene(0, things=2, moments=2)
    with pytest.raises(ValueError, match="must be finite"):
        adjust(points * np.nan, jacobian, which, when)
    with pytest.raises(ValueError, match="things must number all N looks from 0 without a gap"):
        adjust(points, jacobian, which * 2, when)
    with pytest.raises(ValueError, match="with N at least 1"):
        adjust(points[:0], jacobian[:0], which[:0], Moments.apart(when.numbers[:0]))
    with pytest.raises(ValueError, match="links must be"):
        adjust(points, jacobian, which, Moments(when.numbers, np.ones((1, 10))))
    with pytest.raises(ValueError, match="the Jacobian"):
        adjust(points, jacobian[:, :, :8], which, when)
