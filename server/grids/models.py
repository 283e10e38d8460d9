"""Table of imported cells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class CellImport(Base):
    """Cells that replaced those of the site folder; the newest import is in force."""

    __tablename__ = "cell_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(String(64))
    cells: Mapped[dict[str, Any]]
