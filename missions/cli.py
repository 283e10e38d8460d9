"""``skybeat plan``: plan a patrol and write it down. ``skybeat cells check``: what is wrong with cells.

What a command needs is imported inside it: ``--help`` of one command loads nothing of the others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from missions.errors import FileInvalid, MissionsError, SiteInvalid

if TYPE_CHECKING:
    from pydantic import ValidationError

    from missions.grid_checks import CellCheck
    from missions.grid_repairs import CellRepair
    from missions.plan import PatrolPlan, Sortie
    from missions.site import NoFlyZone, Site

DEFAULT_SITE = Path(__file__).resolve().parents[1] / "configs" / "sites" / "yunxi"
FOR_AUTOPILOTS = (".plan", ".waypoints", ".kmz")

Place: TypeAlias = "tuple[float, float] | tuple[float, float, float]"

app = typer.Typer(help="Plan patrols.", no_args_is_help=True)
cells_app = typer.Typer(help="Grid cells.", no_args_is_help=True)
app.add_typer(cells_app, name="cells")


@app.callback()
def _missions() -> None:
    """Plan patrols."""


@app.command()
def plan(
    site: Annotated[
        Path | None, typer.Option(help="Site folder; the demo town unless --grids is given.")
    ] = None,
    grids: Annotated[Path | None, typer.Option(help="GeoJSON of grid cells, instead of the site's.")] = None,
    no_fly: Annotated[
        Path | None,
        typer.Option("--no-fly", "--zones", help="No-fly zones: GeoJSON, ED-269, ED-318."),
    ] = None,
    terrain: Annotated[
        Path | None, typer.Option(help="Elevation (.hgt, .asc, .tif or a folder of .hgt).")
    ] = None,
    cell: Annotated[
        list[str] | None, typer.Option(help="Code of a cell to patrol; repeat for several.")
    ] = None,
    area: Annotated[Path | None, typer.Option(help="Polygon to patrol, GeoJSON or KML.")] = None,
    home: Annotated[
        list[str] | None,
        typer.Option(
            help="Take-off point: latitude,longitude or latitude,longitude,altitude; repeat for aircraft "
            "that stand at several: they share the cells, one plan for each home."
        ),
    ] = None,
    camera: Annotated[str, typer.Option(help="Name in configs/cameras.yaml.")] = "patrol-720p",
    pitch: Annotated[
        float | None, typer.Option(help="Camera pitch in degrees; -90 looks straight down.")
    ] = None,
    altitude_agl: Annotated[float | None, typer.Option(help="Height over the ground in metres.")] = None,
    speed: Annotated[float | None, typer.Option(help="Speed over ground in m/s.")] = None,
    overlap: Annotated[float, typer.Option(help="Overlap of neighbouring lanes, 0 to 0.9.")] = 0.1,
    photo_overlap: Annotated[
        float | None,
        typer.Option(help="Take photos on lanes, with this overlap along the way, 0 to 0.95; else video."),
    ] = None,
    wind: Annotated[float, typer.Option(help="Wind speed in m/s.")] = 0.0,
    wind_from: Annotated[
        float | None, typer.Option(help="Where it blows from, degrees from north; else from any direction.")
    ] = None,
    aircraft: Annotated[int, typer.Option(help="Number of aircraft.")] = 1,
    buffer: Annotated[float, typer.Option(help="Allowed metres around the ground to see.")] = 60.0,
    battery: Annotated[float, typer.Option(help="Battery of one aircraft in Wh.")] = 90.0,
    battery_health: Annotated[
        float, typer.Option(help="Part of its energy when new that the battery still holds, 0 to 1.")
    ] = 1.0,
    reserve: Annotated[float, typer.Option(help="Part of the battery that stays, 0 to 1.")] = 0.25,
    name: Annotated[str, typer.Option(help="Name of the plan.")] = "",
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write: .json .plan .waypoints .kmz .kml .geojson .png; repeatable. "
            "A .geojson gets a picture (.png) beside it."
        ),
    ] = None,
    go_on: Annotated[
        Path | None, typer.Option("--continue", help="Plan (.json) to go on with where a sortie stopped.")
    ] = None,
    sortie: Annotated[int, typer.Option(help="With --continue: the sortie that stopped, from 1.")] = 1,
    waypoint: Annotated[
        int, typer.Option(help="With --continue: its waypoint that was not reached any more, from 1.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Plan a patrol over grid cells or a drawn area; the format of each --out follows its suffix.

    Ends with 0 when the plan can be flown, 1 when its findings forbid it, 2 when nothing could be planned.
    """
    from pydantic import ValidationError
    from rich.console import Console

    from missions import plan_files
    from missions.cameras import load_cameras
    from missions.continuation import continue_patrol
    from missions.fleet_plans import plan_fleet
    from missions.planner import PlanRequest, plan_patrol

    try:
        homes = [_home(text) for text in home or []]
        for path in out or []:
            plan_files.check_writable(path)
        ground = _site(site, grids, no_fly, terrain, homes[0] if homes else None)
        request = PlanRequest(
            name=name, cells=cell or [], area=_area(area), camera=camera, pitch_deg=pitch,
            altitude_agl_m=altitude_agl, speed_m_s=speed, overlap=overlap, home=homes[0] if homes else None,
            photo_overlap=photo_overlap, wind_m_s=wind, wind_from_deg=wind_from,
            battery_health=battery_health,
            aircraft=aircraft, buffer_m=buffer, battery_wh=battery, reserve_fraction=reserve,
        )  # fmt: skip
        with Console(stderr=True).status("Planning ..."):
            if go_on is not None:
                before = plan_files.read_plan(go_on)
                results = [continue_patrol(before, request, ground, load_cameras(), sortie - 1, waypoint - 1)]
            elif len(homes) > 1:
                results = plan_fleet(request, ground, load_cameras(), homes)
            else:
                results = [plan_patrol(request, ground, load_cameras())]
        written = [
            _write_all(result, _of_home(out, number, results)) for number, result in enumerate(results)
        ]
    except ValidationError as error:
        raise _refuse(_first_problem(error)) from error
    except MissionsError as error:
        raise _refuse(str(error)) from error
    if as_json:
        parts = [summary(result, files) for result, files in zip(results, written, strict=True)]
        typer.echo(json.dumps(parts[0] if len(parts) == 1 else {"plans": parts}, ensure_ascii=False))
    else:
        for result, files in zip(results, written, strict=True):
            _show(result, files)
    if not all(result.flyable for result in results):
        withheld = [str(path) for path in out or [] if path.suffix.lower() in FOR_AUTOPILOTS]
        typer.echo(
            "skybeat plan: the findings forbid flying this plan"
            + (f"; not written: {', '.join(withheld)}" if withheld else ""),
            err=True,
        )
        raise typer.Exit(1)


