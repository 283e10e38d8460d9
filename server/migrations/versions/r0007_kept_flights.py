"""How an aircraft flew, and pictures of flights, kept for looking at a flight again.

Revision: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Json, Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FIGURES = ("altitude_above_home_m", "heading_deg", "ground_speed_m_s", "battery_fraction", "link_quality")


def upgrade() -> None:
    """Add the columns, unknown for flights so far, and the table."""
    for name in FIGURES:
        op.add_column("track_points", sa.Column(name, sa.Float(53), nullable=True))
    op.add_column("track_points", sa.Column("footprint", Json, nullable=True))
    op.create_table(
        "flight_pictures",
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("boxes", Json, nullable=False),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_flight_pictures_flight_id"),
        sa.PrimaryKeyConstraint("flight_id", "at", name="pk_flight_pictures"),
    )
    op.create_index("ix_flight_pictures_received_at", "flight_pictures", ["received_at"])


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
