"""``skybeat detect``, ``skybeat evaluate``, ``skybeat train``; ``skybeat weights`` is in ``weights_cli``.

What a command needs is imported inside it: ``--help`` of one command loads nothing of the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision.errors import CaptureTimeUnknown, VisionError
from vision.weights_cli import app as weights_app
from vision.weights_cli import refuse as _refuse

if TYPE_CHECKING:
    from rich.progress import Progress

    from vision.detections import Detections
    from vision.detector import FrameDetector
    from vision.frames import Frame, FrameSource, Pixels

app = typer.Typer(help="See: detect, evaluate, check weights.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

TILE_PX = 640
TILE_ENLARGED = 1.5
"""In street frames from drones people are found at 0.50 AP50 in tiles enlarged so, at 0.42 in plain ones."""
Enlarge = Annotated[
    float,
    typer.Option(min=1.0, max=8.0, help="With --tiled: how much each part is enlarged, for small people."),
]
InputSize = Annotated[
    str,
    typer.Option(help="Largest input of a network that takes any: HEIGHTxWIDTH or one side, e.g. 640."),
]
USUAL_INPUT = "736x1280"
EVALUATION_SHARE = 0.02
"""Average precision needs the weak boxes too: down to this share of the thresholds."""


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip


@app.command()
def detect(
    source: Annotated[str, typer.Argument(help="Video, image, folder of images, or a stream's address.")],
    out: Annotated[Path, typer.Option(help="Folder for pictures and detections.jsonl.")],
    weights: Annotated[
        str, typer.Option(help="Name in the manifest, or a pinned .onnx file.")
    ] = "patrol-rgb",
    fps: Annotated[float | None, typer.Option(help="Frames a second to look at.")] = None,
    start: Annotated[str | None, typer.Option(help="Capture time of the first frame, ISO 8601.")] = None,
    tiled: Annotated[bool, typer.Option("--tiled", help="Look in overlapping tiles: slower.")] = False,
    enlarge: Enlarge = TILE_ENLARGED,
    input_size: InputSize = USUAL_INPUT,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after that many frames.")] = None,
    pictures: Annotated[bool, typer.Option(help="Write redacted pictures with boxes.")] = True,
    original: Annotated[bool, typer.Option("--original", help="Do not blur people and plates.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network; default all cores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Boxes on files: what the network sees in each frame."""
    from vision.ahead import read_ahead
    from vision.frames import is_stream
    from vision.redact import redact

    def read(frames: FrameSource) -> Iterator[Frame]:
        return iter(frames) if is_stream(source) else read_ahead(frames, getattr(detector, "prepare", None))

    try:
        detector = _detector(weights, input_size, tiled=tiled, enlarge=enlarge, threads=threads)
        frames = _open(source, start, fps)
    except (VisionError, ValueError) as error:
        raise _refuse(error) from error
    out.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    done = 0
    broken = ""
    try:
        with (out / "detections.jsonl").open("w", encoding="utf-8") as lines, _progress() as progress:
            task = progress.add_task("looking", total=limit)
            for frame in read(frames):
                found = detector.detect(frame.image)
                lines.write(json.dumps(_line(frame, found)) + "\n")
                for index in range(len(found)):
                    counts[found.name(index)] = counts.get(found.name(index), 0) + 1
                if pictures:
                    shown = frame.image if original else redact(frame.image, found)
                    _write_picture(out / f"frame-{frame.index:06d}.jpg", shown, found)
                done += 1
                progress.update(task, completed=done)
                if done == limit:
                    break
    except VisionError as error:
        broken = str(error)
    finally:
        frames.close()
    summary = {"frames": done, "detections": sum(counts.values()), "classes": dict(sorted(counts.items()))}
    if as_json:
        typer.echo(json.dumps(summary | {"out": str(out), "error": broken or None}))
    else:
        seen = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
        typer.echo(f"{done} frames: {seen}. Written to {out}")
    if broken:
        raise _refuse(broken)


def _open(source: str, start: str | None, fps: float | None) -> FrameSource:
    from missions.messages import parse_time
    from vision.frames import open_source

    moment = parse_time(start) if start else None
    try:
        return open_source(source, moment, fps)
    except CaptureTimeUnknown:
        if moment is not None:
            raise
        # Boxes do not depend on the time of day: without one, times count from 1970.
        return open_source(source, datetime(1970, 1, 1, tzinfo=UTC), fps)


