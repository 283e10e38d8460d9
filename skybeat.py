"""Skybeat's command line: the only file that sees every package.

Commands that need one package are in its ``cli.py``; here are those that need several. What a command needs
is imported inside it: ``--help`` of one command loads nothing of the others.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from drone.cli import app as drone_app
from drone.errors import DroneError
from drone.link_loss import LinkLoss
from missions.cli import app as missions_app
from missions.errors import MissionsError
from server.cli import app as server_app
from server.errors import StartRefused
from vision.cli import app as vision_app
from vision.errors import VisionError

if TYPE_CHECKING:
    import httpx

    from drone.recorded.recording import Recording, ReplayOptions
    from drone.sim.demo import DemoOptions

stderr = Console(stderr=True)

app = typer.Typer(help="Aerial patrol: plan, fly, see, report, settle.", no_args_is_help=True)
for part in (missions_app, vision_app, drone_app, server_app):
    app.registered_commands.extend(part.registered_commands)
    app.registered_groups.extend(part.registered_groups)

SHIPPED_SITE = Path(__file__).resolve().parent / "configs/sites/yunxi"
DEMO_MARK = "skybeat-demo.txt"
SANDBOX_TOKEN = "replay-sandbox"
SANDBOX_USER = {"user": "demo", "password": "skybeat-demo"}
Weights = Annotated[
    str, typer.Option(help="pinned weights: patrol-rgb, by night patrol-thermal, or a pinned .onnx file")
]
EXPECTED_ERRORS = (MissionsError, VisionError, DroneError, StartRefused, OSError, ValueError)


def fail(problem: Exception | str) -> typer.Exit:
    """One sentence for the person, and a non-zero exit."""
    if isinstance(problem, Exception):
        from drone.sentences import plain_sentence

        problem = plain_sentence(problem)
    typer.echo(f"skybeat: {problem}", err=True)
    return typer.Exit(2)


# the demo


def parse_speed(text: str) -> float | None:
    """'max' -> None, otherwise a positive factor of real time."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        raise fail(f"--speed {text!r} is neither a number nor 'max'") from None
    if not 0.1 <= speed <= 100:
        raise fail(f"--speed {text} is out of range; give 0.1 to 100, or 'max'")
    return speed


@app.command()
def demo(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="of the console; 8000, or a free one with --exit-when-done"),
    ] = None,
    speed: Annotated[
        str, typer.Option(help="times real time, or 'max'; 1, or max with --exit-when-done")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="draws the town's people, traffic and events")] = 7,
    cell: Annotated[list[str] | None, typer.Option(help="fly these cells instead of drawn ones")] = None,
    cells: Annotated[int, typer.Option(min=1, max=12, help="how many neighbouring cells to fly")] = 3,
    launch: Annotated[bool, typer.Option(help="launch the patrol, or leave it to the console")] = True,
    data_directory: Annotated[Path | None, typer.Option(help="made anew at each start; data/demo")] = None,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="judge the patrol and leave")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Server, simulated town and aircraft, and one patrol from plan to ticket."""
    import httpx

    from drone.sim.demo import DemoOptions, free_port

    # Ended by a supervisor as by Ctrl+C: the server process must not be left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    chosen_speed = parse_speed(speed or ("max" if exit_when_done else "1"))
    chosen_port = port or (free_port() if exit_when_done or port == 0 else 8000)
    if not port_is_free(chosen_port):
        raise fail(f"port {chosen_port} is in use; choose another one: skybeat demo --port {chosen_port + 1}")
    with tempfile.TemporaryDirectory(prefix="skybeat-demo-") as scratch:
        default = Path(scratch) if exit_when_done else Path("data/demo")
        options = DemoOptions(
            seed=seed,
            speed=chosen_speed,
            port=chosen_port,
            cells=cell or [],
            cell_count=cells,
            data_directory=demo_directory(data_directory, default),
        )
        try:
            run_demo(options, launch=launch, exit_when_done=exit_when_done, as_json=as_json)
        except (*EXPECTED_ERRORS, httpx.HTTPError) as error:
            raise fail(error) from error
        except KeyboardInterrupt:
            stderr.print("Stopped.")


def demo_directory(asked: Path | None, default: Path) -> Path:
    """An empty folder for the demo; a folder that a demo made is emptied, any other is left alone."""
    directory = (asked or default).resolve()
    if directory.exists() and not directory.is_dir():
        raise fail(f"{directory} is a file; choose another --data-directory")
    if directory.exists() and any(directory.iterdir()):
        if not (directory / DEMO_MARK).exists():
            raise fail(f"{directory} is not empty and no demo made it; choose another --data-directory")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / DEMO_MARK).write_text("made by skybeat demo; emptied at its next start\n", "utf-8")
    return directory


def port_is_free(port: int) -> bool:
    """Whether this machine lets us listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run_demo(options: DemoOptions, *, launch: bool, exit_when_done: bool, as_json: bool) -> None:
    """Start everything, fly if asked, judge, and stay up unless asked to leave."""
    from drone.sim.demo import Demo
    from drone.sim.judgement import judge, show_judgement

    stderr.print(f"Building the town of seed {options.seed} and starting the server ...")
    stand = Demo(options)
    try:
        stand.start()
        stderr.print(
            f"Console: [bold]{stand.server.url}[/bold]  user [bold]demo[/bold], password skybeat-demo"
        )
        if launch:
            flight, plan = stand.launch()
            with FlightProgress(plan["seconds"]) as show:
                flight = stand.wait_for_flight(flight["id"], show)
            figures = judge(stand.result(flight, plan))
            show_judgement(figures, stderr)
            if as_json:
                typer.echo(json.dumps(figures, ensure_ascii=False))
            if exit_when_done and figures["flight_phase"] != "finished":
                raise fail(f"the flight ended as {figures['flight_phase']}")
        if not exit_when_done:
            stderr.print("The console stays up; stop with Ctrl+C.")
            threading.Event().wait()
    finally:
        stand.close()


