"""Where each sighting was by its own looks alone, before any adjustment, and where a crowd was at first.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns more; sightings so far count where they are now."""
    op.add_column("sightings", sa.Column("received_place", Json, nullable=True))
    op.add_column("sightings", sa.Column("first_place", Json, nullable=True))


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")
