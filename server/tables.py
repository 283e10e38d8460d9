"""Every table, imported in one place so that migrations see them all."""

from __future__ import annotations

from server.access import models as access
from server.bookings import models as bookings
from server.db import Base
from server.evidence import models as evidence
from server.fleet import models as fleet
from server.flights import models as flights
from server.grids import models as grids
from server.seen import models as seen
from server.sightings import models as sightings
from server.tickets import models as tickets

METADATA = Base.metadata

__all__ = [
    "METADATA",
    "access",
    "bookings",
    "evidence",
    "fleet",
    "flights",
    "grids",
    "seen",
    "sightings",
    "tickets",
]
