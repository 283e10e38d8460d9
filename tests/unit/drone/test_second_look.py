"""A second look flown by simulated vehicles of both flavours: out of the lane, to its places and back."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.look_verdict import LookJudge, LookVerdict
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.looking import CameraPointing
from drone.patrol import Patrol, PatrolSettings
from drone.sim.autopilot import SimulatedAutopilot
from drone.sim.flavours import FLAVOURS
from drone.sim.flight import Fault
from drone.vantage import LookRules
from drone.vehicle import Outcome, Verdict
from missions.clock import SystemClock
from missions.messages import FlightLogEntry, FlightPhase, SightingKind
from missions.second_look import LookTarget
from missions.terrain import FlatTerrain
from tests.vehicles import FRAME, HOME, QUICK, connected, parked, place, small_plan
from vision.camera import CameraModel, project

CAMERA = CameraModel.from_field_of_view(1280, 720, 60, name="patrol-720p")
RULES = LookRules(seconds_per_view=1.0, speed_m_s=8.0)
LONG = RULES.model_copy(update={"seconds_per_view": 120.0, "reserve_fraction": 0.0})
"""As long as a test needs."""
SPOT = (60.0, 45.0)
LENGTH_M = 110.0


def until(met: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def target(spot: tuple[float, float] = SPOT, **changes: Any) -> LookTarget:
    lat, lon = place(*spot)
    return LookTarget(latitude=lat, longitude=lon, altitude_amsl_m=HOME[2], **changes)


@dataclass
class Stage:
    """One patrol in the air, and all that came of it."""

    autopilot: SimulatedAutopilot
    vehicle: MavlinkVehicle
    patrol: Patrol
    log: list[FlightLogEntry] = field(default_factory=list)
    verdicts: list[LookVerdict | None] = field(default_factory=list)
    judges: list[LookJudge] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        return [entry.code for entry in self.log]

    @property
    def position(self) -> tuple[float, float, float]:
        return self.autopilot.flight.body.position

    def look(self, to: LookTarget | None = None, rules: LookRules = RULES) -> Outcome:
        def judge(spot: tuple[float, float, float]) -> LookJudge:
            self.judges.append(LookJudge(spot, SightingKind.FIRE, CAMERA, rules))
            return self.judges[-1]

        return self.patrol.second_look(
            to or target(),
            FlatTerrain(HOME[2]),
            rules,
            judge,
            lambda verdict, _: self.verdicts.append(verdict),
        )


@contextmanager
def on_a_lane(flavour: str = "ardupilot", speed: float = 15.0, **setup: object) -> Iterator[Stage]:
    """A patrol on its second lane, 15 m or more along it."""
    autopilot = parked(flavour=flavour, **setup)
    with connected(autopilot, speed=speed) as vehicle:
        log: list[FlightLogEntry] = []
        plan = small_plan(lanes=3, length_m=LENGTH_M, speed_m_s=5.0)
        patrol = Patrol(
            vehicle, plan, SystemClock(), log.append, settings=PatrolSettings(poll_s=0.05, arm_again_s=0.3)
        )
        thread = threading.Thread(target=patrol.run, daemon=True)
        thread.start()
        stage = Stage(autopilot, vehicle, patrol, log)
        try:
            until(lambda: abs(stage.position[1] - 35.0) < 1.0 and 50.0 < stage.position[0] < 95.0)
            yield stage
        finally:
            patrol.land()
            autopilot.close()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_looks_from_two_sides_and_takes_the_lane_up_again(flavour: str) -> None:
    with on_a_lane(flavour) as stage:
        outcome = stage.look()
        assert outcome, outcome.why
        left_at = stage.position
        assert stage.patrol.phase is FlightPhase.PAUSED
        seen = []

        def watch() -> bool:
            pose = stage.autopilot.true_camera_pose()
            (u, v), depth = (part[0] for part in project(CAMERA, pose, FRAME, [(*SPOT, 0.0)]))
            if stage.codes.count("second_look_on_spot") > len(seen):
                seen.append((u, v, depth, stage.position))
            return bool(stage.verdicts)

        until(watch)
        assert stage.verdicts == [LookVerdict.UNDECIDED]
        assert stage.patrol.phase is FlightPhase.FLYING, stage.codes
        assert len(seen) == 2
        for u, v, _, position in seen:
            assert abs(u - 640) < 200, "the spot is in the middle of the picture"
            assert abs(v - 360) < 150
            assert 15 < math.dist(position[:2], SPOT) < 95
        back = stage.position
        assert abs(back[1] - 35.0) < 4.0, "on the lane again"
        # the lane is flown from high east to low east
        assert back[0] > left_at[0] + 5.0, "before the place where it was left"
        until(lambda: stage.position[0] < left_at[0] - 10.0)
        assert abs(stage.position[1] - 35.0) < 3.0
        assert stage.autopilot.flight.body.gimbal.pitch_deg == pytest.approx(-55.0, abs=3.0)
        assert stage.autopilot.flight.mission.speed_m_s == pytest.approx(5.0), "the speed of the plan"
        assert not [e.text for e in stage.log if e.level == "alarm"]
        assert not [text for text in stage.vehicle.new_messages() if "ALARM" in text]


def test_it_ends_at_once_when_the_thing_is_seen_again() -> None:
    with on_a_lane() as stage:
        assert stage.look(rules=LONG)
        until(lambda: "second_look_on_spot" in stage.codes)
        stage.judges[0].figures.alerts = RULES.confirm_looks
        until(lambda: bool(stage.verdicts))
        assert stage.verdicts == [LookVerdict.CONFIRMED]
        assert stage.codes.count("second_look_on_spot") == 1


def replace_rules(**changes: Any) -> LookRules:
    return RULES.model_copy(update=changes)


def test_a_person_may_cut_it_short_hold_or_call_it_home() -> None:
    with on_a_lane() as stage:
        assert stage.look(rules=LONG)
        until(lambda: "second_look_on_spot" in stage.codes)
        assert "under way already" in stage.look().why
        assert "back to the lane" in stage.patrol.resume().why
        until(lambda: stage.patrol.phase is FlightPhase.FLYING)
        until(lambda: len(stage.verdicts) == 1)
        assert stage.look(rules=LONG)
        assert stage.patrol.pause()
        until(lambda: len(stage.verdicts) == 2)
        assert stage.verdicts[1] is None
        assert stage.patrol.phase is FlightPhase.PAUSED
        assert stage.patrol.resume()
        assert stage.look(rules=LONG)
        assert stage.patrol.return_home()
        until(lambda: len(stage.verdicts) == 3)
        assert stage.patrol.phase is FlightPhase.RETURNING
        assert "phase returning" in stage.look().why
        assert "broken off" in [e.text for e in stage.log if e.code == "second_look_over"][-1]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_failsafe_during_a_look_is_left_alone(flavour: str) -> None:
    with on_a_lane(flavour) as stage:
        assert stage.look(rules=LONG)
        until(lambda: "second_look_on_spot" in stage.codes)
        stage.autopilot.inject(Fault.LOW_BATTERY)
        until(lambda: stage.patrol.phase is FlightPhase.RETURNING)
        until(lambda: stage.verdicts == [None])
        assert stage.autopilot.flight.mode.name == "RTL"
        assert "mode_return" in stage.codes


def test_it_says_in_a_sentence_why_not() -> None:
    with on_a_lane() as stage:
        mode = stage.autopilot.flight.mode
        outside = stage.look(target((600.0, 0.0)))
        assert outside.verdict is Verdict.REFUSED
        assert "allowed area" in outside.why
        spent = stage.look(rules=replace_rules(reserve_fraction=0.97))
        assert "battery holds" in spent.why
        assert "another flight" in spent.why
        low = stage.look(rules=replace_rules(least_height_agl_m=60.0))
        assert "60 m over the ground" in low.why
        assert stage.autopilot.flight.mode is mode, "it did not even hold for that"
        assert stage.patrol.phase is FlightPhase.FLYING


@pytest.mark.parametrize(
    ("missing", "way"),
    [
        ((), "region of interest"),
        ((195,), "gimbal manager"),
        ((195, 1000), "mount"),
        ((195, 205, 1000), "no gimbal"),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_camera_is_pointed_in_whichever_way_it_knows(
    flavour: str, missing: tuple[int, ...], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorn = replace(FLAVOURS[flavour], unsupported=FLAVOURS[flavour].unsupported | set(missing))
    monkeypatch.setitem(FLAVOURS, flavour, shorn)
    with connected(parked(flavour=flavour, gimbal_pitch_deg=-20.0)) as vehicle:
        until(lambda: vehicle.readiness().ready)
        outcome = vehicle.look_at(*place(0.0, 60.0), -60.0)
        assert way in outcome.why
        if way != "no gimbal":
            assert outcome
            until(lambda: abs(vehicle.poses.at(vehicle.poses.end).pitch_deg + 45.0) < 3.0)  # type: ignore[arg-type]
            assert vehicle.look_ahead(-80.0)
            until(lambda: abs(vehicle.poses.at(vehicle.poses.end).pitch_deg + 80.0) < 3.0)  # type: ignore[arg-type]


def test_it_is_not_sent_anywhere_out_of_a_mode_that_nobody_asked_for() -> None:
    with on_a_lane() as stage:
        stage.autopilot.inject(Fault.LOW_BATTERY)
        until(lambda: stage.autopilot.flight.mode.name == "RTL")
        until(lambda: stage.vehicle.state().mode_name == "RTL")
        outcome = stage.vehicle.go_to(*place(10.0, 10.0), 40.0, heading_deg=0.0, speed_m_s=5.0)
        assert outcome.verdict is Verdict.REFUSED
        assert "RTL" in outcome.why
        assert stage.autopilot.flight.mode.name == "RTL"


class Radio:
    """A link to a vehicle with a gimbal manager and no region of interest; keeps what was asked."""

    target = (1, 1)
    system_id = 255

    def __init__(self, cap_flags: int) -> None:
        self.asked: list[tuple[int, tuple[float, ...]]] = []
        self._information = mavlink.MAVLink_gimbal_manager_information_message(
            0, cap_flags, 1, 0, 0, 0, 0, 0, 0
        )

    def request(self, *_: object, **__: object) -> object:
        return self._information

    def command(self, number: int, *params: float, **_: object) -> int:
        self.asked.append((number, params))
        return 0

    def command_at(self, *_: object, **__: object) -> int:
        return 3


@pytest.mark.parametrize(
    ("cap_flags", "yaw_deg", "flags"),
    [
        (mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_YAW_LOCK, -90.0, mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK),
        (mavlink.GIMBAL_MANAGER_CAP_FLAGS_HAS_YAW_AXIS, -130.0, 0),
    ],
)
def test_gimbal_yaw_is_from_north_where_it_can_be_held_and_from_the_nose_elsewhere(
    cap_flags: int, yaw_deg: float, flags: int
) -> None:
    radio = Radio(cap_flags)
    camera = CameraPointing(radio, QUICK, lambda: 40.0)  # type: ignore[arg-type]
    assert camera.at_place((*place(0, 0), 0.0), -45.0, 270.0)
    (owner, who), (number, params) = radio.asked
    assert (owner, who[:2]) == (1001, (255, 190)), "PX4 obeys only who is in control"
    assert (number, params[0], params[1], params[4]) == (1000, -45.0, pytest.approx(yaw_deg), flags)
