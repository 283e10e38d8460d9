"""HTTP: cameras and aircraft, for people."""

from __future__ import annotations

from fastapi import APIRouter

from missions.cameras import load_cameras
from server.access.guard import Administrator, Anyone
from server.context import Ctx, Reading, Writing
from server.fleet import repository, service
from server.fleet.schemas import AgentIn, AgentTokenOut, AircraftOut, CameraOut

router = APIRouter(tags=["fleet"])


@router.get("/cameras")
def list_cameras(_caller: Anyone, context: Ctx) -> list[CameraOut]:
    """Cameras that a patrol can be planned for, with their defaults."""
    cameras = load_cameras(context.settings.cameras_file).values()
    return [CameraOut.model_validate(camera, from_attributes=True) for camera in cameras]


@router.get("/aircraft")
def list_aircraft(_caller: Anyone, session: Reading, context: Ctx) -> list[AircraftOut]:
    """Aircraft with their newest telemetry."""
    return [service.aircraft_out(context, session, agent) for agent in repository.agents(session)]


@router.post("/agents", status_code=201)
def add_agent(body: AgentIn, caller: Administrator, session: Writing, context: Ctx) -> AgentTokenOut:
    """Enter an agent; its token is shown this once."""
    token = service.add_agent(context, session, body.name, caller.username)
    return AgentTokenOut(name=body.name, token=token)
