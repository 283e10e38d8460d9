"""What is planted in the town: the truth that a patrol is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from missions.messages import SightingKind
else:
    try:
        from missions.messages import SightingKind
    except ImportError:  # machines that only render training pictures do without pydantic

        class SightingKind(StrEnum):
            FIRE = "fire"
            SMOKE = "smoke"
            ILLEGAL_PARKING = "illegal_parking"
            GATHERING = "gathering"
            DISPUTE = "dispute"


__all__ = ["PlantedEvent", "SightingKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedEvent:
    """One event of the timetable.

    east, north: metres in the town's frame, of the base point on the ground. start_s, end_s: seconds of the
    town's hour. people: how many take part. height_m: of the base point above the ground. vehicle_id: the
    truth id of the car
    that stands illegally.
    """

    id: str
    kind: SightingKind
    east: float
    north: float
    latitude: float
    longitude: float
    cell: str
    start_s: float
    end_s: float
    people: int = 0
    height_m: float = 0.0
    vehicle_id: int | None = None
    note: str = ""

    def active(self, time_s: float) -> bool:
        return self.start_s <= time_s < self.end_s
