"""Gathering what a coverage report says."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from missions.seen_coverage import Levelled, coverage_of_parts, gaps_of_parts
from missions.service_levels import LevelChange
from server.context import Context
from server.errors import Invalid, NotFound
from server.flights import repository as flight_rows
from server.seen import pictures, repository, service
from server.seen.levels import level_of, patrol_parts
from server.seen.report import ReportContent
from server.seen.report_words import Language


def content_of(
    context: Context,
    session: Session,
    asked: LevelChange,
    cell: str | None,
    flight_id: UUID | None,
    language: Language,
    at: datetime | None,
) -> ReportContent:
    """The content of a report about one cell, or one patrol by itself as of its end, judged by the levels of
    the cells where nothing else is asked for.

    Raises:
        Invalid: neither or both are asked for.
        NotFound: there is no such cell or flight, or the flight has seen nothing.
    """
    if (cell is None) == (flight_id is None):
        raise Invalid("name either cell=CODE or flight_id=ID")
    if cell is not None:
        now = service.reference_time(context, session, at)
        ground = service.cell_ground(context, cell)
        name = context.sites.cell_name_en(cell) if language == "en" else context.sites.cell_name(cell)
        what, name = "cell", f"{name} {cell}"
        parts: list[Levelled] = [(ground, level_of(context, cell, asked))]
    else:
        assert flight_id is not None
        found, flight = (
            service.patrol_ground(context, session, flight_id),
            flight_rows.flight(session, flight_id),
        )
        last = repository.last_look(session, flight_id)
        if found is None or flight is None or last is None:
            raise NotFound("this flight has seen no ground yet; wait for its reports")
        ground, now, what, name = found, at or last, "patrol", flight.name
        parts = [part.levelled for part in patrol_parts(context, ground, asked)]
    usual, bounds = level_of(context, cell, asked), ground.polygon.bounds
    tiles = service.tiles_over(session, bounds, flight_id)
    home, settings = service.site_ground(context), context.settings
    return ReportContent(
        site=settings.name_en if language == "en" else settings.name_zh, what=what, name=name,
        levels=tuple(dict.fromkeys(level for _, level in parts)) or (usual,), at=now, zone=settings.zone,
        polygon=ground.polygon, picture_bounds=bounds,
        coverage=coverage_of_parts(parts, tiles, now), missing=gaps_of_parts(parts, tiles, now),
        picture=pictures.picture_of(tiles, bounds, "age", usual, now, parts),
        obstacles=home.obstacles, frame=home.frame,
    )  # fmt: skip
