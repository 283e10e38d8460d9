"""HTTP: what agents send and fetch."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from missions.messages import (
    AgentAnswer,
    AgentHello,
    FlightLogMessage,
    FrameMessage,
    SightingMessage,
    SightingReceipt,
    TelemetryMessage,
)
from missions.second_look import FleetRequest
from server.access.guard import Agent, AgentCaller
from server.context import Context, Ctx, Writing
from server.errors import AgentMismatch, Invalid
from server.evidence.service import EvidenceReceipt, take_file
from server.fleet import service
from server.fleet.schemas import HelloOut, RequestsOut
from server.flights import following, pictures
from server.flights import repository as flight_rows
from server.flights import service as flights
from server.live import Picture
from server.sightings import service as sightings

router = APIRouter(prefix="/agent", tags=["agent"])
MAX_PICTURE_BYTES = 3 * 2**20
JPEG_START = b"\xff\xd8\xff"


@router.post("/hello")
def hello(body: AgentHello, caller: Agent, session: Writing, context: Ctx) -> HelloOut:
    """An agent starts, or says that it is still there."""
    service.hello(context, session, caller, body)
    return HelloOut(server_time=context.now(), zones=context.sites.zones)


@router.get("/requests")
async def requests(
    request: Request, caller: Agent, context: Ctx, wait_s: float = Query(20.0, ge=0, le=60)
) -> RequestsOut:
    """Wait for requests. Unanswered ones come again every two seconds until they are answered."""
    await run_in_threadpool(service.heard, context, caller)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    with context.hub.bell(caller.id) as bell:
        while True:
            bell.clear()
            found = await run_in_threadpool(_hand_out, context, caller.id)
            left = deadline - loop.time()
            if found or left <= 0 or context.hub.closing or await request.is_disconnected():
                return RequestsOut(requests=found)
            try:
                await asyncio.wait_for(bell.wait(), min(left, flights.REPEAT_SECONDS))
            except TimeoutError:
                continue


def _hand_out(context: Context, agent_id: UUID) -> list[FleetRequest]:
    with context.database.read() as session:
        if not flight_rows.pending_requests(session, agent_id):
            return []
    with context.database.write() as session:
        return flights.hand_out(context, session, agent_id)


@router.post("/answers", status_code=204)
def answers(body: AgentAnswer, caller: Agent, session: Writing, context: Ctx) -> None:
    """What became of a request."""
    flights.take_answer(context, session, caller.id, caller.name, body)


@router.post("/telemetry", status_code=204)
def telemetry(body: TelemetryMessage, caller: Agent, context: Ctx) -> None:
    """State of the aircraft: shown at once, its track kept about once a second."""
    due = context.board.due(caller.id, body, following.TRACK_SECONDS)
    if due:
        with context.database.write() as session:
            name = service.check_name(context, session, caller, body.agent)
            if body.flight_id is not None:
                following.take_telemetry(context, session, caller.id, name, body)
    elif body.agent != caller.name:
        raise AgentMismatch
    service.heard(context, caller)
    context.board.heard(caller.id, context.now(), body)
    if due:
        context.board.note_stored(caller.id, body)
    context.hub.publish("telemetry", body, replaces=f"telemetry {body.agent}")


@router.post(
    "/frames",
    status_code=204,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["header", "picture"],
                        "properties": {
                            "header": {"type": "string", "description": "FrameMessage as JSON"},
                            "picture": {"type": "string", "format": "binary", "description": "JPEG"},
                        },
                    }
                }
            },
        }
    },
)
async def frames(request: Request, caller: Agent, context: Ctx) -> None:
    """A live picture (redacted JPEG) with its header; the newest is shown, one every few seconds is kept."""
    async with request.form(max_files=2, max_fields=2, max_part_size=MAX_PICTURE_BYTES) as form:
        header, jpeg = await _part(form.get("header")), await _part(form.get("picture"))
    try:
        message = FrameMessage.model_validate_json(header)
    except ValidationError as error:
        raise Invalid(f"the header is no frame message: {error.errors()[0]['msg']}") from error
    if not jpeg.startswith(JPEG_START):
        raise Invalid("the picture is no JPEG; send one")
    await run_in_threadpool(_check_frame, context, caller, message)
    if message.flight_id is not None:
        context.pictures.show(message.flight_id, Picture(message, jpeg))
        await run_in_threadpool(pictures.keep, context, message, jpeg)


async def _part(part: UploadFile | str | None) -> bytes:
    """Bytes of a part, sent as a field or as a file."""
    if part is None:
        raise Invalid("send the parts 'header' (JSON) and 'picture' (JPEG) as multipart/form-data")
    return part.encode() if isinstance(part, str) else await part.read()


def _check_frame(context: Context, caller: AgentCaller, message: FrameMessage) -> None:
    if message.agent == caller.name and context.board.knows_flight(caller.id, message.flight_id):
        return
    with context.database.write() as session:
        name = service.check_name(context, session, caller, message.agent)
        if message.flight_id is not None:
            following.reported_flight(context, session, message.flight_id, caller.id, name)
    context.board.learn_flight(caller.id, message.flight_id)


@router.post("/log", status_code=204)
def log(body: FlightLogMessage, caller: Agent, session: Writing, context: Ctx) -> None:
    """Entries of a flight's log."""
    following.take_log(context, session, caller.id, caller.name, body)


@router.post("/sightings")
def sighting(body: SightingMessage, caller: Agent, session: Writing, context: Ctx) -> SightingReceipt:
    """A sighting, or a newer revision of one."""
    return sightings.receive(context, session, caller.id, caller.name, body)


@router.put("/evidence/{sha256}")
async def evidence(sha256: str, request: Request, caller: Agent, context: Ctx) -> EvidenceReceipt:
    """The bytes of a piece of evidence, named by their SHA-256."""
    return await take_file(context, caller.id, sha256, request)
