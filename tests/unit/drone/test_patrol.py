"""The patrol's state machine against a scripted vehicle on a manual clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drone.errors import LinkClosed, NoTelemetry
from drone.patrol import Patrol, PatrolSettings
from drone.telemetry import PoseTrack
from drone.vehicle import FlightMode, Outcome, Readiness, VehicleState, Verdict
from missions.clock import ManualClock, SystemClock
from missions.messages import FlightLogEntry, FlightPhase
from missions.plan import PatrolPlan
from tests.vehicles import HOME, connected, parked, place, small_plan

START = datetime(2026, 5, 1, tzinfo=UTC)
OK = Outcome(Verdict.ACCEPTED)
UNKNOWN = Outcome(Verdict.UNKNOWN, "no answer")
LAST = 9


def refused(why: str) -> Outcome:
    return Outcome(Verdict.REFUSED, why)


class Scripted:
    """A vehicle whose flight is a list of moments; each look at its state shows the next one."""

    description = "scripted"
    poses = PoseTrack()

    def __init__(self, moments: list[VehicleState | Exception] | None = None) -> None:
        self.moments = moments if moments is not None else whole_flight()
        self.answers: dict[str, list[Outcome]] = {}
        self.ready = [Readiness(True)]
        self.calls: list[str] = []
        self.battery: float | None = 1.0
        self.flying = False
        self.hooks: dict[int, Callable[[], object]] = {}
        self._looks = 0

    def state(self) -> VehicleState:
        if not self.flying:
            return replace(ground(), battery_fraction=self.battery)
        self._looks += 1
        hook = self.hooks.pop(self._looks, None)
        if hook is not None:
            hook()
        moment = self.moments.pop(0)
        if not self.moments:
            self.flying = False
        if isinstance(moment, Exception):
            raise moment
        return moment

    def new_messages(self) -> list[str]:
        raise AssertionError("the patrol must not take the messages away from the agent")

    def readiness(self) -> Readiness:
        return self.ready.pop(0) if len(self.ready) > 1 else self.ready[0]

    def _answer(self, what: str) -> Outcome:
        self.calls.append(what)
        queue = self.answers.get(what, [OK])
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def upload(self, plan: object, sortie: int = 0) -> Outcome:
        return self._answer(f"upload {sortie}" if f"upload {sortie}" in self.answers else "upload")

    def arm(self) -> Outcome:
        return self._answer("arm")

    def start(self) -> Outcome:
        outcome = self._answer("start")
        self.flying = bool(outcome)
        return outcome

    def pause(self) -> Outcome:
        return self._answer("pause")

    def resume(self) -> Outcome:
        return self._answer("resume")

    def return_home(self) -> Outcome:
        return self._answer("return_home")

    def land(self) -> Outcome:
        return self._answer("land")

    def close(self) -> None:
        pass


def ground(**changes: object) -> VehicleState:
    fields = {
        "at": START, "latitude": HOME[0], "longitude": HOME[1], "altitude_amsl_m": HOME[2],
        "altitude_above_home_m": 0.0, "heading_deg": 0.0, "landed": True, "armed": False, "items": LAST,
        "current_item": 0, "home": HOME, "battery_fraction": 0.9, "mode": FlightMode.GUIDED,
        "mode_name": "GUIDED", **changes,
    }  # fmt: skip
    return VehicleState(**fields)  # type: ignore[arg-type]


def air(item: int = 4, mode: FlightMode = FlightMode.AUTO, **changes: object) -> VehicleState:
    lat, lon = place(80.0, 40.0)
    fields = {
        "latitude": lat, "longitude": lon, "altitude_above_home_m": 40.0, "landed": False, "armed": True,
        "mode": mode, "mode_name": mode.name, "current_item": item, **changes,
    }  # fmt: skip
    return ground(**fields)


def coming_down(item: int = LAST, mode: FlightMode = FlightMode.AUTO) -> VehicleState:
    return replace(air(item, mode), latitude=HOME[0], longitude=HOME[1], climb_m_s=-1.0)


def whole_flight() -> list[VehicleState | Exception]:
    return [air(1), air(4), air(5), air(LAST), coming_down(), ground(mode=FlightMode.AUTO)]


SETTINGS = PatrolSettings(poll_s=0.5, preflight_s=20.0)


def fly(
    vehicle: Scripted,
    *,
    sorties: int = 1,
    prepare: Callable[[Patrol], None] | None = None,
    clock: ManualClock | None = None,
) -> tuple[Patrol, list[FlightLogEntry], ManualClock]:
    log: list[FlightLogEntry] = []
    clock = clock or ManualClock(START)
    patrol = Patrol(vehicle, small_plan(sorties=sorties), clock, log.append, settings=SETTINGS)
    if prepare is not None:
        prepare(patrol)
    assert patrol.run() is patrol.phase
    return patrol, log, clock


def phases(log: list[FlightLogEntry]) -> list[str]:
    return [entry.phase.value for entry in log if entry.code == "phase" and entry.phase]


def codes(log: list[FlightLogEntry]) -> list[str]:
    return [entry.code for entry in log]


def test_a_whole_patrol() -> None:
    vehicle = Scripted()
    patrol, log, _ = fly(vehicle)
    assert phases(log) == [
        "preflight", "uploading", "arming", "takeoff", "flying", "returning", "landing", "finished",
    ]  # fmt: skip
    assert not [entry.text for entry in log if entry.level == "alarm"]
    assert patrol.reason == ""
    assert vehicle.calls == ["upload", "arm", "start"]
    assert all(entry.at.tzinfo is not None for entry in log)


def test_preflight_waits_and_says_why() -> None:
    vehicle = Scripted()
    vehicle.ready = [Readiness(False, ("no GPS",))] * 5 + [Readiness(True)]
    patrol, log, clock = fly(vehicle)
    assert patrol.phase is FlightPhase.FINISHED
    assert [e.text for e in log if e.code == "not_ready"] == ["not ready yet: no GPS"]
    assert clock.monotonic() >= 2.5


def test_preflight_gives_up() -> None:
    vehicle = Scripted()
    vehicle.ready = [Readiness(False, ("no GPS",))]
    patrol, _, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FAILED
    assert patrol.reason == "not ready to fly: no GPS"
    assert vehicle.calls == []


def test_too_little_battery_for_the_sortie() -> None:
    vehicle = Scripted()
    vehicle.battery = 0.25
    patrol, _, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FAILED
    assert "25%" in patrol.reason


def test_a_battery_that_is_not_told_is_a_warning_once() -> None:
    vehicle = Scripted([replace(moment, battery_fraction=None) for moment in whole_flight()])  # type: ignore[type-var]
    vehicle.battery = None
    patrol, log, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FINISHED
    (told,) = [entry for entry in log if entry.code == "battery_unknown"]
    assert told.level == "warning"
    assert "this sortie needs 30%" in told.text


def test_where_the_battery_must_be_known_an_aircraft_that_does_not_tell_stays_on_the_ground() -> None:
    vehicle, log = Scripted(), list[FlightLogEntry]()
    vehicle.battery = None
    settings = replace(SETTINGS, battery_must_be_known=True)
    patrol = Patrol(vehicle, small_plan(), ManualClock(START), log.append, settings=settings)
    assert patrol.run() is FlightPhase.FAILED
    assert "does not tell how full its battery is" in patrol.reason
    assert vehicle.calls == []


def test_an_aircraft_that_restarts_before_arming_is_waited_for() -> None:
    """An autopilot takes longer to boot than all tries to arm it take."""
    vehicle = Scripted()
    vehicle.ready = [Readiness(True), *[Readiness(False, ("booting",))] * 30, Readiness(True)]
    vehicle.answers["arm"] = [refused("it boots"), OK]
    patrol, _, clock = fly(vehicle)
    assert patrol.phase is FlightPhase.FINISHED
    assert vehicle.calls.count("arm") == 2
    assert clock.monotonic() > 15.0


def test_an_aircraft_that_is_in_the_air_already_is_left_to_whoever_flies_it() -> None:
    """Our program was started again while the aircraft returns under a failsafe."""
    vehicle = Scripted([air(mode=FlightMode.RETURN)] * 3)
    vehicle.flying = True
    patrol, _, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FAILED
    assert "in the air already" in patrol.reason
    assert vehicle.calls == []


def test_a_refused_upload_fails_with_its_reason() -> None:
    vehicle = Scripted()
    vehicle.answers["upload"] = [refused("too high")]
    patrol, _, _ = fly(vehicle)
    assert (patrol.phase, patrol.reason) == (FlightPhase.FAILED, "the plan is not on board: too high")
    assert vehicle.calls == ["upload"]


def test_an_unknown_upload_is_tried_again() -> None:
    vehicle = Scripted()
    vehicle.answers["upload"] = [UNKNOWN, OK]
    assert fly(vehicle)[0].phase is FlightPhase.FINISHED
    assert vehicle.calls.count("upload") == 2
    vehicle = Scripted()
    vehicle.answers["upload"] = [UNKNOWN]
    assert fly(vehicle)[0].phase is FlightPhase.FAILED
    assert vehicle.calls.count("upload") == 3


def test_arming_is_tried_again_since_readiness_comes_too_early() -> None:
    vehicle = Scripted()
    vehicle.answers["arm"] = [refused("EKF"), refused("EKF"), OK]
    assert fly(vehicle)[0].phase is FlightPhase.FINISHED
    vehicle = Scripted()
    vehicle.answers["arm"] = [refused("EKF")]
    patrol, _, _ = fly(vehicle)
    assert (patrol.phase, patrol.reason) == (FlightPhase.FAILED, "not armed: EKF")
    assert "start" not in vehicle.calls


def test_a_refused_start_is_tried_from_arming_and_then_fails() -> None:
    vehicle = Scripted()
    vehicle.answers["start"] = [refused("disarmed by itself"), OK]
    assert fly(vehicle)[0].phase is FlightPhase.FINISHED
    vehicle = Scripted()
    vehicle.answers["start"] = [refused("Auto: Missing Takeoff Cmd")]
    patrol, _, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FAILED
    assert "Missing Takeoff" in patrol.reason


def test_pause_and_resume() -> None:
    vehicle = Scripted([
        air(4), air(4), air(4, FlightMode.HOLD), air(4, FlightMode.HOLD), air(5), *whole_flight()[3:],
    ])  # fmt: skip

    def prepare(patrol: Patrol) -> None:
        vehicle.hooks[2] = lambda: _from_outside(patrol.pause)
        vehicle.hooks[4] = lambda: _from_outside(patrol.resume)

    patrol, log, _ = fly(vehicle, prepare=prepare, clock=PatientClock(START))
    assert patrol.phase is FlightPhase.FINISHED
    assert "pause" in vehicle.calls
    assert "resume" in vehicle.calls
    assert phases(log)[4:7] == ["flying", "paused", "flying"]
    assert not [entry for entry in log if entry.level == "alarm"]


def _from_outside(request: Callable[[], Outcome]) -> None:
    """Requests come from other threads while the patrol looks; they wait until it has looked."""
    threading.Thread(target=request).start()


class PatientClock(ManualClock):
    """Leaves other threads a moment whenever it sleeps."""

    def sleep(self, seconds: float) -> None:
        time.sleep(0.02)
        super().sleep(seconds)


def test_return_on_request_ends_aborted() -> None:
    vehicle = Scripted([air(4), air(4, FlightMode.RETURN), coming_down(4, FlightMode.RETURN), ground()])

    def prepare(patrol: Patrol) -> None:
        original = vehicle.start

        def start() -> Outcome:
            outcome = original()
            patrol._phase = FlightPhase.FLYING
            assert patrol.return_home()
            return outcome

        vehicle.start = start  # type: ignore[method-assign]

    patrol, _, _ = fly(vehicle, prepare=prepare)
    assert (patrol.phase, patrol.reason) == (FlightPhase.ABORTED, "the return was requested")


def test_a_failsafe_return_is_an_alarm_and_aborts() -> None:
    vehicle = Scripted([air(4), air(4, FlightMode.RETURN), coming_down(4, FlightMode.RETURN), ground()])
    patrol, log, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.ABORTED
    assert "by itself" in patrol.reason
    assert [entry.code for entry in log if entry.level == "alarm"] == ["mode_return"]
    assert phases(log)[-3:] == ["returning", "landing", "aborted"]


def test_a_pilot_who_takes_over_is_an_alarm_and_not_corrected() -> None:
    vehicle = Scripted(
        [air(4), air(4, FlightMode.HOLD), air(4, FlightMode.HOLD), air(5), *whole_flight()[3:]]
    )
    patrol, log, _ = fly(vehicle)
    assert [entry.code for entry in log if entry.level == "alarm"] == ["mode_hold"]
    assert vehicle.calls == ["upload", "arm", "start"]
    assert "paused" in phases(log)
    assert "resumed_elsewhere" in codes(log)
    assert patrol.phase is FlightPhase.FINISHED


def test_landing_before_the_end_is_no_success() -> None:
    patrol, _, _ = fly(Scripted([air(4), air(5), ground()]))
    assert (patrol.phase, patrol.reason) == (FlightPhase.ABORTED, "it landed before the end of the mission")


def test_motors_that_stop_in_the_air_are_a_failure() -> None:
    patrol, log, _ = fly(Scripted([air(4), air(4, armed=False)]))
    assert patrol.phase is FlightPhase.FAILED
    assert log[-1].level == "alarm"


def test_a_lost_link_is_waited_out() -> None:
    dead = air(4, link_alive=False)
    vehicle = Scripted([air(4), dead, NoTelemetry(), dead, *whole_flight()[2:]])
    patrol, log, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FINISHED
    assert codes(log).count("link_lost") == 1
    assert codes(log).count("link_restored") == 1


def test_a_link_that_stays_lost_leaves_the_place_unknown() -> None:
    patrol, _, clock = fly(Scripted([air(4), *[air(4, link_alive=False)] * 3000]))
    assert patrol.phase is FlightPhase.FAILED
    assert "unknown" in patrol.reason
    assert clock.monotonic() > 900


def test_low_battery_is_said_once() -> None:
    low = [air(n, battery_fraction=0.2) for n in (4, 5, 6)]
    _, log, _ = fly(Scripted([*low, *whole_flight()[3:]]))
    assert codes(log).count("battery_low") == 1


def test_called_off_before_take_off() -> None:
    vehicle = Scripted()
    vehicle.ready = [Readiness(False, ("no GPS",))]
    patrol, _, _ = fly(vehicle, prepare=lambda patrol: _expect(patrol.return_home()))
    assert (patrol.phase, patrol.reason) == (FlightPhase.ABORTED, "called off before take-off")
    assert vehicle.calls == []


def _expect(outcome: Outcome) -> None:
    assert outcome


@pytest.mark.parametrize("request_name", ["pause", "resume"])
def test_requests_at_the_wrong_time_are_refused(request_name: str) -> None:
    vehicle = Scripted()
    patrol = Patrol(vehicle, small_plan(), ManualClock(START), lambda entry: None)
    outcome = getattr(patrol, request_name)()
    assert outcome.verdict is Verdict.REFUSED
    assert "requested" in outcome.why
    patrol.run()
    assert patrol.land().verdict is Verdict.REFUSED
    assert patrol.return_home().verdict is Verdict.REFUSED


def test_two_sorties_need_a_fresh_battery() -> None:
    patrol, log, _ = fly(Scripted(), sorties=2)
    assert patrol.phase is FlightPhase.FINISHED
    assert "1 of 2 sorties not flown" in patrol.reason
    assert "sorties_left" in codes(log)


def test_two_sorties_with_a_swap() -> None:
    class Swapping(Scripted):
        def swap_battery(self) -> Outcome:
            self.moments = whole_flight()
            return self._answer("swap")

    vehicle = Swapping()
    patrol, log, _ = fly(vehicle, sorties=2)
    assert (patrol.phase, patrol.reason) == (FlightPhase.FINISHED, "")
    assert codes(log).count("sortie_flown") == 2
    assert vehicle.calls == ["upload", "arm", "start", "swap", "upload", "arm", "start"]


@pytest.mark.parametrize(("answer", "said"), [(OK, False), (refused("no gimbal"), True)])
def test_the_camera_looks_down_before_take_off(answer: Outcome, said: bool) -> None:
    class Pointing(Scripted):
        def point_camera(self, pitch_deg: float) -> Outcome:
            assert pitch_deg == small_plan().camera.pitch_deg
            return self._answer("point")

    vehicle = Pointing()
    vehicle.answers["point"] = [answer]
    patrol, log, _ = fly(vehicle)
    assert patrol.phase is FlightPhase.FINISHED
    assert vehicle.calls == ["upload", "point", "arm", "start"], "an armed vehicle does not wait"
    assert ("camera_not_pointed" in codes(log)) is said


def test_a_plan_for_other_aircraft_is_not_flown() -> None:
    patrol = Patrol(Scripted(), small_plan(), ManualClock(START), lambda entry: None, aircraft=1)
    assert patrol.run() is FlightPhase.FAILED


def timed(*starts: float, aircraft: tuple[int, ...] = (0, 1)) -> PatrolPlan:
    """A plan for two aircraft with these take-off delays in seconds."""
    sortie = small_plan().sorties[0]
    sorties = [
        sortie.model_copy(update={"aircraft": number, "start_s": start})
        for number, start in zip(aircraft, starts, strict=True)
    ]
    return small_plan().model_copy(update={"sorties": sorties})


def test_an_aircraft_waits_on_the_ground_for_its_take_off_time() -> None:
    vehicle, clock, log = Scripted(), ManualClock(START), list[FlightLogEntry]()
    vehicle.ready = [Readiness(True), Readiness(False, ("GPS lost",)), Readiness(True)]
    patrol = Patrol(vehicle, timed(0.0, 95.0), clock, log.append, aircraft=1, launched_s=30.0)
    told: list[float | None] = []

    def arm() -> Outcome:
        told.append(clock.monotonic())
        return OK

    vehicle.arm = arm  # type: ignore[method-assign]
    assert patrol.run() is FlightPhase.FINISHED, patrol.reason
    assert phases(log)[:4] == ["preflight", "uploading", "waiting", "arming"]
    assert told == [pytest.approx(125.5)], (
        "30 s to the launch moment, 95 s of delay, one look more to be ready"
    )
    (notice,) = [entry.text for entry in log if entry.code == "waiting"]
    assert notice.startswith("waits 125 s for its take-off time, 95 s after")
    assert patrol.starts_in_s is None


@pytest.mark.parametrize("changed", [False, True])
def test_an_aircraft_that_waits_is_read_back_in_time(changed: bool) -> None:
    """Over a slow radio this takes longer than the seconds that a take-off may be late."""
    clock = ManualClock(START)
    read: list[float] = []

    class Slow(Scripted):
        def upload(self, plan: object, sortie: int = 0) -> Outcome:
            clock.sleep(40.0)
            return super().upload(plan, sortie)

        def read_back(self) -> Outcome:
            read.append(clock.monotonic())
            clock.sleep(20.0)
            return refused("the vehicle stored another mission") if changed else OK

    patrol = Patrol(Slow(), timed(0.0, 95.0), clock, lambda entry: None, aircraft=1, launched_s=0.0)
    assert patrol.run() is (FlightPhase.FAILED if changed else FlightPhase.FINISHED)
    assert read == [pytest.approx(95.0 - 45.0, abs=1.0)]
    assert ("not on board any more" in patrol.reason) is changed


def test_a_flight_that_waits_is_called_off() -> None:
    clock = ManualClock(START)
    patrol = Patrol(Scripted(), timed(0.0, 95.0), clock, lambda entry: None, aircraft=1, launched_s=0.0)
    seen: list[float | None] = []
    sleep = clock.sleep

    def call_off(seconds: float) -> None:
        if clock.monotonic() >= 20 and not seen:
            seen.append(patrol.starts_in_s)
            assert patrol.return_home()
        sleep(seconds)

    clock.sleep = call_off  # type: ignore[method-assign]
    assert patrol.run() is FlightPhase.ABORTED
    assert seen == [75.0]
    assert clock.monotonic() < 21


@pytest.mark.parametrize(
    ("launched_s", "not_ready", "why"),
    [
        (-60.0, False, "its take-off time passed 60 s ago"),
        (5.0, True, "not ready to fly at its take-off time"),
    ],
)
def test_an_aircraft_that_missed_its_time_stays_on_the_ground(
    launched_s: float, not_ready: bool, why: str
) -> None:
    vehicle, clock = Scripted(), ManualClock(START)
    if not_ready:
        vehicle.ready = [Readiness(True), Readiness(False, ("GPS lost",))]
    patrol = Patrol(vehicle, timed(0.0, 95.0), clock, lambda entry: None, launched_s=launched_s)
    assert patrol.run() is FlightPhase.FAILED
    assert why in patrol.reason
    assert "arm" not in vehicle.calls


def test_an_aircraft_that_arms_too_slowly_does_not_take_off() -> None:
    vehicle, clock = Scripted(), ManualClock(START)

    def arm() -> Outcome:
        clock.sleep(9.0)
        return OK

    vehicle.arm = arm  # type: ignore[method-assign]
    patrol = Patrol(vehicle, timed(0.0, 95.0), clock, lambda entry: None, launched_s=5.0)
    assert patrol.run() is FlightPhase.FAILED
    assert "start" not in vehicle.calls


def test_one_aircraft_alone_flies_its_sorties_without_waiting() -> None:
    class Swaps(Scripted):
        def swap_battery(self) -> Outcome:
            self.moments = whole_flight()
            return OK

    vehicle, clock = Swaps(), ManualClock(START)
    plan = timed(0.0, 900.0, aircraft=(0, 0))
    assert not plan.keeps_times
    assert Patrol(vehicle, plan, clock, lambda entry: None).run() is FlightPhase.FINISHED
    assert clock.monotonic() < 60


@pytest.mark.parametrize("error", [LinkClosed(), RuntimeError("a bug")])
def test_whatever_breaks_the_flight_ends_in_a_final_phase(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    patrol, log, _ = fly(Scripted([air(4), error]))
    assert patrol.phase is FlightPhase.FAILED
    assert log[-1].phase is FlightPhase.FAILED


@pytest.mark.parametrize("flavour", ["ardupilot", "px4"])
def test_a_patrol_on_a_simulated_vehicle(flavour: str) -> None:
    log: list[FlightLogEntry] = []
    autopilot = parked(flavour=flavour)
    with connected(autopilot, speed=25.0) as vehicle:
        settings = PatrolSettings(poll_s=0.05, arm_again_s=0.1)
        plan = small_plan(lanes=1, length_m=40, height_m=15)
        patrol = Patrol(vehicle, plan, SystemClock(), log.append, settings=settings)
        assert patrol.run() is FlightPhase.FINISHED, patrol.reason
    assert phases(log) == [
        "preflight", "uploading", "arming", "takeoff", "flying", "returning", "landing", "finished",
    ]  # fmt: skip
