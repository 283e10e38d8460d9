"""A patrol plan: what to fly, with its proof and its cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from missions.messages import Latitude, Longitude

Ring = list[tuple[Longitude, Latitude]]


class PlanPart(BaseModel):
    """Frozen, strict about fields, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WaypointRole(StrEnum):
    """Why the aircraft goes there."""

    TAKEOFF = "takeoff"
    TRANSIT = "transit"
    LANE_START = "lane_start"
    LANE_END = "lane_end"
    RETURN = "return"


class Waypoint(PlanPart):
    """A place to fly through. ``altitude_above_home_m`` is what the autopilot gets (frame relative)."""

    role: WaypointRole
    latitude: Latitude
    longitude: Longitude
    altitude_above_home_m: float
    altitude_amsl_m: float
    altitude_agl_m: float
    speed_m_s: float = Field(gt=0)
    lane: int | None = None


class Sortie(PlanPart):
    """One flight on one battery: take-off to landing.

    Time and energy are those in the expected wind; ``reserve_fraction`` is what is left of the battery if it
    blows at 8 m/s from the worst direction.
    """

    aircraft: int = 0
    start_s: float = Field(default=0.0, ge=0, description="take-off after the first one of the plan")
    waypoints: list[Waypoint]
    length_m: float
    seconds: float
    energy_wh: float
    reserve_fraction: float


class PlanCamera(PlanPart):
    """The camera that the lanes were spaced for; ``pitch_deg`` is held by the gimbal during lanes."""

    name: str
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    horizontal_fov_deg: float = Field(gt=0, lt=180)
    pitch_deg: float = Field(ge=-90, le=0)


class Finding(PlanPart):
    """Something wrong with the plan, where, and what would mend it."""

    code: str
    severity: Literal["error", "warning", "info"]
    text: str
    remedy: str = ""
    latitude: float | None = None
    longitude: float | None = None


class PatrolPlan(PlanPart):
    """What ``skybeat plan`` writes and an agent flies. ``findings`` with severity error forbid flying it."""

    schema_version: Literal[1] = 1
    name: str
    cells: list[str]
    home: tuple[Latitude, Longitude, float] = Field(
        description="latitude, longitude, altitude above sea level"
    )
    area: list[list[Ring]] = Field(description="polygons to see: each an outer ring and its holes")
    allowed: list[list[Ring]] = Field(description="where the aircraft may be, transits included")
    no_fly: list[list[Ring]] = Field(default_factory=list)
    camera: PlanCamera
    altitude_agl_m: Annotated[float, Field(gt=0)]
    speed_m_s: Annotated[float, Field(gt=0)]
    swath_m: float
    lane_spacing_m: float
    overlap: float
    trigger_m: float | None = Field(
        default=None, gt=0, description="metres between photos on lanes; none are taken where it is left out"
    )
    sorties: list[Sortie]
    area_m2: float
    uncovered_fraction: float
    outside_m: float
    length_m: float
    lower_bound_m: float
    ratio: float
    seconds: float
    energy_wh: float
    reserve_fraction: float
    findings: list[Finding] = Field(default_factory=list)

    @property
    def aircraft(self) -> list[int]:
        """Numbers of the aircraft that it is for, from 0."""
        return sorted({sortie.aircraft for sortie in self.sorties})

    @property
    def keeps_times(self) -> bool:
        """Whether take-off times must be kept: others fly at the same time."""
        return len(self.aircraft) > 1 or any(
            next(s for s in self.sorties if s.aircraft == number).start_s > 0 for number in self.aircraft
        )

    @property
    def flyable(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)
