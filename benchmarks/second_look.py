"""Second looks in simulation: how many are confirmed and retracted, and how the lane is taken up again.

``python -m benchmarks.second_look [--looks 8] [--flights 6] [--seed 23] [--json]``

The eye: over the simulated town, from the places that ``drone.vantage`` chooses, with pictures of the
renderer and the pinned weights. Half of the looks are at planted fires, smoke and disputes, placed wrongly by
3 m (one sigma) as a first sighting places them; the other half at spots of the same kinds where nothing is.
Confirmed is right for the first half, retracted for the second.

The flight: simulated vehicles of both flavours leave a lane at a random place, look at a random spot and come
back. Overlap is how much of the lane was flown twice, from the vehicle's true track; a gap is lane that was
flown over by nobody.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from drone.look_verdict import LookJudge, LookVerdict
from drone.mavlink.aircraft import MavlinkVehicle
from drone.patrol import Patrol, PatrolSettings
from drone.sim.autopilot import SimulatedAutopilot
from drone.sim.demo import DEMO_CAMERA
from drone.sim.events import PlantedEvent
from drone.sim.renderer import Renderer
from drone.sim.town import Town
from drone.sim.world import start_of_patrol
from drone.vantage import LookPlan, LookRefused, LookRules, load_look_rules, plan_look
from drone.vehicle import VehicleState
from missions.cameras import load_cameras
from missions.clock import SystemClock
from missions.geodesy import LocalFrame
from missions.kinds import load_kinds
from missions.messages import SightingKind
from missions.second_look import LookTarget
from missions.site import load_site
from missions.terrain import FlatTerrain, Terrain, ground_in
from missions.zones import Zones
from tests.vehicles import FRAME, HOME, QUICK, at_home, parked, small_plan
from vision.camera import CameraModel, Pose
from vision.detector import Detector
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.watch import Watch
from vision.weights import load_weights

KINDS = (SightingKind.FIRE, SightingKind.SMOKE, SightingKind.DISPUTE)
PLACED_SIGMA_M = 3.0
FRAMES_PER_SECOND = 5.0
SPEED = 8.0
NAMESPACE = UUID(int=23)
ON_LANE_M, OFF_LANE_M = 2.0, 5.0


@dataclass(frozen=True, slots=True)
class EyeLook:
    kind: str
    real: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Flown:
    flavour: str
    overlap_m: float
    gap_m: float
    off_lane_m: float
    seconds: float


# the eye


def looks_of_the_eye(count: int, seed: int, say: Callable[[str], None]) -> list[EyeLook]:
    """Half of the looks at things that are there, half at things that are not."""
    town, rules = Town.generate(seed), load_look_rules()
    folder = Path(tempfile.mkdtemp())
    town.export(folder)
    terrain = load_site(folder).terrain
    entry = load_cameras()[DEMO_CAMERA]
    camera = CameraModel.from_field_of_view(
        entry.width_px, entry.height_px, entry.horizontal_fov_deg, name=DEMO_CAMERA
    )
    weights, random = load_weights("patrol-rgb"), np.random.default_rng(seed)
    detector = Detector(weights, input_size=(736, 1280))
    renderer = Renderer(town, camera)
    real = [event for event in town.planted if event.kind in KINDS]
    random.shuffle(real)  # type: ignore[arg-type]
    results: list[EyeLook] = []
    for number in range(count):
        event = real[number // 2 % len(real)]
        there = number % 2 == 0
        place = (event.east, event.north) if there else _empty(town, event, random)
        verdict = _look(town, terrain, renderer, detector, weights.label, camera, rules, event, place, random)
        results.append(EyeLook(event.kind.value, there, verdict))
        say(f"{event.kind.value}, {'there' if there else 'nothing there'}: {verdict}")
    return results


def _empty(town: Town, event: PlantedEvent, random: np.random.Generator) -> tuple[float, float]:
    """A spot 60 to 150 m off with no planted event within 40 m."""
    while True:
        turn, away = random.uniform(0, 2 * np.pi), random.uniform(60, 150)
        place = event.east + away * np.sin(turn), event.north + away * np.cos(turn)
        if all(np.hypot(one.east - place[0], one.north - place[1]) > 40 for one in town.planted):
            return float(place[0]), float(place[1])


def _look(
    town: Town, terrain: Terrain, renderer: Renderer, detector: Detector, label: str, camera: CameraModel,
    rules: LookRules, event: PlantedEvent, place: tuple[float, float], random: np.random.Generator,
) -> str:  # fmt: skip
    east, north = np.asarray(place) + random.normal(0, PLACED_SIGMA_M, 2)
    lat, lon, _ = town.frame.to_geodetic([(east, north)])[0]
    target = LookTarget(latitude=float(lat), longitude=float(lon), kind=event.kind)
    plan = _town_look(town, terrain, target, rules)
    if plan is None:
        return "refused"
    poses: dict[Any, Pose] = {}
    watch = Watch(
        camera, detector, pose_at=poses.get, terrain=terrain, zones=Zones(), kinds=load_kinds(),
        evidence=EvidenceStore(tempfile.mkdtemp()), flight_id=None, source="simulator", weights_label=label,
        namespace=uuid5(NAMESPACE, event.id),
    )  # fmt: skip
    judge = LookJudge(plan.spot, event.kind, camera, rules)
    begin, index = start_of_patrol(town.seed), 0
    town_s = max(event.start_s, 0.0) + 30.0
    for stand in plan.views:
        judge.begin_view()
        for _ in range(round(rules.seconds_per_view * FRAMES_PER_SECOND)):
            at = begin + timedelta(seconds=town_s)
            pose = _pose(town, stand.latitude, stand.longitude, stand.height_m, plan, at)
            poses[at] = pose
            picture, _ = renderer.render(town_s, pose)
            judge.take(watch.process(Frame(picture, at, index)), pose)
            index, town_s = index + 1, town_s + 1 / FRAMES_PER_SECOND
            if judge.verdict() is LookVerdict.CONFIRMED:
                return judge.verdict().value
        judge.end_view()
        town_s += 10.0
    return judge.verdict().value


def _pose(town: Town, lat: float, lon: float, height_m: float, plan: LookPlan, at: Any) -> Pose:
    altitude = town.home[2] + height_m
    frame = LocalFrame(lat, lon, altitude)
    east, north, up = frame.to_enu(*plan.spot)[0]
    return Pose(
        captured_at=at, latitude=lat, longitude=lon, altitude_amsl_m=altitude,
        yaw_deg=float(np.degrees(np.arctan2(east, north))),
        pitch_deg=float(np.degrees(np.arctan2(up, np.hypot(east, north)))),
    )  # fmt: skip


def _town_look(town: Town, terrain: Terrain, target: LookTarget, rules: LookRules) -> LookPlan | None:
    """From a lane that passes 40 m beside the spot."""
    frame = LocalFrame(target.latitude, target.longitude)
    ground = float(ground_in(frame, terrain)(np.zeros(1), np.zeros(1))[0])
    home = (*(float(v) for v in frame.to_geodetic([(-60.0, -60.0)])[0][:2]), ground)
    plan = at_home(small_plan(lanes=2, length_m=110, height_m=50.0, reach_m=200), home)
    lat, lon, _ = LocalFrame(*home).to_geodetic([(40.0, 20.0)])[0]
    state = _state(float(lat), float(lon), home)
    try:
        look = plan_look(plan, 0, state, target, terrain, rules)
    except LookRefused:
        return None
    rise = home[2] - town.home[2]
    views = tuple(
        type(view)(
            latitude=view.latitude, longitude=view.longitude, height_m=view.height_m + rise,
            heading_deg=view.heading_deg,
        )
        for view in look.views
    )  # fmt: skip
    return LookPlan(
        views=views, rejoin=look.rejoin, overlap_m=look.overlap_m, spot=look.spot,
        above_home_m=look.above_home_m, seconds=look.seconds,
    )  # fmt: skip


def _state(lat: float, lon: float, home: tuple[float, float, float]) -> VehicleState:
    return VehicleState(
        at=SystemClock().now(), latitude=lat, longitude=lon, altitude_amsl_m=home[2] + 50.0,
        altitude_above_home_m=50.0, heading_deg=90.0, armed=True, landed=False, battery_fraction=0.9,
        current_item=5, items=9, home=home,
    )  # fmt: skip


# the flight


def flown_looks(count: int, seed: int, say: Callable[[str], None]) -> list[Flown]:
    """Looks flown by simulated vehicles, in turn of both flavours."""
    random = np.random.default_rng(seed)
    results = []
    for number in range(count):
        flavour = ("ardupilot", "px4")[number % 2]
        flown = _fly(flavour, float(random.uniform(30, 90)), random.uniform((20, 0), (100, 70)))
        if flown is None:
            say(f"{flavour}: refused")
            continue
        results.append(flown)
        say(f"{flavour}: overlap {flown.overlap_m:.1f} m, gap {flown.gap_m:.1f} m, {flown.seconds:.0f} s")
    return results


def _fly(flavour: str, leave_east: float, spot: np.ndarray) -> Flown | None:
    """The second lane runs from high east to low east, 35 m north of home."""
    autopilot: SimulatedAutopilot = parked(flavour=flavour)
    rules = load_look_rules().model_copy(update={"seconds_per_view": 1.0})
    transport = autopilot.attach()
    autopilot.run_realtime(SPEED)
    vehicle = MavlinkVehicle(transport, patience=QUICK)
    plan = small_plan(lanes=3, length_m=110.0, speed_m_s=5.0)
    patrol = Patrol(
        vehicle, plan, SystemClock(), lambda _: None, settings=PatrolSettings(poll_s=0.05, arm_again_s=0.3)
    )
    threading.Thread(target=patrol.run, daemon=True).start()
    over = threading.Event()
    try:
        _until(lambda: abs(_at(autopilot)[1] - 35.0) < 1.0 and 20 < _at(autopilot)[0] < max(leave_east, 25.0))
        lat, lon, _ = FRAME.to_geodetic([spot])[0]
        target = LookTarget(latitude=float(lat), longitude=float(lon), altitude_amsl_m=HOME[2])
        camera = CameraModel.from_field_of_view(1280, 720, 60)
        begun = autopilot.time_s
        track = _Track(autopilot)
        outcome = patrol.second_look(
            target, FlatTerrain(HOME[2]), rules, lambda at: LookJudge(at, None, camera, rules),
            lambda *_: over.set(),
        )  # fmt: skip
        if not outcome:
            return None
        if not over.wait(120.0):
            raise TimeoutError("the look did not end")
        seconds = autopilot.time_s - begun
        track.look_is_over()
        _until(lambda: _at(autopilot)[0] < 14.0)
        return track.result(flavour, seconds)
    finally:
        patrol.land()
        vehicle.close()
        autopilot.close()


class _Track:
    """The true track of a vehicle from the moment that it leaves its lane."""

    def __init__(self, autopilot: SimulatedAutopilot) -> None:
        self._points: list[tuple[float, float]] = []
        self._autopilot, self._closing, self._over = autopilot, threading.Event(), 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._closing.wait(0.01):
            self._points.append(_at(self._autopilot))

    def look_is_over(self) -> None:
        """The mission has just been resumed."""
        self._over = len(self._points)

    def result(self, flavour: str, seconds: float) -> Flown:
        """The lane is left where it was flown last before the look, and taken up again after it."""
        self._closing.set()
        points = np.array(self._points)
        away = np.abs(points[:, 1] - 35.0)
        far = np.flatnonzero(away > OFF_LANE_M)
        left_east = float(points[: far[0], 0].min())
        over = min(self._over, len(points) - 1)
        again = 1 + int(np.flatnonzero(away[:over] > ON_LANE_M)[-1])
        again_from = float(points[again : over + 1, 0].max())
        ended = np.flatnonzero(points[over:, 0] < 14.0)
        resumed = points[over : over + int(ended[0]) if len(ended) else len(points)]
        return Flown(
            flavour, max(0.0, again_from - left_east), max(0.0, left_east - again_from),
            float(np.abs(resumed[:, 1] - 35.0).max()) if len(resumed) else 0.0, seconds,
        )  # fmt: skip


def _at(autopilot: SimulatedAutopilot) -> tuple[float, float]:
    east, north, _ = autopilot.flight.body.position
    return east, north


def _until(met: Callable[[], bool], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError("the simulated flight did not come that far")
        time.sleep(0.005)


def summary(eye: list[EyeLook], flown: list[Flown]) -> dict[str, Any]:
    """Rates, and how the lanes were taken up again."""
    real = Counter(look.verdict for look in eye if look.real)
    empty = Counter(look.verdict for look in eye if not look.real)
    return {
        "looks_at_real": dict(real), "looks_at_nothing": dict(empty),
        "confirmed_share": real["confirmed"] / max(1, real.total()),
        "retracted_share": empty["retracted"] / max(1, empty.total()),
        "wrongly_retracted": real["retracted"], "wrongly_confirmed": empty["confirmed"],
        "flights": len(flown),
        "overlap_m": [round(f(one.overlap_m for one in flown), 1) for f in (min, statistics.median, max)]
        if flown else [],
        "gap_m": round(max((one.gap_m for one in flown), default=0.0), 2),
        "off_lane_m": round(max((one.off_lane_m for one in flown), default=0.0), 2),
        "seconds": round(statistics.median(one.seconds for one in flown), 1) if flown else None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--looks", type=int, default=8)
    parser.add_argument("--flights", type=int, default=6)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    say = (lambda _: None) if arguments.json else print
    eye = looks_of_the_eye(arguments.looks, arguments.seed, say)
    flown = flown_looks(arguments.flights, arguments.seed, say)
    print(json.dumps(summary(eye, flown), indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
