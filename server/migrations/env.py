"""Alembic's entry: runs the migrations on the connection that ``server.db.Database.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from server.tables import METADATA


def run() -> None:
    """Run them within one transaction."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=METADATA, render_as_batch=connection.dialect.name == "sqlite"
    )
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # only when Alembic loads this file, not when it is merely imported
    run()