def _of_home(out: list[Path] | None, number: int, results: list[PatrolPlan]) -> list[Path]:
    """The files of one home's plan: numbered where there are several."""
    if len(results) == 1:
        return out or []
    return [path.with_stem(f"{path.stem}-home-{number + 1}") for path in out or []]


def _write_all(result: PatrolPlan, out: list[Path]) -> list[Path]:
    """Write a plan in every format that may be written of it; a picture beside each GeoJSON."""
    from missions import plan_files

    files: list[Path] = []
    for path in out:
        if result.flyable or path.suffix.lower() not in FOR_AUTOPILOTS:
            files += plan_files.write_plan(result, path)
        picture = path.with_suffix(".png")
        if path.suffix.lower() == ".geojson" and picture not in out:
            files += plan_files.write_plan(result, picture)
    return files


def summary(result: PatrolPlan, files: list[Path]) -> dict[str, Any]:
    """What ``--json`` prints."""
    from missions.footprints import ground_sample_distances_m

    figures = ("area_m2", "uncovered_fraction", "outside_m", "length_m", "lower_bound_m", "ratio", "seconds",
               "energy_wh", "reserve_fraction", "swath_m", "lane_spacing_m", "name", "cells")  # fmt: skip
    nearest, middle, farthest = ground_sample_distances_m(result.camera, result.altitude_agl_m)
    return {
        **{key: getattr(result, key) for key in figures},
        "ground_sample_distance_m": {
            "nearest": round(nearest, 4), "middle": round(middle, 4), "farthest": round(farthest, 4),
        },
        "trigger_m": result.trigger_m,
        "sorties": [
            {
                "aircraft": sortie.aircraft, "length_m": sortie.length_m, "seconds": sortie.seconds,
                "energy_wh": sortie.energy_wh, "reserve_fraction": sortie.reserve_fraction,
                "waypoints": len(sortie.waypoints), "lanes": _lanes(sortie),
            }
            for sortie in result.sorties
        ],
        "flyable": result.flyable,
        "findings": [finding.model_dump() for finding in result.findings],
        "files": [str(path) for path in files],
    }  # fmt: skip


