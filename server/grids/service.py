"""Importing cells."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from missions.errors import GridsInvalid
from missions.grids import Grid
from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.db import after_commit
from server.errors import Invalid
from server.grids.models import CellImport


def import_cells(context: Context, session: Session, caller: Caller, cells: dict[str, Any]) -> dict[str, Any]:
    """Replace the cells; the import is kept, and is in force again after a restart.

    Raises:
        Invalid: the cells are not valid; the sentence names every problem.
    """
    try:
        grid = Grid.from_geojson(cells)
    except GridsInvalid as error:
        raise Invalid(str(error)) from error
    stored = grid.to_geojson()
    now = context.now()
    session.add(CellImport(at=now, imported_by=caller.username, cells=stored))
    record(session, now, caller.username, "cells.imported", f"{len(grid.cells)} cells")
    after_commit(session, lambda: context.sites.use_cells(stored))
    return stored


def restore_cells(context: Context) -> None:
    """Use the newest imported cells, if any were imported."""
    with context.database.read() as session:
        newest = session.scalar(select(CellImport).order_by(CellImport.id.desc()).limit(1))
    if newest is not None:
        context.sites.use_cells(newest.cells)
