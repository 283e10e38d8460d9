"""Command line of the server: serve, users, agents, database, audit log, configuration.

What a command needs is imported inside it: ``--help`` of one command loads nothing of the others.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from missions.errors import CamerasInvalid, ServiceLevelsInvalid
from server.access.roles import Role
from server.bookings.commands import app as bookings
from server.errors import ServerError, SiteInvalid
from server.seen.commands import app as seen

if TYPE_CHECKING:
    from pydantic import ValidationError

    from server.context import Context
    from server.settings import Settings

app = typer.Typer(no_args_is_help=True)
users = typer.Typer(help="People who can sign in.", no_args_is_help=True)
agents = typer.Typer(help="Agents that fly and report.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)
audit_log = typer.Typer(help="The audit log.", no_args_is_help=True)
config = typer.Typer(help="The configuration.", no_args_is_help=True)
app.add_typer(users, name="users")
app.add_typer(agents, name="agents")
app.add_typer(database, name="db")
app.add_typer(audit_log, name="audit")
verdicts = typer.Typer(help="What people found tickets to be.", no_args_is_help=True)
app.add_typer(config, name="config")
app.add_typer(seen, name="seen")
app.add_typer(bookings, name="bookings")
app.add_typer(verdicts, name="verdicts")

DataDirectory = Annotated[
    Path | None, typer.Option("--data-directory", help="Where database and evidence live [./data].")
]
Site = Annotated[
    Path | None, typer.Option("--site", help="Folder with cells.geojson and the rest of the site.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def fail(sentence: str) -> typer.Exit:
    """Say what is wrong on stderr; exit code 2."""
    typer.echo(sentence, err=True)
    return typer.Exit(2)


def read_settings(**given: Any) -> Settings:
    """Settings from the environment, and from what the command line gives.

    Raises:
        typer.Exit: a setting is wrong.
    """
    from pydantic import ValidationError

    from server.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise fail("\n".join(_setting_problems(error))) from None


def _setting_problems(error: ValidationError) -> list[str]:
    return [f"{_setting_name(item['loc'])}: {item['msg']}; correct it" for item in error.errors()]


def _setting_name(location: tuple[int | str, ...]) -> str:
    return "SKYBEAT_" + "_".join(str(part) for part in location).upper() if location else "settings"


def within(settings: Settings, act: Callable[[Context], None]) -> None:
    """Do something with an opened installation; errors become one sentence."""
    from missions.clock import SystemClock
    from server.app import make_context

    try:
        context = make_context(settings, SystemClock())
        try:
            act(context)
        finally:
            context.database.close()
    except ServerError as error:
        raise fail(error.detail) from None


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    data_directory: DataDirectory = None,
    site: Site = None,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Users with a public password; local only.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    end_with_stdin: Annotated[
        bool, typer.Option("--end-with-stdin", help="End when standard input closes: for a parent program.")
    ] = False,
) -> None:
    """Run the server with the console."""
    from server.access.service import DEMO_PASSWORD
    from server.serving import DeskServer

    set_up_logging(log_level)
    if end_with_stdin:
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    settings = read_settings(data_directory=data_directory, site=site, demo=demo)

    def ready(url: str) -> None:
        typer.echo(f"Skybeat listens on {url}", err=True)
        if settings.demo:
            typer.echo(
                f"Sign in as demo, admin, operator, desk or tester; password {DEMO_PASSWORD}", err=True
            )

    try:
        DeskServer(settings, host, port, on_ready=ready).run()
    except ServerError as error:
        raise fail(error.detail) from None


def _end_with_stdin() -> None:
    """Ask this process to end once nobody holds the other end of standard input."""
    with contextlib.suppress(OSError):
        while os.read(sys.__stdin__.fileno() if sys.__stdin__ else -1, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def set_up_logging(level: str) -> None:
    """Log to stderr with the request's id."""
    from server.serving import LOG_FORMAT
    from server.tracing import RequestIdFilter

    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise fail(f"unknown log level {level!r}; choose debug, info, warning or error")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(RequestIdFilter())
    logging.basicConfig(level=number, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(max(number, logging.WARNING))


@users.command("add")
def users_add(
    username: str,
    role: Annotated[list[Role], typer.Option("--role", help="May be given several times.")],
    display_name: Annotated[str, typer.Option(help="Name for people.")] = "",
    department: Annotated[str | None, typer.Option(help="Department that the person books for.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data_directory: DataDirectory = None,
    site: Site = None,
) -> None:
    """Add a person; the password is asked for, or made up and printed when nobody is there to type."""
    from pydantic import ValidationError

    from server.access.schemas import UserRequest
    from server.access.service import add_user

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = secrets.token_urlsafe(12)
        typer.echo(f"password: {password}")
    try:
        request = UserRequest(
            username=username, display_name=display_name, password=password, roles=role, department=department
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise fail(f"{first['loc'][0]}: {first['msg']}") from None

    def act(context: Context) -> None:
        with context.database.write() as session:
            add_user(session, context.passwords, request, "command line", context)
        typer.echo(f"added {username}", err=True)

    within(read_settings(data_directory=data_directory, site=site), act)


@agents.command("add")
def agents_add(name: str, data_directory: DataDirectory = None, site: Site = None) -> None:
    """Enter an agent and print its token, this once."""
    from pydantic import ValidationError

    from server.fleet.schemas import AgentIn
    from server.fleet.service import add_agent

    try:
        AgentIn(name=name)
    except ValidationError as error:
        raise fail(f"name: {error.errors()[0]['msg']}") from None

    def act(context: Context) -> None:
        with context.database.write() as session:
            token = add_agent(context, session, name, "command line")
        typer.echo(token)
        typer.echo("Keep this token: it is not shown again.", err=True)

    within(read_settings(data_directory=data_directory, site=site), act)


@database.command("upgrade")
def db_upgrade(data_directory: DataDirectory = None) -> None:
    """Create the database, or bring it up to this version."""
    from server.db import Database

    settings = read_settings(data_directory=data_directory)
    try:
        opened = Database(settings.database)
        opened.migrate()
        typer.echo(f"database at revision {opened.revision()}", err=True)
        opened.close()
    except ServerError as error:
        raise fail(error.detail) from None


@audit_log.command("verify")
def audit_verify(data_directory: DataDirectory = None, as_json: AsJson = False) -> None:
    """Check the hash chain of the audit log; exit code 1 when it is broken."""
    from server.access import audit
    from server.db import Database

    settings = read_settings(data_directory=data_directory)
    try:
        opened = Database(settings.database)
        opened.migrate()
        with opened.read() as session:
            result = audit.verify(session)
        opened.close()
    except ServerError as error:
        raise fail(error.detail) from None
    if as_json:
        typer.echo(json.dumps({"ok": result.ok, "entries": result.entries, "head": result.head,
                               "problem": result.problem, "sequence": result.sequence}))  # fmt: skip
    else:
        typer.echo(
            f"{result.entries} entries, head {result.head}: {'whole' if result.ok else result.problem}"
        )
    if not result.ok:
        raise typer.Exit(1)


@verdicts.command("export")
def verdicts_export(
    out: Annotated[Path, typer.Option(help="New folder for the dataset.")],
    reason: Annotated[str, typer.Option(help="Why the untouched pictures are needed; goes on record.")],
    data_directory: DataDirectory = None,
    site: Site = None,
    as_json: AsJson = False,
) -> None:
    """Write judged pictures as a dataset (YOLO and COCO) for `skybeat train --from-verdicts`."""
    from dataclasses import asdict

    from server.learning.export import export_verdicts

    def act(context: Context) -> None:
        with context.database.write() as session:
            done = export_verdicts(context, session, out, "command line", reason)
        if as_json:
            typer.echo(json.dumps(asdict(done)))
            return
        for what, counts in (("tickets", done.tickets), ("labels", done.labels), ("not there", done.denied),
                             ("left out", done.left_out)):  # fmt: skip
            shown = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            typer.echo(f"{what}: {shown or 'none'}")
        typer.echo(f"{done.pictures} pictures written to {out}; they show people: keep them safe")

    within(read_settings(data_directory=data_directory, site=site), act)


@config.command("check")
def config_check(data_directory: DataDirectory = None, site: Site = None, as_json: AsJson = False) -> None:
    """Find every problem of the configuration at once; exit code 1 when there is one."""
    problems = find_problems(data_directory=data_directory, site=site)
    if as_json:
        typer.echo(json.dumps({"ok": not problems, "problems": problems}, ensure_ascii=False))
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("the configuration is in order")


def find_problems(**given: Any) -> list[str]:
    """Everything that is wrong with the settings and the files they name; nothing is created."""
    from pydantic import ValidationError

    from missions.cameras import load_cameras
    from missions.kinds import KindsInvalid, load_kinds
    from missions.service_levels import site_service_levels
    from server.grids.book import SiteBook
    from server.settings import Settings

    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        return _setting_problems(error)
    problems = []
    for check in (
        lambda: load_kinds(settings.kinds_file),
        lambda: load_cameras(settings.cameras_file),
        lambda: site_service_levels(settings.site, settings.service_levels_file),
        lambda: SiteBook(settings.site),
    ):
        try:
            check()
        except (KindsInvalid, CamerasInvalid, ServiceLevelsInvalid) as error:
            problems.append(str(error))
        except SiteInvalid as error:
            problems.append(error.detail)
    parent = settings.data_directory
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        problems.append(f"the data directory {settings.data_directory} cannot be made: {parent} is a file")
    if not (settings.console_directory / "index.html").is_file():
        problems.append("the console is not built; run: make console")
    return problems


if __name__ == "__main__":
    app()
