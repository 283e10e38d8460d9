"""``skybeat sim``: simulated vehicles alone, for any ground station.

What a command needs is imported inside it: ``--help`` of one command loads nothing of the others.
"""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from drone.errors import DroneError
from missions.errors import MissionsError

if TYPE_CHECKING:
    from drone.sim.autopilot import SimulatedAutopilot
    from missions.site import Site

DEFAULT_SITE = Path(__file__).resolve().parents[1] / "configs" / "sites" / "yunxi"
PORT_STEP = 10
SPACING_M = 5.0

app = typer.Typer(help="Fly.", no_args_is_help=True)


@app.callback()
def _drone() -> None:
    """Fly."""


@app.command()
def sim(
    vehicles: Annotated[int, typer.Option(min=1, max=50, help="How many.")] = 1,
    site: Annotated[Path, typer.Option(help="Site folder: home and terrain come from it.")] = DEFAULT_SITE,
    speed: Annotated[float, typer.Option(min=0.1, max=50, help="Times real time.")] = 1.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65000, help="First TCP port; 0 takes free ones.")] = 5760,
    udpout: Annotated[
        str | None, typer.Option(help="HOST:PORT that each vehicle also sends to, e.g. 127.0.0.1:14550.")
    ] = None,
    wind: Annotated[str, typer.Option(help="Wind towards east,north in m/s.")] = "0,0",
    seed: Annotated[int, typer.Option(help="Seed of all noise.")] = 0,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many simulated seconds; without it, Ctrl-C ends.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
) -> None:
    """Run simulated ArduCopter-like vehicles: MAVLink on TCP 5760, 5770 and so on."""
    from missions.site import load_site

    fleet: list[SimulatedAutopilot] = []
    try:
        east, north = _wind(wind)
        where = load_site(site)
        addresses = []
        for index in range(vehicles):
            fleet.append(_park(where, index, seed=seed, wind=(east, north)))
            number = port + PORT_STEP * index if port else 0
            addresses.append(fleet[-1].serve(f"tcpin:{host}:{number}"))
            if udpout is not None:
                fleet[-1].serve(f"udpout:{udpout}")
        _announce(addresses, as_json=as_json)
        for vehicle in fleet:
            vehicle.run_realtime(speed)
        _wait_for_end(None if seconds is None else seconds / speed)
    except (DroneError, MissionsError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    finally:
        for vehicle in fleet:
            vehicle.close()


def _wind(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        east, north = (float(part) for part in parts)
    except ValueError:
        raise ValueError(f"--wind {text!r} is no wind: write two numbers, e.g. 3,-1") from None
    return east, north


def _park(site: Site, index: int, *, seed: int, wind: tuple[float, float]) -> SimulatedAutopilot:
    """A vehicle at the site's home, the next ones beside it."""
    from drone.sim.autopilot import SimulatedAutopilot
    from missions.geodesy import LocalFrame

    if site.home is None:
        raise ValueError('the site has no home; add "home": [latitude, longitude, altitude] to its site.json')
    place = LocalFrame(*site.home).to_geodetic([(SPACING_M * index, 0.0, 0.0)])[0]
    return SimulatedAutopilot(
        (float(place[0]), float(place[1]), float(place[2])),
        terrain=site.terrain,
        start=datetime.now(UTC),
        system_id=index + 1,
        seed=seed + index,
        wind=wind,
    )


def _announce(addresses: list[str], *, as_json: bool) -> None:
    if as_json:
        rows = [{"system_id": i, "address": address} for i, address in enumerate(addresses, start=1)]
        typer.echo(json.dumps({"vehicles": rows}))
        return
    for number, address in enumerate(addresses, start=1):
        typer.echo(f"vehicle {number}: {address}", err=True)
    typer.echo("Ctrl-C ends.", err=True)


def _wait_for_end(seconds: float | None) -> None:
    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        over.wait(seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