class FlightProgress:
    """A progress bar over the planned seconds of a flight."""

    def __init__(self, seconds: float) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=stderr,
        )
        self._task = self._progress.add_task("requested", total=seconds, note="")

    def __enter__(self) -> Callable[[dict[str, Any], float], None]:
        self._progress.start()
        return self._show

    def _show(self, flight: dict[str, Any], flown_s: float) -> None:
        note = f"{flight['tickets']} tickets"
        self._progress.update(self._task, description=flight["phase"], completed=flown_s, note=note)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


# a real flight


@app.command()
def fly(
    plan: Annotated[Path, typer.Argument(help="a plan written by skybeat plan, as .json")],
    vehicle: Annotated[
        str,
        typer.Option(
            help="MAVLink address: udp:127.0.0.1:14550, tcp:127.0.0.1:5760; several ways to the vehicle with "
            "commas between them; #3 behind it for system 3 where several vehicles speak"
        ),
    ],
    video: Annotated[str, typer.Option(help="file or stream: rtsp://, rtmp://, udp://, a path")],
    server: Annotated[str, typer.Option(help="address of the server")],
    token: Annotated[str, typer.Option(envvar="SKYBEAT_AGENT_TOKEN", help="of skybeat agents add")],
    site: Annotated[Path, typer.Option(help="site folder: cells, zones, terrain")] = SHIPPED_SITE,
    name: Annotated[str, typer.Option(help="of this agent")] = "agent",
    frames_per_second: Annotated[float, typer.Option(min=0.2, max=60, help="how often to look")] = 5.0,
    data_directory: Annotated[Path, typer.Option(help="spool and evidence")] = Path("data/agent"),
    yes: Annotated[bool, typer.Option("--yes", help="launch without asking")] = False,
    signing_key: Annotated[Path | None, typer.Option(help="file with a MAVLink 2 signing key")] = None,
    link_loss: Annotated[
        LinkLoss, typer.Option(help="what the autopilot does when it hears no ground station any more")
    ] = LinkLoss.KEEP,
    aircraft: Annotated[int, typer.Option(min=1, help="which aircraft of the plan this one is")] = 1,
    start_at: Annotated[
        str | None,
        typer.Option(help="common launch moment of all the plan's aircraft: 14:05, or ISO 8601"),
    ] = None,
    weights: Weights = "patrol-rgb",
    require_battery: Annotated[
        bool,
        typer.Option("--require-battery", help="do not fly where the battery's level is not told; else warn"),
    ] = False,
) -> None:
    """Fly a plan with a real or simulated vehicle, watch, and report to a server."""
    from drone.departures import launch_moment
    from drone.flying import FlyOptions, fly_plan, launch_notice
    from drone.mavlink.aircraft import MavlinkVehicle
    from drone.mavlink.framing import read_signing_key
    from missions.plan_files import read_plan
    from missions.site import load_site

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each message would hide everything else
    try:
        document = read_plan(plan)
        ground = load_site(site)
        options = FlyOptions(
            video=video, server=server, token=token, name=name, frames_per_second=frames_per_second,
            directory=data_directory, plan_aircraft=aircraft - 1, weights=weights,
            require_battery=require_battery,
            launch_at=launch_moment(start_at, document, aircraft - 1, datetime.now().astimezone()),
        )  # fmt: skip
        typer.echo(launch_notice(document), err=True)
        if not yes and not typer.confirm("Launch now?", err=True):
            raise fail("not launched")
        key = None if signing_key is None else read_signing_key(signing_key)
        pilot = MavlinkVehicle(vehicle, signing_key=key, link_loss=link_loss)
        fly_plan(document, ground, pilot, options, say=stderr.print)
    except EXPECTED_ERRORS as error:
        raise fail(error) from error


