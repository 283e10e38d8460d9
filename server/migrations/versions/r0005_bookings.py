"""Bookings of departments, the plans that serve them, and the department of a person.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Json, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables and a column more; people so far belong to no department."""
    op.add_column("users", sa.Column("department", sa.String(length=64), nullable=True))
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("cells", Json, nullable=False),
        sa.Column("kinds", Json, nullable=False),
        sa.Column("opens_at", Utc(), nullable=False),
        sa.Column("deadline_at", Utc(), nullable=False),
        *(
            sa.Column(name, sa.Float(precision=53), nullable=False)
            for name in ("finest_m", "lowest_m", "highest_m", "steepest_deg", "flattest_deg")
        ),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("cancelled_at", Utc(), nullable=True),
        sa.Column("cancelled_by", sa.String(length=64), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.Column("served", Json, nullable=False),
        sa.Column("judged_at", Utc(), nullable=True),
        sa.Column("fulfilled_at", Utc(), nullable=True),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bookings"),
        sa.UniqueConstraint("code", name="uq_bookings_code"),
    )
    op.create_index("ix_bookings_department_deadline_at", "bookings", ["department", "deadline_at"])
    op.create_index("ix_bookings_settled_at_deadline_at", "bookings", ["settled_at", "deadline_at"])
    op.create_table(
        "booking_plans",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("cells", Json, nullable=False),
        sa.Column("merge_key", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name="fk_booking_plans_booking_id"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_booking_plans_plan_id"),
        sa.PrimaryKeyConstraint("booking_id", "plan_id", name="pk_booking_plans"),
    )
    op.create_index("ix_booking_plans_plan_id", "booking_plans", ["plan_id"])


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