def _show(result: PatrolPlan, files: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    from missions.footprints import ground_sample_distances_m

    nearest, middle, farthest = ground_sample_distances_m(result.camera, result.altitude_agl_m)
    console = Console()
    figures = Table(
        title=f"{result.name} ({', '.join(result.cells)})", show_header=False, title_justify="left"
    )
    excess = f"{result.ratio - 1:+.0%} over the bound" if result.ratio else "no bound for so small an area"
    lanes = sum(_lanes(sortie) for sortie in result.sorties)
    for label, value in (
        (
            "camera",
            f"{result.camera.name}, pitch {result.camera.pitch_deg:g} deg, swath {result.swath_m:.1f} m",
        ),
        ("height and speed", f"{result.altitude_agl_m:g} m over the ground, {result.speed_m_s:g} m/s"),
        (
            "ground sample distance",
            f"{100 * middle:.1f} cm in the middle, {100 * nearest:.1f} to {100 * farthest:.1f} cm",
        ),
        ("photos", "video" if result.trigger_m is None else f"one every {result.trigger_m:.1f} m of a lane"),
        ("ground to see", f"{result.area_m2:.0f} m2"),
        ("not seen", f"{result.uncovered_fraction:.3%}"),
        ("outside allowed area", f"{result.outside_m:.1f} m"),
        ("lanes", f"{lanes}, {result.lane_spacing_m:.1f} m apart at most"),
        ("length", f"{result.length_m:.0f} m"),
        ("lower bound", f"{result.lower_bound_m:.0f} m"),
        ("ratio", f"{result.ratio:.2f} ({excess})"),
        ("time", _minutes(result.seconds)),
        ("energy", f"{result.energy_wh:.1f} Wh"),
        ("least reserve, at 8 m/s of wind", f"{result.reserve_fraction:.0%}"),
    ):
        figures.add_row(label, value)
    console.print(figures)
    table = Table(title="Sorties", title_justify="left")
    for heading in ("", "aircraft", "lanes", "waypoints", "length", "time", "energy", "reserve"):
        table.add_column(heading, justify="right")
    for number, sortie in enumerate(result.sorties, 1):
        table.add_row(
            str(number), str(sortie.aircraft + 1), str(_lanes(sortie)), str(len(sortie.waypoints)),
            f"{sortie.length_m:.0f} m", _minutes(sortie.seconds), f"{sortie.energy_wh:.1f} Wh",
            f"{sortie.reserve_fraction:.0%}",
        )  # fmt: skip
    console.print(table)
    for finding in result.findings:
        place = "" if finding.latitude is None else f" at {finding.latitude:.5f}, {finding.longitude:.5f}"
        remedy = f" Remedy: {finding.remedy}." if finding.remedy else ""
        console.print(f"{finding.severity}: {finding.text}{place}.{remedy}", markup=False, soft_wrap=True)
    for path in files:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)


def _site(
    site: Path | None, grids: Path | None, no_fly: Path | None, terrain: Path | None, home: Place | None
) -> Site:
    """The site folder with what the other options replace; a file of cells may stand alone."""
    from missions.grids import Grid
    from missions.site import Site, load_site
    from missions.terrain import FlatTerrain, load_terrain

    if site is None and grids is not None:
        ground = Site(grid=Grid.from_geojson(grids))
    else:
        ground = load_site(site or DEFAULT_SITE)
        if grids is not None:
            ground = _replaced(ground, grid=Grid.from_geojson(grids))
    if no_fly is not None:
        ground = _replaced(ground, no_fly=_no_fly(no_fly))
    if terrain is not None:
        ground = _replaced(ground, terrain=load_terrain(terrain))
    elif home is not None and isinstance(ground.terrain, FlatTerrain) and len(home) == 3:
        ground = _replaced(ground, terrain=FlatTerrain(home[2]))
    return ground


def _replaced(site: Site, **changes: Any) -> Site:
    from missions.site import Site

    parts = {name: getattr(site, name) for name in Site.__slots__}
    return Site(**(parts | changes))


def _no_fly(path: Path) -> list[NoFlyZone]:
    from missions import shapes
    from missions.site import load_no_fly
    from missions.zones import ZONE_KINDS

    for properties, _ in shapes.read_features(path, SiteInvalid):
        if properties.get("kind") in ZONE_KINDS:
            raise SiteInvalid(
                f"{path} holds watch zones ({properties['kind']}), not no-fly zones: give those"
            )
    return load_no_fly(path)


