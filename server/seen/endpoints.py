"""HTTP: the ledger of ground seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from missions import shapes
from missions.messages import SeenMessage
from missions.seen_coverage import coverage_of_parts, gaps
from missions.seen_tiles import SeenTile, TileKey
from missions.service_levels import LONGEST_HOURS, LevelChange
from server.access.guard import Agent, Anyone, Flier
from server.context import Context, Ctx, Reading, Writing
from server.flights import planning
from server.flights import repository as flight_rows
from server.flights.schemas import PlanOut
from server.seen import pictures, refly, report, report_content, repository, service
from server.seen.levels import PatrolPart, cells_apart, level_of, patrol_parts
from server.seen.report_words import Language
from server.seen.schemas import (
    CellCoverageOut,
    CellsOut,
    CoverageOut,
    GapsOut,
    LevelOut,
    PatrolCoverageOut,
    PatrolPartOut,
    PatrolsOut,
    PromiseOut,
    ReflyIn,
    SeenReceipt,
)

router = APIRouter(tags=["seen"])


def _asked(
    hours: Annotated[
        float | None, Query(gt=0, le=LONGEST_HOURS, description="seen within so many hours")
    ] = None,
    fineness_cm: Annotated[
        float | None, Query(ge=1, le=50, description="at so many cm for a pixel or better")
    ] = None,
    share: Annotated[
        float | None, Query(gt=0, le=1, description="of the ground, to fulfil the level")
    ] = None,
    algorithm: Annotated[
        str | None, Query(max_length=64, description="looked at by; 'any' for whichever")
    ] = None,
) -> LevelChange:
    """What is not given comes from the level of each cell."""
    return LevelChange.of(hours, fineness_cm, share, algorithm)


Asked = Annotated[LevelChange, Depends(_asked)]
At = Annotated[
    AwareDatetime | None, Query(description="the instant that hours count back from; now if missing")
]


@router.post("/agent/seen", tags=["agent"])
def report_seen(body: SeenMessage, caller: Agent, session: Writing, context: Ctx) -> SeenReceipt:
    """What a flight has seen of one tile of ground; again as often as needed, in any order."""
    return SeenReceipt(changed=service.receive(context, session, caller.id, caller.name, body))


@router.get("/seen/cells")
def seen_cells(_caller: Anyone, session: Reading, context: Ctx, asked: Asked, at: At = None) -> CellsOut:
    """Coverage of each cell against its service level."""
    now = service.reference_time(context, session, at)
    bounds = service.bounds_of_cells(context)
    tiles = service.tiles_over(session, bounds)
    cells = []
    for cell in context.sites.grid.cells:
        level = level_of(context, cell.code, asked)
        found = service.judge(service.cell_ground(context, cell.code), tiles, level, now)
        cells.append(
            CellCoverageOut(
                code=cell.code, name=cell.name, name_en=cell.name_en, level=PromiseOut.of(level),
                **CoverageOut.of(found).model_dump(),
            )
        )  # fmt: skip
    usual = LevelOut.as_of(level_of(context, None, asked), now)
    return CellsOut(level=usual, bounds=bounds, algorithms=service.algorithms_in(tiles), cells=cells)


@router.get("/seen/cells/{code}/gaps")
def seen_gaps(
    code: str, _caller: Anyone, session: Reading, context: Ctx, asked: Asked, at: At = None
) -> GapsOut:
    """The ground of a cell that is not served, as GeoJSON."""
    now = service.reference_time(context, session, at)
    ground, level = service.cell_ground(context, code), level_of(context, code, asked)
    tiles = service.tiles_over(session, ground.polygon.bounds)
    parts = shapes.parts_of(gaps(ground, tiles, level, now))
    features = shapes.collection(({"area_m2": round(shapes.area_m2(part), 1)}, part) for part in parts)
    found = CoverageOut.of(service.judge(ground, tiles, level, now))
    return GapsOut(level=LevelOut.as_of(level, now), coverage=found, gaps=features)


@router.get("/seen/patrols")
def seen_patrols(
    _caller: Anyone, session: Reading, context: Ctx, asked: Asked,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> PatrolsOut:  # fmt: skip
    """Coverage by each of the last patrols of the ground it was for, by itself, as of its end."""
    patrols = []
    newest = service.reference_time(context, session, None)
    for flight_id, first, last in repository.flights(session, limit):
        ground = service.patrol_ground(context, session, flight_id)
        flight = flight_rows.flight(session, flight_id)
        if ground is None or flight is None:
            continue
        tiles = service.tiles_over(session, ground.polygon.bounds, flight_id)
        parts = patrol_parts(context, ground, asked)
        figures = CoverageOut.of(coverage_of_parts([part.levelled for part in parts], tiles, last))
        patrols.append(
            PatrolCoverageOut(
                flight_id=flight_id, name=flight.name, first_at=first, last_at=last,
                parts=[_part_out(context, part, tiles, last) for part in parts], **figures.model_dump(),
            )
        )  # fmt: skip
    return PatrolsOut(level=LevelOut.as_of(level_of(context, None, asked), newest), patrols=patrols)


def _part_out(
    context: Context, part: PatrolPart, tiles: dict[TileKey, SeenTile], at: datetime
) -> PatrolPartOut:
    found = CoverageOut.of(service.judge(part.ground, tiles, part.level, at))
    return PatrolPartOut(
        code=part.code, name=context.sites.cell_name(part.code),
        name_en=context.sites.cell_name_en(part.code), level=PromiseOut.of(part.level),
        **found.model_dump(include={"ground_m2", "served_m2", "share", "fulfilled"}),
    )  # fmt: skip


@router.get("/seen/picture.png", response_class=Response)
def seen_picture(
    _caller: Anyone, session: Reading, context: Ctx, asked: Asked, show: pictures.Show = "age",
    at: At = None, flight_id: UUID | None = None,
) -> Response:  # fmt: skip
    """The ground seen as a picture of the bounds that ``/seen/cells`` names, each cell by its level."""
    now = service.reference_time(context, session, at)
    bounds = service.bounds_of_cells(context)
    tiles = service.tiles_over(session, bounds, flight_id)
    usual, apart = level_of(context, None, asked), cells_apart(context, asked)
    picture = pictures.picture_of(tiles, bounds, show, usual, now, apart)
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.get("/seen/report.pdf", response_class=Response)
def seen_report(
    _caller: Anyone, session: Reading, context: Ctx, asked: Asked, cell: str | None = None,
    flight_id: UUID | None = None, language: Language = "zh-CN", at: At = None,
) -> Response:  # fmt: skip
    """The coverage of one cell or of one patrol as a PDF."""
    content = report_content.content_of(context, session, asked, cell, flight_id, language, at)
    headers = {"Content-Disposition": f'inline; filename="coverage-{cell or flight_id}.pdf"'}
    return Response(report.coverage_report(content, language), media_type="application/pdf", headers=headers)


@router.post("/seen/refly", status_code=201)
def refly_gaps(body: ReflyIn, caller: Flier, context: Ctx) -> PlanOut:
    """Plan a patrol over the gaps of some cells, in one step. It is then flown like any other plan."""
    request = refly.request_for(context, body)
    plan = planning.make_plan(context, request)
    with context.database.write() as session:
        row = planning.save_plan(context, session, caller, request, plan)
        return PlanOut(
            id=row.id, created_at=row.created_at, created_by=row.created_by, agent=row.agent, plan=plan
        )
