"""The ledger of ground seen: what each flight has seen of each tile.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "seen_tiles",
        sa.Column("tile_row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tile_column", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("squares", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_seen_tiles_flight_id"),
        sa.PrimaryKeyConstraint("tile_row", "tile_column", "flight_id", name="pk_seen_tiles"),
    )
    op.create_index("ix_seen_tiles_flight_id", "seen_tiles", ["flight_id"])
    op.create_index("ix_seen_tiles_last_at", "seen_tiles", ["last_at"])


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