def _input_size(text: str) -> tuple[int, int]:
    """Height and width.

    >>> _input_size("384x640"), _input_size("640")
    ((384, 640), (640, 640))
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdigit() for side in sides):
        raise ValueError(f"--input-size {text!r} is neither HEIGHTxWIDTH nor one side, e.g. 384x640 or 640")
    return int(sides[0]), int(sides[-1])


def _detector(
    weights: str, input_size: str, *, tiled: bool, enlarge: float, threads: int | None,
    weak_share: float = 1.0,
) -> FrameDetector:  # fmt: skip
    from vision.detector import Detector
    from vision.tiles import TiledDetector
    from vision.weights import load_weights

    size = _input_size(input_size)
    detector = Detector(load_weights(weights), input_size=size, threads=threads, weak_share=weak_share)
    return TiledDetector(detector, size=TILE_PX, enlarge=enlarge) if tiled else detector


def _line(frame: Frame, found: Detections) -> dict[str, Any]:
    return {
        "frame": frame.index,
        "captured_at": frame.captured_at.isoformat(),
        "detections": [
            {
                "name": found.name(i),
                "score": round(float(found.scores[i]), 4),
                "box": [round(float(side), 2) for side in found.boxes[i]],
            }
            for i in range(len(found))
        ],
    }


def _write_picture(path: Path, image: Pixels, found: Detections) -> None:
    import cv2
    import numpy as np

    picture = np.ascontiguousarray(image[:, :, ::-1])
    for i in range(len(found)):
        left, top, right, bottom = (round(float(side)) for side in found.boxes[i])
        shade = int(found.classes[i]) * 67 % 200
        colour = (255 - shade, 80 + shade % 120, shade)
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
        text = f"{found.name(i)} {found.scores[i]:.2f}"
        cv2.putText(
            picture, text, (left, max(12, top - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA
        )
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


@app.command()
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="YOLO-format dataset: images/ and labels/.")],
    weights: Annotated[
        str, typer.Option(help="Name in the manifest, or a pinned .onnx file.")
    ] = "patrol-rgb",
    names: Annotated[
        str | None,
        typer.Option(help="Classes of the label numbers, e.g. person,person,bicycle,car; - ignores one."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Join classes, e.g. vehicle=car,bus,truck; repeat for several.")
    ] = None,
    tiled: Annotated[bool, typer.Option("--tiled", help="Look in overlapping tiles.")] = False,
    enlarge: Enlarge = TILE_ENLARGED,
    input_size: InputSize = USUAL_INPUT,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network; default all cores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Accuracy on a labelled dataset: average precision as COCO counts it, precision, recall, calibration."""
    from vision.evaluate import evaluate as run_evaluation
    from vision.evaluate import read_dataset

    try:
        groups = _groups(group or [])
        images = read_dataset(dataset, [n.strip() for n in names.split(",")] if names else None)
        detector = _detector(
            weights, input_size, tiled=tiled, enlarge=enlarge, threads=threads, weak_share=EVALUATION_SHARE
        )
        with _progress() as progress:
            task = progress.add_task("evaluating", total=len(images))
            figures = run_evaluation(
                detector, images, groups=groups, progress=lambda done: progress.update(task, completed=done)
            )
    except (VisionError, ValueError) as error:
        raise _refuse(error) from error
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        _print_figures(figures)


def _groups(texts: Sequence[str]) -> dict[str, list[str]]:
    groups = {}
    for text in texts:
        name, sign, members = text.partition("=")
        if not sign or not name.strip() or not members.strip():
            raise ValueError(f"--group {text!r} must look like vehicle=car,bus,truck")
        groups[name.strip()] = [member.strip() for member in members.split(",")]
    return groups


def _print_figures(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("class", "labelled", "AP50", "AP", "AR", "precision", "recall")
    for name, row in figures["classes"].items():
        values = (row[key] for key in ("ap50", "ap", "ar", "precision", "recall"))
        table.add_row(name, str(row["labelled"]), *("-" if v is None else f"{v:.3f}" for v in values))
        for size, part in row.get("sizes", {}).items():
            values = (part.get(key) for key in ("ap50", "ap", "ar"))
            table.add_row(f"  {size}", "", *("-" if v is None else f"{v:.3f}" for v in values), "", "")
    for size, row in figures["sizes"].items():
        values = (row[key] for key in ("ap50", "ap", "ar"))
        table.add_row(f"({size})", "", *("-" if v is None else f"{v:.3f}" for v in values), "", "")
    for band, part in figures.get("ground", {}).items():
        table.add_row(f"({band} a pixel)", "", "", "", "", "", "")
        for name, row in part["classes"].items():
            values = (row[key] for key in ("ap50", "ap", "ar", "precision", "recall"))
            shown = ("-" if v is None else f"{v:.3f}" for v in values)
            table.add_row(f"  {name}", str(row["labelled"]), *shown)
    console = Console()
    console.print(table)
    if figures.get("not_evaluated"):
        left = ", ".join(f"{count} {name}" for name, count in figures["not_evaluated"].items())
        typer.echo(f"not evaluated, the weights have no such class: {left}; see --names", err=True)
    if figures.get("empty"):
        alarms = figures["empty"]["false_alarms"]
        said = ", ".join(f"{name} in {count}" for name, count in alarms.items()) or "nothing"
        console.print(f"in {figures['empty']['images']} images without anything: {said}")
    ece = "-" if figures["ece"] is None else f"{figures['ece']:.3f}"
    console.print(
        f"{figures['images']} images, {figures['milliseconds_per_image']} ms each, calibration error {ece}"
    )


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
)
def train(context: typer.Context) -> None:
    """Train own weights; see ``skybeat train --help`` (needs the extra ``train``)."""
    from vision.training.train import main

    raise typer.Exit(main(list(context.args)))
