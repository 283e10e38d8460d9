"""By which service level ground is judged: what is asked for, else that of the cell it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import shapely

from missions.seen_coverage import Ground, Levelled, ServiceLevel, split_ground
from missions.service_levels import LevelChange
from server.context import Context
from server.seen import service


@dataclass(frozen=True, slots=True)
class PatrolPart:
    """The ground of a patrol within one cell, or outside all cells (code None)."""

    code: str | None
    ground: Ground
    level: ServiceLevel

    @property
    def levelled(self) -> Levelled:
        return self.ground, self.level


def level_of(context: Context, code: str | None, asked: LevelChange) -> ServiceLevel:
    """The level of a cell, or of ground outside all cells (None), with what is asked for instead."""
    return context.service_levels.of(code, asked)


def patrol_parts(context: Context, ground: Ground, asked: LevelChange) -> list[PatrolPart]:
    """The ground of a patrol by cell, each part with the level of its cell."""
    shapely.prepare(ground.polygon)
    cells = [cell for cell in context.sites.grid.cells if ground.polygon.intersects(cell.polygon)]
    parts = split_ground(ground, ((cell.code, service.cell_ground(context, cell.code)) for cell in cells))
    return [PatrolPart(code, part, level_of(context, code, asked)) for code, part in parts]


def cells_apart(context: Context, asked: LevelChange) -> list[Levelled]:
    """The ground of the cells whose level is another than that of ground outside all cells."""
    usual = level_of(context, None, asked)
    levels = {cell.code: level_of(context, cell.code, asked) for cell in context.sites.grid.cells}
    return [(service.cell_ground(context, code), level) for code, level in levels.items() if level != usual]
