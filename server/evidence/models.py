"""Table of the evidence files that have arrived."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class EvidenceFile(Base):
    """A file on disk, named by its content."""

    __tablename__ = "evidence_files"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(64))
    stored_at: Mapped[datetime]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id"))
