"""HTTP: sightings, for people."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query

from server.access.guard import Anyone
from server.context import Reading
from server.errors import NotFound
from server.sightings import repository
from server.sightings.schemas import SightingOut, SightingPage
from server.sightings.views import sightings_out

router = APIRouter(tags=["sightings"])


@router.get("/sightings")
def list_sightings(
    _caller: Anyone,
    session: Reading,
    flight_id: UUID | None = None,
    ticket_id: UUID | None = None,
    limit: int = Query(200, ge=1, le=1000),
) -> SightingPage:
    """Sightings, newest first; also those that could not be placed."""
    found = repository.sightings(session, flight_id=flight_id, ticket_id=ticket_id, limit=limit)
    return SightingPage(items=sightings_out(session, found))


@router.get("/sightings/{sighting_id}")
def get_sighting(sighting_id: UUID, _caller: Anyone, session: Reading) -> SightingOut:
    """One sighting."""
    sighting = repository.sighting(session, sighting_id)
    if sighting is None:
        raise NotFound("there is no such sighting")
    return sightings_out(session, [sighting])[0]
