"""Signs that headings or heights were mixed up, from how the picture moves while the aircraft flies on.

The flow of the ground through the picture tells the heading of the camera against the course, and the speed
over the height. Both are compared with the poses, where the camera hardly turns: a heading that is off turns
the flow, a height above ground that is off stretches it. Houses stand out of the ground and make the flow
faster, so the height is believed within a fifth.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array
from vision.camera import CameraModel, Pose
from vision.picture_motion import Motion, PoseSignal

MIX_UP_M = 10.0
LEAST_MOTIONS = 12
STEADY_RAD_S = 0.04
HEADING_STEPS_DEG = np.arange(-180.0, 180.0, 5.0)
LEAST_HEADING_DEG = 15.0
FRAMES_APART_DEG = 60.0
HEIGHT_SHARE = 0.2
FITS = 0.45
"""A heading is believed when it leaves at most this share of the flow unexplained."""


def motion_alarms(
    seen: Motion,
    poses: Sequence[Pose],
    origin: datetime,
    camera: CameraModel,
    ground_amsl_m: float,
    delay_s: float = 0.0,
) -> list[str]:
    """A sentence for each mix-up of more than ``MIX_UP_M``; none where nothing can be told.

    Args:
        seen: what the picture did; seconds count from ``origin`` on the video's clock.
        poses: in the order of time, at least two.
        delay_s: how much the video's clock runs ahead of the telemetry's.
    """
    if len(seen) < LEAST_MOTIONS or len(poses) < 2:
        return []
    signal, step = PoseSignal(poses, origin, ground_amsl_m), float(np.median(seen.step_s))
    seconds = seen.seconds - delay_s
    turning = signal.motion(seconds, step, camera, turning_only=True)
    flow = seen.rates[:, :2] - turning[:, :2]
    steady = np.isfinite(flow).all(axis=1) & (np.abs(seen.rates[:, 2]) < STEADY_RAD_S)
    steady &= np.nan_to_num(np.abs(turning[:, 2]), nan=1.0) < STEADY_RAD_S
    if steady.sum() < LEAST_MOTIONS:
        return []
    expected = np.array([
        signal.motion(seconds, step, camera, yaw_offset_deg=offset)[:, :2] - turning[:, :2]
        for offset in HEADING_STEPS_DEG
    ])  # fmt: skip
    speed = np.linalg.norm(expected[0], axis=1)
    steady &= speed > 0.3 * float(np.median(speed[steady]))
    if steady.sum() < LEAST_MOTIONS:
        return []
    return _judge(signal, seconds, flow, expected, steady)


def _judge(
    signal: PoseSignal, seconds: Array, flow: Array, expected: Array, steady: NDArray[np.bool_]
) -> list[str]:
    moved = signal.at(seconds + 0.5)[:, :2] - signal.at(seconds - 0.5)[:, :2]
    quarter = np.floor(np.nan_to_num(np.degrees(np.arctan2(moved[:, 0], moved[:, 1]))) % 360.0 / 90.0)
    legs = [steady & (quarter == number) for number in range(4)]
    told = [
        found
        for leg in legs
        if leg.sum() >= LEAST_MOTIONS
        if (found := _heading(flow[leg], expected[:, leg]))
    ]
    if not told:
        return []
    headings = np.array([heading for heading, _ in told])
    gaps = np.abs((headings[:, None] - headings[None] + 180.0) % 360.0 - 180.0)
    if gaps.max() > FRAMES_APART_DEG:
        return [
            f"on legs of different courses the picture moves as if the camera's heading were off by "
            f"{' and '.join(f'{heading:+.0f}' for heading in sorted(headings))} degrees: it seems to count "
            "from the nose and not from north; places are not to be relied on"
        ]
    both = _heading(flow[steady], expected[:, steady])
    if both is None:
        return []
    heading, gain = both
    reach = float(np.nanmedian(signal.reach_m(seconds)[steady]))
    height = float(np.nanmedian(signal.at(seconds)[steady, 2]))
    alarms = []
    if abs(heading) > LEAST_HEADING_DEG and reach * abs(np.sin(np.radians(heading / 2))) * 2 > MIX_UP_M:
        alarms.append(
            f"the picture moves as if the camera looked {heading:+.0f} degrees aside of its reported "
            "heading: check the heading and what it counts from"
        )
    if abs(height - height / gain) > max(MIX_UP_M, HEIGHT_SHARE * height):
        alarms.append(
            f"the picture moves as from {height / gain:.0f} m above ground, the telemetry says "
            f"{height:.0f} m: check what its heights count from"
        )
    return alarms


def _heading(flow: Array, expected: Array) -> tuple[float, float] | None:
    """Degrees that the camera looks clockwise of what is told, and the flow's gain; None where nothing fits.

    Args:
        flow: (N, 2). expected: (K, N, 2) for each of ``HEADING_STEPS_DEG``.
    """
    size = float(np.median(np.linalg.norm(flow, axis=1)))
    sizes = np.median(np.linalg.norm(expected, axis=2), axis=1)
    if size <= 0 or (sizes <= 0).any():
        return None
    gains = size / sizes
    left = np.median(np.linalg.norm(flow[None] - gains[:, None, None] * expected, axis=2), axis=1) / size
    best = int(np.argmin(left))
    return (float(HEADING_STEPS_DEG[best]), float(gains[best])) if left[best] <= FITS else None
