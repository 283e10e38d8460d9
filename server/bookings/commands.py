"""``skybeat bookings``: book, merge and plan from the command line, over the data of this installation.

What a command needs is imported inside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from server.access.service import Caller
    from server.bookings.schemas import BookingOut, MergeOut
    from server.context import Context

app = typer.Typer(help="One flight for many departments: book ground, merge, plan.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data-directory", help="where the database lives [./data]")]
SiteFolder = Annotated[Path | None, typer.Option("--site", help="folder of the site")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Camera = Annotated[str | None, typer.Option(help="name in configs/cameras.yaml; the first one if left out")]
Aircraft = Annotated[int, typer.Option(min=1, max=20, help="how many fly at the same time")]


@app.command()
def book(
    department: Annotated[str, typer.Option(help="who wants to see it")],
    cell: Annotated[list[str], typer.Option("--cell", help="code of a cell; may be given several times")],
    kind: Annotated[list[str], typer.Option("--kind", help="what is looked for, e.g. fire; several times")],
    deadline: Annotated[
        str, typer.Option(help="seen at the latest then: a date and time (ISO 8601), or hours like 4h")
    ],
    fineness_cm: Annotated[float, typer.Option("--fineness-cm", help="ground of a pixel at most")] = 8.0,
    lowest: Annotated[float, typer.Option(help="metres over the ground at least")] = 30.0,
    highest: Annotated[float, typer.Option(help="metres over the ground at most")] = 120.0,
    urgent: Annotated[bool, typer.Option("--urgent", help="goes before all others")] = False,
    note: Annotated[str, typer.Option(help="for whoever flies")] = "",
    data_directory: Data = None,
    site: SiteFolder = None,
    as_json: AsJson = False,
) -> None:
    """Book ground to be seen until a deadline."""

    def act(context: Context) -> None:
        from pydantic import ValidationError

        from server.bookings import service, views
        from server.bookings.schemas import BookingIn

        try:
            body = BookingIn.model_validate(
                {
                    "department": department, "cells": cell, "kinds": kind, "fineness_cm": fineness_cm,
                    "deadline_at": _instant(deadline, context), "lowest_m": lowest, "highest_m": highest,
                    "urgent": urgent, "note": note,
                }
            )  # fmt: skip
        except ValidationError as error:
            first = error.errors()[0]
            raise _fail(f"{first['loc'][0]}: {first['msg']}, not {first['input']!r}") from error
        with context.database.write() as session:
            row = service.make(context, session, _caller(), body)
            out = views.bookings_out(context, session, [row])[0]
        if as_json:
            typer.echo(out.model_dump_json())
        else:
            cells = "1 cell" if len(out.cells) == 1 else f"{len(out.cells)} cells"
            typer.echo(f"{out.code}: {out.department}, {cells} until {_local(out, context)}")

    _within(data_directory, site, act)


@app.command("list")
def list_bookings(
    department: Annotated[str | None, typer.Option(help="of one department only")] = None,
    data_directory: Data = None,
    site: SiteFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bookings and where they stand, newest first."""

    def act(context: Context) -> None:
        from server.bookings import repository, views
        from server.bookings.fulfilment import judge_due

        judge_due(context)
        with context.database.read() as session:
            rows = repository.bookings(session, department, 500)
            found = views.bookings_out(context, session, rows)
        if as_json:
            _print_json({"bookings": [one.model_dump(mode="json") for one in found]})
        else:
            _show(
                ("code", "department", "cells", "looked for", "until", "state", "seen", "tickets"),
                [
                    (
                        one.code, one.department, str(len(one.cells)), ", ".join(one.kinds),
                        _local(one, context), one.state + (" !" if one.overdue else ""), f"{one.share:.0%}",
                        str(one.tickets),
                    )
                    for one in found
                ],
            )  # fmt: skip

    _within(data_directory, site, act)


