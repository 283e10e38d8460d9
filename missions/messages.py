"""What travels between the edge agent and the server, over HTTP as JSON. Nothing else does.

Every message names its ``schema_version``. Times are aware UTC. Angles are degrees, lengths metres, pixels as
in ``vision.camera``. Unknown fields are refused, so that a misspelt one is noticed and not lost.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = 1

Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Probability = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Message(BaseModel):
    """Frozen, strict about fields, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SightingKind(StrEnum):
    """What a sighting can be; the details of each kind are in ``configs/kinds.yaml``."""

    FIRE = "fire"
    SMOKE = "smoke"
    ILLEGAL_PARKING = "illegal_parking"
    GATHERING = "gathering"
    DISPUTE = "dispute"


class CameraMessage(Message):
    """The intrinsics of the frame that a pixel is given in."""

    name: str = "camera"
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    fx_px: float = Field(gt=0)
    fy_px: float = Field(gt=0)
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sigma: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="one sigma of the focal length as a share of it: zoom, calibration",
    )


class PoseMessage(Message):
    """Camera pose with one-sigma uncertainties; see ``vision.camera.Pose``."""

    captured_at: AwareDatetime
    latitude: Latitude
    longitude: Longitude
    altitude_amsl_m: float = Field(ge=-1000, le=20000)
    yaw_deg: float
    pitch_deg: float = Field(ge=-180, le=180)
    roll_deg: float = 0.0
    position_sigma_m: float = Field(default=1.5, gt=0)
    altitude_sigma_m: float = Field(default=2.0, gt=0)
    attitude_sigma_deg: float = Field(default=1.0, gt=0)
    heading_sigma_deg: float = Field(default=1.5, gt=0)


class Look(Message):
    """One view of the thing: the pixel of its ground contact, its box, and where the camera was."""

    frame_index: int = Field(ge=0)
    u_px: float
    v_px: float
    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom in pixels")
    score: Probability
    pixel_sigma_px: float = Field(default=3.0, gt=0)
    pose: PoseMessage
    camera: CameraMessage


class Reason(Message):
    """One term of an explanation: a measured value against its threshold."""

    term: str = Field(description="stable name, e.g. people_count, still_seconds, mean_acceleration")
    value: float
    threshold: float
    unit: str = ""
    fulfilled: bool = True
    text: str = Field(default="", description="the same in a short English sentence")


class EvidenceRole(StrEnum):
    SNAPSHOT = "snapshot"
    CLIP = "clip"
    ORIGINAL = "original"


class EvidenceItem(Message):
    """A file delivered beside the sighting, named by its content.

    ``redacted`` says whether people and plates are blurred in it. ``previous_sha256`` chains the pieces of
    one sighting, so that a dropped or reordered one is found.
    """

    sha256: Sha256
    role: EvidenceRole
    media_type: str
    bytes: int = Field(gt=0)
    captured_at: AwareDatetime
    redacted: bool
    previous_sha256: Sha256 | None = None


class SightingState(StrEnum):
    CONFIRMED = "confirmed"
    RETRACTED = "retracted"


class SightingMessage(Message):
    """One hazard or gathering, confirmed over time. Sent again with a higher ``revision`` when more is known.

    Delivering the same ``(sighting_id, revision)`` twice changes nothing.
    """

    schema_version: Literal[1] = 1
    sighting_id: UUID
    revision: int = Field(default=1, ge=1)
    flight_id: UUID | None = None
    source: Literal["drone", "replay", "simulator"] = "drone"
    kind: SightingKind
    state: SightingState = SightingState.CONFIRMED
    confidence: Probability
    first_seen_at: AwareDatetime
    last_seen_at: AwareDatetime
    track_id: int | None = None
    people_count: int | None = Field(default=None, ge=0)
    zone: str | None = Field(default=None, description="code of the zone whose rule was broken")
    looks: list[Look] = Field(min_length=1, max_length=64)
    reasons: list[Reason] = Field(min_length=1)
    evidence: list[EvidenceItem] = Field(default_factory=list)
    weights: str = Field(default="", description="name and first 12 digits of sha256 of the weights used")

    @model_validator(mode="after")
    def _times_in_order(self) -> SightingMessage:
        if self.last_seen_at < self.first_seen_at:
            raise ValueError("last_seen_at lies before first_seen_at")
        return self


class SightingReceipt(Message):
    """The server's answer to a sighting."""

    sighting_id: UUID
    revision: int
    ticket_id: str | None = Field(description="null when the sighting could not be placed; see note")
    new_ticket: bool
    missing_evidence: list[Sha256] = Field(default_factory=list, description="still to be uploaded")
    note: str = ""


class FlightPhase(StrEnum):
    """Where a flight stands. ``finished``, ``aborted`` and ``failed`` are final."""

    REQUESTED = "requested"
    PREFLIGHT = "preflight"
    UPLOADING = "uploading"
    WAITING = "waiting"
    ARMING = "arming"
    TAKEOFF = "takeoff"
    FLYING = "flying"
    PAUSED = "paused"
    RETURNING = "returning"
    LANDING = "landing"
    FINISHED = "finished"
    ABORTED = "aborted"
    FAILED = "failed"


