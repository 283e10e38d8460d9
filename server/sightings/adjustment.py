"""Many things seen in many images at once: their places, and how far each image's pose was off.

Fusing the looks of one thing cannot tell an error of the pose from one of the place. Several things in one
image can: all of them are off by the same heading, pitch and height. So the places of all things and the
errors of all images are adjusted together (bundle adjustment with announced poses; Triggs et al. 2000,
*Bundle Adjustment: A Modern Synthesis*, sections 2 and 6; Teunissen, *Adjustment Theory*, 2003):

    y_i = x_t(i) + h_t(i) c_i + J_i (a + b_m(i)) + e_i

``h`` is the error of the ground's height under the thing, ``a`` what stays for the whole flight (the GNSS
offset, a bent gimbal mount, the barometer), ``b`` what one moment shares, ``e`` the look's own. All are
announced errors in units of their sigmas: they have a prior, so nothing has to be seen twice, and ellipses
never shrink below what the flight shares.

What wanders is not thrown anew from one moment to the next. ``b`` is a first-order Gauss-Markov process
(Gelb 1974, *Applied Optimal Estimation*, section 3.6): two moments ``dt`` apart are correlated by
``exp(-dt / WANDERS_S)``. Its information is block tridiagonal, so it is eliminated by a banded solution, and
the normal equations that are left hold three unknowns per thing and ten for the flight. Looks that do not
fit are left out (Tukey's biweight, reweighted).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from missions.messages import Look
from server.sightings.geotag import PARAMETERS, robust_weights

Array = NDArray[np.float64]

FLIGHT_VARIANCE = np.array([0.7, 0.7, 0.5, 0.2, 0.6, 0.4, 0.0, 0.0, 0.0, 1.0])
MOMENT_VARIANCE = np.array([0.2, 0.2, 0.4, 0.7, 0.3, 0.5, 0.0, 0.0, 0.0, 0.0])
THING_VARIANCE = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
"""Shares of each variance of ``geotag.PARAMETERS`` that last for the flight, for a moment, and for all looks
at one thing; the rest is the look's own. Pitch and height are off mostly by the mount and the barometer, the
compass turns with every leg, and the ground is higher or lower than the terrain says at each thing alone."""
LOOK_SIGMA_M = 1.0  # nothing is a point: from another side its foot is seen about a metre away
MOMENT_S, MOMENT_TURN_DEG = 2.0, 25.0
WANDERS_S = np.array([60.0, 60.0, 60.0, 10.0, 10.0, 10.0, 1.0, 1.0, 1.0, 1.0])
"""Correlation times of ``geotag.PARAMETERS``: a minute for GNSS and barometer, seconds for the attitude."""
HEADING = 3
WANDERING = np.flatnonzero(MOMENT_VARIANCE)
SIZE = len(PARAMETERS)
CLOSEST_LINK = 0.999
MOST_ROUNDS = 20
MOST_THINGS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """T things placed together from N looks in M moments.

    positions: (T, 2) metres east and north. covariances: (T, 2, 2). weights: (N,) in [0, 1], near 0 for looks
    left out. flight_errors: (P,) and moment_errors: (M, P), estimated errors in sigmas of ``PARAMETERS``.
    scatter: how much more than announced the looks scatter, at least 1 (the covariances are widened by it).
    """

    positions: Array
    covariances: Array
    weights: Array
    flight_errors: Array
    moment_errors: Array
    scatter: float


@dataclass(frozen=True, slots=True)
class Moments:
    """Which moment each look is from, (N,) numbers 0 to M - 1 without a gap, in the order of time.

    links: (M - 1, P), how far the errors of ``geotag.PARAMETERS`` in a moment follow those in the one before
    it: their correlation, from 0 (nothing is known of it) to below 1.
    """

    numbers: NDArray[np.int64]
    links: Array

    @classmethod
    def apart(cls, numbers: NDArray[np.int64]) -> Moments:
        """Moments that tell nothing of one another."""
        return cls(numbers, np.zeros((int(numbers.max(initial=0)), SIZE)))


def adjust(
    points: Array, jacobian: Array, things: NDArray[np.int64], moments: Moments,
    look_sigma_m: float = LOOK_SIGMA_M,
) -> Adjustment:  # fmt: skip
    """Place all things together.

    Args:
        points: (N, 2) metres east and north, each look alone; finite.
        jacobian: (N, 2, P) metres per sigma of each of ``geotag.PARAMETERS``.
        things: (N,) which thing each look shows, 0 to T - 1, all of them used.
        moments: which image or stretch of time each look is from.
        look_sigma_m: what each look is off by for itself beyond its pixel, on each axis.

    Raises:
        ValueError: arrays of other shapes, numbers left out, or more than ``MOST_THINGS`` things.
    """
    count = _check(points, jacobian, things, moments)
    floor = look_sigma_m**2 * np.eye(2)
    chain = _Chain(moments, jacobian[:, :, WANDERING] * np.sqrt(MOMENT_VARIANCE[WANDERING]))
    own = _outer(jacobian * np.sqrt(1 - FLIGHT_VARIANCE - MOMENT_VARIANCE - THING_VARIANCE)) + floor
    medians = np.array([np.median(points[things == thing], axis=0) for thing in range(count)])
    whole: Array = np.linalg.inv(_outer(jacobian) + floor).astype(np.float64)
    weights, scatter = robust_weights(points - medians[things], whole)
    information: Array = np.linalg.inv(own).astype(np.float64)
    flight = jacobian * np.sqrt(FLIGHT_VARIANCE)
    lift = (jacobian @ np.sqrt(THING_VARIANCE))[:, :, None]
    # (N, 2, 3 + P): east, north and height error (in sigmas) of the thing, then the errors of the flight
    design = np.concatenate([np.broadcast_to(np.eye(2), (len(points), 2, 2)), lift, flight], axis=2)
    columns = np.concatenate(
        [
            3 * things[:, None] + np.arange(3),
            np.broadcast_to(3 * count + np.arange(SIZE), (len(points), SIZE)),
        ],
        axis=1,
    )
    normal = np.eye(3 * count + SIZE)
    solution: Array = np.zeros(3 * count + SIZE)
    errors = np.zeros((len(moments.links) + 1, SIZE))
    for _ in range(MOST_ROUNDS):
        weighted = information * (weights / scatter**2)[:, None, None]
        normal, right, step = chain.eliminated(points, design, columns, weighted, 3 * count + SIZE)
        solution = np.linalg.solve(normal, right).astype(np.float64)
        wandered = step(solution)
        errors[:, WANDERING] = wandered
        residual = points - np.einsum("nij,nj->ni", design, solution[columns])
        residual -= np.einsum("nij,nj->ni", chain.turns, wandered[moments.numbers])
        previous = weights
        weights, scatter = robust_weights(residual, information)
        if np.abs(weights - previous).max() < 1e-3:
            break
    inverse = np.linalg.inv(normal)
    blocks = np.array([inverse[3 * i : 3 * i + 2, 3 * i : 3 * i + 2] for i in range(count)])
    return Adjustment(
        positions=solution[: 3 * count].reshape(-1, 3)[:, :2],
        covariances=(blocks + blocks.transpose(0, 2, 1)) / 2, weights=weights,
        flight_errors=solution[3 * count :] * np.sqrt(FLIGHT_VARIANCE),
        moment_errors=errors * np.sqrt(MOMENT_VARIANCE), scatter=scatter,
    )  # fmt: skip


def moments_of(looks: Sequence[Look]) -> Moments:
    """A moment is a stretch of at most ``MOMENT_S`` with the camera turned one way.

    Looks nearer to one another in time and heading share their errors; the compass's are thrown anew with
    every turn.
    """
    seconds = np.array([look.pose.captured_at.timestamp() for look in looks])
    yaws = np.array([look.pose.yaw_deg for look in looks])
    numbers = np.zeros(len(looks), np.int64)
    began: list[float] = []
    links: list[Array] = []
    heading = 0.0
    for index in np.argsort(seconds, kind="stable"):
        turned = abs((yaws[index] - heading + 180.0) % 360.0 - 180.0) > MOMENT_TURN_DEG
        if not began or turned or seconds[index] - began[-1] > MOMENT_S:
            if began:
                link = np.minimum(np.exp((began[-1] - seconds[index]) / WANDERS_S), CLOSEST_LINK)
                link[HEADING] *= not turned
                links.append(link)
            began.append(float(seconds[index]))
            heading = yaws[index]
        numbers[index] = len(began) - 1
    return Moments(numbers, np.array(links).reshape(-1, SIZE))


class _Chain:
    """The errors of M moments, each ``len(WANDERING)`` numbers in sigmas, to be eliminated.

    Attributes:
        turns: (N, 2, P), metres per sigma of the errors of each look's moment.
    """

    def __init__(self, moments: Moments, turns: Array) -> None:
        self.turns = turns
        self._numbers = moments.numbers
        self._count, self._size = len(moments.links) + 1, turns.shape[2]
        link = moments.links[:, WANDERING]
        fresh = 1 - link**2
        own = np.ones((self._count, self._size))
        own[1:] = 1 / fresh
        own[:-1] += link**2 / fresh
        self._prior, self._beside = own, -link / fresh

    def eliminated(
        self, points: Array, design: Array, columns: NDArray[np.int64], weights: Array, unknowns: int
    ) -> tuple[Array, Array, Callable[[Array], Array]]:
        """Normal matrix and right side of the other unknowns, and what gives the moments' errors from these.

        Args:
            design: (N, 2, K), what the unknowns ``columns`` (N, K) do to each look.
            weights: (N, 2, 2), the information of each look.
        """
        size, count = self._size, self._count
        weighted = weights @ design
        normal, right = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        announced = np.concatenate([np.arange(2, unknowns - SIZE, 3), np.arange(unknowns - SIZE, unknowns)])
        normal[announced, announced] = 1.0
        np.add.at(normal, (columns[:, :, None], columns[:, None, :]), design.transpose(0, 2, 1) @ weighted)
        np.add.at(right, columns, np.einsum("nik,ni->nk", weighted, points))
        turned = weights @ self.turns
        blocks, told = np.zeros((count, size, size)), np.zeros((count, size))
        np.add.at(blocks, self._numbers, self.turns.transpose(0, 2, 1) @ turned)
        np.add.at(told, self._numbers, np.einsum("nip,ni->np", turned, points))
        rows = self._numbers[:, None] * size + np.arange(size)
        across = np.zeros((count * size, unknowns + 1))
        np.add.at(across, (rows[:, :, None], columns[:, None, :]), turned.transpose(0, 2, 1) @ design)
        across[:, -1] = told.ravel()
        solved = solveh_banded(self._banded(blocks), across, lower=True)
        normal -= across[:, :-1].T @ solved[:, :-1]
        right -= across[:, :-1].T @ solved[:, -1]

        def step(solution: Array) -> Array:
            return np.asarray(solved[:, -1] - solved[:, :-1] @ solution).reshape(count, size)

        return normal, right, step

    def _banded(self, blocks: Array) -> Array:
        """Lower diagonals, (P + 1, M P), of the information of all moments."""
        size = self._size
        whole = blocks + self._prior[:, :, None] * np.eye(size)
        bands = np.zeros((size + 1, self._count, size))
        for below in range(size):
            bands[below, :, : size - below] = whole[:, np.arange(below, size), np.arange(size - below)]
        bands[size, :-1] = self._beside
        return bands.reshape(size + 1, -1)


def _outer(jacobian: Array) -> Array:
    return np.asarray(np.einsum("nip,njp->nij", jacobian, jacobian))


def _check(points: Array, jacobian: Array, things: NDArray[np.int64], moments: Moments) -> int:
    """The number of things."""
    n = len(points)
    if not n or points.shape != (n, 2) or jacobian.shape != (n, 2, SIZE):
        raise ValueError(f"points must be (N, 2) and the Jacobian (N, 2, {SIZE}), with N at least 1")
    if not (np.isfinite(points).all() and np.isfinite(jacobian).all()):
        raise ValueError("leave out looks that meet no ground: points and Jacobian must be finite")
    for name, numbers in (("things", things), ("moments", moments.numbers)):
        if numbers.shape != (n,) or not np.array_equal(np.unique(numbers), np.arange(numbers.max() + 1)):
            raise ValueError(f"{name} must number all N looks from 0 without a gap")
    if moments.links.shape != (int(moments.numbers.max()), SIZE) or not (np.abs(moments.links) < 1).all():
        raise ValueError(f"links must be (M - 1, {SIZE}) correlations below 1")
    count = int(things.max()) + 1
    if count > MOST_THINGS:
        raise ValueError(f"{count} things at once are too many; adjust at most {MOST_THINGS}")
    return count
