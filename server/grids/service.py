"""Checking, mending and importing cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from missions.errors import GridsInvalid
from missions.grid_checks import CellCheck, check
from missions.grid_repairs import CellChange, CellRepair, repair
from missions.grids import Grid
from server.access.audit import record
from server.access.service import Caller
from server.context import Context
from server.db import after_commit
from server.errors import CellsInvalid, Invalid
from server.grids.models import CellImport

MOST_TOLD = 500
"""So many findings or changes are told one by one; counts are always of all."""


@dataclass(frozen=True, slots=True)
class CheckedCells:
    """Cells that may be imported, what was changed in them, and how many warnings they have."""

    grid: Grid
    changes: tuple[CellChange, ...]
    warnings: int


def check_cells(cells: dict[str, Any], *, mend: bool) -> dict[str, Any]:
    """What is wrong with cells and, if asked, what mending would change; nothing is imported.

    Raises:
        Invalid: it is no FeatureCollection.
    """
    try:
        found = check(cells)
        told = {**_told(found), "cells": found.cells, "repair": None}
        if mend:
            told["repair"] = _repair_told(repair(cells))
    except GridsInvalid as error:
        raise Invalid(str(error)) from error
    return told


def prepare_cells(cells: dict[str, Any], *, mend: bool) -> CheckedCells:
    """Cells checked, and mended if asked.

    Raises:
        Invalid: it is no FeatureCollection.
        CellsInvalid: errors are left; lists them, and the warnings.
    """
    changes: tuple[CellChange, ...] = ()
    try:
        if mend:
            mended = repair(cells)
            cells, changes, found = mended.cells, mended.changes, mended.check
        else:
            found = check(cells)
        if found.errors:
            first = found.errors[0]
            count = f"{len(found.errors)} error{'s' if len(found.errors) > 1 else ''}"
            raise CellsInvalid(
                f"the cells are not imported, there {'are' if len(found.errors) > 1 else 'is'} {count}: "
                f"{first.text}; {first.remedy}",
                **_told(found),
            )
        return CheckedCells(Grid.from_geojson(cells), changes, len(found.warnings))
    except GridsInvalid as error:
        raise Invalid(str(error)) from error


def import_cells(context: Context, session: Session, caller: Caller, checked: CheckedCells) -> dict[str, Any]:
    """Replace the cells; the import is kept, and is in force again after a restart.

    Returns:
        The cells as GeoJSON, with ``changes`` beside the features: what was mended.
    """
    stored = checked.grid.to_geojson()
    now = context.now()
    session.add(CellImport(at=now, imported_by=caller.username, cells=stored))
    facts: dict[str, Any] = {"warnings": checked.warnings}
    if checked.changes:
        facts["changed"] = len(checked.changes)
        facts["changes"] = [f"{one.text} ({one.area_m2:.1f} m2)" for one in checked.changes[:MOST_TOLD]]
    record(session, now, caller.username, "cells.imported", f"{len(checked.grid.cells)} cells", **facts)
    after_commit(session, lambda: context.sites.use_cells(stored))
    return stored | _changes_told(checked.changes)


def _told(found: CellCheck) -> dict[str, Any]:
    return {
        "errors": len(found.errors), "warnings": len(found.warnings),
        "findings": [finding.to_dict() for finding in found.findings[:MOST_TOLD]],
        "findings_left_out": max(0, len(found.findings) - MOST_TOLD),
    }  # fmt: skip


def _changes_told(changes: Sequence[CellChange]) -> dict[str, Any]:
    return {
        "changes": [change.to_dict() for change in changes[:MOST_TOLD]],
        "changes_left_out": max(0, len(changes) - MOST_TOLD),
    }


def _repair_told(mended: CellRepair) -> dict[str, Any]:
    return _told(mended.check) | _changes_told(mended.changes)


def restore_cells(context: Context) -> None:
    """Use the newest imported cells, if any were imported."""
    with context.database.read() as session:
        newest = session.scalar(select(CellImport).order_by(CellImport.id.desc()).limit(1))
    if newest is not None:
        context.sites.use_cells(newest.cells)
