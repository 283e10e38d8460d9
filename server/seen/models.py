"""Table of the ledger of ground seen."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class SeenRow(Base):
    """What one flight has seen of one tile, merged from all its reports; ``squares`` is
    ``SeenTile.packed``."""

    __tablename__ = "seen_tiles"

    row: Mapped[int] = mapped_column("tile_row", primary_key=True, autoincrement=False)
    column: Mapped[int] = mapped_column("tile_column", primary_key=True, autoincrement=False)
    flight_id: Mapped[UUID] = mapped_column(ForeignKey("flights.id"), primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    received_at: Mapped[datetime]
    squares: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index(None, "flight_id"),)
