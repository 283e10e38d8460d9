"""Making and keeping plans."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy.orm import Session

from missions.cameras import load_cameras
from missions.errors import PlanImpossible
from missions.plan import PatrolPlan
from missions.planner import PlanRequest, plan_patrol
from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.errors import Invalid, PlanNotFlyable, PlanRefused
from server.flights.models import Plan
from server.flights.schemas import PlanRequestIn

_PLANNERS = threading.BoundedSemaphore(2)


def make_plan(context: Context, request: PlanRequestIn) -> PatrolPlan:
    """Plan a patrol; takes seconds, so call it outside the event loop and without a session.

    Raises:
        Invalid: the request makes no sense.
        PlanRefused: no patrol can be planned from it.
    """
    cameras = load_cameras(context.settings.cameras_file)
    wanted = request.model_dump(exclude={"agent"}, exclude_none=True)
    try:
        with _PLANNERS:
            return plan_patrol(PlanRequest.model_validate(wanted), context.sites.site, cameras)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{where}: {first['msg']}; correct it") from error
    except PlanImpossible as error:
        finding = {"code": type(error).__name__, "severity": "error", "text": str(error)}
        raise PlanRefused(str(error), findings=[finding]) from error


def save_plan(
    context: Context, session: Session, caller: Caller, request: PlanRequestIn, plan: PatrolPlan
) -> Plan:
    row = Plan(
        name=plan.name[:128], created_at=context.now(), created_by=caller.username, agent=request.agent,
        plan=plan.model_dump(mode="json"),
    )  # fmt: skip
    session.add(row)
    session.flush()
    record(session, context.now(), caller.username, "plan.made", str(row.id), name=row.name)
    return row


def check_flyable(plan: Plan) -> None:
    findings: Sequence[dict[str, object]] = plan.plan.get("findings", [])
    errors = [finding for finding in findings if finding.get("severity") == "error"]
    if errors:
        raise PlanNotFlyable(findings=errors)
