"""What travels over HTTP about cameras, aircraft and agents."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from missions.messages import TelemetryMessage
from missions.second_look import FleetRequest
from server.access.schemas import Input


class CameraOut(BaseModel):
    name: str
    width_px: int
    height_px: int
    horizontal_fov_deg: float
    pitch_deg: float
    altitude_agl_m: float
    speed_m_s: float


class AircraftOut(BaseModel):
    agent: str
    name: str
    vehicle: str
    camera: dict[str, Any] | None
    home: list[float] | None
    online: bool
    seen_at: datetime | None
    flight_id: UUID | None
    telemetry: TelemetryMessage | None


class AgentIn(Input):
    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")


class AgentTokenOut(BaseModel):
    """The token is shown this once."""

    name: str
    token: str


class HelloOut(BaseModel):
    server_time: datetime
    zones: dict[str, Any]


class RequestsOut(BaseModel):
    requests: list[FleetRequest]
