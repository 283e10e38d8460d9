"""``skybeat seen``: the ledger of ground seen from the command line, over the data of this installation.

What a command needs is imported inside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from server.context import Context

app = typer.Typer(help="Which ground was seen, and flying the gaps again.", no_args_is_help=True)

OWN = "default: the cell's own"
Hours = Annotated[float | None, typer.Option(min=0.01, max=87_840, help=f"seen within so many hours; {OWN}")]
Fineness = Annotated[
    float | None, typer.Option("--fineness-cm", min=1, max=50, help=f"cm for a pixel, or better; {OWN}")
]
Share = Annotated[
    float | None, typer.Option(min=0.01, max=1, help=f"part of the ground, to fulfil the level; {OWN}")
]
Algorithm = Annotated[
    str | None, typer.Option(help=f"looked at by, e.g. patrol-rgb or crowds, or any; {OWN}")
]
Data = Annotated[Path | None, typer.Option("--data-directory", help="where the database lives [./data]")]
SiteFolder = Annotated[Path | None, typer.Option("--site", help="folder of the site")]
Cells = Annotated[list[str], typer.Option("--cell", help="code of a cell; may be given several times")]


@app.command()
def coverage(
    hours: Hours = None,
    fineness_cm: Fineness = None,
    share: Share = None,
    algorithm: Algorithm = None,
    data_directory: Data = None,
    site: SiteFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """How much of each cell was seen in time and finely enough; exit code 1 when a cell falls short."""
    from missions.service_levels import LevelChange

    asked = LevelChange.of(hours, fineness_cm, share, algorithm)
    short: list[str] = []

    def act(context: Context) -> None:
        from server.seen import service
        from server.seen.schemas import CoverageOut, PromiseOut

        rows = []
        with context.database.read() as session:
            now = service.reference_time(context, session, None)
            tiles = service.tiles_over(session, service.bounds_of_cells(context))
            for cell in context.sites.grid.cells:
                level = context.service_levels.of(cell.code, asked)
                found = service.judge(service.cell_ground(context, cell.code), tiles, level, now)
                out = CoverageOut.of(found).model_dump(mode="json")
                promise = PromiseOut.of(level).model_dump()
                rows.append({"code": cell.code, "name": cell.name, "level": promise, **out})
        short.extend(row["code"] for row in rows if not row["fulfilled"])
        if as_json:
            typer.echo(json.dumps({"at": now.isoformat(), "cells": rows}, ensure_ascii=False))
        else:
            _show(rows)

    _within(data_directory, site, act)
    if short:
        raise typer.Exit(1)


@app.command()
def refly(
    cell: Cells,
    out: Annotated[Path, typer.Option(help="plan file: .json .plan .waypoints .kmz .geojson")],
    camera: Annotated[str, typer.Option(help="name in configs/cameras.yaml")] = "patrol-720p",
    hours: Hours = None,
    fineness_cm: Fineness = None,
    algorithm: Algorithm = None,
    data_directory: Data = None,
    site: SiteFolder = None,
) -> None:
    """Plan a patrol over the gaps of cells and write it down."""
    from missions import plan_files
    from missions.errors import MissionsError

    def act(context: Context) -> None:
        from server.flights.planning import make_plan
        from server.seen.refly import request_for
        from server.seen.schemas import ReflyIn

        wanted = ReflyIn(cells=cell, camera=camera, hours=hours, fineness_cm=fineness_cm, algorithm=algorithm)
        plan = make_plan(context, request_for(context, wanted))
        for path in plan_files.write_plan(plan, out):
            typer.echo(f"wrote {path}", err=True)
        typer.echo(
            f"{plan.name}: {plan.area_m2:.0f} m2 in {len(plan.sorties)} sorties, {plan.length_m:.0f} m, "
            f"{plan.seconds / 60:.1f} min" + ("" if plan.flyable else "; its findings forbid flying it")
        )

    try:
        plan_files.check_writable(out)
        _within(data_directory, site, act)
    except MissionsError as error:
        raise _fail(str(error)) from error


@app.command()
def report(
    cell: Annotated[str, typer.Option(help="code of the cell")],
    out: Annotated[Path, typer.Option(help="PDF file to write")],
    language: Annotated[str, typer.Option(help="zh-CN or en")] = "zh-CN",
    hours: Hours = None,
    fineness_cm: Fineness = None,
    share: Share = None,
    algorithm: Algorithm = None,
    data_directory: Data = None,
    site: SiteFolder = None,
) -> None:
    """Write the coverage of a cell as a PDF."""
    from missions.service_levels import LevelChange
    from server.seen.report_words import WORDS

    chosen = next((known for known in WORDS if known == language), None)
    if chosen is None:
        raise _fail(f"--language {language!r} is not known: choose zh-CN or en")
    asked = LevelChange.of(hours, fineness_cm, share, algorithm)

    def act(context: Context) -> None:
        from server.seen.report import coverage_report
        from server.seen.report_content import content_of

        with context.database.read() as session:
            content = content_of(context, session, asked, cell, None, chosen, None)
        try:
            out.write_bytes(coverage_report(content, chosen))
        except OSError as error:
            raise _fail(f"{out} cannot be written: {error.strerror or error}") from error
        typer.echo(f"wrote {out}", err=True)

    _within(data_directory, site, act)


@app.command()
def prune(
    days: Annotated[
        float | None, typer.Option(min=0, help="keep so many days [SKYBEAT_SEEN_DAYS, 400 by default]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    data_directory: Data = None,
    site: SiteFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Take away what was seen long ago, never sooner than a service level needs it; it is audited."""

    def act(context: Context) -> None:
        from server.seen.retention import prune as take_away

        opened = context.database.read() if dry_run else context.database.write()
        with opened as session:
            gone = take_away(context, session, "command line", days, dry=dry_run)
        if as_json:
            found = {"before": gone.before.isoformat(), "tiles": gone.tiles, "flights": gone.flights}
            typer.echo(json.dumps(found | {"dry_run": dry_run}))
        else:
            typer.echo(
                f"{'would take' if dry_run else 'took'} away {gone.tiles} tiles of {gone.flights} flights, "
                f"last looked at before {gone.before:%Y-%m-%d %H:%M} UTC"
            )

    _within(data_directory, site, act)


def _within(data_directory: Path | None, site: Path | None, act: Any) -> None:
    from server.cli import read_settings, within

    within(read_settings(data_directory=data_directory, site=site), act)


def _fail(sentence: str) -> typer.Exit:
    from server.cli import fail

    return fail(f"skybeat seen: {sentence}")


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title_justify="left")
    for heading in ("cell", "name", "level", "served", "in time", "ever", "finest", "last seen"):
        words = heading in ("cell", "name", "level")
        table.add_column(heading, justify="left" if words else "right", no_wrap=words)
    for row in rows:
        ground = max(row["ground_m2"], 1e-9)
        fineness = "-" if row["fineness_cm"] is None else f"{row['fineness_cm']:g} cm"
        mark = "" if row["fulfilled"] else " !"
        last = (row["last_seen_at"] or "never")[:16].replace("T", " ")
        table.add_row(
            row["code"], row["name"], _promise(row["level"]), f"{row['share']:.1%}{mark}",
            f"{row['recent_m2'] / ground:.1%}", f"{row['ever_m2'] / ground:.1%}", fineness, last,
        )  # fmt: skip
    Console().print(table)


def _promise(level: dict[str, Any]) -> str:
    by = f" · {level['algorithm']}" if level["algorithm"] else ""
    return f"{level['hours']:g} h · {level['fineness_cm']:g} cm · {level['share'] * 100:.4g} %{by}"
