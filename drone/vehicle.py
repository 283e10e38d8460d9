"""What can be asked of an aircraft, and what it reports. Real, simulated and recorded kinds obey it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from drone.telemetry import PoseTrack
from missions.plan import PatrolPlan


class Verdict(StrEnum):
    """What is known after something was asked of the aircraft."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The aircraft's answer to one request, with the reason in a sentence."""

    verdict: Verdict
    why: str = ""

    @classmethod
    def ok(cls) -> Outcome:
        """Accepted, with nothing to add."""
        return cls(Verdict.ACCEPTED)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.ACCEPTED


class FlightMode(StrEnum):
    """Flight modes by meaning; each autopilot's own names are mapped onto these."""

    STABILIZE = "stabilize"
    GUIDED = "guided"
    AUTO = "auto"
    HOLD = "hold"
    RETURN = "return"
    LAND = "land"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleState:
    """The newest known state. ``at`` is on the vehicle's own UTC clock."""

    at: datetime
    latitude: float
    longitude: float
    altitude_amsl_m: float
    altitude_above_home_m: float
    heading_deg: float
    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    ground_speed_m_s: float = 0.0
    climb_m_s: float = 0.0
    mode: FlightMode = FlightMode.OTHER
    mode_name: str = ""
    armed: bool = False
    landed: bool = True
    battery_fraction: float | None = None
    battery_voltage_v: float | None = None
    gps_fix: int = 0
    satellites: int | None = None
    wind_m_s: float | None = None
    current_item: int | None = None
    items: int | None = None
    home: tuple[float, float, float] | None = None
    link_alive: bool = True
    seconds_since_heartbeat: float = 0.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the aircraft may be armed; ``reasons`` say what is missing."""

    ready: bool
    reasons: tuple[str, ...] = field(default=())


class Vehicle(Protocol):
    """One aircraft. Every method returns what is *known*; none assumes that a command was obeyed."""

    @property
    def description(self) -> str:
        """Autopilot and firmware for people."""
        ...

    @property
    def poses(self) -> PoseTrack:
        """The camera's pose over time (position and gimbal attitude)."""
        ...

    def state(self) -> VehicleState:
        """Raises ``drone.errors.NoTelemetry`` before the first position arrives."""
        ...

    def new_messages(self) -> list[str]:
        """STATUSTEXT since the last call, oldest first."""
        ...

    def readiness(self) -> Readiness: ...

    def upload(self, plan: PatrolPlan, sortie: int = 0) -> Outcome:
        """Mission, fence and rally of one sortie as one verified set, read back and compared."""
        ...

    def arm(self) -> Outcome: ...

    def start(self) -> Outcome:
        """Take off and fly the uploaded mission in AUTO; accepted only when it is seen to be flying."""
        ...

    def pause(self) -> Outcome: ...

    def resume(self) -> Outcome: ...

    def return_home(self) -> Outcome: ...

    def land(self) -> Outcome: ...

    def close(self) -> None: ...


@runtime_checkable
class LooksAgain(Protocol):
    """A vehicle that can be sent to a place, and whose camera can be put on a spot and back.

    Heights are above its home, in metres.
    """

    def go_to(
        self, latitude: float, longitude: float, height_m: float, *, heading_deg: float, speed_m_s: float
    ) -> Outcome:
        """Fly straight to a place and hold there; accepted when it is on its way. Only from a hold."""
        ...

    def look_at(self, latitude: float, longitude: float, height_m: float) -> Outcome:
        """Keep the camera on a spot while the aircraft moves."""
        ...

    def look_ahead(self, pitch_deg: float) -> Outcome:
        """Let go of the spot: the camera back to a fixed pitch (0 at the horizon, -90 straight down)."""
        ...


@runtime_checkable
class SwapsBattery(Protocol):
    """A vehicle that can be given a fresh battery between two sorties."""

    def swap_battery(self) -> Outcome: ...


@runtime_checkable
class PointsCamera(Protocol):
    """A vehicle whose gimbal can be set before the mission sets it."""

    def point_camera(self, pitch_deg: float) -> Outcome: ...


@runtime_checkable
class ReadsBack(Protocol):
    """A vehicle whose plan can be compared before the moment at which it is armed: radios are slow."""

    def read_back(self) -> Outcome: ...
