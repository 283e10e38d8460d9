"""HTTP: plans and flights, for people."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse

from missions.messages import RequestKind
from missions.plan import PatrolPlan
from server.access.guard import Anyone, Flier
from server.context import Context, Ctx, Reading, Writing
from server.errors import NotFound
from server.flights import pictures, planning, repository, review, service, targets, views
from server.flights.models import Flight, Plan
from server.flights.schemas import (
    ComparisonOut,
    ExpectedIn,
    FlightIn,
    FlightList,
    FlightOut,
    FlownOut,
    KeptPictureOut,
    KeptPictures,
    LogList,
    LogOut,
    PlanList,
    PlanOut,
    PlanRequestIn,
    SecondLookIn,
)

router = APIRouter(tags=["flights"])


def _plan_out(row: Plan) -> PlanOut:
    return PlanOut(
        id=row.id, created_at=row.created_at, created_by=row.created_by, agent=row.agent,
        plan=PatrolPlan.model_validate(row.plan),
    )  # fmt: skip


@router.post("/plans", status_code=201)
def make_plan(body: PlanRequestIn, caller: Flier, context: Ctx) -> PlanOut:
    """Plan a patrol. Runs outside the event loop; nothing is locked while it plans."""
    plan = planning.make_plan(context, body)
    with context.database.write() as session:
        return _plan_out(planning.save_plan(context, session, caller, body, plan))


@router.get("/plans")
def list_plans(_caller: Anyone, session: Reading, limit: int = Query(50, ge=1, le=200)) -> PlanList:
    """Plans, newest first."""
    return PlanList(items=[_plan_out(row) for row in repository.plans(session, limit)])


@router.get("/plans/{plan_id}")
def get_plan(plan_id: UUID, _caller: Anyone, session: Reading) -> PlanOut:
    """One plan."""
    row = repository.plan(session, plan_id)
    if row is None:
        raise NotFound("there is no such plan; reload the list")
    return _plan_out(row)


@router.post("/flights", status_code=201)
def prepare_flight(body: FlightIn, caller: Flier, session: Writing, context: Ctx) -> FlightOut:
    """First step: prepare a flight. Nothing takes off yet."""
    flight = service.prepare(context, session, caller, body.plan_id, body.agent, body.plan_aircraft)
    return views.flight_out(session, flight)


@router.post("/flights/{flight_id}/launch", status_code=202)
def launch_flight(flight_id: UUID, caller: Flier, session: Writing, context: Ctx) -> FlightOut:
    """Second step: ask the agent to fly."""
    return views.flight_out(session, service.launch(context, session, caller, flight_id))


def _asking(kind: RequestKind) -> Any:
    def ask(flight_id: UUID, caller: Flier, session: Writing, context: Ctx) -> FlightOut:
        return views.flight_out(session, service.ask(context, session, caller, flight_id, kind))

    ask.__doc__ = f"Ask the agent: {kind.value}."
    return ask


for _kind in (RequestKind.PAUSE, RequestKind.RESUME, RequestKind.RETURN, RequestKind.LAND):
    router.add_api_route(
        f"/flights/{{flight_id}}/{_kind.value}", _asking(_kind), methods=["POST"], status_code=202,
        response_model=FlightOut, name=f"{_kind.value}_flight",
    )  # fmt: skip


@router.post("/flights/{flight_id}/second_look", status_code=202)
def look_again(
    flight_id: UUID, body: SecondLookIn, caller: Flier, session: Writing, context: Ctx
) -> FlightOut:
    """Ask the agent to leave its lane and look at a sighting or a place again."""
    target = targets.target_of(session, body)
    return views.flight_out(session, service.look_again(context, session, caller, flight_id, target))


@router.get("/flights")
def list_flights(
    _caller: Anyone, session: Reading, active: bool | None = None, limit: int = Query(100, ge=1, le=500)
) -> FlightList:
    """Flights, newest first."""
    return FlightList(
        items=views.flights_out(session, repository.flights(session, active=active, limit=limit))
    )


def _found(flight_id: UUID, _caller: Anyone, session: Reading) -> Flight:
    flight = repository.flight(session, flight_id)
    if flight is None:
        raise NotFound("there is no such flight; reload the list")
    return flight


Found = Annotated[Flight, Depends(_found)]


@router.get("/flights/{flight_id}")
def get_flight(flight: Found, session: Reading) -> FlightOut:
    """One flight."""
    return views.flight_out(session, flight)


@router.get("/flights/{flight_id}/track")
def get_track(flight: Found, session: Reading) -> dict[str, Any]:
    """Where the aircraft was: a GeoJSON LineString with the times in its properties."""
    points = repository.track(session, flight.id)
    return {
        "type": "Feature",
        "geometry": {
            "type": "LineString",
            "coordinates": [[p.longitude, p.latitude, p.altitude_amsl_m] for p in points],
        },
        "properties": {"flight_id": str(flight.id), "times": [p.at.isoformat() for p in points]},
    }


@router.get("/flights/{flight_id}/flown")
def get_flown(flight: Found, session: Reading) -> FlownOut:
    """How the aircraft flew, second by second."""
    return review.flown(session, flight.id)


@router.get("/flights/{flight_id}/pictures")
def list_pictures(flight: Found, session: Reading) -> KeptPictures:
    """The live pictures that were kept, in the order of time."""
    return KeptPictures(
        items=[
            KeptPictureOut(at=one.at, name=pictures.milliseconds(one.at), boxes=one.boxes)
            for one in repository.pictures(session, flight.id)
        ]
    )


@router.get("/flights/{flight_id}/pictures/{name}.jpg", response_class=FileResponse)
def get_picture(flight: Found, name: int, context: Ctx) -> FileResponse:
    """A kept picture, redacted by the agent."""
    path = pictures.path_of(context, flight.id, name)
    if not path.is_file():
        raise NotFound("this picture is not kept any more")
    return FileResponse(
        path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400, immutable"}
    )


@router.post("/flights/{flight_id}/comparison")
def compare_flight(flight: Found, body: ExpectedIn, session: Reading) -> ComparisonOut:
    """The flight's tickets against what a tester expects; changes nothing."""
    return review.comparison(session, flight.id, body)


@router.get("/flights/{flight_id}/log")
def get_log(
    flight: Found,
    session: Reading,
    after: int = Query(-1, ge=-1),
    limit: int = Query(1000, ge=1, le=5000),
) -> LogList:
    """The flight's log in its order."""
    entries = repository.log(session, flight.id, after, limit)
    return LogList(items=[LogOut.model_validate(entry, from_attributes=True) for entry in entries])


@router.get("/flights/{flight_id}/frame.jpg", response_class=Response)
def get_frame(flight: Found, context: Ctx) -> Response:
    """The newest live picture."""
    return _picture(context, flight.id)


def _picture(context: Context, flight_id: UUID) -> Response:
    picture = context.pictures.latest(flight_id)
    if picture is None:
        raise NotFound("no picture of this flight has arrived yet")
    captured = picture.header.captured_at.isoformat()
    return Response(
        picture.jpeg,
        media_type="image/jpeg",
        headers={"Cache-Control": "no-store", "X-Captured-At": captured},
    )