@app.command()
def merge(
    camera: Camera = None,
    aircraft: Aircraft = 1,
    data_directory: Data = None,
    site: SiteFolder = None,
    as_json: AsJson = False,
) -> None:
    """How the open bookings merge into flights, what each department bears, and what cannot be met.

    Ends with 1 when a booking cannot be met.
    """
    unmet: list[str] = []

    def act(context: Context) -> None:
        found = _merged(context, camera, aircraft)
        unmet.extend(code for one in found.problems if one.code != "setting" for code in one.bookings)
        if as_json:
            _print_json(found.model_dump(mode="json"))
            return
        _show(
            ("key", "bookings", "cells", "height", "pitch", "minutes", "starts"),
            [
                (
                    one.key, ", ".join(one.bookings), str(len(one.cells)), f"{one.altitude_agl_m:g} m",
                    f"{one.pitch_deg:g}", f"{one.minutes:.1f}",
                    f"{one.starts_at.astimezone(context.settings.zone):%m-%d %H:%M}",
                )
                for one in found.flights
            ],
        )  # fmt: skip
        typer.echo(f"{found.minutes:.1f} minutes; one flight for each booking: {found.minutes_alone:.1f}")
        for share in found.shares:
            typer.echo(f"{share.department}: {share.minutes:.1f} minutes, {share.share:.0%}")
        for one in found.problems:
            typer.echo(f"{one.code}: {', '.join(one.bookings)} in {one.cell_name or one.cell}: {one.text}")

    _within(data_directory, site, act)
    if unmet:
        raise typer.Exit(1)


@app.command()
def plan(
    key: Annotated[str, typer.Argument(help="of a merged flight, as skybeat bookings merge tells it")],
    camera: Camera = None,
    aircraft: Aircraft = 1,
    data_directory: Data = None,
    site: SiteFolder = None,
) -> None:
    """Plan a merged flight and keep the plan; it is launched from the console."""

    def act(context: Context) -> None:
        from missions.plan import PatrolPlan
        from server.bookings.merging import plan_flight
        from server.bookings.schemas import FlightOfBookingsIn

        body = FlightOfBookingsIn(key=key[:16], camera=camera, aircraft=aircraft)
        row = plan_flight(context, _caller(), body)
        made = PatrolPlan.model_validate(row.plan)
        flyable = "" if made.flyable else "; its findings forbid flying it"
        typer.echo(f"{row.id} {made.name}: {made.length_m:.0f} m, {made.seconds / 60:.1f} min{flyable}")

    _within(data_directory, site, act)


def _merged(context: Context, camera: str | None, aircraft: int) -> MergeOut:
    from server.bookings import merging, views

    with context.database.read() as session:
        return views.merge_out(context, session, merging.merge_open(context, session, camera, aircraft))


def _caller() -> Caller:
    """Whoever has the machine: an operator, named so in the audit log."""
    import getpass
    from uuid import UUID

    from server.access.roles import Role
    from server.access.service import Caller

    name = f"command line:{getpass.getuser()}"[:64]
    return Caller(UUID(int=0), name, name, frozenset({Role.OPERATOR}), "en")


def _instant(text: str, context: Context) -> datetime:
    try:
        if text.endswith("h"):
            return context.now() + timedelta(hours=float(text[:-1]))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _fail(
            f"--deadline {text!r} is no time: write 4h, 2026-05-01T14:00 or 2026-05-01T14:00+08:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=context.settings.zone)


def _local(booking: BookingOut, context: Context) -> str:
    return f"{booking.deadline_at.astimezone(context.settings.zone):%m-%d %H:%M}"


def _print_json(document: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(document, ensure_ascii=False))


def _show(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("key", "code"))
    for row in rows:
        table.add_row(*row)
    Console().print(table, markup=False)


def _within(data_directory: Path | None, site: Path | None, act: Any) -> None:
    from server.cli import read_settings, within

    within(read_settings(data_directory=data_directory, site=site), act)


def _fail(sentence: str) -> typer.Exit:
    from server.cli import fail

    return fail(f"skybeat bookings: {sentence}")
