"""Tables of bookings and of the plans that serve them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class BookingRow(Base):
    """What one department wants to see. Lengths in metres, angles in degrees (-90 straight down).

    ``served``: for each cell the part of its ground that was seen as asked for. ``settled_at``: fulfilled,
    or judged for the last time after its deadline.
    """

    __tablename__ = "bookings"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    department: Mapped[str] = mapped_column(String(64))
    cells: Mapped[list[Any]]
    kinds: Mapped[list[Any]]
    opens_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    finest_m: Mapped[float] = mapped_column(Float(53))
    lowest_m: Mapped[float] = mapped_column(Float(53))
    highest_m: Mapped[float] = mapped_column(Float(53))
    steepest_deg: Mapped[float] = mapped_column(Float(53))
    flattest_deg: Mapped[float] = mapped_column(Float(53))
    urgent: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[str | None] = mapped_column(String(64))
    cancel_reason: Mapped[str] = mapped_column(Text, default="")
    served: Mapped[dict[str, Any]] = mapped_column(default=dict)
    judged_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "department", "deadline_at"), Index(None, "settled_at", "deadline_at"))


class BookingPlan(Base):
    """A plan that serves some cells of a booking; ``merge_key`` tells the merged flight it was made from."""

    __tablename__ = "booking_plans"

    booking_id: Mapped[UUID] = mapped_column(ForeignKey("bookings.id"), primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plans.id"), primary_key=True, index=True)
    cells: Mapped[list[Any]]
    merge_key: Mapped[str] = mapped_column(String(16))
