"""Flights whose views are to be adjusted together, and places proposed for tickets already dispatched.

Flights from before are not adjusted afterwards: their tickets stay where people have found them.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Json, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table and one column more."""
    op.create_table(
        "flight_adjustments",
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("revisions", sa.Integer(), nullable=False),
        sa.Column("due_since", Utc(), nullable=True),
        sa.Column("adjusted_at", Utc(), nullable=True),
        sa.Column("things", sa.Integer(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("scatter", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_flight_adjustments_flight_id"),
        sa.PrimaryKeyConstraint("flight_id", name="pk_flight_adjustments"),
    )
    op.create_index("ix_flight_adjustments_due_since", "flight_adjustments", ["due_since"], unique=False)
    op.add_column("tickets", sa.Column("proposed_place", Json, nullable=True))


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
