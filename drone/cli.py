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
    from drone.sim.video import SimulatedVideo
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
    seed: Annotated[int, typer.Option(help="Seed of all noise, and of the town that the video shows.")] = 0,
    flavour: Annotated[str, typer.Option(help="Whose habits: ardupilot or px4.")] = "ardupilot",
    signing_key: Annotated[
        Path | None, typer.Option(help="File with a MAVLink 2 signing key: only signed packets are heard.")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(help="udp://HOST:PORT for the camera, H.264 in MPEG-TS; each next vehicle 10 further."),
    ] = None,
    camera: Annotated[str, typer.Option(help="Name in configs/cameras.yaml, of the video.")] = "patrol-720p",
    frames_per_second: Annotated[float, typer.Option(min=1, max=30, help="Of the video.")] = 10.0,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many simulated seconds; without it, Ctrl-C ends.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
) -> None:
    """Run simulated vehicles that behave as ArduCopter or PX4: MAVLink on TCP 5760, 5770 and so on."""
    from drone.mavlink.framing import read_signing_key
    from missions.site import load_site

    fleet: list[SimulatedAutopilot] = []
    cameras: list[SimulatedVideo] = []
    try:
        if video is not None and speed != 1.0:
            raise ValueError("a live video runs in real time; leave out --speed, or --video")
        east, north = _wind(wind)
        where = load_site(site)
        key = None if signing_key is None else read_signing_key(signing_key)
        addresses = []
        for index in range(vehicles):
            fleet.append(_park(where, index, seed=seed, wind=(east, north), flavour=flavour, key=key))
            number = port + PORT_STEP * index if port else 0
            addresses.append(fleet[-1].serve(f"tcpin:{host}:{number}"))
            if udpout is not None:
                fleet[-1].serve(f"udpout:{udpout}")
        if video is not None:
            cameras = _cameras(fleet, video, camera, frames_per_second, seed)
        _announce(addresses, [one.url for one in cameras], as_json=as_json)
        for vehicle in fleet:
            vehicle.run_realtime(speed)
        for one in cameras:
            one.start()
        _wait_for_end(None if seconds is None else seconds / speed)
    except (DroneError, MissionsError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    finally:
        for one in cameras:
            one.close()
        for vehicle in fleet:
            vehicle.close()


def _cameras(
    fleet: list[SimulatedAutopilot], url: str, name: str, frames_per_second: float, seed: int
) -> list[SimulatedVideo]:
    """The camera under each vehicle; each sends to a port of its own."""
    from drone.sim.video import SimulatedVideo, next_address, over_the_town
    from missions.cameras import load_cameras
    from vision.camera import CameraModel

    known = load_cameras()
    if name not in known:
        raise ValueError(f"there is no camera {name}; known are {', '.join(known)}")
    entry = known[name]
    model = CameraModel.from_field_of_view(
        entry.width_px, entry.height_px, entry.horizontal_fov_deg, name=name
    )
    over_the_town(fleet[0].true_camera_pose())
    return [
        SimulatedVideo(
            vehicle.true_camera_pose, vehicle.now(), seed, model, next_address(url, PORT_STEP * index),
            frames_per_second,
        )
        for index, vehicle in enumerate(fleet)
    ]  # fmt: skip


def _wind(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        east, north = (float(part) for part in parts)
    except ValueError:
        raise ValueError(f"--wind {text!r} is no wind: write two numbers, e.g. 3,-1") from None
    return east, north


def _park(
    site: Site, index: int, *, seed: int, wind: tuple[float, float], flavour: str, key: bytes | None
) -> SimulatedAutopilot:
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
        flavour=flavour,
        signing_key=key,
    )


def _announce(addresses: list[str], videos: list[str], *, as_json: bool) -> None:
    shown = videos or [""] * len(addresses)
    if as_json:
        rows = [
            {"system_id": number, "address": address} | ({"video": video} if video else {})
            for number, (address, video) in enumerate(zip(addresses, shown, strict=True), start=1)
        ]
        typer.echo(json.dumps({"vehicles": rows}))
        return
    for number, (address, video) in enumerate(zip(addresses, shown, strict=True), start=1):
        typer.echo(f"vehicle {number}: {address}{', video to ' + video if video else ''}", err=True)
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
