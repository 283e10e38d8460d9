"""The act of a second look: out of the lane, to its places, camera on the spot, and back with overlap.

It asks the vehicle only through ``act``, which refuses as soon as anybody else (a person, a failsafe, a
pilot) has the aircraft: then the look is over and nothing more is asked.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Literal

from drone.errors import DroneError, NoTelemetry
from drone.look_verdict import LookJudge, LookVerdict
from drone.vantage import LookPlan, LookRules, Stand
from drone.vehicle import LooksAgain, Outcome, Vehicle
from missions.clock import Clock
from missions.geodesy import distance_m

ARRIVED_M = 3.0
STILL_M_S = 1.0
SLOWEST_M_S = 1.0
PATIENCE_S = 30.0
"""To reach a place, beyond the time that a slow flight takes."""
POLL_S = 0.2

Say = Callable[[str, str, Literal["info", "warning"]], None]


class LookOver(DroneError):
    """The second look ended: the aircraft was asked for something else, or does it by itself."""


class _Missed(DroneError):
    """Something that the look needs was refused or did not happen."""


class SecondLook:
    """One second look of a vehicle that holds.

    Args:
        act: runs a request to the vehicle; raises ``LookOver`` when the look is over.
        resume: puts the mission on again.
        say: code, text and level for the flight's log.
        pitch_deg: of the camera on lanes.
    """

    def __init__(
        self, vehicle: Vehicle, plan: LookPlan, judge: LookJudge, rules: LookRules, clock: Clock, *,
        act: Callable[[Callable[[], Outcome]], Outcome], resume: Callable[[], Outcome], say: Say,
        pitch_deg: float,
    ) -> None:  # fmt: skip
        assert isinstance(vehicle, LooksAgain)
        self.judge = judge
        self.plan = plan
        self._vehicle, self._pilot, self._rules, self._clock = vehicle, vehicle, rules, clock
        self._act, self._resume, self._say, self._pitch_deg = act, resume, say, pitch_deg
        self._shortened = threading.Event()

    def cut_short(self) -> None:
        """Go back to the lane now."""
        self._shortened.set()

    def run(self) -> LookVerdict | None:
        """Look and come back; None when the look was broken off."""
        try:
            try:
                self._look()
            except _Missed as error:
                self._say("second_look_missed", f"the second look is given up: {error}", "warning")
            verdict = self.judge.verdict()
            self._say(f"second_look_{verdict.value}", self.judge.reason().text, "info")
            self._go_back()
            return verdict
        except LookOver as over:
            self._say("second_look_over", f"the second look is broken off: {over}", "warning")
            return None
        finally:
            self.judge.end_view()

    def _look(self) -> None:
        spot = self.plan.spot
        for number, stand in enumerate(self.plan.views, start=1):
            if self._shortened.is_set():
                return
            self._fly_to(stand)
            # again at each place: some vehicles forget the spot when they are sent on
            self._need(self._act(lambda: self._pilot.look_at(*spot[:2], self.plan.above_home_m)))
            self._arrive(stand)
            self._say("second_look_on_spot", f"looking from place {number} of {len(self.plan.views)}", "info")
            self.judge.begin_view()
            self._dwell()
            self.judge.end_view()
            if self.judge.verdict() is LookVerdict.CONFIRMED:
                return

    def _dwell(self) -> None:
        until = self._clock.monotonic() + self._rules.seconds_per_view
        while self._clock.monotonic() < until and not self._shortened.is_set():
            if self.judge.verdict() is LookVerdict.CONFIRMED:
                return
            self._act(lambda: Outcome.ok())
            self._clock.sleep(POLL_S)

    def _go_back(self) -> None:
        """Camera as on the lane, to the place where the lane is taken up again, and on with the mission."""
        pointed = self._act(lambda: self._pilot.look_ahead(self._pitch_deg))
        if not pointed:
            self._say("camera_not_pointed", f"the camera stays as it is: {pointed.why}", "warning")
        overlap = f"{self.plan.overlap_m:.0f} m of the lane are flown again"
        try:
            self._fly_to(self.plan.rejoin)
            self._arrive(self.plan.rejoin)
        except _Missed as error:
            overlap = f"without coming back to the lane where it was left ({error})"
        outcome = self._act(self._resume)
        if outcome:
            self._say("second_look_ended", f"back to the mission: {overlap}", "info")
        else:
            self._say(
                "second_look_stuck",
                f"the mission did not go on: {outcome.why}; resume it, or let the aircraft return",
                "warning",
            )

    def _fly_to(self, stand: Stand) -> None:
        self._need(
            self._act(
                lambda: self._pilot.go_to(
                    stand.latitude, stand.longitude, stand.height_m, heading_deg=stand.heading_deg,
                    speed_m_s=self._rules.speed_m_s,
                )
            )
        )  # fmt: skip

    def _need(self, outcome: Outcome) -> None:
        if not outcome:
            raise _Missed(outcome.why or outcome.verdict.value)

    def _arrive(self, stand: Stand) -> None:
        """Until it stands at the place; the patience follows from the distance."""
        begun, patience = self._clock.monotonic(), None
        while True:
            self._act(lambda: Outcome.ok())
            away, speed = self._away(stand)
            if away <= ARRIVED_M and speed <= STILL_M_S:
                return
            if patience is None and math.isfinite(away):
                patience = PATIENCE_S + away / SLOWEST_M_S
            if self._clock.monotonic() - begun > (patience or PATIENCE_S):
                raise _Missed(f"the aircraft is still {away:.0f} m from the place that it was sent to")
            self._clock.sleep(POLL_S)

    def _away(self, stand: Stand) -> tuple[float, float]:
        """Distance to a place in metres, and speed."""
        try:
            state = self._vehicle.state()
        except NoTelemetry:
            return math.inf, math.inf
        flat = distance_m(state.latitude, state.longitude, stand.latitude, stand.longitude)
        up = state.altitude_above_home_m - stand.height_m
        return math.hypot(flat, up), math.hypot(state.ground_speed_m_s, state.climb_m_s)
