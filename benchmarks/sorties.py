"""Time and energy that plans predict, beside those of the simulated aircraft that flies them.

``python -m benchmarks.sorties [--seeds 2] [--json]``

Plans of different cameras, speeds, heights and cells are flown by the simulator's autopilot in its own
mission mode, on its own clock and without a network: take-off, all waypoints, return, landing. The predictor
is told the mean wind of the flight (speed and direction), not its gusts. A sortie's error is predicted over
flown, minus one; time runs from arming to touching down.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from dataclasses import asdict, dataclass

import numpy as np
import shapely

from drone.sim.airframe import Airframe
from drone.sim.battery import Battery
from drone.sim.flight import Flight
from drone.sim.gimbal import Gimbal
from drone.sim.mission_store import MISSION, RALLY, MissionStore, StoredItem
from drone.sim.modes import CopterMode
from drone.sim.parameters import Parameters
from missions.cameras import load_cameras
from missions.geodesy import LocalFrame
from missions.grids import Grid, GridCell
from missions.mission_items import MissionItem, mission_items, rally_items
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, plan_patrol
from missions.shapes import to_degrees
from missions.site import Site
from missions.terrain import FlatTerrain

FRAME = LocalFrame(30.2, 120.1)
TICK_S = 0.02
READY_S = 4.0
LONGEST_S = 3600.0
WINDS = ((0.0, 0.0), (4.0, 90.0), (8.0, 90.0), (8.0, 270.0))
"""Metres per second and where it blows from: none, and along the lanes from both sides."""
REQUESTS: tuple[tuple[tuple[float, float], dict[str, float | str]], ...] = (
    ((300.0, 200.0), {"camera": "patrol-720p"}),
    ((420.0, 160.0), {"camera": "patrol-1080p", "altitude_agl_m": 80.0, "speed_m_s": 10.0}),
    ((160.0, 260.0), {"camera": "patrol-720p", "pitch_deg": -90.0, "speed_m_s": 5.0}),
)
"""East and north metres of the cell, and what is wished."""


@dataclass(frozen=True, slots=True)
class Flown:
    """One sortie: predicted and flown seconds and watt-hours."""

    request: int
    seed: int
    wind_m_s: float
    wind_from_deg: float
    predicted_s: float
    flown_s: float
    predicted_wh: float
    flown_wh: float

    @property
    def time_error(self) -> float:
        return self.predicted_s / self.flown_s - 1

    @property
    def energy_error(self) -> float:
        return self.predicted_wh / self.flown_wh - 1


def planned(number: int, wind_m_s: float, from_deg: float) -> PatrolPlan:
    """The plan of one request in one wind."""
    (east, north), wishes = REQUESTS[number]
    cell = GridCell("c", "c", to_degrees(shapely.box(0, 0, east, north), FRAME))
    site = Site(grid=Grid([cell]), terrain=FlatTerrain(0.0))
    latitude, longitude = (float(v) for v in FRAME.to_geodetic([[-60.0, -40.0]])[0][:2])
    request = PlanRequest(
        cells=["c"], home=(latitude, longitude, 0.0), wind_m_s=wind_m_s, wind_from_deg=from_deg, **wishes
    )  # type: ignore[arg-type]
    return plan_patrol(request, site, load_cameras())


def fly(plan: PatrolPlan, sortie: int, wind: tuple[float, float], seed: int) -> tuple[float, float]:
    """Fly a sortie; seconds from arming to touching down, and watt-hours.

    Raises:
        RuntimeError: the aircraft does not arm, or does not come back within an hour.
    """
    frame = LocalFrame(*plan.home)
    battery = Battery(capacity_wh=1000.0)
    body = Airframe(
        ground=lambda east, north: 0.0, wind=wind, seed=seed, battery=battery,
        gimbal=Gimbal(),
    )  # fmt: skip
    home = StoredItem(command=16, frame=0, x=round(plan.home[0] * 1e7), y=round(plan.home[1] * 1e7))
    store = MissionStore(home=lambda: home)
    store.replace(MISSION, [home, *map(_stored, mission_items(plan, sortie))])
    store.replace(RALLY, [_stored(item) for item in rally_items(plan)])
    flight = Flight(
        frame=frame, body=body, parameters=Parameters(), store=store, say=lambda severity, text: None,
        reached=lambda index: None, ready_after_s=READY_S,
    )  # fmt: skip
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        flight.tick(TICK_S, ticks * TICK_S)

    while ticks * TICK_S < READY_S + 1:
        tick()
    flight.set_mode(CopterMode.GUIDED)
    if faults := flight.arm():
        raise RuntimeError(f"not armed: {'; '.join(faults)}")
    begun, used = ticks, battery.used_wh
    flight.start_mission()
    while flight.armed and (ticks - begun) * TICK_S < LONGEST_S:
        tick()
    if flight.armed or body.crashed:
        raise RuntimeError("the aircraft did not come back")
    return (ticks - begun) * TICK_S, battery.used_wh - used


def _stored(item: MissionItem) -> StoredItem:
    return StoredItem(
        command=item.command, frame=item.frame, param1=item.param1, param2=item.param2, param3=item.param3,
        x=round(item.x * 1e7), y=round(item.y * 1e7), z=item.z,
    )  # fmt: skip


def measured(number: int, seed: int, wind_m_s: float, from_deg: float) -> list[Flown]:
    """All sorties of one request in one wind."""
    plan = planned(number, wind_m_s, from_deg)
    turn = math.radians(from_deg)
    blowing = (-wind_m_s * math.sin(turn), -wind_m_s * math.cos(turn))
    results = []
    for index, sortie in enumerate(plan.sorties):
        seconds, energy = fly(plan, index, blowing, seed)
        results.append(
            Flown(number, seed, wind_m_s, from_deg, sortie.seconds, seconds, sortie.energy_wh, energy)
        )
    return results


def show(results: list[Flown]) -> None:
    """Print the table."""
    for name, errors in (
        ("time", [r.time_error for r in results]), ("energy", [r.energy_error for r in results])
    ):  # fmt: skip
        print(
            f"{name:7} {len(errors)} sorties, {sum(r.flown_s for r in results) / 3600:.1f} h flown: "
            f"predicted over flown {min(errors):+.1%} to {max(errors):+.1%}, mean {np.mean(errors):+.1%}, "
            f"worst {max(map(abs, errors)):.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2, help="flights of each plan in each wind")
    parser.add_argument("--requests", type=int, default=len(REQUESTS), help="how many plans")
    parser.add_argument("--winds", type=int, default=len(WINDS), help="how many winds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results: list[Flown] = []
    for number, (speed, bearing), seed in itertools.product(
        range(options.requests), WINDS[: options.winds], range(options.seeds)
    ):
        results += measured(number, seed, speed, bearing)
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
        return
    for result in results:
        print(
            f"  plan {result.request} seed {result.seed} wind {result.wind_m_s:g} m/s from "
            f"{result.wind_from_deg:g}: {result.predicted_s:.0f} of {result.flown_s:.0f} s "
            f"({result.time_error:+.1%}), {result.predicted_wh:.2f} of {result.flown_wh:.2f} Wh "
            f"({result.energy_error:+.1%})"
        )
    show(results)


if __name__ == "__main__":
    main()
