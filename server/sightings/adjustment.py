"""Many things seen in many images at once: their places, and how far each image's pose was off.

Fusing the looks of one thing cannot tell an error of the pose from one of the place. Several things in one
image can: all of them are off by the same heading, pitch and height. So the places of all things and the
errors of all images are adjusted together (bundle adjustment with announced poses; Triggs et al. 2000,
*Bundle Adjustment: A Modern Synthesis*, sections 2 and 6; Teunissen, *Adjustment Theory*, 2003):

    y_i = x_t(i) + h_t(i) c_i + J_i (a + b_m(i)) + e_i

``h`` is the error of the ground's height under the thing, ``a`` what stays for the whole flight (the GNSS
offset, a bent gimbal mount, the barometer), ``b`` what one image or one short pass shares, ``e`` the look's
own. All are announced errors in units of their sigmas: they have a prior, so nothing has to be seen twice,
and ellipses never shrink below what the flight shares.

``b`` is eliminated moment by moment (its looks become correlated instead), so the normal equations hold three
unknowns per thing and nine for the flight. Looks that do not fit are left out (Tukey's biweight, reweighted).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from missions.messages import Look
from server.sightings.geotag import robust_weights

Array = NDArray[np.float64]

FLIGHT_VARIANCE = np.array([0.7, 0.7, 0.5, 0.2, 0.6, 0.4, 0.0, 0.0, 0.0])
MOMENT_VARIANCE = np.array([0.2, 0.2, 0.4, 0.7, 0.3, 0.5, 0.0, 0.0, 0.0])
THING_VARIANCE = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
"""Shares of each variance of ``geotag.PARAMETERS`` that last for the flight, for a moment, and for all looks
at one thing; the rest is the look's own. Pitch and height are off mostly by the mount and the barometer, the
compass turns with every leg, and the ground is higher or lower than the terrain says at each thing alone."""
FLOOR_M2 = 1.0  # nothing is a point: from another side its foot is seen about a metre away
MOMENT_S, MOMENT_TURN_DEG = 10.0, 25.0
MOST_ROUNDS = 20
MOST_THINGS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """T things placed together from N looks in M moments.

    positions: (T, 2) metres east and north. covariances: (T, 2, 2). weights: (N,) in [0, 1], near 0 for looks
    left out. flight_errors: (9,) and moment_errors: (M, 9), estimated errors in sigmas of ``PARAMETERS``.
    scatter: how much more than announced the looks scatter, at least 1 (the covariances are widened by it).
    """

    positions: Array
    covariances: Array
    weights: Array
    flight_errors: Array
    moment_errors: Array
    scatter: float


def adjust(
    points: Array, jacobian: Array, things: NDArray[np.int64], moments: NDArray[np.int64]
) -> Adjustment:
    """Place all things together.

    Args:
        points: (N, 2) metres east and north, each look alone; finite.
        jacobian: (N, 2, 9) metres per sigma of each of ``geotag.PARAMETERS``.
        things: (N,) which thing each look shows, 0 to T - 1, all of them used.
        moments: (N,) which image or pass it is from, 0 to M - 1, all of them used.

    Raises:
        ValueError: arrays of other shapes, numbers left out, or more than ``MOST_THINGS`` things.
    """
    count = _check(points, jacobian, things, moments)
    groups = [np.flatnonzero(moments == moment) for moment in range(int(moments.max()) + 1)]
    flight, moment = jacobian * np.sqrt(FLIGHT_VARIANCE), jacobian * np.sqrt(MOMENT_VARIANCE)
    own = _outer(
        jacobian * np.sqrt(1 - FLIGHT_VARIANCE - MOMENT_VARIANCE - THING_VARIANCE)
    ) + FLOOR_M2 * np.eye(2)
    medians = np.array([np.median(points[things == thing], axis=0) for thing in range(count)])
    whole: Array = np.linalg.inv(_outer(jacobian) + FLOOR_M2 * np.eye(2)).astype(np.float64)
    weights, scatter = robust_weights(points - medians[things], whole)
    information: Array = np.linalg.inv(own).astype(np.float64)
    normal = np.eye(3 * count + 9)
    solution: Array = np.zeros(3 * count + 9)
    errors = np.zeros((len(groups), 9))
    lift = jacobian @ np.sqrt(THING_VARIANCE)
    for _ in range(MOST_ROUNDS):
        noise = own * (scatter**2 / weights)[:, None, None]
        normal, right, steps = _normal_equations(points, lift, flight, moment, noise, things, groups)
        solution = np.linalg.solve(normal, right).astype(np.float64)
        placed = solution[: 3 * count].reshape(-1, 3)[things]
        residual = points - placed[:, :2] - placed[:, 2:] * lift - flight @ solution[3 * count :]
        for group, step, index in zip(groups, steps, range(len(groups)), strict=True):
            errors[index] = step @ residual[group].ravel()
            residual[group] -= moment[group] @ errors[index]
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


def moments_of(looks: Sequence[Look]) -> NDArray[np.int64]:
    """Which moment each look is from: a stretch of at most ``MOMENT_S`` with the camera turned one way.

    Errors of heading, pitch and GNSS wander over some ten seconds, and the compass's with every turn; looks
    nearer to one another in time and heading share theirs.

    Returns:
        (N,) numbers from 0 without a gap, in the order of time.
    """
    seconds = np.array([look.pose.captured_at.timestamp() for look in looks])
    yaws = np.array([look.pose.yaw_deg for look in looks])
    numbers = np.zeros(len(looks), np.int64)
    number, began, heading = -1, -np.inf, 0.0
    for index in np.argsort(seconds, kind="stable"):
        turned = abs((yaws[index] - heading + 180.0) % 360.0 - 180.0)
        if seconds[index] - began > MOMENT_S or turned > MOMENT_TURN_DEG:
            number, began, heading = number + 1, seconds[index], yaws[index]
        numbers[index] = number
    return numbers


def _normal_equations(
    points: Array, lift: Array, flight: Array, moment: Array, noise: Array, things: NDArray[np.int64],
    groups: list[NDArray[np.int64]],
) -> tuple[Array, Array, list[Array]]:  # fmt: skip
    """Normal matrix, right side, and per moment the matrix that gives its errors from its residuals.

    Unknowns: east, north and height error (in sigmas) of each thing, then the nine errors of the flight.
    """
    many = 3 * (int(things.max()) + 1)
    normal, right = np.zeros((many + 9, many + 9)), np.zeros(many + 9)
    announced = np.concatenate([np.arange(2, many, 3), many + np.arange(9)])
    normal[announced, announced] = 1.0
    steps = []
    for group in groups:
        rows = 2 * np.arange(len(group))
        shared = moment[group].reshape(-1, 9)
        covariance = shared @ shared.T
        design = np.zeros((2 * len(group), 3 * len(group) + 9))
        design[:, 3 * len(group) :] = flight[group].reshape(-1, 9)
        for i in (0, 1):
            for j in (0, 1):
                covariance[rows + i, rows + j] += noise[group, i, j]
            design[rows + i, 3 * np.arange(len(group)) + i] = 1.0
            design[rows + i, 3 * np.arange(len(group)) + 2] = lift[group, i]
        weight = np.linalg.inv(covariance)
        columns = np.concatenate([(3 * things[group][:, None] + np.arange(3)).ravel(), many + np.arange(9)])
        weighted = weight @ design
        np.add.at(normal, (columns[:, None], columns[None, :]), design.T @ weighted)
        np.add.at(right, columns, weighted.T @ points[group].ravel())
        steps.append(shared.T @ weight)
    return normal, right, steps


def _outer(jacobian: Array) -> Array:
    return np.asarray(np.einsum("nip,njp->nij", jacobian, jacobian))


def _check(points: Array, jacobian: Array, things: NDArray[np.int64], moments: NDArray[np.int64]) -> int:
    """The number of things."""
    n = len(points)
    if not n or points.shape != (n, 2) or jacobian.shape != (n, 2, 9):
        raise ValueError("points must be (N, 2) and the Jacobian (N, 2, 9), with N at least 1")
    if not (np.isfinite(points).all() and np.isfinite(jacobian).all()):
        raise ValueError("leave out looks that meet no ground: points and Jacobian must be finite")
    for name, numbers in (("things", things), ("moments", moments)):
        if numbers.shape != (n,) or not np.array_equal(np.unique(numbers), np.arange(numbers.max() + 1)):
            raise ValueError(f"{name} must number all N looks from 0 without a gap")
    count = int(things.max()) + 1
    if count > MOST_THINGS:
        raise ValueError(f"{count} things at once are too many; adjust at most {MOST_THINGS}")
    return count
