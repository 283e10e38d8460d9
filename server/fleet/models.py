"""Table of the agents: the computers that fly and watch."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class Agent(Base):
    """An agent with its token, and what it last said of its aircraft.

    ``demo``: the one whose token came from the environment; it is called what it calls itself.
    """

    __tablename__ = "agents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    aircraft: Mapped[str] = mapped_column(String(128), default="")
    vehicle: Mapped[str] = mapped_column(String(128), default="")
    camera: Mapped[dict[str, Any] | None]
    home: Mapped[list[Any] | None]
    seen_at: Mapped[datetime | None]
    demo: Mapped[bool] = mapped_column(default=False)
