"""``skybeat weights``: verify, pin, export, quantise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vision.errors import VisionError

app = typer.Typer(help="The pinned weights.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def refuse(error: Exception | str) -> typer.Exit:
    """One sentence for the person, and a non-zero exit."""
    typer.echo(f"skybeat: {error}", err=True)
    return typer.Exit(2)


@app.command("verify")
def verify(
    manifest: Annotated[Path | None, typer.Option(help="The manifest to check; the project's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every pinned weight file with its sha256."""
    from vision.weights import MANIFEST, verify_all

    try:
        checked = list(verify_all(manifest or MANIFEST))
    except VisionError as error:
        raise refuse(error) from error
    if as_json:
        rows = [
            {"name": w.name, "variant": w.variant, "sha256": w.sha256, "ok": not why, "problem": why}
            for w, why in checked
        ]
        typer.echo(json.dumps({"ok": not any(why for _, why in checked), "weights": rows}))
    else:
        for weights, why in checked:
            typer.echo(f"{'WRONG ' if why else 'ok    '}{weights.label}{': ' + why if why else ''}")
    if any(why for _, why in checked):
        raise refuse("a weight file differs from its pin")


@app.command("pin")
def pin(
    file: Annotated[Path, typer.Argument(help="An .onnx file, own or foreign.")],
    name: Annotated[str | None, typer.Option(help="In the manifest; default: the file's name.")] = None,
    variant: Annotated[str | None, typer.Option(help="fp32, fp16, int8; default: by the file.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="In the order of the head: person,car,...; default: as written inside.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="yolo, yolov5, yolox, nms_free, detr; default: by the shape of the answer."),
    ] = None,
    color: Annotated[str | None, typer.Option(help="RGB or BGR; default RGB, for yolox BGR.")] = None,
    scale: Annotated[
        float | None, typer.Option(help="Pixels are multiplied by this; default 1/255, for yolox 1.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Lowest score of a full detection.")
    ] = 0.25,
    license: Annotated[str | None, typer.Option(help="Default: as written inside.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Forget what is pinned for this file so far.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Pin a weight file in the manifest.json beside it; from then on a changed byte is refused."""
    from vision.pinning import pin as pin_file

    names = [part.strip() for part in classes.split(",")] if classes else None
    try:
        weights = pin_file(
            file, name=name, variant=variant, classes=names, head=head, color=color, scale=scale,
            thresholds=threshold, license=license, replace=replace,
        )  # fmt: skip
    except (VisionError, ValueError, OSError) as error:
        raise refuse(error) from error
    if as_json:
        typer.echo(weights.model_dump_json(exclude={"path"}))
    else:
        shown = ", ".join(weights.classes[:8]) + (", ..." if len(weights.classes) > 8 else "")
        typer.echo(
            f"pinned {weights.label}: head {weights.head}, {weights.color}, {len(weights.classes)} classes "
            f"({shown}); use it as --weights {file}"
        )


@app.command("export")
def export(
    checkpoint: Annotated[Path, typer.Argument(help="last.pt of a training run.")],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.")],
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the initialisation in the average; with --initial.")
    ] = 0.0,
    initial: Annotated[Path | None, typer.Option(help="Checkpoint that the run started from.")] = None,
) -> None:
    """Export a training run as fp32 ONNX, for any input size (needs the extra train)."""
    if (share > 0) != (initial is not None):
        raise refuse("averaging needs both: --share, e.g. 0.2, and --initial, the checkpoint of the start")
    for file in (checkpoint, *([initial] if initial else [])):
        if not file.is_file():
            raise refuse(f"{file}: there is no such file")
    with _training():
        from vision.training.average import average
        from vision.training.export import export_onnx
        from vision.training.model import initial_model, load_model

        network = load_model(checkpoint)
        fused = average(network, initial_model(initial), share) if initial else network.eval()
        export_onnx(fused, out)
    typer.echo(f"{out}: pin it with skybeat weights pin {out}")


@app.command("quantise")
def quantise(
    file: Annotated[Path, typer.Argument(help="An fp32 .onnx file with a YOLO head.")],
    frames: Annotated[
        list[Path], typer.Option(help="Folder of pictures to calibrate on, what it will see; repeat.")
    ],
    out: Annotated[Path | None, typer.Option(help="Default: FILE with int8 for fp32.")] = None,
) -> None:
    """Write an int8 copy (QDQ) of an fp32 ONNX file for processors."""
    target = out or file.with_name(file.stem.removesuffix("-fp32") + "-int8.onnx")
    if not file.is_file():
        raise refuse(f"{file}: there is no such file")
    for folder in frames:
        if not folder.is_dir():
            raise refuse(f"{folder}: there is no such folder")
    with _training():
        from vision.training.quantise import quantise as quantise_file
        from vision.training.release import calibration_images

        quantise_file(file, target, calibration_images(frames))
    typer.echo(f"{target}: pin it with skybeat weights pin {target}")


@contextmanager
def _training() -> Iterator[None]:
    """Training's errors, and packages that only training needs, in one sentence."""
    from vision.training.errors import TrainingError

    try:
        yield
    except ModuleNotFoundError as error:
        raise refuse(f"{error.name} is missing: pip install 'skybeat[train]'") from error
    except (TrainingError, VisionError, ValueError, OSError) as error:
        raise refuse(error) from error
