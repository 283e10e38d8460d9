"""Settings of the server, from ``SKYBEAT_*`` environment variables or from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from missions.kinds import CONFIGS

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Everything that an installation can choose. Times in seconds or hours as named, lengths in metres."""

    model_config = SettingsConfigDict(env_prefix="SKYBEAT_", extra="ignore", frozen=True)

    data_directory: Path = Path("data")
    site: Path = CONFIGS / "sites" / "yunxi"
    database_url: str | None = Field(
        default=None, description="SQLAlchemy address; SQLite in the data directory"
    )
    kinds_file: Path = CONFIGS / "kinds.yaml"
    cameras_file: Path = CONFIGS / "cameras.yaml"
    service_levels_file: Path = Field(
        default=CONFIGS / "service_levels.yaml", description="for a site that has none of its own"
    )
    console_directory: Path = Path(__file__).parent / "console" / "dist"

    name_zh: str = "天巡"
    name_en: str = "Skybeat"
    default_language: Literal["zh-CN", "en"] = "zh-CN"
    time_zone: str = "Asia/Shanghai"
    ticket_prefix: str = Field(default="YX", pattern=r"^[A-Z0-9]{1,8}$")
    tile_url: str | None = None
    tile_gcj02: bool = False
    zoom: float = Field(default=16.0, ge=0, le=22)

    demo: bool = False
    agent_token: SecretStr | None = Field(default=None, description="token of the demo's agent")
    secure_cookies: bool = Field(default=False, description="set behind HTTPS: cookies travel over TLS only")
    allowed_hosts: list[str] = Field(default_factory=lambda: ["*"])
    session_hours: float = Field(default=12.0, gt=0)
    login_tries: int = Field(default=8, ge=1, description="wrong passwords per user and address in 5 minutes")
    password_memory_kib: int = Field(default=65536, ge=8)
    password_rounds: int = Field(default=3, ge=1)
    original_link_seconds: float = Field(default=60.0, gt=0)

    preempting_departments: list[str] = Field(
        default_factory=lambda: ["公安"], description="whose bookings may go before all others"
    )
    booking_share: float = Field(
        default=0.95, gt=0, le=1, description="part of a cell's ground that must be seen to fulfil a booking"
    )

    max_body_bytes: int = Field(default=4 * 2**20, gt=0)
    max_cells_bytes: int = Field(default=64 * 2**20, gt=0)
    max_evidence_bytes: int = Field(default=256 * 2**20, gt=0)
    launch_lead_seconds: float = Field(
        default=90.0, ge=0, le=3600,
        description="from the first launch of a plan's several aircraft to their common launch moment",
    )  # fmt: skip
    agent_offline_seconds: float = Field(default=60.0, gt=0)
    seen_days: float = Field(
        default=400.0, ge=1, le=36_600, description="how long the ledger of ground seen is kept"
    )
    picture_seconds: float = Field(
        default=2.0, ge=0, description="between two live pictures that are kept for reviews; 0 keeps none"
    )
    picture_days: float = Field(default=30.0, ge=1, le=36_600, description="how long they are kept")
    terrain_sigma_m: float = Field(default=1.5, ge=0, description="one sigma of the terrain's heights")
    max_ce90_m: float = Field(
        default=50.0, gt=0, description="a sighting less certain than this is not placed"
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone; write e.g. Asia/Shanghai") from error
        return value

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        if self.demo and self.allowed_hosts == ["*"]:
            object.__setattr__(self, "allowed_hosts", sorted(LOCAL_HOSTS))
        return self

    @property
    def database(self) -> str:
        """SQLAlchemy address of the database; plain ``postgresql://`` means psycopg 3."""
        if self.database_url is None:
            return f"sqlite:///{self.data_directory / 'skybeat.db'}"
        if self.database_url.startswith("postgresql://"):
            return "postgresql+psycopg://" + self.database_url.removeprefix("postgresql://")
        return self.database_url

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
