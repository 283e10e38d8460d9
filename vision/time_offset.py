"""The offset between a video's clock and its telemetry's, told from the footage itself.

What the picture does (``picture_motion``) is laid over what the poses say it must do, for every offset. For
each of the four rates the best gain and bias are free (a wrong height or a bent mount change those, not the
offset), so with ``r_k`` the correlation at an offset, its negative log likelihood is (Gaussian errors of
unknown size, profiled out; see Carter 1987, *Coherence and time delay estimation*)

    L(offset) = sum_k N/2 log(1 - max(r_k, 0)^2)

Its minimum is refined by a parabola, and its curvature gives the standard deviation, after N is cut down by
the residuals' correlation in time (Bartlett 1946). Both motions are smoothed alike before. Where the camera
moves evenly L is flat: then no offset is given, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from missions.geodesy import Array
from vision.camera import CameraModel, Pose
from vision.picture_motion import Motion, PoseSignal

MOST_OFFSET_S = 2.0
SEARCH_S = 2.6  # beyond what is promised, so that a minimum on the edge is seen to be one
STEP_S = 0.05
LEAST_MOTIONS = 25
LEAST_OVERLAP = 0.6
CERTAIN_SIGMA_S = 0.08
FLOOR_SIGMA_S = 0.01
CLEAR = 3.0
"""How much less likely (natural logarithm) any other offset must be; 20 to 1."""
APART_S = 0.6
JUMP_S = 0.3
EVEN_SHARE, EVEN_TURN = 0.35, 0.03
SMOOTH_S = 0.3
LEAST_CORRELATION = 0.1

EVEN = (
    "not observable: the camera moves so evenly that every offset looks alike; it takes turns, stops or a "
    "moving gimbal"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOffset:
    """How much capture times run ahead of the telemetry's clock, as ``PoseTrack.delay_s``.

    Attributes:
        seconds: None where it cannot be told; ``reason`` then says why.
        sigma_s: one standard deviation, None without ``seconds``.
        motions: how many pairs of pictures were compared.
    """

    seconds: float | None
    sigma_s: float | None = None
    motions: int = 0
    reason: str = ""


def estimate_offset(
    seen: Motion, poses: Sequence[Pose], origin: datetime, camera: CameraModel, ground_amsl_m: float
) -> TimeOffset:
    """The offset of one stretch of footage.

    Args:
        seen: what the picture did; seconds count from ``origin`` on the video's clock.
        poses: in the order of time, on the telemetry's clock.
        camera: of the pictures that were compared.
        ground_amsl_m: height of the ground, taken as level.
    """
    n = len(seen)
    if n < LEAST_MOTIONS or len(poses) < 2:
        return TimeOffset(
            seconds=None, motions=n,
            reason=f"not observable: only {n} pairs of pictures compare, {LEAST_MOTIONS} are needed",
        )  # fmt: skip
    signal = PoseSignal(poses, origin, ground_amsl_m)
    delays = np.arange(-SEARCH_S, SEARCH_S + STEP_S / 2, STEP_S)
    start, end = float(seen.seconds.min()) - SEARCH_S, float(seen.seconds.max()) + SEARCH_S
    dense = np.arange(start, end + STEP_S, STEP_S)
    expected = _smoothed(dense, signal.motion(dense, float(np.median(seen.step_s)), camera))
    seen = replace(seen, rates=_smoothed(seen.seconds, seen.rates))
    likelihood = np.array([_likelihood(seen, dense, expected, delay)[0] for delay in delays])
    known = np.isfinite(likelihood)
    if known.sum() < len(delays) / 2:
        return TimeOffset(
            seconds=None, motions=n,
            reason="not observable: too little of the footage has telemetry around it",
        )  # fmt: skip
    return _judge(seen, dense, expected, delays[known], likelihood[known])


def _smoothed(seconds: Array, rates: Array) -> Array:
    """Rates (N, 4) averaged over ``SMOOTH_S`` (Gaussian): what both have in common is slower than noise."""
    result = np.full(rates.shape, np.nan)
    known = np.asarray(np.isfinite(rates).all(axis=1))
    reach = int(np.ceil(3 * SMOOTH_S / max(float(np.median(np.diff(seconds))), 1e-3)))
    total, weight = np.zeros(rates.shape), np.zeros(len(seconds))
    for shift in range(-reach, reach + 1):
        to = slice(max(0, shift), len(seconds) + min(0, shift))
        of = slice(max(0, -shift), len(seconds) - max(0, shift))
        share = np.exp(-((seconds[to] - seconds[of]) ** 2) / (2 * SMOOTH_S**2)) * known[of]
        total[to] += share[:, None] * np.where(known[of, None], rates[of], 0.0)
        weight[to] += share
    result[known] = total[known] / weight[known, None]
    return result


def _likelihood(seen: Motion, dense: Array, expected: Array, delay: float) -> tuple[float, float]:
    """L at a delay (NaN where too little overlaps), and the share of independent motions."""
    total, shares = 0.0, []
    for column in range(4):
        model = np.interp(seen.seconds - delay, dense, expected[:, column])
        good = np.isfinite(model)
        if good.sum() < LEAST_OVERLAP * len(seen):
            return float("nan"), 1.0
        x, y = model[good] - model[good].mean(), seen.rates[good, column] - seen.rates[good, column].mean()
        power = float((x @ x) * (y @ y))
        share = max(float(x @ y), 0.0) / np.sqrt(power) if power > 0 else 0.0
        residual = y - x * (max(float(x @ y), 0.0) / float(x @ x) if x @ x > 0 else 0.0)
        shares.append(_independent_share(residual))
        # A common number of motions, so that delays with other overlaps compare.
        total += len(seen) / 2 * float(np.log(max(1 - share**2, 1e-6)))
    return total, float(np.mean(shares))


def _independent_share(residual: Array) -> float:
    """How many independent values a correlated series is worth, as a share of its length."""
    power = float(residual @ residual)
    correlation = 1.0
    for lag in range(1, len(residual) // 4):
        value = float(residual[lag:] @ residual[:-lag]) / power if power > 0 else 0.0
        if value < LEAST_CORRELATION:
            break
        correlation += 2 * value
    return 1 / correlation


def _judge(seen: Motion, dense: Array, expected: Array, delays: Array, likelihood: Array) -> TimeOffset:
    """The minimum, if it is one."""
    n = len(seen)
    best = int(np.argmin(likelihood))
    independent = _likelihood(seen, dense, expected, float(delays[best]))[1]
    scaled = (likelihood - likelihood[best]) * independent
    gained = -float(likelihood[best]) * independent

    def refused(reason: str) -> TimeOffset:
        return TimeOffset(seconds=None, motions=n, reason=reason)

    if gained < 1.5 * CLEAR:
        return refused(
            EVEN if _is_even(expected)
            else "not observable: the picture does not move as the telemetry says; is it of this flight?"
        )  # fmt: skip
    if best < 3 or best > len(delays) - 4 or abs(delays[best]) > MOST_OFFSET_S + 0.2:
        return refused(
            f"the offset is more than {MOST_OFFSET_S:g} s or cannot be told: give the video's start time"
        )
    near = slice(best - 3, best + 4)
    curve = np.polyfit(delays[near] - delays[best], scaled[near], 2)
    if curve[0] <= 0:
        return refused(EVEN)
    seconds = float(delays[best] - curve[1] / (2 * curve[0]))
    sigma = float(np.hypot(1 / np.sqrt(2 * curve[0]), FLOOR_SIGMA_S))
    others = scaled[np.abs(delays - delays[best]) >= APART_S]
    if len(others) and others.min() < CLEAR:
        other = float(delays[np.abs(delays - delays[best]) >= APART_S][int(np.argmin(others))])
        if _is_even(expected) or others.min() < 1:
            return refused(EVEN)
        return refused(
            f"not observable: the motion repeats itself, {seconds:+.1f} s and {other:+.1f} s fit alike"
        )
    if sigma > CERTAIN_SIGMA_S:
        return refused(EVEN)
    return TimeOffset(seconds=round(seconds, 3), sigma_s=round(sigma, 3), motions=n)


def _is_even(expected: Array) -> bool:
    """Whether by its poses the camera hardly changes its motion: next to how fast it moves, and turning."""
    known = expected[np.isfinite(expected).all(axis=1)]
    if not len(known):
        return True
    changes, speed = known.std(axis=0), float(np.hypot(*np.median(known[:, :2], axis=0)))
    return bool(np.hypot(changes[0], changes[1]) < EVEN_SHARE * speed and changes[2] < EVEN_TURN)


@dataclass(frozen=True, slots=True)
class OffsetReport:
    """The offset of a whole recording, from its stretches.

    Attributes:
        offset: of all stretches together; without seconds where none could tell.
        stretches: (start in seconds, offset) of each.
        alarm: "" or a sentence: the offset jumps or drifts.
    """

    offset: TimeOffset
    stretches: tuple[tuple[float, TimeOffset], ...]
    alarm: str = ""


def combine_offsets(stretches: Sequence[tuple[float, TimeOffset]]) -> OffsetReport:
    """One offset from those of several stretches; an alarm, and none, where they disagree."""
    told = [
        (start, offset.seconds, offset.sigma_s)
        for start, offset in stretches
        if offset.seconds is not None and offset.sigma_s is not None
    ]
    motions = sum(offset.motions for _, offset in stretches)
    if not told:
        reason = stretches[0][1].reason if stretches else "not observable: there is no footage"
        return OffsetReport(TimeOffset(seconds=None, motions=motions, reason=reason), tuple(stretches))
    values, sigmas = np.array([t[1] for t in told]), np.array([t[2] for t in told])
    if np.ptp(values) > JUMP_S + 3 * sigmas.max():
        first, last = told[int(np.argmin(values))], told[int(np.argmax(values))]
        alarm = (
            f"the offset between video and telemetry jumps or drifts: {first[1]:+.2f} s at {first[0]:.0f} s, "
            f"{last[1]:+.2f} s at {last[0]:.0f} s; places are not to be relied on, check both clocks"
        )
        return OffsetReport(TimeOffset(seconds=None, motions=motions, reason=alarm), tuple(stretches), alarm)
    weights = 1 / sigmas**2
    mean = float((weights * values).sum() / weights.sum())
    sigma = max(float(1 / np.sqrt(weights.sum())), FLOOR_SIGMA_S)
    return OffsetReport(
        TimeOffset(seconds=round(mean, 3), sigma_s=round(sigma, 3), motions=motions), tuple(stretches)
    )
