"""What a second look is to look at."""

from __future__ import annotations

from sqlalchemy.orm import Session

from missions.messages import SightingKind
from missions.second_look import LookTarget
from server.errors import NotFound
from server.flights.schemas import SecondLookIn
from server.sightings import repository as sightings


def target_of(session: Session, body: SecondLookIn) -> LookTarget:
    """A place as it was asked for, or where a sighting was placed.

    Raises:
        NotFound: there is no such sighting, or it could not be placed.
    """
    if body.sighting_id is None:
        assert body.latitude is not None
        assert body.longitude is not None
        return LookTarget(
            latitude=body.latitude, longitude=body.longitude, altitude_amsl_m=body.altitude_amsl_m
        )
    sighting = sightings.sighting(session, body.sighting_id)
    if sighting is None:
        raise NotFound("there is no such sighting; reload the list")
    if sighting.latitude is None or sighting.longitude is None:
        raise NotFound("this sighting could not be placed; name latitude and longitude to look at")
    return LookTarget(
        latitude=sighting.latitude, longitude=sighting.longitude, altitude_amsl_m=sighting.altitude_amsl_m,
        kind=SightingKind(sighting.kind), sighting_id=sighting.id,
    )  # fmt: skip