FINAL_PHASES = frozenset({FlightPhase.FINISHED, FlightPhase.ABORTED, FlightPhase.FAILED})


class TelemetryMessage(Message):
    """State of the aircraft for people to watch: newest wins, losing one loses nothing."""

    schema_version: Literal[1] = 1
    agent: str
    flight_id: UUID | None = None
    at: AwareDatetime
    phase: FlightPhase | None = None
    latitude: Latitude
    longitude: Longitude
    altitude_amsl_m: float
    altitude_above_home_m: float
    heading_deg: float
    ground_speed_m_s: float
    climb_m_s: float = 0.0
    mode: str = ""
    armed: bool = False
    battery_fraction: float | None = Field(default=None, ge=0, le=1)
    battery_voltage_v: float | None = None
    gps_fix: int = 0
    satellites: int | None = None
    link_quality: float | None = Field(default=None, ge=0, le=1)
    wind_m_s: float | None = None
    waypoint: int | None = None
    waypoints: int | None = None
    seconds_left: float | None = None
    starts_in_s: float | None = Field(
        default=None, description="while it waits on the ground for its take-off time: seconds until then"
    )
    footprint: list[tuple[Longitude, Latitude]] = Field(
        default_factory=list, description="ring of the seen ground, GeoJSON order"
    )
    camera_yaw_deg: float | None = None
    camera_pitch_deg: float | None = None
    frames: int = 0
    frames_dropped: int = 0
    spooled: int = Field(default=0, description="sightings and files not yet delivered")
    messages: list[str] = Field(default_factory=list, description="new STATUSTEXT since the last one")


class OverlayBox(Message):
    """A box for the live picture."""

    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom as fractions of 1")
    name: str
    score: Probability
    track_id: int | None = None
    alert: SightingKind | None = None


class FrameMessage(Message):
    """Header of one live picture; the JPEG (redacted) travels beside it as multipart."""

    schema_version: Literal[1] = 1
    agent: str
    flight_id: UUID | None = None
    captured_at: AwareDatetime
    width_px: int
    height_px: int
    boxes: list[OverlayBox] = Field(default_factory=list)


class FlightLogEntry(Message):
    """One event of the flight's log: phase changes, commands and what the aircraft answered."""

    at: AwareDatetime
    level: Literal["info", "warning", "alarm"] = "info"
    code: str
    text: str
    phase: FlightPhase | None = None


class FlightLogMessage(Message):
    """A batch of log entries; ``sequence`` makes it idempotent (first entry's index within the flight)."""

    schema_version: Literal[1] = 1
    flight_id: UUID
    sequence: int = Field(ge=0)
    entries: list[FlightLogEntry] = Field(min_length=1)


class SeenMessage(Message):
    """What one flight has seen of one tile of ground (``missions.seen_tiles``), all of it so far.

    Delivering one twice, or an older revision after a newer one, changes nothing.
    """

    schema_version: Literal[1] = 1
    flight_id: UUID
    row: int = Field(ge=-90_000, lt=90_000, description="of the tile: thousandths of a degree northwards")
    column: int = Field(ge=-180_000, lt=180_000, description="of the tile: thousandths of a degree eastwards")
    revision: int = Field(default=1, ge=1)
    squares: str = Field(
        max_length=1_500_000, pattern=r"^[A-Za-z0-9+/]+={0,2}$", description="SeenTile.packed as Base64"
    )


class RequestKind(StrEnum):
    """What the server can ask of an agent. The agent decides; the autopilot flies."""

    FLY = "fly"
    PAUSE = "pause"
    RESUME = "resume"
    RETURN = "return"
    LAND = "land"


class AgentRequest(Message):
    """A request from the desk, answered once with an ``AgentAnswer``."""

    schema_version: Literal[1] = 1
    request_id: UUID
    kind: RequestKind
    flight_id: UUID
    issued_at: AwareDatetime
    issued_by: str
    plan: dict[str, object] | None = Field(default=None, description="PatrolPlan as JSON, with kind fly")
    zones: dict[str, object] | None = Field(
        default=None, description="GeoJSON of watch zones (no-parking, market, square ...), with kind fly"
    )
    plan_aircraft: int = Field(default=0, ge=0, description="which aircraft of the plan flies, with kind fly")
    launch_in_s: float | None = Field(
        default=None,
        description="with kind fly: seconds from now to the plan's common launch moment, negative once it "
        "has passed; the take-off delays of its sorties count from it",
    )


class AgentAnswer(Message):
    """What became of a request."""

    request_id: UUID
    accepted: bool
    detail: str = ""
    answered_at: AwareDatetime


class AgentHello(Message):
    """Sent when an agent starts and every 15 s after."""

    schema_version: Literal[1] = 1
    agent: str
    aircraft: str = Field(description="name or tail number for people")
    vehicle: str = Field(description="autopilot and firmware, e.g. 'ArduCopter 4.6 (simulated)'")
    camera: CameraMessage
    home: tuple[Latitude, Longitude, float] | None = None
    at: AwareDatetime


def parse_time(text: str) -> datetime:
    """ISO 8601 with zone -> aware datetime.

    Raises:
        ValueError: no zone is given, or the text is no time.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write e.g. 2026-05-01T12:00:00Z")
    return value
