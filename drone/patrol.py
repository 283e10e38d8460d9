"""One patrol from preflight to landing, as a state machine over ``FlightPhase``.

It asks, watches and says what it sees. The autopilot flies: nothing here overrides a failsafe or a pilot, and
a mode that nobody asked for becomes an alarm, not a correction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drone.departures import Departures
from drone.errors import DroneError, NoTelemetry
from drone.look_verdict import LookJudge, LookVerdict
from drone.second_look import LookOver, SecondLook
from drone.vantage import LookPlan, LookRefused, LookRules, plan_look
from drone.vehicle import (
    FlightMode,
    LooksAgain,
    Outcome,
    PointsCamera,
    ReadsBack,
    SwapsBattery,
    Vehicle,
    VehicleState,
    Verdict,
)
from missions.clock import Clock
from missions.geodesy import distance_m
from missions.messages import FINAL_PHASES, FlightLogEntry, FlightPhase
from missions.plan import PatrolPlan
from missions.second_look import LookTarget
from missions.terrain import Terrain

log = logging.getLogger(__name__)

ON_GROUND = frozenset({
    FlightPhase.REQUESTED, FlightPhase.PREFLIGHT, FlightPhase.UPLOADING, FlightPhase.WAITING,
    FlightPhase.ARMING,
})  # fmt: skip
IN_AIR = frozenset({
    FlightPhase.TAKEOFF, FlightPhase.FLYING, FlightPhase.PAUSED, FlightPhase.RETURNING, FlightPhase.LANDING,
})  # fmt: skip
NEAR_HOME_M = 20.0
DESCENT_M_S = 0.3
IN_THE_AIR_M = 5.0
"""A vehicle that disarms higher than this has not landed."""

Level = Literal["info", "warning", "alarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatrolSettings:
    """Patience in seconds of the patrol's clock, and limits.

    ``read_back_s``: an aircraft that waits is read back once more, so long before its take-off time and as
    long as the upload took.
    """

    poll_s: float = 0.5
    preflight_s: float = 180.0
    upload_tries: int = 3
    arm_tries: int = 8
    arm_again_s: float = 3.0
    start_tries: int = 3
    link_patience_s: float = 900.0
    battery_margin: float = 0.1
    low_battery_fraction: float = 0.25
    battery_must_be_known: bool = False
    read_back_s: float = 5.0


class _Ended(Exception):
    """The patrol is over; carries the final phase and why."""

    def __init__(self, phase: FlightPhase, reason: str) -> None:
        super().__init__(reason)
        self.phase, self.reason = phase, reason


class Patrol:
    """Flies one plan with one vehicle.

    Args:
        on_event: called with each log entry, from whichever thread caused it.
        aircraft: which aircraft of the plan this vehicle is; only its sorties are flown.
        launched_s: the plan's common launch moment in seconds of the clock, from which the take-off delays
            of its sorties count; None where there is none.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        plan: PatrolPlan,
        clock: Clock,
        on_event: Callable[[FlightLogEntry], None],
        *,
        aircraft: int = 0,
        launched_s: float | None = None,
        settings: PatrolSettings | None = None,
    ) -> None:
        self._vehicle, self._plan, self._clock, self._on_event = vehicle, plan, clock, on_event
        self._settings = settings or PatrolSettings()
        self._sorties = [i for i, sortie in enumerate(plan.sorties) if sortie.aircraft == aircraft]
        self._departures = Departures(plan, clock, launched_s)
        self._lock = threading.RLock()
        self._requesting = threading.Lock()
        self._phase = FlightPhase.REQUESTED
        self._reason = ""
        self._wanted = FlightMode.AUTO
        self._called_off = False
        self._early: str | None = None
        self._complete = False
        self._link_lost_at: float | None = None
        self._said: set[str] = set()
        self._sortie = 0
        self._uploading_s = 0.0
        self._look: SecondLook | None = None

    @property
    def phase(self) -> FlightPhase:
        return self._phase

    @property
    def reason(self) -> str:
        """Why the patrol ended as it did; empty while it runs or when it simply finished."""
        return self._reason

    @property
    def starts_in_s(self) -> float | None:
        """While it waits on the ground for its take-off time: the seconds until then."""
        if self._phase is not FlightPhase.WAITING:
            return None
        return max(0.0, self._departures.seconds_left(self._sortie))

    # requests, from any thread

    def pause(self) -> Outcome:
        """Hold where it is; a second look is broken off."""
        if self._phase is not FlightPhase.FLYING and self._look is None:
            return self._refuse("pause")
        self._look = None
        return self._ask(FlightMode.HOLD, self._vehicle.pause, "pause", FlightPhase.PAUSED)

    def resume(self) -> Outcome:
        """Fly on where it was paused; a second look is cut short, and comes back to the lane first."""
        if self._phase is not FlightPhase.PAUSED:
            return self._refuse("resume")
        look = self._look
        if look is not None:
            look.cut_short()
            return Outcome(Verdict.ACCEPTED, "the second look is cut short; it flies back to the lane first")
        return self._ask(FlightMode.AUTO, self._vehicle.resume, "resume", FlightPhase.FLYING)

    def return_home(self) -> Outcome:
        """Break off and come home."""
        if self._phase in ON_GROUND:
            return self._call_off()
        if self._phase not in IN_AIR:
            return self._refuse("return")
        outcome = self._ask(FlightMode.RETURN, self._vehicle.return_home, "return", FlightPhase.RETURNING)
        return self._ends_early(outcome, "the return was requested")

    def land(self) -> Outcome:
        """Break off and land where it is."""
        if self._phase in ON_GROUND:
            return self._call_off()
        if self._phase not in IN_AIR:
            return self._refuse("land")
        outcome = self._ask(FlightMode.LAND, self._vehicle.land, "land", FlightPhase.LANDING)
        return self._ends_early(outcome, "landing on the spot was requested")

    def second_look(
        self, target: LookTarget, terrain: Terrain, rules: LookRules,
        judge_at: Callable[[tuple[float, float, float]], LookJudge],
        done: Callable[[LookVerdict | None, LookJudge], None],
    ) -> Outcome:  # fmt: skip
        """Leave the lane and look at a place again; the look goes on in a thread of its own.

        Args:
            judge_at: makes the judge of the look for its spot.
            done: called when the look is over, with None where it was broken off.
        """
        if self._look is not None:
            return Outcome(Verdict.REFUSED, "a second look is under way already; wait until it is over")
        if self._phase is not FlightPhase.FLYING:
            return Outcome(
                Verdict.REFUSED,
                f"a second look begins on a lane only, and the flight is in phase {self._phase.value}",
            )
        if not isinstance(self._vehicle, LooksAgain):
            return Outcome(Verdict.REFUSED, "this aircraft cannot be sent to a place")
        try:
            self._plan_look(target, terrain, rules)
            outcome = self._ask(FlightMode.HOLD, self._vehicle.pause, "second_look", FlightPhase.PAUSED)
            if not outcome:
                return outcome
            plan = self._plan_look(target, terrain, rules)
        except (LookRefused, NoTelemetry) as error:
            if self._wanted is FlightMode.HOLD:
                self.resume()
            return Outcome(Verdict.REFUSED, str(error))
        self._begin_look(plan, judge_at(plan.spot), rules, done)
        return Outcome(
            Verdict.ACCEPTED,
            f"leaving the lane for about {plan.seconds:.0f} s to look from {len(plan.views)} places; "
            f"{plan.overlap_m:.0f} m of the lane are flown again",
        )

    def _plan_look(self, target: LookTarget, terrain: Terrain, rules: LookRules) -> LookPlan:
        return plan_look(self._plan, self._sortie, self._vehicle.state(), target, terrain, rules)

    def _begin_look(
        self, plan: LookPlan, judge: LookJudge, rules: LookRules,
        done: Callable[[LookVerdict | None, LookJudge], None],
    ) -> None:  # fmt: skip
        look = SecondLook(
            self._vehicle, plan, judge, rules, self._clock, act=lambda request: self._act_in(look, request),
            resume=self._resume_from_look, say=self._say, pitch_deg=self._plan.camera.pitch_deg,
        )  # fmt: skip

        def run() -> None:
            try:
                done(look.run(), judge)
            except DroneError:
                log.exception("the second look broke")
                done(None, judge)
            finally:
                if self._look is look:
                    self._look = None

        self._look = look
        threading.Thread(target=run, name="second look", daemon=True).start()

    def _act_in(self, look: SecondLook, request: Callable[[], Outcome]) -> Outcome:
        """A request to the vehicle for a look, as long as nobody else has the aircraft."""
        with self._requesting:
            if self._look is not look or self._wanted is not FlightMode.HOLD:
                raise LookOver("something else was asked of the aircraft")
            state = self._vehicle.state()
            if state.mode not in (FlightMode.HOLD, FlightMode.GUIDED):
                raise LookOver(f"the aircraft went into mode {state.mode_name or state.mode.value}")
            return request()

    def _resume_from_look(self) -> Outcome:
        self._wanted = FlightMode.AUTO
        outcome = self._vehicle.resume()
        if outcome.verdict is Verdict.REFUSED:
            self._wanted = FlightMode.HOLD
        elif outcome:
            self._enter(FlightPhase.FLYING)
        return outcome

    def _refuse(self, what: str) -> Outcome:
        return Outcome(Verdict.REFUSED, f"nothing to {what}: the flight is in phase {self._phase.value}")

    def _call_off(self) -> Outcome:
        self._called_off = True
        self._say("called_off", "called off before take-off")
        return Outcome(Verdict.ACCEPTED, "the flight is called off before take-off")

    def _ends_early(self, outcome: Outcome, why: str) -> Outcome:
        if outcome.verdict is not Verdict.REFUSED and not self._complete:
            self._early = self._early or why
        return outcome

    def _ask(
        self, mode: FlightMode, request: Callable[[], Outcome], what: str, phase: FlightPhase
    ) -> Outcome:
        with self._requesting:
            before, self._wanted = self._wanted, mode
            try:
                outcome = request()
            except DroneError as error:
                outcome = Outcome(Verdict.UNKNOWN, str(error))
            if outcome.verdict is Verdict.REFUSED:
                self._wanted = before
            elif outcome and self._phase in IN_AIR:
                self._enter(phase)
            level: Level = "info" if outcome else "warning"
            why = f": {outcome.why}" if outcome.why else ""
            self._say(f"{what}_{outcome.verdict.value}", f"{what} {outcome.verdict.value}{why}", level)
            return outcome

    # the flight, in the caller's thread

    def run(self) -> FlightPhase:
        """Fly to the end; the answer is the final phase."""
        try:
            self._fly_all()
        except _Ended as end:
            self._end(end.phase, end.reason)
        except DroneError as error:
            self._end(FlightPhase.FAILED, str(error))
        except Exception:
            # the supervisor of a flight must end in a known phase, whatever broke
            log.exception("the patrol's supervisor broke")
            self._end(FlightPhase.FAILED, "the supervisor broke; the aircraft is left to its autopilot")
        return self._phase

    def _fly_all(self) -> None:
        if not self._sorties:
            raise _Ended(FlightPhase.FAILED, "the plan has no sortie for this aircraft")
        for number, sortie in enumerate(self._sorties, start=1):
            if number > 1 and not self._swap_battery(number):
                break
            self._early, self._complete, self._wanted = None, False, FlightMode.AUTO
            self._said.clear()
            self._sortie = sortie
            self._stop_if_late()
            self._preflight(sortie)
            self._upload(sortie)
            self._wait_for_start(sortie)
            self._take_off()
            self._watch()
            if self._early is not None:
                raise _Ended(FlightPhase.ABORTED, self._early)
            self._say("sortie_flown", f"sortie {number} of {len(self._sorties)} flown")
        self._end(FlightPhase.FINISHED, "")

    def _swap_battery(self, number: int) -> bool:
        left = len(self._sorties) - number + 1
        if isinstance(self._vehicle, SwapsBattery):
            outcome = self._vehicle.swap_battery()
        else:
            outcome = Outcome(Verdict.REFUSED, "this aircraft needs a person for a fresh battery")
        if outcome:
            self._say("battery_swapped", f"fresh battery for sortie {number}")
            return True
        self._reason = f"{left} of {len(self._sorties)} sorties not flown: {outcome.why}"
        self._say("sorties_left", self._reason, "warning")
        return False

    def _preflight(self, sortie: int) -> None:
        self._enter(FlightPhase.PREFLIGHT)
        until = self._clock.monotonic() + self._settings.preflight_s
        told: tuple[str, ...] = ()
        while True:
            self._stop_if_called_off()
            readiness = self._vehicle.readiness()
            if self._in_air():
                # after a restart of ours, or under a pilot: its mode may be a failsafe's
                raise _Ended(
                    FlightPhase.FAILED,
                    "the aircraft is in the air already and is left to whoever flies it; "
                    "launch again when it has landed",
                )
            if readiness.ready:
                break
            if readiness.reasons != told:
                told = readiness.reasons
                self._say("not_ready", "not ready yet: " + "; ".join(told))
            if self._clock.monotonic() > until:
                raise _Ended(FlightPhase.FAILED, "not ready to fly: " + "; ".join(told))
            self._clock.sleep(self._settings.poll_s)
        self._check_battery(sortie)

    def _check_battery(self, sortie: int) -> None:
        left = self._vehicle.state().battery_fraction
        needed = 1.0 - self._plan.sorties[sortie].reserve_fraction + self._settings.battery_margin
        if left is None and self._settings.battery_must_be_known:
            raise _Ended(
                FlightPhase.FAILED,
                "the aircraft does not tell how full its battery is; set up its battery monitor, or leave "
                "out --require-battery and look at the battery yourself",
            )
        if left is None:
            self._say_once(
                "battery_unknown",
                "the aircraft does not tell how full its battery is: nothing here watches it; this sortie "
                f"needs {min(needed, 0.95):.0%}, look yourself before it takes off",
            )
        elif left < min(needed, 0.95):
            raise _Ended(
                FlightPhase.FAILED,
                f"the battery holds {left:.0%}, this sortie needs {min(needed, 0.95):.0%}; charge or swap it",
            )

    def _upload(self, sortie: int) -> None:
        self._enter(FlightPhase.UPLOADING)
        outcome, begun = Outcome(Verdict.UNKNOWN), self._clock.monotonic()
        for _ in range(self._settings.upload_tries):
            self._stop_if_called_off()
            outcome = self._vehicle.upload(self._plan, sortie)
            self._say_outcome("upload", outcome)
            if outcome.verdict is not Verdict.UNKNOWN:
                break
        self._uploading_s = self._clock.monotonic() - begun
        if not outcome:
            raise _Ended(FlightPhase.FAILED, f"the plan is not on board: {outcome.why}")

    def _wait_for_start(self, sortie: int) -> None:
        """On the ground until the sortie's time; then the aircraft must still be ready."""
        self._departures.begin()
        if self._departures.seconds_left(sortie) <= 0:
            return
        self._enter(FlightPhase.WAITING)
        self._say("waiting", self._departures.notice(sortie))
        compared = not isinstance(self._vehicle, ReadsBack)
        while (left := self._departures.seconds_left(sortie)) > 0:
            self._stop_if_called_off()
            if not compared and left < self._uploading_s + self._settings.read_back_s:
                compared = self._compare()
                continue
            self._clock.sleep(min(left, self._settings.poll_s))
        while not (readiness := self._vehicle.readiness()).ready:
            self._stop_if_called_off()
            if self._departures.too_late(sortie):
                why = "; ".join(readiness.reasons)
                raise _Ended(FlightPhase.FAILED, f"not ready to fly at its take-off time: {why}")
            self._clock.sleep(self._settings.poll_s)
        self._check_battery(sortie)

    def _compare(self) -> bool:
        """What is on board must be the plan; reading it back takes about half as long as the upload did."""
        assert isinstance(self._vehicle, ReadsBack)
        outcome = self._vehicle.read_back()
        if outcome.verdict is Verdict.REFUSED:
            raise _Ended(FlightPhase.FAILED, f"the plan is not on board any more: {outcome.why}")
        return True

    def _take_off(self) -> None:
        outcome = Outcome(Verdict.UNKNOWN)
        for _ in range(self._settings.start_tries):
            # before arming: a vehicle that is armed and stays on the ground disarms by itself after 10 s
            self._point_camera()
            self._arm()
            self._enter(FlightPhase.TAKEOFF)
            outcome = self._vehicle.start()
            self._say_outcome("start", outcome)
            if outcome or self._in_air():
                break
        if outcome.verdict is Verdict.REFUSED and not self._in_air():
            raise _Ended(FlightPhase.FAILED, f"no take-off: {outcome.why}")
        if self._phase is FlightPhase.TAKEOFF and outcome:
            self._enter(FlightPhase.FLYING)

    def _point_camera(self) -> None:
        """Down before take-off: the mission sets it only after the climb, which would show the horizon."""
        if isinstance(self._vehicle, PointsCamera):
            outcome = self._vehicle.point_camera(self._plan.camera.pitch_deg)
            if not outcome:
                self._say("camera_not_pointed", f"the camera stays as it is: {outcome.why}", "warning")

    def _arm(self) -> None:
        self._enter(FlightPhase.ARMING)
        outcome = Outcome(Verdict.UNKNOWN)
        for number in range(self._settings.arm_tries):
            if number:
                # readiness bits are briefly true too early on real autopilots, and one may restart
                self._clock.sleep(self._settings.arm_again_s)
                self._wait_until_ready()
            self._stop_if_called_off()
            self._stop_if_late()
            outcome = self._vehicle.arm()
            self._say_outcome("arm", outcome)
            if outcome:
                self._stop_if_late()  # armed on the ground, it disarms by itself
                return
        raise _Ended(FlightPhase.FAILED, f"not armed: {outcome.why}")

    def _wait_until_ready(self) -> None:
        """As long as the preflight may take; what is missing then, arming will tell."""
        until = self._clock.monotonic() + self._settings.preflight_s
        while not self._vehicle.readiness().ready and self._clock.monotonic() < until:
            self._stop_if_called_off()
            self._stop_if_late()
            self._clock.sleep(self._settings.poll_s)

    def _in_air(self) -> bool:
        try:
            state = self._vehicle.state()
        except NoTelemetry:
            return False
        return state.armed and not state.landed

    def _watch(self) -> None:
        """Until the motors have stopped on the ground."""
        while True:
            self._clock.sleep(self._settings.poll_s)
            if not self._requesting.acquire(blocking=False):
                continue
            try:
                state = self._state()
                if state is None:
                    continue
                if not state.armed:
                    self._judge_end(state)
                    return
                self._judge(state)
            finally:
                self._requesting.release()

    def _state(self) -> VehicleState | None:
        """The state while the link lives; None, with the loss noted, while it does not."""
        try:
            state = self._vehicle.state()
        except NoTelemetry:
            state = None
        now = self._clock.monotonic()
        if state is not None and state.link_alive:
            if self._link_lost_at is not None:
                self._say("link_restored", f"link restored after {now - self._link_lost_at:.0f} s")
                self._link_lost_at = None
            return state
        if self._link_lost_at is None:
            self._link_lost_at = now
            self._say("link_lost", "link lost; the autopilot goes on by itself", "alarm")
        elif now - self._link_lost_at > self._settings.link_patience_s:
            raise _Ended(
                FlightPhase.FAILED, "the link did not come back; where the aircraft is now is unknown"
            )
        return None

    def _judge(self, state: VehicleState) -> None:
        self._judge_battery(state)
        mode = state.mode
        if mode is FlightMode.AUTO:
            self._judge_mission(state)
        elif mode is FlightMode.RETURN:
            self._judge_return(state)
            self._left_mission(state, FlightPhase.RETURNING, "is returning by itself; see its messages")
            self._judge_descent(state)
        elif mode is FlightMode.LAND:
            self._left_mission(state, FlightPhase.LANDING, "is landing by itself; see its messages")
        elif self._wanted is not FlightMode.HOLD:
            self._alarm(
                f"mode_{state.mode_name}",
                f"the aircraft left the mission for {state.mode_name or mode.value}: "
                "a pilot or another station may be flying it",
            )
            self._wanted = FlightMode.HOLD
            self._enter(FlightPhase.PAUSED)
        elif self._phase in (FlightPhase.TAKEOFF, FlightPhase.FLYING):
            self._enter(FlightPhase.PAUSED)

    def _judge_mission(self, state: VehicleState) -> None:
        if self._wanted is not FlightMode.AUTO:
            if self._wanted is FlightMode.HOLD:
                self._say("resumed_elsewhere", "the mission was resumed, but not by us", "warning")
            self._wanted = FlightMode.AUTO
        last = state.items is not None and (state.current_item or 0) >= state.items
        if last:
            self._complete = True
            self._early = None
            self._enter(FlightPhase.RETURNING, only_from=(FlightPhase.FLYING, FlightPhase.PAUSED))
            self._judge_descent(state)
        elif not state.landed:
            self._enter(FlightPhase.FLYING, only_from=(FlightPhase.TAKEOFF, FlightPhase.PAUSED))

    def _judge_return(self, state: VehicleState) -> None:
        """Some autopilots end a mission by returning in a mode of its own."""
        last = state.items is not None and (state.current_item or 0) >= state.items
        if last and self._wanted is FlightMode.AUTO:
            self._complete, self._early, self._wanted = True, None, FlightMode.RETURN

    def _judge_descent(self, state: VehicleState) -> None:
        home = state.home or self._plan.home
        away = distance_m(state.latitude, state.longitude, home[0], home[1])
        if self._phase is FlightPhase.RETURNING and away < NEAR_HOME_M and state.climb_m_s < -DESCENT_M_S:
            self._enter(FlightPhase.LANDING)

    def _left_mission(self, state: VehicleState, phase: FlightPhase, text: str) -> None:
        if self._wanted is not state.mode:
            self._wanted = state.mode
            if not self._complete:
                self._early = self._early or f"the aircraft {text}"
            self._alarm(f"mode_{state.mode.value}", f"the aircraft {text}")
        if self._phase is not FlightPhase.LANDING or phase is FlightPhase.LANDING:
            self._enter(phase)

    def _judge_battery(self, state: VehicleState) -> None:
        left = state.battery_fraction
        if left is not None and left < self._settings.low_battery_fraction:
            self._say_once("battery_low", f"battery at {left:.0%}")

    def _judge_end(self, state: VehicleState) -> None:
        if not state.landed and state.altitude_above_home_m > IN_THE_AIR_M:
            raise _Ended(FlightPhase.FAILED, "the motors stopped in the air")
        self._say("landed", "landed and disarmed")
        if not self._complete and self._early is None:
            self._early = "it landed before the end of the mission"

    # saying

    def _stop_if_called_off(self) -> None:
        if self._called_off:
            raise _Ended(FlightPhase.ABORTED, "called off before take-off")

    def _stop_if_late(self) -> None:
        why = self._departures.too_late(self._sortie)
        if why:
            raise _Ended(FlightPhase.FAILED, why)

    def _enter(self, phase: FlightPhase, only_from: tuple[FlightPhase, ...] | None = None) -> None:
        with self._lock:
            if phase is self._phase or self._phase in FINAL_PHASES:
                return
            if only_from is not None and self._phase not in only_from:
                return
            self._phase = phase
            self._say("phase", f"phase {phase.value}")

    def _end(self, phase: FlightPhase, reason: str) -> None:
        with self._lock:
            self._reason = reason or self._reason
            self._phase = phase
        level: Level = {FlightPhase.FAILED: "alarm", FlightPhase.ABORTED: "warning"}.get(phase, "info")  # type: ignore[assignment]
        text = f"phase {phase.value}" + (f": {self._reason}" if self._reason else "")
        self._say("phase", text, level)

    def _alarm(self, code: str, text: str) -> None:
        self._say(code, text, "alarm")

    def _say_outcome(self, what: str, outcome: Outcome) -> None:
        why = f": {outcome.why}" if outcome.why else ""
        level: Level = "info" if outcome else "warning"
        self._say(f"{what}_{outcome.verdict.value}", f"{what} {outcome.verdict.value}{why}", level)

    def _say_once(self, code: str, text: str) -> None:
        """A warning, once in a sortie."""
        if code not in self._said:
            self._said.add(code)
            self._say(code, text, "warning")

    def _say(self, code: str, text: str, level: Level = "info") -> None:
        entry = FlightLogEntry(
            at=self._clock.now(), level=level, code=code.lower(), text=text, phase=self._phase
        )
        self._on_event(entry)
