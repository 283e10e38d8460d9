"""A request to look at one place again: it travels from the server to the agent like the other requests."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from missions.messages import AgentRequest, Latitude, Longitude, Message, SightingKind

SECOND_LOOK: Literal["second_look"] = "second_look"


class LookTarget(Message):
    """The place to look at, and what was seen there.

    ``altitude_amsl_m`` None means the ground as the terrain tells it. Without ``sighting_id`` and ``kind``
    the aircraft only shows the place; nothing is confirmed or retracted.
    """

    latitude: Latitude
    longitude: Longitude
    altitude_amsl_m: float | None = Field(default=None, ge=-1000, le=20000)
    kind: SightingKind | None = None
    sighting_id: UUID | None = None


class SecondLookRequest(Message):
    """Leave the lane, look at the place, come back to the lane. Answered once with an ``AgentAnswer``."""

    schema_version: Literal[1] = 1
    request_id: UUID
    kind: Literal["second_look"] = SECOND_LOOK
    flight_id: UUID
    issued_at: AwareDatetime
    issued_by: str
    target: LookTarget


FleetRequest = AgentRequest | SecondLookRequest
"""Whatever the server may ask of an agent; ``kind`` tells them apart."""
