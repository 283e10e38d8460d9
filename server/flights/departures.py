"""The common launch moment of a plan whose aircraft keep take-off times."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from missions.plan import PatrolPlan
from server.context import Context
from server.errors import FlightNotReady, Invalid, TakeOffMissed
from server.flights import repository
from server.flights.models import Flight, Plan


def check_aircraft(plan: Plan, number: int) -> None:
    """Raises:
    Invalid: the plan has no sortie for this aircraft.
    """
    flying = PatrolPlan.model_validate(plan.plan).aircraft
    if number not in flying:
        known = ", ".join(str(one) for one in flying)
        raise Invalid(f"plan_aircraft: the plan has nothing to fly for {number}; choose one of {known}")


def launch_moment(context: Context, session: Session, flight: Flight, plan: Plan) -> datetime | None:
    """The moment from which the take-off delays count; all flights of the plan under way share it.

    Returns:
        None where no times need to be kept.

    Raises:
        FlightNotReady: the same aircraft of the plan is under way.
        TakeOffMissed: this one's take-off time has passed.
    """
    route = PatrolPlan.model_validate(plan.plan)
    if not route.keeps_times:
        return None
    others = repository.under_way_of_plan(session, plan.id)
    twin = next((one for one in others if one.plan_aircraft == flight.plan_aircraft), None)
    if twin is not None:
        raise FlightNotReady(
            f"aircraft {flight.plan_aircraft + 1} of this plan is under way already; "
            "prepare the flight of another one"
        )
    moments = [one.departs_at for one in others if one.departs_at is not None]
    if not moments:
        return context.now() + timedelta(seconds=context.settings.launch_lead_seconds)
    late = (context.now() - moments[0]).total_seconds() - first_delay_s(route, flight.plan_aircraft)
    if late > 0:
        raise TakeOffMissed(
            f"the take-off time of aircraft {flight.plan_aircraft + 1} passed {late:.0f} s ago; "
            "let the plan's other aircraft land, then launch them together"
        )
    return moments[0]


def first_delay_s(plan: PatrolPlan, number: int) -> float:
    """Seconds from the common launch moment to the first take-off of an aircraft of the plan."""
    return next((sortie.start_s for sortie in plan.sorties if sortie.aircraft == number), 0.0)