def _area(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    if path.suffix.lower() == ".kml":
        from missions.wayline_files import kml_polygons

        return kml_polygons(path)
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FileInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise FileInvalid(f"{path} is no JSON: {error}; export it again as GeoJSON") from error
    if not isinstance(document, dict):
        raise FileInvalid(f"{path} is no GeoJSON object: export it again as GeoJSON")
    return document


def _home(text: str) -> Place:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    if len(numbers) == 3:
        return numbers[0], numbers[1], numbers[2]
    raise FileInvalid(f"--home {text!r} is no place: write latitude,longitude or latitude,longitude,altitude")


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] else "the request"
    return f"{where}: {first['msg']}, not {first['input']!r}"


def _refuse(sentence: str, command: str = "plan") -> typer.Exit:
    typer.echo(f"skybeat {command}: {sentence}", err=True)
    return typer.Exit(2)


def _lanes(sortie: Sortie) -> int:
    from missions.plan import WaypointRole

    return sum(point.role is WaypointRole.LANE_START for point in sortie.waypoints)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


@cells_app.callback()
def _cells() -> None:
    """Grid cells."""


@cells_app.command("check")
def check_cells(
    file: Annotated[Path, typer.Argument(help="GeoJSON of grid cells.")],
    repair: Annotated[
        Path | None, typer.Option(help="Mend what can be mended and write the cells to this file.")
    ] = None,
    slit: Annotated[
        float, typer.Option(min=0.01, max=100, help="Ground between cells narrower than this (m) is a slit.")
    ] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check codes, outlines, overlaps, gaps and slivers of cells; nothing is changed without --repair.

    Ends with 0 when the cells can be imported, 1 when errors remain, 2 when the file cannot be read.
    """
    from missions import grid_checks, grid_repairs

    mended = None
    try:
        if repair is not None and repair.resolve() == file.resolve():
            raise FileInvalid(f"{repair} holds the cells to check: give --repair another file to write")
        result = grid_checks.check(file, slit)
        if repair is not None:
            mended = grid_repairs.repair(file, slit)
            repair.write_text(json.dumps(mended.cells, ensure_ascii=False) + "\n", "utf-8")
    except MissionsError as error:
        raise _refuse(str(error), "cells check") from error
    except OSError as error:
        raise _refuse(f"{repair} cannot be written: {error.strerror or error}", "cells check") from error
    left = mended.check if mended else result
    if as_json:
        typer.echo(json.dumps(_cells_summary(result, mended, repair), ensure_ascii=False))
    else:
        _show_cells(result, mended, repair)
    if left.errors:
        typer.echo(f"skybeat cells check: {_number(len(left.errors), 'error')} left to mend", err=True)
        raise typer.Exit(1)


def _cells_summary(result: CellCheck, mended: CellRepair | None, out: Path | None) -> dict[str, Any]:
    left = mended.check if mended else result
    summary: dict[str, Any] = {
        "cells": result.cells, "errors": len(left.errors), "warnings": len(left.warnings),
        "findings": [finding.to_dict() for finding in result.findings],
    }  # fmt: skip
    if mended is not None:
        summary["changes"] = [change.to_dict() for change in mended.changes]
        summary["left"] = [finding.to_dict() for finding in left.findings]
        summary["files"] = [str(out)]
    return summary


def _show_cells(result: CellCheck, mended: CellRepair | None, out: Path | None) -> None:
    from rich.console import Console

    console = Console()
    _show_findings(console, result, "Findings")
    if mended is not None:
        for change in mended.changes:
            area = f", {change.area_m2:.1f} m2" if change.area_m2 else ""
            console.print(f"changed: {change.text}{area}", markup=False, soft_wrap=True)
        if mended.check.findings:
            _show_findings(console, mended.check, "Left")
        console.print(f"wrote {out}", markup=False, soft_wrap=True)
    left = mended.check if mended else result
    counts = ", ".join([
        _number(result.cells, "cell"), _number(len(left.errors), "error"),
        _number(len(left.warnings), "warning"),
    ])  # fmt: skip
    console.print(counts + ("" if left.errors else ": they can be imported"), markup=False)


def _show_findings(console: Any, result: CellCheck, title: str) -> None:
    from rich.table import Table

    if not result.findings:
        return
    table = Table(title=title, title_justify="left")
    for heading in ("", "what is wrong", "what to do", "latitude, longitude"):
        table.add_column(heading, overflow="fold")
    table.add_column("area", justify="right")
    for finding in result.findings:
        place = "" if finding.latitude is None else f"{finding.latitude:.5f}, {finding.longitude:.5f}"
        area = "" if finding.area_m2 is None else f"{finding.area_m2:.1f} m2"
        remedy = finding.remedy + (", or --repair" if finding.repairable else "")
        table.add_row(finding.severity, finding.text, remedy, place, area)
    console.print(table, markup=False)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