# replay


@app.command()
def replay(
    source: Annotated[Path, typer.Argument(help="a video, or a folder of stills that carry their pose")],
    telemetry: Annotated[Path | None, typer.Option(help="of a video; default: the file beside it")] = None,
    camera: Annotated[
        str | None, typer.Option(help="name in configs/cameras.yaml; stills bring theirs")
    ] = None,
    zones: Annotated[Path | None, typer.Option(help="watch zones, GeoJSON")] = None,
    grids: Annotated[
        Path | None, typer.Option(help="cells, GeoJSON; default: one cell around the track")
    ] = None,
    terrain: Annotated[
        Path | None, typer.Option(help="ground heights; default: flat at take-off height")
    ] = None,
    pitch: Annotated[
        float | None, typer.Option(help="of the camera where telemetry lacks it; -90 is down")
    ] = None,
    yaw: Annotated[
        float | None, typer.Option(help="of the camera where telemetry lacks it, from north")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="capture time of the first frame, ISO 8601 with zone")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="of stamps without one, e.g. Asia/Shanghai")] = None,
    takeoff_amsl: Annotated[
        float | None, typer.Option(help="height of the take-off point above the sea")
    ] = None,
    height: Annotated[
        float | None, typer.Option(help="constant height above take-off where telemetry has none, metres")
    ] = None,
    height_datum: Annotated[
        str | None, typer.Option(help="what a bare altitude counts from: takeoff or sea")
    ] = None,
    weights: Weights = "patrol-rgb",
    frames_per_second: Annotated[float, typer.Option(min=0.2, max=60, help="how often to look")] = 5.0,
    speed: Annotated[str, typer.Option(help="times real time, or 'max'")] = "max",
    expect: Annotated[Path | None, typer.Option(help="expected tickets, JSON")] = None,
    junit: Annotated[Path | None, typer.Option(help="write the comparison as JUnit XML")] = None,
    server: Annotated[str | None, typer.Option(help="report to this server instead of a sandbox")] = None,
    token: Annotated[
        str, typer.Option(envvar="SKYBEAT_AGENT_TOKEN", help="of the agent, with --server")
    ] = "",
    user: Annotated[
        str | None, typer.Option(help="who reads the tickets, with --server and --expect")
    ] = None,
    password: Annotated[str, typer.Option(envvar="SKYBEAT_PASSWORD", help="of --user")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Run recorded footage through the same pipeline, and compare its tickets with what is expected."""
    import httpx

    from drone.recorded.expected import load_expected
    from drone.recorded.poses import PoseDefaults
    from drone.recorded.recording import ReplayOptions, open_recording
    from drone.recorded.session import run_replay

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    if junit is not None and expect is None:
        raise fail("--junit writes a comparison; say with --expect what to compare with")
    with tempfile.TemporaryDirectory(prefix="skybeat-replay-") as scratch:
        try:
            if expect is not None:
                load_expected(expect)  # what is wrong there is said before the footage is looked at
            defaults = PoseDefaults(
                pitch_deg=pitch, yaw_deg=yaw, start=instant_of(start), zone=zone_of(time_zone),
                takeoff_amsl_m=takeoff_amsl, height_m=height, height_datum=datum_of(height_datum),
            )  # fmt: skip
            options = ReplayOptions(
                source=source, work_directory=Path(scratch) / "agent", telemetry=telemetry, camera=camera,
                zones=zones, grids=grids, terrain=terrain, expect=expect, junit=junit, defaults=defaults,
                speed=parse_speed(speed), fps=frames_per_second, sandbox=server is None, weights=weights,
            )  # fmt: skip
            recording = open_recording(options)
            if server is None:
                report = replay_in_sandbox(options, recording, Path(scratch))
            else:
                kept = replace(options, work_directory=Path("data/replay"))
                with agent_client(server, token) as client, desk_client(server, user, password) as desk:
                    client.get("/healthz")  # a server that is away is said before the footage is looked at
                    report = run_replay(kept, client, desk=desk if user else None, recording=recording)
        except (*EXPECTED_ERRORS, httpx.HTTPError, httpx.InvalidURL) as error:
            raise fail(error) from error
    show_replay(report, expect, as_json=as_json)
    if report["passed"] is False:
        raise typer.Exit(1)


def agent_client(server: str, token: str) -> httpx.Client:
    """A client of a server with an agent's token."""
    import httpx

    return httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=60.0)


