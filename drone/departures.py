"""When an aircraft of a plan may take off, so that it stays clear of the plan's other aircraft."""

from __future__ import annotations

from datetime import datetime

from drone.errors import DroneError
from missions.clock import Clock
from missions.plan import PatrolPlan
from missions.timetable import CLOCK_SLACK_S


class LaunchMomentInvalid(DroneError):
    """The common launch moment cannot be used."""


def launch_moment(text: str | None, plan: PatrolPlan, aircraft: int, now: datetime) -> datetime | None:
    """The plan's common launch moment as a person wrote it: a time of today, or a date and time (ISO 8601).

    Args:
        aircraft: which aircraft of the plan is to fly, from 0.
        now: aware, in the time zone that a time without one is meant in.

    Raises:
        LaunchMomentInvalid: it cannot be read, is missing, or is too long ago for this aircraft's take-off.
    """
    if aircraft not in plan.aircraft:
        raise LaunchMomentInvalid(
            f"the plan has no aircraft {aircraft + 1}; choose one of "
            + ", ".join(str(number + 1) for number in plan.aircraft)
        )
    if text is None:
        if plan.keeps_times:
            raise LaunchMomentInvalid(
                "the aircraft of this plan stay apart only if each takes off at its time: give all of them "
                "the same --start-at, e.g. --start-at 14:05"
            )
        return None
    moment = _read(text, now)
    first = next(sortie for sortie in plan.sorties if sortie.aircraft == aircraft)
    late = (now - moment).total_seconds() - first.start_s
    if late > 0:
        raise LaunchMomentInvalid(
            f"the take-off time of aircraft {aircraft + 1} passed {late:.0f} s ago: "
            "give all aircraft a later --start-at"
        )
    return moment


def _read(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(f"{now:%Y-%m-%d}T{text}" if "T" not in text else text)
    except ValueError:
        raise LaunchMomentInvalid(
            f"--start-at {text!r} is no time: write 14:05, 14:05:30 or 2026-05-01T14:05:00+08:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


class Departures:
    """Take-off times of a plan on one clock.

    Times bind where aircraft share the air: the plan is for several, or a common launch moment was given.

    Args:
        launched_s: the plan's common launch moment, in seconds of ``clock.monotonic()``. None: the moment
            at which ``begin`` is called first, when this aircraft could take off.
    """

    def __init__(self, plan: PatrolPlan, clock: Clock, launched_s: float | None = None) -> None:
        self._plan, self._clock, self._launched_s = plan, clock, launched_s
        self.bind = plan.keeps_times or launched_s is not None

    def begin(self) -> None:
        """The first sortie is ready on the ground."""
        if self._launched_s is None:
            self._launched_s = self._clock.monotonic()

    def seconds_left(self, sortie: int) -> float:
        """Seconds until a sortie takes off; negative once its time has passed, 0 where no times bind."""
        if not self.bind or self._launched_s is None:
            return 0.0
        return self._launched_s + self._plan.sorties[sortie].start_s - self._clock.monotonic()

    def too_late(self, sortie: int) -> str:
        """Why a sortie must not take off any more, in a sentence; empty while it may."""
        late = -self.seconds_left(sortie)
        if late <= CLOCK_SLACK_S:
            return ""
        return (
            f"its take-off time passed {late:.0f} s ago, and the paths of the plan's other aircraft may "
            "cross: let them land, then launch again"
        )

    def notice(self, sortie: int) -> str:
        """What a person is told while a sortie waits."""
        delay = self._plan.sorties[sortie].start_s
        return (
            f"waits {self.seconds_left(sortie):.0f} s for its take-off time, {delay:.0f} s after the plan's "
            "common launch moment; return or land calls it off"
        )
