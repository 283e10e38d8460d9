"""What bodies do beyond going from place to place: sway, sit, dance, play, shove, jostle, ride.

Every motion is a pure function of time: displacement on the ground, turn, and joint angles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drone.sim.figures import Joints

Array = NDArray[np.float64]

STAND, SIT, DANCE, PLAY, SHOVE, JOSTLE, RIDE, TALK, STOOP = range(9)


def walk(joints: Joints, speed: Array, travelled: Array, stature: Array) -> None:
    """Legs and arms swing with the distance travelled; running above 2.2 m/s."""
    moving = np.clip(speed / 1.3, 0.0, 1.6)
    run = np.clip((speed - 1.9) / 1.5, 0.0, 1.0)
    phase = travelled * 2 * np.pi / (0.82 * stature + 0.35 * run * stature)
    swing = (0.48 + 0.25 * run) * np.minimum(moving, 1.3) * np.sin(phase)
    joints.hip_left[:] += swing
    joints.hip_right[:] -= swing
    joints.knee_left[:] += moving * (0.28 + 0.5 * run) * (1 + np.cos(phase - 2.4))
    joints.knee_right[:] += moving * (0.28 + 0.5 * run) * (1 - np.cos(phase - 2.4))
    joints.shoulder_left[:] -= 0.75 * swing
    joints.shoulder_right[:] += 0.75 * swing
    joints.elbow_left[:] += 0.2 * moving + 1.1 * run
    joints.elbow_right[:] += 0.2 * moving + 1.1 * run
    joints.lean[:] += 0.03 * moving + 0.12 * run


def sit(joints: Joints, who: NDArray[np.bool_], time_s: float, phase: Array) -> None:
    """On a low stool, now and then leaning."""
    joints.hip_left[who], joints.hip_right[who] = 1.45, 1.4
    joints.knee_left[who], joints.knee_right[who] = 1.4, 1.35
    joints.drop[who] = 0.42
    joints.shoulder_left[who] = joints.shoulder_right[who] = 0.5
    joints.elbow_left[who] = joints.elbow_right[who] = 0.7
    joints.lean[who] = 0.12 + 0.08 * np.sin(0.4 * time_s + phase[who])


def ride(joints: Joints, who: NDArray[np.bool_], bicycle: NDArray[np.bool_], travelled: Array) -> None:
    """On a saddle, hands forward; cyclists pedal."""
    joints.hip_left[who], joints.hip_right[who] = 1.25, 1.25
    joints.knee_left[who], joints.knee_right[who] = 1.15, 1.15
    joints.shoulder_left[who] = joints.shoulder_right[who] = 0.85
    joints.elbow_left[who] = joints.elbow_right[who] = 0.3
    joints.lean[who] = 0.12
    turn = travelled * 2 * np.pi / 4.5
    pedal = who & bicycle
    joints.hip_left[pedal] = 0.95 + 0.35 * np.sin(turn[pedal])
    joints.hip_right[pedal] = 0.95 - 0.35 * np.sin(turn[pedal])
    joints.knee_left[pedal] = 0.95 + 0.35 * np.sin(turn[pedal])
    joints.knee_right[pedal] = 0.95 - 0.35 * np.sin(turn[pedal])
    joints.lean[pedal] = 0.3


def talk(joints: Joints, who: NDArray[np.bool_], time_s: float, phase: Array) -> None:
    """A hand that gestures from time to time."""
    p = phase[who]
    active = np.clip(np.sin(0.35 * time_s + 3 * p), 0, 1)
    joints.shoulder_right[who] = active * (0.6 + 0.3 * np.sin(3.1 * time_s + p))
    joints.elbow_right[who] = 0.15 + active * (1.0 + 0.3 * np.sin(2.3 * time_s))


def stoop(joints: Joints, who: NDArray[np.bool_], time_s: float, phase: Array) -> None:
    """Bent over field work."""
    p = phase[who]
    joints.lean[who] = 1.0 + 0.2 * np.sin(0.9 * time_s + p)
    joints.shoulder_left[who] = joints.shoulder_right[who] = 1.2 + 0.25 * np.sin(1.8 * time_s + p)
    joints.knee_left[who] = joints.knee_right[who] = 0.3
    joints.hip_left[who] = joints.hip_right[who] = 0.15


def dance(joints: Joints, who: NDArray[np.bool_], time_s: float) -> tuple[float, float, float]:
    """Square dancing in step: everybody the same figure. Returns displacement (forward, left) and turn."""
    beat = 2 * np.pi * time_s / 8.0
    arms = 0.5 + 0.5 * np.sin(2 * beat)
    joints.spread_left[who] = 0.2 + 1.3 * arms
    joints.spread_right[who] = 0.2 + 1.3 * (1 - arms if np.sin(beat) > 0 else arms)
    joints.elbow_left[who] = joints.elbow_right[who] = 0.4
    step = np.sin(4 * beat)
    joints.hip_left[who], joints.hip_right[who] = 0.25 * max(step, 0), 0.25 * max(-step, 0)
    joints.knee_left[who], joints.knee_right[who] = 0.5 * max(step, 0), 0.5 * max(-step, 0)
    return 0.35 * np.sin(2 * beat), 0.5 * np.sin(beat), 0.25 * np.sin(beat)


def play(time_s: float, phase: Array, half_u: Array, half_v: Array) -> tuple[Array, Array, Array, Array]:
    """Running about a court: displacement (u, v), velocity (u, v), each (N,)."""
    a, b = 0.31 + 0.07 * np.sin(phase * 5.1), 0.83 + 0.11 * np.sin(phase * 3.3)
    c, d = 0.37 + 0.06 * np.cos(phase * 4.7), 0.71 + 0.13 * np.cos(phase * 2.9)
    u = half_u * (0.72 * np.sin(a * time_s + phase) + 0.22 * np.sin(b * time_s + 2 * phase))
    v = half_v * (0.66 * np.sin(c * time_s + 1.7 * phase) + 0.26 * np.sin(d * time_s + 3 * phase))
    du = half_u * (0.72 * a * np.cos(a * time_s + phase) + 0.22 * b * np.cos(b * time_s + 2 * phase))
    dv = half_v * (0.66 * c * np.cos(c * time_s + 1.7 * phase) + 0.26 * d * np.cos(d * time_s + 3 * phase))
    return u, v, du, dv


def shove(time_s: float, phase: Array, side: Array, strength: Array) -> tuple[Array, Array, Array]:
    """Two who push each other: displacement (east, north) about their common place, and each one's facing,
    (N,).

    The pair wanders a metre or so across the floor and turns; along its axis both are thrown to and fro at
    about
    0.8 and 1.3 Hz, so that accelerations of 2-6 m/s^2 persist while they stay within about a metre.

    Args:
        phase: the pair's own phase, the same for both.
        side: +1 and -1 for the two.
        strength: 0 for standing face to face, 1 for a fight.
    """
    axis = phase * 7.0 + 0.9 * np.sin(0.21 * time_s + phase) + 0.5 * np.sin(0.53 * time_s + 2 * phase)
    drift_e = strength * (0.9 * np.sin(0.37 * time_s + 1.3 * phase) + 0.35 * np.sin(0.83 * time_s + phase))
    drift_n = strength * (
        0.9 * np.cos(0.31 * time_s + 2.1 * phase) + 0.35 * np.sin(0.71 * time_s + 3 * phase)
    )
    push = 0.21 * np.sin(2 * np.pi * 0.78 * time_s + phase) + 0.075 * np.sin(
        2 * np.pi * 1.31 * time_s + 2.3 * phase
    )
    squeeze = 0.07 * np.sin(2 * np.pi * 1.05 * time_s + 1.9 * phase)
    apart = 0.62 - 0.24 * strength
    along = strength * (push + side * squeeze) + side * apart
    return (
        drift_e + along * np.cos(axis),
        drift_n + along * np.sin(axis),
        axis + np.where(side > 0, np.pi, 0.0),
    )


def shove_arms(
    joints: Joints, who: NDArray[np.bool_], time_s: float, phase: Array, side: Array, strength: Array
) -> None:
    """Arms out at the other, legs braced."""
    beat = np.sin(2 * np.pi * 0.78 * time_s + phase[who] + np.where(side[who] > 0, 0.8, 0.0))
    k = strength[who]
    joints.shoulder_left[who] = k * (1.15 + 0.35 * beat)
    joints.shoulder_right[who] = k * (1.15 - 0.35 * beat)
    joints.elbow_left[who] = 0.3 + 0.5 * k * (1 - beat)
    joints.elbow_right[who] = 0.3 + 0.5 * k * (1 + beat)
    joints.lean[who] = 0.22 * k
    joints.hip_left[who], joints.hip_right[who] = 0.4 * k * (0.6 + beat), -0.3 * k * (0.6 + beat)
    joints.knee_left[who] = joints.knee_right[who] = 0.35 * k


def jostle(time_s: float, phase: Array) -> tuple[Array, Array]:
    """Onlookers press in and give way: displacement towards and across their facing, (N,)."""
    forward = 0.16 * np.sin(0.9 * time_s + 5 * phase) + 0.08 * np.sin(1.9 * time_s + 3 * phase)
    across = 0.12 * np.sin(0.7 * time_s + 2 * phase)
    return forward, across


def sway(time_s: float, phase: Array) -> tuple[Array, Array]:
    """Nobody stands like a post: centimetres, (N,)."""
    return 0.03 * np.sin(0.5 * time_s + 9 * phase), 0.03 * np.sin(0.37 * time_s + 4 * phase)