@contextmanager
def desk_client(server: str, user: str | None, password: str) -> Iterator[httpx.Client]:
    """A client of a server as a signed-in person; not signed in when no user is given."""
    import httpx

    with httpx.Client(base_url=server, timeout=60.0) as client:
        if user:
            answer = client.post("/api/v1/session", json={"username": user, "password": password})
            if answer.is_error:
                json_type = "json" in answer.headers.get("content-type", "")
                why = answer.json().get("detail") if json_type else None
                raise fail(f"{server} refuses the user {user}: {why or f'status {answer.status_code}'}")
            client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


def instant_of(text: str | None) -> datetime | None:
    """The instant that --start names."""
    from missions.messages import parse_time

    try:
        return parse_time(text) if text else None
    except ValueError:
        raise fail(f"--start {text!r} is no instant; write e.g. 2026-05-01T12:00:00+08:00") from None


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone that --time-zone names."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise fail(f"--time-zone {name!r} is not known; write e.g. Asia/Shanghai") from None


def datum_of(text: str | None) -> Literal["takeoff", "sea"] | None:
    """The level that heights count from."""
    if text in (None, "takeoff", "sea"):
        return cast('Literal["takeoff", "sea"] | None', text)
    raise fail(f"--height-datum {text!r} is neither takeoff nor sea")


def replay_in_sandbox(options: ReplayOptions, recording: Recording, scratch: Path) -> dict[str, Any]:
    """A server of its own for one replay, thrown away afterwards."""
    from rich.progress import Progress

    from drone.recorded.recording import write_sandbox_site
    from drone.recorded.session import run_replay
    from server.serving import ServerThread
    from server.settings import Settings

    settings = Settings.model_validate(
        {
            "data_directory": scratch / "server",
            "site": write_sandbox_site(recording, options, scratch / "site"),
            "demo": True,
            "agent_token": SANDBOX_TOKEN,
        }
    )
    with (
        ServerThread(settings) as desk,
        agent_client(desk.url, SANDBOX_TOKEN) as agent,
        desk_client(desk.url, **SANDBOX_USER) as reader,
        Progress(console=stderr) as progress,
    ):
        task = progress.add_task("looking", total=recording.frame_count)
        return run_replay(
            options, agent, desk=reader, recording=recording,
            on_frame=lambda _frame, _count: progress.advance(task),
        )  # fmt: skip


def show_replay(report: dict[str, Any], expect: Path | None, *, as_json: bool) -> None:
    """The outcome: for people on stderr, for programs on stdout."""
    from drone.recorded.expected import compare, load_expected, table

    for warning in report["warnings"]:
        stderr.print(f"warning: {warning}", style="yellow")
    seen = f"{report['frames']} frames, {report['sightings']} sightings, {len(report['tickets'])} tickets"
    stderr.print(seen)
    if expect is not None:
        stderr.print(table(compare(load_expected(expect), report["tickets"])))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def main() -> None:
    """Entry point of the ``skybeat`` command."""
    try:
        app()
    except OSError as error:
        sys.exit(fail(error).exit_code)


if __name__ == "__main__":
    main()
