"""Several aircraft of one plan: which one a flight is, and the plan's common launch moment.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; flights so far are those of a plan's first aircraft."""
    op.add_column("flights", sa.Column("plan_aircraft", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("flights", sa.Column("departs_at", Utc(), nullable=True))


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
