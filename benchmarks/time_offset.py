"""Whether the offset between video and telemetry is told from the footage.

``python -m benchmarks.time_offset [--passes 6] [--draws 20] [--json]``

Passes over the rendered town, 4 pictures a second of 320 x 180 for 45 s: lanes with turns (the nose along,
and the nose fixed), at 60 to 90 m, the camera at 45 to 90 degrees down. Each is drawn once and told
from again with other telemetry: an offset of up to 2 s either way, 1 to 10 samples a second, GNSS that
wanders by 1.5 m and attitude by 1 degree (first-order Gauss-Markov, 60 s and 10 s), heading and height off
by a constant.

*Within 100 ms*: share of all draws, those without an answer counted as missed. *Told*: share with an answer.
*Straight*: flights at constant speed, for which no answer is right; ``guessed`` is the share that got one.
*Alarms*: of ``vision.motion_check`` on right telemetry (false ones), and with a planted mix-up.
*Zero*: what taking the clocks as they are scores on the same draws.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from benchmarks.geotag import wander
from drone.sim.renderer import Renderer
from drone.sim.town import Town
from missions.geodesy import Array
from vision.camera import CameraModel, Pose
from vision.motion_check import motion_alarms
from vision.picture_motion import Motion, seen_motion
from vision.time_offset import MOST_OFFSET_S, TimeOffset, estimate_offset

START = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
LENS = CameraModel.from_field_of_view(320, 180, 65.0)
RATE_HZ, SECONDS, EXTRA_S = 4.0, 45.0, 4.0
SPEED_M_S, ACCELERATION_M_S2, TURN_DEG_S, LANE_M = 8.0, 2.0, 35.0, 30.0
RIGHT_S = 0.1


@dataclass(frozen=True, slots=True)
class Flight:
    """A flown track: seconds (K,), east, north, up over the ground, yaw and pitch (K, 5); what was seen."""

    name: str
    seconds: Array
    track: Array
    ground_amsl_m: float
    seen: Motion


def lanes(rng: np.random.Generator, *, nose_fixed: bool) -> tuple[Array, Array]:
    """Lanes with turns: seconds and track, 50 samples a second."""
    step = 1 / 50
    length = float(rng.uniform(50, 90))
    height, pitch = float(rng.uniform(60, 90)), float(rng.choice([-90, -60, -45]))
    legs = [(0.0, length), (90.0, LANE_M), (180.0, length), (90.0, LANE_M)] * 6
    east, north, yaw = float(rng.uniform(-60, 0)), float(rng.uniform(-60, 0)), 0.0
    rows: list[tuple[float, float, float]] = []
    for heading, distance in legs:
        gap = (heading - yaw + 180) % 360 - 180
        if not nose_fixed:
            for share in np.arange(0, abs(gap) / TURN_DEG_S, step) * TURN_DEG_S / max(abs(gap), 1e-9):
                rows.append((east, north, yaw + share * gap))
        yaw = heading
        ramp = SPEED_M_S / ACCELERATION_M_S2
        top = min(SPEED_M_S, float(np.sqrt(ACCELERATION_M_S2 * distance)))
        cruise = max(0.0, (distance - top**2 / ACCELERATION_M_S2) / top)
        ramp = top / ACCELERATION_M_S2
        for t in np.arange(0, 2 * ramp + cruise, step):
            rise, fall = min(t, ramp), max(0.0, t - ramp - cruise)
            gone = ACCELERATION_M_S2 * rise**2 / 2 + top * max(0.0, min(t - ramp, cruise))
            gone += top * fall - ACCELERATION_M_S2 * fall**2 / 2
            direction = np.radians(heading)
            rows.append((east + gone * np.sin(direction), north + gone * np.cos(direction), heading))
        east, north = rows[-1][0], rows[-1][1]
    path = np.array(rows)
    seconds = np.arange(len(path)) * step - EXTRA_S
    turned = np.degrees(np.unwrap(np.radians(path[:, 2]))) if not nose_fixed else np.full(len(path), 20.0)
    return seconds, np.column_stack([path[:, :2], np.full(len(path), height), turned,
                                     np.full(len(path), pitch)])  # fmt: skip


def straight(rng: np.random.Generator) -> tuple[Array, Array]:
    """Constant speed in one direction."""
    seconds = np.arange(-EXTRA_S, SECONDS + EXTRA_S, 0.02)
    bearing = float(rng.uniform(0, 2 * np.pi))
    gone = 4.0 * (seconds - SECONDS / 2)
    flat = np.ones(len(seconds))
    return seconds, np.column_stack([
        gone * np.sin(bearing), gone * np.cos(bearing), 80 * flat, np.degrees(bearing) * flat, -60 * flat
    ])  # fmt: skip


def fly(town: Town, renderer: Renderer, name: str, seconds: Array, track: Array) -> Flight:
    """Render the pictures of a track and measure their motion."""
    ground = float(town.ground_m(np.array([0.0]), np.array([0.0]))[0])
    times = np.arange(0, SECONDS, 1 / RATE_HZ)

    def pictures() -> Any:
        for t in times:
            row = np.array([np.interp(t, seconds, column) for column in track.T])
            image, _ = renderer.render(t, _pose(town, row, ground, t))
            yield float(t), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)

    return Flight(name, seconds, track, ground, seen_motion(pictures(), LENS, 1.0))


def _pose(town: Town, row: Array, ground_amsl_m: float, seconds: float) -> Pose:
    latitude, longitude, _ = town.frame.to_geodetic([[row[0], row[1], 0.0]])[0]
    return Pose(
        captured_at=START + timedelta(seconds=float(seconds)), latitude=float(latitude),
        longitude=float(longitude), altitude_amsl_m=ground_amsl_m + float(row[2]), yaw_deg=float(row[3]),
        pitch_deg=float(row[4]),
    )  # fmt: skip


def telemetry(rng: np.random.Generator, town: Town, flight: Flight, offset_s: float) -> list[Pose]:
    """The flight as telemetry tells of it: what was at t is stamped t - offset."""
    hertz = float(rng.choice([1.0, 2.0, 5.0, 10.0]))
    times = np.arange(-EXTRA_S, SECONDS + EXTRA_S, 1 / hertz) + float(rng.uniform(0, 1 / hertz))
    times = times[times <= flight.seconds[-1]]
    rows = np.column_stack([np.interp(times, flight.seconds, column) for column in flight.track.T])
    n, step = len(times), 1 / hertz
    rows[:, :2] += np.column_stack([wander(rng, n, step, 1.5, 60) for _ in range(2)])
    rows[:, 2] += wander(rng, n, step, 1.0, 60) + rng.normal(0, 4)
    rows[:, 3] += wander(rng, n, step, 1.0, 10) + rng.normal(0, 3)
    rows[:, 4] += wander(rng, n, step, 1.0, 10)
    rows[:, 4] = np.maximum(rows[:, 4], -90.0)
    return [_pose(town, row, flight.ground_amsl_m, t - offset_s) for t, row in zip(times, rows, strict=True)]


def tell(flight: Flight, poses: list[Pose]) -> TimeOffset:
    return estimate_offset(flight.seen, poses, START, LENS, flight.ground_amsl_m)


def alarms(flight: Flight, poses: list[Pose]) -> tuple[bool, bool, bool]:
    """Whether there is an alarm: with the telemetry as it is, 40 m too high, and 60 degrees aside."""
    high = [replace(pose, altitude_amsl_m=pose.altitude_amsl_m + 40) for pose in poses]
    aside = [replace(pose, yaw_deg=pose.yaw_deg + 60) for pose in poses]
    right, up, turned = (
        bool(motion_alarms(flight.seen, told, START, LENS, flight.ground_amsl_m))
        for told in (poses, high, aside)
    )
    return right, up, turned


def measure(passes: int, draws: int, seed: int) -> dict[str, Any]:
    """Figures over all passes and draws."""
    rng = np.random.default_rng(seed)
    town = Town.generate(seed)
    renderer = Renderer(town, LENS, supersample=1.0)
    began = time.perf_counter()
    moving = [
        fly(town, renderer, "nose fixed" if i % 3 == 2 else "nose along", *lanes(rng, nose_fixed=i % 3 == 2))
        for i in range(passes)
    ]
    even = [fly(town, renderer, "straight", *straight(rng)) for _ in range(max(1, passes // 3))]
    drawn = time.perf_counter() - began
    renderer.close()
    errors: dict[str, list[float]] = {}
    zero: list[float] = []
    began, told = time.perf_counter(), 0
    for flight in moving:
        for _ in range(draws):
            offset = float(rng.uniform(-MOST_OFFSET_S, MOST_OFFSET_S))
            found = tell(flight, telemetry(rng, town, flight, offset))
            told += 1
            error = np.inf if found.seconds is None else abs(found.seconds - offset)
            errors.setdefault(flight.name, []).append(error)
            zero.append(abs(offset))
    spent = (time.perf_counter() - began) / max(told, 1)
    guesses = [
        tell(flight, telemetry(rng, town, flight, float(rng.uniform(-2, 2))))
        for flight in even for _ in range(draws)
    ]  # fmt: skip
    whole = np.concatenate([np.array(found) for found in errors.values()])
    alarmed = [alarms(flight, telemetry(rng, town, flight, 0.0)) for flight in moving + even for _ in "123"]
    return {
        "passes": passes, "draws": len(whole),
        "within_100_ms": round(float(np.mean(whole <= RIGHT_S)), 3),
        "within_100_ms_zero": round(float(np.mean(np.array(zero) <= RIGHT_S)), 3),
        "told": round(float(np.mean(np.isfinite(whole))), 3),
        "wrong_of_told": round(float(np.mean(whole[np.isfinite(whole)] > RIGHT_S)), 4),
        "median_error_ms": round(1000 * float(np.median(whole[np.isfinite(whole)])), 1),
        "by_flight": {name: round(float(np.mean(np.array(e) <= RIGHT_S)), 3) for name, e in errors.items()},
        "straight": {
            "draws": len(guesses),
            "guessed": round(float(np.mean([g.seconds is not None for g in guesses])), 3),
            "reason": guesses[0].reason,
        },
        "alarms": {
            "draws": len(alarmed),
            "false": round(float(np.mean([right for right, _, _ in alarmed])), 3),
            "heights_off_by_40_m_told": round(float(np.mean([high for _, high, _ in alarmed])), 3),
            "headings_off_by_60_deg_told": round(float(np.mean([aside for _, _, aside in alarmed])), 3),
        },
        "seconds_to_draw_and_follow": round(drawn, 1), "seconds_to_tell": round(spent, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--draws", type=int, default=20, help="offsets and errors of telemetry per pass")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = measure(chosen.passes, chosen.draws, chosen.seed)
    if chosen.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
